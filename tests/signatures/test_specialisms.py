"""The shipped roster: fifteen specialists, each with an instruction of its own, loaded without an agent framework."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from swarm.plans.vocabulary import ROSTER, TOOLS
from swarm.signatures import specialisms
from swarm.signatures.specialisms import SPECIALISMS, Specialism

EACH = pytest.mark.parametrize("one", SPECIALISMS.values(), ids=SPECIALISMS.keys())


def _sentences(one: Specialism) -> set[str]:
    return {sentence.strip() for sentence in re.split(r"(?<=[.:;?])\s+", one.instruction) if len(sentence) > 40}


def test_the_roster_is_the_one_that_plans_know_each_lead_before_its_support() -> None:
    assert list(ROSTER.items()) == [(one.name, one.role) for one in SPECIALISMS.values()]
    leads = ["analytics-integration-specialist", "observability-engineer", "template-specialist", "production-engineer", "qa-validator"]
    assert list(SPECIALISMS)[::3] == leads
    assert len(SPECIALISMS) == 15


@EACH
def test_a_role_is_one_sentence_in_one_line(one: Specialism) -> None:
    assert re.fullmatch(r"[A-Z][^\n.]{10,100}\.", one.role)


def test_each_specialism_has_a_file_of_its_name() -> None:
    folder = Path(next(iter(specialisms.__path__)))
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "specialism"}
    assert files == {name.replace("-", "_") for name in SPECIALISMS}


@EACH
def test_the_tools_exist_and_none_is_given_twice(one: Specialism) -> None:
    assert set(one.tools) <= set(TOOLS)
    assert len(set(one.tools)) == len(one.tools) > 0


@EACH
def test_an_instruction_names_tools_and_only_such_as_are_given(one: Specialism) -> None:
    named = set(re.findall(r"`(\w+)`", one.instruction)) & set(TOOLS)
    assert named
    assert named <= set(one.tools)


@EACH
def test_an_instruction_fits_a_page_and_says_where_to_begin_what_done_means_and_when_to_stop(one: Specialism) -> None:
    lines = [line for line in one.instruction.splitlines() if line]
    assert 10 <= len(lines) <= 25
    assert max(map(len, lines)) <= 140
    assert re.search(r"\b[Ff]irst\b|\bBegin\b|\bStart\b|\bRead in this order\b", one.instruction)
    assert re.search(r"\bDone means\b|\bmet only when\b|\bhand over exactly\b", one.instruction)
    assert re.search(r"`note`", one.instruction)
    assert one.instruction == one.instruction.strip()


def test_no_two_instructions_share_a_sentence() -> None:
    shared = {(a.name, b.name): both for a, b in combinations(SPECIALISMS.values(), 2) if (both := _sentences(a) & _sentences(b))}
    assert not shared


@EACH
def test_a_specialist_that_is_given_tools_has_a_program_that_uses_them(one: Specialism) -> None:
    assert one.program == "react"


def test_listing_the_roster_loads_no_agent_framework() -> None:
    program = "import sys; from swarm.signatures.specialisms import SPECIALISMS; print(len(SPECIALISMS), *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    count, *loaded = ended.stdout.split()
    assert count == "15"
    assert set(loaded).isdisjoint({"dspy", "litellm", "pydantic", "yaml"})


def test_the_roster_cannot_be_changed_in_passing() -> None:
    with pytest.raises(TypeError):
        SPECIALISMS["code-analyzer"] = SPECIALISMS["qa-validator"]  # type: ignore[index] # that it is refused is the test
