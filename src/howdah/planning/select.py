"""
Translate a SELECT, clause by clause, with every column followed to where it comes from.

Pure. Stars are written out, names are qualified, text sorts by its bytes and NULLs
come first, as in SQLite. What PostgreSQL would answer otherwise (grouping by a
column without case, recursive queries…) raises `Untranslatable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.names import quote
from howdah.planning.aggregates import direction, with_named_windows
from howdah.planning.comparison import order_key
from howdah.planning.dialect import parse_statement, refusing_depth
from howdah.planning.expressions import Expressions, Node, Rules, only
from howdah.planning.group_by import group_by, group_expressions, row_order, unalias
from howdah.planning.grouped import Grouped
from howdah.planning.json_tables import json_each
from howdah.planning.recursive import cast_part, names_itself, settle, take_apart
from howdah.planning.relations import Relation
from howdah.planning.sources import Source, Sources, require_plain
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    Scope,
    ScopeColumn,
    Untranslatable,
    Value,
    as_condition,
    column_value,
)

_RULES = Rules(immutable=False, aggregates=True)

_SET_OPERATIONS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A query for PostgreSQL."""

    sql: str
    names: tuple[str, ...]
    columns: tuple[Value, ...]


def names_read_by(sql: str) -> set[str]:
    """Return the lower-case names of tables and views in a statement; none where it cannot be read."""
    try:
        return {fold_name(table.name) for table in parse_statement(sql).find_all(exp.Table)}
    except Untranslatable:
        return set()


