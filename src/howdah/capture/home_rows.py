"""
Read rows of PostgreSQL for the way home, in one exported snapshot, by the codecs' `decode`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from howdah.capture.home_values import HomeBatch, decode_home
from howdah.codecs.registry import get_codec
from howdah.model.plan import ColumnPlan, TablePlan
from howdah.model.source import Table
from howdah.names import qualified, quote
from howdah.postgres.arrow_reader import ArrowReader


@dataclass(frozen=True, kw_only=True)
class HomeReader:
    reader: ArrowReader
    plan: TablePlan
    table: Table

    def rows(self, joined_sql: str = "") -> Iterator[HomeBatch]:
        """Yield the copied columns of all rows, or of those that a JOIN with the table "t" leaves."""
        columns = self.plan.copied_columns
        name = qualified(self.plan.target_schema, self.plan.target_name)
        yield from self._read(f"SELECT {_selected(columns, 't')} FROM {name} t {joined_sql}", columns)

    def keys(self, source_sql: str) -> Iterator[HomeBatch]:
        """Yield the key columns of what stands behind FROM, its alias being "d"."""
        columns = [self.plan.column(name) for name in self.plan.key]
        yield from self._read(f"SELECT {_selected(columns, 'd')} FROM {source_sql}", columns)

    def _read(self, query: str, columns: Sequence[ColumnPlan]) -> Iterator[HomeBatch]:
        for batch in self.reader.read(query):
            yield decode_home(batch, self.table, columns)


def _selected(columns: Sequence[ColumnPlan], alias: str) -> str:
    return ", ".join(
        get_codec(column.codec).read_as.format(f"{alias}.{quote(column.target_name)}") for column in columns
    )
