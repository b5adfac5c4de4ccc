"""Text, JSON and HTML from one report object."""
