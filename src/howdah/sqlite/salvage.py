"""
Make a sound database of what can be read of a damaged one, and say what could not.

The file is copied as bytes; a truncated copy is filled with empty pages, so that SQLite opens it, and the
trees of its tables are mended (`tree_mending`). Table by table the readable rows go into a new file with the
same schema: from the first row on, past each row that SQLite cannot read (tables WITHOUT
ROWID by their keys: `salvage_keyed`). What is left is listed by table and range of row numbers or keys. A
flipped byte inside a value is beyond anybody's knowledge: SQLite keeps no checksums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import apsw

from howdah.errors import IntegrityError
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.names import quote_sqlite
from howdah.sqlite.catalog_queries import ROWID_NAMES, VIRTUAL_COLUMN
from howdah.sqlite.connect import BUSY_TIMEOUT, register_stand_in
from howdah.sqlite.failures import explain_failure
from howdah.sqlite.header import HEADER_BYTES, parse_header
from howdah.sqlite.lexer import read_tokens, significant_tokens
from howdah.sqlite.location import source_path
from howdah.sqlite.recovery import copy_files, remove_if_there
from howdah.sqlite.salvage_keyed import copy_keyed_rows
from howdah.sqlite.tree_mending import FIRST_NUMBER, LAST_NUMBER, Mended, TableTree, join_ranges, mend_trees
from howdah.sqlite.utf16 import PYTHON_CODECS

LOST_ROWS, LOST_OBJECT, SALVAGED = "F-108", "F-109", "F-110"
#: Codes that mean that something of the source could not be read.
DAMAGE_CODES = frozenset({LOST_ROWS, LOST_OBJECT, SALVAGED})

_ROWS_PER_INSERT = 5_000
#: Numbers of rows that are named one by one.
_NAMED_MAX = 20
_PAGE_BYTES_MIN = 512
#: Stands for bytes that are no text.
_REPLACED = "\N{REPLACEMENT CHARACTER}"
#: The schema's own table has as many columns.
_SCHEMA_WIDTH = 5
#: What a definition begins with, as SQLite writes it → what it defines.
_KINDS = {
    ("CREATE", "TABLE"): "table",
    ("CREATE", "VIRTUAL", "TABLE"): "table",
    ("CREATE", "INDEX"): "index",
    ("CREATE", "UNIQUE", "INDEX"): "index",
    ("CREATE", "VIEW"): "view",
    ("CREATE", "TRIGGER"): "trigger",
}


@dataclass
class _Rows:
    """What one table gave: runs of rows that can be read, in order, and the rows that cannot."""

    #: First, last, how many.
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Entry:
    kind: str
    name: str
    sql: str
    root: int

    @property
    def is_virtual(self) -> bool:
        return self.sql.lstrip()[:14].upper().startswith("CREATE VIRTUAL")


def salvage(source: str, destination: str) -> tuple[Finding, ...]:
    """
    Write what can be read of `source` to the new file `destination`; return what could not.

    The source is not modified. Raises IntegrityError (S-018) where not even the schema can be read.
    """
    path = source_path(source)
    damaged = destination + ".damaged"
    for leftover in (destination, damaged):
        remove_if_there(leftover)
    os.close(os.open(damaged, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        copy_files(path, damaged, BUSY_TIMEOUT)
        findings = _fill_up(damaged, path)
        _settle_side_files(damaged)
        schema = mend_trees(damaged, {"": TableTree(root=1, width=_SCHEMA_WIDTH)}).get("", Mended())
        if schema.lost:
            findings.append(_lost(f'file "{path}"', "entries of its schema cannot be read"))
        findings += _rebuild(damaged, destination, path, damaged_schema=bool(schema.lost))
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise _nothing_left(path, str(error)) from error
    except apsw.Error as error:
        # The new file's disk is full, or fails.
        raise explain_failure(error, destination) from error
    finally:
        for leftover in (damaged, damaged + "-wal", damaged + "-shm", damaged + "-journal"):
            remove_if_there(leftover)
    return tuple(findings)


def _settle_side_files(damaged: str) -> None:
    """Have SQLite put into the file what is beside it, as far as it can."""
    with (
        suppress(apsw.Error),
        closing(apsw.Connection(damaged, flags=apsw.SQLITE_OPEN_READWRITE)) as connection,
    ):
        connection.execute("PRAGMA writable_schema = ON").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def _fill_up(damaged: str, path: str) -> list[Finding]:
    """Make the last page whole; say what is missing of a truncated file."""
    size = os.path.getsize(damaged)
    with open(damaged, "r+b") as file:
        header = parse_header(file.read(HEADER_BYTES))
        if header is None or header.page_size < _PAGE_BYTES_MIN:
            return []
        file.truncate(-(-size // header.page_size) * header.page_size)
    whole = header.page_count * header.page_size
    if whole <= size:
        return []
    message = f"{whole - size} of its {whole} bytes are missing at the end."
    return [make_finding(LOST_OBJECT, f'file "{path}"', message)]


def _rebuild(damaged: str, destination: str, path: str, *, damaged_schema: bool) -> list[Finding]:
    with closing(_open_both(damaged, destination)) as connection:
        entries, findings = _read_entries(connection)
        if damaged_schema and not entries:
            raise _nothing_left(path, "None of its entries is left.")
        numbers = [int(connection.pragma(name) or 0) for name in ("user_version", "application_id")]
        connection.execute(
            f"PRAGMA fresh.user_version = {numbers[0]}; PRAGMA fresh.application_id = {numbers[1]}"
        ).fetchall()
        made = []
        for entry in entries:
            if entry.kind == "table":
                failed = _create_in(connection, entry)
                findings += [_lost(f'table "{entry.name}"', failed)] if failed else []
                made += [] if failed else [entry]
        trees = {entry.name: _tree_of(connection, entry) for entry in made}
    mended = mend_trees(damaged, {name: tree for name, tree in trees.items() if tree is not None})
    with closing(_open_both(damaged, destination)) as connection:
        for entry in made:
            findings += _salvage_table(connection, entry, damaged, mended.get(entry.name, Mended()))
        findings += _copy_numbering(connection)
    # Each object by itself: one that needs a lost table must not stop the others.
    with closing(apsw.Connection(destination, flags=apsw.SQLITE_OPEN_READWRITE)) as fresh:
        fresh.collation_needed(register_stand_in)
        fresh.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF").fetchall()
        for entry in entries:
            if entry.kind != "table":
                findings += _create(fresh, entry, entry.sql)
    return findings


def _open_both(damaged: str, destination: str) -> apsw.Connection:
    """Open the damaged copy, and as "fresh" the new file."""
    connection = apsw.Connection(damaged, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.collation_needed(register_stand_in)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    # Also lets a schema be opened of which an entry cannot be parsed.
    connection.execute("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON").fetchall()
    connection.execute("ATTACH ? AS fresh", (destination,)).fetchall()
    connection.execute(
        "PRAGMA fresh.journal_mode = MEMORY; PRAGMA fresh.synchronous = OFF;"
        "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF"
    ).fetchall()
    return connection


def _read_entries(connection: apsw.Connection) -> tuple[list[_Entry], list[Finding]]:
    entries: list[_Entry] = []
    findings: list[Finding] = []
    # As bytes, which need not be text.
    asked = ", ".join(f"CAST({column} AS BLOB)" for column in ("type", "name", "tbl_name", "sql"))
    codec = PYTHON_CODECS[connection.pragma("encoding")]
    rows: list[Any] = connection.execute(f"SELECT rowid, rootpage, {asked} FROM sqlite_schema").fetchall()
    for number, root, *stored in rows:
        words = [content.decode(codec, "replace") if content is not None else "" for content in stored]
        kind, name, table, sql = words
        label = f'{kind if kind in _KINDS.values() else "schema entry"} "{name}"'
        if not sql.strip():
            if not name.startswith("sqlite_autoindex_"):
                findings.append(_lost(label, "its definition is missing"))
            continue
        entry = None if _REPLACED in sql and _REPLACED.encode(codec) not in stored[3] else _read(sql, root)
        if entry is None:
            findings.append(_lost(label, "its definition cannot be read"))
        elif not entry.name.startswith("sqlite_"):
            entries.append(entry)
            if entry.kind == "table" and (kind, name, table) != ("table", entry.name, entry.name):
                # SQLite passes over a table whose entry is said to be another thing.
                connection.execute(
                    "UPDATE sqlite_schema SET type = 'table', name = ?1, tbl_name = ?1 WHERE rowid = ?2",
                    (entry.name, number),
                ).fetchall()
    return entries, findings


def _nothing_left(path: str, detail: str) -> IntegrityError:
    return IntegrityError(
        "S-018",
        f'nothing can be salvaged of file "{path}": its schema cannot be read',
        detail=detail,
        hint="Restore a backup.",
    )


def _read(sql: str, root: object) -> _Entry | None:
    """Read what a definition defines from itself: the columns beside it may be what is damaged."""
    tokens = significant_tokens(sql)
    for begins, kind in _KINDS.items():
        after = len(begins)
        if len(tokens) > after and all(
            token.is_word(word) for token, word in zip(tokens, begins, strict=False)
        ):
            return _Entry(
                kind=kind, name=tokens[after].value, sql=sql, root=root if isinstance(root, int) else 0
            )
    return None


def _tree_of(connection: apsw.Connection, entry: _Entry) -> TableTree | None:
    """Return where the rows of a table are, None where they have no numbers."""
    if _has_key_tree(connection, entry.name):
        return None
    width = connection.execute(
        "SELECT count(*) FROM pragma_table_xinfo(?, 'fresh') WHERE hidden <> ?", (entry.name, VIRTUAL_COLUMN)
    ).fetchall()
    return TableTree(root=entry.root, width=int(str(width[0][0])))


def _salvage_table(connection: apsw.Connection, entry: _Entry, path: str, mended: Mended) -> list[Finding]:
    label = f'table "{entry.name}"'
    name = quote_sqlite(entry.name)
    try:
        columns = [
            quote_sqlite(column)
            for column, hidden in connection.execute(
                "SELECT name, hidden FROM pragma_table_xinfo(?, 'fresh') ORDER BY cid", (entry.name,)
            )
            if hidden not in (2, 3)
        ]
        rowid = _rowid_name(connection, entry.name)
    except apsw.Error as error:
        return [_lost(label, str(error))]
    if rowid is None:
        try:
            if _has_key_tree(connection, entry.name):
                return _copy_by_key(connection, entry, columns, path)
            return _copy_at_once(connection, entry, columns)
        except apsw.Error as error:
            return [_lost(label, str(error))]
    # Compared, not measured: the length of a value is known without its own pages.
    touched = " + ".join(f"({column} IS x'')" for column in columns) or "1"
    try:
        rows = _find_rows(connection, name, rowid, touched)
    except apsw.Error as error:
        return [_lost(label, str(error))]
    lost = join_ranges([*mended.lost, *rows.gaps])
    findings = [_lost_range(label, low, high) for low, high in lost]
    findings += [
        _doubtful_range(label, low, high)
        for low, high in mended.doubtful
        if not any(first <= low and high <= last for first, last in lost)
    ]
    listed = ", ".join(dict.fromkeys([rowid, *columns]))
    refused: list[int] = []
    count = 0
    for run in rows.runs:
        for numbers in _copy_run(connection, name, listed, rowid, *run):
            count += len(numbers)
            refused += numbers[: _NAMED_MAX - len(refused)]
    if count:
        findings.append(_lost_twice(label, count, refused))
    return findings


def _create_in(connection: apsw.Connection, entry: _Entry) -> str:
    """Create the table in the new file; return why that failed, "" where it did not."""
    if entry.is_virtual:
        return "it is virtual; the private tables that it is made of are salvaged as they are"
    # A name may hold a parenthesis, and so may a comment behind it.
    opening = next((token.start for token in read_tokens(entry.sql) if token.is_operator("(")), 0)
    if not opening:
        return "its definition is empty"
    statement = f"CREATE TABLE fresh.{quote_sqlite(entry.name)} {entry.sql[opening:]}"
    try:
        connection.execute(statement).fetchall()
    except apsw.Error as error:
        return f"its definition cannot be read: {error}"
    return ""


def _create(connection: apsw.Connection, entry: _Entry, sql: str) -> list[Finding]:
    try:
        connection.execute(sql).fetchall()
    except apsw.Error as error:
        return [_lost(f'{entry.kind} "{entry.name}"', f"it cannot be made again: {error}")]
    return []


def _rowid_name(connection: apsw.Connection, table: str) -> str | None:
    """Return the name of the row's number, None where there is none or columns have all of its names."""
    for name in ROWID_NAMES:
        taken = connection.execute(
            "SELECT 1 FROM pragma_table_xinfo(?, 'fresh') WHERE lower(name) = ?", (table, name)
        ).fetchall()
        if taken:
            continue
        try:
            connection.execute(f"SELECT {name} FROM fresh.{quote_sqlite(table)} LIMIT 0").fetchall()
        except apsw.SQLError:
            return None
        return name
    return None


