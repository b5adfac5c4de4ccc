"""The states of a live migration: what comes next, and that no state is a dead end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from howdah.capture.machine import CLOSE_ENOUGH, Facts, Goal, Phase, Step, next_step

START = Facts(phase=Phase.FOLLOWING, goal=Goal.FOLLOW)


def _simulate(facts: Facts, step: Step) -> Facts:
    """What a step that succeeds makes true, in plain words of the protocol and not of the code."""
    match step:
        case Step.APPLY:
            return replace(facts, backlog=0)
        case Step.PREPARE:
            return replace(facts, prepared=True)
        case Step.FENCE:
            return replace(facts, phase=Phase.FENCING, fenced=True)
        case Step.UNFENCE:
            return replace(facts, fenced=False)
        case Step.DRAIN:
            return replace(facts, phase=Phase.DRAINED, backlog=0)
        case Step.PROVE_DIRTY:
            return replace(facts, dirty_proven=True)
        case Step.RELEASE:
            return replace(facts, phase=Phase.RELEASED)
        case Step.PROVE_ALL:
            return replace(facts, phase=Phase.COMPLETE)
        case Step.REOPEN:
            return replace(facts, phase=Phase.FOLLOWING)
        case Step.HOME_APPLY:
            return replace(facts, home_backlog=0)
        case Step.HOME_FENCE:
            return replace(facts, phase=Phase.HOME_FENCING)
        case Step.HOME_DRAIN:
            return replace(facts, phase=Phase.HOME_DRAINED)
        case Step.HOME_RELEASE:
            return replace(facts, phase=Phase.HOME, fenced=False)
        case _:
            return facts


def _steps(facts: Facts) -> list[Step]:
    steps = []
    for _ in range(20):
        step = next_step(facts)
        steps.append(step)
        if step in (Step.DONE, Step.REFUSE, Step.WAIT, Step.LET_GO):
            return steps
        facts = _simulate(facts, step)
    raise AssertionError(f"never ends: {steps}")


def test_a_cutover_goes_through_every_step_in_order() -> None:
    facts = replace(START, goal=Goal.CUTOVER, backlog=CLOSE_ENOUGH + 1)
    assert _steps(facts) == [
        Step.APPLY,
        Step.PREPARE,
        Step.FENCE,
        Step.DRAIN,
        Step.PROVE_DIRTY,
        Step.RELEASE,
        Step.PROVE_ALL,
        Step.DONE,
    ]


def test_the_way_home_goes_through_every_step_in_order() -> None:
    facts = Facts(
        phase=Phase.COMPLETE, goal=Goal.GO_HOME, fenced=True, prepared=True, home_backlog=CLOSE_ENOUGH + 1
    )
    assert _steps(facts) == [
        Step.HOME_APPLY,
        Step.HOME_FENCE,
        Step.HOME_DRAIN,
        Step.PROVE_DIRTY,
        Step.HOME_RELEASE,
        Step.DONE,
    ]


@pytest.mark.parametrize("fenced", [True, False])
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("goal", [Goal.FOLLOW, Goal.CUTOVER, Goal.GO_HOME])
def test_every_state_leads_to_an_end(phase: Phase, goal: Goal, fenced: bool) -> None:
    _steps(Facts(phase=phase, goal=goal, fenced=fenced, backlog=5, home_backlog=5))


@pytest.mark.parametrize("phase", list(Phase))
def test_nothing_is_applied_to_postgresql_once_it_may_take_writes_of_its_own(phase: Phase) -> None:
    released = phase in (
        Phase.RELEASED,
        Phase.COMPLETE,
        Phase.HOME_FENCING,
        Phase.HOME_DRAINED,
    )
    for goal in Goal:
        step = next_step(Facts(phase=phase, goal=goal, backlog=1000, prepared=True, fenced=True))
        assert not (released and step in (Step.APPLY, Step.DRAIN, Step.FENCE, Step.REOPEN))


def test_nothing_is_released_that_is_not_proven() -> None:
    drained = Facts(phase=Phase.DRAINED, goal=Goal.CUTOVER, fenced=True)
    assert next_step(drained) is Step.PROVE_DIRTY
    assert next_step(replace(drained, dirty_proven=False)) is Step.REFUSE
    home = replace(drained, phase=Phase.HOME_DRAINED, goal=Goal.GO_HOME, dirty_proven=False)
    assert next_step(home) is Step.REFUSE


def test_rows_in_quarantine_stop_a_cutover_until_accepted() -> None:
    facts = replace(START, goal=Goal.CUTOVER, quarantined=1, prepared=True)
    assert next_step(facts) is Step.REFUSE
    assert next_step(replace(facts, quarantine_accepted=True)) is Step.FENCE


def test_a_fence_that_was_given_up_is_taken_down_before_anything_else() -> None:
    assert next_step(replace(START, fenced=True)) is Step.UNFENCE
    assert next_step(replace(START, fenced=True, goal=Goal.CUTOVER)) is Step.UNFENCE


def test_whoever_follows_lets_go_when_asked() -> None:
    for phase in Phase:
        assert next_step(Facts(phase=phase, goal=Goal.YIELD)) is Step.LET_GO
