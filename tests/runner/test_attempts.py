"""One task at a time: when it is done, when it is refused, and what its next attempt is told."""

from typing import Any

import pytest

from swarm.engine import events as ev
from swarm.engine.events import RunEnded
from swarm.errors import AttemptTimedOut, ProcedureFailed, Refusal, ScopeBreach
from swarm.signatures.handoff import Handoff

from .fakes import Act, World, plan_of, play

CONTRACT: dict[str, Any] = {"contracts": {"Count": {"n": {"type": "int", "ge": 1}}}}


def ended(world: World) -> str:
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    return outcome.state


def test_a_chain_of_tasks_lands_in_order_and_ends_complete() -> None:
    world = World(
        plan_of("{a: {done_when: [{run: has a.txt}]}, b: {needs: [a], done_when: [{run: has b.txt}]}}", success=[{"run": "has b.txt"}])
    )
    assert ended(world) == "complete"
    assert world.code.files() == {"a.txt": "by c.a", "b.txt": "by c.b"}
    assert [event.task for event in world.events if isinstance(event, ev.Landed)] == ["c.a", "c.b"]
    assert world.code.head == world.state.head == world.state.tasks["c.b"].commit


def test_what_a_task_hands_over_is_in_the_inbox_of_those_that_need_it_and_its_id_in_their_handoff() -> None:
    world = World(plan_of("{a: {hands: Count}, b: {needs: [a]}, x: }", **CONTRACT))
    world.performer.scripts["c.a"] = lambda _: Act({"a": "1"}, {"n": 7})
    assert ended(world) == "complete"
    (b,), (x,) = world.performer.of("c.b"), world.performer.of("c.x")
    assert (dict(b.inbox), dict(x.inbox)) == ({"c.a": {"n": 7}}, {})
    handoff = world.state.tasks["c.b"].handoff
    assert handoff is not None
    assert handoff.inputs == (world.landing("c.a").handoff.id,)


def test_the_record_shows_red_to_green() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}], keep: [{run: has old}]}}"), {"old": ""})
    assert ended(world) == "complete"
    landing = world.landing("c.a")
    assert [(e.check, e.kind, e.before, e.after) for e in landing.handoff.evidence] == [
        ("run: has a.txt", "done_when", False, True),
        ("run: has old", "keep", True, True),
    ]
    assert [(v.green, v.tree) for v in landing.landed] == [(True, landing.new_tree)] * 2


def test_a_gap_is_closed_only_when_its_detector_finds_nothing_left() -> None:
    plan = plan_of("{a: {closes: {hole: a.py}, writes: [a.py]}, b: {closes: {hole: b.py}}}", gaps={"hole": {"missing": ["a.py", "b.py"]}})
    world = World(plan, attempts=2)
    world.performer.scripts["c.a"] = world.performer.attempts(Act({"other.py": ""}), Act({"a.py": ""}))
    world.performer.scripts["c.b"] = lambda _: Act({"b.py": ""})
    assert ended(world) == "complete"
    assert world.refusals("c.a") == ["checks"]
    first, second = world.performer.of("c.a")
    assert [(gap["gap"], gap["path"]) for gap in first.brief.closes] == [("hole", "a.py")]
    assert second.brief.refused is not None
    assert "gap: hole in a.py is not green" in second.brief.refused.text


def test_a_refused_attempt_passes_its_evidence_on_to_the_next() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}, {run: lacks junk}]}}"))
    world.performer.scripts["c.a"] = world.performer.attempts(Act({"junk": ""}), Act({"a.txt": ""}))
    assert ended(world) == "complete"
    first, second = world.performer.of("c.a")
    assert (first.brief.attempt, first.brief.refused, second.brief.attempt) == (1, None, 2)
    refused = second.brief.refused
    assert refused is not None
    assert (refused.attempt, refused.kind) == (1, "checks")
    assert "run: has a.txt is not green on the attempt's own tree:\nsaw ['junk']" in refused.text
    assert [(e.check, e.before, e.after) for e in refused.evidence] == [("run: has a.txt", False, False), ("run: lacks junk", True, False)]
    assert "junk" not in world.code.files()


def test_a_check_that_was_green_at_the_base_must_still_be_green_at_the_end() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}, {run: has old}]}}"), {"old": ""}, attempts=1)
    world.performer.scripts["c.a"] = lambda _: Act({"a.txt": "", "old": None})
    assert ended(world) == "incomplete"
    assert world.refusals("c.a") == ["checks"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (ScopeBreach("outside: x"), "scope"),
        (ProcedureFailed("status 3"), "procedure"),
        (AttemptTimedOut("too long"), "timeout"),
        (Refusal("no"), "procedure"),
    ],
)
def test_every_refusal_is_recorded_by_its_kind_and_told_to_the_next_attempt(refusal: Refusal, kind: str) -> None:
    world = World(plan_of("{a: }"))
    world.performer.scripts["c.a"] = world.performer.attempts(Act(fails=refusal), Act({"a": ""}))
    assert ended(world) == "complete"
    assert world.refusals("c.a") == [kind]
    told = world.performer.of("c.a")[1].brief.refused
    assert told is not None
    assert told.text == str(refusal)


def test_an_attempt_is_told_of_the_last_refusal_and_not_of_the_first() -> None:
    world = World(plan_of("{a: }"))
    world.performer.scripts["c.a"] = world.performer.attempts(Act(fails=ProcedureFailed("1")), Act(fails=ProcedureFailed("2")), Act())
    assert ended(world) == "complete"
    assert [one.brief.refused.text if one.brief.refused else None for one in world.performer.of("c.a")] == [None, "1", "2"]


