"""One file per verb; each reads like a table of contents."""
