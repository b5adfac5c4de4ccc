"""
Notice what the triggers cannot tell: a table that was rebuilt, a schema that was altered, a full journal.

Whatever was missed by them is found by comparing every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from howdah.capture.record import Capture
from howdah.errors import RefusedError
from howdah.model.finding_kinds import make_finding
from howdah.ops.live_compare import reconcile
from howdah.ops.live_moved import find_moved_rows
from howdah.ops.live_run import LiveRun
from howdah.ops.live_schema import require_same_columns


def require_journal(live: LiveRun, capture: Capture) -> None:
    """See that the journal is the one that was begun; where it was not whole, compare everything."""
    live.file.require_same_file()
    with live.file.looking():
        state = live.file.journal_state()
        version = live.file.schema_version()
        objects = live.file.our_objects() if version != capture.schema_version else None
        catalog = live.file.read_catalog() if objects is not None else None
    if state is None or state.epoch != capture.epoch:
        raise RefusedError(
            "L-102",
            "The journal in the SQLite file is not the one that was begun.",
            detail="It was removed, or another file was put in the place of the source.",
            hint='Begin anew: "howdah rollback" undoes the run, "howdah follow" begins another.',
        )
    if catalog is not None and objects is not None:
        require_same_columns(live, catalog)
        with live.file.looking():
            live.redesign(catalog)
        find_moved_rows(live)
        lost = [
            (name, statement)
            for table in live.design.tables
            for name, statement in table.triggers.items()
            if objects.get(name, ("", ""))[1] != statement
        ]
        if lost:
            _mend_triggers(live, lost, objects)
        with live.file.looking():
            version = live.file.schema_version()
        with live.connection.transaction():
            live.record.set(live.connection, schema_version=version)
        if lost:
            live.findings.append(
                make_finding("F-611", f"{len(lost)} triggers", "they were gone and were made again")
            )
            reconcile(live)
    if not state.armed:
        live.findings.append(
            make_finding("F-612", f'file "{live.file.path}"', "every row was compared and it was armed again")
        )
        _arm_again(live, capture)
        reconcile(live)
    elif state.newest < capture.watermark:
        # The newest entry is never deleted.
        live.findings.append(
            make_finding(
                "F-614", f'file "{live.file.path}"', "its journal ends before what was applied already"
            )
        )
        _arm_again(live, capture)
        with live.connection.transaction():
            # Counts of writes began anew, too, and one may come to be what it was.
            live.record.set(live.connection, touched={})
        reconcile(live)


def _mend_triggers(
    live: LiveRun, lost: Sequence[tuple[str, str]], objects: Mapping[str, tuple[str, str]]
) -> None:
    with live.file.writing():
        live.file.execute_all(f"DROP TRIGGER IF EXISTS {name}" for name, _ in lost if name in objects)
        live.file.execute_all(statement for _, statement in lost)


def _arm_again(live: LiveRun, capture: Capture) -> None:
    with live.file.writing():
        live.file.execute_all(
            [
                f"UPDATE _howdah_state SET base = {capture.watermark + 1}",
                "DELETE FROM _howdah_journal",
                # Numbers go on behind the watermark.
                f"INSERT INTO _howdah_journal (seq, tbl) VALUES ({capture.watermark + 1}, 0)",
                "UPDATE _howdah_state SET armed = 1",
            ]
        )
