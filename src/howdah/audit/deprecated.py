"""
What the source itself marks as deprecated, and marks for what it does not.

A mark is a comment `howdah: deprecated`, or the language's own: `@deprecated` in a documentation
comment or as a decorator. It covers its own line and the statement that follows, with
everything that is indented below it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from howdah.audit.pieces import Pieces
from howdah.model.audit import AuditFinding

_OURS = re.compile(r"howdah:\s*deprecated", re.IGNORECASE)
_DECORATOR = re.compile(r"^\s*@(?:\w+\.)*deprecated\b")
_DOCUMENTED = re.compile(r"@deprecated\b|\.\.\s+deprecated::")
_CLOSES = re.compile(r"^\s*[)\]}]+[;,)]*\s*$")


def deprecated_lines(pieces: Pieces) -> frozenset[int]:
    """Return the numbers of the lines that a mark covers."""
    covered: set[int] = set()
    for number, line in enumerate(pieces.lines, 1):
        comment = pieces.comments.get(number, "")
        if _OURS.search(comment) or _DOCUMENTED.search(comment) or _DECORATOR.match(line):
            covered.update(_covered_by(pieces, number))
    return frozenset(covered)


def _covered_by(pieces: Pieces, number: int) -> Iterable[int]:
    yield number
    if pieces.line(number).strip() and not _is_beside_code(pieces, number):
        start = number + 1
        while start <= len(pieces.lines) and _stands_before(pieces, start):
            yield start
            start += 1
        indent = _indent(pieces.line(start))
        yield start
        for following in range(start + 1, len(pieces.lines) + 1):
            line = pieces.line(following)
            if line.strip() and _indent(line) <= indent:
                if _CLOSES.match(line) and _indent(line) == indent:
                    yield following
                return
            yield following


def _is_beside_code(pieces: Pieces, number: int) -> bool:
    """Whether a comment shares its line with code, and so speaks of that line alone."""
    code = pieces.code[number - 1] if number <= len(pieces.code) else ""
    return bool(code.strip()) and not _DECORATOR.match(pieces.line(number))


def _stands_before(pieces: Pieces, number: int) -> bool:
    """Whether the line is a comment, a decorator or empty: what it belongs to comes later."""
    line = pieces.line(number)
    code = pieces.code[number - 1] if number <= len(pieces.code) else ""
    return (
        not line.strip() or (number in pieces.comments and not code.strip()) or line.lstrip().startswith("@")
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def comment_for(path: str) -> str | None:
    """Return how a comment on a line of its own begins in that file, None where there are none."""
    name = path.rsplit("/", 1)[-1]
    ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if ending in (
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "cjs",
        "mts",
        "cts",
        "go",
        "rs",
        "java",
        "kt",
        "php",
        "prisma",
        "swift",
    ):
        return "// "
    if ending == "sql":
        return "-- "
    if ending in ("py", "rb", "sh", "yml", "yaml", "toml", "cfg", "ini", "pl") or name.startswith(
        (".env", "Dockerfile", "Makefile")
    ):
        return "# "
    if ending == "txt" and "requirements" in name:
        return "# "
    return None


def mark_lines(path: str, text: str, findings: Iterable[AuditFinding]) -> str:
    """Return a unified diff with a mark before each finding's statement; "" where a file takes none."""
    comment = comment_for(path)
    by_line: dict[int, list[str]] = {}
    for finding in findings:
        instead = by_line.setdefault(finding.anchor or finding.line, [])
        if finding.replacement not in instead:
            instead.append(finding.replacement)
    # A diff knows no line that ends with a carriage return alone.
    if comment is None or not by_line or re.search(r"\r(?!\n)", text):
        return ""
    # As findings are counted: no form feed and no U+2028 ends a line.
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    marked: list[str] = []
    for number, original in enumerate(lines, 1):
        line = original
        if number in by_line:
            # A byte order mark stays the first thing in the file.
            start = "\ufeff" if line.startswith("\ufeff") else ""
            line = line.removeprefix("\ufeff")
            indent = start + line[: _indent(line)]
            end = "\r\n" if line.endswith("\r\n") else "\n"
            marked.append(f"{indent}{comment}howdah: deprecated: {' '.join(by_line[number])}{end}")
        marked.append(line)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(lines, marked, f"a/{path}", f"b/{path}")
    )
