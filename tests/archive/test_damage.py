"""Whatever is wrong with a backup is refused before anything is restored from it, and nothing is touched."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from howdah.archive.disk_store import DiskStore
from howdah.archive.manifest import open_manifest, seal_manifest
from howdah.archive.repository import Repository
from howdah.errors import HowdahError, IntegrityError, RefusedError
from howdah.ops.backups import list_backups
from howdah.ops.drill import DrillRequest, drill
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import Kept, databases, flip_bit

KEY = b"a key that is long enough"


def check(kept: Kept, key: bytes | None = None) -> None:
    """What restore and drill do before they touch anything."""
    repository = Repository(DiskStore(kept.path), kept.name, key=key)
    repository.check_files(repository.open(kept.id).manifest)


def refusal(kept: Kept, key: bytes | None = None) -> IntegrityError:
    with pytest.raises(IntegrityError) as refused:
        check(kept, key)
    return refused.value


def sealed_again(kept: Kept, key: bytes | None, **changes: Any) -> None:
    """Rewrite the manifest as somebody would who knows the format, but not the key."""
    path = kept.directory / "manifest.json"
    envelope = json.loads(path.read_bytes())
    body = envelope["manifest"] | changes
    from howdah.model.backup import Manifest
    from howdah.model.serialize import from_json

    path.write_bytes(seal_manifest(from_json(Manifest, body), key))


def test_an_untouched_backup_is_whole(kept: Kept) -> None:
    check(kept)


@pytest.mark.parametrize("name", ["dump.pgc", "manifest.json"])
def test_every_flipped_bit_is_found(kept: Kept, name: str) -> None:
    path = kept.directory / name
    whole = path.read_bytes()
    dice = random.Random(7)
    for bit in [0, len(whole) * 8 - 9, *(dice.randrange(len(whole) * 8 - 8) for _ in range(150))]:
        flip_bit(path, bit)
        try:
            changed = json.loads(path.read_bytes()) if name == "manifest.json" else None
        except ValueError:
            changed = None
        if changed is None or changed != json.loads(whole):
            with pytest.raises(HowdahError):
                check(kept)
        path.write_bytes(whole)


def test_a_flipped_bit_of_the_dump_stops_restore_and_drill_before_anything_is_made(
    kept: Kept, new_database: str, server: Any
) -> None:
    flip_bit(kept.directory / "dump.pgc", 8 * (kept.directory / "dump.pgc").stat().st_size // 2)
    before = databases(server.dsn())
    request = TargetRequest(target=new_database)
    with pytest.raises(IntegrityError) as refused:
        restore(RestoreRequest(repository=kept.request, backup="latest", target=request))
    assert refused.value.code == "B-310"
    assert refused.value.exit_status == 8
    report = drill(DrillRequest(repository=kept.request, server=server.dsn()))
    assert (report.status, report.exit_status) == ("fail", 8)
    assert "B-310" in report.reason
    assert databases(server.dsn()) == before


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.999])
def test_a_dump_cut_short_is_found(kept: Kept, part: float) -> None:
    path = kept.directory / "dump.pgc"
    os.truncate(path, int(path.stat().st_size * part))
    assert refusal(kept).code == "B-310"


def test_a_dump_with_something_behind_it_is_found(kept: Kept) -> None:
    with open(kept.directory / "dump.pgc", "ab") as file:
        file.write(b"\0")
    assert refusal(kept).code == "B-310"


def second_backup(kept: Kept) -> Kept:
    """Another backup of the same database: whole by itself, with a dump of its own."""
    other = Kept(path=kept.path, id="2026-01-01T00-00-00Z_00000000")
    shutil.copytree(kept.directory, other.directory)
    dump = other.directory / "dump.pgc"
    dump.write_bytes(dump.read_bytes() + b"\0")
    import hashlib

    content = dump.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    file = {
        "name": "dump.pgc",
        "size": len(content),
        "plain_size": len(content),
        "sha256": digest,
        "plain_sha256": digest,
    }
    sealed_again(other, None, id=other.id, taken_at="2026-01-01T00:00:00Z", files=[file])
    check(other)
    return other


def test_dumps_swapped_between_two_backups_are_found(kept: Kept) -> None:
    other = second_backup(kept)
    first, second = kept.directory / "dump.pgc", other.directory / "dump.pgc"
    first.rename(kept.path / "aside")
    second.rename(first)
    (kept.path / "aside").rename(second)
    assert refusal(kept).code == "B-310"
    assert refusal(other).code == "B-310"


def test_whole_backups_swapped_are_found(kept: Kept) -> None:
    other = second_backup(kept)
    kept.directory.rename(kept.path / "aside")
    other.directory.rename(kept.directory)
    (kept.path / "aside").rename(other.directory)
    assert refusal(kept).code == "B-305"
    assert refusal(other).code == "B-305"


def test_a_backup_of_another_database_put_here_is_found(kept: Kept) -> None:
    shutil.copytree(kept.path / "sample", kept.path / "other")
    assert refusal(Kept(path=kept.path, id=kept.id, name="other")).code == "B-305"


def test_a_foreign_directory_is_no_backup(kept: Kept) -> None:
    place = kept.path / "sample" / "backups" / "foreign"
    place.mkdir()
    (place / "manifest.json").write_text('{"format": "something", "version": 1}')
    listed = {item.id: item for item in kept.repository.list_backups()}
    assert listed["foreign"].manifest is None
    with pytest.raises(IntegrityError, match="cannot be read"):
        kept.repository.open("foreign")


def test_with_a_key_files_and_manifest_replaced_together_are_found(kept: Kept) -> None:
    sealed_again(kept, KEY)
    check(kept, KEY)
    # The attacker rewrites both, so that every SHA-256 fits, but has no key.
    dump = kept.directory / "dump.pgc"
    other = second_backup(kept)
    shutil.copy(other.directory / "dump.pgc", dump)
    files = json.loads((other.directory / "manifest.json").read_bytes())["manifest"]["files"]
    sealed_again(kept, None, files=files)
    check(kept, None)
    assert refusal(kept, KEY).code == "B-303"
    sealed_again(kept, b"another key that is long", files=files)
    assert refusal(kept, KEY).code == "B-303"


def test_a_moment_without_a_zone_is_refused_for_it_is_no_instant(kept: Kept) -> None:
    sealed_again(kept, None, taken_at="2026-01-01T00:00:00")
    assert refusal(kept).code == "B-301"
    assert [item.manifest for item in kept.repository.list_backups()] == [None]


def test_a_damaged_record_of_a_drill_proves_nothing_and_stops_nothing(kept: Kept) -> None:
    assert drill(DrillRequest(repository=kept.request)).status == "pass"
    (record,) = (kept.path / "sample" / "drills").iterdir()
    record.write_text(json.dumps(json.loads(record.read_bytes()) | {"finished_at": "yesterday"}))
    report = list_backups(kept.request)
    assert report.entries[0].state == "unverified"
    assert report.ages[0].last_drill == ""


def test_a_wrong_key_is_refused(kept: Kept) -> None:
    sealed_again(kept, KEY)
    assert refusal(kept, b"another key that is long").code == "B-303"


def test_a_backup_of_a_newer_howdah_is_refused(kept: Kept) -> None:
    path = kept.directory / "manifest.json"
    envelope = json.loads(path.read_bytes())
    path.write_text(json.dumps(envelope | {"version": 2}))
    with pytest.raises(RefusedError, match="newer Howdah"):
        check(kept)


@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/passwd",
        "/etc/passwd",
        "dump.d/../../x",
        "dump.d/sub/x",
        "..",
        ".hidden",
        "a\0b",
        "a\nb",
        "",
        "manifest.json",
        "a" * 300,
    ],
)
def test_names_that_lead_elsewhere_are_refused(kept: Kept, name: str) -> None:
    files = json.loads((kept.directory / "manifest.json").read_bytes())["manifest"]["files"]
    sealed_again(kept, None, files=[files[0] | {"name": name}])
    assert refusal(kept).code == "B-304"


@pytest.mark.parametrize("backup_id", ["../sample", "..", "a/b", ".partial", ""])
def test_ids_that_lead_elsewhere_are_refused(kept: Kept, backup_id: str) -> None:
    with pytest.raises(RefusedError, match="There is no backup"):
        kept.repository.open(backup_id)


def test_links_are_not_followed(kept: Kept, tmp_path: Path) -> None:
    """Neither in the place of a file, nor of a backup's directory, nor of the manifest."""
    elsewhere = tmp_path / "elsewhere"
    (kept.directory / "dump.pgc").rename(elsewhere)
    (kept.directory / "dump.pgc").symlink_to(elsewhere)
    assert refusal(kept).code == "B-307"
    (kept.directory / "dump.pgc").unlink()
    elsewhere.rename(kept.directory / "dump.pgc")
    check(kept)
    moved = tmp_path / "moved"
    kept.directory.rename(moved)
    kept.directory.symlink_to(moved)
    assert refusal(kept).code == "B-307"


