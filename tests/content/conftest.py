"""The platform's content types, and databases with their tables: made by Strapi itself, and made by us."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from howdah.model.content import ContentModel
from support.content import PLATFORM, STRAPI_SCHEMA, Platform, build_model


@pytest.fixture(scope="session")
def platform_model() -> ContentModel:
    """What is derived from the platform's content types."""
    return build_model(PLATFORM)


@pytest.fixture
def strapi_database(database: str) -> str:
    """A database with the schema that Strapi 5.54.0 made on PostgreSQL 16."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(STRAPI_SCHEMA.read_bytes())
    return database


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
def created(platform: Platform) -> Platform:
    """The platform with its tables made by `howdah content create`."""
    platform.create()
    return platform
