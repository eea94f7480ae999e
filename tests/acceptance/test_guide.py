"""`docs/writing-a-plan.md` is followed to the letter: see `page`. Its agents think with a scripted model, over HTTP."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.page import compare, edited, follow, write
from tests.model_server import Answer, Call, Chat, Coder, Edit, Lesson, ModelServer
from tests.model_server.formats import render
from tests.model_server.tools import offers, past_calls

GUIDE: Final = (Path(__file__).parents[2] / "docs" / "writing-a-plan.md").read_text(encoding="utf-8")
PROCEDURES, AGENTS = GUIDE[: (_at := GUIDE.index("\n## 14. "))], GUIDE[_at:]
"""Its two halves, of which the second begins with what the first has left: each a test, so that they run at once."""


# The guide's model


def _sign(path: str, last: str, said: str) -> Lesson:
    """What is right for a stall whose file, or whose sign, ends so."""
    return Lesson(f"This is task market.sign[{path}].", edits=[Edit(path, last, f'{last}\n\n\ndef sign():\n    return f"{said}"')])


_WORDS: Final = Call("town_word_for", {"goods": "jugs"})
_CODER: Final = Coder(
    Lesson("Find a motto for the village.", payload={"motto": "Bread, flour and pots: the tax is the same for all."}),
    Lesson(
        "Does the motto fit what the stalls sell?", reads=["MOTTO.md"], payload={"holds": True, "reason": "MOTTO.md:1 names all three."}
    ),
    Lesson(
        "jugs, {price(1)}",
        edits=[Edit("potter.py", 'return f"jugs, {price(1)}"', 'return f"a pot, {price(1)}; of ten, one is free"')],
    ),
    _sign("baker.py", "    return round(loaves * 3 * RATE, 2)", "a loaf, {price(1)}"),
    _sign("miller.py", "    return round(sacks * 7 * RATE, 2)", "a sack of flour, {price(1)}"),
    _sign("potter.py", "    return round(paid * 8 * RATE, 2)", "a jug, {price(1)}; of ten, one is free"),
)


def _model(chat: Chat) -> Answer:
    """Asks the town first, where that can be asked."""
    if _WORDS.name in offers(chat) and _WORDS not in past_calls(chat):
        calls = [{"tool": _WORDS.name, "args": _WORDS.arguments}]
        return Answer(render(chat, {"thought": "What do they call it here?", "calls": calls}))
    return _CODER(chat)


@pytest.fixture
def reader(shell: Any) -> Any:
    """A shell as the page wants it: with `python3`, and the package `mcp` in it."""
    return shell.using(PATH=f"{Path(sys.executable).parent}{os.pathsep}{shell.environment['PATH']}")


# The guide, and the proof that following it can fail


def test_the_guide_does_what_it_shows(shell: Any) -> None:
    follow(PROCEDURES, shell)


def test_its_agents_do_what_it_shows(reader: Any) -> None:
    write(PROCEDURES, reader)
    reader.swarm("execute", "plan.yaml", "--run", "three")
    reader.swarm("promote", "three")
    with ModelServer(_model).in_thread() as server:
        follow(AGENTS, reader.using(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.base_url))
    assert any("\npots" in str(message["content"]) for exchange in server.chats for message in exchange.messages)


def test_the_plan_that_shows_how_agents_think_holds(shell: Any) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "plan-language.md").read_text(encoding="utf-8")
    section = reference[reference.index("## How an agent thinks") :]
    shell.write("plan.yaml", section.partition("```yaml\n")[2].partition("```")[0])
    for path, text in {"programs/estimator.py": "", "programs/estimator.json": "{}", "servers/docs.py": ""}.items():
        shell.write(path, text)
    assert shell.swarm("validate", "plan.yaml").stdout.startswith("the plan holds: no problems, 2 tasks")


@pytest.mark.parametrize(
    "printed",
    ["18:12:33 tax  landed 229cdef\nrun complete in 1.4 s\n", "00:00:01 tax  landed 0123456\nwhatever\nelse\nrun complete in 12.0 s\n"],
)
def test_times_seconds_hashes_and_what_is_left_out_may_differ(printed: str) -> None:
    compare("c", ["18:12:33 tax  landed 229cdef", "…", "run complete in 1.4 s"], printed)


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("2 calls, 5,628 tokens, $0.00", "2 calls, 31,017 tokens, $1.20", True),
        ("2 calls, 5,628 tokens, $0.00", "3 calls, 5,628 tokens, $0.00", False),
        ("2 calls, 5,628 tokens, $0.00", "2 calls, 5,628 tokens, cost unknown", False),
        ("the same; 0 model calls, $0.00", "the same; 0 model calls, $0.01", False),
        ("for c.t, 9,316 characters:", "for c.t, 812 characters:", True),
    ],
)
def test_what_a_prompts_length_decides_may_differ_and_the_number_of_calls_may_not(shown: str, printed: str, alike: bool) -> None:
    with nullcontext() if alike else pytest.raises(AssertionError, match="is shown with"):
        compare("c", [shown], f"{printed}\n")


@pytest.mark.parametrize(
    "printed",
    [
        "18:12:33 tax  refused 229cdef\nrun complete in 1.4 s\n",
        "18:12:33 tax  landed 229cdef\nrun complete\n",
        "18:12:33 tax  landed 229cdef\nrun complete in 1.4 s\nand more\n",
        "before\n18:12:33 tax  landed 229cdef\nrun complete in 1.4 s\n",
        "18:12:33 tax  landed\nrun complete in 1.4 s\n",
        "",
    ],
)
def test_anything_else_that_differs_is_noticed(printed: str) -> None:
    with pytest.raises(AssertionError, match="is shown with"):
        compare("c", ["18:12:33 tax  landed 229cdef", "…", "run complete in 1.4 s"], printed)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("a\n\n```console\n$ swarm validate no.yaml\nthe plan holds\n```\n", "ended with 2"),
        ("a\n\n```console\n$ swarm runs\nthere are three runs\n```\n", "there is no run yet"),
        ("a\n\n```console\n$ false\n```\n", "`false` ended with 1"),
        ("a\n\n```yaml\nplan: x\n```\n", "what is to be done"),
        ("`p`:\n\n```yaml\na: 1\n```\n\n`p`, below `b: 1`:\n\n```yaml\nc: 1\n```\n", "0 times"),
        ("`p`:\n\n```yaml\na: 1\n```\n\n`p`, now whole:\n\n```yaml\na: 2\n```\n", "a: 2"),
        ("a\n```yaml\nplan: x\n```\n", "what is to be done"),
        ("a\n\n```\nplan: x\n```\n", "a fence without a language"),
    ],
)
def test_a_page_that_is_wrong_does_not_pass(shell: Any, page: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        follow(page, shell)


def test_each_edit_goes_where_the_page_says(shell: Any) -> None:
    old = "a:\n  b: 1\n  c: 2\nd: 3\n"
    assert edited(old, "at the end", None, "e: 4\n") == old + "e: 4\n"
    assert edited(old, "below `b: 1`", "b: 1", "  e: 4\n") == "a:\n  b: 1\n  e: 4\n  c: 2\nd: 3\n"
    assert edited(old, "in place of `a:`", "a:", "e: 4\n") == "e: 4\nd: 3\n"
