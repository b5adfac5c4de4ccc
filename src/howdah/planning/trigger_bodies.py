"""
The statements of a SQLite trigger as PL/pgSQL.

Pure. Certain is what does the same whatever statement fires the trigger. SQLite runs an AFTER trigger
after each row, PostgreSQL after the last one, so its body may neither read its own table nor write other rows
of it. Both run a BEFORE trigger between two rows, so it may read them; what it writes may be a row that the
statement has yet to come to, but for an INSERT. Everything else raises `Untranslatable`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from howdah.model.source import Trigger, fold_name
from howdah.names import quote, quote_literal
from howdah.planning.design import TableDesign
from howdah.planning.dialect import parse_statement
from howdah.planning.expressions import Expressions, Node, Rules, only
from howdah.planning.relations import Relation, relation_of_table
from howdah.planning.select import Selects
from howdah.planning.sql_values import (
    ROWID_NAMES,
    Scope,
    ScopeColumn,
    Untranslatable,
    Value,
    as_condition,
    scope_column,
)
from howdah.planning.trigger_inserts import InsertTranslator
from howdah.planning.trigger_writes import WrittenScope, translate_changes, translate_where

_RULES = Rules(immutable=False)
_ROWS = {"INSERT": ("NEW",), "DELETE": ("OLD",), "UPDATE": ("NEW", "OLD")}
#: Names that PL/pgSQL has a variable for.
_RESERVED = frozenset({"new", "old", "found"})


@dataclass(frozen=True, kw_only=True)
class RowScope:
    """The columns of the row before and after, as NEW and OLD."""

    design: TableDesign
    trigger: Trigger

    def resolve(self, table: str, name: str) -> ScopeColumn | None:
        """See `Scope`."""
        row = table.upper()
        if row not in _ROWS[self.trigger.event]:
            return None
        source = self.design.source
        wanted = fold_name(name)
        found = next((column for column in source.columns if fold_name(column.name) == wanted), None)
        if found is None and wanted in ROWID_NAMES and source.rowid_alias:
            found = source.column(source.rowid_alias)
        if found is None:
            return None
        before = self.trigger.timing == "BEFORE"
        if before and self.trigger.event == "INSERT" and found.name == source.rowid_alias:
            # SQLite does not know the number yet, PostgreSQL does.
            raise Untranslatable("the number of a row before it is there")
        plan = self.design.plan.column(found.name)
        if before and not plan.copied:
            raise Untranslatable(f'the generated column "{found.name}" before it is computed')
        return scope_column(found, plan, qualifier=f"{row}.")


@dataclass(frozen=True, kw_only=True)
class Body:
    """A translated trigger."""

    #: Statements of PL/pgSQL, one per line.
    lines: tuple[str, ...]
    #: Source tables that it writes to, folded names.
    writes: frozenset[str]
    #: Source tables that its statements name.
    reads: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Translator:
    trigger: Trigger
    design: TableDesign
    designs: Mapping[str, TableDesign]
    relations: Mapping[str, Relation]
    #: All triggers of the source.
    triggers: Sequence[Trigger]

    @property
    def rows(self) -> RowScope:
        return RowScope(design=self.design, trigger=self.trigger)

    def expressions(self, scope: Scope) -> Expressions:
        def subselect(node: Node, outer: Scope) -> tuple[str, tuple[Value, ...]]:
            translated = Selects(relations=self.relations, outer=outer).query(node)
            return translated.sql, translated.columns

        return Expressions(scope=scope, rules=_RULES, select=subselect)

    def statement(self, node: Node) -> list[str]:
        if isinstance(node, exp.Select):
            return self._raise(node)
        table, written = self.target(node)
        stayed = self._own_row(node) if self._is_own(table) else None
        if self._is_own(table) and stayed is None and not self._comes_before(node):
            raise Untranslatable("a statement that writes to other rows of its own table")
        if isinstance(node, exp.Insert):
            inserts = InsertTranslator(
                relations=self.relations,
                rows=self.rows,
                expressions=self.expressions,
                may_be_replaced=self._may_be_replaced,
            )
            return inserts.translate(node, table)
        name = written.alias or written.name
        alias = quote(name)
        expressions = self.expressions(
            WrittenScope(
                relation=relation_of_table(table), names={"": alias, fold_name(name): alias}, rows=self.rows
            )
        )
        condition = translate_where(node.args.get("where"), expressions)
        if isinstance(node, exp.Delete):
            only(node, "this", "where")
            return [f"DELETE FROM {table.target} AS {alias}{condition};"]
        only(node, "this", "expressions", "where")
        changes = translate_changes(node.expressions, table, expressions)
        if isinstance(stayed, (exp.And, exp.EQ)):
            condition += f" AND {as_condition(expressions.translate(stayed)).operand}"
        return [f"UPDATE {table.target} AS {alias} SET {changes}{condition};"]

    def target(self, node: Node) -> tuple[TableDesign, Node]:
        if not isinstance(node, (exp.Insert, exp.Update, exp.Delete)):
            raise Untranslatable(f"{type(node).__name__.upper()} in a trigger")
        written = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if not isinstance(written, exp.Table):
            raise Untranslatable("a statement whose table could not be read")
        only(written, "this", "alias")
        if fold_name(written.alias or written.name) in _RESERVED:
            raise Untranslatable(f'a table that is called "{written.alias or written.name}"')
        table = self.designs.get(fold_name(written.name))
        if table is None:
            raise Untranslatable(f'"{written.name}", which is not carried')
        return table, written

    def _may_be_replaced(self, table: TableDesign) -> bool:
        """Whether rows may go unnoticed: REPLACE fires no trigger in SQLite, a DELETE here does."""
        name = fold_name(table.name)
        return not any(
            trigger.event in ("DELETE", "") and fold_name(trigger.table) == name for trigger in self.triggers
        ) and not any(
            fold_name(key.parent_table) == name
            for other in self.designs.values()
            for key in other.source.foreign_keys
        )

    def _is_own(self, table: TableDesign) -> bool:
        return table.name == self.design.name

    def _own_row(self, node: Node) -> Node | None:
        """
        Return the condition under which an UPDATE, once the row is there, changes that row and no other.

        WHERE key = NEW.key, with or without further conditions, which only take from it; None for any other
        statement. With OLD.key it is that row where the key stayed, and none where it did not: PostgreSQL
        asks when the whole statement is done, and another row may have that key by then.
        """
        if not isinstance(node, exp.Update) or self.trigger.timing != "AFTER":
            return None
        found = {self._compared_with_itself(part) for part in _conjuncts(node.args.get("where"))}
        changed = {fold_name(item.this.name) for item in node.expressions if isinstance(item, exp.EQ)}
        for key in self._keys():
            if changed & key:
                continue
            if {(name, "NEW") for name in key} <= found:
                return exp.true()
            if {(name, "OLD") for name in key} <= found and self.trigger.event == "UPDATE":
                stayed = (f'NEW."{name}" = OLD."{name}"' for name in sorted(key))
                return parse_statement(f"SELECT {' AND '.join(stayed)}").expressions[0]
        return None

    def _keys(self) -> list[frozenset[str]]:
        """Return what no two rows of the trigger's table have alike, as folded columns."""
        source = self.design.source
        alias = source.rowid_alias
        keys = [(alias,) if alias else self.design.primary_key]
        keys += [
            tuple(part.name or "" for part in index.columns)
            for index in source.indexes
            if index.unique
            and index.predicate_sql is None
            and all(
                part.name and part.collation == source.column(part.name).collation for part in index.columns
            )
        ]
        return [frozenset(map(fold_name, key)) for key in keys if key]

    def _compared_with_itself(self, condition: Node) -> tuple[str, str]:
        """Return the folded column and the row of `column = NEW.column`, ("", "") for anything else."""
        sides = [condition.this, condition.expression] if isinstance(condition, exp.EQ) else []
        if not sides or not all(isinstance(side, exp.Column) for side in sides):
            return "", ""
        source = self.design.source
        # A column that is called oid is no number of the row.
        named = {fold_name(column.name) for column in source.columns}
        numbers = ROWID_NAMES - named if source.rowid_alias else frozenset()
        names = {
            fold_name(source.rowid_alias or "") if fold_name(side.name) in numbers else fold_name(side.name)
            for side in sides
        }
        tables = {side.table.upper() for side in sides}
        rows = tables & set(_ROWS[self.trigger.event])
        if (
            len(names) == 1
            and len(tables) == 2
            and len(rows) == 1
            and tables & {"", self.design.name.upper()}
        ):
            return names.pop(), rows.pop()
        return "", ""

    def _comes_before(self, node: Node) -> bool:
        """Whether it changes rows that were there before the one that comes, and makes none."""
        fired = (self.trigger.timing, self.trigger.event)
        return fired == ("BEFORE", "INSERT") and isinstance(node, (exp.Update, exp.Delete))

    def _raise(self, node: Node) -> list[str]:
        only(node, "expressions", "from_", "from", "joins", "where", "kind")
        if len(node.expressions) != 1:
            raise Untranslatable("a SELECT that is not RAISE()")
        item = node.expressions[0]
        branches: list[tuple[Node | None, Node]]
        if isinstance(item, exp.Case):
            if not isinstance(item.args.get("default"), (exp.Null, type(None))):
                raise Untranslatable("a SELECT that is not RAISE()")
            branches = [(_test(item.this, branch.this), branch.args["true"]) for branch in item.args["ifs"]]
        else:
            branches = [(None, item)]
        actions = [self._action(raised) for _, raised in branches]
        tables = node.args.get("from_") or node.args.get("from")
        where = node.args.get("where")
        expressions = self.expressions(self.rows)
        if tables is not None:
            if len(branches) != 1 or branches[0][0] is not None:
                raise Untranslatable("RAISE() row by row")
            query = node.copy()
            query.set("expressions", [exp.Literal.number(1)])
            sql = Selects(relations=self.relations, outer=self.rows).query(query).sql
            return _if([(f"EXISTS ({sql})", actions[0])])
        conditions = []
        for test, _ in branches:
            parts = [part for part in (where.this if where is not None else None, test) if part is not None]
            truths = [as_condition(expressions.translate(part)) for part in parts]
            conditions.append(" AND ".join(truth.operand for truth in truths))
        if conditions == [""]:
            return [actions[0]]
        return _if(list(zip(conditions, actions, strict=True)))

    def _action(self, node: Node) -> str:
        if not isinstance(node, exp.Anonymous) or str(node.this).upper() != "RAISE" or not node.expressions:
            raise Untranslatable("a SELECT that is not RAISE()")
        how = node.expressions[0].name.upper()
        if how == "IGNORE" and self.trigger.timing == "BEFORE":
            return "RETURN NULL;"
        message = _message(node.expressions[1]) if len(node.expressions) == 2 else None
        if how not in ("ABORT", "FAIL", "ROLLBACK") or message is None:
            raise Untranslatable(f"RAISE({how})")
        return f"RAISE EXCEPTION {quote_literal(message.replace('%', '%%'))};"


