"""Which Arrow arrays the proof receives, what is odd about them, and that readers share one state."""

from __future__ import annotations

import psycopg
import pyarrow as pa
import pytest

from howdah.errors import BugError, EnvironmentFailedError, UsageError
from howdah.model.limits import BATCH_BYTES
from howdah.postgres.arrow_reader import ArrowReader
from howdah.postgres.connect import connect

#: Microseconds and days from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
EPOCH_US, EPOCH_DAYS = 946_684_800_000_000, 10_957


def read_arrow(conninfo: str, query: str, *, batch_bytes: int = BATCH_BYTES) -> list[pa.RecordBatch]:
    """Read the rows of one query, over a session of its own."""
    with ArrowReader(conninfo) as reader:
        return list(reader.read(query, batch_bytes=batch_bytes))


def read_column(conninfo: str, expression: str) -> pa.Array:
    """Read one value and a NULL beside it."""
    query = f"SELECT x FROM (VALUES (1, {expression}), (2, NULL)) AS v (n, x) ORDER BY n"
    (batch,) = read_arrow(conninfo, query)
    return batch.column(0)


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("true", pa.bool_(), True),
        ("(-32768)::int2", pa.int16(), -32768),
        ("2147483647::int4", pa.int32(), 2147483647),
        ("9223372036854775807::int8", pa.int64(), 9223372036854775807),
        ("1.5::float4", pa.float32(), 1.5),
        ("2.5::float8", pa.float64(), 2.5),
        ("'é'::text", pa.string(), "é"),
        ("''::text", pa.string(), ""),
        ("'v'::varchar(5)", pa.string(), "v"),
        ("'c'::char(3)", pa.string(), "c  "),
        (r"'\x00ff'::bytea", pa.binary(), b"\x00\xff"),
        ("'{\"a\":1}'::json", pa.string(), '{"a":1}'),
        ("'{\"a\":1}'::jsonb", pa.string(), '{"a": 1}'),
        ("'null'::jsonb", pa.string(), "null"),
        (
            "'b1cdd6d4-0000-4000-8000-0123456789ab'::uuid",
            pa.binary(16),
            bytes.fromhex("b1cdd6d4000040008000" + "0123456789ab"),
        ),
        ("123.450::numeric", pa.string(), "123.450"),
        ("12.30::numeric(10,2)", pa.string(), "12.30"),
        ("'NaN'::numeric", pa.string(), "nan"),
        ("1e20::numeric", pa.string(), "100000000000000000000"),
        ("'{1,NULL}'::int4[]", pa.list_(pa.int32()), [1, None]),
        ("'{a,NULL}'::text[]", pa.list_(pa.string()), ["a", None]),
        ("'{1.50,NULL}'::numeric[]", pa.list_(pa.string()), ["1.50", None]),
        # Dimensions do not come through: read such a column as text.
        ("'{{1,2},{3,4}}'::int4[]", pa.list_(pa.int32()), [1, 2, 3, 4]),
        ("'1.2.3.4'::inet", pa.binary(), b"\x02\x20\x00\x04\x01\x02\x03\x04"),
    ],
)
def test_values_come_as_plain_arrays(
    database: str, expression: str, kind: pa.DataType, value: object
) -> None:
    column = read_column(database, expression)
    assert column.type == kind
    assert column.to_pylist() == [value, None]


@pytest.mark.parametrize("value", ["Infinity", "-Infinity"])
def test_numeric_infinities_are_words(database: str, value: str) -> None:
    assert read_column(database, f"'{value}'::numeric")[0].as_py() == value.lower().removesuffix("inity")


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29 12:34:56.123456",
        "0044-03-15 00:00:00 BC",
        "4713-01-01 00:00:00 BC",
        "294276-12-31 23:59:59.999999",
        "infinity",
        "-infinity",
    ],
)
def test_timestamps_wrap_around_and_can_be_unwrapped(database: str, kind: str, text: str) -> None:
    column = read_column(database, f"'{text}'::{kind}")
    assert column.type == (pa.timestamp("us", "UTC") if kind == "timestamptz" else pa.timestamp("us"))
    assert column.null_count == 1
    with connect(database) as connection:
        sent = connection.execute(f"SELECT {kind}_send(%s::{kind})".encode(), (text,)).fetchone()
    assert sent is not None
    stored = int.from_bytes(sent[0], "big", signed=True)
    assert (column.view(pa.int64())[0].as_py() - EPOCH_US - stored) % 2**64 == 0


@pytest.mark.parametrize("text", ["2024-02-29", "4713-01-01 BC", "5874897-12-31", "infinity", "-infinity"])
def test_dates_wrap_around_and_can_be_unwrapped(database: str, text: str) -> None:
    column = read_column(database, f"'{text}'::date")
    assert column.type == pa.date32()
    with connect(database) as connection:
        sent = connection.execute("SELECT date_send(%s::date)", (text,)).fetchone()
    assert sent is not None
    stored = int.from_bytes(sent[0], "big", signed=True)
    assert (column.view(pa.int32())[0].as_py() - EPOCH_DAYS - stored) % 2**32 == 0


