"""Pictures: functions that draw data and results, and return a matplotlib Figure.

They need matplotlib, `pip install matplotlib`, import it when called, open no window and change no
global state. After `%matplotlib inline`, a notebook shows a figure that is the last value of a
cell; ``save(figure, "picture.png")`` writes it.
"""

from minigrad.plots._style import look as look
from minigrad.plots._style import save as save
from minigrad.plots.comparison import draw_comparison as draw_comparison
from minigrad.plots.comparison import draw_sweep as draw_sweep
from minigrad.plots.landscape import draw_landscape as draw_landscape
from minigrad.plots.landscape import draw_range_test as draw_range_test
from minigrad.plots.network import draw_confusion as draw_confusion
from minigrad.plots.network import draw_feature_maps as draw_feature_maps
from minigrad.plots.network import draw_filters as draw_filters
from minigrad.plots.network import draw_worst as draw_worst
from minigrad.plots.races import draw_errors as draw_errors
from minigrad.plots.races import draw_race as draw_race
from minigrad.plots.races import draw_tuning as draw_tuning
from minigrad.plots.recording import draw_recording as draw_recording
from minigrad.plots.surfaces import animate_descent as animate_descent
from minigrad.plots.surfaces import draw_contours as draw_contours
from minigrad.plots.surfaces import draw_descent as draw_descent
from minigrad.plots.surfaces import draw_surface as draw_surface
from minigrad.plots.surfaces import draw_values as draw_values
from minigrad.plots.surfaces import save_animation as save_animation
