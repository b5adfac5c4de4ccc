"""Views give the same rows on both databases, or are reported with their SQL."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.model.plan import PlanOptions, StepKind
from support.plans import apply_plan, facts_of, steps_of

TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT COLLATE NOCASE,
    city INTEGER REFERENCES towns, active BOOLEAN, born DATE, paid DECIMAL(8,2), weight REAL);
CREATE TABLE towns (id INTEGER PRIMARY KEY, name VARCHAR(30), country TEXT);
INSERT INTO towns VALUES (1, 'Oslo', 'no'), (2, 'Århus', 'dk'), (3, 'Zürich', NULL);
CREATE TABLE capitals (country TEXT, id INTEGER, mayor TEXT);
INSERT INTO capitals VALUES ('no', 1, 'Ola'), ('dk', 7, 'Ib'), (NULL, 3, 'Eva');
CREATE TABLE docs (id INTEGER PRIMARY KEY, doc JSON);
INSERT INTO docs VALUES (1, '{"list": [1,"x",null], "n": 5}'), (2, '["x", 5]'), (3, '"x"'), (4, NULL),
    (5, '{"list": []}');
INSERT INTO people VALUES (1, 'Ann', 'a', 1, 1, '2001-02-03', 12.5, 60.25),
    (2, 'bob', 'B', 1, 0, '1999-01-01', 3, 80.5),
    (3, 'Äsa', NULL, 2, 1, NULL, NULL, NULL), (4, 'Zoe', 'A', NULL, NULL, '2020-12-31', 0.01, 50.0);
"""

VIEWS = [
    "SELECT * FROM people",
    "SELECT id, name FROM people ORDER BY name",
    "SELECT name AS n, id FROM people ORDER BY n DESC",
    "SELECT id, nick FROM people ORDER BY nick, id",
    "SELECT id, city FROM people ORDER BY city DESC, 1",
    "SELECT p.name, t.name FROM people p JOIN towns t ON p.city = t.id ORDER BY p.id",
    "SELECT p.name, t.name AS town FROM people AS p LEFT JOIN towns AS t ON t.id = p.city ORDER BY p.id",
    "SELECT p.id, t.id FROM people p, towns t WHERE p.city = t.id ORDER BY 1, 2",
    "SELECT p.id, t.id AS other FROM people p CROSS JOIN towns t ORDER BY p.id, t.id",
    "SELECT t.*, p.name AS who FROM towns t JOIN people p ON p.city = t.id ORDER BY p.id",
    "SELECT id, name || ' of ' || ifnull(nick, 'nobody') AS label FROM people ORDER BY id",
    "SELECT city, count(*) AS many, sum(weight) AS total, avg(weight), min(name), max(id) FROM people "
    "GROUP BY city ORDER BY city",
    "SELECT city, count(active) FROM people GROUP BY city HAVING count(*) > 1",
    "SELECT count(DISTINCT city) AS cities, total(paid) AS money FROM people",
    "SELECT sum(id) AS s, sum(active) AS a FROM people",
    "SELECT id FROM people ORDER BY id LIMIT -1 OFFSET 2",
    "WITH few AS MATERIALIZED (SELECT id FROM people WHERE id < 3), more AS NOT MATERIALIZED "
    "(SELECT id FROM few) SELECT id FROM more ORDER BY id",
    "SELECT id, (city, active) = (1, 0) AS e, (city, active) <> (1, 0) AS n, (city, id) < (2, 2) AS l,"
    " (city, weight, id) <= (1, 80.5, 2) AS le, (city, active) > (1, 0) AS g, (id, city) >= (4, 1) AS ge"
    " FROM people ORDER BY id",
    "SELECT count(DISTINCT doc) AS docs, count(DISTINCT doc -> '$.n') AS counts FROM docs",
    "SELECT city, (SELECT name FROM towns WHERE id = people.city) AS town, count(*) AS many FROM people"
    " GROUP BY city ORDER BY city",
    "SELECT sum((SELECT count(*) FROM towns WHERE towns.id = people.city)) AS s FROM people",
    "SELECT max(id) AS latest, (SELECT name FROM towns WHERE id = people.city) AS town FROM people",
    "SELECT group_concat(name, '; ') AS names FROM people WHERE id = 2",
    "SELECT DISTINCT active FROM people ORDER BY active",
    "SELECT id FROM people WHERE active ORDER BY id",
    "SELECT id FROM people WHERE NOT active",
    "SELECT id FROM people WHERE city IN (SELECT id FROM towns WHERE country = 'no') ORDER BY id",
    "SELECT name, (SELECT name FROM towns WHERE towns.id = people.city) AS town FROM people ORDER BY id",
    "SELECT name, (SELECT count(*) FROM people AS q WHERE q.city = towns.id) AS many FROM towns ORDER BY id",
    "SELECT name FROM towns WHERE EXISTS (SELECT 1 FROM people WHERE city = towns.id) ORDER BY id",
    "SELECT name FROM people WHERE weight > (SELECT avg(weight) FROM people) ORDER BY id",
    "SELECT name, 'person' AS what FROM people UNION SELECT name, 'town' FROM towns ORDER BY name, what",
    "SELECT id FROM people UNION ALL SELECT id FROM towns ORDER BY 1",
    "SELECT id FROM people EXCEPT SELECT id FROM towns",
    "SELECT id FROM people INTERSECT SELECT id FROM towns ORDER BY id DESC",
    "SELECT id FROM people ORDER BY id DESC LIMIT 2 OFFSET 1",
    "WITH heavy AS (SELECT id, weight FROM people WHERE weight > 55) SELECT id FROM heavy ORDER BY id",
    "WITH h(i, w) AS (SELECT id, weight FROM people) SELECT i, w FROM h ORDER BY i",
    "SELECT s.label FROM (SELECT upper(name) AS label FROM people WHERE id < 3) AS s ORDER BY 1",
    "SELECT id, CASE WHEN active = 1 THEN 'yes' WHEN active = 0 THEN 'no' ELSE '?' END AS state FROM people "
    "ORDER BY id",
    "SELECT id, strftime('%Y', born) AS year FROM people ORDER BY id",
    "SELECT id FROM people WHERE born > '2000-01-01' ORDER BY id",
    "SELECT id FROM people WHERE nick = 'a' ORDER BY id",
    "SELECT id FROM people WHERE name LIKE 'a%' OR name GLOB '[Z]*' ORDER BY id",
    "SELECT max(name) AS largest, min(name) AS smallest FROM people",
    "SELECT id, weight * 2 AS twice, id / 2 AS half, paid FROM people ORDER BY id",
    "SELECT 1 AS one, 'x' AS letter, NULL AS nothing_at_all",
]

