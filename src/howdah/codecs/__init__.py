"""Encode and decode: how each column is carried, and read back."""
