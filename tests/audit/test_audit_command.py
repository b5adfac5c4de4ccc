"""howdah audit as a project's CI would use it: states, marks, baseline, SARIF, exit status."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from howdah.ops.audit import AuditRequest, audit
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


@pytest.mark.parametrize(
    "content",
    [
        b"import os\r\nimport sqlite3\r\nx = 1\r\n",
        b"\xef\xbb\xbfimport sqlite3\nx = 1\n",
        b"import os\n\x0c\nimport sqlite3\nx = '\xe2\x80\xa8'\nimport sqlite3\n",
        b"import os\nimport sqlite3",
    ],
    ids=["Windows line ends", "byte order mark", "form feed", "no last line feed"],
)
def test_marks_apply_to_the_file_as_it_is(howdah: Program, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ä b.py").write_bytes(content)
    document = howdah.run("audit", "ä b.py", "--mark", "--json").document
    assert {finding["code"] for finding in document["findings"]} == {"A-101"}
    subprocess.run(
        ["git", "apply"], input=document["marks"].encode(), cwd=tmp_path, check=True, capture_output=True
    )
    marked = (tmp_path / "ä b.py").read_bytes()
    kept = [line for line in marked.splitlines(keepends=True) if b"howdah: deprecated" not in line]
    assert b"".join(kept) in (content, content.removeprefix(b"\xef\xbb\xbf"))
    assert marked.startswith(b"\xef\xbb\xbf") == content.startswith(b"\xef\xbb\xbf")
    compile(marked, "marked", "exec")
    assert howdah.run("audit", "ä b.py").out.startswith("CLEAN")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("app.py", "\ufeffimport sqlite3\n".encode(), "A-101"),
        ("app.py", "# -*- coding: latin-1 -*-\nimport sqlite3  # für\n".encode("latin-1"), "A-101"),
        ("requirements.txt", "django\r\naiosqlite==0.20\r\n".encode("utf-16"), "A-201"),
        ("schema.sql", "\ufeffPRAGMA foreign_keys = ON;\r\n".encode("utf-16-be"), "A-301"),
        ("package.json", '\ufeff{\r\n "dependencies": {\r\n  "sqlite3": "5"\r\n }\r\n}'.encode(), "A-201"),
    ],
)
def test_the_encodings_of_windows_and_of_old_code_are_read(
    howdah: Program, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    document = howdah.run("audit", name, "--json").document
    assert [finding["code"] for finding in document["findings"]] == [code]
    assert document["unread"] == []


def test_what_git_ignores_above_the_path_is_ignored(howdah: Program, tmp_path: Path) -> None:
    (tmp_path / "repository" / ".git" / "info").mkdir(parents=True)
    (tmp_path / "repository" / ".git" / "info" / "exclude").write_text("mine.db\n")
    (tmp_path / "repository" / ".gitignore").write_text("*.db\nbackend/made/\n")
    backend = tmp_path / "repository" / "backend"
    (backend / "made").mkdir(parents=True)
    (backend / "made" / "app.py").write_text("import sqlite3\n")
    (backend / ".gitignore").write_text("!kept.db\n")
    for name in ("app.db", "mine.db", "kept.db"):
        make_database(backend / name, "CREATE TABLE t (a)")
    found = howdah.run("audit", backend, "--json").document["findings"]
    assert [(finding["file"], finding["code"]) for finding in found] == [
        ("app.db", "A-402"),
        ("kept.db", "A-401"),
        ("mine.db", "A-402"),
    ]


def test_what_may_not_be_read_is_named_and_stops_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, who may read everything.
    (project / "pgdata").mkdir()
    (project / "secret.py").write_text("import sqlite3\n")
    scan, read = os.scandir, Path.open

    def refuse_directory(path: str) -> Any:
        if str(path).endswith("pgdata"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    def refuse_file(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "secret.py":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr("os.scandir", refuse_directory)
    monkeypatch.setattr(Path, "open", refuse_file)
    report = audit(AuditRequest(path=project))
    assert len(report.findings) == 3
    assert sorted(report.unread) == [
        ("pgdata/", "Permission denied"),
        ("secret.py", "Permission denied"),
    ]


def test_sarif_names_files_as_urls_have_them(howdah: Program, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "ä #1 100%.py").write_text("import sqlite3\n")
    howdah.run("audit", "p", "--sarif", "out.sarif")
    (result,) = json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "%C3%A4%20%231%20100%25.py"


def test_nothing_of_the_parser_is_written_beside_the_report(howdah: Program, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("db.execute('explain select 1 + 1')\n")
    assert howdah.run("audit", "app.py").err == ""
