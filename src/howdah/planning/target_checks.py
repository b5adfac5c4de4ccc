"""
Refuse a target that cannot take the migration, before anything is read or written.

Pure: decides over `TargetFacts`. Every refusal says what to do.
"""

from __future__ import annotations

from collections.abc import Collection

from howdah.errors import RefusedError
from howdah.model.finding_kinds import REFUSED, make_finding
from howdah.model.findings import Finding
from howdah.model.owned import RowPolicy
from howdah.model.owned_finding_kinds import OTHERS_CONNECTED, REFUSED_OWNED
from howdah.model.plan import Plan, PlanOptions
from howdah.model.target import TargetFacts
from howdah.names import quote

#: The oldest server with numeric infinities and everything else that the plan writes.
OLDEST_MAJOR = 14

#: Collations that sort text by its bytes.
_BYTE_ORDER = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8", "ucs_basic"})

_LISTED_OBJECTS_MAX = 20


def check_target(facts: TargetFacts, options: PlanOptions, *, ignored_schemas: Collection[str] = ()) -> None:
    """
    Raise RefusedError (P-301 to P-306) for a target that cannot take the migration, whatever the source is.

    A schema that has tables may be the application's: only the plan tells, so `check_empty` comes after
    it. `ignored_schemas` hold only what is Howdah's own; objects in them do not count.
    """
    if facts.major < OLDEST_MAJOR:
        raise RefusedError(
            "P-301",
            f"the server is PostgreSQL {facts.major}; Howdah needs {OLDEST_MAJOR} or later",
            hint="Upgrade the server, or choose another one.",
        )
    if facts.in_recovery:
        raise RefusedError(
            "P-302",
            "the server is in recovery and takes no writes",
            hint="Connect to the primary server instead of the standby.",
        )
    if facts.encoding.upper().replace("-", "") != "UTF8":
        raise RefusedError(
            "P-303",
            f'database "{facts.database}" has encoding {facts.encoding}, not UTF8',
            detail="SQLite's text would not arrive as it is.",
            hint="CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and migrate into that.",
        )
    if may_be_owned(facts, options):
        return
    _check_rights(facts, options)
    check_empty(facts, options, ignored_schemas=ignored_schemas)


def may_be_owned(facts: TargetFacts, options: PlanOptions) -> bool:
    """Whether the schema holds tables that the application may have created, and may be taken for it."""
    return bool(facts.tables) and options.schema_mode != "create"


def check_empty(facts: TargetFacts, options: PlanOptions, *, ignored_schemas: Collection[str] = ()) -> None:
    """Raise RefusedError P-306 for a schema with anything in it, where its tables are ours to create."""
    if facts.schema_exists and facts.objects and options.schema not in ignored_schemas:
        listed = ", ".join(facts.objects[:_LISTED_OBJECTS_MAX])
        more = len(facts.objects) - _LISTED_OBJECTS_MAX
        raise RefusedError(
            "P-306",
            f'schema "{options.schema}" of database "{facts.database}" is not empty',
            detail=f"It holds {listed}" + (f" and {more} more." if more > 0 else "."),
            hint="Choose an empty database, or another schema with --schema.",
        )


def check_owned_plan(plan: Plan, *, allow_connections: bool) -> None:
    """
    Raise RefusedError P-308 with everything that keeps rows from going into the application's schema,
    P-311 for a merge into a target that is followed into.

    Sessions of others are such a thing unless somebody agreed to them.
    """
    refusing = REFUSED_OWNED if allow_connections else REFUSED_OWNED | {OTHERS_CONNECTED}
    refused = [finding for finding in plan.findings if finding.code in refusing]
    if refused:
        raise RefusedError(
            "P-308",
            f'schema "{plan.options.schema}" cannot take the source as it is; nothing was changed',
            detail="; ".join(f"{finding.code} {finding.object}: {finding.message}" for finding in refused),
            hint=" ".join(dict.fromkeys(finding.hint for finding in refused if finding.hint)),
        )
    check_writable(plan)
    merged = [table.name for table in plan.tables if table.row_policy is RowPolicy.MERGE]
    if plan.options.defer_foreign_keys and merged:
        raise RefusedError(
            "P-311",
            "rows of the target cannot stay beside those of a source that is followed; nothing was changed",
            detail="Tables with the policy merge: " + ", ".join(merged) + ".",
            hint="Choose replace or keep for them with --rows.",
        )


def check_writable(plan: Plan) -> None:
    """Raise RefusedError P-309 where the application's schema has a column that no codec writes."""
    unwritable = [
        f'"{table.name}"."{column.name}" ({column.type})'
        for table in plan.tables
        if table.loaded
        for column in table.copied_columns
        if not column.codec
    ]
    if unwritable:
        raise RefusedError(
            "P-309",
            "the target has columns of types that Howdah cannot write",
            detail=", ".join(unwritable),
            hint="Make those columns text for the migration and give them their types again afterwards "
            "(ALTER TABLE … ALTER COLUMN … TYPE …); or leave those tables out, or choose keep for them.",
        )


def _check_rights(facts: TargetFacts, options: PlanOptions) -> None:
    if not facts.schema_exists and not facts.may_create_schema:
        raise RefusedError(
            "P-304",
            f'role "{facts.role}" may not create schema "{options.schema}"',
            hint=f"GRANT CREATE ON DATABASE {quote(facts.database)} TO {quote(facts.role)};",
        )
    if facts.schema_exists and not facts.may_create_in_schema:
        raise RefusedError(
            "P-305",
            f'role "{facts.role}" may not create tables in schema "{options.schema}"',
            hint=f"GRANT USAGE, CREATE ON SCHEMA {quote(options.schema)} TO {quote(facts.role)};",
        )


def check_plan(plan: Plan) -> None:
    """Raise RefusedError P-307 where the plan has a finding with which a migration must not begin."""
    refused = [finding for finding in plan.findings if finding.code in REFUSED]
    if refused:
        listed = "; ".join(f"{finding.object}: {finding.message}" for finding in refused)
        raise RefusedError(
            "P-307",
            "the source holds what PostgreSQL cannot keep",
            detail=listed,
            hint=refused[0].hint,
        )


def check_collation(facts: TargetFacts, options: PlanOptions) -> tuple[Finding, ...]:
    """Return a finding where text columns will sort otherwise than in SQLite."""
    collation = options.collation or facts.collation
    if collation in _BYTE_ORDER:
        return ()
    return (
        make_finding(
            "F-401", f'database "{facts.database}"', f"text sorts by collation {collation}, not by its bytes"
        ),
    )
