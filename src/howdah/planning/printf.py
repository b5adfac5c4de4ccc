"""
printf() and format() of SQLite, directive by directive, joined by ||.

Pure. The format must be a constant. Widths of texts count bytes, as in SQLite (src/printf.c); NULL is
written as nothing where a text is wanted, and as 0 where a number is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from howdah.names import quote_literal
from howdah.planning.expressions import Expressions, Node
from howdah.planning.number_text import fixed_text, whole_number
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    Untranslatable,
    Value,
    as_number,
    as_text,
)

_DIRECTIVE = re.compile(r"%([-+ 0,#!]*)(\*|\d+)?(?:\.(\*|\d*))?l{0,2}([a-zA-Z%])")


def printf(translator: Expressions, node: Node) -> Value:
    """Translate printf(format, …) and format(format, …). Raises Untranslatable."""
    arguments = [node.this, *node.expressions] if isinstance(node, exp.Format) else list(node.expressions)
    if not arguments or not (isinstance(arguments[0], exp.Literal) and arguments[0].is_string):
        raise Untranslatable("printf() with a format that is not known")
    values = [translator.translate(argument) for argument in arguments[1:]]
    pieces = _pieces(arguments[0].this, values)
    if not pieces:
        raise Untranslatable("printf() of an empty format")
    return Value(sql=" || ".join(pieces), kind=Kind.TEXT, atomic=len(pieces) == 1)


def _pieces(pattern: str, values: Sequence[Value]) -> list[str]:
    pieces: list[str] = []
    position, used = 0, 0
    for found in _DIRECTIVE.finditer(pattern):
        before = pattern[position : found.start()]
        position = found.end()
        if "%" in before:
            raise Untranslatable("printf() with a directive that is not known")
        if before:
            pieces.append(quote_literal(before))
        flags, width, precision, directive = found.groups()
        if directive == "%":
            pieces.append("'%'")
            continue
        if "*" in (width, precision):
            raise Untranslatable("printf() with a width that is not known")
        # An argument that is missing counts as NULL.
        value = values[used] if used < len(values) else Value(sql="NULL", kind=Kind.NULL)
        used += 1
        pieces.append(_piece(directive, flags, int(width or 0), precision, value))
    rest = pattern[position:]
    if "%" in rest:
        raise Untranslatable("printf() with a directive that is not known")
    return [*pieces, quote_literal(rest)] if rest else pieces


def _piece(directive: str, flags: str, width: int, precision: str | None, value: Value) -> str:
    if set(flags) - set("-0,+"):
        raise Untranslatable(f"printf() with %{flags}{directive}")
    match directive:
        case "d" | "i" | "u" if precision is None and not (directive == "u" and flags):
            return _integer(flags, width, value, unsigned=directive == "u")
        case "f" if "," not in flags:
            return _fixed(flags, width, int(precision or 0) if precision is not None else 6, value)
        case "s" | "z" if precision is None and not set(flags) - {"-"}:
            return _padded(_written(value), flags, width)
        case "x" | "X" if precision is None and not set(flags) - {"0", "-"}:
            number = f"to_hex({_whole(value)})"
            return _zeros(number if directive == "x" else f"upper({number})", flags, width)
        case "q" | "Q" if precision is None and not flags and not width:
            return _quoted(directive, value)
        case _:
            raise Untranslatable(f"printf() with %{flags}{directive}")


def _whole(value: Value) -> str:
    """Return a number as the integer that %d takes of it, 0 for NULL."""
    if value.kind is Kind.NULL:
        return "0::bigint"
    number = as_number(value)
    if number.kind is Kind.REAL:
        return f"coalesce({whole_number(number.operand)}, 0)"
    if number.kind is not Kind.INTEGER:
        raise Untranslatable(f"printf() of {number.kind} as an integer")
    return f"coalesce({number.sql}, 0)::bigint"


def _integer(flags: str, width: int, value: Value, *, unsigned: bool) -> str:
    number = _whole(value)
    if unsigned:
        number = f"(CASE WHEN {number} < 0 THEN {2**64}::numeric ELSE 0 END + {number})"
    if "," in flags:
        if set(flags) - {",", "-"}:
            raise Untranslatable(f"printf() with %{flags}d")
        return _padded(f"to_char({number}, 'FM9,999,999,999,999,999,990')", flags, width)
    if "+" in flags:
        if "0" in flags:
            raise Untranslatable(f"printf() with %{flags}d")
        return _padded(f"CASE WHEN {number} >= 0 THEN '+' ELSE '' END || {number}::text", flags, width)
    return _zeros(f"({number})::text", flags, width)


def _zeros(text: str, flags: str, width: int) -> str:
    if "0" not in flags or "-" in flags or width == 0:
        return _padded(text, flags, width)
    if width > 100:
        raise Untranslatable("printf() with a width of more than 100")
    digits = f"ltrim({text}, '-')"
    return (
        f"CASE WHEN left({text}, 1) = '-'"
        f" THEN '-' || repeat('0', {width - 1} - length({digits})) || {digits}"
        f" ELSE repeat('0', {width} - length({text})) || {text} END"
    )


def _fixed(flags: str, width: int, decimals: int, value: Value) -> str:
    if decimals > 12:
        raise Untranslatable("printf() with more than 12 decimals")
    if value.kind is Kind.NULL:
        text = quote_literal(f"{0:.{decimals}f}")
    elif value.kind in NUMBERS | {Kind.BOOLEAN}:
        # -0.0 and what is rounded to it keep their sign in SQLite.
        text = f"({fixed_text(f'coalesce({as_number(value).sql}, 0)', decimals)})"
    else:
        raise Untranslatable(f"printf() of {value.kind} as a number")
    if "+" in flags:
        raise Untranslatable(f"printf() with %{flags}f")
    return _zeros(text, flags, width)


def _written(value: Value) -> str:
    if value.kind is Kind.NULL:
        return "''"
    text = as_text(value)
    return text.sql if text.is_literal else f"coalesce({text.sql}, '')"


def _padded(text: str, flags: str, width: int) -> str:
    if width == 0:
        return text if text.endswith(")") or text.startswith("'") else f"({text})"
    blanks = f"repeat(' ', {width} - octet_length({text}))"
    return f"(({text}) || {blanks})" if "-" in flags else f"({blanks} || ({text}))"


def _quoted(directive: str, value: Value) -> str:
    if value.kind not in (Kind.TEXT, Kind.NULL):
        raise Untranslatable(f"printf() with %{directive} of {value.kind}")
    if value.kind is Kind.NULL:
        return "'(NULL)'" if directive == "q" else "'NULL'"
    doubled = f"replace({value.sql}, '''', '''''')"
    if directive == "q":
        return f"coalesce({doubled}, '(NULL)')"
    return f"coalesce('''' || {doubled} || '''', 'NULL')"
