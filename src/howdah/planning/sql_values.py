"""
What the dialect translation knows of a piece of SQL: its text for PostgreSQL and its kind.

Pure. SQLite decides types per value, PostgreSQL per expression; a translation is
certain only where the kinds on both sides are. Everything that is not certain raises
`Untranslatable`, which never leaves the planning room: callers make a finding of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from howdah.codecs.iso_format import read_datetime_format
from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity, Column, fold_name
from howdah.names import quote, quote_literal
from howdah.planning.number_text import numeric_text, real_text


class Untranslatable(Exception):  # noqa: N818 - says what holds, and never reaches a person
    """Some SQL has no certain equal in PostgreSQL; the message says which part."""


class Kind(StrEnum):
    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    #: Integer or real, value by value.
    NUMERIC = "numeric"
    TEXT = "text"
    BYTES = "bytes"
    #: ISO text in SQLite, a timestamp, date or time in PostgreSQL.
    MOMENT = "moment"
    JSON = "json"
    #: Stored in a form that SQLite's operators would treat otherwise (epochs, UUIDs, any-text).
    OPAQUE = "opaque"
    #: What a path leads to in a JSON document: its class depends on the row.
    ANY = "any"
    NULL = "null"


NUMBERS = frozenset({Kind.INTEGER, Kind.REAL, Kind.NUMERIC})

#: What SQLite calls the number of a row, besides an INTEGER PRIMARY KEY.
ROWID_NAMES = frozenset({"rowid", "_rowid_", "oid"})

#: Codecs of integers that count time since 1970 → units in a second.
_PER_SECOND = {"epoch-s": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class ScopeColumn:
    """A column that an expression may name."""

    name: str
    #: How PostgreSQL refers to it, quoted.
    sql: str
    kind: Kind
    #: PostgreSQL type as written in DDL.
    type: str = ""
    codec: str = ""
    #: Parameter "format" of the ISO codecs.
    format: str = ""
    #: All parameters of the codec.
    params: Mapping[str, str] = field(default_factory=dict)
    affinity: Affinity = Affinity.BLOB
    collation: str = "BINARY"
    generated: bool = False
    #: Kind.ANY: the JSON value that `sql` is the text of.
    node: str = ""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The moment that a computed text tells."""

    #: A timestamp without zone, in UTC, cut to what the text tells.
    sql: str
    #: "date", "time", or the format of a timestamp as the census writes it (" 0", "T3Z"…).
    form: str


class Scope(Protocol):
    """Where names are looked up."""

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """Return the column, None where there is none; `table` is "" for an unqualified name."""


@dataclass(frozen=True)
class TableScope:
    """The columns of one table, by lower-case name."""

    columns: Mapping[str, ScopeColumn]
    table: str = ""
    #: The column that rowid, _rowid_ and oid name where no column is called so.
    rowid: ScopeColumn | None = None

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        if table and fold_name(table) != fold_name(self.table):
            return None
        found = self.columns.get(fold_name(name))
        return self.rowid if found is None and fold_name(name) in ROWID_NAMES else found


@dataclass(frozen=True, kw_only=True)
class Value:
    """A translated expression."""

    sql: str
    kind: Kind
    #: False where it needs parentheses inside another expression.
    atomic: bool = True
    #: The value of a literal; None for anything that is not one.
    literal: bool | int | float | str | bytes | None = None
    #: The column it is, None for anything computed.
    column: ScopeColumn | None = None
    #: The column whose stored form a computed value still has (max(day), coalesce(day, other_day)).
    form: ScopeColumn | None = None
    #: Collation given with COLLATE, or the column's; "" for none.
    collation: str = ""
    explicit_collation: bool = False
    #: An integer known to be no smaller than this.
    low: int | None = None
    #: PostgreSQL computes it in 64 bits already.
    wide: bool = False
    #: It is the present moment: "datetime", "date" or "time".
    now: str = ""
    #: The moment that a text tells, None for any other text.
    moment: Moment | None = None
    #: A text of nothing but digits (and blanks before them), which counts as an integer.
    digits: bool = False
    #: Kind.ANY: the JSON value that `sql` is the text of; "" where it is not at hand any more.
    node: str = ""
    #: A text that json_array() and the like take for JSON, not for a string.
    is_json: bool = False

    @property
    def operand(self) -> str:
        """Its SQL, with parentheses where it stands beside an operator."""
        return self.sql if self.atomic else f"({self.sql})"

    @property
    def is_literal(self) -> bool:
        return self.literal is not None


NULL = Value(sql="NULL", kind=Kind.NULL)


def integer_value(number: int) -> Value:
    """Make a literal; one outside 64 bits is a REAL, as in SQLite."""
    if not -(2**63) <= number < 2**63:
        return real_value(float(number))
    sql = f"'{number}'::bigint" if number == -(2**63) else str(number)
    return Value(
        sql=sql, kind=Kind.INTEGER, literal=number, low=number, atomic=number >= 0, wide=abs(number) >= 2**31
    )


def real_value(number: float) -> Value:
    """Make a literal from a finite number."""
    if number in (float("inf"), float("-inf")):
        raise Untranslatable("an infinite number")
    return Value(sql=repr(number), kind=Kind.REAL, literal=number, atomic=number >= 0)


