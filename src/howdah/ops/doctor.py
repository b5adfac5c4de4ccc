"""doctor: tools, libraries and settings, and where each came from; changes nothing."""

from __future__ import annotations

import difflib
import os
import platform
import shutil
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from howdah.errors import HowdahError
from howdah.model.verb_reports import DoctorItem, DoctorReport
from howdah.places import state_directory
from howdah.postgres.binaries import list_server_binaries
from howdah.service.admin_settings import ADMIN_VARIABLES
from howdah.service.backup_settings import BACKUP_VARIABLES
from howdah.service.log_settings import LOG_VARIABLES
from howdah.settings import describe_settings
from howdah.units import format_size

_LIBRARIES = (
    "howdah",
    "apsw",
    "adbc-driver-sqlite",
    "adbc-driver-postgresql",
    "psycopg",
    "pyarrow",
    "numpy",
    "sqlglot",
    "typer",
)


#: Variables of ours that are no options: of the service, of backups, and where everything is kept.
_OWN_VARIABLES = frozenset(
    {"HOWDAH_HOME"}
    | {
        name
        for setting in (*ADMIN_VARIABLES, *BACKUP_VARIABLES, *LOG_VARIABLES)
        for name in (setting.name, f"{setting.name}_FILE")
    }
)


def examine(pg_bindir: Path | None = None, *, options: Sequence[DoctorItem] = ()) -> DoctorReport:
    """
    Look at this machine as Howdah will use it. Secrets are redacted.

    `options` are those of the command line, with value and origin, which only it knows.
    """
    problems: list[str] = []
    twins = {
        f"HOWDAH_{option.name.split(' ')[0].lstrip('-').replace('-', '_').upper()}" for option in options
    }
    sections = {
        "machine": _machine(problems),
        "libraries": _libraries(),
        "PostgreSQL programs": _programs(pg_bindir, problems),
        "settings": tuple(
            DoctorItem(name=name, value=value, origin=origin)
            for name, value, origin in describe_settings(os.environ)
            # Twins of options are shown with these, where what they come to is said.
            if not options or not name.startswith("HOWDAH_") or name in _OWN_VARIABLES - twins
        ),
    }
    if options:
        sections["options"] = tuple(options)
        problems += _variables_without_effect(twins | _OWN_VARIABLES)
    return DoctorReport(
        status="problems" if problems else "done",
        sections=sections,
        problems=tuple(problems),
    )


def _variables_without_effect(known: Collection[str]) -> list[str]:
    """Name variables that look like ours and are none: misspelled, or consents."""
    return [
        f"The variable {name} is set and has no effect." + _suggest(name, known)
        for name in sorted(os.environ)
        if name.startswith("HOWDAH_") and name not in known
    ]


def _suggest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.8)
    return f" Is {near[0]} meant?" if near else ""


def _machine(problems: list[str]) -> tuple[DoctorItem, ...]:
    items = (
        DoctorItem(name="system", value=f"{platform.system()} {platform.release()} {platform.machine()}"),
        DoctorItem(name="python", value=platform.python_version(), origin=sys.executable),
        DoctorItem(name="processors", value=str(os.cpu_count() or "unknown")),
    )
    try:
        directory = state_directory()
    except HowdahError as error:
        problems.append(f"{error.message} {error.hint}")
        return items
    place = directory
    while not place.exists():
        place = place.parent
    return (
        *items,
        DoctorItem(
            name="state directory",
            value=str(directory),
            origin="HOWDAH_HOME" if os.environ.get("HOWDAH_HOME") else "default",
        ),
        DoctorItem(name="free disk there", value=format_size(shutil.disk_usage(place).free)),
    )


def _libraries() -> tuple[DoctorItem, ...]:
    items = [DoctorItem(name=name, value=_version(name), origin="package") for name in _LIBRARIES]

    import apsw

    items.append(DoctorItem(name="SQLite", value=apsw.sqlite_lib_version(), origin="apsw"))
    return tuple(items)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _programs(pg_bindir: Path | None, problems: list[str]) -> tuple[DoctorItem, ...]:
    try:
        found = list_server_binaries(pg_bindir)
    except HowdahError as error:
        problems.append(error.message)
        return ()
    if not found:
        problems.append("No PostgreSQL server programs were found: only an existing server can be a target.")
    return tuple(
        DoctorItem(name=f"PostgreSQL {item.version}", value=str(item.bindir), origin=item.provider)
        for item in found
    )
