"""Which affinity a declared type gives (sqlite.org/datatype3.html section 3.1). Pure."""

from __future__ import annotations

from howdah.model.source import Affinity

#: The first rule with a word that is anywhere in the type wins.
_RULES: tuple[tuple[Affinity, tuple[str, ...]], ...] = (
    (Affinity.INTEGER, ("INT",)),
    (Affinity.TEXT, ("CHAR", "CLOB", "TEXT")),
    (Affinity.BLOB, ("BLOB",)),
    (Affinity.REAL, ("REAL", "FLOA", "DOUB")),
)


def affinity_of(declared_type: str, *, strict: bool = False) -> Affinity:
    """Return the affinity of a column; in a STRICT table ANY keeps every value as it is, like BLOB."""
    upper = declared_type.upper()
    if not upper or (strict and upper == "ANY"):
        return Affinity.BLOB
    for affinity, words in _RULES:
        if any(word in upper for word in words):
            return affinity
    return Affinity.NUMERIC
