"""The COPY statement of a table, and what the server may say of its rows."""

from __future__ import annotations

import psycopg
from psycopg import sql

from howdah.model.plan import TablePlan

#: What the server says of a row that it will not have: bad data, a violated constraint, or more short
#: values than fit on a page (which TOAST cannot move out of the row).
ROW_REJECTED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


def compose_copy(plan: TablePlan, *, freeze: bool = False) -> sql.Composed:
    """Compose COPY … FROM STDIN for the copied columns, by name, in the order of the plan."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary{})").format(
        compose_table(plan),
        sql.SQL(", ").join(sql.Identifier(column.target_name) for column in plan.copied_columns),
        sql.SQL(", FREEZE" if freeze else ""),
    )


def compose_table(plan: TablePlan) -> sql.Identifier:
    """Compose the qualified name of the table."""
    return sql.Identifier(plan.target_schema, plan.target_name)
