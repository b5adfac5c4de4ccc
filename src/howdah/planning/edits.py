"""
What a person changed in a plan file, and whether it still fits the source.

Pure. An edit is applied to the decision made without it, so a file that was not
touched changes nothing. Whatever does not fit is refused, naming table and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from howdah.codecs.pgtypes import parse_type
from howdah.codecs.registry import check_params, get_codec
from howdah.errors import UsageError
from howdah.model.census import Census, ColumnCensus
from howdah.model.finding_kinds import make_finding, name_column, name_table
from howdah.model.findings import Finding
from howdah.model.owned import RowPolicy
from howdah.model.plan import PlanOptions
from howdah.model.source import SourceCatalog, Table
from howdah.planning.asked_types import describe_misfit
from howdah.planning.column_facts import TypeDecision, describe_values
from howdah.planning.design import census_of, column_census
from howdah.planning.type_groups import ColumnKey


@dataclass(frozen=True, kw_only=True)
class ColumnEdit:
    #: None leaves the decision as it is.
    type: str | None = None
    codec: str | None = None
    params: Mapping[str, str] | None = None
    #: What it is called in PostgreSQL.
    target_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableEdit:
    include: bool = True
    target_name: str | None = None
    #: What becomes of rows whose parent is missing; None leaves it to the policy.
    orphans: str | None = None
    #: What becomes of rows that an application's table holds already; None leaves it to the options.
    rows: RowPolicy | None = None
    columns: Mapping[str, ColumnEdit] = field(default_factory=dict)


#: Base names of types that CREATE EXTENSION makes.
_EXTENSION_TYPES = frozenset({"citext", "hstore", "vector"})


@dataclass(frozen=True, kw_only=True)
class PlanEdits:
    #: Options that the file sets, by field of `PlanOptions`.
    options: Mapping[str, object] = field(default_factory=dict)
    tables: Mapping[str, TableEdit] = field(default_factory=dict)
    #: Policy of each trigger that the file names, "" where it gives none.
    triggers: Mapping[str, str] = field(default_factory=dict)
    #: The file lists every table and column of the source; one more in the source is an error.
    complete: bool = False
    #: Name of the file, for messages.
    file: str = "plan file"

    @property
    def left_out(self) -> frozenset[str]:
        """Tables that the file does not want."""
        return frozenset(name for name, table in self.tables.items() if not table.include)


#: Storage class that a codec takes → how the census counts it.
_CLASSES_OF = {
    "integer": ("integers",),
    "boolean": ("integers",),
    "real": ("reals",),
    "text": ("texts",),
    "numeric": ("integers", "reals"),
    "epoch-s": ("integers",),
    "epoch-ms": ("integers",),
    "epoch-us": ("integers",),
    "epoch-real": ("reals",),
    "julian-day": ("reals",),
    "iso-datetime": ("texts",),
    "iso-date": ("texts",),
    "iso-time": ("texts",),
    "json": ("texts",),
    "jsonb": ("texts",),
    "uuid-text": ("texts",),
    "uuid-hex32": ("texts",),
    "uuid-blob": ("blobs",),
    "boolean-word": ("texts",),
    "bytes": ("blobs",),
}


def merge_options(options: PlanOptions, edits: PlanEdits | None) -> PlanOptions:
    """Return the options with what the file sets, where the caller left the default."""
    if edits is None:
        return options
    defaults = PlanOptions()
    changes = {
        item.name: edits.options[item.name]
        for item in fields(PlanOptions)
        if item.name in edits.options and getattr(options, item.name) == getattr(defaults, item.name)
    }
    return replace(options, **changes)  # type: ignore[arg-type]


def check_names(edits: PlanEdits, catalog: SourceCatalog) -> None:
    """
    Raise UsageError where file and source do not name the same tables and columns.

    P-102: the file names something that the source does not have. P-103: a file
    that lists everything lacks something that the source has.
    """
    tables = {table.name: table for table in catalog.tables if table.has_rows}
    for name, edit in edits.tables.items():
        if name not in tables:
            raise _misfit("P-102", edits, name_table(name), "the source has no such table", sorted(tables))
        known = [column.name for column in tables[name].columns]
        for column in edit.columns:
            if column not in known:
                raise _misfit(
                    "P-102", edits, name_column(name, column), "the source has no such column", known
                )
        missing = [column for column in known if column not in edit.columns]
        if edits.complete and edit.include and missing:
            raise _misfit("P-103", edits, name_column(name, missing[0]), "it is new in the source", [])
    if edits.complete:
        for name in tables:
            if name not in edits.tables:
                raise _misfit("P-103", edits, name_table(name), "it is new in the source", [])


def _misfit(code: str, edits: PlanEdits, what: str, reason: str, known: list[str]) -> UsageError:
    hint = f"Known: {', '.join(known)}." if known else 'Write the plan again with "howdah plan -o FILE".'
    return UsageError(code, f"{edits.file} does not fit the source: {what}", detail=reason, hint=hint)


def apply_edits(
    decisions: Mapping[ColumnKey, TypeDecision],
    edits: PlanEdits,
    tables: tuple[Table, ...],
    census: Census,
) -> dict[ColumnKey, TypeDecision]:
    """
    Return the decisions as edited; findings of changed columns are dropped with their decision.

    Raises UsageError P-104 where a type, codec or parameter cannot be, and P-105
    where the stored values contradict it.
    """
    changed = dict(decisions)
    for table in tables:
        edit = edits.tables.get(table.name)
        if edit is None:
            continue
        for name, column in edit.columns.items():
            before = decisions[table.name, name]
            after = _edited(before, column)
            if after is before:
                continue
            counted = column_census(census_of(census, table), name)
            object_name = name_column(table.name, name)
            _check_codec(after, edits, object_name, is_row_number=table.rowid_alias == name)
            misfits = _count_misfits(after, counted)
            if misfits and misfits == counted.values:
                raise UsageError(
                    "P-105",
                    f"{edits.file} contradicts the values: {object_name}",
                    detail=f'Codec "{after.codec}" carries none of its {describe_values(counted)}.',
                    hint="Choose a codec for what is stored (docs/reference/codecs.md).",
                )
            findings = (
                *_misfit_findings(misfits, object_name, after),
                *_size_findings(counted, object_name, after),
            )
            changed[table.name, name] = replace(after, findings=findings)
    return changed


def _edited(before: TypeDecision, edit: ColumnEdit) -> TypeDecision:
    codec = before.codec if edit.codec is None else edit.codec
    # Parameters belong to a codec; another codec starts without any.
    inherited = before.params if codec == before.codec else {}
    params = inherited if edit.params is None else edit.params
    type_name = before.type if edit.type is None else edit.type
    if (type_name, codec, dict(params)) == (before.type, before.codec, dict(before.params)):
        return before
    return TypeDecision(type=type_name, codec=codec, params=dict(params), reason="as the plan file says")


def _check_codec(decision: TypeDecision, edits: PlanEdits, name: str, *, is_row_number: bool) -> None:
    title = f"{edits.file} cannot be carried out: {name}"
    try:
        check_params(get_codec(decision.codec), decision.params, decision.type)
    except UsageError as error:
        raise UsageError("P-104", title, detail=error.message, hint=error.hint) from error
    if parse_type(decision.type).base in _EXTENSION_TYPES:
        raise UsageError(
            "P-104",
            title,
            detail=f'The type "{decision.type}" belongs to an extension, which a new schema cannot count on.',
            hint="Create the tables yourself, with that type, and migrate into them.",
        )
    if is_row_number and parse_type(decision.type).base not in ("int2", "int4", "int8"):
        raise UsageError(
            "P-104",
            title,
            detail=f"It numbers the rows and cannot become {decision.type}.",
            hint="Choose bigint, integer or smallint.",
        )


def _count_misfits(decision: TypeDecision, census: ColumnCensus) -> int:
    """Return how many values have a storage class that the codec does not take."""
    accepted = _CLASSES_OF.get(decision.codec)
    if decision.codec == "numeric" and decision.params.get("affinity") == "text":
        accepted = ("texts",)
    if decision.codec == "bytes" and decision.params.get("text", "reject") != "reject":
        accepted = ("blobs", "texts")
    if accepted is None:
        return 0
    counts = {
        "integers": census.integers,
        "reals": census.reals,
        "texts": census.texts,
        "blobs": census.blobs,
    }
    return sum(count for kind, count in counts.items() if kind not in accepted)


def _misfit_findings(misfits: int, name: str, decision: TypeDecision) -> tuple[Finding, ...]:
    if not misfits:
        return ()
    message = f"as {decision.type} by {decision.codec}, {misfits} rows will be quarantined"
    return (make_finding("F-206", name, message),)


def _size_findings(census: ColumnCensus, name: str, decision: TypeDecision) -> tuple[Finding, ...]:
    if decision.params.get("rounding", "exact") != "exact":
        return ()
    misfit = describe_misfit(decision.codec, decision.type, census)
    return (make_finding("F-218", name, f"asked to become {decision.type}: {misfit}"),) if misfit else ()
