"""
Choose the type of a column that declares a date, a time or both.

Pure. Converted where every value has one clear form, else as stored with a finding.
"""

from __future__ import annotations

from dataclasses import replace

from howdah.model.census import ColumnCensus
from howdah.model.finding_kinds import make_finding
from howdah.model.plan import PlanOptions
from howdah.planning.column_facts import ColumnFacts, TypeDecision, describe_values, samples_of
from howdah.planning.declared import Family
from howdah.planning.moments import EPOCH_UNITS, describe_epoch_range
from howdah.planning.types_as_stored import decide_as_stored


def decide_moment(facts: ColumnFacts, options: PlanOptions) -> TypeDecision:
    """DATE, DATETIME, TIME: converted where every value has one clear form, else as stored."""
    if not options.convert_dates:
        return decide_as_stored(facts) if facts.census.values else _empty_moment(facts)
    if facts.census.values == 0:
        return _empty_moment(facts)
    converted = _convert_texts(facts) or _convert_epoch(facts)
    if converted is not None:
        return converted
    stored = decide_as_stored(facts)
    finding = make_finding(
        "F-202",
        facts.object_name,
        f"declared {facts.column.declared_type}; holds {describe_values(facts.census)} in no single clear "
        "form",
        detail=samples_of(facts.census),
        hint=_moment_hint(facts.census),
    )
    return replace(stored, findings=(finding, *(f for f in stored.findings if f.code != "F-205")))


def _empty_moment(facts: ColumnFacts) -> TypeDecision:
    reason = f"declared {facts.column.declared_type}, holds no value"
    match facts.declared.family:
        case Family.DATE:
            return TypeDecision(type="date", codec="iso-date", reason=reason)
        case Family.TIME:
            return TypeDecision(type="time", codec="iso-time", params={"format": "0"}, reason=reason)
        case _:
            zoned = facts.declared.name in ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "DATETIMEOFFSET")
            return TypeDecision(
                type="timestamptz" if zoned else "timestamp",
                codec="iso-datetime",
                params={"format": " 0+00:00" if zoned else " 0"},
                reason=reason,
            )


def _convert_texts(facts: ColumnFacts) -> TypeDecision | None:
    census = facts.census
    if not facts.holds_only("texts"):
        return None
    declared = facts.column.declared_type
    if "iso-datetime" in census.text_shapes and census.datetime_format:
        zoned = census.datetime_format.endswith(("Z", "+00:00"))
        return TypeDecision(
            type="timestamptz" if zoned else "timestamp",
            codec="iso-datetime",
            params={"format": census.datetime_format},
            reason=f"declared {declared}, every text is an ISO timestamp"
            + (" in UTC" if zoned else " without zone"),
            findings=(
                make_finding(
                    "F-201", facts.object_name, "texts become timestamps", detail=samples_of(census)
                ),
            ),
        )
    if "iso-date" in census.text_shapes:
        finding = make_finding("F-201", facts.object_name, "texts become dates", detail=samples_of(census))
        if facts.declared.family is not Family.DATE:
            finding = make_finding(
                "F-202",
                facts.object_name,
                f"declared {declared}, but every text is a date without time; the column becomes date",
                detail=samples_of(census),
                hint="If the application will store times too, choose the type timestamp after the "
                "migration: "
                "PostgreSQL cuts the time off when it stores a timestamp in a date.",
            )
        return TypeDecision(
            type="date",
            codec="iso-date",
            reason=f"declared {declared}, every text is an ISO date",
            findings=(finding,),
        )
    if "iso-time" in census.text_shapes and census.time_format and facts.declared.family is Family.TIME:
        return TypeDecision(
            type="time",
            codec="iso-time",
            params={"format": census.time_format},
            reason=f"declared {declared}, every text is a time of day",
            findings=(
                make_finding("F-201", facts.object_name, "texts become times", detail=samples_of(census)),
            ),
        )
    return None


def _convert_epoch(facts: ColumnFacts) -> TypeDecision | None:
    census = facts.census
    if facts.declared.family is Family.TIME:
        return None
    units = [unit for unit in EPOCH_UNITS if unit in census.integer_shapes]
    if facts.holds_only("integers") and len(units) == 1 and "year" not in census.integer_shapes:
        unit = units[0]
        detail = describe_epoch_range(census.integer_min, census.integer_max, unit)
    elif facts.holds_only("reals") and "epoch-s" in census.real_shapes and (census.real_scale_max or 0) <= 6:
        # Up to six decimals a double of this size and a microsecond stand for one another exactly.
        unit = "epoch-real"
        detail = describe_epoch_range(census.real_min, census.real_max, "epoch-s")
    else:
        return None
    what = {
        "epoch-s": "integers are seconds",
        "epoch-ms": "integers are milliseconds",
        "epoch-us": "integers are microseconds",
        "epoch-real": "numbers are seconds",
    }[unit]
    return TypeDecision(
        type="timestamptz",
        codec=unit,
        reason=f"declared {facts.column.declared_type}, all {what} since 1970",
        findings=(make_finding("F-201", facts.object_name, f"{what} since 1970-01-01 UTC", detail=detail),),
    )


def _moment_hint(census: ColumnCensus) -> str | None:
    if "year" in census.integer_shapes:
        return "The integers look like years; the column stays a number until you decide."
    if "julian-day" in census.real_shapes:
        return 'If the numbers are Julian days, set type "timestamp" and codec "julian-day".'
    return None
