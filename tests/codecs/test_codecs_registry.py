"""Codecs are found by name, fit their types or say so, and are documented as they are."""

from __future__ import annotations

import ast
from pathlib import Path

import pyarrow as pa
import pytest

import howdah
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.registry import CODECS, check_codec_fits, check_params, get_codec, render_reference
from howdah.codecs.samples import _RENDERERS, sample_text
from howdah.errors import DifferenceError, UsageError
from support.codec_crossing import Value, make_column

PACKAGE = Path(howdah.__file__).parent
REFERENCE = PACKAGE.parent.parent / "docs" / "reference" / "codecs.md"


def test_an_unknown_codec_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        get_codec("iso-datum")
    assert caught.value.code == "C-101"
    assert "iso-datetime" in caught.value.hint


def test_a_codec_says_which_types_it_writes() -> None:
    check_codec_fits(get_codec("numeric"), "numeric(10, 2)")
    check_codec_fits(get_codec("text"), "character varying(255)")
    check_codec_fits(get_codec("epoch-ms"), "TIMESTAMP(3) WITH TIME ZONE")
    with pytest.raises(UsageError) as caught:
        check_codec_fits(get_codec("numeric"), "text")
    assert caught.value.code == "C-102"
    with pytest.raises(UsageError) as caught:
        check_codec_fits(get_codec("text"), "geometry(point)")
    assert caught.value.code == "C-104"


