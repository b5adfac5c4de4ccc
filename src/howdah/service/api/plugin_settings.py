"""Settings that Strapi's plugins keep in the database, beyond those that every request needs to know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from howdah.service.api.access import STORE
from howdah.service.api.engine import Engine
from howdah.service.api.rows import Rows
from howdah.service.pooled_connection import PooledConnection


async def read_plugin_settings(engine: Engine, connection: PooledConnection, name: str) -> Mapping[str, Any]:
    """Return what is kept as `plugin_<name>`, nothing where nothing is."""
    rows = Rows(connection, engine.schemas, engine.builder_for(connection).dialect)
    found = await rows.one(
        f"SELECT value FROM {rows.table(engine.schemas[STORE].table)}"
        " WHERE key = %s AND environment IS NULL AND tag IS NULL",
        (f"plugin_{name}",),
    )
    settings = json.loads(found[0]) if found is not None and found[0] else {}
    return settings if isinstance(settings, dict) else {}
