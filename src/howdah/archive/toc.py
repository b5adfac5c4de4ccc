"""
The table of contents of pg_dump's archive, as pg_restore lists it.

Listing proves nothing about the rows behind it (an archive cut short lists well); it says
what an archive is meant to hold, and lets a restore take a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from howdah.errors import IntegrityError
from howdah.postgres.client_tools import ToolAccess
from howdah.scratch import scratch_directory

#: Kinds of entries that pg_dump writes. A schema's name may be in capitals too, and is none of them.
_KINDS = (
    "ACCESS METHOD", "ACL", "AGGREGATE", "BLOB", "BLOB METADATA", "BLOBS", "CAST", "CHECK CONSTRAINT",
    "COLLATION", "COMMENT", "CONSTRAINT", "CONVERSION", "DATABASE", "DATABASE PROPERTIES", "DEFAULT",
    "DEFAULT ACL", "DOMAIN", "ENCODING", "EVENT TRIGGER", "EXTENSION", "FK CONSTRAINT",
    "FOREIGN DATA WRAPPER", "FOREIGN TABLE", "FUNCTION", "INDEX", "INDEX ATTACH", "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "POLICY",
    "PROCEDURAL LANGUAGE", "PROCEDURE", "PUBLICATION", "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA", "ROW SECURITY", "RULE", "SCHEMA", "SEARCHPATH", "SECURITY LABEL",
    "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "SERVER", "SHELL TYPE", "STATISTICS",
    "STATISTICS DATA", "STDSTRINGS", "SUBSCRIPTION", "SUBSCRIPTION TABLE", "TABLE", "TABLE ATTACH",
    "TABLE DATA", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE", "TRANSFORM", "TRIGGER", "TYPE", "USER MAPPING", "VIEW",
)  # fmt: skip
# "217; 1259 16390 TABLE public orders postgres" and "0 0 SCHEMA - app owner"; the longest kind that fits.
_ENTRY = re.compile(
    rf"(\d+); (\d+) (\d+) ({'|'.join(sorted(_KINDS, key=len, reverse=True))}|[A-Z][A-Z ]*[A-Z]) (.*)"
)
#: Kinds with no catalog of their own, whose first number is 0, and what their first words mean with another
#: number: "TABLE" of a schema that is called "DATA".
_OF_NO_CATALOG = {
    "INDEX ATTACH": "INDEX",
    "MATERIALIZED VIEW DATA": "MATERIALIZED VIEW",
    "SEQUENCE OWNED BY": "SEQUENCE",
    "SEQUENCE SET": "SEQUENCE",
    "STATISTICS DATA": "STATISTICS",
    "TABLE ATTACH": "TABLE",
    "TABLE DATA": "TABLE",
}

#: What belongs to one table.
_TABLE_PARTS = frozenset(
    {
        "TABLE",
        "TABLE DATA",
        "DEFAULT",
        "CONSTRAINT",
        "CHECK CONSTRAINT",
        "FK CONSTRAINT",
        "TRIGGER",
        "RULE",
        "POLICY",
        "ROW SECURITY",
    }
)


@dataclass(frozen=True, kw_only=True)
class ArchiveEntry:
    #: As pg_restore wrote it, to be handed back with --use-list.
    line: str
    kind: str
    #: Schema, name and owner, divided by spaces that names may hold too.
    rest: str


def list_archive(access: ToolAccess, pg_restore: Path, archive: Path) -> tuple[ArchiveEntry, ...]:
    """List an archive. Raises IntegrityError (B-404) where pg_restore cannot read it."""
    with scratch_directory("howdah-list-") as directory:
        listing = directory / "list"
        result = access.run([str(pg_restore), "--list", f"--file={listing}", str(archive)])
        if result.status != 0 or not listing.exists():
            raise IntegrityError(
                "B-404",
                "The archive of the backup cannot be read.",
                detail=result.complaint,
                hint="Use another backup.",
            )
        return parse_list(listing.read_text(encoding="utf-8", errors="surrogateescape"))


def parse_list(text: str) -> tuple[ArchiveEntry, ...]:
    """Read what `pg_restore --list` wrote. Pure."""
    found = []
    for line in text.splitlines():
        match = _ENTRY.fullmatch(line)
        if match is not None:
            kind, rest = match[4], match[5]
            if kind in _OF_NO_CATALOG and match[2] != "0":
                kind, rest = _OF_NO_CATALOG[kind], f"{kind} {rest}".removeprefix(f"{_OF_NO_CATALOG[kind]} ")
            found.append(ArchiveEntry(line=line, kind=kind, rest=rest))
    return tuple(found)


def tables_with_rows(entries: Iterable[ArchiveEntry]) -> frozenset[tuple[str, str]]:
    """
    Return (schema, name) of the tables whose rows the archive holds; of names with spaces every reading.
    """
    found: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.kind == "TABLE DATA":
            words = entry.rest.split(" ")
            # Where a name holds a space nobody can tell where it ends: every way to read it counts.
            for first in range(1, len(words) - 1):
                for second in range(first + 1, len(words)):
                    found.add((" ".join(words[:first]), " ".join(words[first:second])))
    return frozenset(found)


def creates_public(
    access: ToolAccess, pg_restore: Path, archive: Path, entries: Iterable[ArchiveEntry]
) -> bool:
    """
    Tell whether the archive makes schema public itself.

    It may list the schema only to set its owner and rights; then the SQL behind the entry has no CREATE.
    """
    listed = [
        entry.line for entry in entries if entry.kind == "SCHEMA" and entry.rest.startswith("- public ")
    ]
    if not listed:
        return False
    with scratch_directory("howdah-list-") as directory:
        chosen, written = directory / "list", directory / "sql"
        chosen.write_text("\n".join(listed) + "\n", encoding="utf-8")
        command = [str(pg_restore), f"--use-list={chosen}", f"--file={written}", str(archive)]
        if access.run(command).status != 0 or not written.exists():
            return True
        return "CREATE SCHEMA public;" in written.read_text(encoding="utf-8", errors="surrogateescape")


def entries_of_tables(
    entries: Sequence[ArchiveEntry],
    tables: Iterable[tuple[str, str]],
    *,
    sequences: Iterable[tuple[str, str]],
    indexes: Iterable[tuple[str, str]],
) -> tuple[ArchiveEntry, ...]:
    """
    Return what belongs to these tables: rows, defaults, keys, triggers, rights, and their sequences and
    indexes.
    """
    own, named = set(tables), set(indexes)
    all_names = own | set(sequences)
    return tuple(entry for entry in entries if _belongs(entry, own, all_names, named))


def _belongs(
    entry: ArchiveEntry,
    own: set[tuple[str, str]],
    all_names: set[tuple[str, str]],
    indexes: set[tuple[str, str]],
) -> bool:
    if entry.kind == "INDEX":
        return any(entry.rest.startswith(f"{schema} {name} ") for schema, name in indexes)
    if entry.kind in _TABLE_PARTS:
        return any(entry.rest.startswith(f"{schema} {name} ") for schema, name in own)
    if entry.kind in ("SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET"):
        return any(entry.rest.startswith(f"{schema} {name} ") for schema, name in all_names)
    if entry.kind in ("ACL", "COMMENT"):
        return any(
            entry.rest.startswith(
                (f"{schema} TABLE {name} ", f"{schema} SEQUENCE {name} ", f"{schema} COLUMN {name}.")
            )
            for schema, name in all_names
        )
    return False
