"""Pictures: functions that draw data and results, and return a matplotlib Figure.

They need matplotlib, `pip install "minigrad[examples]"`, import it when called, open no window and
change no global state. A notebook shows a figure that stands last in a cell after
`%matplotlib inline`; ``save(figure, "picture.png")`` writes it.
"""

from minigrad.plots._style import save as save
from minigrad.plots.recording import draw_recording as draw_recording