def text_value(text: str) -> Value:
    """Make a string literal."""
    if "\0" in text:
        raise Untranslatable("a string with a NUL character")
    return Value(sql=quote_literal(text), kind=Kind.TEXT, literal=text)


def bytes_value(content: bytes) -> Value:
    """Make a literal of bytea."""
    return Value(sql=f"'\\x{content.hex()}'::bytea", kind=Kind.BYTES, literal=content)


def boolean_value(truth: bool) -> Value:
    """Make TRUE or FALSE."""
    return Value(sql="TRUE" if truth else "FALSE", kind=Kind.BOOLEAN, literal=truth)


def column_value(column: ScopeColumn) -> Value:
    """Make a reference to a column."""
    return Value(
        sql=column.sql,
        kind=column.kind,
        column=column,
        collation="" if column.collation.upper() == "BINARY" else column.collation.upper(),
        wide=column.type in ("bigint", "int8"),
        node=column.node,
    )


def composed(sql: str, kind: Kind, **facts: object) -> Value:
    """Make a value of an operator expression, which needs parentheses inside another one."""
    return replace(Value(sql=sql, kind=kind, atomic=False), **facts)  # type: ignore[arg-type]


def as_condition(value: Value) -> Value:
    """Make a boolean of what SQLite takes for true (a number other than 0)."""
    match value.kind:
        case Kind.BOOLEAN:
            return value
        case Kind.NULL:
            return Value(sql="NULL::boolean", kind=Kind.BOOLEAN)
        case Kind.INTEGER | Kind.REAL | Kind.NUMERIC:
            if value.is_literal:
                return boolean_value(bool(value.literal))
            return composed(f"{value.operand} <> 0", Kind.BOOLEAN)
        case Kind.ANY if value.node:
            text = f"({value.node} #>> '{{}}')"
            return Value(
                sql=f"CASE json_typeof({value.node}) WHEN 'boolean' THEN {text}::boolean"
                f" WHEN 'number' THEN {text}::numeric <> 0 WHEN 'null' THEN NULL"
                f" WHEN 'string' THEN coalesce({leading_number(text)} <> 0, FALSE) WHEN 'array' THEN FALSE"
                " WHEN 'object' THEN FALSE END",
                kind=Kind.BOOLEAN,
            )
        case _:
            raise Untranslatable(f"{value.kind} used as a condition")


def leading_number(text: str) -> str:
    """Return the SQL of the number that a text begins with, NULL for a text that begins with none."""
    return rf"substring({text} from '^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)')::numeric"


def as_number(value: Value) -> Value:
    """Make 0 and 1 of booleans; numbers stay. Raises Untranslatable for the rest."""
    if value.kind is Kind.BOOLEAN:
        if value.is_literal:
            return integer_value(int(bool(value.literal)))
        return Value(sql=f"{value.operand}::int", kind=Kind.INTEGER, low=0)
    if value.kind is Kind.NULL:
        return Value(sql="NULL::bigint", kind=Kind.INTEGER, wide=True)
    if value.column is not None and value.column.codec in _PER_SECOND:
        factor = _PER_SECOND[value.column.codec]
        # Of a timestamptz itself PostgreSQL does not take the call for immutable.
        counted = f"extract(epoch from {utc_of(value, value.column)})" + (
            f" * {factor}" if factor > 1 else ""
        )
        return Value(sql=f"({counted})::bigint", kind=Kind.INTEGER, wide=True)
    if value.digits:
        return Value(sql=f"{value.operand}::bigint", kind=Kind.INTEGER, wide=True)
    if value.kind not in NUMBERS:
        raise Untranslatable(f"{value.kind} used as a number")
    return value


def as_text(value: Value) -> Value:
    """Make text as SQLite would print it. Raises Untranslatable where PostgreSQL prints otherwise."""
    match value.kind:
        case Kind.TEXT | Kind.NULL:
            return value
        case Kind.INTEGER if isinstance(value.literal, int):
            return text_value(str(value.literal))
        case Kind.INTEGER:
            return Value(sql=f"{value.operand}::text", kind=Kind.TEXT)
        case Kind.BOOLEAN:
            return as_text(as_number(value))
        case Kind.REAL:
            return Value(sql=real_text(value.operand), kind=Kind.TEXT)
        case Kind.NUMERIC if value.column is not None and value.column.affinity is not Affinity.BLOB:
            return Value(sql=numeric_text(value.operand, value.column.type), kind=Kind.TEXT)
        case Kind.MOMENT:
            return _moment_as_text(value)
        case Kind.OPAQUE if value.column is not None and value.column.codec == "uuid-text":
            return Value(sql=f"{value.operand}::text", kind=Kind.TEXT)
        case Kind.JSON if value.column is not None and value.column.type == "json":
            return Value(sql=f"{value.operand}::text", kind=Kind.TEXT)
        case Kind.ANY if value.node:
            text = f"({value.node} #>> '{{}}')"
            number = f"CASE WHEN {text} ~ '[.eE]' THEN {real_text(text)} ELSE {text} END"
            return Value(
                sql=f"CASE json_typeof({value.node}) WHEN 'boolean' THEN {text}::boolean::int::text"
                f" WHEN 'number' THEN {number} ELSE {text} END",
                kind=Kind.TEXT,
            )
        case _:
            raise Untranslatable(f"{value.kind} used as text")


