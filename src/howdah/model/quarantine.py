"""
Rows set aside: which, why, and every byte of them.

A cell keeps the storage class and the exact value, as text where that is exact
and readable, as hexadecimal bytes otherwise, so that a row can be loaded again
after the cause is gone, from this record alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.model.source import StorageClass

#: What SQLite hands out for one value.
SqliteValue = int | float | str | bytes | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    storage_class: StorageClass
    #: Integer and real as Python's repr (exact), text as it is when it is valid UTF-8 without NUL,
    #: otherwise the bytes in hexadecimal with `is_hex` set; "" for NULL.
    value: str = ""
    is_hex: bool = False

    @classmethod
    def of_text(cls, content: bytes) -> Cell:
        """Make a cell of TEXT from its UTF-8 bytes, valid or not."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return cls(storage_class=StorageClass.TEXT, value=content.hex(), is_hex=True)
        return cls(storage_class=StorageClass.TEXT, value=text)

    @classmethod
    def of(cls, value: SqliteValue) -> Cell:
        """Make a cell of a Python value as SQLite's drivers give it (bytes are a BLOB)."""
        if value is None:
            return cls(storage_class=StorageClass.NULL)
        if isinstance(value, int):
            return cls(storage_class=StorageClass.INTEGER, value=repr(value))
        if isinstance(value, float):
            return cls(storage_class=StorageClass.REAL, value=repr(value))
        if isinstance(value, str):
            return cls.of_text(value.encode())
        return cls(storage_class=StorageClass.BLOB, value=value.hex(), is_hex=True)

    @property
    def content(self) -> int | float | bytes | None:
        """The value itself; TEXT as its bytes."""
        match self.storage_class:
            case StorageClass.NULL:
                return None
            case StorageClass.INTEGER:
                return int(self.value)
            case StorageClass.REAL:
                return float(self.value)
            case _:
                return bytes.fromhex(self.value) if self.is_hex else self.value.encode()


@dataclass(frozen=True, kw_only=True)
class SourceKey:
    """
    How a source row is named: by rowid, else by the cells of its primary key.

    `text` is canonical: two keys are equal exactly when their texts are.
    """

    rowid: int | None = None
    cells: tuple[Cell, ...] = ()

    @property
    def text(self) -> str:
        """Compact JSON: {"rowid":5} or {"key":[["text","a"],["blob","00ff","hex"]]}."""
        if self.rowid is not None:
            return json.dumps({"rowid": self.rowid}, separators=(",", ":"))
        parts = [
            [cell.storage_class.value, cell.value] + (["hex"] if cell.is_hex else []) for cell in self.cells
        ]
        return json.dumps({"key": parts}, separators=(",", ":"), ensure_ascii=True)

    @classmethod
    def from_text(cls, text: str) -> SourceKey:
        """Read what `text` wrote. Raises ValueError or KeyError for anything else."""
        data: dict[str, Any] = json.loads(text)
        if "rowid" in data:
            return cls(rowid=int(data["rowid"]))
        cells = tuple(
            Cell(storage_class=StorageClass(part[0]), value=part[1], is_hex=len(part) > 2)
            for part in data["key"]
        )
        return cls(cells=cells)


@dataclass(frozen=True, kw_only=True)
class QuarantinedRow:
    table: str
    key: SourceKey
    #: Stable word: "nul-in-text", "server-rejected", "parent-quarantined"…
    reason: str
    #: Source column at fault, "" when it is the row as a whole.
    column: str
    #: What the codec or the server said.
    detail: str
    #: Every copied column of the row, by source name; big values are left in the snapshot and not here.
    cells: Mapping[str, Cell]
    #: Number in the state schema, 0 before it is stored.
    number: int = 0
