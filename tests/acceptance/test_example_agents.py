"""`examples/units`, a plan without procedures, is carried out by agents: gaps closed, tests green, and replayed without a model.

A scripted model plays them over HTTP. It knows what is right and has to get it done with the tools, prompts and checks that any model
would have: what it forgets, or does outside its scope, is refused.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from swarm.agents.lm.access import endpoint_for
from swarm.agents.lm.names import parse_model
from swarm.agents.lm.providers import provider_of
from tests.acceptance.page import follow
from tests.model_server import Answer, Call, Chat, Coder, Edit, Lesson, ModelServer
from tests.model_server.formats import render
from tests.model_server.tools import offers, past_calls

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "units"
GOAL: Final = "This is task {}."

MUL: Final = '''\
        """So many times the quantity, in its unit. `times` is a number; of anything else, Python is told that it cannot be done."""
        raise NotImplementedError
'''
LESS: Final = '''\
            UnitError: the units are of different dimensions.
        """
        raise NotImplementedError
'''
PARSE: Final = '''\
        UnitError: there is no number, no symbol, or no such unit. The text is shown.
    """
    raise NotImplementedError
'''
COMMAND: Final = '''\
"""`python3 -m units NUMBER UNIT UNIT`: a quantity, in another unit."""

import sys

from units import UnitError, parse


def main(words):
    if len(words) != 3:
        return "usage: python3 -m units NUMBER UNIT UNIT"
    try:
        found = parse(" ".join(words[:2])).to(words[2])
    except UnitError as error:
        return str(error)
    print(f"{found.value:g} {found.symbol}")
    return None


if __name__ == "__main__":
    said = main(sys.argv[1:])
    if said:
        print(said, file=sys.stderr)
        sys.exit(2)
'''
TESTS: Final = """\
import unittest

from units import Quantity, UnitError
from units.statistics import mean, median, spread


class Statistics(unittest.TestCase):
    def test_the_mean_has_the_unit_of_the_first(self):
        self.assertEqual(mean([Quantity(1, "km"), Quantity(2000, "m")]), Quantity(1.5, "km"))

    def test_the_median_is_in_the_middle_of_the_sorted(self):
        self.assertEqual(median([Quantity(9, "m"), Quantity(1, "m"), Quantity(2, "m")]), Quantity(2, "m"))

    def test_of_an_even_number_it_is_the_mean_of_two(self):
        self.assertEqual(median([Quantity(1, "m"), Quantity(9, "m"), Quantity(2, "m"), Quantity(4, "m")]), Quantity(3, "m"))

    def test_the_spread_is_from_the_smallest_to_the_largest(self):
        self.assertEqual(spread([Quantity(3, "m"), Quantity(1, "m"), Quantity(9, "m")]), Quantity(8, "m"))

    def test_nothing_has_none_of_them(self):
        for figure in (mean, median, spread):
            with self.subTest(figure), self.assertRaises(UnitError):
                figure([])
"""
GUIDE: Final = """\
## Using it

```python
>>> from units import Quantity, parse, pretty
>>> parse("26.2 mi").to("km").symbol
'km'
>>> pretty(parse("1 km") + Quantity(500, "m"))
'1.5 km'
>>> parse("90 min") < parse("2 h")
True

```

From the command line, `python3 -m units 26.2 mi km` prints `42.1648 km`.

