"""content: build the tables of content types, verify them, list them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from howdah import __version__
from howdah.content.compare import ASPECTS, compare_tables
from howdah.content.ddl import create_schema
from howdah.content.definitions import read_server_names
from howdah.content.derive import derive_model, digest_of
from howdah.content.history import read_last_migration, record_migration
from howdah.content.listing import list_types
from howdah.content.migration import plan_migration
from howdah.content.probe import probe_type
from howdah.content.rows import read_row_facts
from howdah.content.schema_files import read_content_types
from howdah.content.tokens import TOKEN_TYPES, TokenWishes, create_token
from howdah.errors import ExitStatus, RefusedError, UsageError
from howdah.model.content import (
    ContentCreateReport,
    ContentDifference,
    ContentListReport,
    ContentModel,
    ContentTokenReport,
    ContentVerifyReport,
    MigrationStep,
    ProbeResult,
    TableCheck,
    TypeCheck,
)
from howdah.model.target import TargetFacts
from howdah.ops.target import OpenTarget, TargetRequest, open_target
from howdah.postgres.catalog import read_sequences_again, read_target_facts
from howdah.postgres.connect import Connection
from howdah.settings import read_variable
from howdah.state.store import StateSchema, exclusive_run, install_state, require_state_possible


@dataclass(frozen=True, kw_only=True)
class ContentRequest:
    #: The Strapi project, or its `src` directory.
    directory: Path
    target: TargetRequest = field(default_factory=TargetRequest)
    schema: str = "public"


def create(
    request: ContentRequest, *, allow_destructive: bool = False, dry_run: bool = False
) -> ContentCreateReport:
    """
    Build the tables of the content types, or bring those of an earlier run forward.

    Everything happens in one transaction, recorded in the state schema; run again, it does nothing. With
    `dry_run` the steps are returned and nothing is changed. Raises UsageError for schema files that cannot be
    used, RefusedError (K-201, K-202, K-203) before or without any change.
    """
    model = derive_model(read_content_types(request.directory))
    state = StateSchema(name=request.target.state_schema)
    with (
        open_target(request.target) as target,
        exclusive_run(target.connection, state),
    ):
        connection = target.connection
        connection.rollback()
        with connection.transaction(force_rollback=dry_run):
            applied = _apply(connection, state, request.schema, model, allow_destructive=allow_destructive)
        return ContentCreateReport(
            status="planned" if dry_run else applied.status,
            target=target.display,
            schema=request.schema,
            content=str(request.directory),
            digest=digest_of(model.tables),
            version=applied.version,
            steps=applied.steps,
            kept=applied.kept,
            types=tuple(item.uid for item in model.types if item.origin == "content-type"),
            tables=len(model.tables),
        )


@dataclass(frozen=True, kw_only=True)
class _Applied:
    status: str
    version: int
    steps: tuple[MigrationStep, ...]
    kept: tuple[str, ...]


def _apply(
    connection: Connection, state: StateSchema, schema: str, model: ContentModel, *, allow_destructive: bool
) -> _Applied:
    """Plan, run and record a migration in the caller's transaction."""
    last = read_last_migration(connection, state, schema)
    facts = read_target_facts(connection, schema)
    checks, _ = _compare(connection, schema, model, facts, rows=False)
    plan = plan_migration(
        schema,
        model.tables,
        {table.name: table for table in facts.tables},
        {check.name: check for check in checks},
        last.owned if last else None,
        allow_destructive=allow_destructive,
    )
    steps = plan.steps if facts.schema_exists else (create_schema(schema), *plan.steps)
    _run_steps(connection, steps)
    digest = digest_of(model.tables)
    version = last.version if last else 0
    if steps or last is None or last.digest != digest:
        require_state_possible(connection, state)
        install_state(connection, state)
        version = record_migration(
            connection,
            state,
            schema,
            digest=digest,
            steps=steps,
            owned=plan.owned,
            howdah_version=__version__,
        )
        # The session does not wait for the disk; this once it does.
        connection.execute("SET LOCAL synchronous_commit = on")
    outcome = ("created", "migrated") if steps else ("adopted", "unchanged")
    return _Applied(status=outcome[last is not None], version=version, steps=steps, kept=plan.kept)


def _run_steps(connection: Connection, steps: tuple[MigrationStep, ...]) -> None:
    for step in steps:
        try:
            connection.execute(step.sql.encode())
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise
            raise RefusedError(
                "K-203",
                f"The server refused to {step.description}; everything was rolled back.",
                detail=error.diag.message_primary or str(error).strip(),
                hint=error.diag.message_hint or "What is stored may not fit; correct it, then run it again.",
            ) from error


def verify(request: ContentRequest, *, probe: bool = True) -> ContentVerifyReport:
    """
    Compare every table of the content types with the database, and probe every type.

    The probes are rolled back; what they took from sequences is in the report. Raises UsageError
    for schema files that cannot be used, and the errors of connecting.
    """
    model = derive_model(read_content_types(request.directory))
    with open_target(request.target) as target:
        try:
            return _verify(target, request, model, probe=probe)
        finally:
            if not target.connection.closed:
                target.connection.rollback()


