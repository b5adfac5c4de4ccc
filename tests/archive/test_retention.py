"""What may go, and what never does."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.archive.manifest import seal_manifest
from howdah.archive.retention import Candidate, RetentionPolicy, decide_retention
from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.model.backup import DrillReport, Manifest
from howdah.model.serialize import from_json
from howdah.ops.backups import bring_back, forget_backups, list_backups, show_backup
from support.archives import Kept

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def daily(days: int, *, verified: bool = True) -> list[Candidate]:
    """One backup each day at 02:00, the newest today."""
    first = NOW.replace(hour=2)
    return [
        Candidate(
            id=f"{first - timedelta(days=n):%Y-%m-%d}", taken_at=first - timedelta(days=n), verified=verified
        )
        for n in range(days)
    ]


def kept(candidates: list[Candidate], policy: RetentionPolicy) -> list[str]:
    return [decision.id for decision in decide_retention(candidates, policy, NOW) if decision.keep]


def test_seven_days_four_weeks_and_two_months_are_these() -> None:
    """Days by hand from the calendar of 2026: 28 November is a Saturday."""
    policy = RetentionPolicy(daily=7, weekly=4, monthly=2)
    assert kept(daily(60), policy) == [
        "2026-11-28",
        "2026-11-27",
        "2026-11-26",
        "2026-11-25",
        "2026-11-24",
        "2026-11-23",
        "2026-11-22",
        # The last of each ISO week before, and of October.
        "2026-11-15",
        "2026-11-08",
        "2026-10-31",
    ]


def test_without_rules_everything_stays() -> None:
    assert len(kept(daily(90), RetentionPolicy())) == 90


def test_nothing_goes_while_none_has_passed_a_drill() -> None:
    assert len(kept(daily(30, verified=False), RetentionPolicy(last=1))) == 30


def test_the_newest_verified_stays_behind_newer_ones_that_are_not() -> None:
    candidates = [
        Candidate(id=item.id, taken_at=item.taken_at, verified=number == 20)
        for number, item in enumerate(daily(30))
    ]
    assert kept(candidates, RetentionPolicy(last=2)) == ["2026-11-28", "2026-11-27", "2026-11-08"]


def test_what_cannot_be_read_is_left_for_a_person() -> None:
    candidates = [
        *daily(5),
        Candidate(id="odd", taken_at=NOW - timedelta(days=99), verified=False, readable=False),
    ]
    assert "odd" in kept(candidates, RetentionPolicy(last=1))


@given(
    ages=st.lists(st.tuples(st.integers(0, 400 * 24), st.booleans(), st.booleans()), max_size=40),
    last=st.none() | st.integers(0, 5),
    days=st.none() | st.integers(0, 5),
    weeks=st.none() | st.integers(0, 5),
)
def test_whatever_the_rules_the_newest_the_newest_verified_and_the_young_stay(
    ages: list[tuple[int, bool, bool]], last: int | None, days: int | None, weeks: int | None
) -> None:
    candidates = [
        Candidate(
            id=str(number),
            taken_at=NOW - timedelta(hours=hours),
            verified=verified and readable,
            readable=readable,
        )
        for number, (hours, verified, readable) in enumerate(ages)
    ]
    policy = RetentionPolicy(last=last, daily=days, weekly=weeks)
    decisions = decide_retention(candidates, policy, NOW)
    going = {decision.id for decision in decisions if not decision.keep}
    assert all(decision.reasons for decision in decisions)
    readable = [item for item in candidates if item.readable]
    verified = [item for item in readable if item.verified]
    if going:
        assert verified
    for group in (readable, verified):
        if group:
            newest = max(item.taken_at for item in group)
            assert [item for item in group if item.taken_at == newest and item.id not in going]
    for item in candidates:
        if NOW - item.taken_at < timedelta(hours=24) or not item.readable:
            assert item.id not in going
    # A second look at what is left removes no more.
    left = [item for item in candidates if item.id not in going]
    assert all(decision.keep for decision in decide_retention(left, policy, NOW))


def add_backup(kept_one: Kept, days_old: int, *, verified: bool) -> str:
    """Put an older copy of the backup beside it, with a drill that passed if it is verified."""
    moment = datetime.now(UTC) - timedelta(days=days_old)
    backup_id = f"{moment:%Y-%m-%dT%H-%M-%SZ}_{days_old:08}"
    place = kept_one.path / "sample" / "backups" / backup_id
    shutil.copytree(kept_one.directory, place)
    body = json.loads((place / "manifest.json").read_bytes())["manifest"]
    changed = body | {"id": backup_id, "taken_at": moment.isoformat().replace("+00:00", "Z")}
    (place / "manifest.json").write_bytes(seal_manifest(from_json(Manifest, changed), None))
    if verified:
        kept_one.repository.record_drill(
            DrillReport(
                status="pass",
                exit_status=0,
                backup=backup_id,
                repository=str(kept_one.path),
                name="sample",
                started_at=moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
            )
        )
    return backup_id


def test_a_dry_run_says_why_and_removes_nothing(kept: Kept) -> None:
    old = add_backup(kept, 40, verified=False)
    older = add_backup(kept, 50, verified=True)
    report = forget_backups(kept.request, RetentionPolicy(last=1), dry_run=True)
    reasons = {decision.id: (decision.keep, decision.reasons) for decision in report.decisions}
    assert reasons[old] == (False, ("no rule keeps it",))
    assert reasons[older] == (True, ("the newest that passed a drill",))
    assert kept.repository.ids() == sorted([kept.id, old, older])


def test_what_is_forgotten_can_come_back_for_a_day_and_then_its_files_go(kept: Kept) -> None:
    old = add_backup(kept, 40, verified=False)
    add_backup(kept, 50, verified=True)
    report = forget_backups(kept.request, RetentionPolicy(last=1))
    assert report.forgotten == (old,)
    assert old not in kept.repository.ids()
    assert (kept.path / "sample/backups" / old / "dump.pgc").exists()
    bring_back(kept.request, old)
    assert show_backup(kept.request, old, check=True).whole
    forget_backups(kept.request, RetentionPolicy(last=1))
    with kept.repository.lease() as lease:
        assert kept.repository.purge(lease, now=datetime.now(UTC) + timedelta(hours=23)) == ()
        assert kept.repository.purge(lease, now=datetime.now(UTC) + timedelta(hours=25)) == (old,)
    assert not (kept.path / "sample/backups" / old).exists()
    with pytest.raises(RefusedError, match="cannot be brought back"):
        bring_back(kept.request, old)


def test_the_day_begins_anew_for_a_backup_that_is_forgotten_once_more(kept: Kept) -> None:
    old = add_backup(kept, 40, verified=False)
    repository = kept.repository
    with repository.lease() as lease:
        repository.forget(old, lease)
        # Its day begins when it is seen.
        assert repository.purge(lease, now=datetime.now(UTC)) == ()
        since = kept.path / f"sample/tombstones/{old}.since"
        since.write_text((datetime.now(UTC) - timedelta(days=9)).isoformat())
    bring_back(kept.request, old)
    assert not since.exists()
    with repository.lease() as lease:
        repository.forget(old, lease)
        assert repository.purge(lease, now=datetime.now(UTC)) == ()
    bring_back(kept.request, old)
    assert show_backup(kept.request, old, check=True).whole


def test_a_backup_that_is_listed_is_not_purged_though_its_grave_was_left(kept: Kept) -> None:
    old = add_backup(kept, 40, verified=False)
    # As a process leaves it that is killed between the two files of "forget" or of "--undo".
    grave = kept.path / "sample/tombstones"
    grave.mkdir()
    shutil.copy(kept.path / "sample/backups" / old / "manifest.json", grave / f"{old}.json")
    with kept.repository.lease() as lease:
        assert kept.repository.purge(lease, now=datetime.now(UTC), everything=True) == ()
    assert show_backup(kept.request, old, check=True).whole


def test_a_directory_that_cannot_be_read_is_not_taken_for_an_empty_one(kept: Kept) -> None:
    place = kept.path / "sample/backups"
    place.rename(kept.path / "elsewhere")
    place.write_text("a file in the place of the directory")
    with pytest.raises(EnvironmentFailedError) as failed:
        list_backups(kept.request)
    assert failed.value.code == "B-202"


def test_the_newest_and_the_newest_verified_are_not_removed_by_name_either(kept: Kept) -> None:
    older = add_backup(kept, 50, verified=True)
    for backup_id in (kept.id, older):
        with pytest.raises(RefusedError, match="is not removed"):
            forget_backups(kept.request, RetentionPolicy(), backup=backup_id)


def test_the_list_tells_states_and_ages(kept: Kept) -> None:
    add_backup(kept, 50, verified=True)
    broken = add_backup(kept, 60, verified=False)
    (kept.path / "sample/backups" / broken / "manifest.json").write_text("nonsense")
    report = list_backups(kept.request)
    assert [entry.state for entry in report.entries] == ["unverified", "verified", "unreadable"]
    assert report.ages[0].backups == 2
    assert report.status == "warn"
    assert any("passed a drill is old" in warning for warning in report.warnings)
