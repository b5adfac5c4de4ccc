"""
The documentation site: `make docs` builds it into site/ and fails at a broken link, a missing anchor
or a page that nothing leads to. A new page finds its place by its folder (the lists at the end of index.md).
"""

project = "Howdah"
copyright = "the Howdah authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["scripts/**"]
# As the pages' readers on a code host have them: a heading's anchor is its text.
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Howdah"
html_copy_source = False
html_show_sphinx = False
nitpicky = True
