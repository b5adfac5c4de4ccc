"""Change capture in both directions: journals, drain, apply, and the states of a cutover."""