def test_a_fifo_in_the_place_of_the_dump_does_not_hang_it(kept: Kept) -> None:
    (kept.directory / "dump.pgc").unlink()
    os.mkfifo(kept.directory / "dump.pgc")
    with pytest.raises(HowdahError):
        check(kept)


def test_a_newest_backup_that_is_damaged_is_not_passed_over_in_silence(kept: Kept, new_database: str) -> None:
    other = second_backup(kept)
    (kept.directory / "manifest.json").write_text("{")
    with pytest.raises(IntegrityError) as refused:
        restore(
            RestoreRequest(
                repository=kept.request, backup="latest", target=TargetRequest(target=new_database)
            )
        )
    assert kept.id in refused.value.message
    assert other.id in kept.repository.ids()


def test_a_manifest_that_lies_about_the_rows_fails_the_drill_and_the_restore(
    kept: Kept, new_database: str, server: Any
) -> None:
    """The archive is whole and the manifest too, but they do not belong together."""
    tables = json.loads((kept.directory / "manifest.json").read_bytes())["manifest"]["tables"]
    orders = next(table for table in tables if table["name"] == "orders")
    for change, kind in (
        ({"rows": 2999}, "rows"),
        ({"digest": "0" * 32}, "digest"),
        ({"name": "o"}, "table"),
    ):
        changed = [table | change if table is orders else table for table in tables]
        sealed_again(kept, None, tables=changed)
        report = drill(DrillRequest(repository=kept.request, server=server.dsn()))
        assert (report.status, report.exit_status) == ("fail", 3)
        assert [difference.kind for difference in report.differences] == [kind]
    before = databases(server.dsn())
    failed = restore(
        RestoreRequest(repository=kept.request, backup="latest", target=TargetRequest(target=new_database))
    )
    assert (failed.status, failed.exit_status) == ("different", 3)
    assert databases(server.dsn()) == before


