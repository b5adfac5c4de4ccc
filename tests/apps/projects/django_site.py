"""What the Django projects beside this file have in common: database, settings, migrations, actions."""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command


def set_up(here: Path, *installed_apps: str, **own: Any) -> None:
    """Set Django up for the project in `here`, on the database that EVERY_DATABASE names."""
    settings.configure(
        SECRET_KEY="tests",
        USE_TZ=True,
        TIME_ZONE="UTC",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=installed_apps,
        DATABASES={"default": _read_database(os.environ["EVERY_DATABASE"])},
        **own,
    )
    sys.path.insert(0, str(here))
    django.setup()


def _read_database(url: str) -> dict[str, Any]:
    if url.startswith("sqlite:"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:")}
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username or query.get("user", ""),
        "PASSWORD": urllib.parse.unquote(parts.password or ""),
        "HOST": query.get("host", parts.hostname or ""),
        "PORT": query.get("port", str(parts.port or "")),
    }


def migrate(here: Path, app: str) -> None:
    """Make the migrations of the project's own application, once, and apply all there are."""
    if not (here / app / "migrations").exists():
        call_command("makemigrations", app, verbosity=0)
    call_command("migrate", verbosity=0)


def run(**actions: Callable[[], None]) -> None:
    """Do what the command line names, in its order."""
    for name in sys.argv[1:]:
        actions[name]()
