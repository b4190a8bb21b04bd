"""Sphinx: script/docs builds this directory."""

import sys
from pathlib import Path

import simpleflow

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "simpleflow"
author = simpleflow.__author__
project_copyright = f"2026, {author}"
version = release = simpleflow.__version__

extensions = ["sphinx.ext.autodoc", "reference"]
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Durable workflows in plain Python",
    "page_width": "1260px",
    "body_max_width": "1020px",
    "show_relbars": True,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html", "localtoc.html"]}
html_static_path = ["_static"]
html_css_files = ["simpleflow.css"]
nitpicky = True
