"""
SQLite's JSON functions and operators over columns that hold JSON.

Pure. A path must be a constant; it becomes a chain of -> with names and positions apart, because a
path of PostgreSQL does not tell the two from one another. What a path leads to has the class that the
row gives it (`Kind.ANY`); texts that are made are written without blanks, as SQLite writes them.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from howdah.codecs.encode_json import fault_of
from howdah.names import quote_literal
from howdah.planning.expressions import Expressions, Node
from howdah.planning.sql_values import Kind, Untranslatable, Value, as_number, as_text, text_value

#: A string, or blanks outside of one.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[ \t\r\n]+')
#: .name, ."any name", [3], [#-1]
_STEP = re.compile(r'\.([^."\[\]]+)|\."([^"\\]*)"|\[(\d+)\]|\[#-(\d+)\]')


def document(value: Value) -> str:
    """Return a value as SQL of type json. Raises Untranslatable where it is none."""
    if value.kind is Kind.ANY and value.node:
        return value.node
    if value.kind is Kind.JSON:
        is_json = value.column is not None and value.column.type == "json"
        return value.operand if is_json else f"{value.operand}::json"
    if value.kind is Kind.TEXT:
        return f"{value.operand}::json"
    raise Untranslatable(f"{value.kind} used as JSON")


def follow_path(root: str, path: str) -> str:
    """Return what a path of SQLite leads to. Raises Untranslatable for one that is not understood."""
    if not path.startswith("$"):
        raise Untranslatable(f"the JSON path {path!r}")
    position, sql = 1, root
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise Untranslatable(f"the JSON path {path!r}")
        name = found[1] if found[1] is not None else found[2]
        if name is not None:
            sql = f"({sql} -> {quote_literal(name)})"
        else:
            sql = f"({sql} -> {found[3] if found[3] is not None else f'(-{found[4]})'})"
        position = found.end()
    return sql


def path_of(node: Node) -> str:
    """Return the constant path of an argument. Raises Untranslatable for one that is not known."""
    if not isinstance(node, exp.Literal):
        raise Untranslatable("a JSON path that is not known")
    if not node.is_string:
        return f"$[{node.this}]"
    if node.this.startswith("$"):
        return str(node.this)
    # -> and ->> take a bare name, or a bare number in a text, which is a name too.
    if '"' in node.this or "\\" in node.this:
        raise Untranslatable(f"the JSON path {node.this!r}")
    return f'$."{node.this}"'


def any_value(node: str) -> Value:
    """Return what json_extract() gives for a JSON value: text, number, 0, 1 or NULL."""
    return Value(sql=f"({node} #>> '{{}}')", kind=Kind.ANY, node=node)


def json_extract(translator: Expressions, node: Node) -> Value:
    """Translate json_extract(x, path), x ->> path, and x -> path."""
    if node.args.get("expressions"):
        raise Untranslatable("json_extract() with several paths")
    if node.args.get("json_subtype") and not node.expression.name.startswith("$"):
        raise Untranslatable("a JSON path that does not begin with $")
    path = path_of(node.expression)
    found = follow_path(document(translator.translate(node.this)), path)
    if isinstance(node, exp.JSONExtractScalar):
        return any_value(found)
    return Value(sql=f"{found}::text", kind=Kind.TEXT, is_json=True)


def _two_at_most(translator: Expressions, node: Node, name: str) -> str:
    if isinstance(node, exp.JSONType):
        arguments = [node.this, *([node.expression] if node.args.get("expression") is not None else [])]
    else:
        arguments = list(node.expressions)
    if not 1 <= len(arguments) <= 2:
        raise Untranslatable(f"{name}() with {len(arguments)} arguments")
    root = document(translator.translate(arguments[0]))
    return follow_path(root, path_of(arguments[1])) if len(arguments) == 2 else root


def json_type(translator: Expressions, node: Node) -> Value:
    """Translate json_type(x [, path])."""
    return Value(sql=type_of(_two_at_most(translator, node, "json_type")), kind=Kind.TEXT)


def type_of(found: str) -> str:
    """Return what json_type() says of a JSON value."""
    text = f"({found} #>> '{{}}')"
    return (
        f"CASE json_typeof({found}) WHEN 'string' THEN 'text' WHEN 'boolean' THEN {text}"
        f" WHEN 'number' THEN CASE WHEN {text} ~ '[.eE]' THEN 'real' ELSE 'integer' END"
        f" ELSE json_typeof({found}) END"
    )


def json_array_length(translator: Expressions, node: Node) -> Value:
    """Translate json_array_length(x [, path]): 0 for what is no array, NULL for what is not there."""
    found = _two_at_most(translator, node, "json_array_length")
    return Value(
        sql=f"CASE json_typeof({found}) WHEN 'array' THEN json_array_length({found})"
        f" ELSE CASE WHEN {found} IS NOT NULL THEN 0 END END",
        kind=Kind.INTEGER,
        low=0,
    )


def json_valid(translator: Expressions, node: Node) -> Value:
    """Translate json_valid(x) where the type of the column guarantees it."""
    if len(node.expressions) != 1:
        raise Untranslatable("json_valid() with several arguments")
    value = translator.translate(node.expressions[0])
    if value.kind is not Kind.JSON:
        raise Untranslatable("json_valid() of a column that is not JSON")
    return Value(sql=f"CASE WHEN {value.operand} IS NOT NULL THEN TRUE END", kind=Kind.BOOLEAN)


def written_json(value: Value) -> str:
    """Return a value as json_array() and the like write it. Raises Untranslatable."""
    match value.kind:
        case Kind.NULL:
            return "'null'"
        case Kind.TEXT if value.is_json:
            return f"coalesce({value.sql}, 'null')"
        case Kind.TEXT:
            return f"coalesce(to_json({value.sql}::text)::text, 'null')"
        case Kind.INTEGER | Kind.BOOLEAN | Kind.REAL | Kind.NUMERIC | Kind.MOMENT | Kind.JSON:
            if value.kind in (Kind.MOMENT, Kind.JSON):
                return f"coalesce(to_json({as_text(value).sql})::text, 'null')"
            number = as_number(value)
            return f"coalesce({as_text(number).operand}, 'null')"
        case _:
            raise Untranslatable(f"{value.kind} written as JSON")


def json_array(translator: Expressions, node: Node) -> Value:
    """Translate json_array(…)."""
    items = [written_json(translator.translate(item)) for item in node.expressions]
    joined = " || ',' || ".join(items)
    sql = f"'[' || {joined} || ']'" if items else "'[]'::text"
    return Value(sql=sql, kind=Kind.TEXT, atomic=not items, is_json=True)


def json_object(translator: Expressions, node: Node) -> Value:
    """Translate json_object(name, value, …)."""
    pairs = [
        member(translator.translate(name), translator.translate(value)) for name, value in _pairs_of(node)
    ]
    joined = " || ',' || ".join(pairs)
    sql = f"'{{' || {joined} || '}}'" if pairs else "'{}'::text"
    return Value(sql=sql, kind=Kind.TEXT, atomic=not pairs, is_json=True)


def _pairs_of(node: Node) -> list[tuple[Node, Node]]:
    items = list(node.expressions)
    if all(isinstance(item, exp.JSONKeyValue) for item in items):
        return [(item.this, item.expression) for item in items]
    if len(items) % 2:
        raise Untranslatable("json_object() with a name that has no value")
    return list(zip(items[::2], items[1::2], strict=True))


def member(name: Value, value: Value) -> str:
    """Return one name and value of an object."""
    if name.kind is not Kind.TEXT:
        raise Untranslatable(f"json_object() with a name of {name.kind}")
    return f"to_json({name.sql}::text)::text || ':' || {written_json(value)}"


def json(translator: Expressions, node: Node) -> Value:
    """Translate json(x) of a JSON text that a function made, which has no blanks, or of a constant."""
    if len(node.expressions) != 1:
        raise Untranslatable("json() with several arguments")
    value = translator.translate(node.expressions[0])
    if value.kind is Kind.NULL or value.is_json:
        return value
    if isinstance(value.literal, str):
        blanks = _TOKEN.sub(lambda token: token[0] if token[0].startswith('"') else "", value.literal)
        if is_plain_json(value.literal):
            return replace(text_value(blanks), is_json=True)
    raise Untranslatable("json() of a text that may have blanks")


def is_plain_json(text: str) -> bool:
    """Return whether a text is JSON by RFC 8259 (SQLite takes more, and rewrites it)."""
    return not fault_of(text)


def json_quote(translator: Expressions, node: Node) -> Value:
    """Translate json_quote(x)."""
    if len(node.expressions) != 1:
        raise Untranslatable("json_quote() with several arguments")
    return Value(sql=written_json(translator.translate(node.expressions[0])), kind=Kind.TEXT, is_json=True)
