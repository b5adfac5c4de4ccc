"""
Translate one SQLite expression, node by node, into PostgreSQL with the same answer.

Pure. sqlglot reads the SQL; nothing it writes is used, because it maps names of
functions where this room must be certain of meanings. Each node is either handled
here (operators) or in `functions` (calls), or it raises `Untranslatable`.

Comparisons beside one another without parentheses never come here: `grouping` refuses
them before, and what is left of the doubt is refused here by the shape of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from howdah.planning.comparison import align_item, compare, lower_ascii
from howdah.planning.glob import glob_to_regex
from howdah.planning.number_text import whole_number
from howdah.planning.sql_values import (
    NULL,
    NUMBERS,
    Kind,
    Scope,
    Untranslatable,
    Value,
    as_condition,
    as_number,
    as_text,
    boolean_value,
    bytes_value,
    column_value,
    composed,
    form_of,
    integer_value,
    real_value,
    text_value,
    unify,
)

#: A parsed piece of SQL (sqlglot ships no types that strict checking could use).
Node = Any


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the place where an expression stands allows."""

    #: Indexes, generated columns and CHECK take only what never changes its answer.
    immutable: bool = True
    #: count(), sum()… are allowed.
    aggregates: bool = False
    #: Columns that PostgreSQL computes may be named (not inside another one).
    generated_columns: bool = True


#: Translates a SELECT inside an expression, which sees the names of that scope too, to its SQL and the
#: values of its columns.
SelectTranslator = Callable[[Node, Scope], "tuple[str, tuple[Value, ...]]"]

_COMPARISONS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS",
    exp.NullSafeNEQ: "IS NOT",
}
_PREDICATES = (*_COMPARISONS, exp.Is, exp.In, exp.Between, exp.Like, exp.Glob, exp.Escape, exp.RegexpLike)
#: Where a COLLATE is looked at; a SELECT is the root of every expression.
_COLLATING = (*_COMPARISONS, exp.In, exp.Between, exp.Ordered, exp.Select)
_LOGICAL = (exp.And, exp.Or, exp.Not)
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_BITWISE = {
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}
#: What binds more tightly than every comparison.
_OPERATORS = (*_ARITHMETIC, *_BITWISE, exp.DPipe, exp.Neg, exp.BitwiseNot)


