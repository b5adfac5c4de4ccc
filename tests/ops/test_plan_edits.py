"""A plan is written, edited by a person and carried out; what does not fit is refused, saying where."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import tomlkit

from howdah.errors import ExitStatus
from support.files import make_database
from support.program import Program

SCRIPT = """
CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT, opened INTEGER, price REAL, settings TEXT, note TEXT);
CREATE TABLE scratch (a TEXT);
INSERT INTO shop VALUES
    (1, 'one', 1700000000, 1.005, '{"a": 1, "a": 2}', 'n' || char(0)),
    (2, 'two', NULL, 2.5, '[]', CAST(x'e9' AS TEXT));
INSERT INTO scratch VALUES ('x');
"""

#: Runs the command line and gives exit status and what it said on stderr.
Howdah = Callable[..., tuple[int, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_database(tmp_path / "shop.db", SCRIPT)


@pytest.fixture
def howdah(howdah_home: Path) -> Howdah:
    program = Program(howdah_home.parent, howdah_home)

    def run(*arguments: str | Path) -> tuple[int, str]:
        ended = program.run(*arguments)
        return ended.status, ended.err

    return run


def _write_plan(howdah: Howdah, source: Path, edit: Callable[[tomlkit.TOMLDocument], None]) -> Path:
    path = source.with_suffix(".toml")
    assert howdah("plan", source, "-o", path)[0] == ExitStatus.OK
    document = tomlkit.parse(path.read_text())
    edit(document)
    path.write_text(tomlkit.dumps(document))
    return path


def _change_everything(document: tomlkit.TOMLDocument) -> None:
    tables = document["tables"]
    tables["shop"]["target_name"] = "store"
    tables["scratch"]["include"] = False
    columns = tables["shop"]["columns"]
    columns["opened"].update({"type": "timestamptz", "codec": "epoch-s"})
    columns["price"].update(
        {
            "type": "numeric(10,2)",
            "codec": "numeric",
            "params": {"affinity": "real", "rounding": "half-away", "scale": "2"},
        }
    )
    columns["settings"].update({"type": "jsonb", "codec": "jsonb"})
    columns["note"]["params"] = {"nul": "replace", "invalid_utf8": "latin1"}


def test_edited_types_codecs_and_policies_are_carried_out(
    howdah: Howdah, source: Path, database: str
) -> None:
    plan = _write_plan(howdah, source, _change_everything)

    status, errors = howdah("migrate", source, database, "--plan", plan)

    assert status == ExitStatus.OK, errors
    with psycopg.connect(database, options="-c timezone=UTC") as connection:
        assert connection.execute("SELECT * FROM store ORDER BY id").fetchall() == [
            (
                1,
                "one",
                datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
                # The double is a little less than 1.005; its shortest decimal is what was meant.
                Decimal("1.01"),
                {"a": 2},
                "n\N{SYMBOL FOR NULL}",
            ),
            (2, "two", None, Decimal("2.50"), [], "é"),
        ]
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("store",)]
    assert howdah("verify", source, database)[0] == ExitStatus.OK


def test_without_edits_the_same_rows_go_to_quarantine(howdah: Howdah, source: Path, database: str) -> None:
    plan = _write_plan(howdah, source, lambda document: None)

    status, errors = howdah("migrate", source, database, "--plan", plan)

    assert status == ExitStatus.QUARANTINED, errors
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM shop").fetchone() == (0,)
        assert connection.execute("SELECT reason FROM howdah.quarantine ORDER BY source_key").fetchall() == [
            ("nul-in-text",),
            ("invalid-utf8",),
        ]


def _set_column(name: str, **changes: object) -> Callable[[tomlkit.TOMLDocument], None]:
    def edit(document: tomlkit.TOMLDocument) -> None:
        document["tables"]["shop"]["columns"][name].update(changes)

    return edit


def _rename_column(document: tomlkit.TOMLDocument) -> None:
    columns = document["tables"]["shop"]["columns"]
    columns["title"] = columns.pop("name")


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (_set_column("opened", type="uuid", codec="uuid-text"), "P-105", '"shop"."opened"'),
        (_set_column("opened", type="date", codec="epoch-weeks"), "P-104", '"shop"."opened"'),
        (_set_column("price", type="boolean"), "P-104", '"shop"."price"'),
        (_set_column("note", params={"nul": "explode"}), "P-104", '"shop"."note"'),
        (_set_column("note", params={"null": "strip"}), "P-104", '"shop"."note"'),
        (_rename_column, "P-102", '"shop"."title"'),
    ],
)
def test_a_misfit_is_refused_saying_where_and_nothing_is_written(
    howdah: Howdah,
    howdah_home: Path,
    source: Path,
    database: str,
    edit: Callable[[tomlkit.TOMLDocument], None],
    code: str,
    said: str,
) -> None:
    plan = _write_plan(howdah, source, edit)

    status, errors = howdah("migrate", source, database, "--plan", plan)

    assert status == ExitStatus.USAGE
    assert code in errors
    assert said in errors
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall() == []
        assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
    assert list(howdah_home.glob("runs/*")) == []


def test_a_plan_of_a_source_that_has_changed_since_is_refused(
    howdah: Howdah, source: Path, database: str
) -> None:
    plan = _write_plan(howdah, source, lambda document: None)
    make_database(source, "ALTER TABLE shop ADD COLUMN fresh TEXT")

    status, errors = howdah("migrate", source, database, "--plan", plan)

    assert status == ExitStatus.USAGE
    assert "P-103" in errors
    assert '"shop"."fresh"' in errors


def test_values_that_do_not_fit_an_edited_type_go_to_quarantine(
    howdah: Howdah, source: Path, database: str
) -> None:
    def edit(document: tomlkit.TOMLDocument) -> None:
        _change_everything(document)
        document["tables"]["shop"]["columns"]["opened"].update({"type": "smallint", "codec": "integer"})

    plan = _write_plan(howdah, source, edit)

    status, errors = howdah("migrate", source, database, "--plan", plan)

    assert status == ExitStatus.QUARANTINED, errors
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id FROM store").fetchall() == [(2,)]
        assert connection.execute("SELECT reason, column_name FROM howdah.quarantine").fetchall() == [
            ("integer-out-of-range", "opened")
        ]
