"""The platform's content types, and databases with their tables: made by Strapi itself, and made by us."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.model.content import ContentModel
from support.content import PLATFORM, STRAPI_SCHEMA, Platform, build_model
from support.databases import database_name, new_database


@pytest.fixture(scope="session")
def platform_model() -> ContentModel:
    """What is derived from the platform's content types."""
    return build_model(PLATFORM)


@pytest.fixture(scope="session")
def _strapi_template(server: Any) -> Iterator[str]:
    with new_database(server.dsn(), "made_by_strapi") as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(STRAPI_SCHEMA.read_bytes())
        yield database_name(conninfo)


@pytest.fixture
def strapi_database(server: Any, _strapi_template: str) -> Iterator[str]:
    """A database with the schema that Strapi 5.54.0 made on PostgreSQL 16."""
    with new_database(server.dsn(), "strapi", template=_strapi_template) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def _created_template(server: Any) -> Iterator[str]:
    with new_database(server.dsn(), "created_by_howdah") as conninfo:
        Platform(PLATFORM, conninfo).create()
        yield database_name(conninfo)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the platform's content types that a test may edit."""
    shutil.copytree(PLATFORM / "src", tmp_path / "project" / "src")
    return tmp_path / "project"


@pytest.fixture
def platform(project: Path, database: str) -> Platform:
    """The platform on an empty database."""
    return Platform(project, database)


@pytest.fixture
def created(project: Path, server: Any, _created_template: str) -> Iterator[Platform]:
    """The platform with its tables made by `howdah content create`."""
    with new_database(server.dsn(), "created", template=_created_template) as conninfo:
        yield Platform(project, conninfo)