@dataclass(frozen=True, kw_only=True)
class Expressions:
    """Translator of the expressions of one scope."""

    scope: Scope
    rules: Rules
    #: None where no subquery may stand.
    select: SelectTranslator | None = None
    #: FILTER (…) and OVER (…) behind the function that is translated next.
    behind: str = ""
    #: That function is computed over a window.
    over: bool = False
    #: What a grouped query groups by, with its translation.
    keys: Mapping[Node, Value] = field(default_factory=dict)
    #: By what the rows of a query are sorted where SQLite reads them, "" where that is not known.
    row_order: str = ""

    def translate(self, node: Node) -> Value:
        """Return the expression for PostgreSQL. Raises Untranslatable."""
        if self.keys and node in self.keys:
            return self.keys[node]
        if isinstance(node, (*_PREDICATES, *_OPERATORS)):
            _require_clear_grouping(node)
        if type(node) in _COMPARISONS:
            return self._comparison(node)
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        if type(node) in _BITWISE:
            return self._bitwise(node)
        method = _METHODS.get(type(node))
        if method is not None:
            return method(self, node)
        from howdah.planning.functions import translate_call  # the two call one another

        return translate_call(self, node)

    def _paren(self, node: Node) -> Value:
        return self.translate(node.this)

    def _column(self, node: Node) -> Value:
        only(node, "this", "table")
        name, table = node.name, node.table
        found = self.scope.resolve(table, name)
        if found is not None:
            if found.generated and not self.rules.generated_columns:
                raise Untranslatable(f'the generated column "{name}"')
            return column_value(found)
        if node.this.args.get("quoted") and not table:
            # SQLite takes a name in double quotes that is no column for a string.
            return text_value(name)
        if not table and name.lower() in ("true", "false"):
            return boolean_value(name.lower() == "true")
        raise Untranslatable(f'the name "{name}", which is no column that is carried')

    def _literal(self, node: Node) -> Value:
        if node.is_string:
            return text_value(node.this)
        text = node.this
        if text.isascii() and text.isdigit():
            return integer_value(int(text))
        return real_value(float(text))

    def _null(self, node: Node) -> Value:
        return NULL

    def _boolean(self, node: Node) -> Value:
        return boolean_value(bool(node.this))

    def _hex_string(self, node: Node) -> Value:
        return bytes_value(bytes.fromhex(node.this))

    def _negation(self, node: Node) -> Value:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string and inner.this == str(2**63):
            return integer_value(-(2**63))
        value = as_number(self.translate(inner))
        if isinstance(value.literal, int):
            return integer_value(-value.literal)
        if isinstance(value.literal, float):
            return real_value(-value.literal)
        return composed(f"- {value.operand}", value.kind, wide=value.wide)

    def _collate(self, node: Node) -> Value:
        parent = node.parent
        while isinstance(parent, exp.Paren):
            parent = parent.parent
        if not isinstance(parent, _COLLATING):
            # SQLite carries the collation on to whatever compares the result.
            raise Untranslatable("COLLATE inside of a larger expression")
        value = self.translate(node.this)
        if value.kind is not Kind.TEXT:
            return value
        name = node.expression.name.upper()
        return replace(value, collation="" if name == "BINARY" else name, explicit_collation=True)

    def _comparison(self, node: Node) -> Value:
        if isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
            return self.translate(_by_parts(node))
        return compare(self.translate(node.this), _COMPARISONS[type(node)], self.translate(node.expression))

    def _is(self, node: Node) -> Value:
        value = self.translate(node.this)
        if isinstance(node.expression, exp.Boolean):
            truth = "TRUE" if node.expression.this else "FALSE"
            return composed(f"{as_condition(value).operand} IS {truth}", Kind.BOOLEAN)
        return compare(value, "IS", self.translate(node.expression))

    def _not(self, node: Node) -> Value:
        inner = node.this
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            _require_clear_grouping(inner)
            return compare(self.translate(inner.this), "IS NOT", NULL)
        condition = as_condition(self.translate(inner))
        if isinstance(condition.literal, bool):
            return boolean_value(not condition.literal)
        return composed(f"NOT {condition.operand}", Kind.BOOLEAN)

    def _and(self, node: Node) -> Value:
        return self._logical(node, "AND")

    def _or(self, node: Node) -> Value:
        return self._logical(node, "OR")

    def _logical(self, node: Node, operator: str) -> Value:
        left = as_condition(self.translate(node.this))
        right = as_condition(self.translate(node.expression))
        return composed(f"{left.operand} {operator} {right.operand}", Kind.BOOLEAN)

    def _arithmetic(self, node: Node) -> Value:
        left, right = as_number(self.translate(node.this)), as_number(self.translate(node.expression))
        operator = _ARITHMETIC[type(node)]
        kinds = {left.kind, right.kind}
        if kinds == {Kind.INTEGER}:
            return _integer_arithmetic(left, operator, right)
        if operator == "%":
            return _remainder_of_cut(left, right)
        if operator == "/" and Kind.REAL not in kinds:
            raise Untranslatable("a division that SQLite does with or without fraction, row by row")
        kind = Kind.REAL if Kind.REAL in kinds else Kind.NUMERIC
        if operator == "/":
            right = _never_zero(_as_double(right))
        return composed(f"{_as_double(left).operand} {operator} {_as_double(right).operand}", kind)

    def _bitwise(self, node: Node) -> Value:
        left, right = as_number(self.translate(node.this)), as_number(self.translate(node.expression))
        if {left.kind, right.kind} != {Kind.INTEGER}:
            raise Untranslatable("bit operations on numbers that are not integers")
        operator = _BITWISE[type(node)]
        if operator in ("<<", ">>") and not (isinstance(right.literal, int) and 0 <= right.literal < 64):
            raise Untranslatable("a shift by a number that is not known")
        return composed(f"{_as_wide(left).operand} {operator} {right.operand}", Kind.INTEGER, wide=True)

    def _bitwise_not(self, node: Node) -> Value:
        value = as_number(self.translate(node.this))
        if value.kind is not Kind.INTEGER:
            raise Untranslatable("bit operations on numbers that are not integers")
        return composed(f"~ {_as_wide(value).operand}", Kind.INTEGER, wide=True)

    def _concat(self, node: Node) -> Value:
        left, right = self.translate(node.this), self.translate(node.expression)
        if Kind.NULL in (left.kind, right.kind):
            return Value(sql="NULL::text", kind=Kind.TEXT)
        return composed(f"{as_text(left).operand} || {as_text(right).operand}", Kind.TEXT)

    def _between(self, node: Node) -> Value:
        only(node, "this", "low", "high")
        value = self.translate(node.this)
        low = compare(value, ">=", self.translate(node.args["low"]))
        high = compare(value, "<=", self.translate(node.args["high"]))
        return composed(f"{low.operand} AND {high.operand}", Kind.BOOLEAN)

    def _in(self, node: Node) -> Value:
        only(node, "this", "expressions", "query")
        left = self.translate(node.this)
        if node.args.get("query") is not None:
            return self._in_query(left, node.args["query"])
        items = [self.translate(item) for item in node.expressions]
        if not items:
            return boolean_value(False)
        if left.kind is Kind.NULL:
            return Value(sql="NULL::boolean", kind=Kind.BOOLEAN)
        members = [align_item(left, item) for item in items]
        folded = align_item(left, left) if left.kind is Kind.TEXT else left
        return composed(f"{folded.operand} IN ({', '.join(member.sql for member in members)})", Kind.BOOLEAN)

    def _in_query(self, left: Value, query: Node) -> Value:
        sql, columns = self._subselect(query)
        if len(columns) != 1 or columns[0].kind is not left.kind:
            raise Untranslatable("IN (SELECT …) over another type")
        aligned = compare(left, "=", columns[0])
        if aligned.sql != f"{left.operand} = {columns[0].operand}":
            raise Untranslatable("IN (SELECT …) with a collation")
        return composed(f"{left.operand} IN ({sql})", Kind.BOOLEAN)

    def _like(self, node: Node) -> Value:
        only(node, "this", "expression", "negate")
        return self._like_with(node, escape="")

    def _escape(self, node: Node) -> Value:
        like, escape = node.this, node.expression
        only(like, "this", "expression", "negate")
        if not isinstance(like, exp.Like) or not (isinstance(escape, exp.Literal) and escape.is_string):
            raise Untranslatable("an ESCAPE that is not known")
        if len(escape.this) != 1 or escape.this.isalpha():
            raise Untranslatable("an ESCAPE that is a letter")
        return self._like_with(like, escape=escape.this)

    def _like_with(self, node: Node, escape: str) -> Value:
        _require_clear_grouping(node)
        text, pattern = as_text(self.translate(node.this)), as_text(self.translate(node.expression))
        if Kind.NULL in (text.kind, pattern.kind):
            return Value(sql="NULL::boolean", kind=Kind.BOOLEAN)
        # LIKE folds A to Z and nothing else, and knows no escape unless told.
        operator = "NOT LIKE" if node.args.get("negate") else "LIKE"
        return composed(
            f"{lower_ascii(text).operand} {operator} {lower_ascii(pattern).operand} "
            f"ESCAPE {text_value(escape).sql}",
            Kind.BOOLEAN,
        )

    def _glob(self, node: Node) -> Value:
        text, pattern = as_text(self.translate(node.this)), node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise Untranslatable("GLOB with a pattern that is not known")
        regex = text_value(glob_to_regex(pattern.this))
        return composed(f'({text.operand} COLLATE "C") ~ {regex.sql}', Kind.BOOLEAN)

    def _case(self, node: Node) -> Value:
        only(node, "this", "ifs", "default")
        subject = self.translate(node.this) if node.this is not None else None
        conditions = []
        for branch in node.args["ifs"]:
            test = self.translate(branch.this)
            condition = compare(subject, "=", test) if subject is not None else as_condition(test)
            conditions.append(condition)
        results = [self.translate(branch.args["true"]) for branch in node.args["ifs"]]
        default = node.args.get("default")
        results.append(self.translate(default) if default is not None else NULL)
        return build_case(conditions, results)

    def _if(self, node: Node) -> Value:
        only(node, "this", "true", "false")
        otherwise = node.args.get("false")
        results = [
            self.translate(node.args["true"]),
            self.translate(otherwise) if otherwise is not None else NULL,
        ]
        return build_case([as_condition(self.translate(node.this))], results)

    def _subquery(self, node: Node) -> Value:
        sql, columns = self._subselect(node)
        if len(columns) != 1:
            raise Untranslatable("a subquery with several columns as a value")
        # SQLite takes the first row of many, PostgreSQL would fail.
        first = (
            f"(SELECT * FROM ({sql}) AS first_row LIMIT 1)" if node.find(exp.Limit) else f"({sql} LIMIT 1)"
        )
        return replace(columns[0], sql=first, atomic=True, literal=None, column=None, form=form_of(columns))

    def _exists(self, node: Node) -> Value:
        sql, _ = self._subselect(node.this)
        return Value(sql=f"EXISTS ({sql})", kind=Kind.BOOLEAN)

    def _subselect(self, node: Node) -> tuple[str, tuple[Value, ...]]:
        if self.select is None:
            raise Untranslatable("a subquery")
        return self.select(node, self.scope)


