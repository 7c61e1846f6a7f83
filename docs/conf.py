"""Sphinx configuration; `make docs` builds with warnings as errors."""

from __future__ import annotations

import warnings
from importlib.metadata import version as installed_version

project = "gaussmix"
author = "The gaussmix developers"
copyright = "2026, The gaussmix developers"
release = version = installed_version("gaussmix")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build", "**/README.rst"]

autosummary_generate = True
numpydoc_show_class_members = False  # autosummary's own template lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "remove_config_comments": True,
    "show_memory": False,
}
warnings.filterwarnings("ignore", message=".*Matplotlib is currently using agg.*")  # no window while building

html_theme = "pydata_sphinx_theme"
html_title = "gaussmix"
html_theme_options = {"show_toc_level": 2, "secondary_sidebar_items": ["page-toc"]}
