"""
The open readers of one process: a session on the target, connections to the snapshot.

Opened when first needed and kept from piece to piece: a session costs some 70 ms,
more than comparing a small table.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from howdah.postgres.arrow_reader import ArrowReader
from howdah.proof.job import ProofJob
from howdah.sqlite.connect import Connection as SourceConnection
from howdah.sqlite.connect import open_snapshot


class Readers:
    """Used as a context manager; each reader serves one thread at a time."""

    def __init__(self, proof: ProofJob) -> None:
        self.proof = proof
        self._target: ArrowReader | None = None
        self._source: SourceConnection | None = None
        self._long_values: SourceConnection | None = None

    @property
    def target(self) -> ArrowReader:
        """A session that sees the exported snapshot."""
        if self._target is None:
            self._target = ArrowReader(
                self.proof.conninfo, self.proof.snapshot_id, application_name="howdah verify"
            )
        return self._target

    @property
    def source(self) -> SourceConnection:
        """The snapshot file, for reading rows."""
        if self._source is None:
            self._source = open_snapshot(self.proof.source_path)
        return self._source

    @property
    def long_values(self) -> SourceConnection:
        """The snapshot file once more: the reader of rows limits the length of values on its connection."""
        if self._long_values is None:
            self._long_values = open_snapshot(self.proof.source_path)
        return self._long_values

    def ask_source(self, query: str) -> Any:
        """Return the one value of a query on the snapshot file."""
        return self.source.execute(query).fetchall()[0][0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for reader in (self._target, self._source, self._long_values):
            if reader is not None:
                reader.close()