def build_case(conditions: list[Value], results: list[Value]) -> Value:
    """Build CASE WHEN … with the last result as ELSE."""
    results, kind = unify(results)
    if kind is Kind.NULL:
        return NULL
    branches = " ".join(
        f"WHEN {condition.sql} THEN {result.sql}"
        for condition, result in zip(conditions, results[:-1], strict=True)
    )
    otherwise = "" if results[-1].kind is Kind.NULL else f" ELSE {results[-1].sql}"
    return Value(
        sql=f"CASE {branches}{otherwise} END",
        kind=kind,
        wide=all(item.wide for item in results),
        form=form_of(results),
    )


def only(node: Node, *allowed: str) -> None:
    """
    Refuse a node that carries more than is handled.

    sqlglot keeps what it knows of other dialects, and modifiers, in further arguments;
    one overlooked would be dropped in silence.
    """
    for name, value in node.args.items():
        if name not in allowed and value not in (None, False, []):
            raise Untranslatable(f"{name} of {type(node).__name__}")


def _by_parts(node: Node) -> Node:
    """Write a comparison of row values as comparisons of their parts."""
    left, right = node.this.expressions, node.expression.expressions
    if len(left) != len(right) or isinstance(node, (exp.NullSafeEQ, exp.NullSafeNEQ)):
        raise Untranslatable("a comparison of row values of this form")

    def compared(kind: type, place: int) -> Node:
        sides = [exp.Paren(this=side[place].copy()) for side in (left, right)]
        return exp.Paren(this=kind(this=sides[0], expression=sides[1]))

    last = len(left) - 1
    result = compared(type(node), last)
    strict = {exp.LTE: exp.LT, exp.GTE: exp.GT}.get(type(node), type(node))
    for place in reversed(range(last)):
        if isinstance(node, exp.EQ):
            result = exp.And(this=compared(exp.EQ, place), expression=result)
        elif isinstance(node, exp.NEQ):
            result = exp.Or(this=compared(exp.NEQ, place), expression=result)
        else:
            equal = exp.And(this=compared(exp.EQ, place), expression=exp.Paren(this=result))
            result = exp.Or(this=compared(strict, place), expression=exp.Paren(this=equal))
    return exp.Paren(this=result)


