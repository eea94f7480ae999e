"""A rollback takes back what was named and all that rests on it, and leaves every other path as it is."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from swarm.engine.events import Landing
from swarm.errors import UsageError
from swarm.plans.found import Found
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import parse_plan
from swarm.signatures.handoff import Handoff
from swarm.workspace.git import Git, decode, encode
from swarm.workspace.repository import write_commit
from swarm.workspace.rollback import named_tasks, paths_changed, rolled_back, tasks_to_take_back

PLAN = """
plan: example
goal: An example.
gaps: {stub: {files: "**/*.py", containing: todo}}
categories:
  core:
    objective: The core.
    lead: code-analyzer
    tasks:
      base: {phase: build, goal: g}
      top: {phase: build, goal: g, needs: [base]}
      fill: {phase: build, for_each: stub, goal: g, writes: ["{path}"]}
      review: {phase: check, goal: g}
  docs:
    objective: The texts.
    lead: code-analyzer
    tasks:
      text: {phase: build, goal: g}
      index: {phase: check, goal: g, needs: [text]}
      review: {phase: check, goal: g}
      build: {phase: check, goal: g}
  check:
    objective: A category named like a phase.
    lead: code-analyzer
    tasks:
      last: {phase: check, goal: g, needs: [core.top]}
phases:
  - build: {}
  - check: {}
