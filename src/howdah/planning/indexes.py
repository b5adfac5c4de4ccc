"""
Primary keys, unique constraints and indexes as steps.

Pure. Nothing unique becomes wider than it was: a predicate, an expression or a
collation that cannot be kept exactly leaves the index out, with a finding. Sort
direction is kept, SQLite's place for NULLs (first) is not: the default of each
direction is what an ORDER BY without NULLS FIRST or LAST can use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from howdah.codecs.pgtypes import parse_type
from howdah.model.finding_kinds import make_finding, name_table
from howdah.model.findings import Finding
from howdah.model.plan import Comparison, Phase, Step, StepKind
from howdah.model.source import Index, IndexColumn
from howdah.names import quote
from howdah.planning.answers import compare_index
from howdah.planning.design import COLLATABLE, Names, TableDesign, column_census
from howdah.planning.dialect import translate_condition, translate_index_key
from howdah.planning.sql_values import Untranslatable

#: INDEX_MAX_KEYS (src/include/pg_config_manual.h).
_INDEX_COLUMNS_MAX = 32
#: A third of a page less overhead (BTMaxItemSize, src/include/access/nbtree.h).
_INDEX_BYTES_MAX = 2704


@dataclass(kw_only=True)
class BuiltIndexes:
    """Steps of one table, what they make unique, and what was left out."""

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    #: Sets of source columns over which a foreign key may reference the table → the step is optional.
    unique_keys: dict[frozenset[str], bool] = field(default_factory=dict)

    def add(self, step: Step, columns: list[str] | None) -> None:
        """Add a step; `columns` are the source columns that it alone makes unique, None for none."""
        self.steps.append(step)
        if columns is not None:
            self.unique_keys.setdefault(frozenset(columns), step.optional)


@dataclass(frozen=True, kw_only=True)
class _KeyPart:
    #: A quoted column, or an expression in parentheses.
    sql: str
    #: Source column where the key is exactly the column, None for an expression.
    column: str | None
    descending: bool = False
    #: The key is a column without case, as NOCASE compares it.
    folded: bool = False


def build_indexes(
    design: TableDesign, names: Names, referenced: frozenset[frozenset[str]] = frozenset()
) -> BuiltIndexes:
    """
    Return the steps for the primary key, unique constraints and indexes of one table.

    `referenced` are the sets of columns that foreign keys of the plan point to.
    """
    built = BuiltIndexes()
    _build_primary_key(design, names, built)
    for index in design.source.indexes:
        try:
            if index.origin == "primary_key":
                _add_folded_primary_key(design, index, names, built)
            else:
                _build_index(design, index, names, built)
                _add_referenced_key(design, index, names, referenced, built)
        except Untranslatable as reason:
            code = "F-307" if index.unique else "F-306"
            detail = index.sql or f"UNIQUE ({', '.join(_part_names(index))})"
            built.findings.append(
                make_finding(code, _object_name(index), f"it is not carried: {reason}", detail=detail)
            )
    return built


def _build_primary_key(design: TableDesign, names: Names, built: BuiltIndexes) -> None:
    columns = list(design.source.primary_key if design.key_with_nulls else design.primary_key)
    if design.key_with_nulls:
        built.findings.append(
            make_finding("F-305", name_table(design.name), f"its key ({', '.join(columns)}) holds NULLs")
        )
    if not columns:
        return
    action = design.source.primary_key_on_conflict
    _report_conflict_clause(name_table(design.name), "PRIMARY KEY", action, built)
    obstacle = _obstacle_to_key(design, columns)
    if obstacle:
        built.findings.append(
            make_finding("F-307", name_table(design.name), f"the primary key is not carried: {obstacle}")
        )
        return
    suffix, kind, step_kind = ("_pkey", "PRIMARY KEY", StepKind.PRIMARY_KEY)
    if design.key_with_nulls:
        suffix, kind, step_kind = ("_key", "UNIQUE", StepKind.UNIQUE)
    wanted = design.source.primary_key_name or design.plan.target_name + suffix
    name = names.take_constraint(design.name, wanted, relation=True)
    key = tuple(design.quoted(column) for column in columns)
    step = Step(
        id=f"primary-key:{design.name}",
        phase=Phase.POST_DATA,
        kind=step_kind,
        table=design.name,
        object=name,
        sql=f"ALTER TABLE {design.target} ADD CONSTRAINT {quote(name)} {kind} ({', '.join(key)})",
        optional=_report_length(design, columns, f'primary key "{name}"', built),
        key_sql=key,
        weight=design.plan.bytes,
    )
    built.add(step, columns)


def _obstacle_to_key(design: TableDesign, columns: list[str]) -> str:
    """Return why PostgreSQL cannot have a key over these columns, "" where it can."""
    if len(columns) > _INDEX_COLUMNS_MAX:
        return f"{len(columns)} columns, PostgreSQL allows {_INDEX_COLUMNS_MAX}"
    without_equality = [name for name in columns if not _has_equality(design, name)]
    return f'column "{without_equality[0]}" is json' if without_equality else ""


def _add_folded_primary_key(design: TableDesign, index: Index, names: Names, built: BuiltIndexes) -> None:
    """A primary key with NOCASE is unique without case too: that becomes an index of its own."""
    if design.source.rowid_alias:
        return
    parts = [_key_part(design, part, unique=True) for part in index.columns]
    if all(part.column is not None for part in parts):
        return
    name = names.take_relation(f"{design.plan.target_name}_{'_'.join(_part_names(index))}_nocase")
    built.add(_index_step(design, name, parts, unique=True), None)
    _report_folding(design, name, parts, built)


def _build_index(design: TableDesign, index: Index, names: Names, built: BuiltIndexes) -> None:
    if len(index.columns) > _INDEX_COLUMNS_MAX:
        raise Untranslatable(f"{len(index.columns)} columns, PostgreSQL allows {_INDEX_COLUMNS_MAX}")
    named: dict[str, _KeyPart] = {}
    for column in index.columns:
        part = _key_part(design, column, unique=index.unique)
        # What is named again orders nothing more, and no key of PostgreSQL may name a column twice.
        named.setdefault(part.sql, part)
    parts = list(named.values())
    where = "" if index.predicate_sql is None else translate_condition(index.predicate_sql, design.scope)
    columns = [part.column for part in parts if part.column is not None]
    whole = len(columns) == len(parts)
    derived = f"{design.plan.target_name}_{'_'.join(_part_names(index))}_key"
    wanted = index.name if index.origin == "create" else index.constraint_name or derived
    risky = _report_length(design, columns, f'index "{wanted}"', built)
    if index.origin == "unique" and whole:
        name = names.take_constraint(design.name, wanted, relation=True)
        step = _constraint_step(design, name, parts, optional=risky)
    else:
        created = index.origin == "create"
        name = names.indexes[index.name] if created else names.take_relation(wanted)
        step = _index_step(design, name, parts, unique=index.unique, where=where, optional=risky)
    built.add(step, columns if index.unique and whole and not where else None)
    built.comparisons += compare_index(design, index, step)
    if index.origin == "create" and name != index.name:
        built.findings.append(make_finding("F-121", _object_name(index), f'becomes index "{name}"'))
    if index.unique:
        _report_folding(design, name, parts, built)
    _report_collations(design, index, built)
    _report_conflict_clause(_object_name(index), "UNIQUE", index.on_conflict, built)


def _add_referenced_key(
    design: TableDesign,
    index: Index,
    names: Names,
    referenced: frozenset[frozenset[str]],
    built: BuiltIndexes,
) -> None:
    """
    Make plain columns unique where a foreign key points to columns that are unique without case.

    What is unique without case is unique with it, and PostgreSQL wants a key of plain columns.
    """
    if not index.unique or index.predicate_sql is not None or None in (part.name for part in index.columns):
        return
    columns = list(dict.fromkeys(part.name for part in index.columns if part.name is not None))
    wanted = frozenset(columns)
    if wanted not in referenced or wanted in built.unique_keys:
        return
    parts = [_KeyPart(sql=design.quoted(column), column=column) for column in columns]
    name = names.take_constraint(
        design.name, f"{design.plan.target_name}_{'_'.join(columns)}_exact_key", relation=True
    )
    built.add(_constraint_step(design, name, parts, optional=False), columns)


def _key_part(design: TableDesign, part: IndexColumn, *, unique: bool) -> _KeyPart:
    """Translate one column of an index. Raises Untranslatable."""
    name = part.name
    if name is None and part.expression_sql is None:
        name = design.source.rowid_alias
        if name is None:
            raise Untranslatable("the number of the row, which is no column")
    if name is None:
        sql = translate_index_key(part.expression_sql or "", design.scope, part.collation)
        return _KeyPart(sql=f"({sql})", column=None, descending=part.descending)
    if not _has_equality(design, name):
        raise Untranslatable(f'column "{name}" is json, which has no equality')
    column = design.quoted(name)
    is_text = parse_type(design.plan.column(name).type).base in COLLATABLE
    if unique and is_text and part.collation.upper() == "NOCASE":
        folded = f'(lower({column} COLLATE "C"))'
        return _KeyPart(sql=folded, column=None, descending=part.descending, folded=True)
    if unique and is_text and part.collation.upper() == "RTRIM":
        return _KeyPart(sql=f"(rtrim({column}, ' '))", column=None, descending=part.descending)
    return _KeyPart(sql=column, column=name, descending=part.descending)


def _constraint_step(design: TableDesign, name: str, parts: list[_KeyPart], *, optional: bool) -> Step:
    key = tuple(part.sql for part in parts)
    return Step(
        id=f"unique:{design.name}:{name}",
        phase=Phase.POST_DATA,
        kind=StepKind.UNIQUE,
        table=design.name,
        object=name,
        sql=f"ALTER TABLE {design.target} ADD CONSTRAINT {quote(name)} UNIQUE ({', '.join(key)})",
        optional=optional,
        key_sql=key,
        weight=design.plan.bytes,
    )


def _index_step(
    design: TableDesign,
    name: str,
    parts: list[_KeyPart],
    *,
    unique: bool,
    where: str = "",
    optional: bool = False,
) -> Step:
    keys = ", ".join(part.sql + (" DESC" if part.descending else "") for part in parts)
    sql = f"CREATE {'UNIQUE ' if unique else ''}INDEX {quote(name)} ON {design.target} ({keys})"
    if where:
        sql += f" WHERE {where}"
    return Step(
        id=f"{'unique' if unique else 'index'}:{design.name}:{name}",
        phase=Phase.POST_DATA,
        kind=StepKind.UNIQUE if unique else StepKind.INDEX,
        table=design.name,
        object=name,
        sql=sql,
        # Without an ordinary index queries are slower, but nothing is lost.
        optional=optional or not unique,
        key_sql=tuple(part.sql for part in parts) if unique else (),
        where_sql=where if unique else "",
        weight=design.plan.bytes,
    )


def _has_equality(design: TableDesign, column: str) -> bool:
    return parse_type(design.plan.column(column).type).base != "json"


def _report_length(design: TableDesign, columns: list[str], object_name: str, built: BuiltIndexes) -> bool:
    """Add a finding where a value may be too long for an index entry; return whether one is."""
    too_long = False
    for column in columns:
        counted = column_census(design.census, column)
        longest = max(counted.text_bytes_max, counted.blob_bytes_max)
        if longest > _INDEX_BYTES_MAX:
            too_long = True
            built.findings.append(
                make_finding(
                    "F-311",
                    object_name,
                    f'column "{column}" of table "{design.name}" holds a value of {longest} bytes',
                )
            )
    return too_long


def _report_folding(design: TableDesign, name: str, parts: list[_KeyPart], built: BuiltIndexes) -> None:
    if any(part.folded for part in parts):
        message = f'table "{design.name}": unique over {", ".join(part.sql for part in parts)}'
        built.findings.append(make_finding("F-308", f'index "{name}"', message))


def _report_collations(design: TableDesign, index: Index, built: BuiltIndexes) -> None:
    for part in index.columns:
        if part.collation.upper() not in ("", "BINARY", "NOCASE", "RTRIM"):
            message = f'column "{part.name}" of table "{design.name}" is indexed by {part.collation}'
            if index.unique:
                message += ", and unique by it; here by its bytes"
            built.findings.append(make_finding("F-310", _object_name(index), message))


def _report_conflict_clause(object_name: str, what: str, action: str, built: BuiltIndexes) -> None:
    if action and action.upper() != "ABORT":
        built.findings.append(make_finding("F-317", object_name, f"{what} ON CONFLICT {action}"))


def _part_names(index: Index) -> list[str]:
    return [part.name or "expr" for part in index.columns]


def _object_name(index: Index) -> str:
    kind = "index" if index.origin == "create" else "constraint"
    return f'{kind} "{index.constraint_name or index.name}" of table "{index.table}"'
