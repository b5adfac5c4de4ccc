"""The same repository on an S3 server: moto's, over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from howdah.archive.repository import Repository
from howdah.archive.retention import RetentionPolicy
from howdah.archive.store import open_store
from howdah.errors import EnvironmentFailedError, HowdahError, IntegrityError, RefusedError
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.backups import forget_backups, list_backups
from howdah.ops.drill import DrillRequest, drill
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import SAMPLE_ROWS, ask
from support.s3_server import BUCKET, S3Server

PLACE = RepositoryRequest(location=f"s3://{BUCKET}/below/here")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        # A request that fails is tried twice; five times are for people.
        monkeypatch.setattr("howdah.archive.s3_store._ATTEMPTS", 2)
        yield server


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE item AS SELECT 1 AS one")
    connection.close()
    return path


def back_up(target: str | Path, **options: object) -> str:
    request = BackupRequest(repository=PLACE, target=TargetRequest(target=str(target)), **options)  # type: ignore[arg-type]
    return backup(request).backup


def test_a_database_goes_to_s3_is_drilled_from_there_and_comes_back(
    s3: S3Server, sample: str, new_database: str, server: object
) -> None:
    made = backup(BackupRequest(repository=PLACE, target=TargetRequest(target=sample), drill="never"))
    keys = {item["Key"] for item in s3.client().list_objects_v2(Bucket=BUCKET)["Contents"]}
    prefix = f"below/here/{made.name}/backups/{made.backup}"
    assert {f"{prefix}/dump.pgc", f"{prefix}/manifest.json"} <= keys
    # The lease is given back.
    assert f"below/here/{made.name}/lease.json" not in keys
    assert drill(DrillRequest(repository=PLACE, server=sample)).status == "pass"
    restore(RestoreRequest(repository=PLACE, backup="latest", target=TargetRequest(target=new_database)))
    assert ask(new_database, "SELECT count(*) FROM orders") == [(SAMPLE_ROWS["public.orders"],)]


def test_a_stored_object_that_was_changed_is_refused(s3: S3Server, app: Path, tmp_path: Path) -> None:
    made = back_up(app)
    key = f"below/here/app/backups/{made}/database.sqlite.zst"
    content = bytearray(s3.client().get_object(Bucket=BUCKET, Key=key)["Body"].read())
    content[-1] ^= 1
    s3.client().put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    with pytest.raises(IntegrityError) as refused:
        restore(
            RestoreRequest(
                repository=PLACE, backup="latest", target=TargetRequest(target=str(tmp_path / "back.db"))
            )
        )
    assert refused.value.code == "B-310"
    assert not (tmp_path / "back.db").exists()


@pytest.mark.slow
def test_whatever_request_is_answered_with_503_the_last_good_backup_stays_and_the_next_one_works(
    s3: S3Server, app: Path
) -> None:
    """One failure at every request in turn, longer than it is tried: loud, or the backup is whole."""
    back_up(app)
    start = s3.requests
    back_up(app)
    length = s3.requests - start
    for number in range(0, length, max(1, length // 6)):
        begin = s3.requests + number
        s3.fault = lambda method, path, begin=begin: 503 if s3.requests > begin else None  # type: ignore[misc]
        with pytest.raises(HowdahError) as failure:
            back_up(app)
        assert failure.value.exit_status == 7
        assert "testing-secret" not in str(failure.value)
        s3.fault = lambda method, path: None
        # As when the machine that failed is found dead.
        for item in (
            s3.client().list_objects_v2(Bucket=BUCKET, Prefix="below/here/app/lease.json").get("Contents", ())
        ):
            s3.client().delete_object(Bucket=BUCKET, Key=item["Key"])
        repository = Repository(open_store(PLACE.location or ""), "app")
        listed = repository.list_backups()
        assert len(listed) >= 2
        for item in listed:
            assert item.manifest is not None
            repository.check_files(item.manifest)
    made = back_up(app)
    assert list_backups(PLACE).entries[0].id == made
    # Nothing of what was cut short is left.
    repository = Repository(open_store(PLACE.location or ""), "app")
    assert set(repository.store.list_directories("app/backups/")) == set(repository.ids())


@pytest.mark.parametrize("part", ["database.sqlite.zst", "manifest.json"])
def test_an_upload_that_goes_on_failing_is_loud_and_the_last_good_backup_stays(
    s3: S3Server, app: Path, part: str
) -> None:
    good = back_up(app)
    s3.fault = lambda method, path: 503 if method == "PUT" and path.endswith(part) else None
    with pytest.raises(EnvironmentFailedError, match="The S3 store failed"):
        back_up(app)
    s3.fault = lambda method, path: None
    assert [entry.id for entry in list_backups(PLACE).entries] == [good]
    made = back_up(app)
    repository = Repository(open_store(PLACE.location or ""), "app")
    assert repository.ids() == sorted([good, made])
    # What was cut short is gone.
    assert set(repository.store.list_directories("app/backups/")) == {good, made}


def test_a_single_503_is_tried_again(s3: S3Server, app: Path) -> None:
    failed: list[str] = []

    def once(method: str, path: str) -> int | None:
        if method == "PUT" and "database" in path and not failed:
            failed.append(path)
            return 503
        return None

    s3.fault = once
    made = back_up(app)
    assert failed
    assert list_backups(PLACE).entries[0].id == made


def test_two_never_overlap(s3: S3Server, app: Path) -> None:
    repository = Repository(open_store(PLACE.location or ""), "app")
    with repository.lease(), pytest.raises(RefusedError, match="Another Howdah is working"):
        back_up(app)
    back_up(app)


def test_retention_and_undo_work_without_renames(s3: S3Server, app: Path) -> None:
    first = back_up(app)
    second = back_up(app)
    report = forget_backups(PLACE, RetentionPolicy(), backup=first, purge=False)
    assert report.forgotten == (first,)
    repository = Repository(open_store(PLACE.location or ""), "app")
    assert repository.ids() == [second]
    with repository.lease() as lease:
        assert repository.bring_back(first, lease)
        repository.forget(first, lease)
        assert repository.purge(lease, now=datetime.now(UTC), everything=True) == (first,)
    assert repository.ids() == [second]


def test_a_store_that_is_not_there_is_said(s3: S3Server, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(EnvironmentFailedError, match="The S3 store failed"):
        back_up(app)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    request = BackupRequest(
        repository=RepositoryRequest(location="s3://no-such-bucket"), target=TargetRequest(target=str(app))
    )
    with pytest.raises(EnvironmentFailedError, match="The S3 store failed") as failure:
        backup(request)
    assert "NoSuchBucket" in failure.value.detail


def test_the_database_itself_is_not_touched_by_a_store_that_fails(s3: S3Server, sample: str) -> None:
    s3.fault = lambda method, path: 503 if method == "PUT" and "dump" in path else None
    with pytest.raises(EnvironmentFailedError):
        back_up(sample, drill="never")
    with psycopg.connect(sample) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'howdah%'"
        assert connection.execute(query).fetchone() == (0,)
