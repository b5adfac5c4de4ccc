"""
The encodings of SQLite's texts, and what it makes of UTF-16 when it is asked for UTF-8.

Pure. Only texts that are not valid UTF-16 come here: Python would refuse them, while
SQLite joins half a surrogate pair with whatever follows. Both row readers must give
the same bytes, so the rule is repeated (sqlite3VdbeMemTranslate and READ_UTF16LE of
SQLite's src/utf.c).
"""

from __future__ import annotations

from typing import Literal

#: What a database keeps its texts in, as PRAGMA encoding says it.
Encoding = Literal["UTF-8", "UTF-16le", "UTF-16be"]

#: The same by Python's names.
PYTHON_CODECS: dict[Encoding, str] = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}

_HALVES = range(0xD800, 0xE000)


def utf8_of_utf16(content: bytes, order: Literal["little", "big"]) -> bytes:
    """Return the UTF-8 bytes that SQLite gives for stored UTF-16 text; they may be invalid."""
    # An odd last byte is dropped.
    units = [int.from_bytes(content[at : at + 2], order) for at in range(0, len(content) - 1, 2)]
    found = bytearray()
    position = 0
    while position < len(units):
        unit = units[position]
        position += 1
        if unit in _HALVES and position < len(units):
            low = units[position]
            position += 1
            unit = (low & 0x03FF) + ((unit & 0x003F) << 10) + (((unit & 0x03C0) + 0x0040) << 10)
        # At the end half a pair stays alone; what pairs make is never beyond U+10FFFF.
        found += chr(unit).encode("utf-8", "surrogatepass")
    return bytes(found)
