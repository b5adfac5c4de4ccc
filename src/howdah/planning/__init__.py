"""Pure decisions: facts in, a plan out."""
