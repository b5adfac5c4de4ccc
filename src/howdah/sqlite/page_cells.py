"""
What stands on one page of a table's tree, and how much of it can be believed.

Pure. A page is believed as far as it agrees with itself and with the page above it: numbers that ascend
between the two that the page above names, cells that lie within it and, together with its free space,
make up the whole page. The format is that of sqlite.org/fileformat2.html sections 1.5 and 1.6.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from howdah.sqlite.tree_keys import read_varint

INTERIOR, LEAF = 5, 13
#: Bytes of the header; the pointers to the cells follow.
HEADERS = {INTERIOR: 12, LEAF: 8}
#: A smaller cell takes as much.
_CELL_BYTES_MIN = 4


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A row of a leaf, or a pointer of an interior page."""

    #: Where it begins in the page.
    position: int
    #: Bytes of the page that it takes.
    size: int
    #: The row's number, or the largest one below the page that it points to.
    number: int
    #: The page that it points to: the first overflow page of a row, 0 where there is none.
    page: int = 0
    #: Bytes of the row, and those of them on overflow pages.
    length: int = 0
    overflow: int = 0


@dataclass(frozen=True, kw_only=True)
class PageCells:
    """The cells of a page that can be believed, and what cannot."""

    cells: tuple[Cell, ...]
    #: How many of its cells are no cells, and how many are some but have no business here.
    broken: int
    strayed: int
    #: Between which numbers (both excluded) something is gone.
    gaps: tuple[tuple[int, int], ...]
    #: Cells and free space make up the page.
    adds_up: bool

    @property
    def dropped(self) -> bool:
        """Whether not all of its cells are believed."""
        return bool(self.broken or self.strayed)

    @property
    def believed(self) -> bool:
        """Whether this page belongs where it was found."""
        return len(self.cells) >= self.strayed and not (self.broken and not self.cells)


def read_page(content: bytes, base: int, usable: int, low: int, high: int) -> PageCells | None:
    """
    Read a page whose header begins at `base`; its numbers should be above `low`, and `high` at the most.

    None where it is no page of a table's tree.
    """
    kind = content[base] if len(content) > base else 0
    if kind not in HEADERS:
        return None
    first = base + HEADERS[kind]
    count = _number(content, base + 3)
    if first + 2 * count > usable:
        return None
    parse = _parse_row if kind == LEAF else _parse_pointer
    found = [_parse_at(content, first + 2 * place, usable, parse) for place in range(count)]
    found, adds_up = _correct_count(content, base, first, usable, found, parse)
    within = [cell if cell is not None and low < cell.number <= high else None for cell in found]
    # Two cells of one number: nobody knows which of them is the row. One that is pointed to twice is one.
    often = Counter(cell.number for cell in {cell.position: cell for cell in within if cell}.values())
    kept = _ascending([cell.number if cell and often[cell.number] == 1 else None for cell in within])
    cells = [cell for place, cell in enumerate(found) if place in kept and cell is not None]
    broken = sum(1 for cell in found if cell is None)
    gaps, before, is_gap = [], low, False
    for place, cell in enumerate(found):
        if place not in kept or cell is None:
            is_gap = True
            continue
        if is_gap:
            gaps.append((before, cell.number))
        before, is_gap = cell.number, False
    if is_gap:
        gaps.append((before, high + 1))
    return PageCells(
        cells=tuple(cells),
        broken=broken,
        strayed=len(found) - broken - len(cells),
        gaps=tuple((below, above) for below, above in gaps if above - below > 1),
        adds_up=adds_up,
    )


def count_values(content: bytes, cell: Cell, usable: int) -> int | None:
    """Return how many values the record of a row holds, None where that is on other pages."""
    try:
        _, position = read_varint(content, cell.position)
        _, start = read_varint(content, position)
        size, position = read_varint(content, start)
        if start + size > usable:
            return None
        count = 0
        while position < start + size:
            _, position = read_varint(content, position)
            count += 1
    except IndexError:
        return None
    return count


