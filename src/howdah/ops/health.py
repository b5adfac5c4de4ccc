"""health: the checks of the health endpoint, from the shell, against a database or a running service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from howdah.model.health import HealthCheck, HealthReport, HealthStatus
from howdah.ops.admin_port import fetch_document, read_address
from howdah.ops.pg import embedded_directory
from howdah.ops.target import announce_nothing
from howdah.places import state_directory
from howdah.postgres.conninfo import Target, parse_target
from howdah.postgres.embedded import find_embedded
from howdah.service.checks import check_server
from howdah.service.database_settings import DatabaseSettings, read_database_settings
from howdah.service.health import build_report
from howdah.service.probe import Probe
from howdah.settings import read_variable

#: Seconds for a person who waits; the endpoints have less.
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 5.0


def check_health(
    target: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    pg_bindir: Path | None = None,
    announce: Callable[[str], None] = announce_nothing,
) -> HealthReport:
    """
    Check a database, or with an http URL the service behind that admin port.

    Nothing is started or changed. What fails is in the report, exit status 7. Raises UsageError for
    settings or a URL that cannot be used.
    """
    if target is not None and target.startswith(("http://", "https://")):
        announce(f"target: {read_address(target)}")
        return _ask_service(target, read_variable(environ, "HOWDAH_ADMIN_TOKEN"))
    settings = find_database(target, environ=environ, pg_bindir=pg_bindir)
    if settings.target is None:
        absent = HealthCheck(
            name="postgresql:connectivity",
            status=HealthStatus.FAIL,
            output="The embedded server is not running.",
            detail='Nothing names another database. Start it with "howdah pg start".',
        )
        return build_report([absent], target="the embedded server")
    announce(f"target: {settings.target.redacted} (from {settings.target.origin})")
    report = build_report(asyncio.run(_check(settings)), target=settings.target.redacted)
    return replace(report, notes=settings.notes)


def find_database(
    target: str | None, *, environ: Mapping[str, str], pg_bindir: Path | None = None
) -> DatabaseSettings:
    """
    Return the settings of the service, with the running embedded server where they name none.

    Their target is None where that does not run either. Raises UsageError U-320, U-321.
    """
    settings = read_database_settings(environ, target=target)
    if settings.target is not None:
        return settings
    return replace(settings, target=_find_rehearsal(pg_bindir))


def _find_rehearsal(pg_bindir: Path | None) -> Target | None:
    server = find_embedded(embedded_directory(pg_bindir))
    if server is None:
        return None
    remembered = state_directory() / "rehearsal-database"
    database = remembered.read_text(encoding="utf-8").strip() if remembered.exists() else "postgres"
    return parse_target(server.conninfo(database), origin="embedded", rehearsal=True)


async def _check(settings: DatabaseSettings) -> tuple[HealthCheck, ...]:
    probe = Probe(settings, connect_seconds=_CONNECT_SECONDS, answer_seconds=_ANSWER_SECONDS)
    try:
        return check_server(await probe.ask())
    finally:
        await probe.close()


def _ask_service(url: str, token: str) -> HealthReport:
    """Ask an admin port for /health."""
    try:
        checks = _read_checks(fetch_document(url, "/health", token))
    except OSError as error:
        checks = [_failed(f"The service does not answer: {getattr(error, 'reason', error)}.")]
    except ValueError as error:
        checks = [_failed(f"What answers is no admin port of Howdah: {error}.")]
    return build_report(checks, target=read_address(url))


def _failed(output: str) -> HealthCheck:
    return HealthCheck(
        name="service:answer", status=HealthStatus.FAIL, component_type="component", output=output
    )


def _read_checks(document: Mapping[str, object]) -> list[HealthCheck]:
    """Return the checks of a /health document. Raises ValueError where it is another program's."""
    found = document.get("checks")
    if not isinstance(found, dict) or not found:
        # Without any check nothing would fail.
        raise ValueError("its answer holds no checks")
    try:
        return [
            HealthCheck(
                name=name,
                status=HealthStatus(entry["status"]),
                component_type=entry.get("componentType", "component"),
                observed_value=entry.get("observedValue"),
                observed_unit=entry.get("observedUnit", ""),
                output=entry.get("output", ""),
            )
            for name, entries in found.items()
            for entry in entries
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("its checks are of another kind") from None
