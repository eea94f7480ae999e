"""The parts of the program that uses tools: how a turn is read and shown, what a message holds, when a conversation is shortened."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.lm.record import MemoryRecord
from swarm.agents.programs.acting import Acting
from swarm.agents.programs.adapter import TurnAdapter, turn_signature
from swarm.agents.programs.circles import last_round
from swarm.agents.programs.condensing import Turn, condensed
from swarm.agents.programs.conversation import Talk
from swarm.agents.programs.finishing import Finishing
from swarm.agents.programs.messages import LAST_TURN, RESULTS_LIMIT, assignment, results
from swarm.agents.programs.trail import Trail
from swarm.agents.programs.turns import LONGEST_ANSWER, MOST_CALLS, Call, Step, Unreadable, read, rendered
from swarm.agents.tools import TOOLS
from swarm.agents.tools.calling import ToolDescription
from swarm.agents.tools.offer import Offer
from swarm.errors import ContractBreach, UsageError
from swarm.signatures.brief import Brief
from swarm.signatures.contracts import Contracts, FieldSpec

LOOK = Call(tool="read_file", args={"path": "a.py"})
LISTED = '[{"tool": "read_file", "args": {"path": "a.py"}}]'
TURN = f"[[ ## thought ## ]]\nI look.\n\n[[ ## calls ## ]]\n{LISTED}"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# Reading


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        (TURN, "I look."),
        (TURN + "\n\n[[ ## completed ## ]]\n", "I look."),
        (TURN + "\n\n[[ ## calls ## ]]\n[]", "I look."),
        (TURN + "\n\n[1] read_file\nwhat a model invents", "I look."),
        (TURN.replace(LISTED, f"```json\n{LISTED}\n```"), "I look."),
        (TURN.replace(LISTED, f"Here they are: {LISTED}"), "I look."),
        (TURN.replace(LISTED, LISTED[1:-1]), "I look."),
        (TURN.replace("tool", "name").replace("args", "arguments"), "I look."),
        (TURN.replace('{"path": "a.py"}', r'"{\"path\": \"a.py\"}"'), "I look."),
        (f'{{"thought": "I look.", "calls": {LISTED}}}', "I look."),
        (LISTED, ""),
    ],
    ids=["ours", "completed", "twice", "invented", "fence", "prose", "single", "openai", "args-text", "object", "bare"],
)
def test_a_turn_is_read_in_any_of_these_forms(text: str, thought: str) -> None:
    assert read(text) == (thought, (LOOK,))


def test_raw_line_ends_in_a_text_are_taken_as_meant() -> None:
    assert read('[{"tool": "note", "args": {"text": "one\ntwo"}}]')[1][0].args == {"text": "one\ntwo"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I have no idea.", "no JSON list"),
        ("[[ ## calls ## ]]", "no JSON list"),
        (TURN[:-2], "if the answer was cut off"),
        ('[{"tool": "note", "args": {"text": "' + "x" * 50, "if the answer was cut off"),
        ('["read_file"]', "call 1 is str, not an object"),
        ('[{"args": {}}]', 'call 1 does not name its "tool"'),
        ('[{"tool": 5}]', 'call 1 does not name its "tool"'),
        ('[{"tool": "a\\n[2] run"}]', 'call 1 does not name its "tool"'),
        (f'[{{"tool": "{"a" * 101}"}}]', 'call 1 does not name its "tool"'),
        (f'[{LISTED[1:-1]}, {{"tool": "run", "args": "ls"}}]', r"call 2 \(run\) has unfit args: a JSON object is wanted, not str"),
        ('[{"tool": "run", "args": [1]}]', "not list"),
        ('[{"tool": "run", "args": {"a": NaN}}]', "NaN"),
        ('[{"tool": "run", "args": {"a": 1e999}}]', "finite"),
        ('[{"tool": "run", "args": {"a": ' + "[" * 100 + "]" * 100 + "}}]", "deeper than 64"),
        ("[" * 100_000, "no JSON"),
        ('{"calls": 5}', "calls is int, not a list"),
        ("x" * (LONGEST_ANSWER + 1), "200,001 characters"),
        (json.dumps([{"tool": "note"}] * (MOST_CALLS + 1)), "31 calls"),
    ],
)
def test_what_is_no_turn_is_refused_whole_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        read(text)
    assert len(str(caught.value)) < 500


@given(st.text(max_size=50), st.dictionaries(st.text(), json_values, max_size=4))
def test_what_is_shown_of_a_turn_reads_as_the_same_turn(thought: str, args: dict[str, Any]) -> None:
    text = rendered("I think.", [Call(tool="run", args=args), Call(tool="finish", args={"t": thought})])
    assert read(text)[0] == "I think."
    assert rendered(*read(text)) == text


def test_half_a_character_is_written_out_where_it_is_shown() -> None:
    assert "\\ud83d" in rendered("half \ud83d", []).encode().decode()


# The adapter


def test_the_system_message_says_the_form_once_and_knows_the_agent_only() -> None:
    signature = turn_signature("Writes code.", "Read first.")
    text = TurnAdapter().format_system_message(signature)
    assert text.startswith("Writes code.\n\nRead first.\n\n")
    assert text.count("[[ ## calls ## ]]") == 1
    assert signature is turn_signature("Writes code.", "Read first.")
    assert turn_signature("", "").instructions == "You do the task that you are given."


def test_examples_that_an_optimiser_found_are_shown_as_turns() -> None:
    example = {"news": "## Task\n\nAn older one.", "thought": "I look.", "calls": [LOOK.model_dump()]}
    shown = TurnAdapter().format_demos(turn_signature("Writes code.", ""), [example])
    assert [message["role"] for message in shown] == ["user", "assistant"]
    assert shown[0]["content"].endswith("An older one.")
    assert shown[1]["content"] == TURN


# Messages


BRIEF = Brief(run="r", task="c.t", attempt=1, agent="a", role="", goal="Do it.", contract=None)


def test_the_assignment_holds_tools_task_inbox_and_situation_in_this_order() -> None:
    text = assignment([TOOLS["read_file"]], BRIEF, {"c.b": {"n": 1}, "c.a": {"s": "ä"}}, "All is quiet.", 40)
    parts = [
        "## Tools",
        "### read_file\nShows",
        "args: {",
        "## Task",
        "Do it.",
        '{"c.a": {"s": "ä"}, "c.b"',
        "All is quiet.",
        "40 turns",
    ]
    assert [text.count(part) for part in parts] == [1] * len(parts)
    assert sorted(parts, key=text.index) == parts
    assert LAST_TURN in assignment([], BRIEF, {}, "", 1)
    assert "## Situation" not in assignment([], BRIEF, {}, "", 2)


def test_results_are_numbered_and_short_ones_leave_their_room_to_the_long() -> None:
    texts = ["short", "x" * 8_000, "y" * 8_000, "z" * 8_000, "w" * 3_000]
    text = results([("read_file", each) for each in texts], ["turn 1 of 40"])
    assert text.startswith("[1] read_file\nshort\n\n[2] read_file\nxxx")
    assert "w" * 3_000 in text
    assert text.count("characters left out") == 3
    assert RESULTS_LIMIT - 500 < len(text) < RESULTS_LIMIT + 500
    assert text.endswith("\n\nturn 1 of 40")


def test_results_within_the_bound_stay_whole() -> None:
    texts = ["a" * 8_000, "b" * 8_000, "c" * 8_000]
    assert all(text in results([("run", each) for each in texts], []) for text in texts)


# Going in circles


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ("A", (1, 1)),
        ("AB", (1, 1)),
        ("ABA", (1, 1)),
        ("BAA", (1, 2)),
        ("AAA", (1, 3)),
        ("CABAB", (2, 2)),
        ("CABABAB", (2, 3)),
        ("ABCABC", (1, 1)),
        ("AAAA", (1, 4)),
    ],
)
def test_the_last_round_is_the_turn_or_the_two_that_came_most_often(turns: str, found: tuple[int, int]) -> None:
    assert last_round(list(turns)) == found


# Condensing


def _turn(number: int, answer_chars: int = 5_000, tool: str = "read_file", **args: Any) -> Turn:
    call = Call(tool=tool, args=args or {"path": f"{number}.py"})
    step = Step(f"thought {number}", (call,), (f"{number}: " + "x" * answer_chars,))
    remarks = (f"turn {number} of 40",)
    return Turn(
        step, rendered(step.thought, step.calls), results([(tool, step.observations[0])], remarks), remarks, frozenset({"read_file"})
    )


def test_old_results_give_way_to_a_line_until_enough_is_saved_and_the_rest_stays() -> None:
    turns = [_turn(number) for number in range(1, 7)]
    shown = condensed(turns, 9_000, 3)
    assert shown[0].results == "[1] read_file\n[read_file 1.py: 5,003 characters, left out; call it again if needed]\n\nturn 1 of 40"
    assert [turn.size < 500 for turn in shown] == [True, True, False, False, False, False]
    assert shown[2:] == tuple(turns[2:])
    assert [turn.answer for turn in shown] == [turn.answer for turn in turns]
    assert [turn.step for turn in shown] == [turn.step for turn in turns]
    assert condensed(shown, 1, 3)[:2] == shown[:2]


def test_the_newest_turns_stay_however_much_is_to_be_saved() -> None:
    turns = [_turn(number) for number in range(1, 5)]
    assert condensed(turns, 10**6, 3)[1:] == tuple(turns[1:])
    assert condensed(turns[:2], 10**6, 3) == tuple(turns[:2])


def test_a_conversation_over_its_budget_keeps_its_first_message_and_three_turns() -> None:
    talk = Talk("first", 1)
    for number in range(1, 6):
        talk.show(_turn(number))
    assert talk.turns[2:] == tuple(_turn(number) for number in (3, 4, 5))
    assert all("left out" in turn.results for turn in talk.turns[:2])
    assert [message["news"] for message in talk.history][:2] == ["first", talk.turns[0].results]
    assert talk.news == _turn(5).results


def test_what_was_changed_is_not_to_be_called_again_and_long_arguments_are_cut() -> None:
    written = _turn(1, tool="write_file", path="a.py", content="x" * 9_000)
    short = condensed([written], 10**6, 0)[0]
    assert "[write_file a.py: 5,003 characters, left out]" in short.results
    assert "a.py" in short.answer
    assert len(short.answer) < 1_500


def test_short_results_and_unread_answers_stay() -> None:
    unread = replace(_turn(1), step=Step("", (), ("Your answer could not be read",)))
    assert condensed([unread, _turn(2, 50)], 10**6, 0) == (unread, _turn(2, 50))


# Finishing


REPORT = Contracts({
    "Report": {
        "files": FieldSpec(type="list[path]", about="what was changed"),
        "count": FieldSpec(type="int", measured=True, constraints={"ge": 1}),
        "title": FieldSpec(type="optional[str]", required=False),
    }
})  # fmt: skip


BOTH = ["a.py", "b.py"]


async def _changed() -> list[str]:
    return BOTH


def _finishing(contract: str | None) -> Finishing:
    return Finishing(REPORT, contract, _changed)


def test_finish_is_described_by_the_contract_and_does_not_ask_for_what_is_computed() -> None:
    schema = _finishing("Report").description.parameters
    assert list(schema["properties"]) == ["files", "count", "title"]
    assert schema["required"] == ["count"]
    assert schema["properties"]["files"]["description"] == "what was changed; may be left out: the files that were changed are filled in"
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 1, "description": schema["properties"]["count"]["description"]}
    assert "measured" in schema["properties"]["count"]["description"]
    assert list(_finishing(None).description.parameters["properties"]) == ["summary"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("named", "kept"),
    [
        (None, ["a.py", "b.py"]),
        ([], ["a.py", "b.py"]),
        (["b.py"], ["b.py"]),
        (["b.py", "c.py"], ["a.py", "b.py"]),
        ("a.py", ["a.py", "b.py"]),
    ],
)
async def test_files_are_filled_in_unless_those_named_were_changed(named: Any, kept: list[str]) -> None:
    assert await _finishing("Report").payload({"files": named, "count": 2}) == {"files": kept, "count": 2, "title": None}
    if named is None:
        assert (await _finishing("Report").payload({"count": 2}))["files"] == kept


@pytest.mark.asyncio
async def test_a_payload_that_does_not_fit_is_refused_and_without_a_contract_nothing_is_handed_over() -> None:
    with pytest.raises(ContractBreach, match="count"):
        await _finishing("Report").payload({"count": "2"})
    assert await _finishing(None).payload({"summary": "Done.", "more": 1}) == {}


async def nothing_red() -> str:
    return ""


@pytest.mark.parametrize("names", [["run", "run"], ["finish"]])
def test_two_tools_of_one_name_are_refused(names: list[str]) -> None:
    async def call(args: Any) -> str:
        return "done"

    offers = [Offer(ToolDescription(name, "", {}), call) for name in names]
    with pytest.raises(UsageError, match=f'two tools are called "{names[0]}"'):
        Acting(offers, Trail(MemoryRecord(), "c.t", 1), _finishing(None), nothing_red)
