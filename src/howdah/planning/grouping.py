"""
Refuse SQL whose grouping sqlglot and SQLite may see differently.

Pure. SQLite puts = IS IN LIKE BETWEEN on one level and < > above it; sqlglot orders
them otherwise, differently from version to version, and inserts parentheses of its own. So the
tokens are looked at before any tree is: two such operators beside one another, with
neither parentheses nor AND, OR, a comma or a keyword between them, are not certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlglot import TokenType

from howdah.planning.sql_values import Untranslatable

_COMPARING = frozenset(
    {
        TokenType.EQ,
        TokenType.NEQ,
        TokenType.NULLSAFE_EQ,
        TokenType.LT,
        TokenType.LTE,
        TokenType.GT,
        TokenType.GTE,
        TokenType.IS,
        TokenType.ISNULL,
        TokenType.NOTNULL,
        TokenType.IN,
        TokenType.LIKE,
        TokenType.GLOB,
        TokenType.RLIKE,
        TokenType.MATCH,
        TokenType.BETWEEN,
    }
)

#: What ends one comparison, so that the next may begin.
_SEPARATING = frozenset(
    {
        TokenType.AND,
        TokenType.OR,
        TokenType.COMMA,
        TokenType.SEMICOLON,
        TokenType.CASE,
        TokenType.WHEN,
        TokenType.THEN,
        TokenType.ELSE,
        TokenType.END,
        TokenType.SELECT,
        TokenType.FROM,
        TokenType.JOIN,
        TokenType.LEFT,
        TokenType.INNER,
        TokenType.CROSS,
        TokenType.ON,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.UNION,
        TokenType.EXCEPT,
        TokenType.INTERSECT,
    }
)


def require_clear_grouping(tokens: Sequence[Any]) -> None:
    """Raise Untranslatable where comparisons stand beside one another without parentheses."""
    #: For each open parenthesis, whether a comparison was seen since the last separator.
    seen = [False]
    for kind in _kinds_without_shifts(tokens):
        if kind is TokenType.L_PAREN:
            seen.append(False)
        elif kind is TokenType.R_PAREN:
            seen = seen[:-1] or [False]
        elif kind in _SEPARATING:
            seen[-1] = False
        elif kind in _COMPARING:
            if seen[-1]:
                raise Untranslatable("comparisons beside one another without parentheses")
            seen[-1] = True


def _kinds_without_shifts(tokens: Sequence[Any]) -> Iterator[Any]:
    """Give the kind of each token; << and >> come as two comparisons each and are left out."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if (
            token.token_type in (TokenType.LT, TokenType.GT)
            and following is not None
            and following.token_type is token.token_type
            and token.end + 1 == following.start
        ):
            position += 2
            continue
        yield token.token_type
        position += 1
