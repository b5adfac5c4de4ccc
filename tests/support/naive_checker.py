"""
Says what must be in PostgreSQL after a migration, in a process of its own, without any of Howdah's code.

Deliberately naive: rows of the source come from Python's own sqlite3, rows of the target from
psycopg, one by one, and what a value becomes under a type is computed here with the standard
library: `decimal`, `datetime`, `uuid`. Rows are compared as multisets, so no key is needed. A row in
quarantine is taken off the source's side by its every value. Objects that SQLite has must be in
PostgreSQL's catalog or in a finding, and a view that was carried must show the same rows.

Run as a program it reads one request a line on stdin (`source`, `database`, `report`,
`quarantined`, as JSON) and answers each with one line: the problems it saw, [] for none.
It is started with -I, so that nothing of this repository can be imported.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import struct
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import psycopg
from psycopg import sql

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "epoch-s": timedelta(seconds=1),
    "epoch-ms": timedelta(milliseconds=1),
    "epoch-us": timedelta(microseconds=1),
}
_TRUE_WORDS = {"true", "t", "yes", "y", "on", "1"}
_FALSE_WORDS = {"false", "f", "no", "n", "off", "0"}
#: What has 15 digits and a point.
_LONG_FRACTION = re.compile(r"((?=(?:\.?\d){15})\d+\.\d+(?:e[+-]\d+)?)")
_CLASSES = {"text": "StoredText", "blob": "bytes", "integer": "int", "real": "float", "null": "NoneType"}


class Problem(Exception):  # noqa: N818 - what is found, not what went wrong
    """Something that did not arrive as it must."""


class StoredText(bytes):
    """A TEXT's bytes as SQLite hands them out; a BLOB stays plain bytes."""


def find_problems(request: dict[str, Any]) -> list[str]:
    """Check everything that a request names; return what is wrong."""
    problems: list[str] = []
    report, quarantined = request["report"], request["quarantined"]
    with (
        closing(sqlite3.connect(request["source"])) as sqlite,
        psycopg.connect(request["database"], options="-c timezone=UTC", autocommit=True) as postgres,
    ):
        checks: list[tuple[Any, ...]] = [(_check_report, sqlite, report, quarantined)]
        for table in report["tables"]:
            set_aside = [row for row in quarantined if row["table"] == table["name"]]
            checks += [
                (_check_rows, sqlite, postgres, table, set_aside, _left_out(report, table["name"])),
                (_check_numbering, sqlite, postgres, table),
                (_check_defaults, sqlite, postgres, table),
            ]
        checks += [
            (_check_objects, sqlite, postgres, report),
            (_check_views, sqlite, postgres, bool(quarantined)),
        ]
        for check, *arguments in checks:
            try:
                check(*arguments)
            except Problem as problem:
                problems.append(f"{check.__name__.removeprefix('_check_')}: {problem}")
    return problems


def _require(holds: bool, *words: object) -> None:
    if not holds:
        raise Problem(" ".join(str(word) for word in words))


def _check_report(
    sqlite: sqlite3.Connection, report: dict[str, Any], quarantined: Sequence[dict[str, Any]]
) -> None:
    _require(report["verification"] == "proof", "nothing is proven:", report["verification"])
    _require(not report["differences"], "differences:", report["differences"])
    status = (5, "quarantined") if quarantined else (0, "done")
    _require((report["exit_status"], report["status"]) == status, "status", report["status"], "not", status)
    _require(all(row["reason"] for row in quarantined), "a row is in quarantine without a reason")
    names = [table["name"] for table in report["tables"]]
    ordinary, virtual = _tables(sqlite, "table"), _tables(sqlite, "virtual")
    _require(sorted(set(names) - set(virtual)) == sorted(ordinary), "tables", names, "not", ordinary)


