"""
SQLite's functions over texts and bytes.

Pure. Numbers, moments and the like are written as SQLite would print them before a function of text sees
them; letters outside A to Z keep their case.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from howdah.planning.comparison import lower_ascii
from howdah.planning.expressions import Expressions, Node, only
from howdah.planning.sql_values import Kind, Untranslatable, Value, as_text, text_value

#: PostgreSQL's texts and bytes end at 1 GB.
_LENGTH_MAX = 1_073_741_823


def length(translator: Expressions, node: Node) -> Value:
    """Translate length(x): characters of a text, bytes of bytes."""
    only(node, "this")
    value = translator.translate(node.this)
    if value.kind is Kind.BYTES:
        return Value(sql=f"octet_length({value.sql})", kind=Kind.INTEGER, low=0)
    return Value(sql=f"length({as_text(value).sql})", kind=Kind.INTEGER, low=0)


def substring(translator: Expressions, node: Node) -> Value:
    """
    Translate substr(x, start, length), with positions from either end and lengths to either side.

    PostgreSQL counts from before the first character too and cuts what is not there, so one
    rule holds for all (src/func.c, substrFunc); but a length below 0 is an error there.
    """
    only(node, "this", "start", "length")
    value = translator.translate(node.this)
    text = value if value.kind is Kind.BYTES else as_text(value)
    if text.kind is Kind.BYTES:
        # Of no bytes at all SQLite gives NULL.
        text = replace(text, sql=f"nullif({text.sql}, '\\x'::bytea)")
    start = translator.translate(node.args["start"])
    if start.kind is not Kind.INTEGER:
        raise Untranslatable(f"substr() from a position of {start.kind}")
    characters = f"{'octet_length' if text.kind is Kind.BYTES else 'length'}({text.sql})"
    position = _position_from_start(start, characters)
    if node.args.get("length") is None:
        return Value(sql=f"substr({text.sql}, {position})", kind=text.kind)
    count = translator.translate(node.args["length"])
    if count.kind is not Kind.INTEGER:
        raise Untranslatable(f"substr() of a length of {count.kind}")
    bounded = _bounded(count)
    forward = f"substr({text.sql}, {position}, {bounded})"
    if count.low is not None and count.low >= 0:
        return Value(sql=forward, kind=text.kind)
    backward = f"substr({text.sql}, ({position}) - abs({bounded}), abs({bounded}))"
    if count.is_literal:
        return Value(sql=backward, kind=text.kind)
    return Value(sql=f"CASE WHEN {count.operand} < 0 THEN {backward} ELSE {forward} END", kind=text.kind)


def _position_from_start(start: Value, characters: str) -> str:
    number = _bounded(start)
    if start.low is not None and start.low >= 0:
        return number
    from_end = f"{characters} + 1 + {number}"
    if start.is_literal:
        return from_end
    return f"CASE WHEN {start.operand} < 0 THEN {from_end} ELSE {number} END"


def _bounded(value: Value) -> str:
    """Return a number as an int; no text is longer than the bounds."""
    if isinstance(value.literal, int):
        bounded = max(-_LENGTH_MAX, min(_LENGTH_MAX, value.literal))
        return str(bounded) if bounded >= 0 else f"({bounded})"
    bounds = f"least({value.sql}, {_LENGTH_MAX})"
    if value.low is None or value.low < 0:
        bounds = f"greatest({bounds}, -{_LENGTH_MAX})"
    bounds += "::int"
    # least() and greatest() pass over NULL.
    return f"CASE WHEN {value.operand} IS NOT NULL THEN {bounds} END"


def position(translator: Expressions, node: Node) -> Value:
    """Translate instr(whole, part)."""
    only(node, "this", "substr")
    whole, part = translator.translate(node.this), translator.translate(node.args["substr"])
    if whole.kind is part.kind is Kind.BYTES:
        return Value(sql=f"position({part.sql} IN {whole.sql})", kind=Kind.INTEGER, low=0)
    return Value(sql=f"strpos({as_text(whole).sql}, {as_text(part).sql})", kind=Kind.INTEGER, low=0)


def lower(translator: Expressions, node: Node) -> Value:
    """Translate lower(x)."""
    only(node, "this")
    return lower_ascii(as_text(translator.translate(node.this)))


def upper(translator: Expressions, node: Node) -> Value:
    """Translate upper(x)."""
    only(node, "this")
    value = as_text(translator.translate(node.this))
    return Value(sql=f'upper({value.operand} COLLATE "C")', kind=Kind.TEXT)


def trim(translator: Expressions, node: Node) -> Value:
    """Translate trim, ltrim and rtrim."""
    only(node, "this", "expression", "position")
    text = as_text(translator.translate(node.this))
    side = str(node.args.get("position") or "").upper()
    name = {"": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}[side]
    if node.args.get("expression") is None:
        return Value(sql=f"{name}({text.sql})", kind=Kind.TEXT)
    characters = as_text(translator.translate(node.expression))
    return Value(sql=f"{name}({text.sql}, {characters.sql})", kind=Kind.TEXT)


def replaced(translator: Expressions, node: Node) -> Value:
    """Translate replace(x, old, new)."""
    only(node, "this", "expression", "replacement")
    if node.args.get("replacement") is None:
        raise Untranslatable("replace() with two arguments")
    parts = [
        as_text(translator.translate(part)) for part in (node.this, node.expression, node.args["replacement"])
    ]
    return Value(sql=f"replace({', '.join(part.sql for part in parts)})", kind=Kind.TEXT)


def hexadecimal(translator: Expressions, node: Node) -> Value:
    """Translate hex(x), and lower(hex(x))."""
    only(node, "this")
    value = translator.translate(node.this)
    if value.kind is not Kind.BYTES:
        value = as_text(value)
        value = replace(value, sql=f"convert_to({value.sql}, 'UTF8')", column=None, literal=None)
    digits = f"encode({value.sql}, 'hex')"
    if not (value.is_literal or "gen_random" in value.sql):
        digits = f"coalesce({digits}, '')"  # hex(NULL) is '' in SQLite
    return Value(sql=digits if isinstance(node, exp.LowerHex) else f"upper({digits})", kind=Kind.TEXT)


def quoted(translator: Expressions, node: Node) -> Value:
    """Translate quote(x)."""
    if len(node.expressions) != 1:
        raise Untranslatable(f"quote() with {len(node.expressions)} arguments")
    value = translator.translate(node.expressions[0])
    match value.kind:
        case Kind.NULL:
            return text_value("NULL")
        case Kind.INTEGER | Kind.BOOLEAN:
            written = as_text(value).operand
        case Kind.TEXT:
            written = f"'''' || replace({value.sql}, '''', '''''') || ''''"
        case Kind.BYTES:
            written = f"'X''' || upper(encode({value.sql}, 'hex')) || ''''"
        case _:
            raise Untranslatable(f"quote() of {value.kind}")
    return Value(sql=f"coalesce({written}, 'NULL')", kind=Kind.TEXT)


def code_point(translator: Expressions, node: Node) -> Value:
    """Translate unicode(x)."""
    arguments = node.expressions if isinstance(node, exp.Anonymous) else [node.this]
    if len(arguments) != 1:
        raise Untranslatable("unicode() of several texts")
    text = as_text(translator.translate(arguments[0]))
    return Value(sql=f"nullif(ascii({text.sql}), 0)", kind=Kind.INTEGER, low=0)


def characters(translator: Expressions, node: Node) -> Value:
    """Translate char(n, …) of constants."""
    only(node, "expressions")
    made = []
    for item in node.expressions:
        code = translator.translate(item).literal
        if not isinstance(code, int) or not 0 < code < 0x110000 or 0xD800 <= code < 0xE000:
            raise Untranslatable("char() of a number that is not known")
        made.append(chr(code))
    return text_value("".join(made))


def joined(translator: Expressions, node: Node) -> Value:
    """Translate concat() and concat_ws(), for which NULL is nothing."""
    items = [translator.translate(item) for item in node.expressions]
    separator = None
    if isinstance(node, exp.ConcatWs):
        separator, items = as_text(items[0]), items[1:]
    texts = [as_text(item).sql for item in items if item.kind is not Kind.NULL]
    if not texts:
        raise Untranslatable("concat() of nothing")
    if separator is not None:
        return Value(sql=f"concat_ws({separator.sql}, {', '.join(texts)})", kind=Kind.TEXT)
    return Value(sql=" || ".join(f"coalesce({text}, '')" for text in texts), kind=Kind.TEXT, atomic=False)
