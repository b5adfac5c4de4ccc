"""Every sentence of the README is true because a test says so: here stands which."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from statistics import median

import psycopg
import pytest

from howdah.apps.registry import read_packs
from howdah.errors import ExitStatus
from support.files import make_database
from support.program import Program

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

#: Words that one sentence of the README has and no other → the tests by which it is true.
CLAIMS = {
    "every value arrives, or a rule": (
        "fuzz/test_fuzz.py::test_what_the_fuzzer_found_stays_mended",
        "shared/test_shared_files.py::test_a_sound_file_arrives_whole",
        "shared/test_shared_files.py::test_every_row_left_behind_has_its_reason",
        "ops/test_owned_strapi.py::test_the_report_names_every_value_that_a_rule_touched",
    ),
    "by another path than the load used": (
        "ops/test_migrate_end_to_end.py::test_every_value_arrives_and_the_report_says_so",
        "proof/test_proof_damage.py::test_one_damaged_value_is_named_with_both_sides",
        "test_architecture.py::test_only_one_room_opens_each_kind_of_database",
    ),
    "the first command starts a PostgreSQL of its own": (
        "cli/test_cli_verbs.py::test_the_embedded_server_from_start_to_stop",
        "ops/test_migrate_end_to_end.py::test_the_report_directory_holds_json_and_html",
        "docs/test_examples.py::test_every_example_of_the_page_runs",
    ),
    "Python 3.11 or newer, `make` and a C library": (
        "packaging/test_distribution.py::test_the_wheel_alone_migrates_on_every_declared_python",
    ),
    "`howdah inspect app.db`": (
        "report/test_report_overview.py::test_inspection_shows_the_file_its_biggest_tables_and_mixed_columns",
        "ops/test_orphan_policies.py::test_inspect_and_plan_look_for_orphans_beforehand",
    ),
    "`howdah plan app.db -o plan.toml`": (
        "ops/test_plan_edits.py::test_edited_types_codecs_and_policies_are_carried_out",
    ),
    "`howdah migrate app.db [TARGET]`": (
        "ops/test_migrate_end_to_end.py::test_constraints_indexes_and_views_are_there_and_hold",
        "ops/test_migrate_end_to_end.py::test_ids_go_on_after_the_highest_that_was_ever_given",
    ),
    "`howdah verify app.db TARGET`": (
        "ops/test_verify_repair.py::test_damage_is_seen_mended_and_stays_mended",
    ),
    "`howdah quarantine list`": (
        "ops/test_migrate_quarantine.py::test_quarantine_keeps_every_byte_and_the_file_is_private",
        "ops/test_migrate_quarantine.py::test_a_retry_with_a_policy_loads_parents_then_children",
    ),
    "`howdah status`, `howdah rollback`": (
        "ops/test_migrate_end_to_end.py::test_status_names_the_run_and_clean_removes_every_trace",
        "ops/test_migrate_end_to_end.py::test_undo_is_refused_once_somebody_has_written",
    ),
    "`howdah rollback --carry-back`": (
        "capture/test_carry_back.py::test_every_write_since_the_migration_is_in_the_file",
    ),
    "`howdah follow`, `howdah cutover`": (
        "capture/test_live_end_to_end.py::test_there_and_back_and_there_again_under_writes",
        "docs/test_readme.py::test_the_pause_of_a_cutover_is_what_was_measured",
    ),
    "`howdah backup`, `restore`, `drill`": (
        "archive/test_backup_and_restore.py::test_a_restored_database_is_the_same_to_pg_dump",
        "archive/test_backup_and_restore.py::test_the_drill_of_a_backup_passes_in_a_server_of_its_own_and_says_how_long",
    ),
    "`howdah content verify TARGET --content DIR`": (
        "content/test_content_verify.py::test_damage_is_found_and_named",
        "content/test_content_verify.py::test_the_probes_leave_no_row_and_say_what_they_took",
    ),
    "`howdah serve TARGET --content DIR`": (
        "api/test_api_migrated.py::test_a_migrated_database_answers_as_strapi_did",
        "service/test_service_admin.py::test_metrics_are_what_prometheus_reads",
    ),
    "`howdah audit PATH`, `howdah accept`": (
        "audit/test_audit_command.py::test_open_places_end_with_three_and_say_what_to_write_instead",
        "ops/test_accept.py::test_text_json_and_page_say_the_same",
    ),
    "**Nothing is lost in silence.**": (),
    "A NUL in a text, bytes that are not UTF-8": (
        "ops/test_migrate_quarantine.py::test_rows_that_cannot_go_take_their_dependants_along",
        "scenarios/test_scenarios_text.py",
        "cli/test_cli_verbs.py::test_quarantine",
    ),
    "**Nothing is guessed in silence.**": (),
    "A `DATETIME` that holds 2024": (
        "planning/test_planning_types.py::test_what_is_ambiguous_is_kept_as_stored_and_reported",
        "docs/test_readme.py::test_a_datetime_that_holds_2024_stays_an_integer",
    ),
    "**Your file is not written to.**": (
        "ops/test_migrate_end_to_end.py::test_the_source_is_not_changed_by_a_byte",
        "sqlite/test_connect_sqlite.py::test_nothing_can_be_written",
    ),
    "A run works on a private copy": (
        "sqlite/test_snapshot_locks.py::test_every_copy_is_one_moment_while_another_process_writes",
    ),
    "Only `follow` puts something into it, a journal, and asks first": (
        "capture/test_follow.py::test_consent_is_asked_before_anything_is_touched",
    ),
    "**Killed half-way?**": (),
    "The same command picks up where it was": (
        "ops/test_migrate_resume.py::test_every_step_may_be_the_last_and_the_same_command_finishes",
        "ops/test_migrate_resume.py::test_interrupted_in_one_transaction_the_target_is_untouched",
        "ops/test_migrate_resume.py::test_killed_by_a_signal_the_command_line_resumes",
    ),
    "**Into your application's own tables, too.**": (),
    "rows go in by its types, and the schema is the same afterwards": (
        "ops/test_owned_strapi.py::test_every_value_is_proven_and_the_schema_dump_is_the_same",
        "ops/test_owned_torture.py::test_case_85_each_difference_is_told_and_the_schema_is_as_it_was",
    ),
    "Packs know Strapi, Django, Wagtail, Alembic, MLflow, Optuna and Knex": (
        "docs/test_readme.py::test_the_packs_are_those_that_the_readme_names",
        "apps/test_apps_frameworks.py::test_a_django_project_answers_as_it_did",
        "apps/test_apps_frameworks.py::test_an_application_on_sqlalchemy_and_alembic_answers_as_it_did",
        "apps/test_apps_frameworks.py::test_studies_of_optuna_answer_as_they_did",
        "apps/test_apps_heavy.py::test_experiments_and_models_of_mlflow_answer_as_they_did",
        "apps/test_apps_heavy.py::test_an_application_on_knex_answers_as_it_did",
    ),
    "**A way back.**": (),
    "leaves the target as it was, and refuses": (
        "ops/test_migrate_end_to_end.py::test_undo_leaves_the_target_as_it_was",
        "ops/test_migrate_end_to_end.py::test_undo_is_refused_once_somebody_has_written",
        "capture/test_carry_back.py::test_every_write_since_the_migration_is_in_the_file",
    ),
    "The exit status tells the truth": (
        "report/test_report_docs.py::test_the_exit_status_reference_names_every_status",
        "docs/test_readme.py::test_the_statuses_are_those_of_the_program",
    ),
    "On a file of": ("docs/test_readme.py::test_the_numbers_are_those_that_were_measured",),
    "`make bench` measures it on your machine": (
        "benchmark/test_benchmark.py::test_a_small_benchmark_measures_everybody_and_loses_no_row",
        "benchmark/test_page.py",
    ),
    "Change a schema that an application has created": (
        "ops/test_owned_schema.py::test_rows_replace_those_of_the_first_start_and_the_schema_is_what_it_was",
        "ops/test_owned_schema.py::test_the_plan_tells_every_difference_before_anything_is_written",
    ),
    "Translate what it is not certain of.": (),
    "becomes a finding with its SQL": (
        "planning/test_planning_views.py::test_a_view_that_is_not_certain_is_a_finding_with_its_sql",
        "planning/test_planning_dialect.py::test_what_is_not_certain_is_refused",
        "planning/test_planning_triggers.py::test_a_stub_is_not_taken_for_the_trigger",
    ),
    "Repair a damaged SQLite file.": (),
    "It says what is damaged and stops": (
        "shared/test_shared_files.py::test_a_damaged_file_is_refused_and_nothing_is_written",
        "shared/test_shared_files.py::test_a_damaged_file_is_salvaged_on_request",
        "sqlite/test_integrity.py::test_a_zeroed_page_is_named_with_its_table",
    ),
}


def read_sentences(text: str) -> list[str]:
    """Return what the page says: sentences of paragraphs and points, rows of tables; no headings, no code."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = text.partition("\n## More\n")[0]
    sentences = []
    for block in re.split(r"\n\s*\n|\n(?=- )|\n(?=\| )", text):
        block = " ".join(block.split())
        if not block or block.startswith(("#", "![", "| |", "|---")):
            continue
        if block.startswith("| "):
            sentences.append(block)
            continue
        sentences += re.split(r"(?<=[.?]) (?=[A-Z`])|(?<=\*\*) (?=[A-Z`])", block.removeprefix("- "))
    return sentences