"""


def _documented(path: str, head: str, text: str) -> Edit:
    return Edit(path, head, f'{head}    """{text}"""\n')


LESSONS: Final = (
    Lesson(
        GOAL.format("library.conventions"),
        payload={
            "errors": "UnitError where a caller's text or units mean nothing; its text names them.",
            "docstrings": "A sentence of what comes back; Raises: where something is raised.",
            "tests": "unittest; names are sentences, values are worked out by hand.",
        },
    ),
    Lesson(
        GOAL.format("library.stubs[units/quantity.py]"),
        edits=[
            Edit(
                "units/quantity.py",
                MUL,
                MUL.replace(
                    "raise NotImplementedError",
                    "if not isinstance(times, int | float):\n            return NotImplemented\n"
                    "        return Quantity(self.value * times, self.symbol)",
                ),
            ),
            Edit("units/quantity.py", LESS, LESS.replace("raise NotImplementedError", "return self.value < other.to(self.symbol).value")),
        ],
        commands=["python3 -m unittest -q tests.test_quantity"],
    ),
    Lesson(
        GOAL.format("library.stubs[units/parsing.py]"),
        edits=[
            Edit("units/parsing.py", "from units.errors", "import re\n\nfrom units.errors"),
            Edit(
                "units/parsing.py",
                PARSE,
                PARSE.replace(
                    "raise NotImplementedError",
                    r'found = re.fullmatch(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]+)\s*", text)'
                    "\n    if found is None:\n"
                    '        raise UnitError(f"{text!r} is no quantity: write a number and a unit")\n'
                    "    return Quantity(float(found[1]), unit(found[2]).symbol)",
                ),
            ),
        ],
    ),
    Lesson(
        GOAL.format("library.temperature"),
        edits=[Edit("units/temperature.py", "(_possible(celsius) + 32) * 9 / 5", "_possible(celsius) * 9 / 5 + 32")],
    ),
    Lesson(
        GOAL.format("library.docstrings[units/formatting.py]"),
        edits=[
            Edit("units/formatting.py", "from units.table", '"""Quantities as text."""\n\nfrom units.table'),
            Edit(
                "units/formatting.py",
                "def pretty(quantity):\n",
                'def pretty(quantity):\n    """In the largest unit that leaves a one."""\n',
            ),
            _documented("units/formatting.py", "def column(quantities, symbol):\n", "A line for each, flush right, all in one unit."),
        ],
    ),
    Lesson(
        GOAL.format("library.docstrings[units/table.py]"),
        edits=[
            Edit("units/table.py", "from dataclasses", '"""The units there are."""\n\nfrom dataclasses'),
            _documented("units/table.py", "class Unit:\n", "A unit, and how many of the base unit of its dimension it is."),
            _documented("units/table.py", "def unit(symbol):\n", "The unit of a symbol."),
            _documented("units/table.py", "def related(symbol):\n", "Units of the same dimension, the smallest first."),
        ],
    ),
    Lesson(GOAL.format("library.command"), files={"units/__main__.py": COMMAND}),
    Lesson(GOAL.format("assurance.statistics-tests"), files={"tests/test_statistics.py": TESTS}),
    Lesson(GOAL.format("words.guide"), edits=[Edit("README.md", "`python3 -m unittest` runs", f"{GUIDE}`python3 -m unittest` runs")]),
    Lesson(
        GOAL.format("assurance.review"),
        commands=["python3 -m unittest -q"],
        payload={"tests": 31, "met": ["the tests", "the command", "the examples"], "open": []},
    ),
    Lesson("Answer with the word: yes"),
    Lesson("use it after reading README.md alone", reads=["README.md"], payload={"holds": True, "reason": "README.md, lines 11 to 24."}),
)


DRAFTS: Final = (
    """\
plan: finish
goal: Finish this library.
workspace: examples/units/library
gaps:
  stub: {files: "units/*.py", ast: raise NotImplementedError}
phases: [finish]
categories:
  library:
    objective: The tests pass.
    lead: code-generator
    tasks:
      parsing:
        phase: finish
        goal: Implement parse.
        writes: units/parsing.py
        closes: {stub: units/parsing.py}
success: [{run: python3 -m unittest -q}]
""",
    """\
plan: finish
goal: Finish this library.
workspace: examples/units/library
gaps:
  stub: {files: "units/*.py", ast: raise NotImplementedError}
phases: [finish]
categories:
  library:
    objective: The tests pass.
    lead: code-generator
    tasks:
      stubs:
        phase: finish
        for_each: stub
        goal: Implement what {path} leaves open.
        writes: "{path}"
      temperature:
        phase: finish
        goal: Mend what the tests of units/temperature.py find.
        writes: units/temperature.py
        done_when: [{run: python3 -m unittest -q tests.test_temperature}]
