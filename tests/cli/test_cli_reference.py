"""The reference page is the command tree, and asking for help costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import typer.main

from howdah.cli.app import app
from howdah.cli.reference import render_reference
from howdah.cli.tree import read_commands
from howdah.model.verb_reports import ErrorFacts, FailureReport
from support.program import Program

ROOT = typer.main.get_command(app)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_command_tree_says() -> None:
    assert PAGE.read_text() == render_reference(app), "python -m howdah.cli.reference > docs/reference/cli.md"


def test_the_json_of_a_failure_is_documented() -> None:
    section = (PAGE.parent / "json.md").read_text().split("## When a command fails\n")[1]
    named = set(re.findall(r"`([a-z_]+)`", section))
    for kind in (FailureReport, ErrorFacts):
        assert {field.name for field in fields(kind)} <= named


def test_every_command_answers_json_and_has_help(howdah: Program) -> None:
    for command in read_commands(ROOT):
        assert "--json" in {flag for option in command.options for flag in option.flags}, command.words
        assert command.help


def test_consents_have_no_twin() -> None:
    consents = [
        (command.words, option.variable)
        for command in read_commands(ROOT)
        for option in command.options
        if option.help.startswith("Agree")
    ]
    assert ("migrate", "") in consents
    assert {variable for _, variable in consents} == {""}


def test_one_name_means_one_variable() -> None:
    """The twin's name follows from the option's."""
    for command in read_commands(ROOT):
        for option in command.settable:
            assert option.variable == f"HOWDAH_{option.name.replace('-', '_').upper()}"


def test_help_imports_nothing_that_is_slow() -> None:
    script = (
        "import sys\n"
        "from howdah.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'pyarrow', 'numpy', 'psycopg', 'sqlglot', 'apsw', 'jinja2', 'adbc_driver_manager'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
