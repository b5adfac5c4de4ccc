"""Tables of the content types that are not quite as Strapi makes them."""

from __future__ import annotations

from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from howdah.errors import RefusedError
from howdah.ops.servable import require_servable
from howdah.ops.serve import ServeRequest, serve
from support.api import SECRETS, Replay, read_recorded, recorded_settings, serving
from support.content import PLATFORM, build_model
from support.service import settings_for

_FULL = {"Authorization": f"Bearer {SECRETS['apiToken']}"}


def _retype(dsn: str, old: str, new: str, using: str) -> int:
    """Give every column of a type another one, and return how many there were."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = %s ORDER BY 1, 2",
            (old,),
        ).fetchall()
        for table, column in found:
            name = sql.Identifier(column)
            connection.execute(
                sql.SQL("ALTER TABLE {} ALTER {} TYPE {} USING {}").format(
                    sql.Identifier(table), name, sql.SQL(new), sql.SQL(using).format(name)
                )
            )
    return len(found)


def _differences(dsn: str, uploads: Path, *files: str) -> dict[str, str]:
    with serving(dsn, recorded_settings(uploads)) as client:
        replay = Replay(client)
        items = [item for name in files for item in read_recorded(name)]
        found = {item.name: replay.difference(item) for item in items}
    return {name: difference for name, difference in found.items() if difference}


def test_tables_as_a_migration_creates_them_are_served(strapi_database: str, tmp_path: Path) -> None:
    """JSON that is no jsonb, moments that have a zone."""
    assert _retype(strapi_database, "jsonb", "json", "{}::json") > 20
    assert (
        _retype(strapi_database, "timestamp without time zone", "timestamptz", "{} AT TIME ZONE 'UTC'") > 90
    )
    assert _differences(strapi_database, tmp_path, "reads", "writes") == {}


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE agents DROP COLUMN weight",
        "DROP TABLE agents_skills_lnk",
        "ALTER TABLE agents ALTER is_active TYPE integer USING is_active::integer",
    ],
)
def test_other_tables_are_unavailable_and_no_fault_of_the_request(
    strapi_database: str, tmp_path: Path, change: str
) -> None:
    with psycopg.connect(strapi_database) as connection:
        connection.execute(change.encode())
    with serving(strapi_database, recorded_settings(tmp_path)) as client:
        answer: httpx.Response = client.get("/api/agents?populate=*&filters[isActive]=true", headers=_FULL)
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["message"] == (
            "The tables of the database are not those of the content types."
        )
        assert client.get("/api/mcp-servers", headers=_FULL).status_code == 200


@pytest.mark.parametrize(
    ("table", "column", "change", "told"),
    [
        ("agents", "created_at", "bigint USING 0", "agents.created_at is bigint, not timestamp(6)"),
        ("agents", "meta_data", "text USING meta_data::text", "agents.meta_data is text, not jsonb"),
        ("agents", "is_active", "integer USING is_active::integer", "agents.is_active is integer"),
        ("components_task_costs", "input_tokens", "text", "components_task_costs.input_tokens is text"),
    ],
)
def test_a_service_does_not_begin_on_columns_that_it_cannot_read(
    strapi_database: str, table: str, column: str, change: str, told: str
) -> None:
    model, settings = build_model(PLATFORM), settings_for(strapi_database)
    require_servable(model, settings, "public")
    with psycopg.connect(strapi_database) as connection:
        statement = sql.SQL("ALTER TABLE {} ALTER {} TYPE ").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        connection.execute(statement + sql.SQL(change))
    with pytest.raises(RefusedError) as refusal:
        require_servable(model, settings, "public")
    assert refusal.value.code == "A-151"
    assert told in refusal.value.detail
    with pytest.raises(RefusedError):
        serve(ServeRequest(content=PLATFORM, target=strapi_database), environ={})


def test_tables_that_are_not_there_yet_keep_no_service_from_beginning(database: str) -> None:
    require_servable(build_model(PLATFORM), settings_for(database), "public")
    require_servable(build_model(PLATFORM), settings_for("host=127.0.0.1 port=1 dbname=none"), "public")
