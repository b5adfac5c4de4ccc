"""
Triggers as PL/pgSQL: complete where certain, else a stub that a person finishes.

Pure. Of a body that is not certain the SQLite text stands in the function as a comment, and the function
fails when it is called, so that a stub is not taken for the trigger. `planning.trigger_steps` makes steps
of what is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from howdah.errors import RefusedError
from howdah.model.plan import PlanOptions
from howdah.model.source import Trigger, fold_name
from howdah.names import assign_names, qualified, quote, quote_literal
from howdah.planning.design import TableDesign
from howdah.planning.dialect import refusing_depth
from howdah.planning.sql_values import Untranslatable
from howdah.planning.target_names import fold
from howdah.planning.trigger_bodies import Body, translate_body

_TAG = "$howdah$"
#: A setting of the session that names the triggers that are running.
_RUNNING = "howdah.running_triggers"


@dataclass(frozen=True, kw_only=True)
class TranslatedTrigger:
    """A trigger of the source, and what it is in PostgreSQL."""

    trigger: Trigger
    #: The name of the trigger and of its function, unquoted.
    target_name: str
    #: The table that it is of; None where that is a view or is not carried.
    design: TableDesign | None = None
    #: None for a stub.
    body: Body | None = None
    #: The SQL that makes it, "" for a stub.
    sql: str = ""
    #: Why it is a stub, "" where it is complete.
    reason: str = ""


def translate_triggers(
    triggers: Sequence[Trigger], designs: Mapping[str, TableDesign], options: PlanOptions
) -> tuple[TranslatedTrigger, ...]:
    """Translate all triggers of the source; `designs` by folded source name."""
    names = assign_names(fold(trigger.name, options) for trigger in triggers)
    translated = [
        _translate(trigger, names[fold(trigger.name, options)], designs, options, triggers)
        for trigger in triggers
    ]
    return tuple(
        _stub_because(item, "its order among others matters") if _depends_on_order(item, translated) else item
        for item in translated
    )


def _translate(
    trigger: Trigger,
    name: str,
    designs: Mapping[str, TableDesign],
    options: PlanOptions,
    triggers: Sequence[Trigger],
) -> TranslatedTrigger:
    design = designs.get(fold_name(trigger.table))
    stub = TranslatedTrigger(trigger=trigger, target_name=name, design=design)
    if design is None:
        return _stub_because(stub, f'"{trigger.table}" is a view or is not carried')
    if not trigger.timing or not trigger.name:
        return _stub_because(stub, "it could not be read")
    try:
        with refusing_depth():
            body = translate_body(trigger, design, designs, triggers)
        sql = _create(stub, _complete(body, trigger, qualified(options.schema, name)), options)
    except (Untranslatable, RefusedError) as reason:
        return _stub_because(stub, str(reason))
    return TranslatedTrigger(trigger=trigger, target_name=name, design=design, body=body, sql=sql)


def _stub_because(item: TranslatedTrigger, reason: str) -> TranslatedTrigger:
    return TranslatedTrigger(
        trigger=item.trigger, target_name=item.target_name, design=item.design, reason=reason
    )


def _depends_on_order(item: TranslatedTrigger, others: Sequence[TranslatedTrigger]) -> bool:
    """Whether another trigger fires at the same moment, and one writes to what the other writes or reads."""
    if item.body is None:
        return False
    ours, body = item.trigger, item.body
    return any(
        other is not item
        and other.body is not None
        and (fold_name(other.trigger.table), other.trigger.timing, other.trigger.event)
        == (fold_name(ours.table), ours.timing, ours.event)
        and (other.body.writes & (body.writes | body.reads) or other.body.reads & body.writes)
        for other in others
    )


def render_trigger(item: TranslatedTrigger, options: PlanOptions, *, reason: str = "") -> str:
    """Return what triggers.sql has of one: complete, or with a `reason` or its own a stub."""
    trigger = item.trigger
    written = "\n".join(f"-- {line}" for line in trigger.sql.splitlines())
    title = f'-- Trigger "{_one_line(trigger.name)}" of "{_one_line(trigger.table)}". In SQLite:'
    if not trigger.timing or not trigger.name:
        return f"{title}\n{written}\n-- TODO: its statement could not be read.\n"
    reason = reason or item.reason
    try:
        return f"{title}\n{written}\n{_create(item, _stub(trigger, reason), options) if reason else item.sql}"
    except RefusedError as error:
        return f"{title}\n{written}\n-- TODO: {_one_line(error.message)}\n"


def _create(item: TranslatedTrigger, body: str, options: PlanOptions) -> str:
    trigger, design = item.trigger, item.design
    function = qualified(options.schema, item.target_name)
    target = design.target if design is not None else qualified(options.schema, fold(trigger.table, options))
    columns = ", ".join(quote(_target_name(column, design, options)) for column in trigger.columns)
    event = trigger.event + (f" OF {columns}" if columns else "")
    return (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {_TAG}\n"
        f"{body}\n{_TAG};\n"
        f"CREATE TRIGGER {quote(item.target_name)} {trigger.timing} {event} ON {target}\n"
        f"    FOR EACH ROW EXECUTE FUNCTION {function}();\n"
    )


def _target_name(column: str, design: TableDesign | None, options: PlanOptions) -> str:
    """Return what a column that a trigger names is called in PostgreSQL."""
    found = design.scope.resolve("", column) if design is not None else None
    if design is None or found is None:
        return fold(column, options)
    return design.plan.column(found.name).target_name


def _stub(trigger: Trigger, reason: str) -> str:
    lines = "\n".join(f"    -- {line}" for line in (trigger.body_sql or trigger.sql).splitlines())
    if trigger.when_sql:
        lines = f"    -- WHEN {_one_line(trigger.when_sql)}\n{lines}"
    refusal = quote_literal(f'trigger "{_one_line(trigger.name)}" is not written yet').replace("%", "%%")
    return (
        f"BEGIN\n    -- TODO: write this for PostgreSQL, then remove the next line."
        f" Not certain: {_one_line(reason)}.\n{lines}\n"
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
