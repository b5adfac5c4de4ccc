"""The benchmark's files are the same for everybody, of the size asked for, and sound."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def generate(path: Path, *arguments: str) -> str:
    """Write a file as a person would; return its SHA-256."""
    subprocess.run(
        [sys.executable, "-m", "bench.generate", str(path), *arguments],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = generate(tmp_path / "a.db", "--megabytes", "0.5")
    assert generate(tmp_path / "b.db", "--megabytes", "0.5") == first
    assert generate(tmp_path / "c.db", "--megabytes", "0.5", "--seed", "2") != first


@pytest.mark.parametrize("megabytes", [2, 20])
def test_the_size_is_what_was_asked_for(tmp_path: Path, megabytes: int) -> None:
    generate(tmp_path / "a.db", "--megabytes", str(megabytes))
    assert (tmp_path / "a.db").stat().st_size == pytest.approx(megabytes * 1e6, rel=0.1)


def test_keys_hold_and_every_kind_of_value_occurs(tmp_path: Path) -> None:
    generate(tmp_path / "a.db", "--megabytes", "1")
    connection = sqlite3.connect(tmp_path / "a.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute(
            "SELECT count(*) FROM products WHERE NOT json_valid(attributes)"
        ).fetchone() == (0,)
        classes = connection.execute(
            "SELECT typeof(at) FROM events UNION SELECT typeof(score) FROM events"
            " UNION SELECT typeof(payload) FROM events UNION SELECT typeof(thumbnail) FROM products"
        ).fetchall()
        assert {name for (name,) in classes} == {"integer", "real", "null", "text", "blob"}
    finally:
        connection.close()
