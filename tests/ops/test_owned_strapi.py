"""Files that Strapi wrote on SQLite go into the schema and over the rows that it made on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from howdah.model.report import ProofStatus
from howdah.ops.rollback import rollback
from support.files import DATA
from support.owned import dump_rows, dump_schema, owned_database, query
from support.runs import migrate_file, target_request

STRAPI = DATA / "strapi"


@pytest.fixture
def strapi(server: Any) -> Iterator[str]:
    """The database after Strapi's first start; the conninfo is its plain owner's."""
    script = "".join(
        (STRAPI / f"strapi-5.54.0-pg16-{part}.sql").read_text("utf-8") for part in ("schema", "fresh-data")
    )
    # The dump empties the search path for the session that loads it, which is of no use afterwards.
    with owned_database(server.dsn(), script) as conninfo:
        yield conninfo


def test_every_value_is_proven_and_the_schema_dump_is_the_same(strapi: str, server_bindir: Path) -> None:
    schema, rows = dump_schema(server_bindir, strapi), dump_rows(server_bindir, strapi)

    report = migrate_file(STRAPI / "small.db", strapi)

    assert (report.status, report.exit_status) == ("done", 0)
    assert len(report.tables) == 84
    assert sum(table.rows_source for table in report.tables) == 5129
    assert all(
        table.proof is not None and table.proof.status is ProofStatus.PROVEN
        for table in report.tables
        if table.row_policy == "replace"
    )
    assert dump_schema(server_bindir, strapi) == schema
    with closing(sqlite3.connect(STRAPI / "small.db")) as sqlite:
        # Milliseconds since 1970 are the wall clock of UTC; passwords and tokens are what they were.
        for milliseconds, moment in zip(
            sqlite.execute("SELECT created_at FROM agents ORDER BY id").fetchall(),
            query(strapi, "SELECT extract(epoch FROM created_at) * 1000 FROM agents ORDER BY id"),
            strict=True,
        ):
            assert milliseconds[0] == moment[0]
        for secrets in (
            "SELECT id, email, password FROM up_users ORDER BY id",
            "SELECT id, email, password FROM admin_users ORDER BY id",
            "SELECT id, access_key FROM strapi_api_tokens ORDER BY id",
        ):
            assert sqlite.execute(secrets).fetchall() == query(strapi, secrets)
    # chat_messages: 399 rows, and one more was deleted.
    assert query(strapi, "SELECT nextval('chat_messages_id_seq')") == [(401,)]

    rollback(target_request(strapi))
    assert dump_schema(server_bindir, strapi, state_schema="nobody") == schema
    # Nothing but the number that this test took.
    before, after = set(rows.splitlines()), set(dump_rows(server_bindir, strapi).splitlines())
    assert before == after


def test_the_report_names_every_value_that_a_rule_touched(strapi: str, server_bindir: Path) -> None:
    schema = dump_schema(server_bindir, strapi)

    report = migrate_file(STRAPI / "edge.db", strapi)

    assert report.exit_status in (0, 5)
    assert not report.differences
    assert dump_schema(server_bindir, strapi) == schema
    named = {(value.rule, value.table, value.key, value.column) for value in report.touched}
    counted = {
        (table.name, rule): count
        for table in report.tables
        for rule, count in table.values_changed.items()
        if rule != "column-left-out"
    }
    for (table, rule), count in counted.items():
        assert sum(1 for value in named if value[:2] == (rule, table)) == count

    # What must have been rounded, and which numbers became JSON, by SQLite's own word.
    rounded, numbers = set(), set()
    with closing(sqlite3.connect(STRAPI / "edge.db")) as sqlite:
        for table, column, kind in query(
            strapi,
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN ('numeric', 'jsonb')",
        ):
            arrived = {key for (key,) in query(strapi, f'SELECT id FROM "{table}"')}
            for key, value in sqlite.execute(
                f'SELECT id, "{column}" FROM "{table}" WHERE typeof("{column}") IN (\'real\', \'integer\')'
            ):
                if key not in arrived:
                    continue
                place = (table, f'{{"rowid":{key}}}', column)
                if kind == "jsonb":
                    numbers.add(("number-to-json", *place))
                elif Decimal(repr(value)) != Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP):
                    rounded.add(("rounded", *place))
    assert rounded
    assert rounded == {value for value in named if value[0] == "rounded"}
    assert numbers
    assert numbers == {value for value in named if value[0] == "number-to-json"}
