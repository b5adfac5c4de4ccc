"""The folder in which Strapi puts what came over the API, made at the first upload."""

from __future__ import annotations

import json

from howdah.content.document_ids import new_document_id
from howdah.content.query.schema import FILE
from howdah.content.query.values import now_milliseconds
from howdah.model.content import LinkStorage
from howdah.names import quote
from howdah.service.api.access import STORE
from howdah.service.api.engine import Engine
from howdah.service.api.plugin_settings import read_plugin_settings
from howdah.service.api.rows import Rows
from howdah.service.pooled_connection import PooledConnection

_FOLDER = "plugin::upload.folder"
_KEY = "upload_api-folder"
_NAME = "API Uploads"


async def api_folder(engine: Engine, connection: PooledConnection, rows: Rows) -> tuple[int, str]:
    """Return id and path of the folder of uploads, made within this transaction where it is not there."""
    schema = engine.schemas[_FOLDER]
    table, store = rows.table(schema.table), rows.table(engine.schemas[STORE].table)
    await rows.lock_values(schema)
    settings = await read_plugin_settings(engine, connection, _KEY)
    found = await rows.one(f"SELECT id, path FROM {table} WHERE id::text = %s", (str(settings.get("id")),))
    if found is not None:
        return found[0], found[1]
    names = {row[0] for row in await rows.all(f"SELECT name FROM {table}")}
    possible = (_NAME, *(f"{_NAME} ({number})" for number in range(1, len(names) + 2)))
    name = next(name for name in possible if name not in names)
    row = await rows.one(f"SELECT coalesce(max(path_id), 0) + 1 FROM {table}")
    assert row is not None
    moments = dict.fromkeys(("createdAt", "updatedAt", "publishedAt"), now_milliseconds())
    path = f"/{row[0]}"
    folder = await rows.insert(
        schema, {"documentId": new_document_id(), "name": name, "pathId": row[0], "path": path, **moments}
    )
    value = json.dumps({"id": folder}, separators=(",", ":"))
    if await rows.one(f"SELECT 1 FROM {store} WHERE key = %s", (f"plugin_{_KEY}",)) is None:
        await rows.all(
            f"INSERT INTO {store} (key, value, type) VALUES (%s, %s, 'object')", (f"plugin_{_KEY}", value)
        )
    else:
        await rows.all(f"UPDATE {store} SET value = %s WHERE key = %s", (value, f"plugin_{_KEY}"))
    return folder, path


async def put_into_folder(engine: Engine, rows: Rows, file: int, folder: int) -> None:
    """Make a file the folder's last."""
    storage = engine.schemas[FILE].fields["folder"].storage
    assert isinstance(storage, LinkStorage)
    table = rows.table(storage.table)
    own, other, order = map(quote, (storage.own_column, storage.other_column, storage.inverse_order_column))
    await rows.all(
        f"INSERT INTO {table} ({own}, {other}, {order})"
        f" SELECT %s, %s, coalesce(max({order}), 0) + 1 FROM {table} WHERE {other} = %s",
        (file, folder, folder),
    )
