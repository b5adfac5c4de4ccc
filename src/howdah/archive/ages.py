"""
The ages of a repository that matter, and what health makes of them. `read_ages` reads, the rest is pure.

A late backup warns and never fails: it is no reason to take an application out of service.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from howdah.archive.manifest import read_moment, write_moment
from howdah.archive.repository import ListedBackup, Repository
from howdah.archive.schedule import read_schedule
from howdah.model.backup import DrillReport
from howdah.model.backup_reports import BackupAges
from howdah.model.health import HealthCheck, HealthStatus
from howdah.units import format_seconds

#: Without a schedule to go by, a newest backup is late after so many seconds…
LATE_SECONDS = 26 * 3600.0
#: …and so is the newest that passed a drill after these.
UNVERIFIED_SECONDS = 8 * 24 * 3600.0


def read_ages(repository: Repository, now: datetime | None = None) -> BackupAges:
    """Read the ages of one database's backups. Raises what the store raises."""
    return find_ages(
        repository.store.location,
        repository.name,
        repository.list_backups(),
        repository.drills(),
        _read_next(repository),
        now or datetime.now(UTC),
    )


def find_ages(
    location: str,
    name: str,
    listed: Iterable[ListedBackup],
    drills: Iterable[DrillReport],
    next_at: str,
    now: datetime,
) -> BackupAges:
    """Put the ages together."""
    readable = [item for item in listed if item.manifest is not None]
    verified = [item for item in readable if item.verified]
    kept = list(drills)
    passed = [drill for drill in kept if drill.status == "pass" and drill.finished_at]
    return BackupAges(
        repository=location,
        name=name,
        backups=len(readable),
        newest=readable[0].id if readable else "",
        newest_age_seconds=_age(readable[0].taken_at, now) if readable else None,
        newest_verified=verified[0].id if verified else "",
        newest_verified_age_seconds=_age(verified[0].taken_at, now) if verified else None,
        last_passed_drill_age_seconds=_age(read_moment(passed[-1].finished_at), now) if passed else None,
        newest_taken_at=readable[0].manifest.taken_at if readable and readable[0].manifest else "",
        newest_size=readable[0].manifest.size if readable and readable[0].manifest else 0,
        last_drill=kept[-1].status if kept else "",
        last_drill_at=kept[-1].finished_at if kept else "",
        last_drill_seconds=(kept[-1].rto_seconds or 0.0) if kept else 0.0,
        size=sum(item.manifest.size for item in readable if item.manifest is not None),
        next_at=next_at,
        overdue_seconds=max(0.0, _age(read_moment(next_at), now)) if next_at else 0.0,
    )


def check_ages(ages: BackupAges, *, late: float = LATE_SECONDS) -> tuple[HealthCheck, ...]:
    """Return the checks of the health endpoint."""
    return (
        _check(
            "backup:age", ages.newest_age_seconds, late, "There is no backup.", "The newest backup is late."
        ),
        _check(
            "backup:verified-age",
            ages.newest_verified_age_seconds,
            max(UNVERIFIED_SECONDS, late),
            "No backup has passed a drill.",
            "The newest backup that passed a drill is old.",
        ),
        HealthCheck(
            name="backup:drill",
            component_type="system",
            status=HealthStatus.WARN if ages.last_drill == "fail" else HealthStatus.PASS,
            observed_value=ages.last_drill or "none",
            output="The last drill failed." if ages.last_drill == "fail" else "",
        ),
    )


def warnings_of(ages: BackupAges) -> tuple[str, ...]:
    """Return the same in sentences, for a list of backups."""
    found = [f"{ages.name}: {check.output}" for check in check_ages(ages) if check.output]
    if ages.overdue_seconds > 60:
        found.append(f"{ages.name}: the scheduled backup is {format_seconds(ages.overdue_seconds)} overdue.")
    return tuple(found)


def _check(name: str, age: float | None, late: float, absent: str, old: str) -> HealthCheck:
    output = absent if age is None else old if age > late else ""
    return HealthCheck(
        name=name,
        component_type="system",
        status=HealthStatus.WARN if output else HealthStatus.PASS,
        observed_value=round(age) if age is not None else None,
        observed_unit="s",
        output=output,
    )


def _age(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds()


def _read_next(repository: Repository) -> str:
    remembered = read_schedule(repository)
    return write_moment(remembered.next_at) if remembered is not None else ""