def translate_body(
    trigger: Trigger,
    design: TableDesign,
    designs: Mapping[str, TableDesign],
    triggers: Sequence[Trigger],
) -> Body:
    """
    Return the body as PL/pgSQL; `designs` by folded source name, `triggers` all of the source.

    Raises Untranslatable.
    """
    if trigger.timing not in ("BEFORE", "AFTER"):
        raise Untranslatable(f"{trigger.timing} on a view")
    if "$howdah$" in trigger.sql:
        raise Untranslatable("a text that ends the function")
    relations = {
        name: relation_of_table(other)
        for name, other in designs.items()
        if other.name != design.name or trigger.timing == "BEFORE"
    }
    translator = _Translator(
        trigger=trigger, design=design, designs=designs, relations=relations, triggers=triggers
    )
    lines: list[str] = []
    writes: set[str] = set()
    statements = _statements(trigger.body_sql)
    if trigger.timing == "AFTER":
        _require_not_read(design, statements, trigger.when_sql)
    for statement in statements:
        lines += translator.statement(statement)
        if isinstance(statement, (exp.Insert, exp.Update, exp.Delete)):
            writes.add(fold_name(translator.target(statement)[0].name))
    read = list(statements)
    if trigger.when_sql:
        parsed = parse_statement(f"SELECT {trigger.when_sql}").expressions[0]
        read.append(parsed)
        condition = as_condition(translator.expressions(translator.rows).translate(parsed))
        lines = [f"IF {condition.sql} THEN", *(f"    {line}" for line in lines), "END IF;"]
    reads = {fold_name(table.name) for statement in read for table in statement.find_all(exp.Table)}
    return Body(lines=tuple(lines), writes=frozenset(writes), reads=frozenset(reads))


