"""The rooms and which way their imports point, as docs/explanation/architecture.md draws them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "howdah"

#: Room → rooms it may import. Modules beside the rooms (errors, names…) count as rooms.
ALLOWED = {
    "errors": set(),
    "units": set(),
    "model": set(),
    "names": {"errors"},
    "places": {"errors"},
    "durable": set(),
    "scratch": set(),
    "settings": {"errors", "places", "postgres"},
    "options_file": {"errors"},
    "redaction": {"errors", "places", "postgres"},
    "process": {"errors", "model", "units"},
    "codecs": {"errors", "model", "names"},
    "sqlite": {"errors", "model", "names", "codecs", "process", "scratch", "units"},
    "postgres": {"errors", "model", "names", "codecs", "places", "scratch", "units"},
    "planning": {"errors", "model", "names", "codecs", "units"},
    "apps": {"errors", "model", "codecs", "planning"},
    "state": {"errors", "durable", "model", "names", "postgres"},
    "proof": {"errors", "model", "names", "codecs", "sqlite", "postgres", "process"},
    "loading": {
        "errors",
        "model",
        "names",
        "units",
        "codecs",
        "sqlite",
        "postgres",
        "process",
        "state",
        "proof",
    },
    "capture": {
        "errors",
        "model",
        "names",
        "codecs",
        "planning",
        "sqlite",
        "postgres",
        "process",
        "state",
        "proof",
        "loading",
    },
    "archive": {
        "errors",
        "durable",
        "model",
        "names",
        "units",
        "places",
        "scratch",
        "sqlite",
        "postgres",
        "process",
    },
    "content": {"errors", "model", "names", "postgres", "state"},
    "audit": {"errors", "model", "units"},
    "report": {"errors", "durable", "model", "units", "names"},
    "service": {
        "errors",
        "model",
        "names",
        "postgres",
        "settings",
        "redaction",
        "content",
        "archive",
        "report",
    },
}
TOP = {"ops", "cli", "__init__", "__main__"}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        found.update(names)
    return found


def _room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else path.stem


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    room = _room(path)
    if room in TOP:
        return
    imported = {name.split(".")[1] for name in _imports(path) if name.startswith("howdah.")}
    assert imported - {room} <= ALLOWED[room]


def test_the_model_and_the_errors_need_the_standard_library_alone() -> None:
    for path in MODULES:
        if _room(path) in ("model", "errors"):
            foreign = {
                name.split(".")[0]
                for name in _imports(path)
                if name.split(".")[0] not in sys.stdlib_module_names | {"howdah"}
            }
            assert foreign == set(), path


@pytest.mark.parametrize(
    ("driver", "room"),
    [("apsw", "sqlite"), ("adbc_driver_sqlite", "sqlite"), ("adbc_driver_postgresql", "postgres")],
)
def test_only_one_room_opens_each_kind_of_database(driver: str, room: str) -> None:
    users = {_room(path) for path in MODULES if any(name.split(".")[0] == driver for name in _imports(path))}
    # doctor reports the library's version and opens nothing.
    assert users - {"ops"} == {room}


def test_the_standard_sqlite_module_is_not_used() -> None:
    """Two SQLite libraries in one process drop each other's locks on a live file."""
    assert [path for path in MODULES if "sqlite3" in _imports(path)] == []


#: Modules of more lines than a reader holds at once, and why they are not cut.
LARGE = {
    "codecs/catalogue_any.py": "a list: one entry for each codec",
    "content/query/statement.py": "one statement, whose clauses share aliases and the order of parameters",
    "ops/migrate.py": "the verb that everything stands on, act after act",
    "planning/expressions.py": "a list: one short function for each operator of SQLite",
    "model/finding_kinds.py": "a list: one entry for each finding",
    "planning/select.py": "one rule for each clause of a SELECT, and what they know of one another's columns",
    "planning/sql_values.py": "a list: kinds of values, and one short rule for each place they meet",
    "service/api/documents.py": "one write of a document, whose acts share its connection, type and locale",
    "sqlite/catalog_build.py": "one object of the catalog after another, each from its pragma and its SQL",
    "sqlite/salvage.py": "one search among damaged pages; what it has found is known to all of its steps",
}
_LINES_MAX = 400


def test_a_large_module_has_a_reason() -> None:
    large = {
        str(path.relative_to(SOURCE))
        for path in MODULES
        if len(path.read_text(encoding="utf-8").splitlines()) > _LINES_MAX
    }
    assert large == set(LARGE)