def _has_key_tree(connection: apsw.Connection, table: str) -> bool:
    """Whether the rows lie in the order of the primary key: the table is WITHOUT ROWID."""
    found = connection.execute(
        "SELECT wr FROM pragma_table_list WHERE schema = 'fresh' AND name = ?", (table,)
    ).fetchall()
    return bool(found and found[0][0])


def _copy_at_once(connection: apsw.Connection, entry: _Entry, columns: list[str]) -> list[Finding]:
    """Carry a table whose rows nothing names: all of it, or nothing where there is damage."""
    name, listed = quote_sqlite(entry.name), ", ".join(columns)
    counted = connection.execute(f"SELECT count(*) FROM main.{name} NOT INDEXED").fetchall()
    before = connection.total_changes()
    connection.execute(
        f"INSERT OR IGNORE INTO fresh.{name} ({listed}) SELECT {listed} FROM main.{name} NOT INDEXED"
    ).fetchall()
    missing = int(str(counted[0][0])) - (connection.total_changes() - before)
    return [_lost_twice(f'table "{entry.name}"', missing)] if missing else []


def _find_rows(connection: apsw.Connection, name: str, rowid: str, touched: str) -> _Rows:
    """Find the runs of rows that can be read. The tree is mended, so that only a row itself can be bad."""
    rows = _Rows()
    query = "SELECT {} FROM main.{} NOT INDEXED WHERE {} >= ? ORDER BY {}"
    reader = query.format(f"{rowid}, {touched}", name, rowid, rowid)
    # The number of a row is known without its values.
    next_number = query.format(rowid, name, rowid, rowid) + " LIMIT 1"
    low: int | None = FIRST_NUMBER
    while low is not None:
        walk = _walk(connection, reader, low)
        if walk.count:
            rows.runs.append((walk.first, walk.last, walk.count))
            low = walk.last + 1 if walk.last < LAST_NUMBER else None
        if walk.whole or low is None:
            break
        found = connection.execute(next_number, (low,)).fetchone()
        if found is None:
            break
        bad = int(str(found[0]))
        if rows.gaps and not walk.count:
            rows.gaps[-1] = (rows.gaps[-1][0], bad)
        else:
            rows.gaps.append((bad, bad))
        low = bad + 1 if bad < LAST_NUMBER else None
    return rows


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """The rows that a query gave before it met damage, or its end."""

    first: int = 0
    last: int = 0
    count: int = 0
    whole: bool = True


