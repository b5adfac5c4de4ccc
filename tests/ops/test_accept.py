"""howdah accept: a tick for what was seen to hold, and a cross for everything else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import ExitStatus
from howdah.model.acceptance import AcceptanceReport, CriterionStatus
from howdah.model.audit import AuditState
from howdah.model.backup_reports import BackupAges
from howdah.model.report import to_json
from howdah.model.verb_reports import RunStatus
from howdah.ops.accept import AcceptRequest, accept
from howdah.ops.acceptance import DRILL_COUNTS_FOR, judge_audit, judge_backups, judge_migration, judge_pool
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.content import ContentRequest
from howdah.ops.content import create as create_content
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.target import TargetRequest
from howdah.report.acceptance import render_acceptance, render_acceptance_page
from howdah.service.admin_server import AdminServer
from howdah.service.admin_settings import AdminSettings
from support.files import make_database
from support.service import settings_for

TREE = Path(__file__).parent.parent.parent / "examples" / "agent-platform"

RUN = RunStatus(
    id="run-1",
    status="done",
    source="app.db",
    target_schema="public",
    started_at="2026-01-01T00:00:00Z",
    finished_at="2026-01-01T00:01:00Z",
    tables=3,
    rows=1234,
    rows_quarantined=0,
    steps_done=9,
    steps=9,
    proof="proven",
    proven_at="2026-01-01T00:01:00Z",
    snapshot="snapshot.sqlite",
    snapshot_present=True,
    next="howdah rollback",
)
AGES = BackupAges(
    repository="repo",
    name="app",
    backups=3,
    newest="c",
    newest_age_seconds=60.0,
    newest_verified="c",
    newest_verified_age_seconds=60.0,
    last_passed_drill_age_seconds=50.0,
    last_drill="pass",
)
POOL = {"used": 0, "idle": 2, "waiting": 0, "min_size": 2, "max_size": 10}


@dataclass(frozen=True)
class Changed:
    """One thing that is not as it should be."""

    change: dict[str, object]
    says: str


@pytest.mark.parametrize(
    "changed",
    [
        Changed({"status": "running", "next": "howdah migrate app.db"}, "is running"),
        Changed({"status": "loaded"}, "is loaded"),
        Changed({"proof": ""}, "never proven"),
        Changed({"proof": "different"}, "says different"),
        Changed({"rows_quarantined": 7}, "7 rows are in quarantine"),
    ],
    ids=str,
)
def test_a_migration_that_is_not_proven_whole_is_a_cross(changed: Changed) -> None:
    assert judge_migration([RUN], ()).met
    criterion = judge_migration([RunStatus(**(vars(RUN) | changed.change))], ())
    assert not criterion.met
    assert changed.says in " ".join(criterion.evidence)
    assert criterion.hint


def test_a_run_that_was_undone_proves_nothing_and_what_was_left_out_is_told() -> None:
    undone = RunStatus(**(vars(RUN) | {"id": "run-0", "status": "undone"}))
    assert not judge_migration([undone], ()).met
    assert not judge_migration([], ()).met
    criterion = judge_migration([undone, RUN], ("logs_*",))
    assert criterion.met
    assert "logs_*" in criterion.evidence[-1]


@pytest.mark.parametrize(
    "changed",
    [
        Changed({"last_drill": "fail"}, "the newest said fail"),
        Changed({"last_passed_drill_age_seconds": None, "last_drill": ""}, "No drill ever passed"),
        Changed({"last_passed_drill_age_seconds": DRILL_COUNTS_FOR + 1}, "A drill passed"),
    ],
    ids=str,
)
def test_a_backup_that_was_not_drilled_is_a_cross(changed: Changed) -> None:
    assert judge_backups(AGES, ["docs/backup.md"]).met
    criterion = judge_backups(BackupAges(**(vars(AGES) | changed.change)), ["docs/backup.md"])
    assert not criterion.met
    assert changed.says in " ".join(criterion.evidence)


def test_a_procedure_that_is_not_written_down_is_a_cross() -> None:
    assert not judge_backups(AGES, []).met


def test_a_pool_counts_when_it_is_seen() -> None:
    assert judge_pool(2, 10, {"pool": POOL}).met
    assert judge_pool(2, 10, None).status is CriterionStatus.NOT_SEEN
    assert not judge_pool(2, 10, {"pool": None}).met
    assert not judge_pool(2, 10, {"pool": {"threads": 4}}).met
    assert not judge_pool(2, 10, {"pool": POOL | {"idle": 0}}).met


# --- On a real database.


@pytest.fixture
def content_database(database: str) -> str:
    create_content(ContentRequest(directory=TREE, target=TargetRequest(target=database)))
    return database


def look(database: str, path: Path = TREE, **request: Any) -> AcceptanceReport:
    return accept(
        AcceptRequest(path=path, content=TREE, target=TargetRequest(target=database), **request),
        environ={},
    )


def statuses(report: AcceptanceReport) -> dict[str, CriterionStatus]:
    return {criterion.name: criterion.status for criterion in report.criteria}


def test_what_nobody_could_look_at_is_not_accepted(content_database: str) -> None:
    report = look(content_database)
    found = statuses(report)
    assert found["entities"] is CriterionStatus.MET
    assert found["no-loss"] is CriterionStatus.NOT_MET
    assert found["pool"] is found["health"] is found["backup"] is CriterionStatus.NOT_SEEN
    assert (report.status, report.exit_status) == ("not accepted", ExitStatus.DIFFERENT)


def test_a_table_that_is_not_as_the_content_types_say_is_a_cross(content_database: str) -> None:
    with psycopg.connect(content_database, autocommit=True) as connection:
        connection.execute("ALTER TABLE agents DROP COLUMN budget")
    report = look(content_database)
    assert statuses(report)["entities"] is CriterionStatus.NOT_MET
    assert "agents" in next(c for c in report.criteria if c.name == "entities").evidence[-1]


def test_a_running_service_is_looked_at(content_database: str) -> None:
    with AdminServer(AdminSettings(port=0), settings_for(content_database)) as admin:
        found = statuses(look(content_database, service=admin.url))
        url = admin.url
    assert found["health"] is CriterionStatus.MET
    assert found["pool"] is CriterionStatus.NOT_MET, "this one has no pool"
    ended = {criterion.name: criterion for criterion in look(content_database, service=url).criteria}
    assert ended["health"].status is CriterionStatus.NOT_MET
    assert "A-131" in ended["pool"].evidence[0]


def test_a_database_that_is_not_there_is_a_cross_and_the_rest_is_looked_at(server: object) -> None:
    report = look("host=/nowhere dbname=none", repository=RepositoryRequest(location="/nowhere/repo"))
    assert set(statuses(report).values()) <= {CriterionStatus.NOT_MET, CriterionStatus.NOT_SEEN}
    assert len(report.criteria) == 6


def test_links_that_lead_nowhere_keep_nothing_from_being_looked_at(
    content_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").symlink_to("/nowhere")
    (project / ".gitignore").symlink_to("/nowhere")
    (project / "operations.md").write_text("How to back up: howdah backup. How to restore: howdah restore.")
    make_database(tmp_path / "app.db", "CREATE TABLE item (id INTEGER PRIMARY KEY)")
    repository = RepositoryRequest(location=str(tmp_path / "repo"))
    backup(BackupRequest(repository=repository, target=TargetRequest(target=str(tmp_path / "app.db"))))
    found = statuses(look(content_database, path=project, repository=repository))
    assert found["backup"] is found["sqlite-gone"] is CriterionStatus.MET


def test_text_json_and_page_say_the_same(content_database: str, tmp_path: Path) -> None:
    report = look(content_database)
    text, page = render_acceptance(report), render_acceptance_page(report)
    document = json.loads(json.dumps(to_json(report)))
    assert document["status"] == "not accepted"
    assert document["criteria"][0]["evidence"] == list(report.criteria[0].evidence)
    for criterion in report.criteria:
        assert criterion.sentence in text
        assert criterion.sentence in page
    assert text.count("✓") == page.count("</svg>met</span>") == 1


def test_code_that_speaks_sqlite_is_a_cross_until_it_is_accepted(
    content_database: str, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("import sqlite3\n")
    assert statuses(look(content_database, tmp_path))["sqlite-gone"] is CriterionStatus.NOT_MET
    (tmp_path / "app.py").write_text("import sqlite3  # howdah: deprecated\n")
    assert statuses(look(content_database, tmp_path))["sqlite-gone"] is CriterionStatus.MET


def test_proposed_commands_name_the_target_and_quote_paths() -> None:
    unproven = RunStatus(**(vars(RUN) | {"proof": "", "source": "/my data/app.db"}))
    hint = judge_migration([unproven], (), "postgresql://me@db/app?host=/run/x").hint
    assert hint == "howdah verify '/my data/app.db' 'postgresql://me@db/app?host=/run/x'"
    assert judge_migration([unproven], ()).hint == "howdah verify '/my data/app.db'"
    running = RunStatus(**(vars(RUN) | {"status": "running", "next": "howdah migrate app.db"}))
    assert judge_migration([running], (), "postgresql://me@db/app").hint == (
        "howdah migrate app.db postgresql://me@db/app"
    )
    counts = dict.fromkeys(AuditState, 1)
    assert "\"howdah audit '/my data'\"" in judge_audit(counts, 3, "/my data").hint