def _tables(sqlite: sqlite3.Connection, kind: str) -> list[str]:
    rows = sqlite.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = ?", (kind,))
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def _check_rows(
    sqlite: sqlite3.Connection,
    postgres: psycopg.Connection[Any],
    table: dict[str, Any],
    set_aside: Sequence[dict[str, Any]],
    left_out: set[str],
) -> None:
    columns = sqlite.execute(
        "SELECT name, hidden FROM pragma_table_xinfo(?) ORDER BY cid", (table["name"],)
    ).fetchall()
    columns = [
        (name, hidden)
        for name, hidden in columns
        if not (name in left_out and hidden == 2 and _fails(sqlite, table["name"], name))
    ]
    if table["name"] in _tables(sqlite, "virtual"):
        # Hidden columns are not carried, the number of a document is.
        columns = [(column["name"], 0) for column in table["columns"]]
    names = [name for name, _ in columns]
    _require([column["name"] for column in table["columns"]] == names, "columns are not", names)
    stored = _source_rows(sqlite, table["name"], names)
    counts = (table["rows_source"], table["rows_quarantined"], table["rows_target"])
    expected_counts = (len(stored), len(set_aside), len(stored) - len(set_aside))
    _require(counts == expected_counts, table["name"], "counts", counts, "not", expected_counts)

    carried = Counter(_exact(row) for row in stored)
    generated = {position for position, (_, kind) in enumerate(columns) if kind}
    for row in set_aside:
        found = _find(carried, row, names, generated)
        _require(found is not None, f"quarantine holds a row that {table['name']!r} does not:", row)
        assert found is not None
        carried[found] -= 1
    by_content = {_exact(row): row for row in stored}
    types = _target_types(postgres, table)
    _require(len(types) == len(names), table["name"], "has other columns in PostgreSQL:", types)
    expected = Counter[Row]()
    for content, count in (+carried).items():
        wanted = tuple(
            _expected(value, kind, column["codec"])
            for value, (_, kind), column in zip(by_content[content], types, table["columns"], strict=True)
        )
        expected[wanted] += count
    arrived = Counter(_target_rows(postgres, table, types))
    _require(
        arrived == expected,
        f"table {table['name']!r} of {[(c['name'], c['target_type'], c['codec']) for c in table['columns']]}",
        f"missing {expected - arrived}, not expected {arrived - expected}",
    )


def _left_out(report: dict[str, Any], table: str) -> set[str]:
    """Columns that a finding says could not be computed."""
    prefix = f'column "{table}".'
    objects = [finding["object"] for finding in report["findings"] if finding["code"] == "F-112"]
    return {name.removeprefix(prefix)[1:-1] for name in objects if name.startswith(prefix)}