def _require_clear_grouping(node: Node) -> None:
    for operand in (node.this, node.args.get("expression"), node.args.get("low"), node.args.get("high")):
        if isinstance(operand, (*_PREDICATES, *_LOGICAL)) and not (
            isinstance(node, exp.Escape) and isinstance(operand, exp.Like)
        ):
            raise Untranslatable("comparisons beside one another without parentheses")


def _integer_arithmetic(left: Value, operator: str, right: Value) -> Value:
    low = _low_bound(left, operator, right)
    if operator in ("/", "%"):
        right = _never_zero(right)
    if not (left.wide or right.wide):
        left = _as_wide(left)
    return composed(f"{left.operand} {operator} {right.operand}", Kind.INTEGER, wide=True, low=low)


def _remainder_of_cut(left: Value, right: Value) -> Value:
    """SQLite cuts both sides to integers, and gives a REAL where one of them was no integer."""
    if Kind.NUMERIC in (left.kind, right.kind):
        raise Untranslatable("% of numbers that are integers or not, row by row")

    def cut(value: Value) -> str:
        return f"({whole_number(value.operand)})" if value.kind is Kind.REAL else f"{value.operand}::bigint"

    return Value(sql=f"({cut(left)} % nullif({cut(right)}, 0))::double precision", kind=Kind.REAL)


