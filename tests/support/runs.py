"""Runs of the verbs as tests want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from howdah.model.plan import PlanOptions
from howdah.model.report import RunReport
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.target import TargetRequest


def target_request(database: str) -> TargetRequest:
    """Return a request for the database of a test."""
    return TargetRequest(target=database)


def migrate_file(source: Path, database: str, *, jobs: int | None = None, **options: Any) -> RunReport:
    """Migrate a file into the database of a test; keyword arguments are plan options."""
    return migrate(
        MigrateRequest(
            source=str(source), target=target_request(database), options=PlanOptions(**options), jobs=jobs
        )
    )