VIEWS += [
    "SELECT rowid AS r, printf('%03d', id) AS p FROM people ORDER BY r",
    "SELECT p.rowid AS r, t._rowid_ AS s FROM people p JOIN towns t ON t.rowid = p.city ORDER BY 1",
    "SELECT id, row_number() OVER (ORDER BY name) AS n FROM people ORDER BY id",
    "SELECT id, rank() OVER (PARTITION BY city ORDER BY weight DESC) AS r, "
    "dense_rank() OVER (ORDER BY city) AS d, ntile(2) OVER (ORDER BY id) AS h FROM people ORDER BY id",
    "SELECT id, percent_rank() OVER (ORDER BY weight) AS p, cume_dist() OVER (ORDER BY weight) AS c "
    "FROM people ORDER BY id",
    "SELECT id, sum(weight) OVER (ORDER BY id) AS so_far, sum(id) OVER (PARTITION BY nick) AS same, "
    "count(*) OVER () AS many FROM people ORDER BY id",
    "SELECT id, lag(name) OVER (ORDER BY id) AS before, lead(name, 2, 'none') OVER (ORDER BY id) AS later, "
    "lag(born, 1) OVER (ORDER BY id) AS earlier FROM people ORDER BY id",
    "SELECT id, first_value(name) OVER w AS f FROM people WINDOW w AS (ORDER BY id)",
    "SELECT id, first_value(name) OVER (ORDER BY name DESC) AS f, "
    "nth_value(name, 2) OVER (ORDER BY id) AS n, "
    "last_value(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l "
    "FROM people ORDER BY id",
    "SELECT id, avg(weight) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS a, "
    "group_concat(name) OVER (ORDER BY id GROUPS 1 PRECEDING) AS g, "
    "count(*) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS c "
    "FROM people ORDER BY id",
    "SELECT city, sum(count(*)) OVER (ORDER BY city) AS running FROM people GROUP BY city ORDER BY city",
    "SELECT count(*) FILTER (WHERE active) AS many, sum(weight) FILTER (WHERE id > 1) AS heavy FROM people",
    "SELECT sum(id) FILTER (WHERE active) OVER (ORDER BY id) AS s FROM people",
    "SELECT city, name, max(weight) AS heaviest FROM people GROUP BY city ORDER BY city",
    "SELECT name, min(weight) AS lightest, count(*) AS many FROM people",
    "SELECT *, max(id) FROM people",
    "SELECT people.id, people.name, count(*) AS many FROM people JOIN towns ON towns.id >= people.city "
    "GROUP BY people.id ORDER BY people.id",
    "SELECT towns.*, count(people.id) AS many FROM towns LEFT JOIN people ON people.city = towns.id "
    "GROUP BY towns.id ORDER BY towns.id",
    "SELECT substr(name, 1, 1) AS first, count(*) AS many FROM people GROUP BY substr(name, 1, 1) ORDER BY 1",
    "SELECT strftime('%Y', born) AS year, count(*) FROM people GROUP BY 1 ORDER BY year",
    "SELECT upper(country) || '!' AS c, count(*) FROM towns GROUP BY upper(country) ORDER BY c",
    "SELECT city, group_concat(name) AS names FROM people GROUP BY city ORDER BY city",
    "SELECT group_concat(name, '/') AS names, group_concat(DISTINCT active) AS a "
    "FROM people WHERE active = 1",
    "SELECT json_group_array(name) AS a, json_group_array(json_object('id', id)) AS b, "
    "json_group_object(name, weight) AS c FROM people",
    "SELECT id, json_object('name', name, 'paid', id + 1, 'born', born) AS doc FROM people ORDER BY id",
    "SELECT id, born, date(born, '+1 month', 'start of month') AS next FROM people ORDER BY id",
    "SELECT id FROM people WHERE born < date('2010-01-31', '-1 month') ORDER BY id",
    "SELECT id, julianday(born) - julianday('2000-01-01') AS days FROM people ORDER BY id",
    "SELECT name || ' ' || weight AS both, typeof(paid) AS kind FROM people ORDER BY id",
    "SELECT total(id) AS t, total(weight) FILTER (WHERE id = 99) AS n FROM people",
]

