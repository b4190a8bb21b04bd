"""Sphinx: script/docs builds this directory."""

import simpleflow

project = "simpleflow"
author = simpleflow.__author__
project_copyright = f"2026, {author}"
version = release = simpleflow.__version__

exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Durable workflows in plain Python", "page_width": "1100px"}
nitpicky = True
