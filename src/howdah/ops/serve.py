"""serve: the content API and its admin port, until it is told to end."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from howdah.content.derive import derive_model
from howdah.content.schema_files import read_content_types
from howdah.errors import UsageError
from howdah.model.verb_reports import ServeReport
from howdah.ops.health import find_database
from howdah.ops.servable import require_servable
from howdah.ops.watch_backups import watch_backups
from howdah.ops.write_gate import build_write_gate
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import read_admin_settings
from howdah.service.api.server import ApiServer
from howdah.service.api.settings import ApiSettings, read_api_settings
from howdah.service.heartbeat import Heartbeat
from howdah.service.log_settings import read_log_settings
from howdah.service.logs import configure_logging
from howdah.state.store import StateSchema

_UPLOADS = Path("public") / "uploads"


@dataclass(frozen=True, kw_only=True)
class ServeRequest:
    #: The Strapi project, or its `src` directory.
    content: Path
    #: PostgreSQL; None: what the environment names, else the running embedded server.
    target: str | None = None
    host: str | None = None
    port: int | None = None
    admin_port: int | None = None
    schema: str = "public"
    pg_bindir: Path | None = None
    #: Where a live migration into this database keeps its record.
    state_schema: str = "howdah"


def _say_nothing(_: ServeReport) -> None:
    """Say nothing: a library does not print."""


def serve(
    request: ServeRequest,
    *,
    environ: Mapping[str, str] = os.environ,
    announce: Callable[[ServeReport], None] = _say_nothing,
) -> ServeReport:
    """
    Serve until SIGTERM or Ctrl-C; `announce` is told where, as soon as both ports are taken.

    The database need not be there yet. Raises UsageError for settings or schema files that cannot be used,
    EnvironmentFailedError (A-111, A-121) for ports that are taken, RefusedError (A-151) for tables whose
    columns are of types that the API cannot read.
    """
    log_settings = read_log_settings(environ)
    model = derive_model(read_content_types(request.content))
    settings = read_api_settings(environ, host=request.host, port=request.port)
    if settings.upload_directory is None:
        settings = replace(settings, upload_directory=project_of(request.content) / _UPLOADS)
    admin_settings = read_admin_settings(environ, port=request.admin_port)
    database = find_database(request.target, environ=environ, pg_bindir=request.pg_bindir)
    if database.target is None:
        raise UsageError(
            "U-322",
            "Nothing names the database.",
            hint='Give a target, set DATABASE_URL, or start the embedded server with "howdah pg start".',
        )
    require_servable(model, database, request.schema)
    configure_logging(log_settings, secrets=_secrets(settings, admin_settings.token))
    backups = watch_backups(environ)
    heartbeat = Heartbeat()
    server = ApiServer(
        model,
        database,
        settings,
        schema=request.schema,
        heartbeat=heartbeat,
        gate=build_write_gate(StateSchema(name=request.state_schema)),
    )
    server.listen()
    own = [item for item in model.types if item.origin == "content-type"]
    tables = {model.tables_of(item.uid)[0].name: item.plural_name or item.singular_name for item in own}
    with AdminServer(
        admin_settings,
        database,
        pool=server.pool,
        heartbeat=heartbeat,
        content_types=tables,
        backups=backups,
    ) as admin:
        report = ServeReport(
            status="serving",
            target=database.target.redacted,
            content=str(request.content),
            url=server.url,
            admin_url=admin.url,
            notes=(*database.notes, *_notes(settings.api_token_salt, settings.jwt_secret)),
        )
        announce(report)
        # What is loaded by now stays: the collector has less to look at, at the end most of all.
        gc.freeze()
        server.serve(on_shutdown=admin.begin_shutdown)
    return replace(report, status="ended")


def project_of(content: Path) -> Path:
    """Return the project's directory where its `src` was named."""
    return content if (content / "src").is_dir() or not (content / "api").is_dir() else content.parent


def _secrets(settings: ApiSettings, admin_token: str) -> list[str]:
    """Return what must not be in the log."""
    secrets = (settings.api_token_salt, settings.jwt_secret, settings.mail.password, admin_token)
    return [one for one in secrets if one]


def _notes(salt: str, secret: str) -> list[str]:
    notes = []
    if not salt:
        notes.append("API_TOKEN_SALT is not set: no API token is accepted.")
    if not secret:
        notes.append("JWT_SECRET is not set: nobody can log in.")
    return notes