def _walk(connection: apsw.Connection, query: str, low: int) -> _Walk:
    first, last, count = 0, 0, 0
    try:
        for number, _ in connection.execute(query, (low,)):
            first, last, count = number if not count else first, number, count + 1
    except apsw.Error:
        # Damage mostly; or a value that is too long for SQLite, as lengths are that were overwritten.
        return _Walk(first=first, last=last, count=count, whole=False)
    return _Walk(first=first, last=last, count=count)


def _copy_run(
    connection: apsw.Connection, name: str, listed: str, rowid: str, low: int, high: int, count: int
) -> Iterator[list[int]]:
    """Copy the rows of a range; yield the numbers of those that the new table would not take."""
    left = count
    while left > 0:
        size = min(left, _ROWS_PER_INSERT)
        # The limit ends the walk on the last row: a step further would be into the damage.
        where = f"NOT INDEXED WHERE {rowid} BETWEEN ? AND ? ORDER BY {rowid} LIMIT {size}"
        numbers = [
            int(str(number))
            for (number,) in connection.execute(f"SELECT {rowid} FROM main.{name} {where}", (low, high))
        ]
        before = connection.total_changes()
        connection.execute(
            f"INSERT OR IGNORE INTO fresh.{name} ({listed}) SELECT {listed} FROM main.{name} {where}",
            (low, high),
        ).fetchall()
        if connection.total_changes() - before < size:
            there = connection.execute(
                f"SELECT {rowid} FROM fresh.{name} WHERE {rowid} BETWEEN ? AND ?", (low, numbers[-1])
            )
            yield sorted(set(numbers) - {int(str(number)) for (number,) in there})
        low, left = numbers[-1] + 1, left - size


