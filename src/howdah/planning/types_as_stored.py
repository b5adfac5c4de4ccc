"""
Choose the type of a column from the classes of what it stores, whatever it declares.

Pure. Every value is kept exactly, but for columns that mix blobs with others.
"""

from __future__ import annotations

from dataclasses import replace

from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.source import Affinity
from howdah.planning.column_facts import ColumnFacts, TypeDecision, describe_values, samples_of
from howdah.planning.declared import Family


def decide_as_stored(facts: ColumnFacts) -> TypeDecision:
    """
    Return the type for the stored classes alone, whatever was declared.

    Every value is kept exactly but for columns that mix blobs with others, where
    the smaller part is set aside.
    """
    census = facts.census
    if census.values == 0:
        return _decide_by_affinity(facts)
    if facts.holds_only("integers"):
        return TypeDecision(type="bigint", codec="integer", reason="all values are integers")
    if facts.holds_only("reals"):
        return TypeDecision(type="double precision", codec="real", reason="all values are floating point")
    if facts.holds_only("integers", "reals"):
        affinity = facts.column.affinity
        return TypeDecision(
            type="numeric",
            codec="numeric",
            params={"affinity": "blob" if affinity is Affinity.TEXT else affinity.value},
            reason="integers and floating point in one column",
            findings=_mixed(facts) if affinity is Affinity.INTEGER else (),
        )
    if facts.holds_only("texts"):
        return TypeDecision(
            type="text",
            codec="text",
            reason="all values are text",
            findings=_mixed(facts) if _declares_a_number(facts) or _declares_bytes(facts) else (),
        )
    if facts.holds_only("blobs"):
        return TypeDecision(
            type="bytea",
            codec="bytes",
            reason="all values are blobs",
            findings=_mixed(facts) if _declares_otherwise_than_bytes(facts) else (),
        )
    if census.blobs == 0:
        return TypeDecision(
            type="text",
            codec="any-text",
            params={"affinity": facts.column.affinity.value},
            reason="numbers and text in one column",
            findings=_mixed(facts),
        )
    return _decide_with_blobs(facts)


def _decide_by_affinity(facts: ColumnFacts) -> TypeDecision:
    """No value is stored: the affinity says what would be."""
    reason = (
        f"declared {facts.column.declared_type}, holds no value"
        if facts.column.declared_type
        else "no declared type, holds no value"
    )
    match facts.column.affinity:
        case Affinity.INTEGER:
            return TypeDecision(type="bigint", codec="integer", reason=reason)
        case Affinity.REAL:
            return TypeDecision(type="double precision", codec="real", reason=reason)
        case Affinity.NUMERIC:
            return TypeDecision(
                type="numeric", codec="numeric", params={"affinity": "numeric"}, reason=reason
            )
        case Affinity.BLOB if facts.column.declared_type:
            return TypeDecision(type="bytea", codec="bytes", reason=reason)
        case _:
            return TypeDecision(type="text", codec="text", reason=reason)


def _decide_with_blobs(facts: ColumnFacts) -> TypeDecision:
    census = facts.census
    others = census.values - census.blobs
    described = describe_values(census)
    if facts.holds_only("texts", "blobs") and (
        facts.column.affinity is Affinity.BLOB or census.blobs >= census.texts
    ):
        finding = make_finding(
            "F-207",
            facts.object_name,
            f"holds {described}; texts become their UTF-8 bytes",
            detail=samples_of(census),
        )
        return TypeDecision(
            type="bytea",
            codec="bytes",
            params={"text": "utf8"},
            reason="text and blobs in one column",
            findings=(finding,),
        )
    if "utf8" in census.blob_shapes and census.blobs < others:
        findings = [
            make_finding(
                "F-207", facts.object_name, f"holds {described}; blobs become text", detail=samples_of(census)
            )
        ]
        if "without-nul" not in census.blob_shapes:
            findings.append(make_finding("F-211", facts.object_name, "blobs that become text hold a NUL"))
        return TypeDecision(
            type="text",
            codec="any-text",
            params={"affinity": facts.column.affinity.value, "blob": "utf8"},
            reason="text and readable blobs in one column",
            findings=tuple(findings),
        )
    if census.blobs >= others:
        set_aside, decision = others, TypeDecision(type="bytea", codec="bytes", reason="mostly blobs")
    else:
        rest = replace(census, blobs=0, blob_bytes_max=0)
        set_aside, decision = census.blobs, decide_as_stored(replace(facts, census=rest))
    finding = make_finding(
        "F-206",
        facts.object_name,
        f"holds {described}; as {decision.type}, {set_aside} rows will be quarantined",
        detail=samples_of(census),
    )
    return replace(decision, findings=(*decision.findings, finding))


def _declares_a_number(facts: ColumnFacts) -> bool:
    return facts.column.affinity in (Affinity.INTEGER, Affinity.REAL) or (
        facts.declared.family is Family.DECIMAL
    )


def _declares_bytes(facts: ColumnFacts) -> bool:
    # ANY of a STRICT table has no affinity either, and promises nothing.
    return facts.column.affinity is Affinity.BLOB and facts.declared.name not in ("", "ANY")


def _declares_otherwise_than_bytes(facts: ColumnFacts) -> bool:
    # A made-up type has NUMERIC affinity and says nothing about numbers.
    return facts.column.affinity in (Affinity.TEXT, Affinity.INTEGER, Affinity.REAL) or (
        facts.declared.family is not Family.OTHER
    )


def _mixed(facts: ColumnFacts) -> tuple[Finding, ...]:
    declared = facts.column.declared_type or "without a type"
    return (
        make_finding(
            "F-205",
            facts.object_name,
            f"declared {declared}, holds {describe_values(facts.census)}",
            detail=samples_of(facts.census),
        ),
    )