VIEWS += [
    "SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM people "
    "ORDER BY 1",
    "SELECT id, count(*) OVER (ORDER BY city DESC RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING) AS c, "
    "sum(id) OVER (ORDER BY weight RANGE BETWEEN 10.5 PRECEDING AND 20 FOLLOWING) AS w, "
    "group_concat(id) OVER (ORDER BY id RANGE 2 PRECEDING) AS g FROM people ORDER BY id",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r ORDER BY n",
    "WITH RECURSIVE r(n, s) AS (SELECT 1, 'x' UNION ALL SELECT n * 3, s || n FROM r WHERE n < 1e12) "
    "SELECT n, s FROM r ORDER BY n",
    "WITH r AS (SELECT id AS n, 0 AS depth FROM towns WHERE id = 1 UNION SELECT n % 3 + 1, depth + 1 FROM r "
    "WHERE depth < 7) SELECT n, depth FROM r ORDER BY depth, n",
    "WITH RECURSIVE under(id, path) AS (SELECT id, '/' || name FROM people WHERE city IS NULL "
    "UNION ALL SELECT p.id, under.path || '/' || p.name FROM people p JOIN under ON p.id = under.id - 1) "
    "SELECT * FROM under ORDER BY id",
    "WITH RECURSIVE big(x) AS (SELECT 0.5 UNION ALL SELECT x * 2 FROM big WHERE x < 40), "
    "other AS (SELECT x + 1 AS y FROM big) SELECT y FROM other ORDER BY y",
    "SELECT p.id, j.key || '' AS k, j.value || '' AS v, j.type "
    "FROM people p, json_each('[1, 2.5, \"x\", null, true, [3], {}]') AS j "
    "WHERE p.id = 1 ORDER BY p.id",
    "SELECT d.id, e.key || '=' || e.value AS pair, e.type FROM docs d JOIN json_each(d.doc) e "
    "WHERE e.value <> 5",
    "SELECT d.id, value || '' AS v FROM docs d, json_each(d.doc, '$.list')",
    "SELECT d.id, count(value) AS many FROM docs d LEFT JOIN json_each(d.doc, '$.list') ON 1 GROUP BY d.id "
    "ORDER BY d.id",
    "SELECT id FROM docs WHERE EXISTS (SELECT 1 FROM json_each(docs.doc) WHERE value = 'x') ORDER BY id",
    "SELECT id, (SELECT group_concat(j.value, ',') FROM json_each(docs.doc, '$.list') j WHERE j.key < 2) "
    "AS l FROM docs ORDER BY id",
    "SELECT value || '' AS v FROM json_each('[3, 1]') WHERE key = 1",
    'SELECT json(\'[1, {"a b": " c \\" d"} ]\') AS j, json(json_array(id)) AS k FROM people ORDER BY id',
    "SELECT * FROM towns NATURAL JOIN capitals",
    "SELECT * FROM capitals NATURAL LEFT JOIN towns ORDER BY mayor",
    "SELECT id, c.mayor, t.name FROM towns t NATURAL JOIN capitals c",
    "SELECT * FROM towns JOIN capitals USING (country) ORDER BY mayor",
    "SELECT c.*, t.name FROM towns t LEFT JOIN capitals c USING (id, country) ORDER BY t.name",
    "SELECT people.name, mayor FROM people NATURAL JOIN capitals ORDER BY 1",
]