def _copy_by_key(connection: apsw.Connection, entry: _Entry, columns: list[str], path: str) -> list[Finding]:
    """Carry a table WITHOUT ROWID, and list what is lost by its keys."""
    label = f'table "{entry.name}"'
    lost = copy_keyed_rows(connection, path, entry.name, columns)
    findings = [
        make_finding(
            LOST_ROWS,
            label,
            _describe_key_range(low, high) + ".",
            detail=f"How many there were is not known. SQLite says: {lost.reason}.",
        )
        for low, high in lost.gaps
    ]
    if lost.refused:
        findings.append(_lost_twice(label, lost.refused))
    return findings


def _describe_key_range(low: str, high: str) -> str:
    if not low and not high:
        return "None of its rows can be read"
    if not low:
        return f"Rows before key {high} cannot be read"
    if not high:
        return f"Rows after key {low} cannot be read"
    return f"Rows between the keys {low} and {high} cannot be read"


def _copy_numbering(connection: apsw.Connection) -> list[Finding]:
    there = "SELECT 1 FROM {}.sqlite_schema WHERE name = 'sqlite_sequence'"
    try:
        if not connection.execute(there.format("fresh")).fetchall():
            return []
        connection.execute("DELETE FROM fresh.sqlite_sequence").fetchall()
        connection.execute(
            "INSERT INTO fresh.sqlite_sequence SELECT name, seq FROM main.sqlite_sequence"
        ).fetchall()
    except apsw.Error as error:
        return [_lost('table "sqlite_sequence"', f"numbers go on after the largest one in use: {error}")]
    return []


