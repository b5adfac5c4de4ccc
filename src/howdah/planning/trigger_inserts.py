"""
INSERT in a trigger: of values or of a query, and what becomes of a row whose key is there.

Pure. OR IGNORE and ON CONFLICT have their equals; OR REPLACE takes out the rows that share a key with the new
one, which is certain where no trigger and no foreign key would notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.names import quote
from howdah.planning.assignment import assigned
from howdah.planning.design import TableDesign
from howdah.planning.expressions import Expressions, Node, only
from howdah.planning.grouped import aggregates_of
from howdah.planning.relations import Relation, relation_of_table
from howdah.planning.select import Selects
from howdah.planning.sql_values import Kind, Scope, Untranslatable, Value
from howdah.planning.trigger_writes import (
    WrittenScope,
    column_of_table,
    translate_changes,
    translate_where,
)

#: A variable that holds the row that replaces others.
_ROW = "howdah_row"


@dataclass(frozen=True, kw_only=True)
class InsertTranslator:
    """What the statements of one trigger know."""

    relations: Mapping[str, Relation]
    #: NEW and OLD.
    rows: Scope
    expressions: Callable[[Scope], Expressions]
    #: Whether a row of that table may go without a trigger or a foreign key that notices.
    may_be_replaced: Callable[[TableDesign], bool]

    def translate(self, node: Node, table: TableDesign) -> list[str]:
        """Return the statement in lines of PL/pgSQL. Raises Untranslatable."""
        only(node, "this", "expression", "alternative", "conflict")
        how = str(node.args.get("alternative") or "").upper()
        conflict = node.args.get("conflict")
        if how not in ("", "ABORT", "FAIL", "ROLLBACK", "IGNORE", "REPLACE") or (how and conflict):
            raise Untranslatable(f"INSERT OR {how}")
        names = _written_columns(node, table)
        if isinstance(node.expression, (exp.Select, exp.SetOperation)):
            return self._of_query(node.expression, table, names, how, conflict)
        if not isinstance(node.expression, exp.Values):
            raise Untranslatable("INSERT of anything but values and a query")
        several = node.expression.expressions
        if len(several) > 1 and node.expression.find(exp.Select):
            # Whether a row sees those before it is not said.
            raise Untranslatable("several rows of values that are looked up")
        return [
            line for row in several for line in self._of_values(row.expressions, table, names, how, conflict)
        ]

    def _of_values(
        self, cells: Sequence[Node], table: TableDesign, names: Sequence[str], how: str, conflict: Node | None
    ) -> list[str]:
        if len(cells) != len(names):
            raise Untranslatable("INSERT of another number of values")
        expressions = self.expressions(self.rows)
        given: dict[str, str] = {}
        for name, cell in zip(names, cells, strict=True):
            value = expressions.translate(cell)
            if value.kind is Kind.NULL and name == table.source.rowid_alias:
                continue  # SQLite gives the next number
            given[name] = assigned(value, table.plan.column(name), table.source.column(name))
        if how == "REPLACE":
            select = ", ".join(_typed(table, name, sql) for name, sql in given.items())
            return self._replace(table, list(given), f"SELECT {select}")
        target = _target(table, given)
        if not given:
            if how == "IGNORE" or conflict is not None:
                raise Untranslatable("INSERT of nothing that may be ignored")
            return [f"INSERT INTO {table.target} DEFAULT VALUES;"]
        values = ", ".join(given.values())
        if how == "IGNORE":
            _require_uniqueness_alone(table, names)
            required = [
                f"({sql}) IS NOT NULL" for name, sql in given.items() if table.plan.column(name).not_null
            ]
            where = f" WHERE {' AND '.join(required)}" if required else ""
            return [f"{target} SELECT {values}{where} ON CONFLICT DO NOTHING;"]
        return [f"{target} VALUES ({values}){self._on_conflict(table, conflict)};"]

    def _of_query(
        self, query: Node, table: TableDesign, names: Sequence[str], how: str, conflict: Node | None
    ) -> list[str]:
        tables = query.args.get("from_") or query.args.get("from")
        alias = table.source.rowid_alias
        several = isinstance(query, exp.SetOperation)
        one = not several and (
            tables is None or (bool(aggregates_of(query.expressions)) and not query.args.get("group"))
        )
        if not one and alias is not None and alias not in names:
            raise Untranslatable("rows that get numbers in the order of a query")
        if query.args.get("with_") or query.args.get("with") or (query.args.get("distinct") and not several):
            raise Untranslatable("INSERT of a query with WITH or DISTINCT")
        selected = query.left.selects if several else query.expressions
        if len(selected) != len(names):
            raise Untranslatable("INSERT of another number of values")

        def assign(number: int, value: Value) -> str:
            column = table.source.column(names[number])
            if value.kind is Kind.NULL and column.name == alias:
                raise Untranslatable("a number of a row that a query leaves open")
            sql = assigned(value, table.plan.column(column.name), column)
            return _typed(table, column.name, sql) if how == "REPLACE" else sql

        selects = Selects(relations=self.relations, outer=self.rows, assign=assign)
        translated = selects.query(query)
        if how == "REPLACE":
            return self._replace(table, names, translated.sql)
        target = _target(table, names)
        if how == "IGNORE":
            _require_uniqueness_alone(table, names)
            if any(table.plan.column(name).not_null for name in names):
                raise Untranslatable("INSERT OR IGNORE of a query into columns that must not be NULL")
            return [f"{target} {translated.sql} ON CONFLICT DO NOTHING;"]
        if conflict is not None and not one and _action(conflict) == "DO UPDATE":
            raise Untranslatable("an upsert of several rows")
        return [f"{target} {translated.sql}{self._on_conflict(table, conflict)};"]

    def _replace(self, table: TableDesign, names: Sequence[str], query: str) -> list[str]:
        """Take out what shares a key with each row, then put it in."""
        if not self.may_be_replaced(table):
            raise Untranslatable("INSERT OR REPLACE where a trigger or a foreign key notices that rows go")
        alias = quote(table.plan.target_name)
        matches = []
        for key in unique_keys(table):
            if set(key) <= set(names):
                parts = [f"{alias}.{table.quoted(name)} = {_ROW}.{table.quoted(name)}" for name in key]
                matches.append(f"({' AND '.join(parts)})")
            elif any(name not in names and not _is_left_open(table, name) for name in key):
                raise Untranslatable("INSERT OR REPLACE where a key has a default")
        values = []
        for name in names:
            column, plan = table.source.column(name), table.plan.column(name)
            sql = f"{_ROW}.{table.quoted(name)}"
            if column.not_null and column.default_sql is not None:
                if plan.default_sql is None:
                    raise Untranslatable("INSERT OR REPLACE of NULL where a default steps in")
                sql = f"coalesce({sql}, {plan.default_sql})"
            values.append(sql)
        loop = [f"FOR {_ROW} IN {_named(table, names, query)} LOOP"]
        if matches:
            loop.append(f"    DELETE FROM {table.target} AS {alias} WHERE {' OR '.join(matches)};")
        loop += [f"    {_target(table, names)} VALUES ({', '.join(values)});", "END LOOP;"]
        return ["DECLARE", f"    {_ROW} record;", "BEGIN", *(f"    {line}" for line in loop), "END;"]

    def _on_conflict(self, table: TableDesign, conflict: Node | None) -> str:
        if conflict is None:
            return ""
        only(conflict, "duplicate", "expressions", "action", "conflict_keys", "where")
        keys = [
            column_of_table(table, _plain_name(item.this if isinstance(item, exp.Ordered) else item))
            for item in conflict.args.get("conflict_keys") or ()
        ]
        if keys and frozenset(keys) not in map(frozenset, unique_keys(table)):
            raise Untranslatable("ON CONFLICT of columns that no key is made of")
        place = f" ({', '.join(map(table.quoted, keys))})" if keys else ""
        if _action(conflict) == "DO NOTHING":
            return f" ON CONFLICT{place} DO NOTHING"
        if not keys:
            raise Untranslatable("ON CONFLICT DO UPDATE of any key")
        # The row that is there, and the one that is not put in.
        there = quote(table.plan.target_name)
        names = {fold_name(table.name): there, "": there, "excluded": "excluded"}
        expressions = self.expressions(
            WrittenScope(relation=relation_of_table(table), names=names, rows=self.rows)
        )
        changes = translate_changes(conflict.expressions, table, expressions)
        condition = translate_where(conflict.args.get("where"), expressions)
        return f" ON CONFLICT{place} DO UPDATE SET {changes}{condition}"


def unique_keys(table: TableDesign) -> list[tuple[str, ...]]:
    """Return the keys of a table as source columns. Raises Untranslatable where one is more than columns."""
    keys = [table.source.primary_key] if table.source.primary_key else []
    for index in table.source.indexes:
        if not index.unique:
            continue
        names = tuple(part.name for part in index.columns if part.name is not None)
        plain = all(part.collation.upper() == "BINARY" for part in index.columns)
        whole = index.predicate_sql is None and len(names) == len(index.columns)
        if index.on_conflict:
            raise Untranslatable("a key with an ON CONFLICT of its own")
        if not whole or not plain:
            raise Untranslatable("a key that is partial, over an expression, or in another order")
        keys.append(names)
    if table.source.primary_key_on_conflict:
        raise Untranslatable("a key with an ON CONFLICT of its own")
    return list(dict.fromkeys(keys))


def _written_columns(node: Node, table: TableDesign) -> list[str]:
    if isinstance(node.this, exp.Schema):
        return [column_of_table(table, item.name) for item in node.this.expressions]
    return [column.name for column in table.source.columns if not column.generated]


def _require_uniqueness_alone(table: TableDesign, names: Sequence[str]) -> None:
    """Raise Untranslatable where IGNORE would have to let more pass than a key that is there."""
    lacking = [
        column.name
        for column in table.source.columns
        if column.not_null and column.default_sql is None and column.name not in names
    ]
    if table.source.checks or any(name != table.source.rowid_alias for name in lacking):
        raise Untranslatable("INSERT OR IGNORE where more than uniqueness may be broken")


def _target(table: TableDesign, names: Sequence[str] | Mapping[str, str]) -> str:
    alias = quote(table.plan.target_name)
    return f"INSERT INTO {table.target} AS {alias} ({', '.join(map(table.quoted, names))})"


def _typed(table: TableDesign, name: str, sql: str) -> str:
    return f"({sql})::{table.plan.column(name).type}"


def _named(table: TableDesign, names: Sequence[str], query: str) -> str:
    return f"SELECT * FROM ({query}) AS given ({', '.join(map(table.quoted, names))})"


def _is_left_open(table: TableDesign, name: str) -> bool:
    """Whether a column that is not written is NULL or gets the next number: such a key is never there."""
    return name == table.source.rowid_alias or table.source.column(name).default_sql is None


def _action(conflict: Node) -> str:
    return str(conflict.args["action"]).upper()


def _plain_name(node: Node) -> str:
    if not isinstance(node, (exp.Column, exp.Identifier)):
        raise Untranslatable("ON CONFLICT of an expression")
    return node.name
