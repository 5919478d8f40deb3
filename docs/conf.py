"""Settings of the documentation: ``sphinx-build -W -n docs build/docs`` makes the pages."""

import sys
from pathlib import Path

import minigrad

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "minigrad"
author = "minigrad developers"
version = release = minigrad.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "pictures",
    "rules",
    "browser",
    "gallery",
    "sources",
]
html_theme = "furo"
html_title = "minigrad"
html_show_copyright = False
pygments_dark_style = "github-dark"
html_static_path = ["_static"]
html_css_files = ["site.css", "pictures.css"]

html_math_renderer = "mathml"

nb_execution_mode = "off"  # the notebook has its outputs, which the tests compare
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # so that pages can link to each other's sections
default_role = "code"  # a word in single backticks, as the docstrings write names
add_module_names = False
autodoc_member_order = "bysource"

# Docstrings name types in words, such as "Tensor (N, H, W, C)": no links are to be looked for.
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_ivar = True
napoleon_use_rtype = False
nitpick_ignore_regex = [("py:class", ".*")]
