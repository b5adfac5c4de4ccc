"""
What becomes of each trigger, and the steps that try and make those whose translation is certain.

Pure. A translation is certain by construction and not trusted all the same: it is tried on both sides with
the same statements (`loading.trial_step`) before it is made, and made after every row is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from howdah.errors import UsageError
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import Phase, PlanOptions, Step, StepKind, TriggerPlan, TriggerTrial
from howdah.model.source import Trigger, fold_name
from howdah.names import qualified
from howdah.planning.design import TableDesign
from howdah.planning.edits import PlanEdits
from howdah.planning.policies import read_policies
from howdah.planning.triggers import TranslatedTrigger, render_trigger, translate_triggers

#: Constants of one text that are tried.
_CONSTANTS_MAX = 8
_NOT_MADE = "it was not made, as the report says why (F-907, F-909)"


@dataclass(frozen=True, kw_only=True)
class PlannedTriggers:
    triggers: tuple[TriggerPlan, ...]
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]


def plan_triggers(
    triggers: Sequence[Trigger],
    designs: Mapping[str, TableDesign],
    options: PlanOptions,
    edits: PlanEdits | None,
) -> PlannedTriggers:
    """
    Decide for each trigger; `designs` by folded source name.

    Raises UsageError P-102 where the plan file names a trigger that there is not, P-104 where it asks for
    one to be made that has no certain translation.
    """
    wished = {fold_name(name): policy for name, policy in (edits.triggers if edits else {}).items()}
    unknown = wished.keys() - {fold_name(trigger.name) for trigger in triggers}
    if edits is not None and unknown:
        raise UsageError(
            "P-102",
            f'{edits.file} does not fit the source: trigger "{min(unknown)}"',
            detail="the source has no such trigger",
            hint='Write the plan again with "howdah plan -o FILE".',
        )
    usual = read_policies(options.policies).get("triggers", "create")
    plans: list[TriggerPlan] = []
    made: list[tuple[Step, TriggerTrial]] = []
    findings: list[Finding] = []
    for item in translate_triggers(triggers, designs, options):
        policy = wished.get(fold_name(item.trigger.name), "")
        if policy == "create" and item.body is None:
            raise UsageError(
                "P-104",
                f"{edits.file if edits else ''} cannot be carried out: {_label(item.trigger)}",
                detail=f"No translation of it is certain: {item.reason}.",
                hint='Say policy = "stub" and finish triggers.sql in the report directory.',
            )
        if item.body is None or (policy or usual) == "stub":
            plans.append(_plan(item, "stub", render_trigger(item, options)))
            findings.append(_tell(item))
            continue
        if item.target_name != item.trigger.name:
            message = f'becomes trigger "{item.target_name}" in PostgreSQL'
            findings.append(make_finding("F-121", _label(item.trigger), message))
        step = _build_step(item)
        plans.append(_plan(item, "create", render_trigger(item, options, reason=_NOT_MADE), step.id))
        made.append((step, _build_trial(item, step, designs, options)))
    steps = [step for step, _ in made]
    if made:
        trial = Step(
            id="trials",
            phase=Phase.POST_DATA,
            kind=StepKind.TRIAL,
            object="translated triggers",
            trials=tuple(trial for _, trial in made),
        )
        steps.insert(0, trial)
    return PlannedTriggers(triggers=tuple(plans), steps=tuple(steps), findings=tuple(findings))


def _label(trigger: Trigger) -> str:
    return f'trigger "{trigger.name}" of "{trigger.table}"'


def _tell(item: TranslatedTrigger) -> Finding:
    found = "it complete" if item.body is not None else f"a stub of it: {item.reason}"
    message = f"it is not carried; triggers.sql in the report directory has {found}"
    return make_finding("F-103", _label(item.trigger), message, detail=item.trigger.sql)


def _plan(item: TranslatedTrigger, policy: str, stub: str, step_id: str = "") -> TriggerPlan:
    trigger = item.trigger
    return TriggerPlan(
        name=trigger.name,
        table=trigger.table,
        policy=policy,
        reason=item.reason,
        step_id=step_id,
        stub=stub,
    )


def _build_step(item: TranslatedTrigger) -> Step:
    assert item.design is not None
    return Step(
        id=f"trigger:{item.trigger.name}",
        phase=Phase.POST_DATA,
        kind=StepKind.TRIGGER,
        table=item.design.name,
        object=item.target_name,
        sql=item.sql,
        optional=True,
    )


def _build_trial(
    item: TranslatedTrigger, step: Step, designs: Mapping[str, TableDesign], options: PlanOptions
) -> TriggerTrial:
    assert item.design is not None
    assert item.body is not None
    trigger = item.trigger
    source = item.design.source
    words, numbers, texts = _read_text(f"{trigger.when_sql} ; {trigger.body_sql}")
    of = {fold_name(column) for column in trigger.columns}
    return TriggerTrial(
        name=trigger.name,
        table=source.name,
        event=trigger.event,
        columns=tuple(column.name for column in source.columns if fold_name(column.name) in of),
        mentioned=tuple(column.name for column in source.columns if fold_name(column.name) in words),
        numbers=tuple(numbers),
        texts=tuple(texts),
        related=tuple(
            (other.name, column.name)
            for name, other in designs.items()
            if name in words and other.name != source.name
            for column in other.source.columns
            if fold_name(column.name) in words
        )[:_CONSTANTS_MAX],
        writes=tuple(designs[name].name for name in sorted(item.body.writes)),
        changing="random" in trigger.sql.lower(),
        step_id=step.id,
        translated_sql=step.sql,
        drop_sql=f"DROP FUNCTION {qualified(options.schema, item.target_name)}() CASCADE",
        written_sql=trigger.sql,
    )


def _read_text(sql: str) -> tuple[frozenset[str], list[float], list[str]]:
    """Return the names, numbers and texts that SQL has."""
    try:
        tokens = sqlglot.tokenize(sql, read="sqlite")
    except SqlglotError:
        return frozenset(re.findall(r"\w+", fold_name(sql))), [], []
    names = frozenset(fold_name(token.text) for token in tokens)
    numbers = [float(token.text) for token in tokens if token.token_type is TokenType.NUMBER]
    texts = [token.text for token in tokens if token.token_type is TokenType.STRING]
    return names, list(dict.fromkeys(numbers))[:_CONSTANTS_MAX], list(dict.fromkeys(texts))[:_CONSTANTS_MAX]
