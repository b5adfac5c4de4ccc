"""
Read everything there is to know of a source, from a private snapshot.

While the census reads every row, the copy is hashed and checked for damage beside
it: nothing is decided before all three are done.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from howdah.errors import IntegrityError
from howdah.model.census import Census
from howdah.model.finding_kinds import make_finding
from howdah.model.findings import Finding
from howdah.model.orphans import CORRECTING, Orphans, Reference
from howdah.model.source import Snapshot, SourceCatalog
from howdah.ops.workspace import Workspace
from howdah.planning.orphans import OrphanChoices, find_references
from howdah.process.phases import PhaseLog
from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.census import take_census
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.integrity import require_integrity
from howdah.sqlite.orphans import correct_orphans, count_orphans
from howdah.sqlite.salvage import SALVAGED
from howdah.sqlite.salvage import salvage as salvage_database
from howdah.sqlite.snapshot import hash_file, take_snapshot, verify_snapshot
from howdah.state.ledger import Run

#: The copy is the source.
KEEP_ORPHANS = OrphanChoices()


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    snapshot: Snapshot
    catalog: SourceCatalog
    census: Census

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What opening the source showed: an empty file, a WAL that is missing…"""
        return self.snapshot.findings


def read_source(
    source: str,
    workspace: Workspace,
    phases: PhaseLog,
    *,
    salvage: bool = False,
    patience: float | None = None,
    orphans: OrphanChoices = KEEP_ORPHANS,
) -> SourceFacts:
    """
    Copy the source into the workspace and read its catalog and census from the copy.

    With `salvage` the copy of a damaged source is what can be read of it, and the findings say what
    could not. `patience` is that of `take_snapshot`. What `orphans` asks for is done to the copy before it
    is read, and is in the census. Raises the errors of `sqlite.snapshot` for a file that is not a readable
    SQLite database, of `sqlite.orphans` for one that cannot be corrected, and without `salvage`
    IntegrityError for one that is damaged.
    """
    try:
        return _read_sound_source(source, workspace, phases, patience, orphans)
    except IntegrityError as damage:
        if not salvage:
            raise
        phases.progress.note(f"The source is damaged ({damage.message}): what can be read is salvaged.")
        return _read_salvaged(source, workspace, phases, damage, orphans)


def _read_salvaged(
    source: str, workspace: Workspace, phases: PhaseLog, damage: IntegrityError, orphans: OrphanChoices
) -> SourceFacts:
    path = str(workspace.snapshot)
    with phases.phase("salvage") as count:
        lost = salvage_database(source, path)
        count.bytes = os.path.getsize(path)
    corrected = _correct(path, phases, orphans)
    told = make_finding(
        SALVAGED,
        f'file "{source}"',
        "It is damaged: what could be read of it is carried, and the run ends with exit status 8.",
        detail=f"{damage.message} {damage.detail}".strip(),
        hint="Restore a backup if there is one. The findings beside this one say what was lost.",
    )
    snapshot = Snapshot(
        path=path,
        sha256=hash_file(path),
        size=os.path.getsize(path),
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        findings=(told, *lost),
    )
    catalog = _read_catalog(source, snapshot)
    with phases.phase("census", byte_count=snapshot.size) as count:
        census = _take_census(snapshot, catalog, phases)
        count.rows = sum(table.rows for table in census.tables)
    return SourceFacts(snapshot=snapshot, catalog=catalog, census=replace(census, orphans=corrected))