def test_missing_objects_and_sequences_behind_fail_the_drill(kept: Kept, server: Any) -> None:
    body = json.loads((kept.directory / "manifest.json").read_bytes())["manifest"]
    objects = [*body["objects"], {"kind": "index", "schema": "public", "table": "orders", "name": "lost"}]
    sequences = [
        item | {"last_value": 10**6} if item["table"] == "orders" else item for item in body["sequences"]
    ]
    sealed_again(kept, None, objects=objects, sequences=sequences)
    report = drill(DrillRequest(repository=kept.request, server=server.dsn()))
    assert report.status == "fail"
    assert {difference.kind for difference in report.differences} == {"object", "sequence"}


def test_a_missing_extension_is_the_environments_fault_and_leaves_the_backup_as_it_was(
    kept: Kept, server: Any
) -> None:
    database = json.loads((kept.directory / "manifest.json").read_bytes())["manifest"]["database"]
    drill(DrillRequest(repository=kept.request, server=server.dsn()))
    sealed_again(kept, None, database=database | {"extensions": {"postgis_of_nowhere": "1"}})
    report = drill(DrillRequest(repository=kept.request, server=server.dsn()))
    assert (report.status, report.exit_status) == ("environment", 7)
    assert "postgis_of_nowhere" in report.reason
    assert kept.repository.list_backups()[0].verified


def test_a_missing_locale_is_said_and_does_not_fail_the_drill(kept: Kept, server: Any) -> None:
    database = json.loads((kept.directory / "manifest.json").read_bytes())["manifest"]["database"]
    sealed_again(kept, None, database=database | {"collate": "xx_YY.UTF-8", "ctype": "xx_YY.UTF-8"})
    report = drill(DrillRequest(repository=kept.request, server=server.dsn()))
    assert report.status == "pass"
    assert any("xx_YY.UTF-8" in note for note in report.notes)


def test_the_users_own_questions_must_be_answered(kept: Kept, server: Any, tmp_path: Path) -> None:
    smoke = tmp_path / "smoke.sql"

    def verdict(text: str) -> tuple[str, str]:
        smoke.write_text(text)
        report = drill(DrillRequest(repository=kept.request, server=server.dsn(), smoke=smoke))
        return report.status, report.reason

    assert verdict("SELECT count(*) > 2000 FROM orders; SELECT 1;")[0] == "pass"
    status, reason = verdict("SELECT 1; SELECT count(*) > 5000 FROM orders;")
    assert status == "fail"
    assert "statement 2" in reason
    assert verdict("SELECT * FROM missing")[0] == "fail"


def test_what_is_sealed_opens_again_and_nothing_else_does(kept: Kept) -> None:
    content = (kept.directory / "manifest.json").read_bytes()
    opened = open_manifest(content, backup_id=kept.id, name="sample", key=None)
    assert not opened.authenticated
    again = seal_manifest(opened.manifest, KEY)
    assert open_manifest(again, backup_id=kept.id, name="sample", key=KEY).authenticated


def test_a_repository_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no backups"):
        drill(DrillRequest(repository=RepositoryRequest(location=str(tmp_path / "nowhere"))))
