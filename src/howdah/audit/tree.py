"""The files of a project: which are read, which git ignores, which are SQLite databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


def read_tree(root: Path) -> Iterator[TreeFile]:
    """
    Yield the files below a directory, sorted; links are not followed.

    A single file stands for itself. Raises OSError where the directory cannot be read.
    """
    if root.is_file():
        yield TreeFile(path=root.name, place=root, ignored=False, is_database=_is_database(root))
        return
    specs: list[tuple[str, GitIgnoreSpec]] = []
    for directory, folders, names in os.walk(root, onerror=_raise):
        below = os.path.relpath(directory, root).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        if Path(directory, ".gitignore").is_file():
            lines = Path(directory, ".gitignore").read_text(errors="replace").splitlines()
            specs.append((prefix, GitIgnoreSpec.from_lines(lines)))
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED)
        for name in sorted(names):
            place = Path(directory, name)
            if place.is_symlink() or not place.is_file() or name.endswith(_SIDE_FILES):
                continue
            path = prefix + name
            yield TreeFile(
                path=path, place=place, ignored=_is_ignored(path, specs), is_database=_is_database(place)
            )


def _is_ignored(path: str, specs: list[tuple[str, GitIgnoreSpec]]) -> bool:
    return any(
        path.startswith(prefix) and spec.match_file(path.removeprefix(prefix)) for prefix, spec in specs
    )


def _is_database(place: Path) -> bool:
    with place.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _raise(error: OSError) -> None:
    raise error