def _read_sound_source(
    source: str, workspace: Workspace, phases: PhaseLog, patience: float | None, orphans: OrphanChoices
) -> SourceFacts:
    with phases.phase("take snapshot") as count:
        taken = take_snapshot(source, str(workspace.snapshot), digest=False, patience=patience)
        count.bytes = taken.size
    corrected = _correct(taken.path, phases, orphans)
    catalog = _read_catalog(source, taken)
    with phases.phase("census", byte_count=taken.size) as count, ThreadPoolExecutor(2) as beside:
        digest = beside.submit(hash_file, taken.path)
        check = beside.submit(require_integrity, taken.path, source)
        # Damage first: a census of a damaged file would stop with a message that says less.
        census = _take_census(taken, catalog, phases)
        check.result()
        _require_readable(source, census)
        count.rows = sum(table.rows for table in census.tables)
        count.bytes = taken.size
        snapshot = replace(taken, sha256=digest.result(), size=os.path.getsize(taken.path))
    return SourceFacts(snapshot=snapshot, catalog=catalog, census=replace(census, orphans=corrected))


def _correct(path: str, phases: PhaseLog, orphans: OrphanChoices) -> tuple[Orphans, ...]:
    """Do to the copy what the policy for orphans asks for."""
    if not orphans.correcting:
        return ()
    references = [each for each in _references(path, orphans) if each.choice in CORRECTING]
    with phases.phase("correct orphans") as count:
        corrected = correct_orphans(path, references)
        count.rows = sum(found.rows for found in corrected)
    return corrected


def look_for_orphans(
    facts: SourceFacts, phases: PhaseLog, orphans: OrphanChoices = KEEP_ORPHANS
) -> SourceFacts:
    """Return the facts with the orphans that nothing is done about in the copy; the copy must be there."""
    path = facts.snapshot.path
    references = [each for each in _references(path, orphans) if each.choice not in CORRECTING]
    with phases.phase("look for orphans") as count:
        found = count_orphans(path, references)
        count.rows = sum(each.rows for each in found)
    return replace(facts, census=replace(facts.census, orphans=(*facts.census.orphans, *found)))


def _references(path: str, orphans: OrphanChoices) -> tuple[Reference, ...]:
    return find_references(read_catalog_of(path), orphans)


def read_kept_snapshot(run: Run, phases: PhaseLog) -> SourceFacts:
    """
    Read the facts again from the snapshot of an earlier run.

    Raises IntegrityError where that copy is gone or is not what it was.
    """
    with phases.phase("check snapshot", byte_count=run.snapshot.size):
        verify_snapshot(run.snapshot.path, run.snapshot.sha256)
    catalog = _read_catalog(run.source, run.snapshot)
    with phases.phase("census", byte_count=run.snapshot.size):
        census = _take_census(run.snapshot, catalog, phases)
    return SourceFacts(snapshot=run.snapshot, catalog=catalog, census=census)


def read_kept_catalog(run: Run) -> SourceCatalog:
    """Read the catalog from the snapshot of an earlier run. Raises IntegrityError where that has changed."""
    verify_snapshot(run.snapshot.path, run.snapshot.sha256)
    return _read_catalog(run.source, run.snapshot)


def read_catalog_of(path: str) -> SourceCatalog:
    """Read the catalog of a private file. Raises what `open_snapshot` and `read_catalog` raise."""
    with closing(open_snapshot(path)) as connection:
        return read_catalog(connection, path, every_row=True)


def _read_catalog(source: str, snapshot: Snapshot) -> SourceCatalog:
    connection = open_snapshot(snapshot.path)
    try:
        catalog = read_catalog(connection, source, every_row=True)
    finally:
        connection.close()
    # The copy is always in rollback-journal mode.
    return replace(catalog, journal_mode=snapshot.journal_mode or catalog.journal_mode)


def _take_census(snapshot: Snapshot, catalog: SourceCatalog, phases: PhaseLog) -> Census:
    tables = [table for table in catalog.tables if table.has_rows]
    return take_census(snapshot.path, tables, progress=phases.progress)


def _require_readable(source: str, census: Census) -> None:
    if census.unreadable:
        table, message = census.unreadable[0]
        raise IntegrityError(
            "S-040",
            f'Table "{table}" of {source} cannot be read to its end.',
            detail=f"SQLite says: {message}. {len(census.unreadable)} tables are affected.",
            hint="Restore a backup, or say --salvage to carry what can be read.",
        )