@dataclass(frozen=True, kw_only=True)
class Selects:
    """Translator of queries over known relations, by lower-case name."""

    relations: Mapping[str, Relation]
    outer: Scope | None = None
    #: How the SELECT puts out each of its values, by place; None as they are.
    assign: Callable[[int, Value], str] | None = None

    def translate_view(self, sql: str) -> Translated:
        """Translate the query of a CREATE VIEW statement. Raises Untranslatable."""
        statement = parse_statement(sql)
        if not isinstance(statement, exp.Create) or statement.expression is None:
            raise Untranslatable("a statement that could not be read")
        with refusing_depth():
            return self.query(statement.expression)

    def query(self, node: Node) -> Translated:
        """Translate a SELECT or a set of them. Raises Untranslatable."""
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias")
            return self.query(node.this)
        if isinstance(node, exp.Select):
            return self._select(node)
        if type(node) in _SET_OPERATIONS:
            return self._set_operation(node)
        raise Untranslatable(f"{type(node).__name__.upper()} as a query")

    def _with_tables(self, node: Node) -> tuple[Selects, str]:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is None:
            return self, ""
        only(clause, "expressions", "recursive")
        inner, parts, recursive = self, [], ""
        for table in clause.expressions:
            # A hint to the planner: the answer is the same.
            only(table, "this", "alias", "materialized")
            alias = table.args["alias"]
            if names_itself(table):
                recursive, query = "RECURSIVE ", inner._recursive(table)
            else:
                query = inner.query(table.this)
            names = [column.name for column in alias.args.get("columns") or ()] or query.names
            if len(names) != len(query.columns):
                raise Untranslatable("WITH whose columns do not match")
            listed = ", ".join(quote(name) for name in names)
            parts.append(f"{quote(alias.name)} ({listed}) AS ({query.sql})")
            relation = Relation.of_values(quote(alias.name), names, query.columns)
            inner = replace(inner, relations={**inner.relations, fold_name(alias.name): relation})
        return inner, f"WITH {recursive}{', '.join(parts)} "

    def _recursive(self, table: Node) -> Translated:
        parts, alias = take_apart(table), table.args["alias"]
        first = self.query(parts.first)
        names = tuple(column.name for column in alias.args.get("columns") or ()) or first.names
        settled = tuple(settle(column) for column in first.columns)
        if len(names) != len(settled):
            raise Untranslatable("WITH whose columns do not match")
        own = Relation.of_values(quote(alias.name), names, settled)
        inner = replace(self, relations={**self.relations, fold_name(alias.name): own})
        following = inner.query(parts.following)
        union = "UNION ALL" if parts.every_row else "UNION"
        both = [cast_part(part.sql, part.columns, settled) for part in (first, following)]
        return Translated(sql=f" {union} ".join(both), names=names, columns=settled)

    def _select(self, node: Node) -> Translated:
        only(
            node, "with_", "with", "expressions", "from_", "from", "joins", "where", "group", "having",
            "order", "limit", "offset", "distinct", "kind", "windows",
        )  # fmt: skip
        if node.args.get("windows"):
            node = with_named_windows(node)
        selects, prefix = self._with_tables(node)
        scope, from_sql = selects._from(node)
        rows = replace(selects._expressions(scope), row_order=row_order(scope))
        aliases = _aliases(node)
        expressions = group_expressions(node, rows, scope, aliases)
        outputs = _outputs(node, expressions, scope)
        distinct = node.args.get("distinct")
        sql = "SELECT " + ("DISTINCT " if distinct is not None else "")
        if distinct is not None:
            only(distinct)
            require_plain([value for _, value in outputs], "DISTINCT")
        assign = self.assign or (lambda place, value: value.sql)
        sql += ", ".join(
            f"{assign(place, value)} AS {quote(name)}" for place, (name, value) in enumerate(outputs)
        )
        sql += from_sql
        where = node.args.get("where")
        if where is not None:
            sql += f" WHERE {as_condition(rows.translate(where.this)).sql}"
        sql += group_by(node, rows, scope, aliases)
        having = node.args.get("having")
        if having is not None:
            sql += f" HAVING {as_condition(expressions.translate(having.this)).sql}"
        names, columns = tuple(name for name, _ in outputs), tuple(value for _, value in outputs)
        translated = Translated(sql=prefix + sql, names=names, columns=columns)
        if distinct is not None:
            return _order_outside(node, translated)
        return replace(
            translated, sql=translated.sql + _order(node, expressions, scope, aliases, outputs) + _limit(node)
        )

    def _set_operation(self, node: Node) -> Translated:
        only(
            node, "this", "expression", "distinct", "with_", "with", "order", "limit", "offset", "by_name",
        )  # fmt: skip
        selects, prefix = self._with_tables(node)
        left, right = selects.query(node.this), selects.query(node.expression)
        if len(left.columns) != len(right.columns):
            raise Untranslatable("queries with different numbers of columns")
        columns = tuple(_joint(one, other) for one, other in zip(left.columns, right.columns, strict=True))
        name = _SET_OPERATIONS[type(node)]
        if isinstance(node, exp.Union) and not node.args.get("distinct"):
            name = "UNION ALL"
        else:
            require_plain([*left.columns, *right.columns], name)
        sql = f"{prefix}({left.sql}) {name} ({right.sql})"
        return _order_outside(node, Translated(sql=sql, names=left.names, columns=columns))

    def _expressions(self, scope: Scope) -> Expressions:
        def subselect(node: Node, outer: Scope) -> tuple[str, tuple[Value, ...]]:
            translated = Selects(relations=self.relations, outer=outer).query(node)
            return translated.sql, translated.columns

        return Expressions(scope=scope, rules=_RULES, select=subselect)

    def _from(self, node: Node) -> tuple[Sources, str]:
        clause = node.args.get("from_") or node.args.get("from")
        if clause is None:
            return Sources((), frozenset(), self.outer), ""
        source, sql = self._source(clause.this, Sources((), frozenset(), self.outer))
        scope, text = Sources((source,), frozenset(), self.outer), f" FROM {sql}"
        for join in node.args.get("joins") or ():
            only(join, "this", "on", "using", "side", "kind", "method")
            source, sql = self._source(join.this, scope)
            if any(fold_name(source.alias) == fold_name(other.alias) for other in scope.sources):
                raise Untranslatable(f'the name "{source.alias}" twice in FROM')
            scope, clause_sql = self._join(scope, source, sql, join)
            text += clause_sql
        return scope, text

    def _source(self, node: Node, before: Sources) -> tuple[Source, str]:
        if isinstance(node, exp.Subquery) and isinstance(node.this, (exp.Select, *_SET_OPERATIONS)):
            only(node, "this", "alias")
            # In SQLite a query in FROM does not see the tables beside it.
            inner = Selects(relations=self.relations, outer=self.outer).query(node.this)
            alias = node.alias or "subquery"
            listed = ", ".join(quote(name) for name in inner.names)
            relation = Relation.of_values("", inner.names, inner.columns)
            return _aliased(relation, alias), f"({inner.sql}) AS {quote(alias)} ({listed})"
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            only(node, "this", "alias")
            return json_each(node, self._expressions(before))
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise Untranslatable("tables in parentheses")
        only(node, "this", "alias", "db", "indexed")
        if node.db and fold_name(node.db) != "main":
            raise Untranslatable(f'a table of the attached database "{node.db}"')
        found = self.relations.get(fold_name(node.name))
        if found is None:
            raise Untranslatable(f'"{node.name}", which is not carried')
        alias = node.alias or node.name
        return _aliased(found, alias), f"{found.sql} AS {quote(alias)}"

    def _join(self, scope: Sources, source: Source, sql: str, join: Node) -> tuple[Sources, str]:
        side = str(join.args.get("side") or "").upper()
        using = [column.name for column in join.args.get("using") or ()] or _natural(scope, source, join)
        source = replace(source, merged=frozenset(map(fold_name, using)))
        both = replace(scope, sources=(*scope.sources, source))
        kind = f"{side} JOIN" if side else "JOIN"
        if using:
            merged = scope.merged | {fold_name(name) for name in using}
            shared = []
            for name in using:
                ours, theirs = (
                    scope.resolve("", name),
                    Sources((source,), frozenset(), None).resolve("", name),
                )
                if (
                    ours is None
                    or theirs is None
                    or ours.kind is not theirs.kind
                    or side in ("RIGHT", "FULL")
                ):
                    raise Untranslatable("JOIN … USING over columns of other types")
                own_name = _own_name(theirs, both)
                if ours.collation.upper() != "BINARY" or _own_name(ours, both) != own_name:
                    raise Untranslatable("JOIN … USING over columns with a collation or another name")
                shared.append(own_name)
            return replace(both, merged=merged), f" {kind} {sql} USING ({', '.join(shared)})"
        on = join.args.get("on")
        if on is None:
            if side:
                raise Untranslatable(f"{side} JOIN without ON")
            return both, f" CROSS JOIN {sql}"
        condition = as_condition(self._expressions(both).translate(on))
        return both, f" {kind} {sql} ON {condition.sql}"


