"""
The plan as a TOML file that a person reads, edits and feeds back.

Pure: text in, text out. `render_plan` writes every decision that can be changed,
with what the codec makes of stored values beside each conversion as comments;
`parse_plan_file` reads the decisions back as edits. Comments are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, NoReturn

import tomlkit
from tomlkit.exceptions import TOMLKitError

from howdah.errors import UsageError
from howdah.model.owned import RowPolicy
from howdah.model.plan import (
    ORPHAN_CHOICES,
    SCHEMA_MODES,
    ColumnPlan,
    Plan,
    PlanOptions,
    RejectPolicy,
    TablePlan,
    TriggerPlan,
)
from howdah.planning.edits import ColumnEdit, PlanEdits, TableEdit
from howdah.planning.policies import POLICIES, read_policies
from howdah.planning.selection import LEFT_OUT_BY_FILE

#: Version of the file's form; a later form is refused instead of being read half.
FORMAT = 1

_HEADER = (
    "What howdah will do. Edit and run: howdah migrate SOURCE TARGET --plan THIS-FILE",
    "A table with include = false stays where it is. For a column you may set target_name, type, codec and",
    "params; codecs and their parameters: docs/reference/codecs.md. Of a trigger the policy: create or stub.",
)

#: Codecs that show values as they are; a comment would only repeat them.
_PLAIN = frozenset({"integer", "real", "text", "bytes"})

_TOP_KEYS = {"howdah_plan", "source", "complete", "options", "tables", "triggers"}
_TABLE_KEYS = {"include", "target_name", "rows", "orphans", "columns"}
_COLUMN_KEYS = {"type", "codec", "params", "target_name"}


def render_plan(plan: Plan) -> str:
    """Return the plan file; parsed and built again over the same source it gives the same plan."""
    document = tomlkit.document()
    for line in _HEADER:
        document.add(tomlkit.comment(line))
    document.add("howdah_plan", tomlkit.item(FORMAT))
    document.add("source", tomlkit.item(plan.source_path))
    document.add(
        tomlkit.comment("Every table and column is listed: the file is refused when the source has more.")
    )
    document.add("complete", tomlkit.item(_is_complete(plan)))
    for finding in plan.findings:
        document.add(tomlkit.comment(_one_line(f"{finding.code} {finding.object}: {finding.message}")))
    document.add("options", _render_options(plan.options))
    tables = tomlkit.table(is_super_table=True)
    orphans = read_policies(plan.options.policies).get("orphans", ORPHAN_CHOICES[0])
    for table in plan.tables:
        tables.add(table.name, _render_table(table, orphans))
    for name, reason in plan.skipped:
        if reason == LEFT_OUT_BY_FILE:
            left_out = tomlkit.table()
            left_out.add("include", tomlkit.item(False))
            tables.add(name, left_out)
        else:
            tables.add(tomlkit.comment(_one_line(f'left out: "{name}" ({reason})')))
    document.add("tables", tables)
    if plan.triggers:
        triggers = tomlkit.table(is_super_table=True)
        for trigger in plan.triggers:
            triggers.add(trigger.name, _render_trigger(trigger))
        document.add("triggers", triggers)
    return tomlkit.dumps(document)


def _is_complete(plan: Plan) -> bool:
    """A file that leaves tables out by --include or --exclude does not list all of them."""
    return not plan.options.include and not plan.options.exclude


def _render_options(options: PlanOptions) -> tomlkit.items.Table:
    table = tomlkit.table()
    for item in fields(PlanOptions):
        value = getattr(options, item.name)
        if value is None:
            table.add(tomlkit.comment(f'{item.name} = "…" (not set)'))
        elif isinstance(value, Enum):
            table.add(item.name, tomlkit.item(value.value))
        else:
            table.add(item.name, tomlkit.item(list(value) if isinstance(value, tuple) else value))
    return table


def _render_table(plan: TablePlan, orphans: str) -> tomlkit.items.Table:
    table = tomlkit.table()
    table.add(tomlkit.comment(f"{plan.rows} rows, {plan.bytes} bytes of values"))
    table.add("include", tomlkit.item(True))
    table.add("target_name", tomlkit.item(plan.target_name))
    if plan.row_policy is not None:
        table.add(tomlkit.comment(f"{plan.rows_before} rows are there: replace, keep, merge or refuse"))
        table.add("rows", tomlkit.item(plan.row_policy.value))
    if plan.orphans != orphans:
        table.add("orphans", tomlkit.item(plan.orphans))
    columns = tomlkit.table(is_super_table=True)
    for column in plan.columns:
        columns.add(column.name, _render_column(column))
    table.add("columns", columns)
    return table


def _render_trigger(plan: TriggerPlan) -> tomlkit.items.Table:
    table = tomlkit.table()
    if plan.reason:
        table.add(tomlkit.comment(_one_line(f"no certain translation: {plan.reason}")))
    table.add("policy", tomlkit.item(plan.policy))
    return table


def _render_column(plan: ColumnPlan) -> tomlkit.items.Table:
    table = tomlkit.table()
    table.add(tomlkit.comment(_one_line(plan.reason)))
    if plan.target_name != plan.name:
        table.add("target_name", tomlkit.item(plan.target_name))
    if plan.generated_sql is not None:
        table.add(tomlkit.comment(_one_line(f"computed by PostgreSQL: {plan.generated_sql}")))
    table.add("type", tomlkit.item(plan.type))
    table.add("codec", tomlkit.item(plan.codec))
    if plan.params:
        params = tomlkit.inline_table()
        for name, value in sorted(plan.params.items()):
            params.append(name, value)
        table.add("params", params)
    if plan.codec not in _PLAIN:
        for label, text in (
            ("smallest", plan.minimum),
            ("largest", plan.maximum),
            ("for example", ", ".join(plan.samples)),
        ):
            if text:
                table.add(tomlkit.comment(_one_line(f"{label}: {text}")))
    return table


def _one_line(text: str) -> str:
    """Make a comment of any text: TOML forbids control characters there."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))


