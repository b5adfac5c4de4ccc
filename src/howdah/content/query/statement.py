"""
One SQL statement for one read: PostgreSQL finds the rows, follows the relations and writes the JSON.

Pure. Values are parameters, limits are numbers in the text, so that a statement is prepared
once for each shape of request. What it returns is the answer's body, as text.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from howdah.content.query.columns import Dialect, as_stored, column, compared, shown
from howdah.content.query.joins import Join, join_to
from howdah.content.query.schema import NUMBERS, Field, Schema, Schemas
from howdah.content.query.tree import (
    ALWAYS,
    Comparison,
    Condition,
    Group,
    Negation,
    Page,
    Populated,
    ReadQuery,
    Related,
    Search,
    Selection,
    SortKey,
)
from howdah.content.query.values import js_number
from howdah.model.content import (
    ComponentStorage,
    MorphColumnsStorage,
    MorphTableStorage,
)
from howdah.names import NAME_BYTES_MAX, qualified, quote, quote_literal

_SIGNS = {"$eq": "=", "$ne": "<>", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
#: Operator → before, after the text; whether case counts; whether it is the opposite.
_PATTERNS = {
    "$startsWith": ("", "%", True, False),
    "$startsWithi": ("", "%", False, False),
    "$endsWith": ("%", "", True, False),
    "$endsWithi": ("%", "", False, False),
    "$contains": ("%", "%", True, False),
    "$containsi": ("%", "%", False, False),
    "$notContains": ("%", "%", True, True),
    "$notContainsi": ("%", "%", False, True),
}
_TEXT_TYPES = frozenset({"string", "text", "uid", "email", "enumeration", "richtext", "password"})


@dataclass(frozen=True, kw_only=True)
class Statement:
    """SQL with named parameters, as psycopg reads them."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


class StatementBuilder:
    """Builds the statements of one project for one database."""

    def __init__(self, schemas: Schemas, dialect: Dialect) -> None:
        self.schemas = schemas
        self.dialect = dialect

    def page(self, query: ReadQuery, page: Page) -> Statement:
        """Return the statement of a list: `{"data": [...], "meta": {...}}`."""
        writer = _Writer(self.schemas, self.dialect, query)
        rows = writer.rows(query.selection, start=page.start, limit=page.limit)
        data = f"coalesce((SELECT json_agg(r) FROM ({rows}) r)::text, '[]')"
        if page.counted:
            counted = f"(SELECT count(*) AS n FROM {writer.root_source(query.selection)}) c"
            meta = _counted_meta(page)
            sql = f"SELECT '{{\"data\":' || {data} || {meta} FROM {counted}"
        else:
            sql = f"SELECT '{{\"data\":' || {data} || {quote_literal(_plain_meta(page))}"
        return Statement(sql=_finished(sql), parameters=writer.parameters)

    def entries(self, query: ReadQuery) -> Statement:
        """Return the statement of a plain list: `[...]`."""
        writer = _Writer(self.schemas, self.dialect, query)
        rows = writer.rows(query.selection, start=query.selection.start, limit=query.selection.limit)
        sql = f"SELECT coalesce((SELECT json_agg(r) FROM ({rows}) r)::text, '[]')"
        return Statement(sql=_finished(sql), parameters=writer.parameters)

    def entry(self, query: ReadQuery) -> Statement:
        """Return the statement of one entry: its object, or no row."""
        writer = _Writer(self.schemas, self.dialect, query)
        rows = writer.rows(query.selection, start=0, limit=1)
        return Statement(
            sql=_finished(f"SELECT row_to_json(r)::text FROM ({rows}) r"), parameters=writer.parameters
        )

    def count(self, query: ReadQuery) -> Statement:
        """Return the statement of a number of entries."""
        writer = _Writer(self.schemas, self.dialect, query)
        sql = f"SELECT count(*)::text FROM {writer.root_source(query.selection)}"
        return Statement(sql=_finished(sql), parameters=writer.parameters)


