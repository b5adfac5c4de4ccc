"""
Turn what packs say into what a plan needs: row policies, codecs of columns, findings. Pure.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from howdah.errors import UsageError
from howdah.model.app_pack import AppPack, CheckAnswer, CheckKind, Conversion
from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.owned import OwnedFacts, RowPolicy
from howdah.model.source import Column, SourceCatalog, fold_name
from howdah.model.target_type import TargetType
from howdah.planning.owned import AppRules
from howdah.planning.owned_columns import ColumnOverride
from howdah.planning.owned_match import match_schema

#: Values that a message lists at the most.
_LISTED_MAX = 8

Hook = Callable[[AppPack, SourceCatalog, OwnedFacts], Sequence[Conversion]]


def build_rules(
    packs: Iterable[AppPack], catalog: SourceCatalog, owned: OwnedFacts, answers: Iterable[CheckAnswer]
) -> AppRules:
    """
    Return what the packs of this database say.

    Of two rules for one table or column the later pack's holds, and within a pack the later
    rule. Raises UsageError A-503 for a hook that does not load.
    """
    policies: dict[str, RowPolicy] = {}
    overrides: dict[tuple[str, str], ColumnOverride] = {}
    epoch_units: dict[str, str] = {}
    findings: list[Finding] = []
    for pack in packs:
        findings += _introduce(pack)
        epoch_units |= pack.epoch_units
        for rule in pack.tables:
            for table in catalog.tables:
                if any(fnmatchcase(fold_name(table.name), fold_name(pattern)) for pattern in rule.tables):
                    policies[table.name] = rule.policy
        conversions = (*pack.conversions, *_run_hook(pack, catalog, owned))
        overrides |= _choose_overrides(pack, conversions, catalog, owned)
    findings += [finding for answer in answers for finding in _judge(answer)]
    return AppRules(policies=policies, overrides=overrides, epoch_units=epoch_units, findings=tuple(findings))


def _introduce(pack: AppPack) -> list[Finding]:
    name = f'application "{pack.name}"'
    by = "" if pack.origin == "howdah" else f" (pack of {pack.origin})"
    findings = [make_finding("F-701", name, f"the source looks like {pack.title}{by}")]
    if pack.tables:
        detail = "; ".join(f"{', '.join(rule.tables)}: {rule.policy}, {rule.reason}" for rule in pack.tables)
        findings.append(make_finding("F-703", name, "some tables are not simply replaced", detail=detail))
    if pack.secrets:
        message = "the new deployment needs the same values of " + ", ".join(pack.secrets)
        findings.append(make_finding("F-704", name, message))
    findings += [make_finding("F-705", name, sentence) for sentence in pack.outside]
    findings += [make_finding("F-706", name, sentence) for sentence in pack.next_steps]
    return findings


def _choose_overrides(
    pack: AppPack, conversions: Sequence[Conversion], catalog: SourceCatalog, owned: OwnedFacts
) -> dict[tuple[str, str], ColumnOverride]:
    chosen: dict[tuple[str, str], ColumnOverride] = {}
    for pair in match_schema(catalog.tables, owned).tables:
        for column in pair.source.columns:
            target = pair.columns.get(column.name)
            if target is None:
                continue
            for conversion in conversions:
                if _concerns(conversion, pair.source.name, column, pair.target.type_of(target.name)):
                    chosen[pair.source.name, column.name] = ColumnOverride(
                        codec=conversion.codec,
                        params=conversion.params,
                        origin=f'pack "{pack.name}": {conversion.reason}'.removesuffix(": "),
                    )
    return chosen


def _concerns(conversion: Conversion, table: str, column: Column, target: TargetType) -> bool:
    declared = column.declared_type.upper()
    return (
        fnmatchcase(fold_name(f"{table}.{column.name}"), fold_name(conversion.columns))
        and (not conversion.declared or any(fnmatchcase(declared, one) for one in conversion.declared))
        and (not conversion.target or target.stored.name in conversion.target)
    )


def _run_hook(pack: AppPack, catalog: SourceCatalog, owned: OwnedFacts) -> Sequence[Conversion]:
    if not pack.hook:
        return ()
    module_name, colon, function_name = pack.hook.partition(":")
    try:
        module: Any = importlib.import_module(module_name)
        hook: Hook = getattr(module, function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            "A-503",
            f'hook "{pack.hook}" of application pack "{pack.name}" does not load',
            detail=str(error),
            hint='Write it as "module:function".' if not colon else f"Install what {pack.origin} needs.",
        ) from error
    return hook(pack, catalog, owned)


def _judge(answer: CheckAnswer) -> list[Finding]:
    check = answer.check
    name = name_table(check.table)
    if answer.unanswered:
        return [make_finding("F-708", name, f"{check.message}: {answer.unanswered}", hint=check.hint or None)]
    if not (answer.source_only or answer.target_only):
        return []
    parts = []
    if answer.source_only:
        where = "only in the source" if check.kind is CheckKind.SAME_VALUES else "in the source"
        parts.append(f"{where}: {_list(answer.source_only)}")
    if answer.target_only:
        parts.append(f"only in the target: {_list(answer.target_only)}")
    code = "F-702" if check.refuse else "F-707"
    message = f"{check.message} ({'; '.join(parts)})"
    return [make_finding(code, name, message, hint=check.hint or None)]


def _list(values: Sequence[str]) -> str:
    more = len(values) - _LISTED_MAX
    return ", ".join(values[:_LISTED_MAX]) + (f" and {more} more" if more > 0 else "")
