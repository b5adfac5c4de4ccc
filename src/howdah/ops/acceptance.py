"""
What each acceptance criterion makes of what was seen. Pure: reports in, criteria out.

A criterion is met by evidence alone. What nobody could look at (no repository named, no service
running) is "not seen", and counts as not met.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from howdah.errors import HowdahError
from howdah.model.acceptance import Criterion, CriterionStatus
from howdah.model.audit import AuditState
from howdah.model.backup_reports import BackupAges
from howdah.model.content import ContentVerifyReport
from howdah.model.health import HealthReport, HealthStatus
from howdah.model.verb_reports import RunStatus
from howdah.units import format_amount, format_count, format_seconds

#: Seconds after which a passed drill says nothing of today any more.
DRILL_COUNTS_FOR = 31 * 86400.0

#: Of the pool, in the status of a running service.
_GAUGES = frozenset({"used", "idle", "waiting", "min_size", "max_size"})

SENTENCES = {
    "entities": "All entities are in PostgreSQL.",
    "no-loss": "The migration lost nothing, and its proof holds.",
    "sqlite-gone": "Code paths that speak SQLite are removed or marked as deprecated.",
    "pool": "Connections are pooled, as configured and as seen live.",
    "backup": "Backup and restore are documented, and were drilled.",
    "health": "The health endpoint answers.",
}


def failed(name: str, error: HowdahError) -> Criterion:
    """Return the criterion that an error kept from being looked at."""
    detail = (error.detail,) if error.detail else ()
    return _criterion(name, False, f"{error.code}: {error.message}", *detail, hint=error.hint)


def not_seen(name: str, why: str, hint: str) -> Criterion:
    """Return a criterion for which nothing was named to look at."""
    return Criterion(
        name=name,
        sentence=SENTENCES[name],
        status=CriterionStatus.NOT_SEEN,
        evidence=(why,),
        hint=hint,
    )


def judge_entities(report: ContentVerifyReport) -> Criterion:
    """Every content type has its tables, and an entry of each could be made, read, changed and removed."""
    types = [check for check in report.types if check.origin == "content-type"]
    wrong = [check.table for check in report.types if not check.ok]
    probed = "compared, and probed by an entry that was rolled back" if report.probed else "compared"
    others = len(report.types) - len(types)
    evidence = [
        f"{len(types)} content types, {others} components and built-in types: {probed}.",
        ", ".join(f"{check.table} {format_count(check.rows or 0)}" for check in types) + " rows.",
    ]
    if wrong:
        evidence.append(f"Off: {', '.join(wrong)} ({len(report.differences)} differences).")
    return _criterion(
        "entities",
        bool(types) and report.exit_status == 0,
        *evidence,
        hint='"howdah content verify" names each difference.',
    )


def judge_migration(runs: Sequence[RunStatus], left_out: Sequence[str], target: str = "") -> Criterion:
    """
    The newest run that stands is finished and proven, and no row of it is set aside.

    `target` is how the target was named, "" where commands find it without.
    """
    named = f" {shlex.quote(target)}" if target else ""
    run = next((run for run in runs if run.status != "undone"), None)
    if run is None:
        return _criterion(
            "no-loss", False, "No migration is recorded in this database.", hint="howdah migrate"
        )
    proven = run.status == "done" and run.proof == "proven"
    evidence = [
        f"Run {run.id} is {run.status}: {format_count(run.rows)} rows of {run.tables} tables.",
        f"Its newest proof, {run.proven_at}, says {run.proof}." if run.proof else "It was never proven.",
        f"{format_count(run.rows_quarantined)} rows are in quarantine.",
    ]
    if left_out:
        evidence.append(f"Left out because somebody asked for it: {', '.join(left_out)}.")
    hint = (run.next if run.status != "done" else f"howdah verify {shlex.quote(run.source)}") + named
    if run.rows_quarantined:
        hint = 'See "howdah quarantine list", and "retry" or agree to lose them.'
    return _criterion("no-loss", proven and not run.rows_quarantined, *evidence, hint=hint)


def judge_pool(minimum: int, maximum: int, status: Mapping[str, Any] | None) -> Criterion:
    """The settings name a pool, and the running service has one of that shape."""
    configured = f"Configured: {minimum} to {maximum} connections (DATABASE_POOL_MIN, DATABASE_POOL_MAX)."
    if status is None:
        return not_seen(
            "pool", f"{configured} No running service was named.", "Name its admin port: --service."
        )
    gauges = status.get("pool")
    if not isinstance(gauges, Mapping) or not gauges.keys() >= _GAUGES:
        return _criterion("pool", False, configured, "The service answers, and has no pool.")
    live = {name: int(gauges[name]) for name in _GAUGES}
    return _criterion(
        "pool",
        live["max_size"] >= 1 and live["used"] + live["idle"] >= min(1, live["min_size"]),
        configured,
        f"Live: {live['used']} in use, {live['idle']} idle, {live['waiting']} requests waiting;"
        f" the service keeps {live['min_size']} and opens {live['max_size']} at most.",
        hint='The service has no connection: see "howdah health" on its admin port.',
    )


def judge_backups(ages: BackupAges, documents: Sequence[str]) -> Criterion:
    """The newest drill passed not long ago, and how to restore is written down."""
    drilled = ages.last_passed_drill_age_seconds
    recent = ages.last_drill == "pass" and drilled is not None and drilled <= DRILL_COUNTS_FOR
    evidence = [f"{format_amount(ages.backups, 'backup')} in {ages.repository}/{ages.name}."]
    if ages.newest_age_seconds is not None:
        evidence.append(f"The newest is {format_seconds(ages.newest_age_seconds)} old.")
    if drilled is None:
        evidence.append("No drill ever passed.")
    else:
        evidence.append(f"A drill passed {format_seconds(drilled)} ago; the newest said {ages.last_drill}.")
    evidence.append(
        f"Written down in {', '.join(documents)}."
        if documents
        else "No document below the project says how to back up and restore."
    )
    hint = (
        "howdah drill"
        if not recent
        else "Write down who restores what, how, in a file such as docs/backup.md."
    )
    return _criterion("backup", recent and bool(documents), *evidence, hint=hint)


def judge_health(report: HealthReport) -> Criterion:
    """It answers, and no check fails."""
    checks = [
        f"{check.name}: {check.status.value}{f', {check.output}' if check.output else ''}"
        for check in report.checks
    ]
    return _criterion(
        "health",
        report.status is not HealthStatus.FAIL,
        f"{report.target} says {report.status.value}.",
        *checks,
        hint="What fails is named above.",
    )


def judge_audit(counts: Mapping[AuditState, int], exit_status: int, path: str) -> Criterion:
    """No finding is open that would keep the audit from ending well."""
    return _criterion(
        "sqlite-gone",
        exit_status == 0,
        f"{path}: {format_count(counts[AuditState.OPEN])} open findings,"
        f" {format_count(counts[AuditState.DEPRECATED])} marked as deprecated,"
        f" {format_count(counts[AuditState.ACCEPTED])} accepted by the baseline.",
        hint=f'"howdah audit {shlex.quote(path)}" names each with its replacement.',
    )


def _criterion(name: str, met: bool, *evidence: str, hint: str = "") -> Criterion:
    return Criterion(
        name=name,
        sentence=SENTENCES[name],
        status=CriterionStatus.MET if met else CriterionStatus.NOT_MET,
        evidence=evidence,
        hint="" if met else hint,
    )