def _finished(sql: str) -> str:
    """Percent signs of the text are doubled while it is built of names; parameters are put in last."""
    return sql.replace("%", "%%").replace("\x01", "%(").replace("\x02", ")s")


def _counted_meta(page: Page) -> str:
    if page.paged:
        size = page.limit if page.limit is not None else -1
        number = page.start // size + 1 if size > 0 else 1
        count = f"((n + {size - 1}) / {size})::text" if size > 0 else "'0'"
        head = f',"meta":{{"pagination":{{"page":{number},"pageSize":{size},"pageCount":'
        return f"{quote_literal(head)} || {count} || ',\"total\":' || n::text || '}}}}}}'"
    limit = page.limit if page.limit is not None else -1
    head = f',"meta":{{"pagination":{{"start":{page.start},"limit":{limit},"total":'
    return f"{quote_literal(head)} || n::text || '}}}}}}'"


def _plain_meta(page: Page) -> str:
    limit = page.limit if page.limit is not None else -1
    if page.paged:
        number = page.start // limit + 1 if limit > 0 else 1
        return f',"meta":{{"pagination":{{"page":{number},"pageSize":{limit}}}}}}}'
    return f',"meta":{{"pagination":{{"start":{page.start},"limit":{limit}}}}}}}'


class _Writer:
    """Writes one statement; aliases are counted and values collected on the way."""

    def __init__(self, schemas: Schemas, dialect: Dialect, query: ReadQuery) -> None:
        self._schemas = schemas
        self._dialect = dialect
        self._query = query
        self._aliases = itertools.count(1)
        self.parameters: dict[str, Any] = {}

    def _alias(self) -> str:
        return f"x{next(self._aliases)}"

    def _value(self, value: Any, kind: str) -> str:
        name = f"p{len(self.parameters) + 1}"
        self.parameters[name] = value
        sent = f"\x01{name}\x02::{kind}"
        return as_stored(sent, self._dialect) if kind == "timestamp" else sent

    # Rows

    def root_source(self, selection: Selection) -> str:
        """Return FROM and WHERE of the root's rows, alias `t`."""
        schema = self._schemas[selection.uid]
        conditions = [*self._published(schema, "t"), *self._in_locale(schema, "t")]
        if selection.condition != ALWAYS:
            conditions.append(self._condition(schema, selection.condition, "t"))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{qualified(self._dialect.schema, schema.table)} t{where}"

    def rows(self, selection: Selection, *, start: int, limit: int | None) -> str:
        """Return the statement of the root's rows with everything that belongs to them."""
        schema = self._schemas[selection.uid]
        order = ", ".join([*self._order(schema, selection.sort, "t"), "t.id"])
        # The page is chosen first, and only its rows are dressed.
        page = f"SELECT t.* FROM {self.root_source(selection)} ORDER BY {order}{_window(start, limit)}"
        return f"SELECT {self._items(schema, selection, 't')} FROM ({page}) t"

    def _items(self, schema: Schema, selection: Selection, alias: str, *, first: str = "") -> str:
        items = [first] if first else []
        items.append(f'{alias}.id AS "id"')
        for name in selection.fields:
            field = schema.fields[name]
            items.append(f"{shown(alias, field, self._dialect)} AS {_label(name)}")
        for populated in selection.populated:
            items.append(f"{self._behind(schema, populated, alias)} AS {_label(populated.field.name)}")
        return ", ".join(items)

    def _published(self, schema: Schema, alias: str) -> list[str]:
        if not schema.type.draft_and_publish:
            return []
        published = column(alias, schema.fields["publishedAt"])
        conditions = [f"{published} IS {'NULL' if self._query.draft else 'NOT NULL'}"]
        if self._query.has_published is not None:
            conditions.append(self._has_published(schema, alias, self._query.has_published))
        return conditions

    def _has_published(self, schema: Schema, alias: str, wanted: bool) -> str:
        """Return the condition that the document has a published version in the row's locale, or none."""
        other = self._alias()
        same = " AND ".join(
            f"{column(other, schema.fields[name])} IS NOT DISTINCT FROM {column(alias, schema.fields[name])}"
            for name in ("documentId", "locale")
        )
        source = f"{qualified(self._dialect.schema, schema.table)} {other}"
        published = f"{column(other, schema.fields['publishedAt'])} IS NOT NULL"
        return f"{'' if wanted else 'NOT '}EXISTS (SELECT 1 FROM {source} WHERE {same} AND {published})"

    def _in_locale(self, schema: Schema, alias: str) -> list[str]:
        locales = self._query.locales
        if locales is None:
            return []
        locale = column(alias, schema.fields["locale"])
        if len(locales) == 1:
            return [f"{locale} = {self._value(locales[0], 'text')}"]
        return [f"{locale} = ANY({self._value(list(locales), 'text[]')})"]

    # What is populated

    def _behind(self, owner: Schema, populated: Populated, parent: str) -> str:
        field = populated.field
        match field.storage:
            case ComponentStorage(dynamic_zone=True) as zone:
                return self._zone(populated, zone, parent)
            case MorphTableStorage() as morph:
                return self._morph_rows(populated, morph, parent)
            case MorphColumnsStorage() as columns:
                return self._morph_row(populated, columns, parent)
        selection = populated.selection
        assert selection is not None
        target, alias = self._schemas[selection.uid], self._alias()
        join = join_to(self._schemas, self._dialect.schema, owner, field, parent, alias)
        conditions = [join.condition, *self._published(target, alias)]
        if selection.condition != ALWAYS:
            conditions.append(self._condition(target, selection.condition, alias))
        where = " AND ".join(conditions)
        if populated.count:
            return f"(SELECT json_build_object('count', count(*)) FROM {join.source} WHERE {where})"
        order = ", ".join([*self._order(target, selection.sort, alias), *join.order])
        ordered = f" ORDER BY {order}" if order else ""
        rows = f"SELECT {self._items(target, selection, alias)} FROM {join.source} WHERE {where}{ordered}"
        if field.to_many:
            window = _window(selection.start, selection.limit)
            return f"coalesce((SELECT json_agg(r) FROM ({rows}{window}) r), '[]')"
        return f"(SELECT row_to_json(r) FROM ({rows} LIMIT 1) r)"

    def _zone(self, populated: Populated, zone: ComponentStorage, parent: str) -> str:
        link = self._alias()
        source = f"{qualified(self._dialect.schema, zone.table)} {link}"
        where = f"{link}.entity_id = {parent}.id AND {link}.field = {quote_literal(zone.field)}"
        if populated.count:
            return f"(SELECT json_build_object('count', count(*)) FROM {source} WHERE {where})"
        cases = self._cases(populated, f"{link}.component_type", f"{link}.cmp_id", "__component")
        rows = f'SELECT {cases} AS j FROM {source} WHERE {where} ORDER BY {link}."order", {link}.id'
        return f"coalesce((SELECT json_agg(r.j) FROM ({rows}) r WHERE r.j IS NOT NULL), '[]')"

    def _morph_rows(self, populated: Populated, morph: MorphTableStorage, parent: str) -> str:
        link = self._alias()
        source = f"{qualified(self._dialect.schema, morph.table)} {link}"
        where = f"{link}.{quote(morph.own_column)} = {parent}.id"
        if populated.count:
            return f"(SELECT json_build_object('count', count(*)) FROM {source} WHERE {where})"
        cases = self._cases(
            populated, f"{link}.{quote(morph.type_column)}", f"{link}.{quote(morph.id_column)}", "__type"
        )
        rows = f'SELECT {cases} AS j FROM {source} WHERE {where} ORDER BY {link}."order", {link}.id'
        return f"coalesce((SELECT json_agg(r.j) FROM ({rows}) r WHERE r.j IS NOT NULL), '[]')"

    def _morph_row(self, populated: Populated, columns: MorphColumnsStorage, parent: str) -> str:
        return self._cases(
            populated, f"{parent}.{quote(columns.type_column)}", f"{parent}.{quote(columns.id_column)}", ""
        )

    def _cases(self, populated: Populated, type_sql: str, id_sql: str, label: str) -> str:
        """Return the row of whatever type it is; null for types that are not asked for."""
        cases = []
        for uid, selection in populated.selections.items():
            target, alias = self._schemas[uid], self._alias()
            # The row that is named is shown, whichever version of its document it is, as in Strapi.
            conditions = [f"{alias}.id = {id_sql}"]
            if selection.condition != ALWAYS:
                conditions.append(self._condition(target, selection.condition, alias))
            first = f"{quote_literal(uid)}::text AS {_label(label)}" if label else ""
            row = (
                f"SELECT {self._items(target, selection, alias, first=first)}"
                f" FROM {qualified(self._dialect.schema, target.table)} {alias}"
                f" WHERE {' AND '.join(conditions)}"
            )
            cases.append(f"WHEN {quote_literal(uid)} THEN (SELECT row_to_json(r) FROM ({row}) r)")
        return f"CASE {type_sql} {' '.join(cases)} END" if cases else "NULL::json"

    # Order

    def _order(self, schema: Schema, keys: tuple[SortKey, ...], alias: str) -> list[str]:
        return [self._sorted(schema, key, alias) for key in keys]

    def _sorted(self, schema: Schema, key: SortKey, alias: str) -> str:
        direction = "DESC" if key.descending else "ASC"
        *relations, scalar = key.path
        if not relations:
            return f"{compared(alias, scalar)} {direction}"
        # Of several rows behind, the one that comes first decides.
        sources: list[str] = []
        condition, owner, here = "", schema, alias
        for relation in relations:
            there = self._alias()
            join = join_to(self._schemas, self._dialect.schema, owner, relation, here, there)
            if sources:
                inner = f"SELECT {there}.* FROM {join.source} WHERE {join.condition}"
                sources.append(f"JOIN LATERAL ({inner}) {there} ON true")
            else:
                sources.append(join.source)
                condition = join.condition
            owner, here = self._schemas[relation.target], there
        value = compared(here, scalar)
        return (
            f"(SELECT {value} FROM {' '.join(sources)} WHERE {condition}"
            f" ORDER BY {value} {direction} NULLS LAST LIMIT 1) {direction}"
        )

    # Conditions

    def _condition(self, schema: Schema, item: Condition, alias: str, *, negated: bool = False) -> str:
        match item:
            case Group(operator=operator, items=items):
                if not items:
                    return "false" if negated else "true"
                word = {"and": "or", "or": "and"}[operator] if negated else operator
                parts = [self._condition(schema, one, alias, negated=negated) for one in items]
                return f"({f' {word.upper()} '.join(parts)})"
            case Negation(item=inner):
                return self._condition(schema, inner, alias, negated=not negated)
            case Related(field=field, item=inner):
                return self._some(schema, field, inner, alias, negated=negated)
            case Search(words=words):
                found = self._search(schema, words, alias)
                return f"NOT ({found})" if negated else found
            case Comparison() as comparison:
                test = self._compare(comparison, alias)
                return f"NOT ({test})" if negated else test
        raise AssertionError(item)

    def _some(self, schema: Schema, field: Field, item: Condition, parent: str, *, negated: bool) -> str:
        """
        Some row behind the field meets the condition, or its opposite.

        As in a left join, no row at all is one whose every column is NULL: it
        meets "is null" and nothing else.
        """
        if item == ALWAYS:
            return "false" if negated else "true"
        alias = self._alias()
        join = join_to(self._schemas, self._dialect.schema, schema, field, parent, alias)
        condition = self._condition(self._schemas[field.target], item, alias, negated=negated)
        if not _takes_nulls(item, negated=negated):
            return f"EXISTS (SELECT 1 FROM {join.source} WHERE {join.condition} AND {condition})"
        return (
            f"EXISTS (SELECT 1 FROM (SELECT 1) one LEFT JOIN {_grouped(join)}"
            f" ON {join.condition} WHERE {condition})"
        )

    def _search(self, schema: Schema, words: str, alias: str) -> str:
        # An underscore stands for any letter here, as in Strapi.
        pattern = self._value(f"%{_escaped(words, '%*')}%", "text")
        numbers = not math.isnan(js_number(words))
        searched = [
            item
            for item in schema.fields.values()
            if item.kind == "scalar" and item.searched and (numbers or item.type not in NUMBERS)
        ]
        tests = [f"{column(alias, item)}::text ILIKE {pattern}" for item in (schema.id_field, *searched)]
        return f"({' OR '.join(tests)})"

    def _compare(self, item: Comparison, alias: str) -> str:
        stored = compared(alias, item.field)
        match item.operator:
            case "$null":
                return f"{stored} IS NULL"
            case "$notNull":
                return f"{stored} IS NOT NULL"
            case "$in":
                return f"{stored} = ANY({self._list(item)})"
            case "$notIn":
                return f"{stored} <> ALL({self._list(item)})"
            case "$between":
                low, high = (self._value(value, item.type) for value in item.value)
                return f"{stored} BETWEEN {low} AND {high}"
        if item.value is None:
            return "NULL::boolean"
        if item.operator in _SIGNS:
            return f"{stored} {_SIGNS[item.operator]} {self._value(item.value, item.type)}"
        text = stored if item.field.type in _TEXT_TYPES else f"{stored}::text"
        if item.operator in ("$eqi", "$nei"):
            sign = "=" if item.operator == "$eqi" else "<>"
            return f"lower({text}) {sign} lower({self._value(item.value, 'text')})"
        before, after, case, opposite = _PATTERNS[item.operator]
        pattern = self._value(f"{before}{_escaped(item.value, '%_')}{after}", "text")
        test = f"{text} LIKE {pattern}" if case else f"lower({text}) LIKE lower({pattern})"
        return f"NOT ({test})" if opposite else test

    def _list(self, item: Comparison) -> str:
        if item.type != "timestamp":
            return self._value(item.value, f"{item.type}[]")
        return f"ARRAY[{', '.join(self._value(value, item.type) for value in item.value)}]::timestamp[]"