def _natural(scope: Sources, source: Source, join: Node) -> list[str]:
    """Return by which columns a NATURAL JOIN joins, [] for any other join."""
    method = str(join.args.get("method") or "").upper()
    if method not in ("", "NATURAL"):
        raise Untranslatable(f"{method} JOIN")
    before = {fold_name(column.name) for earlier in scope.sources for column in earlier.columns}
    shared = [column.name for column in source.columns if fold_name(column.name) in before]
    return shared if method else []


def _own_name(column: ScopeColumn, scope: Sources) -> str:
    """Return the quoted name of a column in PostgreSQL without the alias before it."""
    owner = next((source for source in scope.sources if column in source.columns), None)
    return column.sql.removeprefix(f"{quote(owner.alias)}.") if owner is not None else column.sql


def _aliased(relation: Relation, alias: str) -> Source:
    columns = tuple(
        replace(column, sql=f"{quote(alias)}.{column.sql}", generated=False) for column in relation.columns
    )
    rowid = relation.rowid
    return Source(
        alias=alias,
        columns=columns,
        rowid=replace(rowid, sql=f"{quote(alias)}.{rowid.sql}") if rowid is not None else None,
        primary_key=tuple(f"{quote(alias)}.{column}" for column in relation.primary_key),
    )


def _outputs(node: Node, expressions: Expressions, scope: Sources) -> list[tuple[str, Value]]:
    outputs: list[tuple[str, Value]] = []
    for number, item in enumerate(node.expressions, start=1):
        if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
            only(item, "this", "table")
            outputs += _star(item.table if isinstance(item, exp.Column) else "", scope, expressions.scope)
        elif isinstance(item, exp.Alias):
            outputs.append((item.alias, expressions.translate(item.this)))
        else:
            name = item.name if isinstance(item, exp.Column) else f"column{number}"
            outputs.append((name, expressions.translate(item)))
    return outputs


