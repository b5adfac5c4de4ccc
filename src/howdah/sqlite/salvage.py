"""
Make a sound database of what can be read of a damaged one, and say what could not.

The file is copied as bytes; a truncated copy is filled with empty pages, so that SQLite opens it.
Table by table the readable rows go into a new file with the same schema: forward from the first row until
SQLite meets damage, backward from the last, then ever smaller pieces of what lies between (tables WITHOUT
ROWID by their keys: `salvage_keyed`). What is left is listed by table and range of row numbers or keys. A
flipped byte inside a value is beyond anybody's knowledge: SQLite keeps no checksums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import apsw

from howdah.errors import IntegrityError
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.names import quote_sqlite
from howdah.sqlite.catalog_queries import ROWID_NAMES
from howdah.sqlite.connect import BUSY_TIMEOUT, register_stand_in
from howdah.sqlite.header import HEADER_BYTES, parse_header
from howdah.sqlite.lexer import read_tokens
from howdah.sqlite.location import source_path
from howdah.sqlite.recovery import copy_files, remove_if_there
from howdah.sqlite.salvage_keyed import copy_keyed_rows

LOST_ROWS, LOST_OBJECT, SALVAGED = "F-108", "F-109", "F-110"
#: Codes that mean that something of the source could not be read.
DAMAGE_CODES = frozenset({LOST_ROWS, LOST_OBJECT, SALVAGED})

_FIRST, _LAST = -(2**63), 2**63 - 1
_ROWS_PER_INSERT = 5_000
#: Places tried inside one gap; each costs a walk down the tree.
_PROBES_MAX = 2_000


@dataclass
class _Rows:
    """What one table gave: runs of rows that can be read, in order, and the gaps between."""

    #: First, last, how many.
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    #: None stands for an open end.
    gaps: list[tuple[int | None, int | None]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Entry:
    kind: str
    name: str
    table: str
    sql: str


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
        findings += _rebuild(damaged, destination, path)
    finally:
        for leftover in (damaged, damaged + "-wal", damaged + "-shm", damaged + "-journal"):
            remove_if_there(leftover)
    return tuple(findings)


def _fill_up(damaged: str, path: str) -> list[Finding]:
    """Give a truncated file the length that its header names."""
    size = os.path.getsize(damaged)
    with open(damaged, "r+b") as file:
        header = parse_header(file.read(HEADER_BYTES))
        if header is None:
            return []
        whole = max(header.page_count, -(-size // header.page_size)) * header.page_size
        if whole <= size:
            return []
        file.truncate(whole)
    message = f"{whole - size} of its {whole} bytes are missing at the end."
    return [make_finding(LOST_OBJECT, f'file "{path}"', message)]


def _rebuild(damaged: str, destination: str, path: str) -> list[Finding]:
    with closing(apsw.Connection(damaged, flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.collation_needed(register_stand_in)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        # Also lets a schema be opened of which an entry cannot be parsed.
        connection.execute("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON").fetchall()
        entries, findings = _read_entries(connection, path)
        numbers = [int(connection.pragma(name) or 0) for name in ("user_version", "application_id")]
        connection.execute("ATTACH ? AS fresh", (destination,)).fetchall()
        connection.execute(
            "PRAGMA fresh.journal_mode = MEMORY; PRAGMA fresh.synchronous = OFF;"
            "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;"
            f"PRAGMA fresh.user_version = {numbers[0]}; PRAGMA fresh.application_id = {numbers[1]}"
        ).fetchall()
        for entry in entries:
            if entry.kind == "table":
                findings += _salvage_table(connection, entry, damaged)
        findings += _copy_numbering(connection)
    # Each object by itself: one that needs a lost table must not stop the others.
    with closing(apsw.Connection(destination, flags=apsw.SQLITE_OPEN_READWRITE)) as fresh:
        fresh.collation_needed(register_stand_in)
        fresh.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF").fetchall()
        for entry in entries:
            if entry.kind != "table":
                findings += _create(fresh, entry, entry.sql)
    return findings


def _read_entries(connection: apsw.Connection, path: str) -> tuple[list[_Entry], list[Finding]]:
    entries: list[_Entry] = []
    try:
        for kind, name, table, sql in connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        ):
            if isinstance(name, str) and isinstance(sql, str) and not name.startswith("sqlite_"):
                entries.append(_Entry(kind=str(kind), name=name, table=str(table), sql=sql))
    except (apsw.Error, UnicodeDecodeError) as error:
        if not entries:
            raise IntegrityError(
                "S-018",
                f'nothing can be salvaged of file "{path}": its schema cannot be read',
                detail=str(error),
                hint="Restore a backup.",
            ) from error
        return entries, [_lost(f'file "{path}"', f"its schema cannot be read to the end: {error}")]
    return entries, []


def _salvage_table(connection: apsw.Connection, entry: _Entry, path: str) -> list[Finding]:
    label = f'table "{entry.name}"'
    if entry.sql.lstrip()[:14].upper().startswith("CREATE VIRTUAL"):
        return [_lost(label, "it is virtual; the private tables that it is made of are salvaged as they are")]
    failed = _create_in(connection, entry)
    if failed:
        return [_lost(label, failed)]
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
    reader = f"SELECT {rowid}, {touched} FROM main.{name} NOT INDEXED"
    try:
        rows = _find_rows(connection, reader, rowid)
    except apsw.Error as error:
        return [_lost(label, str(error))]
    findings = [_lost_range(label, low, high) for low, high in rows.gaps]
    listed = ", ".join(dict.fromkeys([rowid, *columns]))
    missing = 0
    for low, high, count in rows.runs:
        missing += _copy_run(connection, name, listed, rowid, low, high, count)
    if missing:
        findings.append(_lost_twice(label, missing))
    return findings


def _create_in(connection: apsw.Connection, entry: _Entry) -> str:
    """Create the table in the new file; return why that failed, "" where it did not."""
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


def _find_rows(connection: apsw.Connection, reader: str, rowid: str) -> _Rows:
    """Find the runs of rows that can be read, and where none could be."""
    rows = _Rows()
    forward = f"{reader} WHERE {rowid} BETWEEN ? AND ? ORDER BY {rowid}"
    backward = forward + " DESC"
    #: Where a walk began, its first row, how far it came, and whether that was its end and no damage.
    seen: list[tuple[int, int, int, bool]] = []
    probes = 0
    pending: list[tuple[int, int]] = [(_FIRST, _LAST)]
    while pending:
        low, high = pending.pop()
        probes += 1
        walk = _walk(connection, forward, low, high)
        if walk.count:
            rows.runs.append((walk.first, walk.last, walk.count))
            seen.append((low, walk.first, high if walk.whole else walk.last, walk.whole))
            low = walk.last + 1
        if walk.whole:
            if not walk.count and probes == 1:
                return rows
            continue
        walk = _walk(connection, backward, low, high)
        if walk.count:
            rows.runs.append((walk.last, walk.first, walk.count))
            seen.append((walk.last, walk.last, high, True))
            high = walk.last - 1
        middle = _middle(low, high, rows)
        if probes < _PROBES_MAX and middle is not None and low < middle <= high and high - low > 1:
            pending += [(middle, high), (low, middle - 1)]
    rows.runs.sort()
    rows.gaps = list(_gaps_between(sorted(seen)))
    return rows


def _gaps_between(seen: list[tuple[int, int, int, bool]]) -> Iterator[tuple[int | None, int | None]]:
    """
    Give the ranges that no walk covered.

    A walk that found nothing covers nothing: in a page that was overwritten half, SQLite's search for a
    row goes astray without a message. One that began where another came to its end covers from there.
    """
    if not seen:
        yield None, None
        return
    covered: int | None = None
    clean = False
    for low, first, end, to_its_end in seen:
        begins = low if covered is None and low == _FIRST else first
        if covered is not None and covered + 1 == low and clean:
            begins = low
        if covered is None and begins > _FIRST:
            yield None, begins - 1
        elif covered is not None and begins > covered + 1:
            yield covered + 1, begins - 1
        covered, clean = (end if covered is None else max(covered, end)), to_its_end
    if covered is not None and covered < _LAST:
        yield covered + 1, None


def _middle(low: int, high: int, rows: _Rows) -> int | None:
    # Row numbers usually are dense: look between rows that are known, never between the ends of 64 bits.
    known = [number for first, last, _ in rows.runs for number in (first, last)]
    below = low if low > _FIRST else min(known, default=0)
    above = high if high < _LAST else max(known, default=0) * 2 + 1_000_000
    return (below + above) // 2 if above > below else None


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """The rows that a query gave before it met damage, or its end."""

    first: int = 0
    last: int = 0
    count: int = 0
    whole: bool = True


def _walk(connection: apsw.Connection, query: str, low: int, high: int) -> _Walk:
    numbers: list[int] = []
    count = 0
    try:
        for number, _ in connection.execute(query, (low, high)):
            if not low <= number <= high or (numbers and (number > numbers[-1]) is query.endswith("DESC")):
                # A page that was overwritten half gives rows whose numbers are out of order.
                return _seen(numbers, count, whole=False)
            count += 1
            # The first and the last so far.
            numbers[1 if numbers else 0 :] = [number]
    except (apsw.CorruptError, apsw.IOError, apsw.SQLError, apsw.NotADBError):
        return _seen(numbers, count, whole=False)
    return _seen(numbers, count, whole=True)


def _seen(numbers: list[int], count: int, *, whole: bool) -> _Walk:
    if not numbers:
        return _Walk(whole=whole)
    return _Walk(first=numbers[0], last=numbers[-1], count=count, whole=whole)


def _copy_run(
    connection: apsw.Connection, name: str, listed: str, rowid: str, low: int, high: int, count: int
) -> int:
    """Copy the rows of a range; return how many the new table would not take."""
    missing, left = 0, count
    while left > 0:
        size = min(left, _ROWS_PER_INSERT)
        # The limit ends the walk on the last row: a step further would be into the damage.
        where = f"NOT INDEXED WHERE {rowid} BETWEEN ? AND ? ORDER BY {rowid} LIMIT {size}"
        numbers = [
            number
            for (number,) in connection.execute(f"SELECT {rowid} FROM main.{name} {where}", (low, high))
        ]
        before = connection.total_changes()
        connection.execute(
            f"INSERT OR IGNORE INTO fresh.{name} ({listed}) SELECT {listed} FROM main.{name} {where}",
            (low, high),
        ).fetchall()
        missing += size - (connection.total_changes() - before)
        low, left = numbers[-1] + 1, left - size
    return missing


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


def _lost_range(label: str, low: int | None, high: int | None) -> Finding:
    if low is None and high is None:
        words = "none of its rows can be read"
    elif low is None:
        words = f"rows up to number {high} cannot be read"
    elif high is None:
        words = f"rows from number {low} on cannot be read"
    else:
        words = f"rows from number {low} to {high} cannot be read"
    return make_finding(LOST_ROWS, label, words + ".", detail="How many there were is not known.")


def _lost_twice(label: str, rows: int) -> Finding:
    return _lost(label, f"{rows} rows are in the file twice, or break its constraints")


def _lost(label: str, reason: str) -> Finding:
    return make_finding(LOST_OBJECT, label, "It could not be salvaged in full.", detail=reason)
