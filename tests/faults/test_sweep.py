"""The fault sweep: a sample of it here, three places of every verb and kind in `make test-all`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sweep import KINDS, Case, Sweep, list_cases, sweeping
from support.swept_verbs import VERBS
from support.system_calls import can_trace

pytestmark = pytest.mark.long

#: Verb → the kind of fault that `make test-long` tries on it, and where.
SAMPLE = (
    Case("migrate in steps", "killed at a system call", 0.6),
    Case("rollback of a follow", "killed at a system call", 0.9),
    Case("follow, from the beginning", "Ctrl-C", 0.5),
    Case("cutover", "answer to COMMIT lost", 0.7),
    Case("cutover", "postmaster killed", 0.5),
    Case("going home", "disk full", 0.4),
    Case("clean", "answer to COMMIT lost", 0.51),
    Case("cutover", "source replaced", 0.4),
    Case("finalize", "killed at a system call", 0.6),
    Case("restore --replace", "killed at a system call", 0.8),
)


@pytest.fixture(scope="module")
def sweep(server_bindir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    with sweeping(server_bindir, tmp_path_factory.mktemp("world")) as found:
        yield found


def _name(case: Case) -> str:
    return f"{case.verb}-{case.kind}".replace(" ", "_")


@pytest.mark.parametrize("case", SAMPLE, ids=_name)
def test_a_fault_is_loud_or_harmless_and_the_same_command_ends_as_ever(sweep: Sweep, case: Case) -> None:
    if case not in list_cases_at(case):
        pytest.skip("strace is not here, or may not trace")
    outcome = sweep.run(case)
    assert outcome.problems == (), outcome


def list_cases_at(case: Case) -> list[Case]:
    """Return the case where this machine can run it."""
    found = list_cases(1, verbs=[case.verb], kinds=[case.kind])
    return [case] if found else []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("verb", VERBS)
def test_every_kind_of_fault_at_three_places(sweep: Sweep, verb: str) -> None:
    failed = [outcome for case in list_cases(3, verbs=[verb]) if (outcome := sweep.run(case)).problems]
    assert failed == []


def test_strace_is_there_where_the_sweep_is_to_be_whole() -> None:
    """Without it the kinds that need it are left out: said here once."""
    if not can_trace():
        pytest.skip("strace is not here, or may not trace: no system call is swept")
    assert len(KINDS) == 11
