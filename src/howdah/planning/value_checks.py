"""Findings about the values of a column that are the same whatever type was chosen for it. Pure."""

from __future__ import annotations

from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.limits import BYTEA_DUMP_BYTES_MAX, FIELD_BYTES_MAX
from howdah.model.source import Affinity
from howdah.planning.column_facts import ColumnFacts, samples_of

#: Declared types that mean text to people and NUMERIC affinity to SQLite (datatype3.html section 3.1).
_TEXT_BY_NAME_ONLY = frozenset({"STRING", "STR"})

#: Integers from here on may have been rounded when they became REAL.
_EXACT_REAL_INTEGERS = 2.0**53


def check_values(facts: ColumnFacts, type_name: str) -> tuple[Finding, ...]:
    """Return findings about values that are the same whatever type was chosen."""
    census = facts.census
    findings = []
    is_text = type_name != "bytea"
    if census.texts_with_nul and is_text:
        findings.append(
            make_finding("F-211", facts.object_name, f"{census.texts_with_nul} texts hold a NUL character")
        )
    if census.texts_invalid_utf8 and is_text:
        findings.append(
            make_finding("F-212", facts.object_name, f"{census.texts_invalid_utf8} texts are not valid UTF-8")
        )
    longest = max(census.text_bytes_max, census.blob_bytes_max)
    allowed = BYTEA_DUMP_BYTES_MAX if type_name == "bytea" else FIELD_BYTES_MAX
    if longest > allowed:
        findings.append(
            make_finding(
                "F-213",
                facts.object_name,
                f"the longest value has {longest} bytes, PostgreSQL allows {allowed}",
            )
        )
    if _lost_digits(facts):
        findings.append(
            make_finding(
                "F-215",
                facts.object_name,
                f"declared {facts.column.declared_type}; SQLite rounded numbers to 53 bits when they were "
                "written",
                detail=samples_of(census),
            )
        )
    if facts.declared.name in _TEXT_BY_NAME_ONLY and census.integers + census.reals:
        findings.append(
            make_finding(
                "F-215",
                facts.object_name,
                f"declared {facts.column.declared_type}, which SQLite takes for a number: texts like 007 "
                "were stored as numbers, without their leading zeros",
                detail=samples_of(census),
            )
        )
    return tuple(findings)


def _lost_digits(facts: ColumnFacts) -> bool:
    """Whether whole numbers too large for SQLite's integers are stored rounded, as REAL."""
    census = facts.census
    extremes = [abs(value) for value in (census.real_min, census.real_max) if value is not None]
    return (
        facts.column.affinity in (Affinity.INTEGER, Affinity.NUMERIC)
        and census.real_integral > 0
        and any(_EXACT_REAL_INTEGERS <= value < float("inf") for value in extremes)
    )