UNTRANSLATED = [
    "SELECT id FROM people ORDER BY 1.5",
    "SELECT id FROM people ORDER BY 1e0, id",
    "SELECT id, sum(id) OVER (ORDER BY name RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM people",
    "SELECT id, sum(id) OVER (ORDER BY paid RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM people",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 5) SELECT n FROM r",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r ORDER BY 1 DESC) SELECT n FROM r LIMIT 3",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n / 2.0 FROM r WHERE n > 0.1) SELECT n FROM r",
    "WITH RECURSIVE r(n) AS (SELECT nick FROM people UNION ALL SELECT n FROM r WHERE 0) SELECT n FROM r",
    "SELECT * FROM json_each('[1]')",
    "SELECT fullkey FROM json_each('[1]')",
    "SELECT \"atom\" FROM json_each('[1]')",
    "SELECT value FROM json_tree('[1]')",
    "SELECT json(doc) AS j FROM docs",
    "SELECT city, name FROM people GROUP BY city",
    "SELECT name, count(*) AS many FROM people",
    "SELECT name, max(id), min(weight) FROM people",
    "SELECT max(id) FILTER (WHERE active), name FROM people",
    "SELECT t.id, p.name, count(*) FROM towns t JOIN people p ON p.city = t.id GROUP BY t.id",
    "SELECT datetime('now', 'localtime') AS here",
    "SELECT last_insert_rowid() AS last",
    "SELECT nick, count(*) AS many FROM people GROUP BY nick",
    "SELECT DISTINCT nick FROM people",
    "SELECT nick FROM people UNION SELECT nick FROM people",
    "SELECT name + ' x' AS broken FROM people",
    "SELECT name FROM people UNION SELECT id FROM towns",
    "SELECT id FROM people LIMIT 1 + 1",
    "SELECT mod(weight, 2) AS m FROM people",
    "SELECT id FROM people WHERE (city, id) IS (1, 1)",
    "SELECT id FROM people WHERE born = '2001-2-3'",
]


def plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def ordered(found: list[tuple[Any, ...]], query: str) -> list[tuple[Any, ...]]:
    return found if "ORDER BY" in query else sorted(found, key=repr)


