"""
A file of code, taken apart: strings, comments, and the code between them.

Pygments knows where strings and comments are in most languages; Python's own parser says
more about Python (joined literals, docstrings, where a statement begins).
"""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, String, _TokenType
from pygments.util import ClassNotFound

#: Stands for what a template or an f-string puts in.
_PUT_IN = "?"


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A string of the program."""

    line: int
    value: str
    #: First line of the statement that it belongs to.
    anchor: int


@dataclass(frozen=True, kw_only=True)
class Pieces:
    lines: tuple[str, ...]
    literals: tuple[Literal, ...]
    #: The lines with strings and comments blanked out.
    code: tuple[str, ...]
    #: Line → the comments on it.
    comments: dict[int, str]

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def find_lexer(name: str) -> Lexer | None:
    """Return what reads a file of that name, None for plain text and unknown kinds."""
    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def take_apart(text: str, lexer: Lexer, *, python: bool) -> Pieces:
    """Return the pieces; a Python file that its parser refuses is read as any other language."""
    lines = tuple(text.split("\n"))
    literals, code, comments = _by_tokens(text, lexer)
    if python:
        # Python 2, or a template, is left to the tokens.
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            literals = _python_literals(ast.parse(text))
    return Pieces(lines=lines, literals=tuple(literals), code=tuple(code), comments=comments)


def _by_tokens(text: str, lexer: Lexer) -> tuple[list[Literal], list[str], dict[int, str]]:
    literals: list[Literal] = []
    comments: dict[int, str] = {}
    code: list[str] = []
    parts: list[str] = []
    begun, line, previous_end, depth = 0, 1, -1, 0
    for position, kind, value in lexer.get_tokens_unprocessed(text):
        line_count = value.count("\n")
        is_literal = _is(kind, String) and not _is(kind, String.Doc)
        if _is(kind, Comment):
            for offset, part in enumerate(value.split("\n")):
                comments[line + offset] = comments.get(line + offset, "") + part
        elif is_literal and _is(kind, String.Interpol):
            # `${ … }`: what is between is code, within the literal.
            depth += value.count("{") - value.count("}")
            if value.count("{") > value.count("}"):
                parts.append(_PUT_IN)
        elif is_literal and not depth:
            if parts and previous_end != position:
                literals.append(_literal(begun, parts))
                parts = []
            if not parts:
                begun = line
            parts.append(value)
        if is_literal or depth:
            previous_end = position + len(value)
        is_code = not _is(kind, Comment) and not _is(kind, String)
        code.append(value if is_code else "\n" * line_count or " ")
        line += line_count
    if parts:
        literals.append(_literal(begun, parts))
    return literals, "".join(code).split("\n"), comments


def _literal(line: int, parts: list[str]) -> Literal:
    value = "".join(parts)
    for quote in ('"""', "'''", '"', "'", "`"):
        if len(value) >= 2 * len(quote) and value.startswith(quote) and value.endswith(quote):
            value = value[len(quote) : -len(quote)]
            break
    return Literal(line=line, value=value, anchor=line)


def _is(kind: _TokenType, family: _TokenType) -> bool:
    """Whether a kind of token is of that family: pygments' own `kind in family`."""
    return kind[: len(family)] == tuple(family)


def _python_literals(tree: ast.Module) -> list[Literal]:
    found: list[Literal] = []
    documentation = {
        id(body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (body := node.body)
        and isinstance(body[0], ast.Expr)
    }

    def visit(node: ast.AST, anchor: int) -> None:
        if isinstance(node, ast.stmt):
            decorators = getattr(node, "decorator_list", [])
            anchor = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        if isinstance(node, ast.JoinedStr):
            value = "".join(
                str(part.value) if isinstance(part, ast.Constant) else _PUT_IN for part in node.values
            )
            found.append(Literal(line=node.lineno, value=value, anchor=anchor))
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    visit(part.value, anchor)
            return
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in documentation:
                found.append(Literal(line=node.lineno, value=node.value, anchor=anchor))
            return
        for child in ast.iter_child_nodes(node):
            visit(child, anchor)

    visit(tree, 1)
    return found
