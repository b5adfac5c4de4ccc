"""
Cut SQL text into SQLite's tokens, each with its place in the text.

Pure. The rules are those of SQLite's own tokenizer (src/tokenize.c,
sqlite.org/lang.html): what SQLite stored in `sqlite_schema` can be read here, and
joining the texts of all tokens gives the input again, whatever it is. Nothing is
ever refused: what SQLite would not accept becomes a token of kind ILLEGAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TokenKind(StrEnum):
    #: An unquoted word, keyword or name.
    WORD = "word"
    #: A name in "…", `…` or […]; SQLite takes "…" for a string where no such name exists.
    QUOTED = "quoted"
    STRING = "string"
    BLOB = "blob"
    INTEGER = "integer"
    FLOAT = "float"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    #: White space and comments.
    SPACE = "space"
    ILLEGAL = "illegal"


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    #: Exactly as in the input.
    text: str
    #: Offsets into the input, in characters; `end` is one past the last.
    start: int
    end: int

    @property
    def value(self) -> str:
        """The name or string meant: without quotes, doubled quotes folded. Other tokens: the text."""
        if self.kind is TokenKind.QUOTED and self.text[0] == "[":
            return self.text[1:-1]
        if self.kind in (TokenKind.QUOTED, TokenKind.STRING):
            quote = self.text[0]
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of the given keywords (upper case), unquoted."""
        return self.kind is TokenKind.WORD and self.text.upper() in words

    def is_operator(self, text: str) -> bool:
        """Return whether this is exactly that operator or punctuation mark."""
        return self.kind is TokenKind.OPERATOR and self.text == text


#: tokenize.c takes the vertical tab for no space.
_SPACES = frozenset(" \t\n\f\r")
_DIGITS = frozenset("0123456789")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
#: Longest first.
_OPERATORS = ("->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "==")
_SINGLE_OPERATORS = frozenset("-+*/%=<>|&~,;().")
_BYTE_ORDER_MARK = "\ufeff"


def read_tokens(sql: str) -> list[Token]:
    """Return all tokens of `sql`, space and comments included, without a gap."""
    tokens = []
    start = 0
    while start < len(sql):
        kind, end = _next_token(sql, start)
        tokens.append(Token(kind, sql[start:end], start, end))
        start = end
    return tokens


def significant_tokens(sql: str) -> list[Token]:
    """Return the tokens that a parser looks at: all but space and comments."""
    return [token for token in read_tokens(sql) if token.kind is not TokenKind.SPACE]


def quote_string(text: str) -> str:
    """Write a string literal for SQLite. The text must not hold NUL, which no literal can."""
    return "'" + text.replace("'", "''") + "'"


def _next_token(sql: str, start: int) -> tuple[TokenKind, int]:
    first = sql[start]
    following = sql[start + 1 : start + 2]
    if first in _SPACES or first == _BYTE_ORDER_MARK:
        return TokenKind.SPACE, _space_end(sql, start)
    if first == "-" and following == "-":
        newline = sql.find("\n", start)
        return TokenKind.SPACE, len(sql) if newline < 0 else newline + 1
    if first == "/" and following == "*" and start + 2 < len(sql):
        closing = sql.find("*/", start + 2)
        # SQLite lets a comment run to the end of the text.
        return TokenKind.SPACE, len(sql) if closing < 0 else closing + 2
    if first in _DIGITS or (first == "." and following in _DIGITS):
        return _number(sql, start)
    if first in "'\"`":
        return _quoted(sql, start, first)
    if first == "[":
        closing = sql.find("]", start)
        return (TokenKind.ILLEGAL, len(sql)) if closing < 0 else (TokenKind.QUOTED, closing + 1)
    if first in "?$@:#":
        return _parameter(sql, start)
    if first in "xX" and following == "'":
        return _blob(sql, start)
    if _is_name_character(first):
        return TokenKind.WORD, _name_end(sql, start)
    return _operator(sql, start)


def _space_end(sql: str, start: int) -> int:
    end = start + 1
    while end < len(sql) and sql[end] in _SPACES:
        end += 1
    return end


def _is_name_character(character: str) -> bool:
    # IdChar in tokenize.c: ASCII letters, digits, underscore, dollar, and every byte above 0x7f.
    return character >= "\x80" or character == "_" or character == "$" or character.isalnum()


def _name_end(sql: str, start: int) -> int:
    end = start
    while end < len(sql) and _is_name_character(sql[end]):
        end += 1
    return end


def _quoted(sql: str, start: int, quote: str) -> tuple[TokenKind, int]:
    end = start + 1
    while True:
        end = sql.find(quote, end)
        if end < 0:
            return TokenKind.ILLEGAL, len(sql)
        if sql[end + 1 : end + 2] != quote:
            break
        end += 2
    return (TokenKind.STRING if quote == "'" else TokenKind.QUOTED), end + 1


def _blob(sql: str, start: int) -> tuple[TokenKind, int]:
    closing = start + 2
    while closing < len(sql) and sql[closing] in _HEX_DIGITS:
        closing += 1
    if sql[closing : closing + 1] == "'" and (closing - start) % 2 == 0:
        return TokenKind.BLOB, closing + 1
    closing = sql.find("'", closing)
    return TokenKind.ILLEGAL, len(sql) if closing < 0 else closing + 1


def _digits_end(sql: str, start: int, digits: frozenset[str]) -> int:
    """End of a run of digits; one underscore may stand between two of them (SQLite 3.46)."""
    end = start
    while sql[end : end + 1] in digits or (
        end > start
        and sql[end : end + 1] == "_"
        and sql[end - 1] in digits
        and sql[end + 1 : end + 2] in digits
    ):
        end += 1
    return end


def _number(sql: str, start: int) -> tuple[TokenKind, int]:
    kind = TokenKind.INTEGER
    is_hexadecimal = sql[start : start + 2] in ("0x", "0X") and sql[start + 2 : start + 3] in _HEX_DIGITS
    if is_hexadecimal:
        end = _digits_end(sql, start + 2, _HEX_DIGITS)
    else:
        end = _digits_end(sql, start, _DIGITS)
        if sql[end : end + 1] == ".":
            kind = TokenKind.FLOAT
            end = _digits_end(sql, end + 1, _DIGITS)
        exponent = _exponent_end(sql, end)
        if exponent > end:
            kind, end = TokenKind.FLOAT, exponent
    if end < len(sql) and _is_name_character(sql[end]):
        return TokenKind.ILLEGAL, _name_end(sql, end)
    return kind, end


def _exponent_end(sql: str, start: int) -> int:
    if sql[start : start + 1] not in ("e", "E"):
        return start
    digits = start + 2 if sql[start + 1 : start + 2] in ("+", "-") else start + 1
    end = _digits_end(sql, digits, _DIGITS)
    return end if end > digits else start


def _parameter(sql: str, start: int) -> tuple[TokenKind, int]:
    end = start + 1
    if sql[start] == "?":
        while end < len(sql) and sql[end] in _DIGITS:
            end += 1
        return TokenKind.PARAMETER, end
    end = _name_end(sql, end)
    return (TokenKind.PARAMETER if end > start + 1 else TokenKind.ILLEGAL), end


def _operator(sql: str, start: int) -> tuple[TokenKind, int]:
    for operator in _OPERATORS:
        if sql.startswith(operator, start):
            return TokenKind.OPERATOR, start + len(operator)
    if sql[start] in _SINGLE_OPERATORS:
        return TokenKind.OPERATOR, start + 1
    return TokenKind.ILLEGAL, start + 1
