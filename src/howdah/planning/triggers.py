"""
Triggers as a file of PL/pgSQL that a person finishes: complete where certain, a stub otherwise.

Pure. Nothing of it is run by a migration: a trigger is a program, and what it does to rows that are being
loaded nobody wants. Certain is a body that only refuses (RAISE) or skips a row, with a condition that the
dialect translates; of any other body the SQLite text stands in the function as a comment, and the function
fails when it is called, so that a stub is not taken for the trigger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from howdah.errors import RefusedError
from howdah.model.plan import PlanOptions
from howdah.model.source import Trigger, fold_name
from howdah.names import qualified, quote, quote_literal
from howdah.planning.design import TableDesign
from howdah.planning.dialect import translate_condition
from howdah.planning.sql_values import ScopeColumn, Untranslatable, scope_column
from howdah.planning.target_names import fold

_HEADER = """\
-- The triggers of the SQLite database, for PostgreSQL. Nothing of this file has been run.
-- Read each, finish what says TODO, then run it with psql.
"""
#: BEGIN SELECT RAISE(ABORT, 'words'); END
_REFUSAL = re.compile(
    r"^BEGIN\s+SELECT\s+RAISE\s*\(\s*(ABORT|FAIL|ROLLBACK)\s*,\s*'((?:[^']|'')*)'\s*\)\s*;\s*END\s*;?\s*$",
    re.IGNORECASE,
)
_SKIP = re.compile(r"^BEGIN\s+SELECT\s+RAISE\s*\(\s*IGNORE\s*\)\s*;\s*END\s*;?\s*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _RowScope:
    """The columns of the row before and after, as NEW and OLD."""

    design: TableDesign
    rows: tuple[str, ...]

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        row = table.upper()
        if row not in self.rows:
            return None
        for column in self.design.source.columns:
            if fold_name(column.name) == fold_name(name):
                return scope_column(column, self.design.plan.column(column.name), qualifier=f"{row}.")
        return None


def render_triggers(
    triggers: Sequence[Trigger], designs: Mapping[str, TableDesign], options: PlanOptions
) -> str:
    """Return the file for all triggers, "" where there is none; `designs` by lower-case source name."""
    parts = [_render(trigger, designs.get(fold_name(trigger.table)), options) for trigger in triggers]
    return "\n".join([_HEADER, *parts]) if parts else ""


def is_certain(trigger: Trigger, design: TableDesign | None) -> bool:
    """Whether the file has the trigger complete."""
    return design is not None and _complete_body(trigger, design) is not None


def _render(trigger: Trigger, design: TableDesign | None, options: PlanOptions) -> str:
    written = "\n".join(f"-- {line}" for line in trigger.sql.splitlines())
    title = f'-- Trigger "{_one_line(trigger.name)}" of "{_one_line(trigger.table)}". In SQLite:'
    if not trigger.timing or not trigger.name:
        return f"{title}\n{written}\n-- TODO: its statement could not be read.\n"
    try:
        name = fold(trigger.name, options)
        function = qualified(options.schema, name)
        table = fold(trigger.table, options)
        target = design.target if design is not None else qualified(options.schema, table)
        columns = ", ".join(quote(_target_name(column, design, options)) for column in trigger.columns)
    except RefusedError as error:
        return f"{title}\n{written}\n-- TODO: {_one_line(error.message)}\n"
    body = _complete_body(trigger, design) if design is not None else None
    if body is None:
        lines = "\n".join(f"    -- {line}" for line in (trigger.body_sql or trigger.sql).splitlines())
        if trigger.when_sql:
            lines = f"    -- WHEN {_one_line(trigger.when_sql)}\n{lines}"
        refusal = quote_literal(f'trigger "{_one_line(trigger.name)}" is not written yet').replace("%", "%%")
        body = f"    -- TODO: write this for PostgreSQL, then remove the next line.\n{lines}\n"
        body += f"    RAISE EXCEPTION {refusal};\n    RETURN {_row(trigger)};"
    event = trigger.event + (f" OF {columns}" if columns else "")
    tag = "$howdah$"
    return (
        f"{title}\n{written}\n"
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {tag}\n"
        f"BEGIN\n{body}\nEND\n{tag};\n"
        f"CREATE TRIGGER {quote(name)} {trigger.timing} {event} ON {target}\n"
        f"    FOR EACH ROW EXECUTE FUNCTION {function}();\n"
    )


def _target_name(column: str, design: TableDesign | None, options: PlanOptions) -> str:
    """Return what a column that a trigger names is called in PostgreSQL."""
    found = design.scope.resolve("", column) if design is not None else None
    if design is None or found is None:
        return fold(column, options)
    return design.plan.column(found.name).target_name


def _complete_body(trigger: Trigger, design: TableDesign) -> str | None:
    """Return the statements of a trigger that only refuses or skips a row, None for any other."""
    body = trigger.body_sql.strip()
    refusal, skip = _REFUSAL.match(body), _SKIP.match(body)
    if refusal is None and (skip is None or trigger.timing != "BEFORE"):
        return None
    if "$howdah$" in trigger.sql:
        return None
    if refusal is not None:
        words = quote_literal(refusal.group(2).replace("''", "'").replace("%", "%%"))
        action = f"RAISE EXCEPTION {words};"
    else:
        action = "RETURN NULL;"
    row = f"    RETURN {_row(trigger)};"
    if not trigger.when_sql:
        return f"    {action}\n{row}" if refusal is not None else f"    {action}"
    rows = {"INSERT": ("NEW",), "DELETE": ("OLD",), "UPDATE": ("NEW", "OLD")}[trigger.event]
    try:
        condition = translate_condition(trigger.when_sql, _RowScope(design=design, rows=rows))
    except Untranslatable:
        return None
    return f"    IF {condition} THEN\n        {action}\n    END IF;\n{row}"


def _row(trigger: Trigger) -> str:
    return "OLD" if trigger.event == "DELETE" else "NEW"


def _one_line(text: str) -> str:
    return " ".join(text.split())
