"""Mend what a verification found in an application's schema, beside its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import psycopg

from howdah.loading.job import LoadJob
from howdah.loading.owned_prepare import owned_plan
from howdah.loading.owned_sequences import move_on
from howdah.model.report import Difference
from howdah.state.store import Connection


def repair_owned_objects(connection: Connection, job: LoadJob, differences: Sequence[Difference]) -> int:
    """
    Set sequences that are behind and build foreign keys that are missing, in the caller's transaction.

    Returns how many. Everything else of the schema is the application's to mend.
    """
    owned = owned_plan(job)
    named = {(found.kind, found.object) for found in differences if found.target != "missing"}
    missing = {(found.kind, found.object) for found in differences if found.target == "missing"}
    repaired = 0
    for sequence in owned.sequences:
        if ("sequence", sequence.name) in named:
            move_on(connection, job, sequence)
            repaired += 1
    for key in owned.foreign_keys:
        for interim in owned.interims:
            if interim.id == key.interim_id and ("constraint", key.name) in missing:
                try:
                    with connection.transaction():
                        connection.execute(cast("Any", interim.restore_sql))
                except psycopg.IntegrityError:
                    continue  # rows that are there do not allow it; the next verification says so
                repaired += 1
    return repaired
