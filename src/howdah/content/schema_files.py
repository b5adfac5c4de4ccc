"""
Read the schema files of a Strapi project; the only module of this room that touches the file system.

DIR is the project or its `src` directory. Read are `api/*/content-types/*/schema.json`,
`components/<category>/*.json` and `extensions/<plugin>/content-types/*/schema.json`, which
alter built-in types. Every file that cannot be read as what it should be is reported, all at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from howdah.content.parse import parse_type
from howdah.errors import UsageError
from howdah.model.content import ContentType

#: A schema file is a few kilobytes; more is something else.
_SIZE_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class SchemaFile:
    """One file, parsed as JSON and not yet as a type."""

    path: Path
    uid: str
    document: Mapping[str, Any]


def read_content_types(directory: Path) -> tuple[ContentType, ...]:
    """
    Read all types of a project: its own, its components, and the built-in ones that every Strapi has.

    Raises UsageError: K-101 where DIR holds no content types, K-102 with every file and
    definition that cannot be used.
    """
    root = _source_directory(directory)
    problems: list[str] = []
    own = _read_all(_own_files(root), problems)
    components = _read_all(_component_files(root), problems)
    extensions = _read_all(_extension_files(root), problems)
    types: list[ContentType] = []
    for file in own:
        types += parse_type(file.uid, file.document, "content-type", problems, file=str(file.path))
    for file in components:
        types += parse_type(file.uid, file.document, "component", problems, file=str(file.path))
    for uid, document, path in _built_in(extensions, problems):
        types += parse_type(uid, document, "built-in", problems, file=path)
    if problems:
        raise UsageError(
            "K-102",
            f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} in the content types.",
            detail="; ".join(problems),
            hint="Correct the schema files; nothing was done.",
        )
    return tuple(types)


def _source_directory(directory: Path) -> Path:
    for candidate in (directory / "src", directory):
        if (candidate / "api").is_dir():
            if next(_own_files(candidate), None) is None:
                break
            return candidate
    raise UsageError(
        "K-101",
        f"No content types in {directory}.",
        detail="Looked for src/api/*/content-types/*/schema.json and api/*/content-types/*/schema.json.",
        hint="Name the directory of the Strapi project with --content.",
    )


def _own_files(root: Path) -> Iterator[tuple[Path, str]]:
    return (
        (path, f"api::{path.parts[-4]}.{path.parts[-2]}")
        for path in sorted(root.glob("api/*/content-types/*/schema.json"))
    )


def _component_files(root: Path) -> Iterator[tuple[Path, str]]:
    return ((path, f"{path.parts[-2]}.{path.stem}") for path in sorted(root.glob("components/*/*.json")))


def _extension_files(root: Path) -> Iterator[tuple[Path, str]]:
    return (
        (path, f"plugin::{path.parts[-4]}.{path.parts[-2]}")
        for path in sorted(root.glob("extensions/*/content-types/*/schema.json"))
    )


def _read_all(found: Iterable[tuple[Path, str]], problems: list[str]) -> list[SchemaFile]:
    documents = []
    for path, uid in found:
        try:
            if path.stat().st_size > _SIZE_MAX:
                problems.append(f"{path} has {path.stat().st_size} bytes, which no schema file has")
                continue
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            problems.append(f"{path} cannot be read: {error.strerror}")
        except (ValueError, RecursionError) as error:
            problems.append(f"{path} is not JSON: {error}")
        else:
            if isinstance(document, dict):
                documents.append(SchemaFile(path=path, uid=uid, document=document))
            else:
                problems.append(f"{path} does not hold an object")
    return documents


def _built_in(
    extensions: Iterable[SchemaFile], problems: list[str]
) -> list[tuple[str, Mapping[str, Any], str]]:
    text = files("howdah.content").joinpath("builtin.json").read_text(encoding="utf-8")
    known: dict[str, tuple[Mapping[str, Any], str]] = {item["uid"]: (item, "") for item in json.loads(text)}
    for file in extensions:
        if file.uid not in known:
            problems.append(f"{file.path} extends {file.uid}, which Howdah does not know")
            continue
        # As Strapi does it: whole members are replaced, "attributes" among them.
        known[file.uid] = ({**known[file.uid][0], **file.document}, str(file.path))
    return [(uid, document, path) for uid, (document, path) in known.items()]
