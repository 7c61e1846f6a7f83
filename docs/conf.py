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
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build", "**/README.rst"]

numpydoc_show_class_members = False  # autodoc shows them in full
autodoc_typehints = "none"  # the Parameters sections say it, with shapes

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "remove_config_comments": True,
    "show_memory": False,
}
warnings.filterwarnings("ignore", message=".*Matplotlib is currently using agg.*")  # no window while building


def keep_bars(app, what, name, obj, options, lines):
    """Escape the bars of |x| and log|Σ|, which are no substitutions; literal blocks keep theirs."""
    literal = False
    for i, line in enumerate(lines):
        literal = literal and (line.startswith(" ") or not line)
        if not literal and not line.lstrip().startswith(">>>"):
            lines[i] = line.replace("|", "\\|")
        literal = literal or line.endswith("::")


def setup(app):
    app.connect("autodoc-process-docstring", keep_bars, priority=100)  # before numpydoc's


html_theme = "pydata_sphinx_theme"
html_title = "gaussmix"
html_sidebars = {"**": []}  # the pages are few: the bar at the top has them all
html_theme_options = {"show_toc_level": 2, "secondary_sidebar_items": ["page-toc"]}