@pytest.mark.parametrize(
    ("text", "value"), [("24:00:00", 86_400_000_000), ("12:34:56.000001", 45_296_000_001)]
)
def test_times_are_microseconds_of_the_day(database: str, text: str, value: int) -> None:
    column = read_column(database, f"'{text}'::time")
    assert column.type == pa.time64("us")
    assert column.view(pa.int64())[0].as_py() == value


@pytest.mark.parametrize("text", ["NaN", "-0", "Infinity", "5e-324", "1.7976931348623157e308"])
def test_floats_keep_every_bit(database: str, text: str) -> None:
    column = read_column(database, f"'{text}'::float8")
    with connect(database) as connection:
        sent = connection.execute("SELECT float8send(%s::float8)", (text,)).fetchone()
    assert sent is not None
    assert column.view(pa.int64())[0].as_py() == int.from_bytes(sent[0], "big", signed=True)


def test_an_empty_result_still_tells_its_types(database: str) -> None:
    query = "SELECT 1::int8 AS a, '{}'::jsonb AS b, 1.5::numeric AS c, '{1.5}'::numeric[] AS d WHERE false"
    (batch,) = read_arrow(database, query)
    assert batch.num_rows == 0
    assert batch.schema.types == [pa.int64(), pa.string(), pa.string(), pa.list_(pa.string())]


def test_lists_of_several_batches_keep_their_offsets(database: str) -> None:
    query = "SELECT array[g::numeric, NULL, g + 0.5] FROM generate_series(1, 20000) AS g ORDER BY g"
    batches = read_arrow(database, query, batch_bytes=65536)
    assert len(batches) > 1
    found = [value for batch in batches for value in batch.column(0).to_pylist()]
    assert found == [[str(g), None, f"{g}.5"] for g in range(1, 20001)]


def test_batches_are_about_as_large_as_asked_for(database: str) -> None:
    query = "SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
    batches = read_arrow(database, query, batch_bytes=500_000)
    assert 9 <= len(batches) <= 12
    assert sum(batch.num_rows for batch in batches) == 5000


def test_readers_of_one_snapshot_see_one_state(database: str) -> None:
    with connect(database, autocommit=True) as owner, connect(database, autocommit=True) as writer:
        writer.execute("CREATE TABLE public.t AS SELECT 1 AS a")
        owner.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = owner.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        with ArrowReader(database, row[0]) as first:
            writer.execute("INSERT INTO public.t VALUES (2)")
            with ArrowReader(database, row[0]) as second, ArrowReader(database) as alone:
                counts = [
                    next(iter(reader.read("SELECT count(*) FROM public.t"))).column(0)[0].as_py()
                    for reader in (first, second, alone)
                ]
    assert counts == [1, 1, 2]


def test_a_reader_cannot_write(database: str) -> None:
    with ArrowReader(database) as reader, pytest.raises(EnvironmentFailedError) as refused:
        list(reader.read("CREATE TABLE public.t ()"))
    assert refused.value.code == "T-405"


def test_a_snapshot_that_is_gone_is_an_error(database: str) -> None:
    with pytest.raises(BugError):
        ArrowReader(database, "00000003-0000001B-1")


def test_a_reader_stopped_half_way_can_read_again(database: str) -> None:
    with ArrowReader(database) as reader:
        batches = reader.read("SELECT repeat('x', 1000) FROM generate_series(1, 100000)", batch_bytes=100_000)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        (batch,) = reader.read("SELECT 1 AS one")
    assert batch.to_pylist() == [{"one": 1}]


def test_a_connection_that_ends_in_the_middle_is_an_error_of_the_environment(database: str) -> None:
    with ArrowReader(database) as reader, connect(database, autocommit=True) as killer:
        (pid,) = next(iter(reader.read("SELECT pg_backend_pid() AS pid"))).to_pylist()
        rows = reader.read("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", batch_bytes=100_000)
        next(rows)
        killer.execute("SELECT pg_terminate_backend(%s)", (pid["pid"],))
        with pytest.raises(EnvironmentFailedError) as failed:
            list(rows)
    assert failed.value.code == "T-403"


def test_an_error_in_the_middle_of_the_rows_is_raised(database: str) -> None:
    query = "SELECT 1 / (100000 - g) FROM generate_series(1, 200000) AS g"
    with pytest.raises(EnvironmentFailedError, match="in the middle of its answer"):
        read_arrow(database, query, batch_bytes=65536)


def test_a_wrong_password_is_not_shown(database: str) -> None:
    canary = "C4n4ry-S3cret"
    with pytest.raises(UsageError) as refused:
        ArrowReader(psycopg.conninfo.make_conninfo(database, password=canary))
    assert refused.value.code == "T-112"
    assert canary not in str(refused.value)


def test_time_zone_and_search_path_are_ours(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET timezone = 'Asia/Kolkata'".encode())
    (batch,) = read_arrow(
        database, "SELECT current_setting('TimeZone') AS zone, current_setting('search_path') AS path"
    )
    assert batch.to_pylist() == [{"zone": "UTC", "path": "pg_catalog, pg_temp"}]


def test_every_major_at_hand_can_be_read(any_server_database: str) -> None:
    (batch,) = read_arrow(any_server_database, "SELECT 1.50::numeric AS a, '[]'::jsonb AS b")
    assert batch.to_pylist() == [{"a": "1.50", "b": "[]"}]
