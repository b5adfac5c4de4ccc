"""
A value as a column stores it: what an INSERT or UPDATE of a trigger writes.

Pure. SQLite gives a value the form of the column's affinity; PostgreSQL needs the very type. Where
what SQLite would store has no certain form in the planned type, `Untranslatable`.
"""

from __future__ import annotations

from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity, Column
from howdah.planning.defaults import render_default
from howdah.planning.number_text import double_as_numeric
from howdah.planning.sql_values import Kind, Untranslatable, Value, as_number, as_text, kind_of


def assigned(value: Value, plan: ColumnPlan, column: Column) -> str:
    """Return the SQL of the value in the form of the column. Raises Untranslatable."""
    if value.kind is Kind.NULL:
        return "NULL"
    known = value.column or value.form
    if known is not None and known.codec and (known.type, known.codec, dict(known.params)) == (
        plan.type,
        plan.codec,
        dict(plan.params),
    ):  # fmt: skip
        if known.affinity is column.affinity or known.codec not in ("text", "any-text", "numeric"):
            return value.operand
        raise Untranslatable(f'a value of "{known.name}" in a column of another affinity')
    if value.is_literal or value.now:
        return render_default(value, plan, column.affinity) or "NULL"
    is_text = column.affinity is Affinity.TEXT
    form = plan.params.get("format", "date")
    match kind_of(plan.codec, plan.params):
        case Kind.TEXT if is_text and value.kind is not Kind.REAL:
            return as_text(value).operand
        case Kind.INTEGER if value.kind in (Kind.INTEGER, Kind.BOOLEAN) and not is_text:
            return as_number(value).operand
        case Kind.BOOLEAN if value.kind is Kind.BOOLEAN:
            return value.operand
        case Kind.REAL if value.kind in (Kind.INTEGER, Kind.REAL, Kind.NUMERIC, Kind.BOOLEAN):
            return f"{as_number(value).operand}::double precision"
        case Kind.NUMERIC if value.kind in (Kind.INTEGER, Kind.BOOLEAN):
            return f"{as_number(value).operand}::numeric"
        case Kind.NUMERIC if value.kind is Kind.REAL:
            return double_as_numeric(value.operand, column.affinity)
        case Kind.BYTES if value.kind is Kind.BYTES:
            return value.operand
        case Kind.MOMENT if value.moment is not None and form == value.moment.form:
            zoned = plan.type.startswith("timestamptz")
            cast = "::date" if plan.codec == "iso-date" else " AT TIME ZONE 'utc'" if zoned else ""
            return f"({value.moment.sql}){cast}"
        case _:
            raise Untranslatable(f'{value.kind} in column "{column.name}", which becomes {plan.type}')
