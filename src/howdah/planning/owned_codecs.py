"""
Choose the codec for a type that the application created, by what a column really stores.

Pure. Where every value has one clear form, a codec that gives back the very bytes; else
one that reads any form value by value and is proven by PostgreSQL's print.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.codecs.iso_format import read_datetime_format
from howdah.codecs.pgtypes import DOCUMENT_TYPES, ELEMENT_TYPES, ORDERED_TYPES, parse_type
from howdah.errors import UsageError
from howdah.model.census import ColumnCensus
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.source import Affinity
from howdah.model.target_type import TargetType, TypeKind
from howdah.planning.column_facts import ColumnFacts, describe_values
from howdah.planning.moments import EPOCH_UNITS, describe_epoch_range

_MICROSECOND_DIGITS = 6
#: What each kind of type may be made of.
_MADE_OF = {
    TypeKind.ARRAY: ELEMENT_TYPES | DOCUMENT_TYPES,
    TypeKind.RANGE: ELEMENT_TYPES,
    TypeKind.MULTIRANGE: ORDERED_TYPES,
}
_UNIT_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


@dataclass(frozen=True, kw_only=True)
class OwnedOptions:
    """What a person or a pack says about all columns."""

    #: Zone (IANA name) of times without zone on both sides: texts in SQLite, `timestamp` in PostgreSQL.
    source_tz: str = "UTC"
    #: Declared type in upper case ("DATETIME") → unit of its integers ("s", "ms", "us", "ns"), where one
    #: column alone does not tell; see `find_epoch_units`.
    epoch_units: Mapping[str, str] = field(default_factory=dict)
    #: Policy → choice (`planning.policies`).
    policies: Mapping[str, str] = field(default_factory=dict)


def name_wire_type(target: TargetType) -> str | None:
    """Return the type as `codecs.pgtypes.parse_type` reads it, None where no codec writes it."""
    stored = target.stored
    match stored.kind:
        case TypeKind.ENUM:
            return "enum"
        case TypeKind.ARRAY | TypeKind.RANGE | TypeKind.MULTIRANGE:
            below = _below(stored)
            inner = None if below is None else name_wire_type(below)
            if inner is None or parse_type(inner).base not in _MADE_OF[stored.kind]:
                return None
            return f"{inner}[]" if stored.kind is TypeKind.ARRAY else f"{stored.kind.value}<{inner}>"
        case TypeKind.BASE:
            return _name_base(stored)
        case _:
            return None


def _below(stored: TargetType) -> TargetType | None:
    """Return the type of the elements of an array, of the bounds of a range or multirange."""
    if stored.kind is TypeKind.MULTIRANGE:
        return None if stored.subtype is None else stored.subtype.subtype
    return stored.element or stored.subtype


def _name_base(stored: TargetType) -> str | None:
    modifiers = f"({','.join(map(str, stored.modifiers))})" if stored.modifiers else ""
    if stored.extension in ("citext", "hstore", "vector") and stored.name == stored.extension:
        return stored.name + modifiers
    if not stored.built_in:
        return None
    # format_type() of an interval may name fields, which are no part of how it is written.
    name = f"interval{modifiers}" if stored.name == "interval" else stored.text
    try:
        parse_type(name)
    except UsageError:
        return None
    return name


@dataclass(frozen=True, kw_only=True)
class CodecChoice:
    #: Name in the codec registry.
    codec: str
    params: Mapping[str, str] = field(default_factory=dict)
    reason: str
    findings: tuple[Finding, ...] = ()


def choose_codec(facts: ColumnFacts, stored: TargetType, options: OwnedOptions) -> CodecChoice | None:
    """Return the codec of a column for a type that is no domain; None where no codec writes it."""
    match stored.kind:
        case TypeKind.ENUM:
            return CodecChoice(
                codec="enum", params=params_needed("enum", stored), reason="labels of the enum"
            )
        case TypeKind.ARRAY | TypeKind.RANGE | TypeKind.MULTIRANGE:
            return _choose_compound(stored, options)
    match stored.name:
        case "int2" | "int4" | "int8":
            if facts.holds_only("integers"):
                return CodecChoice(codec="integer", reason="all values are integers")
            return _mixed("any-integer", {}, facts)
        case "oid":
            return CodecChoice(codec="any-integer", reason="whole numbers")
        case "bool":
            if facts.holds_only("integers") and (
                facts.census.values == 0 or "boolean" in facts.census.integer_shapes
            ):
                return CodecChoice(codec="boolean", reason="holds only 0 and 1")
            return _mixed("any-boolean", {}, facts)
        case "float4" | "float8":
            if facts.holds_only("reals") and stored.name == "float8":
                return CodecChoice(codec="real", reason="all values are floating point")
            return _mixed("any-real", params_needed("any-real", stored), facts)
        case "numeric":
            return _choose_numeric(facts, stored)
        case "money":
            return _mixed("money", {"digits": "2"}, facts)
        case "text" | "varchar" | "bpchar" | "citext" | "name" | "xml":
            return _choose_text(facts)
        case "bytea":
            if facts.holds_only("blobs"):
                return CodecChoice(codec="bytes", reason="all values are blobs")
            return _mixed("bytes", {"text": "utf8"}, facts)
        case "date" | "timestamp" | "timestamptz":
            return _choose_moment(facts, stored, options)
        case "time" | "timetz":
            return _choose_time(facts, stored, options)
        case "interval":
            return _choose_duration(facts)
        case "json" | "jsonb":
            return _choose_json(facts, stored)
        case "uuid":
            return _choose_uuid(facts)
        case "inet" | "cidr" | "hstore" | "vector" | "tsvector":
            return CodecChoice(codec=stored.name, reason="the spelling of the type")
        case "macaddr" | "macaddr8":
            return CodecChoice(codec="macaddr", reason="the spelling of the type")
        case "char":
            return CodecChoice(codec="byte-char", reason="one byte")
        case "bit" | "varbit":
            return CodecChoice(codec="bits", reason="the spelling of the type")
        case _:
            return None


def _mixed(codec: str, params: Mapping[str, str], facts: ColumnFacts) -> CodecChoice:
    return CodecChoice(codec=codec, params=params, reason=f"holds {describe_values(facts.census)}")


def params_needed(codec: str, stored: TargetType) -> dict[str, str]:
    """Return the parameters that a codec must have for this type, whatever is stored."""
    match codec:
        case "enum":
            return {"labels": json.dumps(list(stored.labels), ensure_ascii=False)}
        case "any-real":
            return {"width": "4"} if stored.name == "float4" else {}
        case "any-numeric" if stored.modifiers:
            return {"scale": str(stored.modifiers[1])}
        case "money":
            return {"digits": "2"}
        case "any-timestamp" | "any-timestamptz" | "any-time" | "any-timetz":
            return {"digits": str(stored.modifiers[0])} if _keeps_less(stored) else {}
        case "documents":
            assert stored.element is not None
            return {"element_oid": str(stored.element.oid)}
        case "array" | "range" | "multirange":
            below = _below(stored)
            assert below is not None
            wire_type = name_wire_type(below)
            assert wire_type is not None
            params = {"element": parse_type(wire_type).base}
            if stored.kind is TypeKind.ARRAY:
                params["element_oid"] = str(below.oid)
            inner = below.stored
            if inner.name == "bpchar" and inner.modifiers:
                params["pad"] = str(inner.modifiers[0])
            of_element = {"numeric": "any-numeric", "float4": "any-real"}.get(
                inner.name, "enum" if inner.kind is TypeKind.ENUM else f"any-{inner.name}"
            )
            return params | params_needed(of_element, inner)
        case _:
            return {}


def _keeps_less(stored: TargetType) -> bool:
    return bool(stored.modifiers) and stored.modifiers[0] < _MICROSECOND_DIGITS


def _zone(options: OwnedOptions) -> dict[str, str]:
    return {} if options.source_tz == "UTC" else {"zone": options.source_tz}


def _choose_compound(stored: TargetType, options: OwnedOptions) -> CodecChoice:
    codec = stored.kind.value
    if stored.element is not None and stored.element.stored.name in DOCUMENT_TYPES:
        codec = "documents"
    params = params_needed(codec, stored)
    if codec == "documents":
        return CodecChoice(codec=codec, params=params, reason="lists of documents")
    if params["element"] in ("timestamp", "timestamptz", "date", "time", "timetz"):
        params |= _zone(options)
    return CodecChoice(codec=codec, params=params, reason="lists" if codec == "array" else "bounds")


def _choose_numeric(facts: ColumnFacts, stored: TargetType) -> CodecChoice:
    if not facts.holds_only("integers", "reals"):
        return _mixed("any-numeric", params_needed("any-numeric", stored), facts)
    affinity = facts.column.affinity
    params = {"affinity": "blob" if affinity is Affinity.TEXT else affinity.value}
    findings: tuple[Finding, ...] = ()
    if stored.modifiers:
        scale = stored.modifiers[1]
        params |= {"rounding": "half-away", "scale": str(scale)}
        digits = facts.census.real_scale_max or 0
        if digits > scale:
            message = f"the target's type is {stored.text}; values have up to {digits} digits after the point"
            findings = (make_finding("F-223", facts.object_name, message),)
    return CodecChoice(codec="numeric", params=params, reason="numbers", findings=findings)


def _choose_text(facts: ColumnFacts) -> CodecChoice:
    if facts.holds_only("texts"):
        return CodecChoice(codec="text", reason="all values are text")
    affinity = facts.column.affinity
    params = {"affinity": "blob" if affinity is Affinity.TEXT else affinity.value}
    if facts.census.blobs:
        params["blob"] = "utf8"
    return _mixed("any-text", params, facts)


def clear_units(census: ColumnCensus) -> list[str]:
    """Return the units of a column that holds integers only and leaves no doubt: one, or none."""
    if census.values == 0 or census.integers != census.values or "year" in census.integer_shapes:
        return []
    units = [unit for unit in EPOCH_UNITS if unit in census.integer_shapes]
    return [units[0].removeprefix("epoch-")] if len(units) == 1 else []


def _choose_moment(facts: ColumnFacts, stored: TargetType, options: OwnedOptions) -> CodecChoice:
    census = facts.census
    in_utc = options.source_tz == "UTC"
    if facts.holds_only("texts") and census.values:
        if stored.name == "date" and "iso-date" in census.text_shapes:
            return CodecChoice(codec="iso-date", reason="every text is an ISO date")
        written = census.datetime_format
        if (
            stored.name != "date"
            and "iso-datetime" in census.text_shapes
            and written
            and in_utc
            and (
                not _keeps_less(stored)
                or read_datetime_format({"format": written}).digits <= stored.modifiers[0]
            )
        ):
            return CodecChoice(
                codec="iso-datetime", params={"format": written}, reason="every text is an ISO timestamp"
            )
    declared = facts.column.declared_type.upper()
    clear = clear_units(census)
    unit = clear[0] if clear else options.epoch_units.get(declared, "")
    findings = _explain_numbers(facts, unit)
    digits_of_unit = {"s": 0, "ms": 3, "us": 6}.get(unit)
    if (
        facts.holds_only("integers")
        and census.values
        and in_utc
        and digits_of_unit is not None
        and (not _keeps_less(stored) or digits_of_unit <= stored.modifiers[0])
    ):
        reason = f"integers are {_UNIT_WORDS[unit]} since 1970"
        return CodecChoice(codec=f"epoch-{unit}", reason=reason, findings=findings)
    codec = f"any-{stored.name}"
    params = params_needed(codec, stored) | _zone(options)
    if unit:
        params["unit"] = unit
    return CodecChoice(
        codec=codec, params=params, reason=f"holds {describe_values(census)}", findings=findings
    )


def _explain_numbers(facts: ColumnFacts, unit: str) -> tuple[Finding, ...]:
    census = facts.census
    if not (census.integers or census.reals):
        return ()
    ends = [end for end in (census.integer_min, census.real_min) if end is not None]
    tops = [end for end in (census.integer_max, census.real_max) if end is not None]
    if unit:
        detail = describe_epoch_range(min(ends), max(tops), f"epoch-{unit}") if unit in _UNIT_WORDS else ""
        message = f"numbers are read as {_UNIT_WORDS.get(unit, unit)} since 1970-01-01 UTC"
        return (make_finding("F-220", facts.object_name, message, detail=detail),)
    message = f"the unit of numbers from {min(ends)} to {max(tops)} is taken from the size of each"
    return (make_finding("F-221", facts.object_name, message, detail=", ".join(census.samples)),)


def _choose_time(facts: ColumnFacts, stored: TargetType, options: OwnedOptions) -> CodecChoice:
    census = facts.census
    written = census.time_format
    if (
        stored.name == "time"
        and census.values
        and facts.holds_only("texts")
        and "iso-time" in census.text_shapes
        and written
        and (not _keeps_less(stored) or int(written[-1]) <= stored.modifiers[0])
    ):
        return CodecChoice(codec="iso-time", params={"format": written}, reason="every text is a time of day")
    codec = f"any-{stored.name}"
    zone = _zone(options) if stored.name == "timetz" else {}
    return _mixed(codec, params_needed(codec, stored) | zone, facts)


def _choose_duration(facts: ColumnFacts) -> CodecChoice:
    findings: tuple[Finding, ...] = ()
    if facts.census.integers or facts.census.reals:
        message = "numbers are read as microseconds, as Django stores lengths of time"
        findings = (
            make_finding("F-224", facts.object_name, message, detail=", ".join(facts.census.samples)),
        )
    reason = f"holds {describe_values(facts.census)}"
    return CodecChoice(codec="duration", params={"unit": "us"}, reason=reason, findings=findings)


def _choose_json(facts: ColumnFacts, stored: TargetType) -> CodecChoice:
    census = facts.census
    shape = "json" if stored.name == "json" else "jsonb-safe"
    if facts.holds_only("texts") and (census.values == 0 or shape in census.text_shapes):
        params = {"validity": "census"} if stored.name == "json" and census.values else {}
        return CodecChoice(codec=stored.name, params=params, reason="every text is JSON")
    findings: tuple[Finding, ...] = ()
    if census.texts and "json" not in census.text_shapes:
        message = f"holds {describe_values(census)}, and some text is no JSON"
        findings = (make_finding("F-225", facts.object_name, message, detail=", ".join(census.samples)),)
    return CodecChoice(
        codec="any-json", params={}, reason=f"holds {describe_values(census)}", findings=findings
    )


def _choose_uuid(facts: ColumnFacts) -> CodecChoice:
    shapes = facts.census.text_shapes
    if facts.holds_only("texts") and facts.census.values:
        if "uuid-lower" in shapes:
            return CodecChoice(codec="uuid-text", reason="36 characters each")
        if "uuid-upper" in shapes:
            return CodecChoice(codec="uuid-text", params={"case": "upper"}, reason="36 characters each")
        if "uuid-hex32" in shapes:
            return CodecChoice(codec="uuid-hex32", reason="32 digits each")
    if facts.holds_only("blobs") and facts.census.values and "uuid16" in facts.census.blob_shapes:
        return CodecChoice(codec="uuid-blob", reason="16 bytes each")
    return _mixed("any-uuid", {}, facts)