def _star(table: str, scope: Sources, seen: Scope) -> list[tuple[str, Value]]:
    chosen = [source for source in scope.sources if not table or fold_name(source.alias) == fold_name(table)]
    if not chosen:
        raise Untranslatable(f'"{table}.*"')
    if any(source.refused for source in chosen):
        raise Untranslatable("* over a table function")
    columns = [
        (source, column)
        for source in chosen
        for column in source.columns
        if table or fold_name(column.name) not in source.merged
    ]
    if isinstance(seen, Grouped):
        found = [(column, seen.resolve(source.alias, column.name)) for source, column in columns]
        return [(column.name, column_value(known or column)) for column, known in found]
    return [(column.name, column_value(column)) for _, column in columns]


def _aliases(node: Node) -> dict[str, Node]:
    return {fold_name(item.alias): item.this for item in node.expressions if isinstance(item, exp.Alias)}


def _order(
    node: Node,
    expressions: Expressions,
    scope: Sources,
    aliases: Mapping[str, Node],
    outputs: list[tuple[str, Value]],
) -> str:
    order = node.args.get("order")
    if order is None:
        return ""
    keys = []
    for item in order.expressions:
        by = item.this
        place = _place(by, len(outputs))
        if place is not None:
            value = outputs[place][1]
        else:
            value = expressions.translate(unalias(by, scope, aliases, alias_first=True))
        keys.append(order_key(value) + direction(item))
    return f" ORDER BY {', '.join(keys)}"


def _place(by: Node, count: int) -> int | None:
    """Return the output, from 0, that a number in ORDER BY stands for, None for anything else."""
    if not isinstance(by, exp.Literal) or by.is_string:
        return None
    if not by.this.isdigit():
        # A constant to SQLite, an error to PostgreSQL.
        raise Untranslatable("ORDER BY a number that is no position")
    return int(by.this) - 1 if 1 <= int(by.this) <= count else None


def _order_outside(node: Node, translated: Translated) -> Translated:
    """Sort what DISTINCT or a set operation puts out: PostgreSQL takes only plain columns there."""
    order = node.args.get("order")
    if order is None:
        return replace(translated, sql=translated.sql + _limit(node))
    keys = []
    for item in order.expressions:
        position = _output_position(item.this, translated.names)
        value = translated.columns[position]
        named = replace(value, sql=quote(translated.names[position]), atomic=True, literal=None)
        keys.append(order_key(named) + direction(item))
    if len(set(translated.names)) != len(translated.names):
        raise Untranslatable("ORDER BY over columns of one name")
    sql = f"SELECT * FROM ({translated.sql}) AS sorted ORDER BY {', '.join(keys)}{_limit(node)}"
    return replace(translated, sql=sql)


def _output_position(by: Node, names: tuple[str, ...]) -> int:
    place = _place(by, len(names))
    if place is not None:
        return place
    if isinstance(by, exp.Column) and not isinstance(by.this, exp.Star):
        lowered = [fold_name(name) for name in names]
        if lowered.count(fold_name(by.name)) == 1:
            return lowered.index(fold_name(by.name))
    raise Untranslatable("ORDER BY an expression over DISTINCT or a set of queries")


def _limit(node: Node) -> str:
    sql = ""
    for name, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        clause = node.args.get(name)
        if clause is not None:
            number = clause.expression
            if name == "limit" and isinstance(number, exp.Neg) and isinstance(number.this, exp.Literal):
                # Below 0 it is no limit.
                continue
            if not isinstance(number, exp.Literal) or number.is_string or not number.this.isdigit():
                raise Untranslatable(f"{word} with an expression")
            sql += f" {word} {number.this}"
    return sql


def _joint(one: Value, other: Value) -> Value:
    """Return what the same column of two queries is together."""
    if one.kind is other.kind:
        same = (
            one.column is not None
            and other.column is not None
            and (
                (one.column.type, one.column.codec, one.column.format, one.column.affinity)
                == (other.column.type, other.column.codec, other.column.format, other.column.affinity)
            )
        )
        if not same and one.kind in (Kind.MOMENT, Kind.OPAQUE):
            raise Untranslatable("a set of queries over columns of different forms")
        return replace(one, literal=None, column=one.column if same else None)
    if Kind.NULL in (one.kind, other.kind):
        return replace(one if other.kind is Kind.NULL else other, literal=None, column=None)
    if one.kind in NUMBERS and other.kind in NUMBERS:
        return replace(one, kind=Kind.NUMERIC, literal=None, column=None)
    raise Untranslatable(f"a set of queries that mixes {one.kind} with {other.kind}")
