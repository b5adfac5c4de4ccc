"""
Write docs/reference/errors.md from the places of the code that raise.

    .venv/bin/python docs/scripts/errors_page.py > docs/reference/errors.md

Reads the package's source and runs none of it: a code, a sentence and a hint stand together where they are
raised, and nowhere else. What is only known when it happens is shown as "…".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from howdah import errors
from howdah.errors import HowdahError

Node = TypeVar("Node", bound=ast.AST)

PACKAGE = Path(errors.__file__).parent

HEAD = """\
# Errors

<!-- Written by `python docs/scripts/errors_page.py`; do not edit. -->

A command that cannot do its work ends with one of these on stderr, and with `--json` on stdout: the code,
what is wrong, mostly a detail and a hint. Codes are stable. "…" stands for what is only known then.
[Findings](findings.md) and what the [audit](audit.md) finds are no errors and have pages of their own.
"""

#: First letter of a code → what it is about, in the order of the page.
ROOMS = {
    "A": "Audit, acceptance, ports of the service, application packs",
    "B": "Backups",
    "C": "Codecs",
    "E": "The embedded server",
    "H": "Going home to SQLite",
    "K": "Content types and the content API",
    "L": "Live migration",
    "M": "Migrations and their ledger",
    "P": "Plans",
    "R": "Reports",
    "S": "The SQLite file",
    "T": "The target",
    "U": "Command line and settings",
    "V": "Verification",
    "X": "Everything else",
}


@dataclass(frozen=True, order=True)
class Raised:
    """One place that raises."""

    code: str
    status: int
    message: str
    hint: str


def read_raised(package: Path = PACKAGE) -> list[Raised]:
    """Return every error that the package makes with a code of its own, each once, by code."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))]
    statuses = {
        name: int(found.exit_status)
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, HowdahError)
    }
    for node in _nodes(modules, ast.ClassDef):
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in statuses:
                statuses.setdefault(node.name, statuses[base.id])
    found: set[Raised] = set()
    for module in modules:
        makers = _read_makers(module, statuses)
        for call in _nodes([module], ast.Call):
            found.update(_read_call(call, statuses, makers))
        for node in _nodes([module], ast.ClassDef):
            if node.name in statuses:
                # A class with one code of its own hands it to the class above.
                for call in _nodes([node], ast.Call):
                    if ast.unparse(call.func) == "super().__init__":
                        named = ast.Call(ast.Name(node.name), call.args, call.keywords)
                        found.update(_read_call(named, statuses, makers))
    return sorted(found)


def _read_makers(module: ast.Module, statuses: Mapping[str, int]) -> dict[str, ast.Call]:
    """Return the functions of a module that make an error with a code they are given, and how."""
    makers = {}
    for function in _nodes([module], ast.FunctionDef):
        parameters = [argument.arg for argument in function.args.args]
        for call in _nodes([function], ast.Call):
            if _name(call.func) in statuses and call.args and _name(call.args[0]) in parameters[:1]:
                makers[function.name] = call
    return makers


def _read_call(
    call: ast.Call, statuses: Mapping[str, int], makers: Mapping[str, ast.Call]
) -> Iterator[Raised]:
    arguments, made_by = list(call.args), _name(call.func)
    if arguments and _name(arguments[0]) in statuses:
        # A row of a table: the class comes first, then what it is made with.
        made_by, arguments = _name(arguments[0]), arguments[1:]
    if not arguments:
        return
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    message = arguments[1] if len(arguments) > 1 else named.get("message")
    hint = named.get("hint", arguments[2] if len(arguments) > 2 else None)
    if made_by in makers:
        maker = makers[made_by]
        made_by, message = _name(maker.func), maker.args[1]
        hint = next((keyword.value for keyword in maker.keywords if keyword.arg == "hint"), None)
    if made_by not in statuses:
        return
    for code, is_first in _branches(arguments[0]):
        if re.fullmatch(r"[A-Z]-\d{3}", code):
            yield Raised(code, statuses[made_by], _text(message, is_first), _text(hint, is_first))


def _branches(node: ast.expr) -> Iterator[tuple[str, bool]]:
    """Return the texts that an expression may be, and whether it is the first branch that gives it."""
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            yield _text(body), True
            yield _text(orelse), False
        case ast.Constant(value=str(text)):
            yield text, True


def _nodes(trees: Iterable[ast.AST], kind: type[Node]) -> Iterator[Node]:
    return (node for tree in trees for node in ast.walk(tree) if isinstance(node, kind))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr | None, is_first: bool = True) -> str:
    """
    Return the text that an expression makes, "…" for the parts of it that are not written down.

    Of two branches that which is asked for.
    """
    match node:
        case None:
            return ""
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, is_first) for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            return _text(body if is_first else orelse, is_first)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text(left, is_first) + _text(right, is_first)
        case _:
            return "…"


def render(raised: Iterable[Raised]) -> str:
    """Return the page."""
    parts = [HEAD]
    by_room: dict[str, list[Raised]] = {}
    for each in raised:
        by_room.setdefault(each.code[0], []).append(each)
    for room, heading in ROOMS.items():
        if room in by_room:
            parts += [f"## {heading}\n", "| code | exit status | what it says | hint |", "|---|---:|---|---|"]
            parts += [*(_row(each) for each in by_room.pop(room)), ""]
    if by_room:
        raise ValueError(f"codes without a heading: {', '.join(sorted(by_room))}")
    return "\n".join(parts)


def _row(each: Raised) -> str:
    cells = (each.code, str(each.status), each.message, each.hint)
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """Keep a table's bars, and what Markdown would take for markup, as they are."""
    return re.sub(r"([|*_<`\[])", r"\\\1", " ".join(text.split()))


if __name__ == "__main__":
    print(render(read_raised()), end="")
