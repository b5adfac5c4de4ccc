"""
json_each() in FROM: one row for each element of an array or member of an object.

Pure. Of its columns `key`, `value` and `type` are translated; what they hold has the class that the row
gives it (`Kind.ANY`). The others, and json_tree(), number the nodes by where they lie in the text.
"""

from __future__ import annotations

from sqlglot import exp

from howdah.names import quote
from howdah.planning.expressions import Expressions, Node
from howdah.planning.json_calls import any_value, document, follow_path, path_of, type_of
from howdah.planning.sources import Source
from howdah.planning.sql_values import ROWID_NAMES, Kind, ScopeColumn, Untranslatable

_REFUSED = ROWID_NAMES | {"atom", "id", "parent", "fullkey", "path", "json", "root"}


def json_each(node: Node, beside: Expressions) -> tuple[Source, str]:
    """
    Translate a call of json_each() in FROM; `beside` knows the tables before it.

    Raises Untranslatable for any other table function.
    """
    call = node.this
    if not isinstance(call, exp.Anonymous) or str(call.this).lower() != "json_each":
        raise Untranslatable("a table function other than json_each()")
    if not 1 <= len(call.expressions) <= 2:
        raise Untranslatable(f"json_each() with {len(call.expressions)} arguments")
    root = document(beside.translate(call.expressions[0]))
    if len(call.expressions) == 2:
        root = follow_path(root, path_of(call.expressions[1]))
    alias = node.alias or "json_each"
    sql = (
        "LATERAL (SELECT to_json(item.place - 1) AS key, item.value AS value"
        f" FROM json_array_elements(CASE json_typeof({root}) WHEN 'array' THEN {root} END)"
        " WITH ORDINALITY AS item (value, place)"
        " UNION ALL SELECT to_json(item.key), item.value"
        f" FROM json_each(CASE json_typeof({root}) WHEN 'object' THEN {root} END) AS item (key, value)"
        f" UNION ALL SELECT NULL::json, {root} WHERE json_typeof({root}) NOT IN ('array', 'object'))"
        f" AS {quote(alias)}"
    )
    columns = [_column(alias, name) for name in ("key", "value")]
    columns.append(ScopeColumn(name="type", sql=type_of(f"{quote(alias)}.value"), kind=Kind.TEXT))
    return Source(alias=alias, columns=tuple(columns), refused=_REFUSED), sql


def _column(alias: str, name: str) -> ScopeColumn:
    node = f"{quote(alias)}.{name}"
    return ScopeColumn(name=name, sql=any_value(node).sql, kind=Kind.ANY, node=node)