def _grouped(join: Join) -> str:
    return f"({join.source})" if " JOIN " in join.source else join.source


def _takes_nulls(item: Condition, *, negated: bool) -> bool:
    """Tell whether a row of NULLs may meet a condition."""
    match item:
        case Group(operator=operator, items=items):
            word = {"and": "or", "or": "and"}[operator] if negated else operator
            takes = [_takes_nulls(one, negated=negated) for one in items]
            return all(takes) if word == "and" else any(takes)
        case Negation(item=inner):
            return _takes_nulls(inner, negated=not negated)
        case Related(item=inner):
            return inner == ALWAYS or _takes_nulls(inner, negated=negated)
        case Comparison(operator=operator):
            return operator == ("$notNull" if negated else "$null")
    return False


def _escaped(text: str, letters: str) -> str:
    """Return text as LIKE finds it literally, as far as the letters that have a meaning are named."""
    return "".join(f"\\{letter}" if letter in letters or letter == "\\" else letter for letter in text)


def _window(start: int, limit: int | None) -> str:
    limited = f" LIMIT {limit}" if limit is not None else ""
    return limited + (f" OFFSET {start}" if start else "")


def _label(name: str) -> str:
    """Return a name of the answer as a column's; PostgreSQL would cut a longer one without a word."""
    if len(name.encode()) > NAME_BYTES_MAX:
        raise AssertionError(f"attribute {name} is longer than {NAME_BYTES_MAX} bytes")
    return quote(name)