def _fails(sqlite: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether SQLite itself cannot compute a generated column."""
    try:
        sqlite.execute(f"SELECT typeof({quoted(column)}) FROM {quoted(table)} NOT INDEXED").fetchall()
    except sqlite3.Error:
        return True
    return False


def quoted(name: str) -> str:
    """Quote a name for SQLite, by the SQL standard's rule."""
    return '"' + name.replace('"', '""') + '"'


def _source_rows(sqlite: sqlite3.Connection, table: str, names: Sequence[str]) -> list[Row]:
    # SQLite says the class of a text by typeof(), Python's module only gives bytes for both.
    sqlite.text_factory = StoredText
    try:
        selected = ", ".join(quoted(name) for name in names)
        return sqlite.execute(f"SELECT {selected} FROM {quoted(table)} NOT INDEXED").fetchall()
    finally:
        sqlite.text_factory = str


def _exact(row: Iterable[Any]) -> Row:
    """Class and bits of every value, as something that can be counted."""
    return tuple(
        (type(value).__name__, struct.pack(">d", value) if isinstance(value, float) else value)
        for value in row
    )


def _find(
    carried: Counter[Row], row: dict[str, Any], names: Sequence[str], generated: set[int]
) -> Row | None:
    """Return the source row that has exactly the cells of the one set aside (but for generated columns)."""
    wanted: dict[int, Any] = {}
    for position, name in enumerate(names):
        if name not in row["cells"]:
            _require(position in generated, f"quarantine lacks column {name!r}")
            continue
        wanted[position] = _cell(row["cells"][name])
    for candidate, count in carried.items():
        if count > 0 and all(candidate[position] == value for position, value in wanted.items()):
            return candidate
    return None


def _cell(cell: dict[str, Any]) -> tuple[str, Any]:
    value: Any = cell["value"]
    match cell["storage_class"]:
        case "null":
            value = None
        case "integer":
            value = int(value)
        case "real":
            value = struct.pack(">d", float(value))
        case _:
            value = bytes.fromhex(value) if cell["is_hex"] else value.encode()
    return _CLASSES[cell["storage_class"]], value


def _expected(value: Any, kind: str, codec: str) -> Any:
    """Return what psycopg must give for a stored value in a column of that type."""
    if value is None:
        return None
    if kind == "bytea" and isinstance(value, bytes):
        return bytes(value)
    text = _text_of(value) if isinstance(value, StoredText) else None
    match re.split(r"[( ]", kind)[0]:
        case "bigint" | "integer" | "smallint" if isinstance(value, int):
            return value
        case "boolean":
            return _expected_boolean(value if text is None else text)
        case "double" if isinstance(value, float):
            return struct.pack(">d", value)
        case "numeric":
            return _expected_decimal(value if text is None else text)
        case "text" | "character":
            return _expected_text(value if text is None else text)
        case "json" if text is not None:
            return text
        case "jsonb" if text is not None:
            return _document(text)
        case "uuid":
            return uuid.UUID(text) if text is not None else uuid.UUID(bytes=value)
        case "timestamp" | "date" | "time":
            return _expected_moment(value if text is None else text, kind, codec)
    raise Problem(f"no rule makes {kind} of {value!r}")


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Problem(f"{value!r} is no UTF-8 and should not have arrived") from None


def _expected_boolean(value: Any) -> bool:
    word = str(value).lower()
    _require(word in _TRUE_WORDS | _FALSE_WORDS, f"{value!r} is no boolean")
    return word in _TRUE_WORDS


def _expected_decimal(value: Any) -> Decimal:
    if isinstance(value, float) and math.isinf(value):
        return Decimal("Infinity" if value > 0 else "-Infinity")
    _require(isinstance(value, (int, float, str)), f"{value!r} is no number")
    return Decimal(value if isinstance(value, str) else repr(value)) + 0


def _expected_text(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else repr(value)


def _document(text: str) -> str:
    """JSON by value: keys in order, the last of equal keys, numbers as decimals without trailing zeros."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return {"number": str((value + 0).normalize())} if isinstance(value, Decimal) else value

    return json.dumps(plain(json.loads(text, parse_float=Decimal, parse_int=Decimal)), sort_keys=True)


def _expected_moment(value: Any, kind: str, codec: str) -> datetime | date | time:
    zoned = kind.endswith("with time zone")
    if codec in _UNITS:
        moment: datetime = _EPOCH + value * _UNITS[codec]
    elif codec == "epoch-real":
        moment = _EPOCH + timedelta(microseconds=round(Fraction(value) * 10**6))
    elif codec == "julian-day":
        days = Fraction(value) - Fraction(4881175, 2)  # noon of 1970-01-01 is 2440588
        moment = _EPOCH + timedelta(milliseconds=round(days * 86_400_000))
    elif kind == "date":
        return date.fromisoformat(value)
    elif kind.startswith("time "):
        return time.fromisoformat(value)
    else:
        _require(isinstance(value, str), f"{value!r} is no moment")
        moment = datetime.fromisoformat(value)
        _require((moment.tzinfo is not None) == zoned, f"{value!r} as {kind}")
    if zoned:
        return moment.astimezone(UTC)
    if kind.startswith("timestamp"):
        return moment.replace(tzinfo=None)
    _require(moment.time() == time(0), f"{value!r} as a date")
    return moment.date()


def _target_types(postgres: psycopg.Connection[Any], table: dict[str, Any]) -> list[tuple[str, str]]:
    return postgres.execute(
        "SELECT attname, format_type(atttypid, atttypmod)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        (table["target_name"],),
    ).fetchall()


def _target_rows(
    postgres: psycopg.Connection[Any], table: dict[str, Any], types: Sequence[tuple[str, str]]
) -> list[Row]:
    selected = sql.SQL(", ").join(
        sql.SQL("{}::text" if kind in ("json", "jsonb") else "{}").format(sql.Identifier(name))
        for name, kind in types
    )
    query = sql.SQL("SELECT {} FROM public.{}").format(selected, sql.Identifier(table["target_name"]))
    kinds = [kind for _, kind in types]
    return [
        tuple(_arrived(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in postgres.execute(query)
    ]


def _arrived(value: Any, kind: str) -> Any:
    if kind == "jsonb" and value is not None:
        return _document(value)
    return struct.pack(">d", value) if isinstance(value, float) else value


def _check_numbering(
    sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], table: dict[str, Any]
) -> None:
    """Check that the next number of an identity column is above every number ever used."""
    highest = _highest_number(sqlite, table["name"])
    if highest is None:
        return
    row = postgres.execute(
        "SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attidentity <> ''",
        (table["target_name"],),
    ).fetchone()
    _require(row is not None, f"{table['name']!r} has no identity column")
    assert row is not None
    relation = sql.SQL("public.{}").format(sql.Identifier(table["target_name"])).as_string(postgres)
    query = "SELECT nextval(pg_get_serial_sequence(%s, %s))"
    if highest >= 2**63 - 1:
        try:
            given = postgres.execute(query, (relation, row[0])).fetchone()
        except psycopg.errors.SequenceGeneratorLimitExceeded:
            return
        raise Problem(f"after {highest} comes {given}")
    found = postgres.execute(query, (relation, row[0])).fetchone()
    _require(found is not None and found[0] > highest, f"{table['name']!r}: after {highest} comes {found}")


def _highest_number(sqlite: sqlite3.Connection, table: str) -> int | None:
    """Return the highest row number ever used, None for a table without INTEGER PRIMARY KEY."""
    columns = sqlite.execute("SELECT name, type, pk FROM pragma_table_xinfo(?)", (table,)).fetchall()
    keys = [name for name, declared, position in columns if position and declared.upper() == "INTEGER"]
    # An alias of rowid has no index of its own; INTEGER PRIMARY KEY DESC and WITHOUT ROWID have.
    indexed = sqlite.execute("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).fetchone()
    if len(keys) != 1 or indexed or sum(1 for column in columns if column[2]) != 1:
        return None
    (highest,) = sqlite.execute(f"SELECT coalesce(max({quoted(keys[0])}), 0) FROM {quoted(table)}").fetchone()
    if sqlite.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        for (seen,) in sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)):
            if isinstance(seen, int):
                highest = max(highest, seen)
    return int(highest)


def _check_defaults(
    sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], table: dict[str, Any]
) -> None:
    """A default that is a constant must be the same value on both sides."""
    declared = dict(sqlite.execute("SELECT name, dflt_value FROM pragma_table_xinfo(?)", (table["name"],)))
    carried = postgres.execute(
        "SELECT attnum, pg_get_expr(adbin, adrelid) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = attrelid JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum"
        " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attgenerated = ''",
        (table["target_name"],),
    ).fetchall()
    for position, expression in carried:
        column = table["columns"][position - 1]
        written = declared[column["name"]]
        _require(written is not None, f"{column['name']!r} has a default in PostgreSQL only")
        if re.search(r"current_|now|random", written, re.IGNORECASE):
            continue
        default = written
        if written.isidentifier() and written.lower() not in ("null", "true", "false"):
            default = "'" + written + "'"  # a bare word is a string in DEFAULT
        # An empty table of one column of that type applies the affinity.
        with closing(sqlite3.connect(":memory:")) as scratch:
            scratch.execute(f"CREATE TABLE t (a, b {_declared_type(sqlite, table['name'], column['name'])})")
            scratch.execute(f"INSERT INTO t SELECT 1, {default}")
            (mine,) = scratch.execute("SELECT b FROM t").fetchone()
        (theirs,) = postgres.execute(sql.SQL("SELECT {}").format(sql.SQL(expression))).fetchone() or (None,)
        _require(
            alike(mine, theirs, column["codec"]),
            f"DEFAULT {written} of {column['name']!r} is {mine!r} in SQLite, {expression} = {theirs!r} here",
        )


def _declared_type(sqlite: sqlite3.Connection, table: str, column: str) -> str:
    (declared,) = sqlite.execute(
        "SELECT type FROM pragma_table_xinfo(?) WHERE name = ?", (table, column)
    ).fetchone()
    return quoted(declared) if declared else ""


def _check_objects(
    sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], report: dict[str, Any]
) -> None:
    """Whatever CREATE made is in PostgreSQL's catalog, or a finding speaks of it."""
    there = {name for (name,) in postgres.execute("SELECT relname FROM pg_class")}
    there |= {name for (name,) in postgres.execute("SELECT tgname FROM pg_trigger")}
    told = json.dumps(report["findings"], ensure_ascii=False)
    rows = sqlite.execute("SELECT type, name, tbl_name FROM sqlite_schema WHERE sql IS NOT NULL")
    shadows = {name for (name,) in sqlite.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
    for kind, name, table in rows:
        if name in there or table in shadows or name.startswith("sqlite_"):
            continue
        spellings = [json.dumps(f'"{text}"', ensure_ascii=False)[1:-1] for text in (name, quoted(name)[1:-1])]
        _require(
            any(spelling in told for spelling in spellings),
            f"{kind} {name!r} is neither in PostgreSQL nor in a finding",
        )
    (open_checks,) = postgres.execute(
        "SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND contype <> 't'"
    ).fetchone() or (0,)
    codes = [finding["code"] for finding in report["findings"]]
    _require(not open_checks or "F-902" in codes or "F-903" in codes, "a constraint is NOT VALID, untold")


def _check_views(sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], partial: bool) -> None:
    """A view that was carried shows the rows that it shows in SQLite."""
    if partial:
        return  # rows in quarantine are missing in its tables
    carried = [
        name
        for (name,) in postgres.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        )
    ]
    for (name,) in sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall():
        if name not in carried:
            continue
        try:
            ours = _source_rows(sqlite, name, [column for (column,) in _view_columns(sqlite, name)])
        except sqlite3.OperationalError as error:
            if str(error) == "malformed JSON" or "no such function" in str(error):
                continue  # Python's SQLite may be older than the one that the file was read with
            raise
        theirs = postgres.execute(sql.SQL("SELECT * FROM public.{}").format(sql.Identifier(name))).fetchall()
        _require(len(ours) == len(theirs), f"view {name!r}: {len(ours)} rows in SQLite, {len(theirs)} here")
        left = list(theirs)
        for row in ours:
            match = next((other for other in left if _alike_rows(row, other)), None)
            _require(match is not None, f"view {name!r} lacks {row!r}; it has {left[:3]!r}")
            left.remove(match)


def _view_columns(sqlite: sqlite3.Connection, name: str) -> list[tuple[str]]:
    return sqlite.execute("SELECT name FROM pragma_table_xinfo(?) ORDER BY cid", (name,)).fetchall()


def _alike_rows(ours: Row, theirs: Row) -> bool:
    return len(ours) == len(theirs) and all(
        alike(mine, other) for mine, other in zip(ours, theirs, strict=True)
    )


def alike(mine: Any, theirs: Any, codec: str = "") -> bool:
    """Whether a value of a query is the same on both sides, by any form that a column may have."""
    if mine is None or theirs is None:
        return mine is None and theirs is None
    if isinstance(mine, (bytes, StoredText)) and not isinstance(theirs, bytes):
        try:
            mine = mine.decode()
        except UnicodeDecodeError:
            return False
    if isinstance(theirs, bool):
        return str(mine).lower() in (_TRUE_WORDS if theirs else _FALSE_WORDS)
    if isinstance(theirs, (int, float, Decimal)):
        return _alike_numbers(mine, theirs)
    if isinstance(theirs, (datetime, date, time)):
        return _alike_moments(mine, theirs, codec)
    if isinstance(theirs, uuid.UUID):
        return (mine if isinstance(mine, bytes) else uuid.UUID(mine).bytes) == theirs.bytes
    if isinstance(theirs, str):
        return _alike_texts(_expected_text(mine), theirs)
    if isinstance(theirs, bytes):
        return (mine.encode() if isinstance(mine, str) else mine) == theirs
    # json and jsonb come as Python objects.
    return isinstance(mine, str) and _document(mine) == _document(json.dumps(theirs))


def _alike_texts(mine: str, theirs: str) -> bool:
    """Equal, but for the last digits of long fractions: how many are written depends on SQLite's version."""
    ours, others = _LONG_FRACTION.split(mine), _LONG_FRACTION.split(theirs)
    return ours[::2] == others[::2] and all(
        one == other or math.isclose(float(one), float(other), rel_tol=1e-14)
        for one, other in zip(ours[1::2], others[1::2], strict=True)
    )


def _alike_numbers(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, float) or isinstance(theirs, float):
        # The order of a sum decides its last digits.
        return isinstance(mine, (int, float)) and math.isclose(mine, theirs, rel_tol=1e-11, abs_tol=1e-11)
    return isinstance(mine, (int, str)) and _expected_decimal(mine) == theirs


def _alike_moments(mine: Any, theirs: Any, codec: str) -> bool:
    kind = {datetime: "timestamp without time zone", date: "date", time: "time without time zone"}[
        type(theirs)
    ]
    if isinstance(theirs, datetime) and theirs.tzinfo is not None:
        kind = "timestamp with time zone"
    if isinstance(mine, str):
        codecs = [""]
    else:
        codecs = [codec] if codec else ["epoch-s", "epoch-ms", "epoch-us", "epoch-real", "julian-day"]
    for each in codecs:
        try:
            if _expected_moment(mine, kind, each) == theirs:
                return True
        except Problem:
            # A constant with an offset, in a column of timestamps without one: the same moment in UTC.
            if isinstance(theirs, datetime) and isinstance(mine, str):
                return datetime.fromisoformat(mine).astimezone(UTC) == theirs.replace(tzinfo=UTC)
        except (ArithmeticError, ValueError, TypeError):
            continue
    return False


def main() -> None:
    """Answer requests until stdin ends."""
    for line in sys.stdin:
        try:
            answer = find_problems(json.loads(line))
        except Exception as error:  # what cannot be checked is a problem like any other
            answer = [f"the checker failed: {type(error).__name__}: {error}"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