success: [{run: python3 -m unittest -q}]
""",
)
PLAN: Final = "examples/units/plan.yaml"
README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION: Final = README[README.index("## Agents that think") : README.index("## Writing a plan")]
WAYS: Final = re.findall(r"^(?:export|swarm execute) .*", re.search(r"```sh\n(.*?)```", SECTION, re.DOTALL)[1], re.MULTILINE)  # type: ignore[index] # it is there


_CODER: Final = Coder(*LESSONS)


def _answer(chat: Chat) -> Answer:
    """A planner proposes a plan that forgets something, and then one that does not; everybody else knows what is right."""
    if "propose_plan" not in offers(chat):
        return _CODER(chat)
    left = [text for text in DRAFTS if Call("propose_plan", {"plan": text}) not in past_calls(chat)]
    calls = [{"tool": "propose_plan", "args": {"plan": left[0]}}] if left else [{"tool": "finish", "args": {}}]
    return Answer(render(chat, {"thought": "Is it proved?", "calls": calls}))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(_answer).in_thread() as running:
        yield running


@pytest.fixture
def reader(shell: Any) -> Any:
    """A shell in a folder with the example where a clone has it, and with `python3`."""
    ignored = shutil.ignore_patterns("__pycache__", ".swarm")
    shutil.copytree(EXAMPLE, shell.folder / "examples/units", ignore=ignored)
    return shell.using(PATH=f"{Path(sys.executable).parent}{os.pathsep}{shell.environment['PATH']}")


def _tests(reader: Any) -> str:
    library = reader.folder / "examples/units/library"
    ended = subprocess.run([sys.executable, "-m", "unittest", "-q"], cwd=library, capture_output=True, text=True)
    return ended.stderr.splitlines()[-1]


def test_agents_finish_the_example_and_the_second_time_find_nothing_to_do(reader: Any, server: ModelServer) -> None:
    shell = reader.thinking_with(server)
    assert _tests(shell) == "FAILED (failures=2, errors=17)"
    shell.swarm("execute", PLAN, "--run", "first")
    status = shell.json("status", "first")
    assert status["state"] == "complete"
    assert {task["attempts"] for task in status["tasks"]} == {1}
    assert status["gaps"] == {"found": 7, "closed": 7, "open": []}
    assert len({task["agent"] for task in status["tasks"]}) == 6
    shell.swarm("promote", "first")
    assert _tests(shell) == "OK"
    shell.swarm("execute", PLAN, "--run", "second")
    assert {task["state"] for task in shell.json("status", "second")["tasks"]} == {"satisfied"}
    asked = [exchange.chat.prompt for exchange in server.chats[status["usage"]["calls"] :] if exchange.chat]
    assert all("use it after reading README.md alone" in prompt for prompt in asked)


def test_the_readme_shows_what_happens(reader: Any, server: ModelServer) -> None:
    consoles = "".join(re.findall(r"\n```console\n.*?```\n", SECTION, re.DOTALL))
    follow(consoles, reader.using(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.base_url))


# The three ways to have a model


def _model(way: str) -> str:
    return way.partition("--lm ")[2]


def test_the_readme_shows_a_hosted_model_ollama_and_vllm() -> None:
    assert [_model(way).partition("/")[0] for way in WAYS if "--lm" in way] == ["openai", "ollama", "openai"]


@pytest.mark.parametrize(
    ("way", "environment", "url", "key"),
    [
        (1, {"OPENAI_API_KEY": "sk-mine"}, None, "sk-mine"),
        (2, {}, None, "ollama"),
        (3, {"OPENAI_API_KEY": "sk-mine"}, "http://127.0.0.1:8000/v1", "none"),
        (3, {"SWARM_LM_KEY": "sk-server"}, "http://127.0.0.1:8000/v1", "sk-server"),
    ],
)
def test_each_name_leads_to_the_right_place_with_the_right_key(way: int, environment: dict[str, str], url: str | None, key: str) -> None:
    name = parse_model(_model(WAYS[way]))
    endpoint = endpoint_for(name, environment, trusted=True)
    assert (endpoint.base_url, endpoint.key) == (url, key)
    own = {"openai": "https://api.openai.com/v1", "ollama": "http://localhost:11434/v1"}
    assert provider_of(name.provider).url == own[name.provider]


@pytest.mark.parametrize("way", [1, 2, 3])
def test_each_name_is_asked_over_http(reader: Any, server: ModelServer, way: int) -> None:
    """Each provider's own variable moves it to the scripted model; the URL of a name is replaced by the URL of that."""
    keys = dict.fromkeys(("OPENAI_API_KEY", "OLLAMA_API_KEY", "SWARM_LM_KEY"), server.key)
    shell = reader.using(**keys, OPENAI_BASE_URL=server.base_url, OLLAMA_HOST=server.base_url.removesuffix("/v1"))
    name = _model(WAYS[way]).replace("http://127.0.0.1:8000/v1", server.base_url)
    found = shell.swarm("doctor", "--lm", name).stdout.splitlines()[-1]
    assert re.match(rf"model +ok +{re.escape(name)}: .* answered in", found)
    assert [exchange.model for exchange in server.chats] == [_model(WAYS[way]).partition("/")[2].partition("@")[0]]
