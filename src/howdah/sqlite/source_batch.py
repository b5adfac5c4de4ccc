"""The batch of rows that both row readers hand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from howdah.codecs.values import SourceColumn


@dataclass(frozen=True, kw_only=True)
class SourceBatch:
    """`length` consecutive rows of one table, column by column."""

    length: int
    #: By source name, in the order asked for.
    columns: Mapping[str, SourceColumn]
    #: What names the rows in quarantine; None where the table has no rowid that can be read. Its
    #: rows are then named by their primary key, whose columns must be among those asked for.
    rowids: pa.Int64Array | None = None
