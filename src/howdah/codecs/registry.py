"""
How other rooms come to a codec, check it against a type, and read about it.

`python -m howdah.codecs.registry` prints docs/reference/codecs.md, written from the
same entries that the migration uses.
"""

from __future__ import annotations

from collections.abc import Mapping

from howdah.codecs.base import Codec, Params
from howdah.codecs.catalogue import ALL_CODECS
from howdah.codecs.params import read_choice
from howdah.codecs.pgtypes import parse_type
from howdah.codecs.values import SourceColumn
from howdah.errors import UsageError

#: By name, as plan files write it.
CODECS: Mapping[str, Codec] = {codec.name: codec for codec in ALL_CODECS}


def get_codec(name: str) -> Codec:
    """Return the codec of that name. Raises UsageError C-101 for an unknown one."""
    codec = CODECS.get(name)
    if codec is None:
        raise UsageError(
            "C-101",
            f'there is no codec "{name}"',
            hint="Known codecs: " + ", ".join(sorted(CODECS)) + ".",
        )
    return codec


def check_codec_fits(codec: Codec, pg_type: str) -> None:
    """Raise UsageError C-102 where the codec does not write that type (C-104: no codec does)."""
    if parse_type(pg_type).base not in codec.target_types:
        raise UsageError(
            "C-102",
            f'codec "{codec.name}" does not write type {pg_type}',
            hint=f"It writes: {', '.join(sorted(codec.target_types))}.",
        )


def check_params(codec: Codec, params: Params, pg_type: str) -> None:
    """
    Raise UsageError where the codec cannot work with these parameters and type.

    C-103: an unknown parameter or value; C-105: parameters that do not fit the type.
    """
    known = codec.parameters or {}
    for name in params:
        if name not in known:
            raise UsageError(
                "C-103",
                f'codec "{codec.name}" has no parameter "{name}"',
                hint=f"It has: {', '.join(sorted(known))}." if known else "It has none.",
            )
    for name, choices in codec.choices.items():
        read_choice(params, name, choices)
    check_codec_fits(codec, pg_type)
    # What is left (formats, words, scales) the encoder itself checks before it looks at a value.
    codec.encode(SourceColumn(length=0), params, pg_type)


def render_reference() -> str:
    """Return docs/reference/codecs.md."""
    lines = [
        "# Codecs",
        "",
        "<!-- Written by `python -m howdah.codecs.registry`; do not edit. -->",
        "",
        "A codec carries one column: it says which values go into which PostgreSQL types, and how the proof",
        "reads them back. In a plan file each column names its codec and the parameters it wants changed.",
        "Values that a codec cannot carry are set aside under the reason given here; values that a rule",
        "alters are counted under its name. Equality is exact where storage class and bytes come back as",
        "SQLite stored them.",
        "",
        "| codec | writes | equality |",
        "|---|---|---|",
    ]
    for codec in CODECS.values():
        types = ", ".join(sorted(codec.target_types))
        lines.append(f"| [{codec.name}](#{codec.name}) | {types} | {_equality(codec)} |")
    for codec in CODECS.values():
        lines += ["", f"## {codec.name}", "", codec.summary, ""]
        lines.append(f"Writes {', '.join(sorted(codec.target_types))}. Equality: {_equality(codec)}.")
        if codec.parameters:
            lines += ["", "| parameter | values | meaning |", "|---|---|---|"]
            for name, meaning in codec.parameters.items():
                lines.append(f"| {name} | {_values(codec, name)} | {meaning} |")
        lines += _meanings("set aside as", codec.rejects)
        lines += _meanings("counted as", codec.changes)
    return "\n".join(lines) + "\n"


def _equality(codec: Codec) -> str:
    default = codec.equality_with({})
    return default if default == codec.equality else f"{default}, or {codec.equality}, by its parameters"


def _values(codec: Codec, name: str) -> str:
    choices = codec.choices.get(name)
    return "" if choices is None else ", ".join([f"{choices[0]} (default)", *choices[1:]])


def _meanings(title: str, words: Mapping[str, str]) -> list[str]:
    if not words:
        return []
    return ["", f"| {title} | meaning |", "|---|---|", *(f"| {word} | {words[word]} |" for word in words)]


if __name__ == "__main__":
    print(render_reference(), end="")
