"""Which affinity a declared type gives (sqlite.org/datatype3.html section 3.1). Pure."""

from __future__ import annotations

from howdah.model.source import Affinity, fold_name

#: The first rule with a word that is anywhere in the type wins.
_RULES: tuple[tuple[Affinity, tuple[str, ...]], ...] = (
    (Affinity.INTEGER, ("int",)),
    (Affinity.TEXT, ("char", "clob", "text")),
    (Affinity.BLOB, ("blob",)),
    (Affinity.REAL, ("real", "floa", "doub")),
)


def affinity_of(declared_type: str, *, strict: bool = False) -> Affinity:
    """Return the affinity of a column; in a STRICT table ANY keeps every value as it is, like BLOB."""
    written = fold_name(declared_type)
    if not written or (strict and written == "any"):
        return Affinity.BLOB
    for affinity, words in _RULES:
        if any(word in written for word in words):
            return affinity
    return Affinity.NUMERIC
