"""
Read query results as Arrow record batches: the proof's way into PostgreSQL.

Through ADBC's driver, which shares no code with the load. All readers that are given the
same exported snapshot see one state of the database, in whatever process they run.

What arrives (and what is odd about it): timestamps as int64 microseconds and dates as int32
days since 1970, each *wrapped around* where PostgreSQL's own number (since 2000) does not
fit, infinities included, so that subtracting the epoch modulo 2^64 or 2^32 gives the stored
number back; numeric as text ("nan", "inf", "-inf"); json and jsonb as text, uuid as 16
bytes; time 24:00 as 86400000000; an array of more dimensions flattened; oid as a signed
int32; types that the driver does not know as their binary format. Extension types come back
as the arrays that they are stored in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import adbc_driver_manager
import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi
import pyarrow as pa

from howdah.model.limits import BATCH_BYTES
from howdah.names import quote_literal
from howdah.postgres.connect import SESSION_SETTINGS, session_conninfo
from howdah.postgres.conninfo import secrets_in
from howdah.postgres.errors import translate_text


class ArrowReader:
    """
    One read-only session. With `snapshot_id` it sees what the exporting transaction sees.

    `conninfo` must have been through `parse_target` or come from us. Every failure is raised as one
    of our errors, without secrets.
    """

    def __init__(
        self, conninfo: str, snapshot_id: str | None = None, *, application_name: str = "howdah reader"
    ) -> None:
        self._secrets = secrets_in(conninfo)
        with self._translated("connecting to read"):
            self._connection: Any = adbc_driver_postgresql.dbapi.connect(
                session_conninfo(conninfo, application_name=application_name), autocommit=True
            )
        try:
            self._begin(snapshot_id)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def see(self, snapshot_id: str) -> None:
        """See what an exporting transaction sees; for a reader that has asked nothing yet."""
        with self._translated("starting to read"), self._connection.cursor() as cursor:
            cursor.executescript(f"SET TRANSACTION SNAPSHOT {quote_literal(snapshot_id)}")

    def read(self, query: str, *, batch_bytes: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows of a query in batches of about `batch_bytes`, extension types unwrapped.

        At least one batch comes, an empty one where there are no rows.
        """
        with self._translated("reading"), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(
                **{adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(batch_bytes)}
            )
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            with contextlib.closing(reader):
                any_batch = False
                for batch in reader:
                    any_batch = True
                    yield _unwrap(batch)
                if not any_batch:
                    yield _unwrap(_empty_batch(reader.schema))

    def close(self) -> None:
        """End the session; a second call does nothing."""
        self._connection.close()

    def _begin(self, snapshot_id: str | None) -> None:
        with self._translated("starting to read"), self._connection.cursor() as cursor:
            cursor.executescript(_session_script())
            cursor.executescript("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot_id is not None:
            self.see(snapshot_id)

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except adbc_driver_manager.Error as error:
            state = getattr(error, "sqlstate", None)
            raise translate_text(str(error), state=state, doing=doing, secrets=self._secrets) from None
        except (OSError, pa.ArrowException) as error:
            # What fails after the first batch comes through Arrow's stream, as text alone.
            raise translate_text(str(error), state=None, doing=doing, secrets=self._secrets) from None


def _session_script() -> str:
    wanted = ", ".join(
        f"({quote_literal(name)}, {quote_literal(value)})" for name, value in SESSION_SETTINGS.items()
    )
    return (
        "SELECT pg_catalog.set_config(wanted.name, wanted.value, false)"
        f" FROM (VALUES {wanted}) AS wanted (name, value)"
        " JOIN pg_catalog.pg_settings AS known ON known.name = wanted.name"
    )


def _unwrap(batch: pa.RecordBatch) -> pa.RecordBatch:
    if not any(_is_extension(kind) for kind in batch.schema.types):
        return batch
    columns = [_storage(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_extension(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _is_extension(kind.value_type)
    return isinstance(kind, pa.BaseExtensionType)


def _storage(array: pa.Array) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        return array.storage
    if pa.types.is_list(array.type) and _is_extension(array.type.value_type):
        # The offsets are shared; a list's elements are unwrapped as a whole.
        _, offsets = array.buffers()[:2]
        kind = pa.list_(_storage(array.values[:0]).type)
        return pa.Array.from_buffers(
            kind,
            len(array),
            [array.buffers()[0], offsets],
            offset=array.offset,
            children=[_storage(array.values)],
        )
    return array


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_empty_array(kind) for kind in schema.types], names=schema.names)


def _empty_array(kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.array([], kind.storage_type)
    if pa.types.is_list(kind) and _is_extension(kind):
        return pa.array([], pa.list_(_empty_array(kind.value_type).type))
    return pa.array([], kind)
