"""Frozen facts and decisions that the rooms hand to one another. Standard library only."""