def _require_not_read(design: TableDesign, statements: Sequence[Node], when_sql: str) -> None:
    """Raise Untranslatable where an AFTER trigger reads its own table."""
    read = list(statements)
    if when_sql:
        read.append(parse_statement(f"SELECT {when_sql}"))
    for statement in read:
        written = statement.this if isinstance(statement, (exp.Insert, exp.Update, exp.Delete)) else None
        if isinstance(written, exp.Schema):
            written = written.this
        for table in statement.find_all(exp.Table):
            if table is not written and fold_name(table.name) == fold_name(design.name):
                raise Untranslatable(
                    "a query of its own table, whose rows SQLite shows one by one as they change and "
                    "PostgreSQL when all have changed"
                )


def _statements(body: str) -> list[Node]:
    """Cut a body at its semicolons and read each statement."""
    try:
        tokens = sqlglot.tokenize(body, read="sqlite")
    except SqlglotError as error:
        raise Untranslatable("SQL that could not be read") from error
    if not tokens or tokens[0].text.upper() != "BEGIN":
        raise Untranslatable("SQL that could not be read")
    # A keyword that sqlglot takes for the statement of that name: in quotes it is a name.
    for before, _, token in reversed(list(zip(tokens, tokens[1:], tokens[2:], strict=False))):
        if before.text.upper() == "RAISE" and body[token.start : token.end + 1].upper() == "ROLLBACK":
            body = f'{body[: token.start]}"ROLLBACK"{body[token.end + 1 :]}'
            return _statements(body)
    ends = [token for token in tokens if token.token_type is TokenType.SEMICOLON]
    start, statements = tokens[0].end + 1, []
    for end in ends:
        text = body[start : end.start].strip()
        start = end.end + 1
        if text and text.upper() != "END":
            # REPLACE is short for it, and not read as such.
            text = re.sub(r"\AREPLACE\b", "INSERT OR REPLACE", text, flags=re.IGNORECASE)
            statements.append(parse_statement(text))
    return statements


def _test(base: Node | None, value: Node) -> Node:
    """Return the condition of a branch of CASE, with a base or without."""
    if base is None:
        return value
    return exp.EQ(this=exp.Paren(this=base.copy()), expression=exp.Paren(this=value.copy()))


def _message(node: Node) -> str | None:
    """Return the text of RAISE(); SQLite takes one in double quotes for a text too."""
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    if isinstance(node, exp.Column) and not node.table and node.this.args.get("quoted"):
        return str(node.name)
    return None


def _conjuncts(where: Node | None) -> list[Node]:
    """Return the conditions of WHERE that must all hold."""
    found, left = [], [where.this] if where is not None else []
    while left:
        node = left.pop()
        if isinstance(node, exp.Paren):
            left.append(node.this)
        elif isinstance(node, exp.And):
            left += [node.this, node.expression]
        else:
            found.append(node)
    return found


def _if(branches: Sequence[tuple[str, str]]) -> list[str]:
    lines = []
    for number, (condition, action) in enumerate(branches):
        lines += [f"{'ELSIF' if number else 'IF'} {condition} THEN", f"    {action}"]
    return [*lines, "END IF;"]