@pytest.fixture
def lite(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def test_views_give_the_same_rows(database: str, tmp_path: Path, lite: Path) -> None:
    script = TABLES + ";".join(f'CREATE VIEW "v{number}" AS {query}' for number, query in enumerate(VIEWS))
    plan = facts_of(tmp_path, script).plan()
    missing = {finding.object: finding.message for finding in plan.findings if finding.code == "F-104"}
    assert missing == {}
    apply_plan(plan, database)
    source = sqlite3.connect(lite)
    with psycopg.connect(database, autocommit=True) as target:
        _fill(source, target)
        for number, query in enumerate(VIEWS):
            cursor = source.execute(f'SELECT * FROM "v{number}"')
            expected = [tuple(plain(value) for value in row) for row in cursor.fetchall()]
            answer = target.execute(f'SELECT * FROM "v{number}"'.encode())
            found = [tuple(plain(value) for value in row) for row in answer.fetchall()]
            assert ordered(found, query) == ordered(expected, query), query
            assert [column.name for column in answer.description or ()] == [
                column[0] for column in cursor.description
            ], query
    source.close()


def _fill(source: sqlite3.Connection, target: psycopg.Connection[Any]) -> None:
    for table, count in (("towns", 3), ("people", 8), ("capitals", 3), ("docs", 2)):
        for row in source.execute(f"SELECT * FROM {table}").fetchall():
            values = list(row)
            if table == "people" and values[4] is not None:
                values[4] = bool(values[4])
            target.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * count)})".encode(), values)


@pytest.mark.parametrize("query", UNTRANSLATED)
def test_a_view_that_is_not_certain_is_a_finding_with_its_sql(tmp_path: Path, query: str) -> None:
    plan = facts_of(tmp_path, TABLES + f"CREATE VIEW odd AS {query}").plan()
    assert steps_of(plan, StepKind.VIEW) == []
    (finding,) = [finding for finding in plan.findings if finding.code == "F-104"]
    assert query in finding.detail


def test_a_view_on_a_table_that_is_left_out_is_a_finding(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, TABLES + "CREATE VIEW v AS SELECT id FROM people")
    plan = facts.plan(PlanOptions(exclude=("people",)))
    assert [finding.object for finding in plan.findings if finding.code == "F-104"] == ['view "v"']


def test_views_come_after_the_views_they_read(tmp_path: Path) -> None:
    script = (
        TABLES
        + """CREATE VIEW a AS SELECT id FROM people; CREATE VIEW c AS SELECT id FROM a;
    DROP VIEW a; CREATE VIEW b AS SELECT id FROM c; CREATE VIEW a AS SELECT id FROM people;"""
    )
    plan = facts_of(tmp_path, script).plan()
    assert [step.object for step in steps_of(plan, StepKind.VIEW)] == ["a", "c", "b"]


def test_a_subquery_beside_aggregates_names_what_is_grouped_or_is_a_finding(tmp_path: Path) -> None:
    # PostgreSQL says of it that it "uses ungrouped column from outer query".
    query = "SELECT (SELECT name FROM towns WHERE id = people.city) AS town, group_concat(name) FROM people"
    plan = facts_of(tmp_path, TABLES + f"CREATE VIEW odd AS {query}").plan()
    (finding,) = [finding for finding in plan.findings if finding.code == "F-104"]
    assert 'the column "city", which is neither grouped nor aggregated' in finding.message


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT own(name) FROM people", 'the function "own", which is the application\'s'),
        ("SELECT id FROM people WHERE name REGEXP 'A'", 'the function "REGEXP", which is the application\'s'),
        ("SELECT value FROM generate_series(1, 3)", 'the table function "generate_series"'),
        ("SELECT name FROM pragma_table_info('people')", 'virtual table "pragma_table_info"'),
        ("SELECT id FROM people WHERE name MATCH 'A'", "MATCH()"),
    ],
)
def test_a_view_that_only_the_application_can_run_is_not_called_broken(
    tmp_path: Path, query: str, what: str
) -> None:
    plan = facts_of(tmp_path, TABLES + f"CREATE VIEW odd AS {query}").plan()
    (finding,) = [finding for finding in plan.findings if finding.object == 'view "odd"']
    assert finding.code == "F-104"
    assert what in finding.message


@pytest.mark.parametrize("query", ["SELECT gone FROM people", "SELECT 1 FROM gone"])
def test_a_view_over_what_is_not_there_is_broken(tmp_path: Path, query: str) -> None:
    plan = facts_of(tmp_path, TABLES + f"CREATE VIEW odd AS {query}").plan()
    assert [finding.code for finding in plan.findings if finding.object == 'view "odd"'] == ["F-105"]
