"""howdah audit as a project's CI would use it: states, marks, baseline, SARIF, exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.files import make_database
from support.program import Program

CODE = """\
import sqlite3


def load(path):
    connection = sqlite3.connect(path)
    return connection.execute(
        \"\"\"
SELECT * FROM agent
WHERE created > datetime('now')
\"\"\"
    )
"""


@pytest.fixture
def howdah(tmp_path: Path) -> Program:
    return Program(tmp_path, tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "app.py").write_text(CODE)
    (directory / ".env").write_text("DATABASE_CLIENT=sqlite\n")
    (directory / ".gitignore").write_text(".env\n*.log\nbuild/\ndata/\n")
    (directory / "build").mkdir()
    (directory / "build" / "made.py").write_text("import sqlite3\n")
    (directory / "node_modules").mkdir()
    (directory / "node_modules" / "x.js").write_text("require('sqlite3')\n")
    return directory


def test_open_places_end_with_three_and_say_what_to_write_instead(howdah: Program, project: Path) -> None:
    ended = howdah.run("audit", project)
    assert ended.status == 3
    assert ended.out.startswith("FOUND  3 errors; 2 files")
    assert "psycopg" in ended.out
    found = howdah.run("audit", project, "--json").document["findings"]
    # What git ignores is read where it is settings; the code of others and built files are not.
    assert [(finding["file"], finding["line"], finding["code"]) for finding in found] == [
        (".env", 1, "A-102"),
        ("app.py", 1, "A-101"),
        ("app.py", 9, "A-304"),
    ]


def test_the_severity_decides_the_status(howdah: Program, project: Path) -> None:
    (project / ".env").unlink()
    (project / "app.py").write_text("db.execute(\"SELECT 1 FROM t WHERE a LIKE 'x'\")\n")
    assert howdah.run("audit", project).status == 0
    assert howdah.run("audit", project, "--fail-on", "note").status == 3


def test_a_clean_project_ends_with_zero(howdah: Program, project: Path) -> None:
    (project / ".env").unlink()
    (project / "app.py").write_text("import psycopg\n")
    ended = howdah.run("audit", project)
    assert (ended.status, ended.out.split()[0]) == (0, "CLEAN")


def test_the_marks_apply_and_cover_what_they_mark(howdah: Program, project: Path) -> None:
    marks = howdah.run("audit", project, "--mark", "--json").document["marks"]
    subprocess.run(["git", "apply"], cwd=project, input=marks, text=True, check=True, capture_output=True)
    assert compile((project / "app.py").read_text(), "app.py", "exec")
    ended = howdah.run("audit", project, "--json")
    assert ended.status == 0
    assert {finding["state"] for finding in ended.document["findings"]} == {"deprecated"}
    assert len(ended.document["findings"]) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "import sqlite3  # howdah: deprecated\n"),
        ("a.py", "# howdah: deprecated: see store.py\nimport sqlite3\n"),
        ("a.py", "@deprecated('use store')\ndef f():\n    return connect('sqlite:///x.db')\n"),
        ("a.ts", "/**\n * @deprecated PostgreSQL only\n */\nconst sqlite = {\n  client: 'sqlite',\n};\n"),
        ("c.yaml", "# howdah: deprecated\nold:\n  client: sqlite\n"),
    ],
)
def test_marks_in_the_source_are_understood(howdah: Program, tmp_path: Path, name: str, text: str) -> None:
    directory = tmp_path / "p"
    directory.mkdir()
    (directory / name).write_text(text)
    document = howdah.run("audit", directory, "--json").document
    assert [finding["state"] for finding in document["findings"]] == ["deprecated"]


def test_a_mark_does_not_cover_what_comes_after(howdah: Program, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("# howdah: deprecated\nimport sqlite3\nimport aiosqlite\n")
    document = howdah.run("audit", tmp_path / "p", "--json").document
    assert [finding["state"] for finding in document["findings"]] == ["deprecated", "open"]


def test_a_baseline_in_the_tree_is_not_audited_itself(howdah: Program, project: Path) -> None:
    baseline = project / "baseline.yaml"
    assert howdah.run("audit", project, "--write-baseline", baseline).status == 0
    document = howdah.run("audit", project, "--baseline", baseline, "--json").document
    assert {finding["file"] for finding in document["findings"]} == {".env", "app.py"}


def test_a_baseline_accepts_what_was_there_and_nothing_new(howdah: Program, project: Path) -> None:
    baseline = project.parent / "baseline.json"
    assert howdah.run("audit", project, "--write-baseline", baseline).status == 0
    # Moved down by a line, it is still the same place.
    (project / "app.py").write_text("import os\n" + CODE)
    assert howdah.run("audit", project, "--baseline", baseline).status == 0
    (project / "app.py").write_text(CODE + "\nimport aiosqlite\n")
    new = howdah.run("audit", project, "--baseline", baseline, "--json")
    assert new.status == 3
    assert [f["what"] for f in new.document["findings"] if f["state"] == "open"] == ["import aiosqlite"]
    (project / ".env").unlink()
    assert howdah.run("audit", project, "--baseline", baseline, "--json").document["stale"] == [
        "A-102 .env: DATABASE_CLIENT=sqlite"
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 7, "accepted": []}'])
def test_a_file_that_is_no_baseline_is_refused(howdah: Program, project: Path, text: str) -> None:
    (project.parent / "baseline.json").write_text(text)
    ended = howdah.run("audit", project, "--baseline", project.parent / "baseline.json")
    assert (ended.status, ended.error_line.split(":")[0]) in [(2, "error A-001"), (2, "error A-002")]


def test_a_path_that_is_not_there_is_refused(howdah: Program, tmp_path: Path) -> None:
    ended = howdah.run("audit", tmp_path / "nowhere")
    assert (ended.status, ended.error_line[:12]) == (2, "error A-003:")


def test_database_files_are_told_by_their_content(howdah: Program, project: Path) -> None:
    database = make_database(project.parent / "x.db", "CREATE TABLE t (a)")
    (project / "data").mkdir()
    shutil.copy(database, project / "data" / "ignored.bin")
    shutil.copy(database, project / "live.bin")
    (project / "not.db").write_text("text")
    found = howdah.run("audit", project, "--json").document["findings"]
    assert {(f["file"], f["code"]) for f in found if f["code"].startswith("A-4")} == {
        ("data/ignored.bin", "A-402"),
        ("live.bin", "A-401"),
    }


def test_sarif_names_rule_place_and_suppression(howdah: Program, project: Path) -> None:
    """As docs.oasis-open.org/sarif/sarif/v2.1.0 says."""
    (project / "app.py").write_text("import sqlite3  # howdah: deprecated\n")
    howdah.run("audit", project, "--sarif", project.parent / "out.sarif")
    document = json.loads((project.parent / "out.sarif").read_text())
    assert document["version"] == "2.1.0"
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    by_file = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result
        for result in run["results"]
    }
    assert set(by_file) == {".env", "app.py"}
    for result in by_file.values():
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert by_file["app.py"]["suppressions"] == [{"kind": "inSource"}]
    assert "suppressions" not in by_file[".env"]


def test_what_cannot_be_read_is_named(howdah: Program, project: Path) -> None:
    (project / "latin.py").write_bytes(b"x = '\xe9'\n")
    (project / "bundle.js").write_text("x" * 6000)
    document = howdah.run("audit", project, "--json").document
    assert document["unread"] == [["bundle.js", "minified"], ["latin.py", "not UTF-8"]]