def test_every_sentence_is_claimed_by_tests_and_every_claim_is_there() -> None:
    sentences = read_sentences(README.read_text(encoding="utf-8"))
    found = {claim: [text for text in sentences if claim in text] for claim in CLAIMS}
    assert {claim: texts for claim, texts in found.items() if len(texts) != 1} == {}
    claimed = {text for texts in found.values() for text in texts}
    assert [text for text in sentences if text not in claimed] == []


@pytest.mark.parametrize(
    "text", ["It makes coffee.", "- **Fast.** It makes coffee.", "| `howdah brew` | coffee |"]
)
def test_a_sentence_without_a_test_is_seen(text: str) -> None:
    sentences = read_sentences(f"{README.read_text(encoding='utf-8').partition('## More')[0]}\n\n{text}\n")
    assert "coffee" in sentences[-1]
    assert not any(claim in sentences[-1] for claim in CLAIMS)


@cache
def _tests_of(path: str) -> set[str]:
    module = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_tests_that_are_named_are_there() -> None:
    named = [test.partition("::") for tests in CLAIMS.values() for test in tests]
    assert [(path, name) for path, _, name in named if not (ROOT / "tests" / path).exists()] == []
    assert [(path, name) for path, _, name in named if name and name not in _tests_of(path)] == []


