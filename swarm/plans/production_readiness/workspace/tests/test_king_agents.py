"""The king's house: requests find their adviser, work finds its order, and resources and decisions are accounted for."""

import asyncio

import pytest

from experiments.agents.agents.king.coordinator import Coordinator
from experiments.agents.agents.king.decision_log import KEPT, DecisionLog
from experiments.agents.agents.king.king_agent import KingAgent
from experiments.agents.agents.king.resource_allocator import ResourceAllocator
from experiments.agents.agents.king.task_planner import TaskPlanner


@pytest.mark.parametrize("agent_class", [Coordinator, DecisionLog, KingAgent, ResourceAllocator, TaskPlanner])
async def test_each_agent_does_its_example_again_and_again(agent_class):
    agent = agent_class()
    assert [await agent.self_check() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(
    ("request_", "adviser"),
    [
        ("Fix the code!", "magi"),
        ("Why is it true?", "sage"),
        ("Plan the harvest", "king"),
        ("Good morning", "king"),
        ("what to plan", "king"),
    ],
)
def test_the_king_sends_each_request_to_whose_words_it_speaks(request_, adviser):
    assert KingAgent().decide(request_) == adviser


async def test_the_king_counts_decisions_and_refuses_silence():
    king = KingAgent()
    assert (await king.execute_task({"content": "?!"}))["error"] == "ValueError: a request needs words"
    assert (await king.execute_task({"content": "test it"}))["result"] == {"adviser": "magi", "decisions": 1}


async def wise(question):
    return f"yes, {question}"


async def absent(_question):
    raise ConnectionError("nobody at home")


async def silent(_question):
    await asyncio.Event().wait()


async def test_an_adviser_who_fails_leaves_the_others_answers_alone():
    assert await Coordinator(advisers={"wise": wise, "absent": absent}).consult("now") == {"wise": "yes, now"}


async def test_an_adviser_who_is_late_is_left_out(monkeypatch):
    monkeypatch.setattr("experiments.agents.agents.king.coordinator.PATIENCE", 0.01)
    assert await Coordinator(advisers={"silent": silent, "wise": wise}).consult("now") == {"wise": "yes, now"}


async def test_advisers_are_asked_at_the_same_time():
    met = asyncio.Barrier(2)

    async def meeting(_question):
        await met.wait()
        return "we met"

    assert len(await Coordinator(advisers={"one": meeting, "other": meeting}).consult("now")) == 2


async def test_when_nobody_answers_the_coordinator_says_so():
    with pytest.raises(LookupError, match="no adviser answered"):
        await Coordinator(advisers={"absent": absent}).consult("now")


def test_work_comes_after_everything_it_needs_and_together_where_it_can():
    assert TaskPlanner().waves({"roof": ["walls"], "walls": ["ground"], "well": ["ground"]}) == [["ground"], ["walls", "well"], ["roof"]]


def test_no_work_has_no_waves_and_no_chain():
    assert TaskPlanner().waves({}) == []
    assert TaskPlanner().longest_chain({}, {}) == []


@pytest.mark.parametrize(
    "operation", [lambda planner, needs: planner.waves(needs), lambda planner, needs: planner.longest_chain(needs, {})]
)
def test_work_that_waits_for_itself_is_refused_with_its_ring(operation):
    with pytest.raises(ValueError, match=r"waits for itself: .*egg.*hen"):
        operation(TaskPlanner(), {"hen": ["egg"], "egg": ["hen"]})


def test_the_longest_chain_is_measured_in_days_and_not_in_steps():
    needs = {"feast": ["bread", "wine"], "bread": ["flour"], "flour": ["corn"]}
    assert TaskPlanner().longest_chain(needs, {}) == ["corn", "flour", "bread", "feast"]
    assert TaskPlanner().longest_chain(needs, {"wine": 300}) == ["wine", "feast"]


@pytest.mark.parametrize(
    ("capacity", "demands", "shares"),
    [
        (12, {"mill": 2, "forge": 8, "school": 5}, {"mill": 2, "forge": 5, "school": 5}),
        (9, {"a": 4, "b": 4, "c": 4}, {"a": 3, "b": 3, "c": 3}),
        (100, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (0, {"a": 1}, {"a": 0}),
        (5, {}, {}),
    ],
)
def test_shares_are_max_min_fair(capacity, demands, shares):
    assert ResourceAllocator().allocate(capacity, demands) == shares


@pytest.mark.parametrize(("capacity", "demands"), [(-1, {"a": 1}), (1, {"a": -1})])
def test_less_than_nothing_cannot_be_divided(capacity, demands):
    with pytest.raises(ValueError, match="cannot be negative"):
        ResourceAllocator().allocate(capacity, demands)


async def test_what_nobody_asked_for_is_left():
    result = await ResourceAllocator().execute_task({"content": {"mill": 2.0}, "capacity": 5.0})
    assert result["result"] == {"shares": {"mill": 2.0}, "left": 3.0}


@pytest.mark.parametrize(
    ("weights", "pieces"),
    [
        ({"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 3, "c": 3}),
        ({"a": 0.55, "b": 0.45}, {"a": 6, "b": 4}),
        ({"a": 0, "b": 1}, {"a": 0, "b": 10}),
    ],
)
def test_whole_pieces_are_all_given_away(weights, pieces):
    assert ResourceAllocator().allocate_whole(10, weights) == pieces


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 3, "b": -1}])
def test_pieces_need_weights(weights):
    with pytest.raises(ValueError, match="weights cannot be negative"):
        ResourceAllocator().allocate_whole(10, weights)


def test_decisions_are_found_by_their_words_the_best_first_and_then_the_newest():
    log = DecisionLog()
    for text, reason in (("Stone bridge", "wood rots"), ("Wood mill", "cheap"), ("Stone gate", "wood burns"), ("Feast", "joy")):
        log.record(text, reason)
    assert [decision.number for decision in log.search("stone or WOOD")] == [3, 1, 2]
    assert [decision.number for decision in log.search("stone or wood", limit=1)] == [3]
    assert log.search("nothing") == []


def test_what_was_replaced_stands_no_more_but_is_remembered():
    log = DecisionLog()
    first = log.record("Wood bridge", "cheap")
    second = log.record("Stone bridge", "wood rots", replaces=first)
    assert [decision.number for decision in log.standing()] == [second]
    assert len(log.search("bridge")) == 2


def test_a_decision_that_stands_is_not_recorded_twice_but_one_that_was_replaced_is():
    log = DecisionLog()
    first = log.record("Wood bridge", "cheap")
    assert log.record("Wood bridge", "cheap") == first
    log.record("Stone bridge", "wood rots", replaces=first)
    assert log.record("Wood bridge", "cheap") == 3


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [(("", "why"), "text and a reason"), (("what", " "), "text and a reason"), (("what", "why", 7), "no decision 7 to replace")],
)
def test_a_decision_that_cannot_be_recorded_says_why(arguments, fault):
    with pytest.raises(ValueError, match=fault):
        DecisionLog().record(*arguments)


def test_the_log_is_bounded_and_never_uses_a_number_again():
    log = DecisionLog()
    assert [log.record(f"decision {number}", "why") for number in range(1, KEPT + 3)][-1] == KEPT + 2
    assert (len(log.decisions), log.decisions[0].number) == (KEPT, 3)


async def test_a_task_records_a_decision_and_shows_what_is_related():
    result = await DecisionLog().execute_task({"content": "Stone bridge", "reason": "wood rots"})
    assert result["result"] == {
        "number": 1,
        "related": [{"number": 1, "text": "Stone bridge", "reason": "wood rots", "replaces": None}],
    }
