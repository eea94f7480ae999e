"""The order of tasks, and the proof that no two write one path at a time, each against a slow and obvious oracle on random plans."""

import random
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

from swarm.plans import globs
from swarm.plans.checks import PhaseDone
from swarm.plans.graph import Graph
from swarm.plans.order import find_cycle, order_of
from swarm.plans.proofs.overlaps import overlaps, stale_reads

PATTERNS = [
    "src/**",
    "src/a.py",
    "src/*.py",
    "**/a.py",
    "{src,lib}/b.py",
    "lib/[ab].py",
    "lib/?.js",
    "docs/**/x.md",
    "docs/y.md",
    "**",
    "only/{n}.py",
]

SHARES = ["100%", "80%", "0%"]


def random_plan(seed: int, write: Callable[..., str], *, phases: bool = True, rings: bool = False) -> str:
    chance = random.Random(seed)
    count = chance.randint(4, 14)
    ids = [f"p{number}" for number in range(chance.randint(1, 4) if phases else 1)]
    tasks = []
    for number in range(count):
        others = range(count) if rings else range(number)
        needs = [f"t{other}" for other in others if chance.random() < 0.15]
        globs_ = [f"'{chance.choice(PATTERNS).replace('{n}', str(number))}'" for _ in range(2)]
        keys = f"phase: {chance.choice(ids)}, goal: g, keep: [{{run: t}}], needs: [{', '.join(needs)}]"
        tasks.append(f"t{number}: {{{keys}, writes: [{', '.join(globs_[: chance.randint(0, 2)])}], reads: [{globs_[0]}]}}")
    gates = []
    for position, phase in enumerate(ids):
        asked = [other for other in ids[:position] if chance.random() < 0.6]
        conditions = [
            f"{{phase: {other}, done: {chance.choice(SHARES)}{chance.choice(['', f', must: [c.t{chance.randrange(count)}]'])}}}"
            for other in asked
        ]
        gates.append(f"- {phase}: {{gate: [{', '.join(conditions)}]}}")
    return write("\n".join(tasks), phases="\n".join(gates))


def oracle(graph: Graph) -> dict[str, set[str]] | None:
    """Task to what certainly comes before it, by following every reason until nothing is added; None where something precedes itself."""
    nodes = [*(f"open {phase.id}" for phase in graph.phases), *graph.tasks]
    before: dict[str, set[str]] = {node: set() for node in nodes}
    for task in graph.tasks.values():
        before[task.name] |= {*task.needs, f"open {task.phase}"}
    for phase in graph.phases:
        for condition, must in zip(phase.gate, phase.must, strict=True):
            assert isinstance(condition, PhaseDone)
            whole = {task.name for task in graph.tasks.values() if task.phase == condition.phase} if condition.threshold == 1 else set()
            before[f"open {phase.id}"] |= {f"open {condition.phase}", *must, *whole}
    while True:
        grown = {node: earlier | {further for one in earlier for further in before[one]} for node, earlier in before.items()}
        if grown == before:
            return None if any(node in earlier for node, earlier in before.items()) else before
        before = grown


