"""
Decide how one column is carried into a type that the application chose.

Pure. The target's type is given; what SQLite really stores and the options choose the
codec. A value that the type cannot hold is set aside by the codec under its reason:
nothing is squeezed in. A type that no codec writes leaves the decision without a codec,
and the caller refuses or leaves the column out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from howdah.codecs.pgtypes import parse_type
from howdah.codecs.registry import check_params, get_codec
from howdah.model.census import Census, ColumnCensus
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.source import SourceCatalog
from howdah.model.target_type import TargetType
from howdah.planning.asked_types import describe_misfit
from howdah.planning.column_facts import ColumnFacts
from howdah.planning.declared import Family, read_declared_type
from howdah.planning.design import census_of, column_census
from howdah.planning.owned_codecs import (
    OwnedOptions,
    choose_codec,
    clear_units,
    name_wire_type,
    params_needed,
)
from howdah.planning.value_checks import check_values

#: Findings that a policy among the parameters settles.
_SETTLED_BY = {"F-211": "nul", "F-212": "invalid_utf8", "F-221": "unit", "F-225": "bare"}


@dataclass(frozen=True, kw_only=True)
class ColumnOverride:
    """What a person or a pack says about one column."""

    #: Name in the codec registry, "" leaves the choice to the rules.
    codec: str = ""
    #: Laid over those that the rules chose for the same codec, or the parameters of `codec`.
    params: Mapping[str, str] = field(default_factory=dict)
    #: Who said so, for the reason: 'pack "strapi"', "plan file".
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnedDecision:
    #: As PostgreSQL's catalog names it.
    type: str
    #: The same for the codecs (`codecs.pgtypes.parse_type`): a domain's base, "enum", "array"….
    wire_type: str
    #: Name in the codec registry, "" where no codec can write the type.
    codec: str
    params: Mapping[str, str] = field(default_factory=dict)
    #: One sentence.
    reason: str
    findings: tuple[Finding, ...] = ()


def decide_owned_column(
    facts: ColumnFacts,
    target: TargetType,
    options: OwnedOptions,
    override: ColumnOverride | None = None,
) -> OwnedDecision:
    """
    Return codec, parameters, reason and findings of one column.

    Raises UsageError (C-…) for an override that does not fit the type.
    """
    wire_type = name_wire_type(target)
    choice = None if wire_type is None else choose_codec(facts, target.stored, options)
    if wire_type is None or choice is None:
        finding = make_finding("F-222", facts.object_name, f"the target's type is {target.text}")
        reason = f"no codec writes {target.text}"
        return OwnedDecision(
            type=target.text, wire_type=target.text, codec="", reason=reason, findings=(finding,)
        )
    findings = [*choice.findings, *_check_domain(facts, target)]
    codec, params, reason = choice.codec, dict(choice.params), f"{target.text} in the target; {choice.reason}"
    if override is not None:
        if override.codec and override.codec != codec:
            codec, params = override.codec, params_needed(override.codec, target.stored)
            findings = _check_domain(facts, target)
        params |= override.params
        reason = f"{target.text} in the target; {override.origin or 'asked for'}"
    check_params(get_codec(codec), params, wire_type)
    findings += check_values(facts, wire_type)
    findings = list(drop_settled(findings, params))
    misfit = describe_owned_misfit(codec, params, wire_type, facts.census)
    if misfit:
        findings.append(
            make_finding("F-219", facts.object_name, f"the target's type is {target.text}; {misfit}")
        )
    return OwnedDecision(
        type=target.text,
        wire_type=wire_type,
        codec=codec,
        params=params,
        reason=reason,
        findings=tuple(findings),
    )


def drop_settled(findings: Iterable[Finding], params: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings but for those of values about which a parameter says what becomes of them."""
    return tuple(finding for finding in findings if _SETTLED_BY.get(finding.code, "") not in params)


def find_epoch_units(catalog: SourceCatalog, census: Census) -> dict[str, str]:
    """
    Return the unit of integers for each declared type whose columns agree on one.

    An application counts time in one way. A column with a few odd values (before 1990, a test's
    year 9999) then follows those of the same declared type that leave no doubt.
    """
    found: dict[str, set[str]] = {}
    for table in catalog.tables:
        for column in table.columns:
            declared = column.declared_type.upper()
            if read_declared_type(column.declared_type).family not in (Family.DATE, Family.DATETIME):
                continue
            units = clear_units(column_census(census_of(census, table), column.name))
            if len(units) == 1:
                found.setdefault(declared, set()).update(units)
    return {declared: next(iter(units)) for declared, units in found.items() if len(units) == 1}


def _check_domain(facts: ColumnFacts, target: TargetType) -> list[Finding]:
    checks = target.domain_checks
    if not checks:
        return []
    message = f"the domain {target.text} has rules of its own"
    return [make_finding("F-226", facts.object_name, message, detail="; ".join(checks))]


def describe_owned_misfit(codec: str, params: Mapping[str, str], wire_type: str, census: ColumnCensus) -> str:
    """Return which stored values will be set aside, or may be; "" where all fit."""
    parsed = parse_type(wire_type)
    if codec == "numeric" and params.get("rounding") == "half-away":
        precision, scale = parsed.modifiers
        if census.numeric_digits_max > precision - scale or census.real_infinities:
            return f"it holds numbers with {census.numeric_digits_max} digits before the point"
        return ""
    if codec == "any-boolean":
        texts = f"{census.texts} texts" if census.texts and "boolean-word" not in census.text_shapes else ""
        numbers = ""
        if census.integers and "boolean" not in census.integer_shapes:
            numbers = f"integers from {census.integer_min} to {census.integer_max}"
        found = " and ".join(part for part in (numbers, texts) if part)
        return f"{found} are not all 0, 1 or a word for true or false" if found else ""
    if codec == "any-integer":
        beyond = describe_misfit("integer", wire_type, census) if parsed.base != "oid" else ""
        foreign = []
        if census.reals > census.real_integral:
            foreign.append(f"{census.reals - census.real_integral} numbers with a fraction")
        if census.texts and "integer" not in census.text_shapes:
            foreign.append("texts that are no integer")
        if census.blobs:
            foreign.append(f"{census.blobs} blobs")
        listed = f"it holds {', '.join(foreign)}" if foreign else ""
        return " and ".join(part for part in (beyond, listed) if part)
    return describe_misfit(codec, wire_type, census)