def _describe_range(low: int, high: int) -> str:
    if low <= FIRST_NUMBER and high >= LAST_NUMBER:
        return ""
    if low <= FIRST_NUMBER:
        return f"up to number {high}"
    if high >= LAST_NUMBER:
        return f"from number {low} on"
    return f"from number {low} to {high}"


def _lost_range(label: str, low: int, high: int) -> Finding:
    where = _describe_range(low, high)
    words = f"rows {where} cannot be read" if where else "none of its rows can be read"
    return make_finding(LOST_ROWS, label, words + ".", detail="How many there were is not known.")


def _doubtful_range(label: str, low: int, high: int) -> Finding:
    where = _describe_range(low, high)
    rows = f"rows {where}" if where else "its rows"
    return make_finding(
        LOST_ROWS,
        label,
        f"{rows} are carried as they are read, but may be wrong, or not all.",
        detail="Pages that they are on do not add up, or are used twice.",
    )


def _lost_twice(label: str, count: int, numbers: Sequence[int] = ()) -> Finding:
    reason = f"{count} rows are in the file twice, or break its constraints"
    if numbers:
        more = ", …" if len(numbers) < count else ""
        reason += f": {', '.join(map(str, numbers))}{more}"
    return _lost(label, reason)


def _lost(label: str, reason: str) -> Finding:
    return make_finding(LOST_OBJECT, label, "It could not be salvaged in full.", detail=reason)
