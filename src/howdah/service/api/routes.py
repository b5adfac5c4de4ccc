"""
Which handler answers which method and path; what a path allows where the method is another.

Pure. A path is a tuple of segments, ":name" leaves one open, "*" at the end one or more; a segment that is
written out wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from howdah.service.api.messages import Answer, Request

Handler = Callable[[Request], Awaitable[Answer]]


@dataclass
class _Branch:
    methods: dict[str, Handler] = field(default_factory=dict)
    named: dict[str, _Branch] = field(default_factory=dict)
    open: tuple[str, _Branch] | None = None
    #: Whatever follows, one segment at least.
    rest: _Branch | None = None


class Routes:
    """A tree of paths."""

    def __init__(self) -> None:
        self._root = _Branch()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route; HEAD comes with GET."""
        branch = self._root
        for segment in path.strip("/").split("/"):
            if segment.startswith(":"):
                if branch.open is None:
                    branch.open = (segment[1:], _Branch())
                branch = branch.open[1]
            elif segment == "*":
                branch.rest = branch.rest or _Branch()
                branch = branch.rest
            else:
                branch = branch.named.setdefault(segment, _Branch())
        branch.methods[method] = handler

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Every route's method and path, as it was added."""
        return self._listed(self._root, ())

    def _listed(self, branch: _Branch, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for method in branch.methods:
            yield method, "/".join(above)
        below = [*branch.named.items()]
        if branch.open is not None:
            below.append((f":{branch.open[0]}", branch.open[1]))
        if branch.rest is not None:
            below.append(("*", branch.rest))
        for segment, one in below:
            yield from self._listed(one, (*above, segment))

    def find(
        self, method: str, segments: tuple[str, ...]
    ) -> tuple[Handler | None, dict[str, str], list[str]]:
        """Return the handler, what open segments are, and the methods of all routes with that path."""
        allowed: list[str] = []
        for branch, places in self._match(self._root, segments, {}):
            handler = branch.methods.get("GET" if method == "HEAD" else method)
            if handler is not None:
                return handler, places, allowed
            allowed += [name for name in branch.methods if name not in allowed]
        return None, {}, allowed

    def _match(
        self, branch: _Branch, segments: tuple[str, ...], places: dict[str, str]
    ) -> Iterator[tuple[_Branch, dict[str, str]]]:
        if not segments:
            if branch.methods:
                yield branch, places
            return
        head, rest = segments[0], segments[1:]
        if head in branch.named:
            yield from self._match(branch.named[head], rest, places)
        if branch.open is not None and head:
            name, below = branch.open
            yield from self._match(below, rest, {**places, name: head})
        if branch.rest is not None:
            yield branch.rest, places