def test_the_order_is_that_of_the_oracle(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    ringed = ordered = 0
    for seed in range(250):
        graph = compiled(random_plan(seed, write))
        order, before = order_of(graph), oracle(graph)
        assert (order is None) == (before is None), seed
        if order is None or before is None:
            ringed += 1
            continue
        for one, other in combinations(graph.tasks.values(), 2):
            related = one.name in before[other.name] or other.name in before[one.name]
            assert order.ordered(one.index, other.index) == order.ordered(other.index, one.index) == related, (seed, one.name, other.name)
            assert bool(order.after[one.index] >> other.index & 1) == (one.name in before[other.name]), (seed, one.name, other.name)
            ordered += related
    assert ringed >= 5, "some gates and needs should form a ring"
    assert ordered > 1000


def test_a_ring_of_needs_is_a_ring(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    rings = 0
    for seed in range(150):
        graph = compiled(random_plan(seed, write, phases=False, rings=True))
        cycle, before = find_cycle(graph), oracle(graph)
        assert bool(cycle) == (before is None), seed
        if cycle:
            rings += 1
            assert cycle[0] == cycle[-1]
            assert all(need in graph.tasks[name].needs for name, need in pairwise(cycle)), seed
            assert len(set(cycle)) == len(cycle) - 1
    assert rings > 20


def clash(ones: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return any(globs.witness(globs.parse(one), globs.parse(other)) is not None for one in ones for other in others)


def test_exactly_the_pairs_that_the_oracle_finds_overlap(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    found = 0
    for seed in range(250):
        graph = compiled(random_plan(seed, write))
        order, before = order_of(graph), oracle(graph)
        if order is None or before is None:
            continue
        loose = [(a, b) for a, b in combinations(graph.tasks.values(), 2) if a.name not in before[b.name] and b.name not in before[a.name]]
        expected = {(a.name, b.name) for a, b in loose if clash(a.writes, b.writes)}
        problems = list(overlaps(graph, order))
        named = [tuple(problem.text.split('"')[1:4:2]) for problem in problems]
        assert sorted(named) == sorted(expected) or len(named) == 50 < len(expected), seed
        found += len(named)
    assert found > 500


def test_the_path_of_an_overlap_matches_a_pattern_of_both(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    for seed in range(100):
        graph = compiled(random_plan(seed, write))
        order = order_of(graph)
        for problem in overlaps(graph, order) if order else ():
            one, other = (graph.tasks[name] for name in problem.text.split('"')[1:4:2])
            path = problem.text.split(" may both write ")[1].split(" (")[0]
            assert all(any(glob.matches(path) for glob in task.scope) for task in (one, other)), problem.text


def test_exactly_the_reads_that_the_oracle_finds_are_stale(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    found = 0
    for seed in range(120):
        graph = compiled(random_plan(seed, write))
        order, before = order_of(graph), oracle(graph)
        if order is None or before is None:
            continue
        tasks = graph.tasks.values()
        loose = [(a, b) for a in tasks for b in tasks if a is not b and a.name not in before[b.name] and b.name not in before[a.name]]
        expected = {(a.name, b.name) for a, b in loose if clash(a.reads, b.writes)}
        named = {tuple(problem.text.split('"')[1:4:2]) for problem in stale_reads(graph, order)}
        assert named == expected or len(named) == 50 < len(expected), seed
        found += len(named)
    assert found > 500


def test_however_many_overlap_not_all_are_listed(write: Callable[..., str], compiled: Callable[..., Graph]) -> None:
    graph = compiled(write("\n".join(f"t{number}: {{BASICS, writes: x}}" for number in range(60))))
    order = order_of(graph)
    assert order is not None
    assert len(list(overlaps(graph, order))) == 50


def test_every_problem_of_a_plan_is_reported_at_once_by_line(write: Callable[..., str], prove: Callable[..., Any]) -> None:
    text = write(
        "a: {phase: work, goal: g, writes: [../up, src/**]}\n"
        "b: {BASICS, writes: src/x, agent: nobody, takes: [Ready]}\n"
        "d: {phase: wrok, goal: g, needs: zzz}",
        top="gaps: {todo: {files: '**', containing: TODO}}\ncontracts: {Ready: {keys: int}}\nmetrics: [own]",
        phases="- work\n- z: {gate: [{phase: work, done: 101%}, {metric: owm, below: 1}]}",
    )
    problems = prove(text)
    assert sorted(problem.code for problem in problems) == [
        "contract", "contract", "no-check", "no-check", "overlap", "unknown-name", "unknown-name", "unknown-name", "unreachable-gate",
        "unreachable-gate", "unsafe-path",
    ]  # fmt: skip
    assert list(problems) == sorted(problems)
