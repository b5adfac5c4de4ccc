"""The audit on packages as published; which findings are wrong was decided by looking at each."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from howdah.ops.audit import AuditRequest, audit

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "audit-a-project.md"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    #: Findings that are wrong: code, end of the path, line.
    wrong: tuple[tuple[str, str, int], ...] = ()

    @property
    def from_npm(self) -> bool:
        return self.name in ("@strapi/database", "@keyv/sqlite", "connect-sqlite3", "ghost-cli")


PACKAGES = [
    Package(
        "datasette",
        "0.65.5",
        (
            ("A-102", "datasette/app.py", 990),
            ("A-104", "tests/test_permissions.py", 462),
        ),
    ),
    Package("optuna", "5.0.0", (("A-103", "rdb_tests/test_storage.py", 145),)),
    Package("calibreweb", "0.6.27"),
    Package("ara", "1.8.0", (("A-104", "templatetags/strip_db.py", 15),)),
    Package("@strapi/database", "5.54.0"),
    Package("@keyv/sqlite", "4.0.8"),
    Package("connect-sqlite3", "0.9.18"),
    Package("ghost-cli", "1.29.3", (("A-102", "mysql/test/extension-spec.js", 37),)),
]


def _download(package: Package, directory: Path) -> Path:
    if package.from_npm:
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", f"{package.name}=={package.version}"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    (archive,) = directory.iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(directory / "tree", filter="data")
    return directory / "tree"


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_precision_is_what_the_page_says(package: Package, tmp_path: Path) -> None:
    report = audit(AuditRequest(path=_download(package, tmp_path)))
    wrong = [
        place
        for place in package.wrong
        if any(
            finding.code == place[0] and finding.file.endswith(place[1]) and finding.line == place[2]
            for finding in report.findings
        )
    ]
    row = re.search(
        rf"^\| {re.escape(package.name)} {package.version} \|(.*)\|$", PAGE.read_text(), re.MULTILINE
    )
    assert row is not None
    said = [int(cell) for cell in row[1].split("|")]
    assert [report.files_read, len(report.findings), len(wrong)] == said