def _moment_as_text(value: Value) -> Value:
    """Write a stored moment as the application stores it."""
    known = value.column or value.form
    if known is not None and known.codec == "iso-date":
        return Value(
            sql=f"to_char({value.sql}, 'YYYY-MM-DD')",
            kind=Kind.TEXT,
            moment=Moment(sql=f"{value.operand}::timestamp", form="date"),
        )
    if known is None or known.codec != "iso-datetime":
        raise Untranslatable("a time of day used as text")
    written = read_datetime_format({"format": known.format})
    if written.omit_zero:
        raise Untranslatable("timestamps that are written in several forms used as text")
    in_utc = utc_of(value, known)
    pattern = f'YYYY-MM-DD"{written.separator}"HH24:MI:SS'
    pattern += (f".FF{written.digits}" if written.digits else "") + (
        f'"{written.zone}"' if written.zone else ""
    )
    return Value(
        sql=f"to_char({in_utc}, {quote_literal(pattern)})",
        kind=Kind.TEXT,
        moment=Moment(sql=in_utc, form=known.format),
    )


def utc_of(value: Value, column: ScopeColumn) -> str:
    """Return a stored timestamp as one without zone, in UTC."""
    zoned = column.type.startswith("timestamptz") or "with time zone" in column.type
    return f"({value.operand} AT TIME ZONE 'utc')" if zoned else value.operand


def unify(values: Iterable[Value]) -> tuple[list[Value], Kind]:
    """
    Bring the branches of CASE, COALESCE and the like to one kind.

    Raises Untranslatable where SQLite would give values of several classes that
    PostgreSQL cannot mix.
    """
    branches = list(values)
    kinds = {value.kind for value in branches} - {Kind.NULL}
    if len(kinds) <= 1:
        kind = next(iter(kinds), Kind.NULL)
        if kind in (Kind.MOMENT, Kind.OPAQUE):
            _require_same_form(branches)
        return branches, kind
    if kinds == {Kind.BOOLEAN, Kind.INTEGER}:
        numbers = [value for value in branches if value.kind is Kind.INTEGER]
        if all(value.is_literal and value.literal in (0, 1) for value in numbers):
            return [
                boolean_value(bool(value.literal)) if value.kind is Kind.INTEGER else value
                for value in branches
            ], Kind.BOOLEAN
        return [as_number(value) if value.kind is Kind.BOOLEAN else value for value in branches], Kind.INTEGER
    if kinds <= NUMBERS:
        if Kind.REAL in kinds and any(
            value.kind is Kind.INTEGER and not value.is_literal for value in branches
        ):
            # PostgreSQL would make doubles of the integers, which have digits to lose.
            raise Untranslatable("integers and floating point numbers in one expression")
        return branches, Kind.NUMERIC
    if kinds == {Kind.ANY, Kind.TEXT}:
        return branches, Kind.ANY
    raise Untranslatable("values of several types in one expression: " + ", ".join(sorted(kinds)))


def form_of(values: Iterable[Value]) -> ScopeColumn | None:
    """Return the column in whose stored form values of one kind are, None where they are plain."""
    for value in values:
        if value.kind in (Kind.MOMENT, Kind.OPAQUE, Kind.JSON):
            return value.column or value.form
    return None


def _require_same_form(values: list[Value]) -> None:
    forms = {
        (value.column.type, value.column.codec, value.column.format) if value.column else None
        for value in values
        if value.kind is not Kind.NULL
    }
    if len(forms) > 1 or None in forms:
        raise Untranslatable("columns of several forms in one expression")


def kind_of(codec: str, params: Mapping[str, str]) -> Kind:
    """Return how expressions may use a column that this codec carries."""
    match codec:
        case "integer":
            return Kind.INTEGER
        case "boolean":
            return Kind.BOOLEAN
        case "real":
            return Kind.REAL
        case "numeric" if params.get("affinity") != "text":
            return Kind.NUMERIC
        case "text":
            return Kind.TEXT
        case "bytes" if params.get("text", "reject") == "reject":
            return Kind.BYTES
        case "iso-datetime" | "iso-date" | "iso-time":
            return Kind.MOMENT
        case "json" | "jsonb":
            return Kind.JSON
        case _:
            return Kind.OPAQUE


def scope_column(column: Column, plan: ColumnPlan, *, qualifier: str = "") -> ScopeColumn:
    """Describe a column of the source by its plan; `qualifier` is a quoted alias with its dot."""
    return ScopeColumn(
        name=plan.name,
        sql=qualifier + quote(plan.target_name),
        kind=kind_of(plan.codec, plan.params),
        type=plan.type,
        codec=plan.codec,
        format=plan.params.get("format", ""),
        params=plan.params,
        affinity=column.affinity,
        collation=column.collation,
        generated=not plan.copied,
    )