def with_cells(content: bytes, base: int, cells: Sequence[Cell]) -> bytes:
    """Return the leaf with these of its cells alone."""
    page = bytearray(content)
    page[base + 3 : base + 5] = len(cells).to_bytes(2, "big")
    first = base + HEADERS[LEAF]
    for place, cell in enumerate(cells):
        page[first + 2 * place : first + 2 * place + 2] = cell.position.to_bytes(2, "big")
    return bytes(page)


_Parse = Callable[[bytes, int, int], Cell | None]


def _parse_at(content: bytes, place: int, usable: int, parse: _Parse) -> Cell | None:
    position = _number(content, place)
    # Before the pointers' end there are no cells; the exact end is the caller's count, which may be wrong.
    if not HEADERS[LEAF] <= position < usable:
        return None
    try:
        cell = parse(content, position, usable)
    except IndexError:
        return None
    return cell if cell is not None and position + cell.size <= usable else None


def _parse_row(content: bytes, position: int, usable: int) -> Cell | None:
    length, place = read_varint(content, position)
    number, place = read_varint(content, place)
    if not 0 < length < 2**31:
        return None
    # How much of a record stays on its page: section 1.6, "B-tree Cell Format".
    largest, smallest = usable - 35, (usable - 12) * 32 // 255 - 23
    local, page = length, 0
    if length > largest:
        local = smallest + (length - smallest) % (usable - 4)
        local = local if local <= largest else smallest
        page = int.from_bytes(content[place + local : place + local + 4], "big")
    size = place - position + local + (4 if local < length else 0)
    return Cell(
        position=position,
        size=max(size, _CELL_BYTES_MIN),
        number=_signed(number),
        page=page,
        length=length,
        overflow=length - local,
    )


def _parse_pointer(content: bytes, position: int, usable: int) -> Cell | None:
    number, end = read_varint(content, position + 4)
    page = int.from_bytes(content[position : position + 4], "big")
    return Cell(
        position=position, size=max(end - position, _CELL_BYTES_MIN), number=_signed(number), page=page
    )


def _correct_count(
    content: bytes, base: int, first: int, usable: int, found: list[Cell | None], parse: _Parse
) -> tuple[list[Cell | None], bool]:
    """
    Return as many cells as make up the page together with its free space, and whether they do.

    The number of cells may be what is wrong: pointers of rows that it leaves out still stand behind the
    others, and one too many leads to what was deleted.
    """
    start = _number(content, base + 5) or 65536
    wanted = usable - start - _free_bytes(content, base, usable)
    if all(cell is not None for cell in found):
        sizes = [cell.size for cell in found if cell is not None]
        total = sum(sizes)
        if total == wanted:
            return found, True
        more, place = list(found), first + 2 * len(found)
        while total < wanted and place + 2 <= start:
            cell = _parse_at(content, place, usable, parse)
            if cell is None:
                break
            more.append(cell)
            total, place = total + cell.size, place + 2
        if total == wanted:
            return more, True
    total, enough = 0, 0
    for place, cell in enumerate(found, 1):
        if cell is None or total > wanted:
            break
        total += cell.size
        if total == wanted:
            enough = place
    # An empty page adds up to nothing, which proves nothing.
    return (found[:enough], True) if enough else (found, False)


def _free_bytes(content: bytes, base: int, usable: int) -> int:
    free, place = content[base + 7], _number(content, base + 1)
    while 0 < place <= usable - 4:
        following = _number(content, place)
        free += _number(content, place + 2)
        if following <= place:
            break
        place = following
    return free


def _ascending(numbers: Sequence[int | None]) -> frozenset[int]:
    """Return the places of the most numbers that ascend strictly."""
    places = [place for place, number in enumerate(numbers) if number is not None]
    chosen = [numbers[place] or 0 for place in places]
    if all(low < high for low, high in pairwise(chosen)):
        return frozenset(places)
    ends: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(chosen):
        length = bisect_left(ends, number)
        previous.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        last[length : length + 1] = [index]
    kept, index = [], last[-1] if last else -1
    while index >= 0:
        kept.append(places[index])
        index = previous[index]
    return frozenset(kept)


def _number(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 2], "big")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