# --- What no other test says.


def test_the_numbers_are_those_that_were_measured() -> None:
    """Ratios of the newest measurement at 600 MB, to the digits that are given."""
    text = " ".join(README.read_text(encoding="utf-8").split())
    (size,) = json.loads((ROOT / "bench" / "results" / "600mb.json").read_text())["sizes"]
    seconds = {name: median(run["seconds"] for run in runs) for name, runs in size["runs"].items() if runs}
    told = re.search(r"a file of (\d+) MB and ([\d.]+) million rows", text)
    assert told
    assert (int(told[1]), float(told[2])) == (round(size["file_bytes"] / 1e6), round(size["rows"] / 1e6, 1))
    for pattern, name in (
        (r"took (.+?) what PostgreSQL itself needs", "howdah migrate --no-verify"),
        (r"with the proof of every row, (.+?)\. ", "howdah migrate"),
    ):
        said = re.search(pattern, text)
        assert said, pattern
        ratio, tolerance = read_ratio(said[1])
        assert abs(ratio - seconds[name] / seconds["floor"]) <= tolerance, name


def read_ratio(words: str) -> tuple[float, float]:
    """Return what a ratio in words or digits is, and how far from it what was measured may be."""
    words = words.removeprefix("about ")
    if words in WORDS:
        return WORDS[words], WORDS[words] / 10
    number = words.removesuffix(" ×")
    return float(number), 0.5 * 10 ** -len(number.partition(".")[2])


WORDS = {"half as much again as": 1.5, "twice": 2.0, "three times": 3.0, "four times": 4.0}


@pytest.mark.parametrize(
    ("words", "measured", "holds"),
    [("twice", 1.94, True), ("twice", 2.3, False), ("1.09 ×", 1.094, True), ("1.1 ×", 1.16, False)],
)
def test_a_ratio_that_was_not_measured_is_seen(words: str, measured: float, holds: bool) -> None:
    ratio, tolerance = read_ratio(words)
    assert (abs(ratio - measured) <= tolerance) is holds


def test_the_pause_of_a_cutover_is_what_was_measured() -> None:
    """About a second, for the application that waits for it."""
    known = json.loads((ROOT / "bench" / "results" / "live.json").read_text())
    pauses = [run["cutover"]["seen_by_the_application"] for cell in known.values() for run in cell["runs"]]
    assert pauses
    assert max(pauses) < 1.5


def test_the_packs_are_those_that_the_readme_names() -> None:
    text = README.read_text(encoding="utf-8")
    named = re.search(r"Packs know ([\w, ]+)\.", text)
    assert named
    names = {name.lower() for name in re.split(r", | and ", named[1])}
    assert names == {pack.name.partition("-")[0] for pack in read_packs()}


def test_the_statuses_are_those_of_the_program() -> None:
    text = " ".join(README.read_text(encoding="utf-8").split())
    told = re.findall(r"\b(\d) (done|the sides differ|rows in quarantine|the source is damaged)", text)
    wanted = {
        "done": ExitStatus.OK,
        "the sides differ": ExitStatus.DIFFERENT,
        "rows in quarantine": ExitStatus.QUARANTINED,
        "the source is damaged": ExitStatus.INTEGRITY,
    }
    assert {words: int(number) for number, words in told} == wanted


def test_a_datetime_that_holds_2024_stays_an_integer(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "app.db", "CREATE TABLE t (at DATETIME); INSERT INTO t VALUES (2024);")
    ended = Program(directory=tmp_path, home=tmp_path / "home").run("migrate", source, database, "--json")
    assert ended.status == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT at, pg_typeof(at)::text FROM t").fetchall() == [(2024, "bigint")]
    assert any(finding["object"] == 'column "t"."at"' for finding in ended.document["findings"])
