"""
Rich text in blocks: what a list of them may hold, as what it is stored, and what is said of the rest.

Pure. As the library does that Strapi validates with: a value is read as the type that is wanted first ("2"
is a level, 1 is true), and what is said of the outer comes before what is said of the inner.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from howdah.content.entry.scalars import print_value
from howdah.content.query.json_text import read_json
from howdah.content.query.values import js_number

#: Path within the blocks, as keys and positions.
Path = tuple[str, ...]
_ABSENT = object()
_BOLD = ("bold", "italic", "underline", "strikethrough", "code")
_LEVELS = (1, 2, 3, 4, 5, 6)
_FORMATS = ("ordered", "unordered")
_IMAGE = (
    ("name", "text"),
    ("alternativeText", "text?"),
    ("url", "text"),
    ("caption", "text?"),
    ("width", "number"),
    ("height", "number"),
    ("formats", "object?"),
    ("hash", "text"),
    ("ext", "text"),
    ("mime", "text"),
    ("size", "number"),
    ("previewUrl", "text?"),
    ("provider", "text"),
    ("createdAt", "text"),
    ("updatedAt", "text"),
)
_FEW = "{} node children must have at least one {}"
_TEXT_OR_LINK = "Text or Link node"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
#: A host that a URL can have.
_HOST = re.compile(r"[/\\]*[^/\\?#\s<>^|%]+([/\\?#].*)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class BlockFault:
    """One thing that is wrong, and where."""

    path: Path
    message: str
    #: Left out of the answer where nothing was given.
    value: Any = _ABSENT

    @property
    def is_given(self) -> bool:
        """Something was given."""
        return self.value is not _ABSENT


def read_blocks(value: Any, name: str) -> tuple[list[Any] | None, list[BlockFault]]:
    """
    Return the list to store, None where no list was given, and everything that is wrong with it.

    `name` is the attribute as messages show it.
    """
    value = _parsed(value)
    if not isinstance(value, list):
        return None, []
    reader = _Reader(name=name)
    blocks = [reader.block((str(place),), item) for place, item in enumerate(value)]
    return blocks, sorted(reader.faults, key=lambda fault: len(fault.path))


@dataclass
class _Reader:
    name: str
    faults: list[BlockFault] = field(default_factory=list)

    # Nodes

    def block(self, path: Path, value: Any) -> Any:
        """Read a block of the outermost list."""
        readers: Mapping[str, Callable[[Path, Any], Any]] = {
            "paragraph": lambda here, node: self._inline(here, node, "Paragraph"),
            "heading": self._heading,
            "quote": lambda here, node: self._inline(here, node, "Quote"),
            "list": self._list,
            "image": self._image,
            "code": self._code,
        }
        return self._by_type(path, value, readers, "Block node is of invalid type")

    def _by_type(
        self, path: Path, value: Any, readers: Mapping[str, Callable[[Path, Any], Any]], refusal: str
    ) -> Any:
        kind = value.get("type") if isinstance(value, Mapping) else None
        reader = readers.get(kind) if isinstance(kind, str) else None
        if reader is None:
            self._say(path, refusal, value)
            return value
        return reader(path, value)

    def _inline(self, path: Path, node: Mapping[str, Any], name: str) -> Any:
        return {**node, **self._children(path, node, self._inline_node, _FEW.format(name, _TEXT_OR_LINK))}

    def _heading(self, path: Path, node: Mapping[str, Any]) -> Any:
        level = self._number((*path, "level"), node.get("level", _ABSENT), among=_LEVELS)
        return {**self._inline(path, node, "Heading"), **_kept("level", level)}

    def _code(self, path: Path, node: Mapping[str, Any]) -> Any:
        language = self._text((*path, "language"), node.get("language", _ABSENT), nullable=True)
        few = _FEW.format("Quote", _TEXT_OR_LINK)
        return {**node, **self._children(path, node, self._text_node, few), **_kept("language", language)}

    def _list(self, path: Path, node: Mapping[str, Any]) -> Any:
        kind = self._text((*path, "format"), node.get("format", _ABSENT), among=_FORMATS, required=True)
        few = _FEW.format("List", "ListItem or ListNode")
        return {**node, **self._children(path, node, self._list_child, few), **_kept("format", kind)}

    def _list_child(self, path: Path, value: Any) -> Any:
        readers = {"list": self._list, "list-item": self._list_item}
        return self._by_type(path, value, readers, "Inline node must be list-item or list")

    def _list_item(self, path: Path, node: Mapping[str, Any]) -> Any:
        return {**node, **self._children(path, node, self._inline_node)}

    def _image(self, path: Path, node: Mapping[str, Any]) -> Any:
        here = (*path, "image")
        image = self._object(here, node.get("image", {}))
        if image is not None:
            for name, kind in _IMAGE:
                image |= _kept(name, self._image_fact((*here, name), image.get(name, _ABSENT), kind))
        return {**node, "image": image, **self._children(path, node, self._inline_node)}

    def _image_fact(self, path: Path, value: Any, kind: str) -> Any:
        match kind:
            case "number":
                return self._number(path, value)
            case "object?":
                return value if value is _ABSENT or isinstance(value, Mapping) else None
        return self._text(path, value, nullable=kind.endswith("?"), required=not kind.endswith("?"))

    def _inline_node(self, path: Path, value: Any) -> Any:
        readers = {"text": self._text_node, "link": self._link}
        return self._by_type(path, value, readers, "Inline node must be Text or Link")

    def _text_node(self, path: Path, value: Any) -> Any:
        node = self._object(path, value)
        if node is None:
            return value
        self._text((*path, "type"), node.get("type", _ABSENT), among=("text",), required=True)
        text = self._text((*path, "text"), node.get("text", _ABSENT))
        if text is _ABSENT:
            self._say((*path, "text"), "Text must be defined with at least an empty string")
        node |= _kept("text", text)
        for name in _BOLD:
            node |= _kept(name, self._flag((*path, name), node.get(name, _ABSENT)))
        return node

    def _link(self, path: Path, node: Mapping[str, Any]) -> Any:
        before = len(self.faults)
        url = self._text((*path, "url"), node.get("url", _ABSENT))
        if len(self.faults) == before and not is_link("" if url is _ABSENT else url):
            self._say((*path, "url"), "Please specify a valid link.", url)
        return {**node, **self._children(path, node, self._text_node), **_kept("url", url)}

    # Values

    def _children(
        self, path: Path, node: Mapping[str, Any], read: Callable[[Path, Any], Any], few: str = ""
    ) -> dict[str, Any]:
        here = (*path, "children")
        given = node.get("children", _ABSENT)
        if given is _ABSENT:
            self._say(here, f"{self._shown(here)} is a required field")
            return {}
        children = _parsed(given)
        if not isinstance(children, list):
            self._wrong_type(here, "array", None, given)
            return {}
        if few and not children:
            self._say(here, few, children)
        return {"children": [read((*here, str(place)), child) for place, child in enumerate(children)]}

    def _object(self, path: Path, given: Any) -> dict[str, Any] | None:
        value = _parsed(given)
        if isinstance(value, Mapping):
            return dict(value)
        self._wrong_type(path, "object", None, given)
        return None

    def _text(
        self,
        path: Path,
        given: Any,
        *,
        nullable: bool = False,
        required: bool = False,
        among: tuple[str, ...] = (),
    ) -> Any:
        if given is _ABSENT:
            if required:
                self._say(path, f"{self._shown(path)} is a required field")
            return given
        value = given
        if isinstance(given, bool | int | float):
            value = json.dumps(given)
        if value is None and nullable:
            return None
        if not isinstance(value, str):
            self._wrong_type(path, "string", value)
        if among and value not in among:
            self._among(path, among, value)
        elif required and value == "":
            self._say(path, f"{self._shown(path)} is a required field", value)
        return value

    def _number(self, path: Path, given: Any, *, among: tuple[int, ...] = ()) -> Any:
        if given is _ABSENT:
            self._say(path, f"{self._shown(path)} is a required field")
            return given
        value: Any = math.nan
        if isinstance(given, int | float) and not isinstance(given, bool):
            value = given
        elif isinstance(given, str) and given.strip():
            value = js_number(re.sub(r"\s", "", given))
            value = int(value) if math.isfinite(value) and value == int(value) else value
        if isinstance(value, float) and math.isnan(value):
            told = "" if given is None else f" (cast from the value `{print_value(given)}`)"
            self._say(
                path,
                f"{self._shown(path)} must be a `number` type, but the final value was: `NaN`{told}.",
                None,
            )
            value = None
        if among and value not in among:
            self._among(path, among, value)
        return value

    def _flag(self, path: Path, given: Any) -> Any:
        if given is _ABSENT or isinstance(given, bool):
            return given
        word = given.lower() if isinstance(given, str) else str(given)
        if word in ("true", "1", "false", "0"):
            return word in ("true", "1")
        self._wrong_type(path, "boolean", given)
        return given

    # What is said

    def _wrong_type(self, path: Path, kind: str, value: Any, given: Any = None) -> None:
        told = f" (cast from the value `{print_value(given)}`)" if given is not None else ""
        shown, printed = self._shown(path), print_value(value)
        self._say(
            path, f"{shown} must be a `{kind}` type, but the final value was: `{printed}`{told}.", value
        )

    def _among(self, path: Path, values: tuple[Any, ...], value: Any) -> None:
        listed = ", ".join(map(str, values))
        self._say(path, f"{self._shown(path)} must be one of the following values: {listed}", value)

    def _say(self, path: Path, message: str, value: Any = _ABSENT) -> None:
        self.faults.append(BlockFault(path=path, message=message, value=value))

    def _shown(self, path: Path) -> str:
        return self.name + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path)


def is_link(text: str) -> bool:
    """Tell whether a text is a link that may be followed: to the web, a file server, a mailbox, a phone."""
    if text.startswith("/"):
        return True
    found = _SCHEME.fullmatch(text.strip())
    if found is None:
        return False
    scheme = found[1].lower()
    if scheme in ("mailto", "tel"):
        return True
    return scheme in ("http", "https", "ftp") and _HOST.fullmatch(found[2]) is not None


def _parsed(value: Any) -> Any:
    """Return what a text says that stands for a list or an object. Raises RequestFault for depths."""
    if isinstance(value, str):
        try:
            return read_json(value)
        except ValueError:
            return None
    return value


def _kept(name: str, value: Any) -> dict[str, Any]:
    return {} if value is _ABSENT else {name: value}
