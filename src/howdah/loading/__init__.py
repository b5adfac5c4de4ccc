"""Carries out the steps of a plan: copies rows, builds objects, sets aside what cannot be carried."""
