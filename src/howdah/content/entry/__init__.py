"""Entries to be written: bodies checked against the definitions of attributes, in Strapi's words (pure)."""