def parse_plan_file(text: str, file: str = "plan file") -> PlanEdits:
    """
    Read a plan file into edits.

    Raises UsageError P-110 where it is not TOML, P-111 for a key that means nothing
    (a misspelt key must not be ignored) or a value of the wrong type, P-112 for a later form.
    """
    try:
        content: dict[str, Any] = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise UsageError(
            "P-110", f"{file} is not TOML", detail=str(error), hint="Correct the line that the detail names."
        ) from error
    _require_known(file, "", content, _TOP_KEYS)
    if content.get("howdah_plan", FORMAT) != FORMAT:
        raise UsageError(
            "P-112",
            f"{file} has the form {content['howdah_plan']!r}; this version reads {FORMAT}",
            hint='Write the plan again with "howdah plan -o FILE".',
        )
    complete = content.get("complete", False)
    if not isinstance(complete, bool):
        _wrong(file, "complete", "true or false")
    tables = _section(file, "tables", content.get("tables", {}))
    return PlanEdits(
        options=_parse_options(file, _section(file, "options", content.get("options", {}))),
        tables={
            name: _parse_table(file, f'tables."{name}"', _section(file, name, table))
            for name, table in tables.items()
        },
        triggers={
            name: _parse_trigger(file, f'triggers."{name}"', _section(file, name, trigger))
            for name, trigger in _section(file, "triggers", content.get("triggers", {})).items()
        },
        complete=complete,
        file=file,
    )


def _parse_trigger(file: str, where: str, content: Mapping[str, Any]) -> str:
    _require_known(file, where, content, {"policy"})
    policy = content.get("policy", "")
    choices = POLICIES["triggers"].choices
    if policy not in ("", *choices):
        _wrong(file, f"{where}.policy", " or ".join(choices))
    return str(policy)