"""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return compile_plan(parse_plan(PLAN, "plan.yaml"), [Found(gap="stub", path="a.py"), Found(gap="stub", path="b.py")])


def landing(task: str, old: str = "", new: str = "") -> Landing:
    handoff = Handoff(task=task, contract=None, payload={}, evidence=(), base_tree="", result_tree="", inputs=(), definition="")
    return Landing(task=task, attempt=1, handoff=handoff, old=old, new=new, new_tree="", landed=(), seconds=0)


# What is meant


FILL = ("core.fill[a.py]", "core.fill[b.py]")


@pytest.mark.parametrize(
    ("what", "meant", "tasks"),
    [
        ("core.base", "core.base", ("core.base",)),
        ("base", "core.base", ("core.base",)),
        ("core.fill[a.py]", "core.fill[a.py]", FILL[:1]),
        ("fill[b.py]", "core.fill[b.py]", FILL[1:]),
        ("core.fill", "core.fill", FILL),
        ("fill", "core.fill", FILL),
        ("docs", "category:docs", ("docs.text", "docs.index", "docs.review", "docs.build")),
        ("category:check", "category:check", ("check.last",)),
        ("phase:build", "phase:build", ("core.base", "core.top", *FILL, "docs.text")),
    ],
)
def test_a_task_a_fan_out_a_category_and_a_phase_can_be_named(graph: Graph, what: str, meant: str, tasks: tuple[str, ...]) -> None:
    assert named_tasks(what, graph) == (meant, tasks)


@pytest.mark.parametrize(
    ("what", "spelled_out"),
    [
        ("check", "write category:check or phase:check"),
        ("review", "write core.review or docs.review"),
        ("build", "write docs.build or phase:build"),
    ],
)
def test_a_name_of_several_things_has_to_be_spelled_out(graph: Graph, what: str, spelled_out: str) -> None:
    with pytest.raises(UsageError, match=spelled_out):
        named_tasks(what, graph)


@pytest.mark.parametrize(
    ("what", "offer"),
    [
        ("core.bose", 'did you mean "core.base"'),
        ("bild", 'did you mean "build"'),
        ("category:build", "no task, category or phase"),
        ("", "no task"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(graph: Graph, what: str, offer: str) -> None:
    with pytest.raises(UsageError, match=offer):
        named_tasks(what, graph)


# What goes with it


def taken(graph: Graph, named: list[str], *landed: tuple[str, set[str]], also: set[str] = frozenset()) -> tuple[str, ...]:  # type: ignore[assignment]  # a frozen default
    """What is taken back when tasks landed with these paths; `also` were satisfied."""
    changed = {task: frozenset(paths) for task, paths in landed}
    return tasks_to_take_back(named, graph, [landing(task) for task in changed], changed, {*changed, *also})


def test_what_needs_a_task_goes_with_it(graph: Graph) -> None:
    landed = [("core.base", {"a"}), ("docs.text", {"b"}), ("core.top", {"c"}), ("check.last", {"d"})]
    assert taken(graph, ["core.base"], *landed) == ("core.base", "core.top", "check.last")


def test_what_is_not_finished_is_not_taken(graph: Graph) -> None:
    assert taken(graph, ["core.base", "core.review"], ("core.base", {"a"})) == ("core.base",)


def test_satisfied_tasks_are_taken_like_landed_ones(graph: Graph) -> None:
    assert taken(graph, ["core.base"], ("check.last", {"d"}), also={"core.base", "core.top"}) == ("core.base", "core.top", "check.last")


def test_what_landed_later_on_the_same_path_goes_too_and_earlier_work_stays(graph: Graph) -> None:
    landed = [("docs.review", {"a"}), ("core.base", {"a", "b"}), ("docs.text", {"b"}), ("core.review", {"c"})]
    assert taken(graph, ["core.base"], *landed) == ("core.base", "docs.text")


def test_what_goes_by_its_path_takes_its_dependents_and_their_paths_along(graph: Graph) -> None:
    landed = [("core.base", {"a"}), ("docs.text", {"a"}), ("docs.index", {"i"}), ("core.review", {"i"}), ("docs.review", {"r"})]
    assert taken(graph, ["core.base"], *landed) == ("core.base", "core.review", "docs.text", "docs.index")


@pytest.mark.parametrize(("first", "later"), [("x", "x/y/z"), ("x/y/z", "x")])
def test_a_file_and_a_folder_of_one_name_are_the_same_place(graph: Graph, first: str, later: str) -> None:
    assert taken(graph, ["core.base"], ("core.base", {first}), ("docs.text", {later})) == ("core.base", "docs.text")


def test_a_neighbour_in_the_same_folder_stays(graph: Graph) -> None:
    assert taken(graph, ["core.base"], ("core.base", {"x/y"}), ("docs.text", {"x/z", "x/yy"})) == ("core.base",)


# The commit


Files = dict[str, str]
Land = Callable[[str, Files], Awaitable[Landing]]


@pytest.fixture
def land(repository: Git, tmp_path: Path, at: datetime) -> Land:
    """Lands a whole new content of the workspace on the one before."""
    heads: list[str] = []

    async def commit(files: Files) -> str:
        index = repository.at(index=tmp_path / "index")
        await index.run("read-tree", "--empty")
        for path, content in files.items():
            id_ = await index.text("hash-object", "-w", "--stdin", stdin=encode(content))
            await index.run("update-index", "--add", "--cacheinfo", f"{'100755' if content.startswith('#!') else '100644'},{id_},{path}")
        return await write_commit(repository, await index.text("write-tree"), heads[-1:], "work", at)

    async def call(task: str, files: Files) -> Landing:
        if not heads:
            heads.append(await commit({"ours": "begin", "theirs": "begin", "flat": "file"}))
        heads.append(await commit(files))
        return landing(task, *heads[-2:])

    return call


async def files_of(repository: Git, commit: str) -> Files:
    lines = decode(await repository.run("ls-tree", "-r", "-z", "--name-only", commit)).split("\0")[:-1]
    return {path: await repository.text("cat-file", "blob", f"{commit}:{path}") for path in lines}


@pytest.mark.asyncio
async def test_taken_paths_stand_as_before_the_first_taken_landing(repository: Git, land: Land, at: datetime) -> None:
    landings = [
        await land("core.base", {"ours": "1", "theirs": "begin", "flat": "file"}),
        await land("docs.text", {"ours": "2", "theirs": "x", "flat": "file", "new/one": "1"}),
        await land("core.review", {"ours": "2", "theirs": "x", "flat": "file", "new/one": "1", "stays": "s"}),
        await land("docs.index", {"ours": "3", "flat": "file", "new/one": "2", "stays": "s"}),
    ]
    head = await rolled_back(repository, landings[-1].new, landings, ["docs.text", "docs.index"], at, "run-1", "docs.text")
    assert await files_of(repository, head) == {"ours": "1", "theirs": "begin", "flat": "file", "stays": "s"}


@pytest.mark.asyncio
async def test_a_file_and_a_folder_change_places_again(repository: Git, land: Land, at: datetime) -> None:
    landings = [
        await land("core.base", {"flat/now/deep": "1", "place/a": "1", "place/z": "1"}),
        await land("docs.text", {"flat": "2", "place": "2"}),
        await land("docs.index", {"flat/x": "3", "place": "2"}),
    ]
    head = await rolled_back(repository, landings[-1].new, landings, ["docs.text", "docs.index"], at, "run-1", "docs.text")
    assert await files_of(repository, head) == {"flat/now/deep": "1", "place/a": "1", "place/z": "1"}
    head = await rolled_back(repository, head, landings[:1], ["core.base"], at, "run-1", "core.base")
    assert await files_of(repository, head) == {"ours": "begin", "theirs": "begin", "flat": "file"}


@pytest.mark.asyncio
async def test_modes_come_back_with_the_content(repository: Git, land: Land, at: datetime) -> None:
    landings = [await land("core.base", {"tool": "#! one"}), await land("docs.text", {"tool": "plain"})]
    head = await rolled_back(repository, landings[-1].new, landings, ["docs.text"], at, "run-1", "docs.text")
    assert (await repository.text("ls-tree", head)).startswith("100755")


@pytest.mark.asyncio
async def test_the_commit_says_what_was_rolled_back_and_moves_no_ref(repository: Git, land: Land, at: datetime) -> None:
    landed = await land("core.base", {"ours": "1"})
    head = await rolled_back(repository, landed.new, [landed], ["core.base"], at, "run-1", "category:core")
    text = await repository.text("log", "-1", "--format=%P|%at|%B", head)
    assert text == f"{landed.new}|{int(at.timestamp())}|Roll back category:core\n\nSwarm-Run: run-1\nSwarm-Rollback: category:core"
    assert await repository.text("for-each-ref") == ""


@pytest.mark.asyncio
async def test_satisfied_work_leaves_the_files_as_they_are(repository: Git, land: Land, at: datetime) -> None:
    landed = await land("core.base", {"ours": "1"})
    head = await rolled_back(repository, landed.new, [landed], ["core.top"], at, "run-1", "core.top")
    assert await files_of(repository, head) == {"ours": "1"}


@pytest.mark.asyncio
async def test_the_paths_of_a_landing_are_those_it_changed(repository: Git, land: Land) -> None:
    await land("core.base", {"ours": "1", "theirs": "begin", "new": "n"})
    later = await land("docs.text", {"ours": "1", "theirs": "2", "other": "n"})
    assert await paths_changed(repository, later) == {"theirs", "new", "other"}
