"""What a planner is taught, shown and told; what is refused of it; and what is kept. The whole way: `acceptance/test_draft.py`."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from swarm.agents.drafting.fitness import FILE, unfit
from swarm.agents.drafting.goal import WHOLE, Goal
from swarm.agents.drafting.language import CHECK_FORMS, CONDITION_FORMS, EXAMPLE, INSTRUCTION
from swarm.agents.drafting.overview import overview
from swarm.agents.drafting.planner import Drafted
from swarm.agents.drafting.proposing import Draft, Proof, Proposals
from swarm.agents.drafting.writing import draft_text, proved_in_place
from swarm.agents.tools.offer import Offer
from swarm.engine.support import unsupported
from swarm.home import Home
from swarm.plans.checks import CHECKS, CONDITIONS
from swarm.plans.load import parse_plan
from swarm.plans.problems import Problem
from swarm.plans.vocabulary import ROSTER, TOOLS
from swarm.wiring.apart import prove_apart
from swarm.wiring.proving import validate
from swarm.wiring.site import Site, SystemClock

SHOP = {
    "README.md": "# Shop\n",
    "src/shop/__init__.py": "",
    "src/shop/prices.py": "def total(prices):\n    raise NotImplementedError\n",
    "src/shop/orders.py": '"""Orders: nothing here to raise NotImplementedError about."""\n',
}
SOUND = """\
plan: p
goal: g
workspace: "ws"
categories:
  c: {objective: o, lead: code-generator, tasks: {t: {phase: one, goal: g, writes: [made], done_when: [{exists: made}]}}}
