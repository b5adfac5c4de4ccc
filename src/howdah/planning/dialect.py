"""
SQLite's SQL to PostgreSQL's: conditions, index keys, generated columns, defaults.

Pure. Every function returns SQL that gives the same answer, or raises
`Untranslatable` with the part that has no certain equal; callers make a finding of
that, with the original SQL, and go on.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError

from howdah.model.census import ColumnCensus
from howdah.model.plan import ColumnPlan
from howdah.model.source import Affinity
from howdah.planning.comparison import fold_for_equality
from howdah.planning.defaults import render_default
from howdah.planning.expressions import Expressions, Node, Rules
from howdah.planning.grouping import require_clear_grouping
from howdah.planning.moment_calls import ends_with_year_9999
from howdah.planning.moments import EPOCH_UNITS
from howdah.planning.number_text import depends_on_version, double_as_numeric
from howdah.planning.sql_values import (
    NUMBERS,
    Kind,
    Scope,
    TableScope,
    Untranslatable,
    Value,
    as_condition,
    as_number,
    kind_of,
    text_value,
)

# sqlglot warns on its own logger where it falls back to text; here that is refused anyway.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

_CONDITION = Rules()
_GENERATED = Rules(generated_columns=False)
_DEFAULT = Rules(immutable=False)


def translate_condition(sql: str, scope: Scope) -> str:
    """Translate a CHECK or the WHERE of an index. Raises Untranslatable."""
    return as_condition(_translate(sql, scope, _CONDITION)).sql


def translate_value(sql: str, scope: Scope) -> Value:
    """Translate an expression of an index as it is, not folded for equality. Raises Untranslatable."""
    return _translate(sql, scope, _CONDITION)


def translate_index_key(sql: str, scope: Scope, collation: str = "BINARY") -> str:
    """Translate an expression in an index, in the form for equality. Raises Untranslatable."""
    value = _translate(sql, scope, _CONDITION)
    if value.kind is Kind.ANY:
        raise Untranslatable("a value in JSON, whose class depends on the row")
    if collation.upper() != "BINARY":
        value = replace(value, collation=collation.upper())
    value = fold_for_equality(value)
    if value.is_literal:
        raise Untranslatable("a constant in an index")
    return value.sql


def translate_generated(sql: str, scope: Scope, column: ColumnPlan, stored: ColumnCensus) -> str:
    """
    Translate the expression of a generated column into the planned type.

    Raises Untranslatable, also where the type could not hold exactly what SQLite computed and `stored`.
    """
    _require_no_constant_call(sql, scope)
    value = _translate(sql, scope, _GENERATED)
    edges = [abs(edge) for edge in (stored.real_min, stored.real_max) if edge is not None]
    if (value.kind is Kind.INTEGER and edges and max(edges) >= 2.0**63) or stored.real_infinities:
        # PostgreSQL would refuse the rows.
        raise Untranslatable("a result that overflowed, which is an error in PostgreSQL")
    if depends_on_version(value.sql):
        # What is stored was computed by the application's SQLite.
        raise Untranslatable("digits of a fraction, which versions of SQLite write differently")
    if ends_with_year_9999(value.sql):
        # Nothing compares the answers before the proof does.
        raise Untranslatable("a moment that a number counts, which may be before the year 1")
    kind = kind_of(column.codec, column.params)
    match kind:
        case Kind.BOOLEAN:
            return as_condition(value).sql
        case Kind.INTEGER if value.kind in (Kind.INTEGER, Kind.BOOLEAN):
            return as_number(value).sql
        case Kind.REAL if value.kind in NUMBERS:
            return f"{value.operand}::double precision"
        case Kind.NUMERIC if value.kind is Kind.INTEGER:
            return value.sql
        case Kind.NUMERIC if value.kind in NUMBERS and value.column is None:
            if value.kind is Kind.NUMERIC and _beyond_doubles(stored):
                # SQLite counts with integers in one row and with doubles in another.
                raise Untranslatable("integers that have more digits than a floating point number")
            return double_as_numeric(value.operand, column.params.get("affinity", ""))
        case Kind.TEXT | Kind.BYTES if value.kind is kind:
            return value.sql
        case _:
            raise Untranslatable(f"a result of {value.kind} in a column of {column.type}")


def _beyond_doubles(stored: ColumnCensus) -> bool:
    """Whether integers are stored that a double may not tell from their neighbours."""
    edges = (stored.integer_min, stored.integer_max)
    return any(edge is not None and abs(edge) >= 2**sys.float_info.mant_dig for edge in edges)


def _require_no_constant_call(sql: str, scope: Scope) -> None:
    """
    Refuse what is computed of constant texts alone.

    PostgreSQL computes such a part while it checks a generated column, before it has given it a collation,
    and refuses the whole table: upper('x').
    """
    expression = parse_expression(sql)
    if expression.find(exp.Tuple):
        raise Untranslatable("row values, whose parts may be constant texts")
    for node in expression.find_all(exp.Func, exp.Binary):
        if isinstance(node, (exp.DPipe, exp.If)):
            continue
        names = [column for column in node.find_all(exp.Column) if scope.resolve(column.table, column.name)]
        texts = [literal for literal in node.find_all(exp.Literal) if literal.is_string]
        if not names and (texts or node.find(exp.Column)):
            raise Untranslatable("a part that is computed of constant texts")


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_CONSTANTS = frozenset({"NULL", "TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"})


def translate_default(sql: str, column: ColumnPlan, affinity: Affinity) -> str | None:
    """Translate a DEFAULT for the planned column; None where it is NULL. Raises Untranslatable."""
    if _NAME.fullmatch(sql) and sql.upper() not in _CONSTANTS:
        # A bare name is a text (DEFAULT id): there is no column that it could be.
        return render_default(text_value(sql), column, affinity)
    value = _translate(sql, TableScope({}), _DEFAULT)
    if column.codec in EPOCH_UNITS and value.now == "datetime":
        # SQLite would store its text among the numbers; in this column it is the moment that it tells.
        return "date_trunc('second', now())"
    return render_default(value, column, affinity)


class SqliteAsWritten(SQLite):
    """sqlglot's SQLite, with the paths of JSON left as they are written."""

    def to_json_path(self, path: Node) -> Node:
        """See `Dialect.to_json_path`: 'a.b' behind -> is one name, and not the path $.a.b."""
        return path


