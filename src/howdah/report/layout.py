"""
Sets text for a terminal of a given width: tables whose columns line up, wrapped paragraphs.

Pure. Widths are terminal cells, not characters, so that names in any script line
up. Every cell is one printable line; the widest texts are cut when space is short.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from howdah.report.printable import printable, printable_line

#: Text columns are cut no further than this; beyond it lines are longer than asked for.
_COLUMN_MIN = 12
_GAP = 2


def lay_out_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int],
    width: int,
    indent: int = 2,
) -> list[str]:
    """
    Return the lines of a table with a header, cut to `width` cells.

    `right` holds the numbers of the columns that are set flush right. Columns
    without any content are left out.
    """
    cells = [[printable_line(cell) for cell in row] for row in (header, *rows)]
    kept = [number for number in range(len(header)) if any(row[number] for row in cells[1:])]
    widths = {number: max(cell_len(row[number]) for row in cells) for number in kept}
    excess = indent + sum(widths.values()) + _GAP * (len(kept) - 1) - width
    while excess > 0:
        # The widest text gives way first; numbers are never cut.
        widest = max((number for number in kept if number not in right), key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _COLUMN_MIN:
            break
        widths[widest] -= 1
        excess -= 1
    lines = []
    for row in cells:
        parts = [_pad(row[number], widths[number], flush_right=number in right) for number in kept]
        lines.append((" " * indent + (" " * _GAP).join(parts)).rstrip())
    return lines


def wrap(text: str, *, width: int, first: str = "", indent: str = "") -> list[str]:
    """Wrap text to `width`, the first line behind `first`, the others behind `indent`."""
    lines: list[str] = []
    for paragraph in printable(text).split("\n"):
        lead = first if not lines else indent
        lines += textwrap.wrap(
            paragraph,
            width=max(width, 40),
            initial_indent=lead,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        ) or [lead.rstrip()]
    return lines


def lay_out_facts(facts: Sequence[tuple[str, str]], *, width: int, indent: int = 2) -> list[str]:
    """Return "label  value" lines, values wrapped behind their labels; empty values are left out."""
    facts = [(label, value) for label, value in facts if value]
    label_width = max((cell_len(label) for label, _ in facts), default=0)
    lines: list[str] = []
    for label, value in facts:
        first = " " * indent + set_cell_size(label, label_width) + " " * _GAP
        lines += wrap(value, width=width, first=first, indent=" " * len(first))
    return lines


def _pad(text: str, width: int, *, flush_right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - cell_len(text))
    return padding + text if flush_right else text + padding
