"""
Choose type and codec of a column from what it declares and what it really stores.

Pure. The default keeps every stored value exactly; what stays ambiguous is a
finding. Types of a created schema only: where the application owns the target, its
catalog decides. One column at a time; `type_groups` then reconciles the columns of
foreign keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from howdah.model.census import ColumnCensus
from howdah.model.findings import Finding
from howdah.model.limits import BYTEA_DUMP_BYTES_MAX, FIELD_BYTES_MAX
from howdah.model.plan import PlanOptions
from howdah.model.source import Affinity, Column
from howdah.names import quote_sqlite
from howdah.planning.declared import DeclaredType, Family, read_declared_type
from howdah.planning.findings import make_finding, name_column
from howdah.planning.moments import EPOCH_UNITS, describe_epoch_range

#: PostgreSQL's varchar(n) ends here (MaxAttrSize, src/include/access/htup_details.h).
_VARCHAR_LENGTH_MAX = 10_485_760
_NUMERIC_PRECISION_MAX = 1000

#: Declared types that mean text to people and NUMERIC affinity to SQLite (datatype3.html section 3.1).
_TEXT_BY_NAME_ONLY = frozenset({"STRING", "STR"})

#: Integers from here on may have been rounded when they became REAL.
_EXACT_REAL_INTEGERS = 2.0**53


@dataclass(frozen=True, kw_only=True)
class TypeDecision:
    #: PostgreSQL type as written in DDL.
    type: str
    #: Name in the codec registry.
    codec: str
    params: Mapping[str, str] = field(default_factory=dict)
    #: One sentence.
    reason: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """All that is known of one column."""

    table: str
    column: Column
    census: ColumnCensus
    #: It is the INTEGER PRIMARY KEY that names the row.
    rowid_alias: bool = False
    #: It is part of a key, of an index or of a foreign key.
    indexed: bool = False

    @property
    def declared(self) -> DeclaredType:
        return read_declared_type(self.column.declared_type)

    @property
    def object_name(self) -> str:
        return name_column(self.table, self.column.name)

    def holds_only(self, *classes: str) -> bool:
        """Return whether every value has one of the classes ("integers", "reals", "texts", "blobs")."""
        counts = {
            "integers": self.census.integers,
            "reals": self.census.reals,
            "texts": self.census.texts,
            "blobs": self.census.blobs,
        }
        return self.census.values == sum(counts[name] for name in classes)


def decide_type(facts: ColumnFacts, options: PlanOptions) -> TypeDecision:
    """Return type, codec and findings of one column."""
    if facts.rowid_alias:
        return TypeDecision(type="bigint", codec="integer", reason="row number of the table")
    decision = _decide_by_family(facts, options) or decide_as_stored(facts)
    return replace(decision, findings=(*decision.findings, *check_values(facts, decision.type)))


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


def _decide_by_family(facts: ColumnFacts, options: PlanOptions) -> TypeDecision | None:
    """Follow the declared type where the stored values agree with it; None leaves it to what is stored."""
    match facts.declared.family:
        case Family.BOOLEAN:
            return _decide_boolean(facts)
        case Family.DECIMAL:
            return _decide_decimal(facts)
        case Family.CHARACTER:
            return _decide_character(facts)
        case Family.DATE | Family.DATETIME | Family.TIME:
            return _decide_moment(facts, options)
        case Family.JSON:
            return _decide_json(facts, options)
        case Family.UUID:
            return _decide_uuid(facts)
        case _:
            return None


def _decide_boolean(facts: ColumnFacts) -> TypeDecision:
    census = facts.census
    if facts.holds_only("integers") and (census.values == 0 or "boolean" in census.integer_shapes):
        return TypeDecision(type="boolean", codec="boolean", reason="declared boolean, holds only 0 and 1")
    stored = decide_as_stored(facts)
    finding = make_finding(
        "F-208",
        facts.object_name,
        f"declared {facts.column.declared_type}, but holds {describe_values(census)}",
        detail=_samples(census),
    )
    return replace(stored, findings=(finding, *(f for f in stored.findings if f.code != "F-205")))


def _decide_decimal(facts: ColumnFacts) -> TypeDecision | None:
    census = facts.census
    if not facts.holds_only("integers", "reals"):
        return None
    params = {"affinity": facts.column.affinity.value}
    arguments = facts.declared.arguments
    unlimited = TypeDecision(
        type="numeric", codec="numeric", params=params, reason=f"declared {facts.column.declared_type}"
    )
    if not 1 <= len(arguments) <= 2:
        return unlimited
    precision, scale = arguments[0], arguments[1] if len(arguments) == 2 else 0
    if not (1 <= precision <= _NUMERIC_PRECISION_MAX and scale <= precision):
        return unlimited
    fits = (
        (census.real_scale_max or 0) <= scale
        and census.numeric_digits_max <= precision - scale
        and census.real_infinities == 0
    )
    if fits:
        return TypeDecision(
            type=f"numeric({precision},{scale})",
            codec="numeric",
            params=params,
            reason=f"declared {facts.column.declared_type}, and every value fits",
        )
    finding = make_finding(
        "F-203",
        facts.object_name,
        f"declared {facts.column.declared_type}, but holds up to {census.numeric_digits_max} digits before "
        "and "
        f"{census.real_scale_max or 0} after the point",
        detail=_samples(census),
    )
    return replace(unlimited, findings=(finding,))


def _decide_character(facts: ColumnFacts) -> TypeDecision | None:
    census = facts.census
    if not facts.holds_only("texts"):
        return None
    arguments = facts.declared.arguments
    length = arguments[0] if arguments else 0
    if not 1 <= length <= _VARCHAR_LENGTH_MAX:
        return TypeDecision(type="text", codec="text", reason=f"declared {facts.column.declared_type}")
    if census.text_chars_max <= length:
        # Never char(n): it pads with blanks and ignores them in comparisons.
        return TypeDecision(
            type=f"varchar({length})", codec="text", reason=f"declared {facts.column.declared_type}"
        )
    finding = make_finding(
        "F-204",
        facts.object_name,
        f"declared {facts.column.declared_type}, but holds a text of {census.text_chars_max} characters",
    )
    return TypeDecision(
        type="text",
        codec="text",
        reason=f"declared {facts.column.declared_type}, but longer texts are stored",
        findings=(finding,),
    )


def _decide_moment(facts: ColumnFacts, options: PlanOptions) -> TypeDecision:
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
        detail=_samples(facts.census),
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
                make_finding("F-201", facts.object_name, "texts become timestamps", detail=_samples(census)),
            ),
        )
    if "iso-date" in census.text_shapes:
        finding = make_finding("F-201", facts.object_name, "texts become dates", detail=_samples(census))
        if facts.declared.family is not Family.DATE:
            finding = make_finding(
                "F-202",
                facts.object_name,
                f"declared {declared}, but every text is a date without time; the column becomes date",
                detail=_samples(census),
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
                make_finding("F-201", facts.object_name, "texts become times", detail=_samples(census)),
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


def _decide_json(facts: ColumnFacts, options: PlanOptions) -> TypeDecision | None:
    census = facts.census
    if census.values and not (facts.holds_only("texts") and "json" in census.text_shapes):
        stored = decide_as_stored(facts)
        documents = census.json_documents
        message = f"declared {facts.column.declared_type}, but holds {describe_values(census)}"
        if documents:
            message += f", of which {documents} JSON document{'' if documents == 1 else 's'}"
        hint = None
        if facts.holds_only("blobs") and "jsonb" in census.blob_shapes:
            message += " in SQLite's own JSONB form, which PostgreSQL does not read"
            column = quote_sqlite(facts.column.name)
            hint = (
                "Write the text in the source, then plan again: "
                f"UPDATE {quote_sqlite(facts.table)} SET {column} = json({column});"
            )
        finding = make_finding("F-209", facts.object_name, message, detail=_samples(census), hint=hint)
        return replace(stored, findings=(finding, *(f for f in stored.findings if f.code != "F-205")))
    wanted = options.json_type
    findings: tuple[Finding, ...] = ()
    if wanted == "jsonb" and census.values and "jsonb-safe" not in census.text_shapes:
        wanted = "json"
        findings = (make_finding("F-217", facts.object_name, "becomes json instead of jsonb"),)
    if wanted == "json" and facts.indexed:
        wanted = "text"
        findings += (make_finding("F-214", facts.object_name, "declared JSON and indexed: becomes text"),)
    return TypeDecision(
        type=wanted,
        codec=wanted,
        # The census has parsed every text of the same snapshot.
        params={"validity": "census"} if wanted == "json" and census.values else {},
        reason="declared JSON, and every text is JSON",
        findings=findings,
    )


def _decide_uuid(facts: ColumnFacts) -> TypeDecision:
    census = facts.census
    declared = facts.column.declared_type
    if census.values == 0 or (facts.holds_only("texts") and "uuid-lower" in census.text_shapes):
        return TypeDecision(
            type="uuid", codec="uuid-text", reason=f"declared {declared}, every text is a UUID"
        )
    if facts.holds_only("texts") and "uuid-hex32" in census.text_shapes:
        return TypeDecision(
            type="uuid",
            codec="uuid-hex32",
            reason=f"declared {declared}, every text is a UUID without hyphens",
            findings=(
                make_finding("F-201", facts.object_name, "32 digits become UUIDs", detail=_samples(census)),
            ),
        )
    stored = decide_as_stored(facts)
    if "uuid16" in census.blob_shapes and facts.holds_only("blobs"):
        message = f"declared {declared}; blobs of 16 bytes may be UUIDs in either byte order"
        hint = (
            'If the bytes are in the order of RFC 9562, set type "uuid" and codec "uuid-blob"; if a .NET '
            'application wrote them, with params = {order = "little-endian"} too.'
        )
    else:
        message, hint = (
            f"declared {declared}, but holds {describe_values(census)} in another spelling",
            None,
        )
    finding = make_finding("F-210", facts.object_name, message, detail=_samples(census), hint=hint)
    return replace(stored, findings=(finding, *(f for f in stored.findings if f.code != "F-205")))


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
            detail=_samples(census),
        )
        return TypeDecision(
            type="bytea",
            codec="bytes",
            params={"text": "utf8"},
            reason="text and blobs in one column",
            findings=(finding,),
        )
    if "utf8" in census.blob_shapes and census.blobs < others:
        finding = make_finding(
            "F-207", facts.object_name, f"holds {described}; blobs become text", detail=_samples(census)
        )
        return TypeDecision(
            type="text",
            codec="any-text",
            params={"affinity": facts.column.affinity.value, "blob": "utf8"},
            reason="text and readable blobs in one column",
            findings=(finding,),
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
        detail=_samples(census),
    )
    return replace(decision, findings=(*decision.findings, finding))


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
                detail=_samples(census),
            )
        )
    if facts.declared.name in _TEXT_BY_NAME_ONLY and census.integers + census.reals:
        findings.append(
            make_finding(
                "F-215",
                facts.object_name,
                f"declared {facts.column.declared_type}, which SQLite takes for a number: texts like 007 "
                "were stored as numbers, without their leading zeros",
                detail=_samples(census),
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
            detail=_samples(facts.census),
        ),
    )


def describe_values(census: ColumnCensus) -> str:
    """Say how many values of which class a column holds, e.g. "3 integers and 1 text"."""
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in (
            (census.integers, "integer"),
            (census.reals, "real"),
            (census.texts, "text"),
            (census.blobs, "blob"),
        )
        if count
    ]
    if not parts:
        return "no value"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _samples(census: ColumnCensus) -> str:
    return "e.g. " + ", ".join(census.samples) if census.samples else ""


def _moment_hint(census: ColumnCensus) -> str | None:
    if "year" in census.integer_shapes:
        return "The integers look like years; the column stays a number until you decide."
    if "julian-day" in census.real_shapes:
        return 'If the numbers are Julian days, set type "timestamp" and codec "julian-day".'
    return None