def _verify(
    target: OpenTarget, request: ContentRequest, model: ContentModel, *, probe: bool
) -> ContentVerifyReport:
    connection = target.connection
    facts = read_target_facts(connection, request.schema)
    notes: list[str] = []
    if probe and facts.in_recovery:
        probe = False
        notes.append("The server is a standby: nothing can be written there, so no type was probed.")
    found = {table.name for table in facts.tables}
    types = []
    for content_type in model.types:
        checks, counts = _compare(connection, request.schema, model, facts, uid=content_type.uid)
        missing = [table.name for table in model.tables_of(content_type.uid) if table.name not in found]
        if missing:
            result = ProbeResult(status="not run", detail=f'table "{missing[0]}" is missing')
        elif probe:
            result = probe_type(connection, request.schema, model, content_type.uid)
        else:
            result = ProbeResult(status="not run")
        types.append(
            TypeCheck(
                uid=content_type.uid,
                origin=content_type.origin,
                table=checks[0].name,
                rows=checks[0].rows,
                counts=counts,
                tables=checks,
                probe=result,
                ok=result.status != "failed" and not any(check.differences for check in checks),
            )
        )
    differences = tuple(difference for item in types for difference in _differences(item))
    notes += _notes(types)
    return ContentVerifyReport(
        status="different" if differences else "verified",
        exit_status=int(ExitStatus.DIFFERENT if differences else ExitStatus.OK),
        target=target.display,
        schema=request.schema,
        content=str(request.directory),
        digest=digest_of(model.tables),
        types=tuple(types),
        differences=differences,
        notes=tuple(notes),
        probed=probe,
    )


def _compare(
    connection: Connection,
    schema: str,
    model: ContentModel,
    facts: TargetFacts,
    *,
    uid: str | None = None,
    rows: bool = True,
) -> tuple[tuple[TableCheck, ...], dict[str, tuple[int, int]]]:
    tables = model.tables if uid is None else model.tables_of(uid)
    names = {table.name for table in tables}
    present = [table for table in facts.tables if table.name in names]
    counted = read_row_facts(connection, schema, present) if rows else {}
    # After the rows: the application may insert meanwhile.
    present = [read_sequences_again(connection, table) for table in present]
    checks, counts = compare_tables(
        schema,
        read_server_names(connection, schema, tables, present),
        tables,
        {table.name: table for table in present},
        counted,
    )
    return checks, {aspect: counts[aspect] for aspect in ASPECTS}


def _differences(check: TypeCheck) -> list[ContentDifference]:
    found = [difference for table in check.tables for difference in table.differences]
    if check.probe.status == "failed":
        found.append(
            ContentDifference(
                kind="probe",
                table=check.table,
                object=check.uid,
                expected=f"an entry that can be created, read, updated and deleted ({check.probe.step})",
                found=check.probe.detail,
            )
        )
    return found


def _notes(types: list[TypeCheck]) -> list[str]:
    notes = []
    extra = [
        f'"{table.name}": {", ".join(table.extra_columns)}'
        for item in types
        for table in item.tables
        if table.extra_columns
    ]
    if extra:
        notes.append(f"Columns that no attribute asks for, left alone: {'; '.join(extra)}.")
    taken = sum(sum(item.probe.sequence_values.values()) for item in types)
    if taken:
        sequences = {name for item in types for name in item.probe.sequence_values}
        notes.append(
            f"The probes were rolled back; they took {taken} values from {len(sequences)} sequences,"
            " which a rollback does not give back."
        )
    return notes


def list_content(request: ContentRequest, *, with_target: bool) -> ContentListReport:
    """Return the types with their attributes and tables; with a target, their rows too."""
    model = derive_model(read_content_types(request.directory))
    display = ""
    rows: dict[str, int | None] = {}
    if with_target:
        with open_target(request.target) as target:
            facts = read_target_facts(target.connection, request.schema)
            counted = read_row_facts(target.connection, request.schema, facts.tables)
            target.connection.rollback()
            rows = {name: item.rows for name, item in counted.items()}
            display = target.display
    return ContentListReport(
        target=display,
        schema=request.schema,
        content=str(request.directory),
        digest=digest_of(model.tables),
        types=list_types(model, rows),
    )


def create_api_token(
    request: ContentRequest, wishes: TokenWishes, *, environ: Mapping[str, str] = os.environ
) -> ContentTokenReport:
    """
    Make an API token for the content API and Strapi alike, hashed with API_TOKEN_SALT.

    Raises UsageError K-310 without the salt, K-311 for wishes that contradict each other; RefusedError
    (K-301, K-302) before any change.
    """
    salt = read_variable(environ, "API_TOKEN_SALT")
    if not salt:
        raise UsageError(
            "K-310",
            "API_TOKEN_SALT is not set: the token would not be recognised.",
            hint="Set it, or API_TOKEN_SALT_FILE, to what the service and Strapi have.",
        )
    model = derive_model(read_content_types(request.directory))
    _require_consistent(wishes)
    with open_target(request.target) as target:
        target.connection.rollback()
        with target.connection.transaction():
            token, row = create_token(target.connection, model, request.schema, wishes, salt)
        return ContentTokenReport(
            target=target.display,
            schema=request.schema,
            name=wishes.name,
            type=wishes.type,
            actions=tuple(wishes.actions),
            token=token,
            id=row,
        )


def _require_consistent(wishes: TokenWishes) -> None:
    problem = ""
    if wishes.type not in TOKEN_TYPES:
        problem = f"A token is of type {' or '.join(TOKEN_TYPES)}, not {wishes.type!r}."
    elif wishes.type == "custom" and not wishes.actions:
        problem = "A custom token may nothing at all without actions."
    elif wishes.type != "custom" and wishes.actions:
        problem = "Only a custom token has actions of its own."
    if problem:
        raise UsageError("K-311", problem, hint='For example --type custom --allow "api::agent.agent.find".')
