"""howdah.toml: defaults by command, and no name without effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.errors import UsageError
from howdah.options_file import read_options_file

COMMANDS = {
    "migrate": ["schema", "jobs", "on_reject", "target", "yes"],
    "verify": ["jobs", "repair"],
    "quarantine list": ["table", "state_schema"],
}


def read(path: Path, text: str) -> dict[str, object]:
    file = path / "howdah.toml"
    file.write_text(text)
    return read_options_file(file, COMMANDS)


def test_keys_at_the_top_go_to_every_command_that_knows_them(tmp_path: Path) -> None:
    defaults = read(tmp_path, 'jobs = 3\nschema = "app"\n')
    assert defaults == {
        "migrate": {"jobs": 3, "schema": "app"},
        "verify": {"jobs": 3},
        "quarantine": {"list": {}},
    }


def test_a_commands_own_table_comes_first(tmp_path: Path) -> None:
    defaults = read(
        tmp_path, 'jobs = 3\n[migrate]\njobs = 4\non-reject = "stop"\n[quarantine.list]\ntable = "t"\n'
    )
    assert defaults["migrate"] == {"jobs": 4, "on_reject": "stop"}
    assert defaults["verify"] == {"jobs": 3}
    assert defaults["quarantine"] == {"list": {"table": "t"}}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("job = 3", '"job"'),
        ("[migrate]\nrepair = true", '[migrate] "repair"'),
        ("[migrat]\njobs = 1", 'command "migrat"'),
        ("[migrate.deeper]\njobs = 1", 'command "migrate deeper"'),
        # Consents and databases are for the command line.
        ("[migrate]\nyes = true", '"yes"'),
        ('target = "postgresql://h/d"', '"target"'),
    ],
)
def test_an_unknown_name_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert refused.value.code == "U-305"
    assert name in refused.value.message


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, 'on-rejct = "stop"')
    assert '"on-reject"' in refused.value.hint


def test_what_is_not_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, "jobs = = 3")
    assert refused.value.code == "U-304"
    assert "line 1" in refused.value.detail


def test_a_named_file_must_exist_and_the_usual_one_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_options_file(None, COMMANDS) == {}
    with pytest.raises(UsageError) as refused:
        read_options_file(tmp_path / "none.toml", COMMANDS)
    assert refused.value.code == "U-303"
    (tmp_path / "howdah.toml").write_text("jobs = 2")
    assert read_options_file(None, COMMANDS)["verify"] == {"jobs": 2}
