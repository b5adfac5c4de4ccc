"""A database as Strapi left it, made once and copied for each test that writes; the API over it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from howdah.ops.content import ContentRequest, create
from support.api import SMALL, recorded_settings, serving
from support.content import PLATFORM, STRAPI_DATA
from support.databases import create_database, new_database
from support.runs import target_request
from support.strapi_rows import fill_from_sqlite

_TEMPLATE = "strapi_small"


@pytest.fixture(scope="session")
def _strapi_template(server: Any) -> str:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, _TEMPLATE)
    fill_from_sqlite(server.dsn(_TEMPLATE), SMALL)
    return _TEMPLATE


@pytest.fixture
def strapi_database(server: Any, _strapi_template: str) -> Iterator[str]:
    """A database filled from small.db, for one test alone."""
    with new_database(server.dsn(), "strapi", template=_strapi_template) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def reading_database(server: Any, _strapi_template: str) -> Iterator[str]:
    """A database filled from small.db that nobody writes to."""
    with new_database(server.dsn(), "strapi", template=_strapi_template) as conninfo:
        yield conninfo


@pytest.fixture
def api(strapi_database: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The API over a database of its own."""
    with serving(strapi_database, recorded_settings(tmp_path / "uploads")) as client:
        yield client


@pytest.fixture
def specimens_api(strapi_database: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The API over a project with two types more, whose attributes have every rule that there is."""
    project = tmp_path / "project"
    for source in (PLATFORM, STRAPI_DATA / "specimens"):
        shutil.copytree(source / "src", project / "src", dirs_exist_ok=True)
    create(ContentRequest(directory=project, target=target_request(strapi_database)))
    with serving(strapi_database, recorded_settings(tmp_path / "uploads"), project=project) as client:
        yield client


@pytest.fixture(scope="module")
def reading_api(reading_database: str) -> Iterator[httpx.Client]:
    """The API over a database that nobody writes to."""
    with serving(reading_database, recorded_settings()) as client:
        yield client
