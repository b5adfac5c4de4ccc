"""
Triggers as PL/pgSQL: complete where certain, else a stub that a person finishes.

Pure. Of a body that is not certain the SQLite text stands in the function as a comment, and the function
fails when it is called, so that a stub is not taken for the trigger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from howdah.errors import RefusedError
from howdah.model.plan import PlanOptions
from howdah.model.source import Trigger, fold_name
from howdah.names import qualified, quote, quote_literal
from howdah.planning.design import TableDesign
from howdah.planning.sql_values import Untranslatable
from howdah.planning.target_names import fold
from howdah.planning.trigger_bodies import Body, translate_body

_HEADER = """\
-- The triggers of the SQLite database, for PostgreSQL. Nothing of this file has been run.
-- Read each, finish what says TODO, then run it with psql.
"""

_TAG = "$howdah$"
#: A setting of the session that names the triggers that are running.
_RUNNING = "howdah.running_triggers"


@dataclass(frozen=True, kw_only=True)
class TranslatedTrigger:
    """A trigger of the source, and what it is in PostgreSQL."""

    trigger: Trigger
    #: None for a stub.
    body: Body | None
    #: Why it is a stub, "" where it is complete.
    reason: str = ""


def translate_triggers(
    triggers: Sequence[Trigger], designs: Mapping[str, TableDesign]
) -> tuple[TranslatedTrigger, ...]:
    """Translate all triggers of the source; `designs` by folded source name."""
    translated = [_translate(trigger, designs) for trigger in triggers]
    return tuple(
        TranslatedTrigger(trigger=item.trigger, body=None, reason="its order among others matters")
        if _depends_on_order(item, translated)
        else item
        for item in translated
    )


def _translate(trigger: Trigger, designs: Mapping[str, TableDesign]) -> TranslatedTrigger:
    design = designs.get(fold_name(trigger.table))
    if design is None:
        reason = f'"{trigger.table}" is a view or is not carried'
        return TranslatedTrigger(trigger=trigger, body=None, reason=reason)
    if not trigger.timing or not trigger.name:
        return TranslatedTrigger(trigger=trigger, body=None, reason="it could not be read")
    try:
        return TranslatedTrigger(trigger=trigger, body=translate_body(trigger, design, designs))
    except (Untranslatable, RefusedError) as reason:
        return TranslatedTrigger(trigger=trigger, body=None, reason=str(reason))


def _depends_on_order(item: TranslatedTrigger, others: Sequence[TranslatedTrigger]) -> bool:
    """Whether another trigger fires at the same moment and writes to the same table."""
    if item.body is None or not item.body.writes:
        return False
    ours = item.trigger
    return any(
        other is not item
        and other.body is not None
        and (fold_name(other.trigger.table), other.trigger.timing, other.trigger.event)
        == (fold_name(ours.table), ours.timing, ours.event)
        and other.body.writes & item.body.writes
        for other in others
    )


def render_triggers(
    triggers: Sequence[TranslatedTrigger], designs: Mapping[str, TableDesign], options: PlanOptions
) -> str:
    """Return the file for all triggers, "" where there is none."""
    parts = [_render(item, designs.get(fold_name(item.trigger.table)), options) for item in triggers]
    return "\n".join([_HEADER, *parts]) if parts else ""


def _render(item: TranslatedTrigger, design: TableDesign | None, options: PlanOptions) -> str:
    trigger = item.trigger
    written = "\n".join(f"-- {line}" for line in trigger.sql.splitlines())
    title = f'-- Trigger "{_one_line(trigger.name)}" of "{_one_line(trigger.table)}". In SQLite:'
    if not trigger.timing or not trigger.name:
        return f"{title}\n{written}\n-- TODO: its statement could not be read.\n"
    try:
        return f"{title}\n{written}\n{_create(item, design, options)}"
    except RefusedError as error:
        return f"{title}\n{written}\n-- TODO: {_one_line(error.message)}\n"


def _create(item: TranslatedTrigger, design: TableDesign | None, options: PlanOptions) -> str:
    trigger = item.trigger
    name = fold(trigger.name, options)
    function = qualified(options.schema, name)
    target = design.target if design is not None else qualified(options.schema, fold(trigger.table, options))
    columns = ", ".join(quote(_target_name(column, design, options)) for column in trigger.columns)
    body = _stub(item) if item.body is None else _complete(item.body, trigger, function)
    event = trigger.event + (f" OF {columns}" if columns else "")
    return (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {_TAG}\n"
        f"{body}\n{_TAG};\n"
        f"CREATE TRIGGER {quote(name)} {trigger.timing} {event} ON {target}\n"
        f"    FOR EACH ROW EXECUTE FUNCTION {function}();\n"
    )


def _target_name(column: str, design: TableDesign | None, options: PlanOptions) -> str:
    """Return what a column that a trigger names is called in PostgreSQL."""
    found = design.scope.resolve("", column) if design is not None else None
    if design is None or found is None:
        return fold(column, options)
    return design.plan.column(found.name).target_name


def _stub(item: TranslatedTrigger) -> str:
    trigger = item.trigger
    lines = "\n".join(f"    -- {line}" for line in (trigger.body_sql or trigger.sql).splitlines())
    if trigger.when_sql:
        lines = f"    -- WHEN {_one_line(trigger.when_sql)}\n{lines}"
    refusal = quote_literal(f'trigger "{_one_line(trigger.name)}" is not written yet').replace("%", "%%")
    return (
        f"BEGIN\n    -- TODO: write this for PostgreSQL, then remove the next line."
        f" Not certain: {_one_line(item.reason)}.\n{lines}\n"
        f"    RAISE EXCEPTION {refusal};\n    RETURN {_row(trigger)};\nEND"
    )


def _complete(body: Body, trigger: Trigger, function: str) -> str:
    lines = list(body.lines)
    if not body.writes:
        text = "\n".join(f"    {line}" for line in lines)
        return f"BEGIN\n{text}\n    RETURN {_row(trigger)};\nEND"
    leave = f"PERFORM set_config('{_RUNNING}', running, true);"
    mine = quote_literal(f"<{function}>")
    lines = [line.replace("RETURN NULL;", f"{leave} RETURN NULL;") for line in lines]
    text = "\n".join(f"    {line}" for line in lines)
    return (
        f"DECLARE\n    running text := coalesce(current_setting('{_RUNNING}', true), '');\n"
        "BEGIN\n    -- As in SQLite (recursive_triggers is off), a trigger that runs is not fired again.\n"
        f"    IF strpos(running, {mine}) > 0 THEN\n        RETURN {_row(trigger)};\n    END IF;\n"
        f"    PERFORM set_config('{_RUNNING}', running || {mine}, true);\n"
        f"{text}\n    {leave}\n    RETURN {_row(trigger)};\nEND"
    )


def _row(trigger: Trigger) -> str:
    return "OLD" if trigger.event == "DELETE" else "NEW"


def _one_line(text: str) -> str:
    return " ".join(text.split())