def _low_bound(left: Value, operator: str, right: Value) -> int | None:
    """Return the least value of an integer expression where it is known to be 0 or more."""
    if left.low is None or right.low is None or left.low < 0 or right.low < 0:
        return None
    return {"+": left.low + right.low, "*": left.low * right.low, "/": 0, "%": 0}.get(operator)


def _never_zero(value: Value) -> Value:
    """SQLite gives NULL for a division by zero, PostgreSQL an error."""
    if value.is_literal and value.literal != 0:
        return value
    return Value(sql=f"nullif({value.sql}, 0)", kind=value.kind, wide=value.wide, low=value.low)


def _as_wide(value: Value) -> Value:
    if value.wide:
        return value
    return replace(value, sql=f"{value.operand}::bigint", atomic=True, wide=True)


def _as_double(value: Value) -> Value:
    """SQLite calculates with doubles; numeric literals and columns must not stay decimal."""
    if value.kind is Kind.INTEGER or (value.kind is Kind.REAL and not value.is_literal):
        return value
    if value.kind in NUMBERS and not value.sql.endswith("::double precision"):
        return replace(value, sql=f"{value.operand}::double precision", atomic=True, literal=None)
    return value


_METHODS: dict[type, Callable[[Expressions, Node], Value]] = {
    exp.Paren: Expressions._paren,
    exp.Column: Expressions._column,
    exp.Literal: Expressions._literal,
    exp.Null: Expressions._null,
    exp.Boolean: Expressions._boolean,
    exp.HexString: Expressions._hex_string,
    exp.Neg: Expressions._negation,
    exp.Collate: Expressions._collate,
    exp.Is: Expressions._is,
    exp.Not: Expressions._not,
    exp.And: Expressions._and,
    exp.Or: Expressions._or,
    exp.BitwiseNot: Expressions._bitwise_not,
    exp.DPipe: Expressions._concat,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.Escape: Expressions._escape,
    exp.Glob: Expressions._glob,
    exp.Case: Expressions._case,
    exp.If: Expressions._if,
    exp.Subquery: Expressions._subquery,
    exp.Exists: Expressions._exists,
}
