"""
Mend the trees of tables in a private copy of a damaged file, so that SQLite can walk over what is left.

SQLite follows a pointer wherever it leads and stops at the first page that it does not understand; one wrong
number of a row sends its search astray. Here the pages of every table are looked at together, each is
believed as far as `page_cells` says, and the pages above the leaves are written anew, with the rows that
can be believed below them. Values are not looked at: that is SQLite's, afterwards.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field

from howdah.sqlite.header import HEADER_BYTES, parse_header
from howdah.sqlite.page_cells import (
    HEADERS,
    INTERIOR,
    LEAF,
    Cell,
    PageCells,
    count_values,
    read_page,
    with_cells,
)

FIRST_NUMBER, LAST_NUMBER = -(2**63), 2**63 - 1
_DEPTH_MAX = 20
#: The first page of the file begins with the file's own header.
_SCHEMA_ROOT = 1


@dataclass(frozen=True, kw_only=True)
class TableTree:
    """A table whose rows have numbers: where its tree begins, and how many columns its records have."""

    root: int
    width: int


@dataclass(kw_only=True)
class Mended:
    """What is wrong with the rows of a table; both ends of a range are included."""

    lost: list[tuple[int, int]] = field(default_factory=list)
    #: They can be read, but something says that they may be another table's, or changed.
    doubtful: list[tuple[int, int]] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class _Leaf:
    """A leaf as its tree sees it; its cells are read again when they are needed."""

    page: int
    #: Its numbers are above this one, and this one at the most.
    low: int
    high: int
    #: The first and last of the rows that are believed.
    first: int
    last: int
    #: How many values its first record holds, None where that is not on the page.
    values: int | None
    #: Not all of what it counts are cells that are believed, or not as many.
    dirty: bool
    overflows: bool
    #: How many pages are above it.
    depth: int
    given_up: bool = False


@dataclass(kw_only=True)
class _Tree:
    table: TableTree
    leaves: list[_Leaf] = field(default_factory=list)
    result: Mended = field(default_factory=Mended)


def mend_trees(path: str, tables: Mapping[str, TableTree]) -> dict[str, Mended]:
    """
    Rewrite the file at `path` and return what is wrong with each table.

    A file whose header is no header stays as it is, and {} is returned. Raises OSError.
    """
    with open(path, "r+b") as file:
        head = file.read(HEADER_BYTES)
        header = parse_header(head)
        if header is None or header.page_size < 512 or head[20] > header.page_size - 480:
            return {}
        pages = _Pages(file.fileno(), header.page_size, header.page_size - head[20])
        roots: dict[int, list[str]] = {}
        for name, table in tables.items():
            roots.setdefault(table.root, []).append(name)
        trees = [
            _Survey(pages, TableTree(root=root, width=max(tables[name].width for name in names))).tree
            for root, names in roots.items()
        ]
        for tree in trees:
            if len(roots[tree.table.root]) > 1:
                tree.result.doubtful.append((FIRST_NUMBER, LAST_NUMBER))
        _settle_claims(pages, trees)
        _follow_overflow(pages, trees)
        for tree in trees:
            _write(pages, tree)
        pages.write_header()
    return {name: _summed_up(tree.result) for tree in trees for name in roots[tree.table.root]}


class _Pages:
    """The pages of the file, the first is 1."""

    def __init__(self, descriptor: int, size: int, usable: int) -> None:
        self._descriptor = descriptor
        self.size, self.usable = size, usable
        self.count = os.fstat(descriptor).st_size // size
        #: Which of them were taken for a table's, by their numbers.
        self.of_trees = bytearray(self.count + 1)

    def read(self, number: int) -> bytes:
        """Return a page, b"" where there is none."""
        if not 1 <= number <= self.count:
            return b""
        return os.pread(self._descriptor, self.size, (number - 1) * self.size)

    def write(self, number: int, content: bytes) -> None:
        os.pwrite(self._descriptor, content, (number - 1) * self.size)

    def append(self, content: bytes) -> int:
        self.count += 1
        self.write(self.count, content)
        self.of_trees.append(1)
        return self.count

    def write_header(self) -> None:
        """Say how many pages there are, and that nothing is known of free ones or of who points to whom."""
        head = bytearray(os.pread(self._descriptor, HEADER_BYTES, 0))
        head[28:32] = self.count.to_bytes(4, "big")
        head[92:96] = head[24:28]
        for first, end in ((32, 40), (52, 56), (64, 68)):
            head[first:end] = bytes(end - first)
        os.pwrite(self._descriptor, bytes(head), 0)


def _base(page: int) -> int:
    return HEADER_BYTES if page == _SCHEMA_ROOT else 0


class _Survey:
    """The walk over one tree."""

    def __init__(self, pages: _Pages, table: TableTree) -> None:
        self._pages = pages
        self.tree = _Tree(table=table)
        #: Pages that were taken for this tree's.
        self._seen = bytearray(pages.count + 1)
        self._visit(table.root, FIRST_NUMBER - 1, LAST_NUMBER, 0)
        depths = Counter(leaf.depth for leaf in self.tree.leaves)
        if len(depths) > 1:
            # All leaves are as far from the root: a pointer to one that is not leaves others out.
            ((usual, _),) = depths.most_common(1)
            odd = [(leaf.low + 1, leaf.high) for leaf in self.tree.leaves if leaf.depth != usual]
            self.tree.result.doubtful += odd

    def _visit(self, page: int, low: int, high: int, depth: int) -> None:
        pages, result = self._pages, self.tree.result
        content = pages.read(page)
        base = _base(page)
        found = read_page(content, base, pages.usable, low, high) if content else None
        if found is None or not found.believed or self._seen[page] or depth > _DEPTH_MAX:
            result.lost.append((low + 1, high))
            return
        is_leaf = content[base] == LEAF
        if is_leaf and not found.cells:
            if depth:
                result.lost.append((low + 1, high))
            elif not found.adds_up:
                result.doubtful.append((low + 1, high))
            return
        self._seen[page] = 1
        pages.of_trees[page] = 1
        if not found.adds_up and not found.gaps:
            result.doubtful.append((low + 1, high))
        if is_leaf:
            result.lost += [(below + 1, above - 1) for below, above in found.gaps]
            self._keep(page, low, high, depth, content, found)
            return
        gaps = {below for below, _ in found.gaps}
        before = low
        last = int.from_bytes(content[base + 8 : base + 12], "big")
        for child, largest in [*((cell.page, cell.number) for cell in found.cells), (last, high)]:
            known = len(self.tree.leaves)
            self._visit(child, before, largest, depth + 1)
            if before in gaps:
                # The pointers to what came before this child are gone.
                kept = [leaf.first for leaf in self.tree.leaves[known:]]
                result.lost.append((before + 1, min(kept, default=largest + 1) - 1))
            before = largest

    def _keep(self, page: int, low: int, high: int, depth: int, content: bytes, found: PageCells) -> None:
        cells, base = found.cells, _base(page)
        self.tree.leaves.append(
            _Leaf(
                page=page,
                low=low,
                high=high,
                first=cells[0].number,
                last=cells[-1].number,
                values=count_values(content, cells[0], self._pages.usable),
                dirty=found.dropped or len(cells) != int.from_bytes(content[base + 3 : base + 5], "big"),
                overflows=any(cell.overflow for cell in cells),
                depth=depth,
            )
        )


def _settle_claims(pages: _Pages, trees: Collection[_Tree]) -> None:
    """Give each leaf to the table whose it is, as far as that can be known."""
    claims: dict[int, list[tuple[_Tree, _Leaf]]] = {}
    claimed = bytearray(pages.count + 1)
    for tree in trees:
        foreign = [leaf for leaf in tree.leaves if (leaf.values or 0) > tree.table.width]
        if len(foreign) < len(tree.leaves):
            # Records with more values than the table has columns, among others that have not.
            for leaf in foreign:
                _give_up(tree, leaf)
        else:
            tree.result.doubtful += [(leaf.first, leaf.last) for leaf in foreign]
        for leaf in tree.leaves:
            claimed[leaf.page] = min(2, claimed[leaf.page] + (not leaf.given_up))
    for tree in trees:
        for leaf in tree.leaves:
            if claimed[leaf.page] > 1 and not leaf.given_up:
                claims.setdefault(leaf.page, []).append((tree, leaf))
    for page, claimants in claims.items():
        likely = [each for each in claimants if each[1].values == each[0].table.width] or claimants
        for tree, leaf in claimants:
            if all(leaf is not other for _, other in likely):
                _give_up(tree, leaf)
        for _, leaf in likely[1:]:
            leaf.page = pages.append(pages.read(page))
        if len(likely) > 1:
            for tree, leaf in likely:
                tree.result.doubtful.append((leaf.low + 1, leaf.high))


def _give_up(tree: _Tree, leaf: _Leaf) -> None:
    leaf.given_up = True
    tree.result.lost.append((leaf.low + 1, leaf.high))


def _follow_overflow(pages: _Pages, trees: Sequence[_Tree]) -> None:
    """Doubt the rows whose overflow pages are not as many as they should be, or not theirs alone."""
    #: By page: whose tree's row is on it (from 1), and the row's number.
    owners, numbers = array("i", bytes(4 * (pages.count + 1))), array("q", bytes(8 * (pages.count + 1)))
    for place, tree in enumerate(trees, 1):
        for leaf in tree.leaves:
            if not leaf.overflows or leaf.given_up:
                continue
            for cell in _cells_of(pages, leaf):
                if cell.overflow and _is_doubtful(pages, cell, owners, numbers, trees, place):
                    tree.result.doubtful.append((cell.number, cell.number))


def _is_doubtful(
    pages: _Pages,
    cell: Cell,
    owners: MutableSequence[int],
    numbers: MutableSequence[int],
    trees: Sequence[_Tree],
    place: int,
) -> bool:
    page = cell.page
    for _ in range(-(-cell.overflow // (pages.usable - 4))):
        content = pages.read(page)
        if not content:
            # SQLite will say so when it reads the row.
            return False
        if owners[page]:
            trees[owners[page] - 1].result.doubtful.append((numbers[page], numbers[page]))
            return True
        if pages.of_trees[page]:
            return True
        owners[page], numbers[page] = place, cell.number
        page = int.from_bytes(content[:4], "big")
    return page != 0


def _cells_of(pages: _Pages, leaf: _Leaf) -> tuple[Cell, ...]:
    found = read_page(pages.read(leaf.page), _base(leaf.page), pages.usable, leaf.low, leaf.high)
    return found.cells if found is not None else ()


def _write(pages: _Pages, tree: _Tree) -> None:
    """Write the believed rows into the leaves, and new pages above them up to the root."""
    root = tree.table.root
    if not 1 <= root <= pages.count:
        return
    leaves = sorted((leaf for leaf in tree.leaves if not leaf.given_up), key=lambda leaf: leaf.first)
    for leaf in leaves:
        if leaf.dirty:
            content = with_cells(pages.read(leaf.page), _base(leaf.page), _cells_of(pages, leaf))
            pages.write(leaf.page, content)
    entries = [(leaf.page, leaf.last) for leaf in leaves]
    if [page for page, _ in entries] == [root]:
        return
    if len(entries) == 1 and root != _SCHEMA_ROOT:
        pages.write(root, pages.read(entries[0][0]))
        return
    if not entries:
        _write_over(pages, root, _empty_leaf(pages, root))
        return
    while len(entries) > _capacity(pages, root):
        size = _capacity(pages, 0)
        groups = [entries[first : first + size] for first in range(0, len(entries), size)]
        if len(groups) > 1 and len(groups[-1]) == 1:
            # An interior page points to two pages at least.
            groups[-1].insert(0, groups[-2].pop())
        entries = [(pages.append(_interior(pages, 0, group)), group[-1][1]) for group in groups]
    _write_over(pages, root, _interior(pages, root, entries))


def _write_over(pages: _Pages, page: int, content: bytes) -> None:
    # The header of the file stays.
    pages.write(page, pages.read(page)[: _base(page)] + content[_base(page) :])


def _capacity(pages: _Pages, page: int) -> int:
    """How many pages one interior page can point to."""
    pointer, cell = 2, 4 + 9
    return (pages.usable - _base(page) - HEADERS[INTERIOR]) // (pointer + cell) + 1


def _empty_leaf(pages: _Pages, page: int) -> bytes:
    header = bytes([LEAF, 0, 0, 0, 0]) + (pages.usable % 65536).to_bytes(2, "big") + b"\0"
    return (bytes(_base(page)) + header).ljust(pages.size, b"\0")


def _interior(pages: _Pages, page: int, entries: Sequence[tuple[int, int]]) -> bytes:
    content = bytearray(pages.size)
    base, end = _base(page), pages.usable
    pointer = base + HEADERS[INTERIOR]
    for child, largest in entries[:-1]:
        cell = child.to_bytes(4, "big") + _varint(largest)
        end -= len(cell)
        content[end : end + len(cell)] = cell
        content[pointer : pointer + 2] = end.to_bytes(2, "big")
        pointer += 2
    content[base] = INTERIOR
    content[base + 3 : base + 5] = (len(entries) - 1).to_bytes(2, "big")
    content[base + 5 : base + 7] = (end % 65536).to_bytes(2, "big")
    content[base + 8 : base + 12] = entries[-1][0].to_bytes(4, "big")
    return bytes(content)


def _varint(number: int) -> bytes:
    number %= 2**64
    if number >= 2**56:
        high = number >> 8
        return bytes([(high >> shift) & 127 | 128 for shift in range(49, -1, -7)] + [number & 255])
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127 | 128)
    return bytes(reversed(groups))


def _summed_up(found: Mended) -> Mended:
    return Mended(lost=join_ranges(found.lost), doubtful=join_ranges(found.doubtful))


def join_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges (both ends included) that touch; those that are none are left out."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(each for each in ranges if each[0] <= each[1]):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
