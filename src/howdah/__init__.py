"""
Howdah carries an application from SQLite onto PostgreSQL and proves that nothing was lost.

The verbs of the command line are functions here, with the same names where they have
one. Each takes a request object, returns the report object that the command line
renders, and raises `HowdahError` where the command line would say why it could not.
Nothing is printed, and nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from howdah.errors import (
        BugError,
        DifferenceError,
        EnvironmentFailedError,
        ExitStatus,
        HowdahError,
        IntegrityError,
        InterruptedRunError,
        RefusedError,
        UsageError,
    )
    from howdah.model.backup import DrillReport
    from howdah.model.backup_reports import BackupReport, RestoreReport
    from howdah.model.plan import Plan, PlanOptions, RejectPolicy
    from howdah.model.report import RunReport, to_json
    from howdah.model.verb_reports import (
        CleanReport,
        DoctorReport,
        InspectReport,
        QuarantineReport,
        RollbackReport,
        ServerReport,
        StatusReport,
    )
    from howdah.ops import backups, pg, pool, quarantine
    from howdah.ops.accept import AcceptRequest, accept
    from howdah.ops.audit import AuditRequest
    from howdah.ops.audit import audit as audit_project
    from howdah.ops.backup import BackupRequest, backup
    from howdah.ops.clean import clean
    from howdah.ops.content import ContentRequest, list_content
    from howdah.ops.content import create as create_content
    from howdah.ops.content import verify as verify_content
    from howdah.ops.cutover import CutoverRequest, cutover
    from howdah.ops.doctor import examine as doctor
    from howdah.ops.drill import DrillRequest, drill
    from howdah.ops.finalize import finalize
    from howdah.ops.follow import FollowRequest, follow
    from howdah.ops.follow import stop as stop_following
    from howdah.ops.health import check_health
    from howdah.ops.inspect import inspect
    from howdah.ops.migrate import MigrateRequest, migrate
    from howdah.ops.plan import PlanRequest, plan
    from howdah.ops.repositories import RepositoryRequest
    from howdah.ops.restore import RestoreRequest, restore
    from howdah.ops.rollback import rollback
    from howdah.ops.serve import ServeRequest, serve
    from howdah.ops.status import status
    from howdah.ops.target import TargetRequest
    from howdah.ops.verify import VerifyRequest
    from howdah.ops.verify import verify_run as verify

    __version__: str

#: Name → module that has it; a name of its own there stands behind a colon.
_HOMES = {
    **dict.fromkeys(
        (
            "BugError",
            "DifferenceError",
            "EnvironmentFailedError",
            "ExitStatus",
            "HowdahError",
            "IntegrityError",
            "InterruptedRunError",
            "RefusedError",
            "UsageError",
        ),
        "errors",
    ),
    **dict.fromkeys(("Plan", "PlanOptions", "RejectPolicy"), "model.plan"),
    **dict.fromkeys(("RunReport", "to_json"), "model.report"),
    **dict.fromkeys(
        (
            "CleanReport",
            "DoctorReport",
            "InspectReport",
            "QuarantineReport",
            "RollbackReport",
            "ServerReport",
            "StatusReport",
        ),
        "model.verb_reports",
    ),
    "BackupReport": "model.backup_reports",
    "BackupRequest": "ops.backup",
    "DrillReport": "model.backup",
    "DrillRequest": "ops.drill",
    "RepositoryRequest": "ops.repositories",
    "RestoreReport": "model.backup_reports",
    "RestoreRequest": "ops.restore",
    "backup": "ops.backup",
    "drill": "ops.drill",
    "restore": "ops.restore",
    "clean": "ops.clean",
    "finalize": "ops.finalize",
    "doctor": "ops.doctor:examine",
    "inspect": "ops.inspect",
    "MigrateRequest": "ops.migrate",
    "migrate": "ops.migrate",
    "PlanRequest": "ops.plan",
    "plan": "ops.plan",
    "rollback": "ops.rollback",
    "status": "ops.status",
    "TargetRequest": "ops.target",
    "VerifyRequest": "ops.verify",
    "verify": "ops.verify:verify_run",
    "AcceptRequest": "ops.accept",
    "accept": "ops.accept",
    "CutoverRequest": "ops.cutover",
    "cutover": "ops.cutover",
    "FollowRequest": "ops.follow",
    "follow": "ops.follow",
    "stop_following": "ops.follow:stop",
    "ServeRequest": "ops.serve",
    "serve": "ops.serve",
    "check_health": "ops.health",
    # "audit" and "content" are packages of ours: what is called like them cannot be a function.
    "AuditRequest": "ops.audit",
    "audit_project": "ops.audit:audit",
    "ContentRequest": "ops.content",
    "create_content": "ops.content:create",
    "verify_content": "ops.content:verify",
    "list_content": "ops.content",
    # Whole modules: their functions are one verb together.
    "backups": "ops:backups",
    "pool": "ops:pool",
    "pg": "ops:pg",
    "quarantine": "ops:quarantine",
}

__all__ = [
    "AcceptRequest",
    "AuditRequest",
    "BackupReport",
    "BackupRequest",
    "BugError",
    "CleanReport",
    "ContentRequest",
    "CutoverRequest",
    "DifferenceError",
    "DoctorReport",
    "DrillReport",
    "DrillRequest",
    "EnvironmentFailedError",
    "ExitStatus",
    "FollowRequest",
    "HowdahError",
    "InspectReport",
    "IntegrityError",
    "InterruptedRunError",
    "MigrateRequest",
    "Plan",
    "PlanOptions",
    "PlanRequest",
    "QuarantineReport",
    "RefusedError",
    "RejectPolicy",
    "RepositoryRequest",
    "RestoreReport",
    "RestoreRequest",
    "RollbackReport",
    "RunReport",
    "ServeRequest",
    "ServerReport",
    "StatusReport",
    "TargetRequest",
    "UsageError",
    "VerifyRequest",
    "__version__",
    "accept",
    "audit_project",
    "backup",
    "backups",
    "check_health",
    "clean",
    "create_content",
    "cutover",
    "doctor",
    "drill",
    "finalize",
    "follow",
    "inspect",
    "list_content",
    "migrate",
    "pg",
    "plan",
    "pool",
    "quarantine",
    "restore",
    "rollback",
    "serve",
    "status",
    "stop_following",
    "to_json",
    "verify",
    "verify_content",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("howdah")
    if name not in _HOMES:
        raise AttributeError(f"module 'howdah' has no attribute {name!r}")
    module, _, other = _HOMES[name].partition(":")
    if module == "ops":
        return import_module(f"howdah.ops.{other}")
    return getattr(import_module(f"howdah.{module}"), other or name)


def __dir__() -> list[str]:
    return sorted(__all__)
