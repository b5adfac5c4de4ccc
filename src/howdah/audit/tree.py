"""The files of a project: which are read, which git ignores, which are SQLite databases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

#: Directories with the code of others, or made by tools.
_SKIPPED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "bower_components",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        "site-packages",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".next",
        ".nuxt",
        ".cache",
        ".yarn",
    }
)
_MAGIC = b"SQLite format 3\0"
_SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, kw_only=True)
class TreeFile:
    #: Below the root, with "/".
    path: str
    place: Path
    #: Git leaves it out.
    ignored: bool
    is_database: bool


def read_tree(root: Path, unread: Callable[[str, str], object]) -> Iterator[TreeFile]:
    """
    Yield the files below a directory, sorted; links are not followed.

    A single file stands for itself. `unread` is told each directory and file that cannot be read, with
    the reason. Raises OSError where the root itself cannot be read.
    """
    if root.is_file():
        yield TreeFile(path=root.name, place=root, ignored=False, is_database=_is_database(root))
        return
    os.listdir(root)

    def tell(error: OSError) -> None:
        unread(
            f"{os.path.relpath(str(error.filename), root).replace(os.sep, '/')}/",
            error.strerror or type(error).__name__,
        )

    above, specs = _read_ignored_above(root)
    for directory, folders, names in os.walk(root, onerror=tell):
        below = os.path.relpath(directory, root).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        specs += _read_ignored(Path(directory, ".gitignore"), above + prefix)
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED)
        for name in sorted(names):
            place = Path(directory, name)
            if place.is_symlink() or not place.is_file() or name.endswith(_SIDE_FILES):
                continue
            path = prefix + name
            try:
                is_database = _is_database(place)
            except OSError as error:
                unread(path, error.strerror or type(error).__name__)
                continue
            yield TreeFile(
                path=path,
                place=place,
                ignored=_is_ignored(above + path, specs),
                is_database=is_database,
            )


def _read_ignored_above(root: Path) -> tuple[str, list[tuple[str, GitIgnoreSpec]]]:
    """Return where the root lies in its git repository ("backend/"), and what is ignored from above it."""
    place = root.resolve()
    top = next((parent for parent in (place, *place.parents) if (parent / ".git").exists()), place)
    specs = _read_ignored(top / ".git" / "info" / "exclude", "")
    above = ""
    for part in place.relative_to(top).parts:
        specs += _read_ignored(Path(top, above, ".gitignore"), above)
        above += f"{part}/"
    return above, specs


def _read_ignored(place: Path, prefix: str) -> list[tuple[str, GitIgnoreSpec]]:
    lines: list[str] = []
    with suppress(OSError):
        if place.is_file():
            lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
    return [(prefix, GitIgnoreSpec.from_lines(lines))] if lines else []


def _is_ignored(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    """Whether git leaves the file out; the deepest .gitignore that speaks of it counts."""
    for prefix, spec in reversed(specs):
        if path.startswith(prefix):
            answer = spec.check_file(path.removeprefix(prefix)).include
            if answer is not None:
                return answer
    return False


def _is_database(place: Path) -> bool:
    with place.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