def _parse_options(file: str, content: Mapping[str, Any]) -> dict[str, object]:
    defaults = PlanOptions()
    _require_known(file, "options", content, {item.name for item in fields(PlanOptions)})
    options: dict[str, object] = {}
    for name, value in content.items():
        where, default = f"options.{name}", getattr(defaults, name)
        if isinstance(default, tuple):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                _wrong(file, where, "a list of strings")
            options[name] = tuple(value)
        elif isinstance(default, RejectPolicy):
            if value not in [policy.value for policy in RejectPolicy]:
                _wrong(file, where, "one of " + ", ".join(policy.value for policy in RejectPolicy))
            options[name] = RejectPolicy(value)
        else:
            expected = str if default is None else type(default)
            if type(value) is not expected:
                _wrong(file, where, {str: "a string", bool: "true or false", int: "a number"}[expected])
            options[name] = value
    if options.get("schema_mode", "auto") not in SCHEMA_MODES:
        _wrong(file, "options.schema_mode", "one of " + ", ".join(SCHEMA_MODES))
    if options.get("json_type", "json") not in ("json", "jsonb", "text"):
        _wrong(file, "options.json_type", "json, jsonb or text")
    return options


def _parse_table(file: str, where: str, content: Mapping[str, Any]) -> TableEdit:
    _require_known(file, where, content, _TABLE_KEYS)
    include, target_name = content.get("include", True), _parse_target_name(file, where, content)
    if not isinstance(include, bool):
        _wrong(file, f"{where}.include", "true or false")
    rows = content.get("rows")
    if rows is not None and rows not in [policy.value for policy in RowPolicy]:
        _wrong(file, f"{where}.rows", "one of " + ", ".join(policy.value for policy in RowPolicy))
    orphans = content.get("orphans")
    if orphans is not None and orphans not in ORPHAN_CHOICES:
        _wrong(file, f"{where}.orphans", "one of " + ", ".join(ORPHAN_CHOICES))
    columns = _section(file, f"{where}.columns", content.get("columns", {}))
    return TableEdit(
        include=include,
        target_name=target_name,
        rows=RowPolicy(rows) if rows is not None else None,
        orphans=orphans,
        columns={
            name: _parse_column(file, f'{where}.columns."{name}"', _section(file, name, column))
            for name, column in columns.items()
        },
    )


def _parse_column(file: str, where: str, content: Mapping[str, Any]) -> ColumnEdit:
    _require_known(file, where, content, _COLUMN_KEYS)
    for key in ("type", "codec"):
        if key in content and not isinstance(content[key], str):
            _wrong(file, f"{where}.{key}", "a string")
    target_name = _parse_target_name(file, where, content)
    params = content.get("params")
    if params is not None:
        params = _section(file, f"{where}.params", params)
        if not all(isinstance(value, str) for value in params.values()):
            _wrong(file, f"{where}.params", "a table of strings")
    codec = content.get("codec")
    # A codec written without parameters has none.
    return ColumnEdit(
        type=content.get("type"),
        codec=codec,
        params={} if codec and params is None else params,
        target_name=target_name,
    )


def _parse_target_name(file: str, where: str, content: Mapping[str, Any]) -> str | None:
    name = content.get("target_name")
    if name is not None and not (isinstance(name, str) and name):
        _wrong(file, f"{where}.target_name", "a name")
    return name


def _section(file: str, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _wrong(file, where, "a table")
    return value


def _require_known(file: str, where: str, content: Mapping[str, Any], known: set[str]) -> None:
    for key in content:
        if key not in known:
            place = f"{where}.{key}" if where else key
            raise UsageError(
                "P-111",
                f"{file}: {place} means nothing",
                hint="Known here: " + ", ".join(sorted(known)) + ".",
            )


def _wrong(file: str, where: str, expected: str) -> NoReturn:
    raise UsageError("P-111", f"{file}: {where} must be {expected}")
