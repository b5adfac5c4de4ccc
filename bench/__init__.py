"""Measures Howdah against the floor and against other tools; see `bench.run`."""
