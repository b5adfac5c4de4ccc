"""Packs are read strictly, recognised by what is in the source, made rules of; others may ship them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from howdah.apps.read_pack import read_pack
from howdah.apps.recognise import recognise
from howdah.apps.registry import read_own_packs
from howdah.errors import UsageError
from support.files import make_database
from support.plans import facts_of

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "app-pack"
PACK = (EXAMPLE / "src" / "howdah_tracker" / "tracker.toml").read_text(encoding="utf-8")

_SOURCE = """
CREATE TABLE tracker_schema (version INTEGER);
CREATE TABLE issue (id INTEGER PRIMARY KEY, title TEXT, opened INTEGER, took INTEGER, state TEXT);
INSERT INTO tracker_schema VALUES (7);
INSERT INTO issue VALUES (1, 'first', 1700000000, 90, 'open');
INSERT INTO issue VALUES (2, 'second', 1700000001, NULL, 'importing');
"""
_TARGET = """
CREATE TABLE tracker_schema (version integer);
INSERT INTO tracker_schema VALUES (7);
CREATE TABLE issue (
    id bigserial PRIMARY KEY, title varchar(50), opened timestamptz, took interval, state text
);
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "nmae ="), 'has no field "nmae"'),
        (('rows = "keep"', 'rows = "forget"'), "rows must be one of replace, keep, merge, refuse"),
        (('kind = "no-rows"', 'kind = "some-rows"'), "kind must be one of same-values, no-rows"),
        (("where =", "hint2 ="), "hint2"),
        (('codec = "duration"', 'codec = "durations"'), "durations"),
        (('secrets = ["TRACKER_KEY"]', "secrets = [1]"), "secrets must be a list of strings"),
        (("refuse = true", 'refuse = "yes"'), "refuse must be true or false"),
        (('title = "Tracker"', ""), "lacks title"),
        (('params = { unit = "s" }', "params = { unit = 1 }"), "params must be strings"),
        (("[[recognise]]", "[[recognize]]"), "recognize"),
        (("[[tables]]", "[[tables"), "not TOML"),
        (
            ('title = "Tracker"', 'title = "T"\nepoch_units = { DATETIME = "fortnights" }'),
            "must be one of s, ms",
        ),
    ],
)
def test_a_pack_with_a_mistake_is_refused_by_what_is_wrong(change: tuple[str, str], message: str) -> None:
    assert change[0] in PACK
    with pytest.raises(UsageError) as caught:
        read_pack(PACK.replace(*change, 1), origin="howdah-tracker")
    assert caught.value.code == "A-501"
    assert "howdah-tracker" in str(caught.value)
    assert message in caught.value.detail


def test_packs_are_recognised_by_tables_and_columns(tmp_path: Path) -> None:
    pack = read_pack(PACK)
    assert recognise(facts_of(tmp_path, _SOURCE).catalog, [pack]) == (pack,)
    without = tmp_path / "other"
    without.mkdir()
    assert recognise(facts_of(without, "CREATE TABLE issue (id, opened)").catalog, [pack]) == ()
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    script = _SOURCE.replace("opened INTEGER", "begun INTEGER")
    assert recognise(facts_of(renamed, script).catalog, [pack]) == ()


def test_every_pack_of_howdah_has_a_guide(tmp_path: Path) -> None:
    packs = read_own_packs()
    assert {"strapi", "django", "wagtail", "alembic", "optuna"} <= {pack.name for pack in packs}
    guides = Path(__file__).parent.parent.parent / "docs" / "how-to"
    for pack in packs:
        assert any(
            f"`{pack.name}`" in page.read_text(encoding="utf-8") for page in guides.glob("migrate-*.md")
        ), pack.name
    nobodys = facts_of(tmp_path, "CREATE TABLE t (a)")
    assert recognise(nobodys.catalog, packs) == ()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of the tutorial, installed as pip installs it, in a directory of its own."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps",
            "--no-build-isolation", "--target", str(directory), str(EXAMPLE),
        ],
        check=True,
        capture_output=True,
        timeout=240,
    )  # fmt: skip
    return directory


def install_by_hand(directory: Path, name: str, entry_point: str) -> Path:
    """Make what an installed distribution without files of its own looks like."""
    site = directory / "site"
    described = site / f"{name}-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[howdah.apps]\n{entry_point}\n")
    return site


def run_howdah(installed: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "howdah", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_pack_of_another_distribution_is_used(installed: Path, database: str, tmp_path: Path) -> None:
    source = make_database(tmp_path / "tracker.db", _SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TARGET)
    status, report = run_howdah(installed, "migrate", str(source), database)
    assert status == 0, report
    findings = report["findings"]
    assert isinstance(findings, list)
    said = {finding["code"]: finding for finding in findings}
    assert "pack of howdah-tracker" in said["F-701"]["message"]
    assert "TRACKER_KEY" in said["F-704"]["message"]
    assert "an import is under way" in said["F-707"]["message"].lower()
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT id, took::text, extract(epoch FROM opened) FROM issue ORDER BY id")
        assert [(number, took, int(at)) for number, took, at in rows] == [
            (1, "00:01:30", 1_700_000_000),
            (2, None, 1_700_000_001),
        ]


def test_a_check_of_another_distribution_refuses(installed: Path, database: str, tmp_path: Path) -> None:
    source = make_database(tmp_path / "tracker.db", _SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TARGET.replace("(7)", "(6)"))
    status, report = run_howdah(installed, "migrate", str(source), database)
    assert status == 4
    assert "only in the source: 7; only in the target: 6" in json.dumps(report)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM issue").fetchone() == (0,)


def test_a_pack_that_does_not_load_is_named(database: str, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    (broken / "broken-1.0.dist-info").mkdir(parents=True)
    (broken / "broken-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
    )
    (broken / "broken-1.0.dist-info" / "entry_points.txt").write_text("[howdah.apps]\nx = nowhere:PACK\n")
    source = make_database(tmp_path / "tracker.db", _SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TARGET)
    status, report = run_howdah(broken, "migrate", str(source), database)
    assert status == 2
    assert "A-502" in json.dumps(report)
    assert "broken" in json.dumps(report)


def test_a_hook_says_what_data_cannot(database: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "hooked-1.0.dist-info").mkdir(parents=True)
    (site / "hooked-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: hooked\nVersion: 1.0\n"
    )
    (site / "hooked-1.0.dist-info" / "entry_points.txt").write_text("[howdah.apps]\ntracker = hooked:PACK\n")
    (site / "hooked.py").write_text(
        "from howdah.model.app_pack import Conversion\n"
        f"PACK = {PACK!r}.replace('params = {{ unit = \"s\" }}', '')"
        ".replace('title =', 'hook = \"hooked:convert\"\\ntitle =', 1)\n"
        "def convert(pack, catalog, owned):\n"
        "    assert pack.name == 'tracker' and catalog.table('issue') and owned.tables\n"
        "    return [Conversion(columns='issue.took', codec='duration', params={'unit': 'ms'})]\n"
    )
    source = make_database(tmp_path / "tracker.db", _SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TARGET)
    status, report = run_howdah(site, "migrate", str(source), database)
    assert status == 0, report
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT took::text FROM issue WHERE id = 1").fetchone() == ("00:00:00.09",)
