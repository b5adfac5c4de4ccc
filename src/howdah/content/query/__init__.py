"""Requests of the content API: parameters to a checked query, a checked query to one SQL statement (pure)."""
