"""
Order objects so that nothing is created before what it needs.

Pure. Where the needs form a cycle, the objects of the cycle come in the order given:
foreign keys are built after the load, so a cycle of tables is no problem; a cycle of
views cannot exist in a source that SQLite can read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def order_by_needs(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """
    Return the names with everything after what it needs, otherwise in the order given.

    `needs` may mention names that are not to be ordered; they are ignored.
    """
    given = list(names)
    known = set(given)
    ordered: list[str] = []
    state: dict[str, str] = {}
    for root in given:
        # An explicit stack: chains of views or tables can be longer than Python's.
        stack = [(root, iter(_needed(root, needs, known)))]
        if state.setdefault(root, "open") != "open" or root in ordered:
            continue
        while stack:
            name, pending = stack[-1]
            following = next((need for need in pending if need not in state), None)
            if following is None:
                stack.pop()
                state[name] = "done"
                ordered.append(name)
            else:
                state[following] = "open"
                stack.append((following, iter(_needed(following, needs, known))))
    return ordered


def _needed(name: str, needs: Mapping[str, Iterable[str]], known: set[str]) -> list[str]:
    return [need for need in needs.get(name, ()) if need in known and need != name]