#: What is called here and is not immutable for PostgreSQL.
_STABLE = re.compile(
    r"\b(?:to_char|concat_ws|convert_to|to_json|to_timestamp|now)\(|::(?:timestamp|interval|date)\b"
)


@contextmanager
def refusing_depth() -> Iterator[None]:
    """Raise Untranslatable for what is nested deeper than Python goes: SQLite takes a depth of 1000."""
    try:
        yield
    except RecursionError:
        raise Untranslatable("SQL that is nested too deeply") from None


def _translate(sql: str, scope: Scope, rules: Rules) -> Value:
    with refusing_depth():
        value = Expressions(scope=scope, rules=rules).translate(parse_expression(sql))
    if rules.immutable and _STABLE.search(value.sql):
        # Whatever the settings of a session may change.
        raise Untranslatable("a function that PostgreSQL does not take for immutable")
    return value


def parse_expression(sql: str) -> Node:
    """Read one SQLite expression. Raises Untranslatable where it is not one, or not understood."""
    # Behind SELECT, because a bare replace(…) is taken for a statement.
    statement = parse_statement(f"SELECT {sql}")
    others = [name for name, part in statement.args.items() if part and name != "expressions"]
    if not isinstance(statement, exp.Select) or others or len(statement.expressions) != 1:
        raise Untranslatable("an expression that could not be read")
    if isinstance(statement.expressions[0], exp.Alias):
        raise Untranslatable("an expression that could not be read")
    return statement.expressions[0]


def parse_statement(sql: str) -> Node:
    """Read one SQLite statement. Raises Untranslatable where it is not understood."""
    try:
        tokens = sqlglot.tokenize(sql, read=SqliteAsWritten)
        require_clear_grouping(tokens)
        for token, following in pairwise(tokens):
            if token.text.upper() == "MOD" and following.token_type is TokenType.L_PAREN:
                # Read as the operator %, which is one of whole numbers.
                raise Untranslatable("the function mod()")
        statements = sqlglot.parse(sql, read=SqliteAsWritten)
    except (SqlglotError, ValueError, RecursionError) as error:
        raise Untranslatable("SQL that could not be read") from error
    if len(statements) != 1 or statements[0] is None or isinstance(statements[0], exp.Command):
        raise Untranslatable("SQL that could not be read")
    return statements[0]
