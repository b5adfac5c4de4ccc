"""Wheel and source distribution: the same bytes every time, whole, usable where nothing else is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from support.files import make_database

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "howdah"


def _tracked_copy(directory: Path) -> Path:
    """Copy what the repository holds, as a clone would."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in filter(None, names):
        source = ROOT / os.fsdecode(name)
        if source.is_file():
            place = directory / os.fsdecode(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)
    return directory


def _build(checkout: Path) -> dict[str, Path]:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(checkout / "dist")],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    return {path.name: path for path in (checkout / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _build(_tracked_copy(tmp_path_factory.mktemp("checkout")))


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> Path:
    return next(path for name, path in built.items() if name.endswith(".whl"))


@pytest.mark.long
def test_two_builds_from_two_places_are_the_same_bytes(built: dict[str, Path], tmp_path: Path) -> None:
    again = _build(_tracked_copy(tmp_path / "another place"))
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in built.items()}
    assert len(digests) == 2
    assert digests == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in again.items()}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert shipped == {f"howdah/{name}" for name in listed if (PACKAGE / name).is_file()}


def test_the_source_distribution_can_be_built_and_tested(built: dict[str, Path]) -> None:
    archive = next(path for name, path in built.items() if name.endswith(".tar.gz"))
    with tarfile.open(archive) as tar:
        names = {name.split("/", 1)[1] for name in tar.getnames()}
    assert {
        "pyproject.toml",
        "Makefile",
        ".ci/run",
        "CHANGELOG.md",
        "LICENSE",
        "SECURITY.md",
        "src/howdah/cli/main.py",
        "tests/conftest.py",
        "docs/index.md",
        "examples/agent-platform/strapi.db",
    } <= names


def test_the_version_is_said_once() -> None:
    from howdah import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_the_image_is_built_from_files_that_are_there() -> None:
    """No engine runs here; what COPY names must exist, and the process must not be root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        word
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER howdah"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught_to_complete(shell: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "howdah", "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "_HOWDAH_COMPLETE" in done.stdout


def _interpreters() -> list[str]:
    """Return the declared Pythons that this machine has."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    minors = [text.rsplit(":: ", 1)[1] for text in classifiers if "Python :: 3." in text]
    found = []
    for minor in minors:
        path = shutil.which(f"python{minor}")
        candidates = [path] if path else []
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        candidates += [str(place / "bin" / "python3") for place in sorted(pyenv.glob(f"{minor}.*"))]
        for candidate in candidates:
            works = subprocess.run(
                [candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False
            )
            if works.returncode == 0:
                found.append(candidate)
                break
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("python", _interpreters())
def test_the_wheel_alone_migrates_on_every_declared_python(python: str, wheel: Path, tmp_path: Path) -> None:
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    subprocess.run([programs / "pip", "--quiet", "install", wheel], check=True)
    source = make_database(
        tmp_path / "app.db", "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x'), (NULL);"
    )
    environment = {"PATH": os.environ["PATH"], "HOWDAH_HOME": str(tmp_path / "h")}
    try:
        done = subprocess.run(
            [programs / "howdah", "migrate", source],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "PROVEN" in done.stdout) == (0, True), done.stderr
    finally:
        subprocess.run([programs / "howdah", "pg", "stop"], env=environment, check=True, capture_output=True)
