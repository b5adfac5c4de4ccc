"""
Choose type and codec of a column from what it declares and what it really stores.

Pure. The default keeps every stored value exactly; what stays ambiguous is a
finding. Types of a created schema only: where the application owns the target, its
catalog decides. One column at a time; `type_groups` then reconciles the columns of
foreign keys.
"""

from __future__ import annotations

from dataclasses import replace

from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.plan import PlanOptions
from howdah.names import quote_sqlite
from howdah.planning.column_facts import ColumnFacts, TypeDecision, describe_values, samples_of
from howdah.planning.declared import NUMERIC_PRECISION_MAX, Family
from howdah.planning.types_as_stored import decide_as_stored
from howdah.planning.types_of_moments import decide_moment
from howdah.planning.value_checks import check_values

#: PostgreSQL's varchar(n) ends here (MaxAttrSize, src/include/access/htup_details.h).
_VARCHAR_LENGTH_MAX = 10_485_760


def decide_type(facts: ColumnFacts, options: PlanOptions) -> TypeDecision:
    """Return type, codec and findings of one column."""
    if facts.rowid_alias:
        return TypeDecision(type="bigint", codec="integer", reason="row number of the table")
    decision = _decide_by_family(facts, options) or decide_as_stored(facts)
    return replace(decision, findings=(*decision.findings, *check_values(facts, decision.type)))


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
            return decide_moment(facts, options)
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
        detail=samples_of(census),
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
    if not (1 <= precision <= NUMERIC_PRECISION_MAX and scale <= precision):
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
        detail=samples_of(census),
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
        finding = make_finding("F-209", facts.object_name, message, detail=samples_of(census), hint=hint)
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
                make_finding("F-201", facts.object_name, "32 digits become UUIDs", detail=samples_of(census)),
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
    finding = make_finding("F-210", facts.object_name, message, detail=samples_of(census), hint=hint)
    return replace(stored, findings=(finding, *(f for f in stored.findings if f.code != "F-205")))
