"""
Walk over the tokens of one SQL statement and cut fragments out of its text.

The vocabulary shared by the readers of CREATE statements. Whatever does not fit
raises `UnreadSqlError` with the place; the readers turn that into facts that are
marked as incomplete, never into a failed run.
"""

from __future__ import annotations

from howdah.sqlite.definitions import KeyPart
from howdah.sqlite.lexer import Token, TokenKind, significant_tokens

_NAME_KINDS = frozenset({TokenKind.WORD, TokenKind.QUOTED, TokenKind.STRING})


class UnreadSqlError(ValueError):
    """The statement is not what the reader expects; `offset` is the place in its text."""

    def __init__(self, sql: str, offset: int) -> None:
        super().__init__(f"not understood from character {offset}: {sql[offset : offset + 60]!r}")
        self.offset = offset
        self.rest = sql[offset:]


class Cursor:
    """A place in the significant tokens of one statement."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = significant_tokens(sql)
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._tokens) or self._tokens[self._position].is_operator(";")

    def peek(self, ahead: int = 0) -> Token | None:
        """Return a token without moving, None behind the last one."""
        position = self._position + ahead
        return self._tokens[position] if position < len(self._tokens) else None

    def next(self) -> Token:
        """Return the token here and move on. Raises UnreadSqlError at the end and on an illegal one."""
        token = self.peek()
        if token is None or token.kind is TokenKind.ILLEGAL:
            raise self.unread()
        self._position += 1
        return token

    def unread(self) -> UnreadSqlError:
        """Build the error that says the statement is not understood from here on."""
        token = self.peek()
        return UnreadSqlError(self.sql, len(self.sql) if token is None else token.start)

    def sees(self, *words: str) -> bool:
        """Return whether these keywords follow, one after the other."""
        tokens = self._tokens[self._position : self._position + len(words)]
        return len(tokens) == len(words) and all(
            token.is_word(word) for token, word in zip(tokens, words, strict=True)
        )

    def sees_operator(self, text: str) -> bool:
        token = self.peek()
        return token is not None and token.is_operator(text)

    def accept(self, *words: str) -> bool:
        """Move over these keywords if they follow, one after the other."""
        found = self.sees(*words)
        if found:
            self._position += len(words)
        return found

    def accept_any(self, *words: str) -> str | None:
        """Move over one of these keywords and return it, or return None."""
        for word in words:
            if self.accept(word):
                return word
        return None

    def accept_operator(self, text: str) -> bool:
        found = self.sees_operator(text)
        if found:
            self._position += 1
        return found

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unread()

    def expect_operator(self, text: str) -> None:
        if not self.accept_operator(text):
            raise self.unread()

    def name(self) -> str:
        """Read one name; SQLite takes 'single quotes' for names too."""
        token = self.peek()
        if token is None or token.kind not in _NAME_KINDS:
            raise self.unread()
        return self.next().value

    def qualified_name(self) -> str:
        """Read a name that may follow a schema and a point; return the name alone."""
        name = self.name()
        return self.name() if self.accept_operator(".") else name

    def text_between(self, first: int, last: int) -> str:
        """Return the statement's text from token `first` up to, not including, token `last`."""
        if first >= last:
            return ""
        return self.sql[self._tokens[first].start : self._tokens[last - 1].end]

    @property
    def position(self) -> int:
        """Number of the token here, for `text_between`."""
        return self._position

    def parenthesized(self) -> str:
        """Read a balanced pair of parentheses; return the text within, without space around it."""
        self.expect_operator("(")
        first = self._position
        self._skip_to_closing()
        return self.text_between(first, self._position - 1)

    def _skip_to_closing(self) -> None:
        depth = 1
        while depth:
            token = self.next()
            if token.is_operator("("):
                depth += 1
            elif token.is_operator(")"):
                depth -= 1

    def expression_end(self) -> int:
        """Move to the comma or parenthesis that ends the expression here; return its token's number."""
        while not (self.at_end or self.sees_operator(",") or self.sees_operator(")")):
            if self.next().is_operator("("):
                self._skip_to_closing()
        return self._position

    def rest(self) -> str:
        """Read everything up to the end of the statement, the last semicolon excluded."""
        first = self._position
        while self.peek() is not None:
            self.next()
        last = self._position
        while last > first and self._tokens[last - 1].is_operator(";"):
            last -= 1
        return self.text_between(first, last)

    def name_list(self) -> tuple[str, ...]:
        """Read names in parentheses; what SQLite ignores behind one (COLLATE, ASC) is passed over."""
        return tuple(part.name for part in self.key_parts() if part.name is not None)

    def key_parts(self) -> tuple[KeyPart, ...]:
        """Read the list in parentheses of an index, a PRIMARY KEY or a UNIQUE constraint."""
        self.expect_operator("(")
        parts = [self._key_part()]
        while self.accept_operator(","):
            parts.append(self._key_part())
        self.expect_operator(")")
        return tuple(parts)

    def _key_part(self) -> KeyPart:
        first = self._position
        last = self.expression_end()
        if first == last:
            raise self.unread()
        return self._build_key_part(first, last)

    def _build_key_part(self, first: int, last: int) -> KeyPart:
        tokens = self._tokens
        # PRIMARY KEY (id AUTOINCREMENT): the word belongs to the constraint, which looks for it itself.
        if last - first > 1 and tokens[last - 1].is_word("AUTOINCREMENT"):
            last -= 1
        if (
            last - first > 2
            and tokens[last - 2].is_word("NULLS")
            and tokens[last - 1].is_word("FIRST", "LAST")
        ):
            last -= 2
        descending = False
        if last - first > 1 and tokens[last - 1].is_word("ASC", "DESC"):
            descending = tokens[last - 1].is_word("DESC")
            last -= 1
        collation = None
        if self._ends_in_collate(first, last):
            collation = tokens[last - 1].value
            last -= 2
        if last - first == 1 and tokens[first].kind in _NAME_KINDS:
            return KeyPart(name=tokens[first].value, collation=collation, descending=descending)
        return KeyPart(
            name=None,
            expression_sql=self.text_between(first, last),
            collation=collation,
            descending=descending,
        )

    def _ends_in_collate(self, first: int, last: int) -> bool:
        """
        Whether COLLATE at the end covers the whole expression.

        It binds tighter than any binary operator: in `a || b COLLATE NOCASE` it
        belongs to b alone and stays part of the expression.
        """
        tokens = self._tokens
        if last - first < 3 or not tokens[last - 2].is_word("COLLATE"):
            return False
        operand = tokens[first : last - 2]
        return len(operand) == 1 or _is_call_or_group(operand)


def _is_call_or_group(tokens: list[Token]) -> bool:
    """Whether the tokens are `(…)` or `name(…)` and nothing else."""
    opening = 0 if tokens[0].is_operator("(") else 1
    if len(tokens) <= opening or not tokens[opening].is_operator("("):
        return False
    depth = 0
    for number, token in enumerate(tokens[opening:], opening):
        if token.is_operator("("):
            depth += 1
        elif token.is_operator(")"):
            depth -= 1
        if depth == 0:
            return number == len(tokens) - 1
    return False