phases: [one]
"""


def _lay(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def _site(folder: Path) -> Site:
    return Site(Home(folder / ".swarm"), folder, os.environ, SystemClock())


def _proposals(proof: Proof | None = None, said: list[str] | None = None) -> Proposals:
    async def prove(text: str) -> Proof:
        return proof or Proof(tuple(_error(number) for number in range(1, text.count("wrong") + 1)), 2, 1, {"a": 3, "b": 0})

    return Proposals(prove, "ws", (said if said is not None else []).append)


def _error(line: int) -> Problem:
    return Problem(FILE, line, 1, "overlap", f"wrong {line}")


def _proposed(proposals: Proposals, *plans: str) -> str:
    """What the last of some proposals is answered with."""
    return [_answer(proposals.offer, plan=plan) for plan in plans][-1]


def _answer(offer: Offer, **given: Any) -> str:
    async def answer() -> str:
        return await offer.call(given)

    return asyncio.run(answer())


# What it is taught


def test_the_example_of_the_instruction_is_proved_and_finds_what_it_is_about(tmp_path: Path) -> None:
    _lay(tmp_path / "shop", SHOP)
    (tmp_path / FILE).write_text(EXAMPLE)
    proof = asyncio.run(validate(_site(tmp_path), tmp_path / FILE, None))
    assert proof.problems == ()
    assert proof.graph is not None
    assert proof.found == {"untyped": 2, "not-implemented": 1, "no-tests": 2, "no-guide": 1}
    assert proof.covered == len(proof.graph.gaps)
    assert unsupported(proof.graph, None) == ()
    assert unfit(EXAMPLE, "shop") == ()
    assert EXAMPLE in INSTRUCTION


def test_the_instruction_names_every_agent_and_tool_and_the_checks_that_it_teaches() -> None:
    for name in (*ROSTER, *TOOLS):
        assert name in INSTRUCTION
    assert {*CHECKS} - {*CHECK_FORMS} == {"metric"}
    assert {*CONDITIONS} - {*CONDITION_FORMS} == {"metric", "flag"}
    assert all(form in INSTRUCTION for form in (*CHECK_FORMS.values(), *CONDITION_FORMS.values()))


def test_a_document_is_shown_whole_while_it_is_short() -> None:
    goal = Goal("# Title\n\nDo it.\n", "plan.md")
    assert "Do it." in goal.section
    assert goal.offers == []
    assert "plan.md" in goal.sentence


def test_a_long_document_is_told_by_its_headings_and_read_piece_by_piece() -> None:
    lines = [
        "# First",
        "```sh",
        "# a comment, no heading",
        "```",
        *(f"line {n} {'.' * 40}" for n in range(WHOLE // 40)),
        "## Last \u202e one",
    ]
    goal = Goal("\n".join(lines), "plan.md")
    assert len(goal.section) < WHOLE / 2
    assert "1\t# First" in goal.section
    assert f"{len(lines)}\t## Last \\u202e one" in goal.section
    assert "3\t# a comment" not in goal.section.partition("Its beginning")[0]
    assert "line 496" in _answer(goal.offers[0], start=501, lines=2)
    assert "behind its end" in _answer(goal.offers[0], start=99_999)
    assert "it takes start" in _answer(goal.offers[0], begin=1)


def test_a_large_code_base_is_told_by_folders() -> None:
    few = overview(["a.py", "b/c\n.md"])
    assert few == "2 files:\na.py\nb/c\\n.md"
    many = overview([f"src/part{part}/file{number}.py" for part in range(30) for number in range(40)] + ["src/part1/x.json"])
    assert many.startswith("1,201 files, by folder:\n")
    assert "src/part1/  40 .py, 1 .json" in many
    assert len(many) < 7_000


# What is refused


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("goal: g", "goal: g\ngaps: {g: {listed_by: touch hit}}"), "listed_by is not for a draft: it would run a command"),
        (('workspace: "ws"', 'workspace: {path: ws, setup: touch hit}'), "setup is not for a draft: it would run a command"),
        (('workspace: "ws"', 'workspace: {path: ws, requires: [touch hit]}'), "requires is not for a draft: it would run a command"),
        (('workspace: "ws"', "workspace: /"), 'the workspace of this plan is "ws"'),
        (('workspace: "ws"', "workspace: ../ws"), 'the workspace of this plan is "ws"'),
        (('workspace: "ws"\n', ""), 'the workspace of this plan is "ws"'),
        (("goal: g\n", "goal: g\nmcp: {m: {command: [touch, hit]}}\n"), "mcp is not for a draft: it starts servers"),
        (("goal: g\n", "goal: g\nlm: openai/x@http://elsewhere/v1\n"), "lm is not for a draft: which model works is the user's choice"),
        (("phase: one,", "phase: one, lm: openai/x,"), "lm is not for a draft"),
        (("phase: one,", "phase: one, do: {command: touch hit},"), "do is not for a draft"),
        (("phase: one,", "phase: one, program: 'os.path:join',"), "a draft's agents work by"),
        (("goal: g\n", "goal: g\nagents: {a: {state: /etc/passwd}}\n"), "state is not for a draft"),
        (("goal: g\n", "goal: g\nagents: {a: {program: evil.py:Class}}\n"), "a draft's agents work by"),
        (("goal: g\n", "goal: &a [x, x]\ngaps: *a\n"), "anchors are not part of the plan language"),
        (("goal: g\n", "goal: !!python/object/apply:os.system [touch hit]\n"), "tags are not part of the plan language"),
        (("goal: g\n", "goal: g\ngoal: h\n"), 'the key "goal" stands twice'),
        (("goal: g\n", "goal: g # \u202eevil\n"), "a character that nobody sees"),
        ((SOUND, "[" * 50), "nested deeper"),
        ((SOUND, "just text"), "a plan is a mapping"),
    ],
)  # fmt: skip
def test_what_would_run_reach_or_hide_before_anyone_reads_it_is_neither_proved_nor_kept(change: tuple[str, str], sentence: str) -> None:
    async def prove(text: str) -> Proof:
        raise AssertionError("it was proved")

    assert change[0] in SOUND
    proposals = Proposals(prove, "ws", lambda line: None)
    answer = _proposed(proposals, SOUND.replace(*change, 1))
    assert sentence in answer
    assert answer.endswith("not proved: 1 error")
    assert proposals.best is None


def test_a_plan_that_keeps_to_what_a_draft_may_say_is_fit() -> None:
    assert unfit(SOUND, "ws") == ()
    assert unfit(SOUND.replace('"ws"', "{path: ./ws, keep: [.venv]}"), "ws") == ()
    tasks = "tasks: {do: {phase: one, goal: g, program: react, keep: [{run: 'true'}]}, "
    assert unfit(SOUND.replace("tasks: {", tasks), "ws") == ()


def test_arguments_that_are_no_plan_are_answered() -> None:
    assert "it takes plan" in _answer(_proposals().offer, text="x")
    assert "at most 120000 characters" in _proposed(_proposals(), "x" * 120_001)
    assert "plan: Input should be a valid string" in _proposed(_proposals(), "\ud800")


# What is kept


def test_the_last_proved_plan_is_kept_whatever_comes_after_it() -> None:
    said: list[str] = []
    proposals = _proposals(said=said)
    answer = _proposed(proposals, f"{SOUND}# wrong wrong", f"```yaml\r\n{SOUND}\r\n```", f"{SOUND}# better", f"{SOUND}# wrong")
    assert proposals.best is proposals.proved
    assert proposals.best is not None
    assert proposals.best.text == f"{SOUND}# better\n"
    assert said == ["plan 1: 2 errors", *[f"plan {n}: proved: 2 tasks in 1 phase, 3 gaps" for n in (2, 3)], "plan 4: 1 error"]
    assert answer.splitlines() == ["plan.yaml:1:1: error: wrong 1 [overlap]", "    plan: p", "    ^", "not proved: 1 error"]


def test_a_proved_plan_is_answered_with_what_its_detectors_found() -> None:
    answer = _proposed(_proposals(), SOUND)
    assert answer.startswith("proved: 2 tasks in 1 phase, 3 gaps, each owned once\ngaps found: a 3, b 0\nFound nothing: b.")


def test_of_plans_that_are_not_proved_the_last_with_the_fewest_errors_is_kept() -> None:
    proposals = _proposals()
    _proposed(proposals, f"{SOUND}# wrong 1", f"{SOUND}# wrong 2", f"{SOUND}# wrong wrong", f"{SOUND}x: *alias")
    assert proposals.best is not None
    assert proposals.best.text == f"{SOUND}# wrong 2\n"
    assert "aliases are not part" in proposals.refused[0].text


def test_a_thousand_problems_are_told_in_part() -> None:
    answer = _proposed(_proposals(Proof(tuple(map(_error, range(1, 1001))))), SOUND)
    assert "… and 960 more problems" in answer
    assert len(answer) <= 8_000


def test_a_draft_that_is_not_proved_says_so_above_itself_and_its_places_are_those_of_the_file() -> None:
    async def prove(text: str) -> Proof:
        warning = Problem(FILE, 1, 1, "stale-read", "only a warning", "warning")
        evil = Problem(FILE, 0, 0, "wrong-type", 'it holds\n"lines: evil"')
        return Proof((Problem(FILE, text.splitlines().index("phases: [one]") + 1, 1, "overlap", "phases"), evil, warning))

    async def written() -> Drafted:
        draft = Draft(SOUND, await prove(SOUND))
        return await proved_in_place(Drafted(draft, unsolved="The rest\nmcp: {evil}\x85lm: x"), prove)

    drafted = asyncio.run(written())
    assert drafted.best is not None
    text, line = draft_text(drafted, drafted.best), drafted.best.proof.problems[0].line
    assert text.endswith(SOUND)
    assert parse_plan(text, FILE).spec == parse_plan(SOUND, FILE).spec
    assert text.splitlines()[line - 1] == "phases: [one]"
    assert [each for each in text.splitlines() if each.startswith("# not proved: ")] == [
        f"# not proved: line {line}: phases [overlap]",
        '# not proved: it holds\\n"lines: evil" [wrong-type]',
    ]
    assert "# left open, says the planner: The rest\\nmcp: {evil}\\x85lm: x" in text


# The proof in a process of its own


def _apart(tmp_path: Path, text: str, seconds: float = 60.0) -> Proof:
    _lay(tmp_path / "ws", {"a.txt": f"{'a' * 60}!\n"})
    (tmp_path / "scratch").mkdir()
    return asyncio.run(prove_apart(_site(tmp_path), text, tmp_path / "ws", tmp_path / "scratch", seconds))


def test_a_plan_is_proved_apart_as_validate_would(tmp_path: Path) -> None:
    gap = "gaps: {a: {files: '*.txt', containing: a}, b: {missing: made}}\nphases:"
    found = SOUND.replace("phases:", gap).replace("writes: [made],", "writes: [made], closes: {b: made},")
    proof = _apart(tmp_path, found)
    assert [str(problem) for problem in proof.problems] == [
        "plan.yaml:6:8: error: no task closes 1 of gap \"a\": a.txt [uncovered]"
    ]  # fmt: skip
    assert (proof.tasks, proof.phases, proof.gaps) == (1, 1, {"a": 1, "b": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "ws"]


def test_what_this_release_cannot_measure_is_a_problem_of_the_draft(tmp_path: Path) -> None:
    text = SOUND.replace("{exists: made}", "{exists: made}, {metric: memory_usage, below: 1}")
    problems = [problem.text for problem in _apart(tmp_path, text).problems]
    assert len(problems) == len(unsupported(_compiled(text), None))


def _compiled(text: str) -> Any:
    from swarm.plans.graph import compile_plan

    return compile_plan(parse_plan(text, FILE))


def test_a_detector_that_fails_is_a_problem_of_the_draft(tmp_path: Path) -> None:
    proof = _apart(tmp_path, SOUND.replace("phases:", "gaps: {a: {files: '*.txt', ast: 'f($X)'}}\nphases:"))
    assert [problem.text for problem in proof.problems] == [
        'gap "a": there is no grammar for a.txt; narrow files: to code, or use containing:'
    ]  # fmt: skip


def test_a_pattern_that_never_ends_is_ended(tmp_path: Path) -> None:
    text = SOUND.replace("phases:", "gaps: {a: {files: '*.txt', containing: '/(a+)+$/'}}\nphases:")
    proof = _apart(tmp_path, text, seconds=1.5)
    assert "proving this took longer than 1.5 s" in proof.problems[0].text
    assert not proof.ok
