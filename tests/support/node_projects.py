"""Projects of Node below tests/apps/projects: copied, with their packages installed once per machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.applications import PROJECTS

#: npm compiles better-sqlite3 where there is no binary for it.
_INSTALL_SECONDS = 1_200


def node_project(name: str, directory: Path) -> Path:
    """Copy the project to a directory where Node finds its packages; return it. Skips without Node or npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed")
    packages = _install(name, npm)
    project = directory / name
    shutil.copytree(PROJECTS / name, project)
    (project / "node_modules").symlink_to(packages / "node_modules")
    return project


def _install(name: str, npm: str) -> Path:
    manifest = (PROJECTS / name / "package.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "howdah-tests"
    packages = cache / f"{name}-{hashlib.sha256(manifest).hexdigest()[:12]}"
    if (packages / "complete").exists():
        return packages
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    (packages / "package.json").write_bytes(manifest)
    _run([npm, "install", "--no-audit", "--no-fund"], packages)
    # npm 11 runs no install scripts unless they are approved; rebuild is refused by older ones.
    subprocess.run([npm, "install-scripts", "approve", "better-sqlite3"], cwd=packages, capture_output=True)
    probe = ["node", "-e", "new (require('better-sqlite3'))(':memory:')"]
    if subprocess.run(probe, cwd=packages, capture_output=True).returncode:
        _run([npm, "rebuild", "better-sqlite3", "--foreground-scripts"], packages)
        _run(probe, packages)
    (packages / "complete").touch()
    return packages


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}"