@pytest.mark.parametrize("payload", [{}, {"n": 0}, {"n": "1"}, {"n": 1, "more": 2}, [1], None, {"n": float("nan")}])
def test_a_payload_that_does_not_fit_its_contract_is_refused_and_nothing_lands(payload: object) -> None:
    world = World(plan_of("{a: {hands: Count}}", **CONTRACT), attempts=2)
    world.performer.scripts["c.a"] = world.performer.attempts(Act({"bad": ""}, payload), Act({"good": ""}, {"n": 1}))
    assert ended(world) == "complete"
    assert world.refusals("c.a") == ["contract"]
    assert world.code.files() == {"good": ""}


def test_a_task_whose_attempts_are_used_up_fails_and_blocks_only_what_needs_it() -> None:
    world = World(plan_of("{a: {done_when: [{run: has never}]}, b: {needs: [a]}, d: {needs: [b]}, x: , y: {needs: [x]}}"), attempts=2)
    outcome = play(world.live())
    assert isinstance(outcome, RunEnded)
    assert (outcome.state, outcome.reasons) == ("incomplete", ("failed: c.a", "not begun: c.b, c.d"))
    assert world.stages() == {"a": "failed", "b": "waiting", "d": "waiting", "x": "verified", "y": "verified"}
    assert [one.brief.attempt for one in world.performer.of("c.a")] == [1, 2]
    assert [event.last for event in world.events if isinstance(event, ev.AttemptRefused)] == [False, True]


def test_a_keep_check_must_not_turn_red() -> None:
    world = World(plan_of("{a: {keep: [{run: has old}]}}"), {"old": ""})
    world.performer.scripts["c.a"] = world.performer.attempts(Act({"old": None}), Act({"a": ""}))
    assert ended(world) == "complete"
    told = world.performer.of("c.a")[1].brief.refused
    assert told is not None
    assert "run: has old was green and is red" in told.text


def test_a_keep_check_that_was_red_already_may_stay_red() -> None:
    world = World(plan_of("{a: {keep: [{run: has never}]}}"))
    assert ended(world) == "complete"
    assert [(e.before, e.after) for e in world.landing("c.a").handoff.evidence] == [(False, False)]


def test_a_task_whose_checks_are_green_already_is_satisfied_and_nothing_runs() -> None:
    world = World(plan_of("{a: {done_when: [{run: has old}]}, b: {needs: [a]}}"), {"old": ""})
    assert ended(world) == "complete"
    assert world.performer.of("c.a") == []
    assert world.stages() == {"a": "satisfied", "b": "verified"}
    assert dict(world.performer.of("c.b")[0].inbox) == {"c.a": {}}
    assert world.state.tasks["c.a"].commit is None


def test_a_task_that_closes_gaps_of_which_none_is_left_is_satisfied() -> None:
    world = World(plan_of("{a: {closes: {hole: '**'}}}", gaps={"hole": {"missing": ["a.py"]}}), {"a.py": ""})
    assert ended(world) == "complete"
    assert world.stages() == {"a": "satisfied"}


def test_a_task_that_declares_nothing_to_be_found_done_by_always_runs() -> None:
    world = World(plan_of("{a: {keep: [{run: has old}]}}"), {"old": ""})
    world.performer.scripts["c.a"] = lambda _: Act()
    assert ended(world) == "complete"
    assert world.stages() == {"a": "verified"}


def handoff_of(world: World, task: str, payload: dict[str, object]) -> Handoff:
    definition = world.graph.tasks[task].definition
    earlier = Handoff(
        task=task, contract="Count", payload=payload, evidence=(), base_tree="", result_tree="", inputs=(), definition=definition
    )
    world.earlier[definition] = earlier
    return earlier


GREEN_AND_HANDS = "{a: {done_when: [{run: has old}], hands: Count}, b: {needs: [a]}}"


def test_a_satisfied_task_that_hands_something_over_reuses_the_newest_payload_of_its_definition() -> None:
    world = World(plan_of(GREEN_AND_HANDS, **CONTRACT), {"old": ""})
    earlier = handoff_of(world, "c.a", {"n": 5})
    assert ended(world) == "complete"
    assert world.stages() == {"a": "satisfied", "b": "verified"}
    assert dict(world.performer.of("c.b")[0].inbox) == {"c.a": {"n": 5}}
    handoff = world.state.tasks["c.a"].handoff
    assert handoff is not None
    assert handoff.reused_from == earlier.id


@pytest.mark.parametrize("payload", [None, {"n": 0}])
def test_a_green_task_without_a_payload_that_fits_runs_all_the_same(payload: dict[str, object] | None) -> None:
    world = World(plan_of(GREEN_AND_HANDS, **CONTRACT), {"old": ""})
    world.performer.scripts["c.a"] = lambda _: Act({}, {"n": 1})
    if payload is not None:
        handoff_of(world, "c.a", payload)
    assert ended(world) == "complete"
    assert world.stages() == {"a": "verified", "b": "verified"}


def test_an_unchanged_tree_is_never_judged_twice() -> None:
    world = World(plan_of("{a: {done_when: [{run: has a.txt}], keep: [{run: lacks z}]}, b: {needs: [a], keep: [{run: lacks z}]}}"))
    assert ended(world) == "complete"
    assert set(world.judge.evaluated.values()) == {1}
    trees = {tree for check, tree in world.judge.evaluated if check == "run: lacks z"}
    assert len(trees) == 3, "the base, after a, after b: landing on an unmoved head judges nothing again"


def test_only_runs_what_is_named_and_what_it_needs() -> None:
    world = World(plan_of("{a: , b: {needs: [a]}, x: }"), only=("c.b",))
    assert ended(world) == "incomplete"
    assert world.stages() == {"a": "verified", "b": "verified", "x": "waiting"}