@pytest.mark.parametrize(
    ("codec", "params", "pg_type", "code"),
    [
        ("integer", {"affinity": "real"}, "int4", "C-103"),
        ("numeric", {"affinity": "decimal"}, "numeric", "C-103"),
        ("numeric", {"affinity": "blob"}, "numeric(5,1)", "C-105"),
        ("iso-datetime", {}, "timestamp", "C-103"),
        ("iso-time", {"format": "7"}, "time", "C-103"),
        ("boolean-word", {"words": "yes"}, "bool", "C-103"),
        ("json", {"validity": "trust"}, "json", "C-103"),
        ("json", {}, "jsonb", "C-102"),
    ],
)
def test_parameters_are_checked_before_any_value(
    codec: str, params: dict[str, str], pg_type: str, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_params(get_codec(codec), params, pg_type)
    assert caught.value.code == code


def test_good_parameters_pass() -> None:
    check_params(get_codec("iso-datetime"), {"format": "T3Z"}, "timestamptz")
    check_params(get_codec("numeric"), {"rounding": "half-away", "scale": "2"}, "numeric(10,2)")


@pytest.mark.parametrize(
    ("written", "base", "modifiers"),
    [
        ("NUMERIC(10 , 2)", "numeric", (10, 2)),
        ("numeric(3,-2)", "numeric", (3, -2)),
        ("double  precision", "float8", ()),
        ("timestamp(3) with time zone", "timestamptz", (3,)),
        ("char", "char", (1,)),
        ("bpchar", "bpchar", ()),
        ("time without time zone", "time", ()),
    ],
)
def test_types_are_read_as_people_write_them(written: str, base: str, modifiers: tuple[int, ...]) -> None:
    parsed = parse_type(written)
    assert (parsed.base, parsed.modifiers) == (base, modifiers)


@pytest.mark.parametrize(
    "written", ["", "int3", "numeric(x)", "numeric(10", "geometry", "int4[", "interval day"]
)
def test_unknown_types_are_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_type(written)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_column_of_another_type_is_a_difference(name: str) -> None:
    """A target column whose type was changed is reported, never converted on the way back."""
    params = {"format": "T3Z"} if name == "iso-datetime" else {}
    foreign = pa.array([{"a": 1}])
    with pytest.raises(DifferenceError) as caught:
        get_codec(name).decode(foreign, params)
    assert caught.value.code == "C-201"


def test_the_committed_reference_is_the_registrys() -> None:
    """Renew it with: python -m howdah.codecs.registry > docs/reference/codecs.md"""
    assert REFERENCE.read_text() == render_reference()


def test_every_reason_and_rule_in_the_encoders_is_documented() -> None:
    documented = {word for codec in CODECS.values() for word in (*codec.rejects, *codec.changes)}
    for path in sorted((PACKAGE / "codecs").glob("encode_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (
                (
                    isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("add", "add_rows", "add_other_classes")
                )
                or (isinstance(node.func, ast.Name) and node.func.id == "Unfit")
            ):
                words = [item.value for item in node.args if isinstance(item, ast.Constant)]
                assert {word for word in words if isinstance(word, str)} <= documented, path


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.rsplit(".", 1)[-1] for name in found if name.startswith("howdah.codecs")}


def test_encoders_and_decoders_share_no_conversion() -> None:
    """Only values, types and the reading of parameters may serve both sides."""
    directory = PACKAGE / "codecs"

    def reach(prefix: str) -> set[str]:
        todo = {path.stem for path in directory.glob(f"{prefix}_*.py")}
        seen: set[str] = set()
        while todo:
            module = todo.pop()
            seen.add(module)
            todo |= imports_of(directory / f"{module}.py") - seen
        return seen

    assert reach("encode") & reach("decode") == {"base", "values", "params", "iso_format", "moment_params"}


def test_every_type_has_a_rendering_for_samples() -> None:
    for codec in CODECS.values():
        assert codec.target_types - {"array", "range", "multirange"} <= set(_RENDERERS)


def test_samples_show_what_values_become() -> None:
    cases: list[tuple[str, dict[str, str], str, list[Value], list[str]]] = [
        ("integer", {}, "smallint", [5, 70000, None], ["5", "rejected: integer-out-of-range", "NULL"]),
        ("boolean", {}, "boolean", [1, 0], ["true", "false"]),
        ("real", {}, "float8", [0.1, 1e22], ["0.1", "1e+22"]),
        ("real", {}, "real", [1.5], ["1.5"]),
        ("numeric", {}, "numeric", [1, 1.25, -0.001, 1e300], ["1", "1.25", "-0.001", "1" + "0" * 78 + "…"]),
        ("numeric", {"affinity": "real"}, "numeric", [float("inf")], ["Infinity"]),
        (
            "any-numeric",
            {},
            "numeric",
            ["-12345678901234567890123456789012345.67890"],
            ["-12345678901234567890123456789012345.67890"],
        ),
        ("epoch-ms", {}, "timestamptz", [1_700_000_000_000], ["2023-11-14 22:13:20+00"]),
        ("epoch-s", {}, "timestamp", [1_700_000_000_000], ["55840-11-08 22:13:20"]),
        ("epoch-s", {}, "date", [86400], ["1970-01-02"]),
        ("iso-time", {}, "time", ["12:34:56"], ["12:34:56"]),
        ("uuid-blob", {}, "uuid", [bytes(range(16))], ["00010203-0405-0607-0809-0a0b0c0d0e0f"]),
        ("bytes", {}, "bytea", [b"\x00\xff"], ["\\x00ff"]),
        ("jsonb", {}, "jsonb", ['{"a":1}'], ['{"a":1}']),
        ("text", {}, "text", ["é", "x" * 100], ["é", "x" * 79 + "…"]),
        (
            "duration",
            {},
            "interval",
            [90_061_500_000, "P1Y", "P2000000000DT1H"],
            ["1 day, 1:01:01.500000", "12 months, 0:00:00", "2000000000 days, 1:00:00"],
        ),
        ("any-timetz", {}, "timetz", ["08:00-05:30"], ["08:00:00-5:30:00"]),
        ("inet", {}, "inet", ["10.0.0.1/8", "::1"], ["10.0.0.1/8", "::1/128"]),
        ("macaddr", {}, "macaddr", ["08002b010203"], ["08:00:2b:01:02:03"]),
        ("bits", {}, "bit(3)", ["101"], ["101"]),
        ("money", {"digits": "2"}, "money", [1.5], ["150 of the smallest unit"]),
        ("enum", {"labels": '["a"]'}, "enum", ["a", "b"], ["a", "rejected: no-such-label"]),
        (
            "array",
            {"element": "int4", "element_oid": "23"},
            "int4[]",
            ["[1, null]", "[[1],[2]]", "[]"],
            ["{1, NULL}", "{1, 2} of 2 by 1", "{}"],
        ),
        (
            "range",
            {"element": "date"},
            "range<date>",
            ["[2024-01-02,)", "empty"],
            ["[2024-01-02, )", "empty"],
        ),
        ("tsvector", {}, "tsvector", ["a b"], ["2 lexemes"]),
        ("hstore", {}, "hstore", ['{"a": null}'], ["1 pairs"]),
        ("vector", {}, "vector", ["[1, 0.5]"], ["[1, 0.5]"]),
    ]
    for name, params, pg_type, values, expected in cases:
        assert sample_text(get_codec(name), params, pg_type, make_column(values)) == expected
