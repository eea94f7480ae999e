"""Every code of the plan language: a small plan that has the problem, and one that differs little and has it not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from swarm.plans.found import Found

MARK = "‸"


def gap(name: str, *paths: str) -> list[Found]:
    return [Found(gap=name, path=path) for path in paths]


@dataclass(frozen=True)
class Case:
    """A problem that is expected at the mark of a plan, with words that its text holds; `good` replaces a text by one without it."""

    code: str
    tasks: str
    good: tuple[str, str]
    says: tuple[str, ...] = ()
    gaps: list[Found] = field(default_factory=list)
    links: Mapping[str, str] = field(default_factory=dict)
    rest: Mapping[str, str] = field(default_factory=dict)


TWO = "a: {BASICS}\nb: {BASICS}"
TODO = "gaps: {todo: {files: '**', containing: TODO}}"
SEVERAL = gap("todo", "x.py", "y.py")
PHASES = "- first\n- second: {gate: [{phase: first, done: 100%}]}"
IN_FIRST, IN_SECOND = "phase: first, goal: g, keep: [{run: t}]", "phase: second, goal: g, keep: [{run: t}]"

CASES: dict[str, Case] = {
    # the text itself
    "an unknown key is named with its place and the nearest known one": Case(
        "unknown-key", "a: {BASICS, ‸wirtes: [x]}", ("wirtes", "writes"), ('"wirtes"', 'did you mean "writes"')
    ),
    "an unknown key that resembles nothing gets the list": Case("unknown-key", "a: {BASICS, ‸zzz: 1}", (", zzz: 1", ""), ("phase, goal",)),
    "a missing key is reported at the mapping that lacks it": Case(
        "missing-key", "a: ‸{phase: work, keep: [{run: t}]}", ("phase: work", "phase: work, goal: g"), ('"goal" is missing',)
    ),
    "a number where a text belongs": Case("wrong-type", "a: {phase: work, keep: [{run: t}], goal: ‸7}", ("7", "'7'"), ("a text, not 7",)),
    "a boolean is no number": Case("wrong-type", "a: {BASICS, weight: ‸true}", ("true", "2"), ("a number", "True")),
    "a quoted number is no number": Case("wrong-type", "a: {BASICS, weight: ‸'2'}", ("'2'", "2"), ("a number",)),
    "a weight of nothing": Case("wrong-type", "a: {BASICS, weight: ‸0}", (": 0", ": 0.5"), ("greater than 0",)),
    "a list where a mapping belongs": Case(
        "wrong-type", "a: ‸[1]", ("[1]", "{phase: work, goal: g, keep: [{run: t}]}"), ("a mapping, not a list",)
    ),
    "a second kind of check in one mapping": Case(
        "wrong-type", "a: {BASICS, done_when: [‸{run: t, exists: x}]}", (", exists: x", ""), ("exactly one of run, present",)
    ),
    "the wrong key of a check is the place, not the check": Case(
        "wrong-type", "a: {BASICS, done_when: [{present: x, in: ‸7}]}", ("in: 7", "in: '7'"), ("not 7",)
    ),
    "a malformed duration": Case(
        "wrong-type", TWO, ("20", "20m"), ("'20'", "write 90s, 20m or 2h"), rest={"top": "limits: {timeout: ‸'20'}"}
    ),
    "no attempts at all": Case("wrong-type", TWO, ("attempts: 0", "attempts: 1"), ("1",), rest={"top": "limits: {attempts: ‸0}"}),
    "only: without for_each:": Case("wrong-type", "a: ‸{BASICS, only: x}", (", only: x", ""), ("only: narrows a for_each",)),
    "a malformed id": Case("wrong-type", "‸A_b: {BASICS}", ("A_b", "a-b"), ("'A_b' is no id",)),
    "a malformed glob": Case("wrong-type", "a: {BASICS, writes: ['ok', ‸'x[']}", ("x[", "x"), ("never closed",)),
    "an empty segment": Case("wrong-type", "a: {BASICS, writes: ‸a//b}", ("a//b", "a/b"), ("empty segment",)),
    "a malformed regular expression": Case(
        "wrong-type", "a: {BASICS, done_when: [{present: ‸'/(/', in: x}]}", ("'/(/'", "'(/'"), ("no regular expression",)
    ),
    "a number to expect without a group": Case(
        "wrong-type", "a: {BASICS, done_when: [{run: t, expect: ‸{pattern: 'x', at_least: 1}}]}", ("'x'", "'(x)'"), ("needs a group",)
    ),
    "two bounds": Case(
        "wrong-type", "a: {BASICS, done_when: [‸{metric: memory_usage, below: 1, above: 0}]}", (", above: 0", ""), ("one of at_least",)
    ),
    "a percentage without its sign": Case(
        "wrong-type",
        TWO,
        ("done: 80", "done: 80%"),
        ("80", "write 80%"),
        rest={"phases": "- work\n- z: {gate: [{phase: work, done: ‸80}]}"},
    ),
    "a key that stands twice": Case("duplicate-key", "a: {BASICS, writes: x, ‸writes: y}", (", writes: y", ""), ('"writes" stands twice',)),
    "a task that stands twice": Case(
        "duplicate-key", "a: {BASICS}\n‸a: {BASICS}", ("\n      a: ", "\n      b: "), ("twice, first on line",)
    ),
    "a phase that stands twice": Case(
        "duplicate-key", TWO, ("- work\n  - work", "- work\n  - z"), ('"work"',), rest={"phases": "- work\n- ‸work"}
    ),
    "an alias": Case("syntax", "a: {BASICS, writes: ‸*x}", ("*x", "'*x'"), ("aliases", "write *x out")),
    # names
    "a phase that does not exist": Case(
        "unknown-name", "a: {phase: ‸wrok, goal: g, keep: [{run: t}]}", ("wrok", "work"), ('no phase "wrok"', 'did you mean "work"')
    ),
    "a lead that does not exist": Case(
        "unknown-name",
        TWO,
        ("qa-validater", "qa-validator"),
        ('"qa-validator"',),
        rest={"category": "support: [code-analyzer, ‸qa-validater]"},
    ),
    "an agent that does not exist": Case(
        "unknown-name", "a: {BASICS, agent: ‸nobody}", ("nobody", "code-generator"), ('no agent "nobody"',)
    ),
    "an agent of another category": Case(
        "unknown-name",
        "a: {BASICS, agent: ‸qa-validator}",
        ("agent: qa-validator", "agent: code-generator"),
        ("its lead is code-generator", "support"),
    ),
    "a needed task that does not exist": Case(
        "unknown-name", "alpha: {BASICS}\nb: {BASICS, needs: [‸alhpa]}", ("alhpa", "alpha"), ('no task "alhpa"', 'did you mean "alpha"')
    ),
    "a pattern that no declared task matches": Case(
        "unknown-name", "a: {BASICS}\nb: {BASICS, needs: [‸'z*']}", ("'z*'", "'a*'"), ('"z*"',)
    ),
    "a member of a task that does not fan out": Case(
        "unknown-name", "a: {BASICS}\nb: {BASICS, needs: [‸'a[x]']}", ("a[x]", "a"), ('no task "a[x]"',)
    ),
    "a category that does not exist": Case(
        "unknown-name",
        "a: {BASICS}",
        ("must: [d.a]", "must: [c.a]"),
        ('no category "d"',),
        rest={"phases": "- work\n- z: {gate: [{phase: work, must: [‸d.a]}]}"},
    ),
    "a task in must: that does not exist": Case(
        "unknown-name",
        "a: {BASICS}",
        ("[c.b]", "[c.a]"),
        ('no task "c.b"',),
        rest={"phases": "- work\n- z: {gate: [{phase: work, must: [‸c.b]}]}"},
    ),
    "a phase in a gate that does not exist": Case(
        "unknown-name",
        "a: {BASICS}",
        ("phase: wok", "phase: work"),
        ('did you mean "work"',),
        rest={"phases": "- work\n- z: {gate: [{phase: ‸wok, done: 1%}]}"},
    ),
    "a contract that does not exist": Case(
        "unknown-name", "a: {BASICS, hands: ‸Redy}", ("Redy", "Ready"), ('"Ready"',), rest={"top": "contracts: {Ready: {}}"}
    ),
    "a contract taken that does not exist": Case(
        "unknown-name",
        "a: {BASICS, hands: Ready}\nb: {BASICS, needs: a, takes: [‸Redy]}",
        ("Redy", "Ready"),
        ('"Redy"',),
        rest={"top": "contracts: {Ready: {}}"},
    ),
    "a gap to fan out over that does not exist": Case(
        "unknown-name", "a: {phase: work, goal: g, for_each: ‸tood}", ("tood", "todo"), ('"todo"',), rest={"top": TODO}
    ),
    "a gap to close that does not exist": Case(
        "unknown-name", "a: {BASICS, closes: {‸tood: '**'}}", ("tood", "todo"), ('"tood"',), rest={"top": TODO}
    ),
    "a gap in a check that does not exist": Case(
        "unknown-name", "a: {BASICS, done_when: [{gap: ‸tood}]}", ("tood", "todo"), ('"tood"',), rest={"top": TODO}
    ),
    "a gap in a gate that does not exist": Case(
        "unknown-name", "a: {BASICS}", ("tood", "todo"), ('"tood"',), rest={"top": TODO, "phases": "- work\n- z: {gate: [{gap: ‸tood}]}"}
    ),
    "a tool that does not exist": Case(
        "unknown-name",
        TWO,
        ("edit-file", "edit_file"),
        ('no tool "edit-file"', '"edit_file"'),
        rest={"top": "agents: {me: {role: r, tools: [run, ‸edit-file]}}"},
    ),
    "a server that does not exist, though its tool might": Case(
        "unknown-name",
        TWO,
        ("docs.find", "doc.find"),
        ('no tool "docs.find"',),
        rest={"top": "mcp: {doc: {command: [serve]}}\nagents: {me: {tools: [doc, ‸docs.find]}}"},
    ),
    "a server misspelt": Case(
        "unknown-name",
        TWO,
        ("tickts", "tickets"),
        ('no tool "tickts"', 'did you mean "tickets"'),
        rest={"top": "mcp: {tickets: {command: [serve]}}\nagents: {me: {tools: [run, ‸tickts]}}"},
    ),
    "a server's tool without a name": Case(
        "unknown-name",
        TWO,
        ("[doc.]", "[doc.x]"),
        ('"doc."',),
        rest={"top": "mcp: {doc: {command: [serve]}}\nagents: {me: {tools: [‸doc.]}}"},
    ),
    "a server that is called like a tool": Case(
        "wrong-type", TWO, ("search:", "seeker:"), ('"search" is the name of a tool',), rest={"top": "mcp: {‸search: {command: [serve]}}"}
    ),
    "a server that is called like the end": Case(
        "wrong-type", TWO, ("finish", "finisher"), ('"finish"',), rest={"top": "mcp: {‸finish: {command: [serve]}}"}
    ),
    "a server's name that is no id": Case(
        "wrong-type", TWO, ("a.b", "a-b"), ("'a.b' is no id",), rest={"top": "mcp: {‸a.b: {command: [serve]}}"}
    ),
    "a server's command as shell text": Case(
        "wrong-type",
        TWO,
        ("'serve it'", "[serve, it]"),
        ("a list of words", "'serve it'"),
        rest={"top": "mcp: {doc: {command: ‸'serve it'}}"},
    ),
    "a server's command of nothing": Case(
        "wrong-type", TWO, ("[]", "[serve]"), ("at least one",), rest={"top": "mcp: {doc: {command: ‸[]}}"}
    ),
    "a server without a command": Case(
        "missing-key", TWO, ("{}", "{command: [serve]}"), ('"command" is missing',), rest={"top": "mcp: {doc: ‸{}}"}
    ),
    # programs
    "a program of an agent that does not exist": Case(
        "unknown-name",
        TWO,
        ("reakt", "react"),
        ('no program "reakt"', 'did you mean "react"'),
        rest={"top": "agents: {me: {program: ‸reakt}}"},
    ),
    "a program of a task that resembles nothing gets the forms that there are": Case(
        "unknown-name",
        "a: {BASICS, program: ‸'my/agent.py'}",
        ("my/agent.py", "my/agent.py:Agent"),
        ("react, chain_of_thought, predict, package.module:Class or path/file.py:Class",),
    ),
    "a class that is no name": Case(
        "unknown-name", "a: {BASICS, program: ‸'pack.age:9'}", ("pack.age:9", "pack.age:Nine"), ("no program",)
    ),
    "a program that changes nothing, and files to change": Case(
        "cannot-write",
        "a: {BASICS, writes: ‸[x.py], done_when: [{run: t}], program: predict}",
        ("program: predict", "program: react"),
        ('"c.a" is to change files', "predict has no tools", "program: react, or a do:"),
    ),
    "an agent whose program changes nothing, and gaps to close": Case(
        "cannot-write",
        "a: {phase: work, goal: g, agent: me, for_each: todo, writes: ‸'{path}'}",
        ("for_each: todo", "for_each: todo, do: {command: [mend]}"),
        ("chain_of_thought has no tools",),
        SEVERAL,
        rest={"top": TODO + "\nagents: {me: {program: chain_of_thought}}", "category": "support: [me]"},
    ),
    "an agent whose tools change nothing, and files to change": Case(
        "cannot-write",
        "a: {BASICS, agent: me, writes: ‸x.py, done_when: [{run: t}]}",
        ("note]", "edit_file]"),
        ("no tool of me changes any",),
        rest={"top": "agents: {me: {tools: [read_file, note]}}", "category": "support: [me]"},
    ),
    "saved state that is a pickle": Case(
        "wrong-type",
        TWO,
        ("mine.PKL", "mine.json"),
        ("mine.PKL is a pickle", "JSON"),
        rest={"top": "agents: {me: {state: ‸mine.PKL}}"},
    ),
    # budgets
    "a budget of nothing": Case("wrong-type", "a: {BASICS, budget: {calls: ‸0}}", ("calls: 0", "calls: 1"), ("greater than 0",)),
    "a budget in another unit": Case("unknown-key", TWO, ("eur:", "usd:"), ('"eur"',), rest={"category": "budget: {‸eur: 2}"}),
    "no turn at all": Case("wrong-type", TWO, ("turns: 0", "turns: 1"), ("1",), rest={"top": "limits: {turns: ‸0}"}),
    "turns without end": Case("wrong-type", TWO, ("turns: 1001", "turns: 1000"), ("1000",), rest={"top": "limits: {turns: ‸1001}"}),
    # paths
    "an absolute path": Case("unsafe-path", "a: {BASICS, writes: ‸/etc/x}", ("/etc/x", "etc/x"), ("'/etc/x'",)),
    "a path upward": Case("unsafe-path", "a: {BASICS, writes: [ok, ‸a/../../x]}", ("a/../../x", "a/x"), ("'..'",)),
    "a path inside .git": Case("unsafe-path", "a: {BASICS, writes: ‸.git/config}", (".git/config", ".github/config"), (".git",)),
    "a path inside .GIT, hidden in braces": Case("unsafe-path", "a: {BASICS, writes: ‸'{src,.GIT}/x'}", (".GIT", ".gat"), (".GIT",)),
    "a path inside .swarm": Case("unsafe-path", "a: {BASICS, reads: ‸a/.swarm/x}", (".swarm", "swarm"), (".swarm",)),
    "a path upward to look in": Case("unsafe-path", "a: {BASICS, done_when: [{absent: x, in: ‸../y}]}", ("../y", "y"), ("'..'",)),
    "an absolute path that should exist": Case("unsafe-path", "a: {BASICS, done_when: [{exists: ‸/y}]}", ("/y", "y"), ("'/y'",)),
    "a detector that looks upward": Case(
        "unsafe-path", TWO, ("../*", "'*'"), ("'..'",), rest={"top": "gaps: {todo: {files: [‸../*], containing: x}}"}
    ),
    "a territory upward": Case("unsafe-path", TWO, ("../t/**", "t/**"), ("'..'",), rest={"category": "territory: [‸../t/**]"}),
    "a template's target upward": Case("unsafe-path", "a: {BASICS, do: {template: t.j2, to: ‸'../x[1'}}", ("../x[1", "x[1"), ("'..'",)),
    "a link that leaves the workspace": Case(
        "unsafe-path", "a: {BASICS, writes: ‸lib/x/**}", ("lib/x", "libs/x"), ("the link lib", "leaves"), links={"lib": "/usr/lib"}
    ),
    "a deeper link that leaves by steps upward": Case(
        "unsafe-path", "a: {BASICS, writes: ‸a/up/x}", ("a/up/x", "a/down/x"), ("a/up",), links={"a/up": "../../x", "a/down": "../x"}
    ),
    # needs and gates
    "a ring of needs is printed as the ring": Case(
        "cycle", "a: {BASICS, needs: ‸b}\nb: {BASICS, needs: d}\nd: {BASICS, needs: a}", (", needs: a}", "}"), ("c.a → c.b → c.d → c.a",)
    ),
    "a task that needs itself": Case("cycle", "a: {BASICS, needs: ‸a}", (", needs: a", ""), ("c.a → c.a",)),
    "a task that needs one of a phase that waits for all of its own": Case(
        "deadlock",
        f"‸a: {{{IN_FIRST}, needs: b}}\nb: {{{IN_SECOND}}}",
        ("done: 100%", "done: 0%"),
        ('"c.a" would never start', "it needs c.b"),
        rest={"phases": PHASES},
    ),
    "a gap condition whose closer sits behind its own gate": Case(
        "deadlock",
        f"a: {{{IN_FIRST}}}\n‸b: {{{IN_SECOND}, writes: x.py, closes: {{todo: '**'}}}}",
        ("- {gap: todo}", "- {run: t}"),
        ('"second" never opens', "gap: todo"),
        gap("todo", "x.py"),
        rest={"top": TODO, "phases": "- first\n- second:\n    gate:\n      - {gap: todo}"},
    ),
    "a task that must be done for the phase that it is in": Case(
        "deadlock",
        f"a: {{{IN_FIRST}}}\n‸b: {{{IN_SECOND}}}",
        ("[c.b]", "[c.a]"),
        ("must have c.b",),
        rest={"phases": "- first\n- second: {gate: [{phase: first, must: [c.b]}]}"},
    ),
    # scopes
    "two tasks that write one path": Case(
        "overlap",
        "a: {BASICS, writes: src/**}\nb: {BASICS, writes: ‸'*/main.py'}",
        ("'*/main.py'}", "'*/main.py', needs: a}"),
        ('"c.a" and "c.b"', "src/main.py", "src/** on line", "*/main.py here"),
    ),
    "two members of one fan-out that write one path": Case(
        "overlap",
        "a: {phase: work, goal: g, for_each: todo, writes: ‸['{path}', log.txt]}",
        ("['{path}', log.txt]", "['{path}']"),
        ('"c.a[x.py]" and "c.a[y.py]"', "log.txt"),
        SEVERAL,
        rest={"top": TODO},
    ),
    "an 80% gate orders nothing": Case(
        "overlap",
        f"a: {{{IN_FIRST}, writes: x}}\nb: {{{IN_SECOND}, writes: ‸x}}",
        ("done: 80%", "done: 100%"),
        ("c.a", "c.b"),
        rest={"phases": PHASES.replace("100%", "80%")},
    ),
    "must: orders the tasks that it names": Case(
        "overlap",
        f"a: {{{IN_FIRST}, writes: x}}\nb: {{{IN_SECOND}, writes: ‸x}}",
        ("done: 80%", "done: 80%, must: [c.a]"),
        ("c.a", "c.b"),
        rest={"phases": PHASES.replace("100%", "80%")},
    ),
    "a scope outside the territory": Case(
        "territory",
        "a: {BASICS, writes: ‸'src/**'}",
        ("'src/**'", "'src/m/**'"),
        ('"c.a"', "outside the territory of c", "src/"),
        rest={"category": "territory: src/m/**"},
    ),
    "two territories that share a path": Case(
        "territory",
        TWO,
        ("'*/x.py'", "'*/x.js'"),
        ('"c" and "d"', "src/x.py"),
        rest={
            "category": "territory: src/*.py",
            "more": "d: {objective: o, lead: code-generator, territory: ‸'*/x.py', tasks: {e: {BASICS}}}",
        },
    ),
    # gaps
    "a gap that nobody closes": Case(
        "uncovered",
        "a: {BASICS, writes: '**', closes: {todo: x.py}}",
        ("x.py}", "'*.py'}"),
        ('1 of gap "todo"', "y.py"),
        SEVERAL,
        rest={"top": "gaps: {‸todo: {files: '**', containing: TODO}}"},
    ),
    "a gap that its task may not write": Case(
        "uncovered",
        "‸a: {BASICS, writes: x.py, closes: {todo: '**'}}",
        ("writes: x.py", "writes: '*.py'"),
        ('"c.a"', "may not write y.py"),
        SEVERAL,
        rest={"top": TODO},
    ),
    "a gap without a path that only ** closes": Case(
        "uncovered",
        "a: {BASICS, closes: {todo: '*'}}",
        ("'*'}", "'**'}"),
        ('"flaky test"',),
        [Found(gap="todo", path=None, text="flaky test")],
        rest={"top": "gaps: {‸todo: {listed_by: t}}"},
    ),
    "a gap that two tasks close": Case(
        "covered-twice",
        "a: {BASICS, writes: x.py, closes: {todo: x.py}}\n‸b: {BASICS, needs: a, writes: '*.py', closes: {todo: '*.py'}}",
        ("todo: '*.py'", "todo: y.py"),
        ('"c.a" and "c.b"', "of x.py"),
        SEVERAL,
        rest={"top": TODO},
    ),
    "a gap that a fan-out and a task close": Case(
        "covered-twice",
        "a: {phase: work, goal: g, for_each: todo, writes: '{path}'}\n‸b: {BASICS, needs: a, writes: '**', closes: {todo: y.py}}",
        (", closes: {todo: y.py}", ""),
        ('"c.a[y.py]" and "c.b"',),
        SEVERAL,
        rest={"top": TODO},
    ),
    # contracts
    "a handoff that nobody needed hands over": Case(
        "contract",
        "a: {BASICS, hands: Ready}\nb: {BASICS, takes: [‸Ready]}",
        ("takes:", "needs: a, takes:"),
        ('"c.b" takes Ready',),
        rest={"top": "contracts: {Ready: {}}"},
    ),
    "an empty fan-out takes what nobody hands over": Case(
        "contract",
        "a: {phase: work, goal: g, for_each: todo, takes: [‸Ready]}",
        (", takes: [Ready]", ""),
        ("c.a takes Ready".replace("c.a", '"c.a"'),),
        rest={"top": TODO + "\ncontracts: {Ready: {}}"},
    ),
    "a payload that a template cannot supply": Case(
        "contract",
        "a: {BASICS, hands: ‸Ready, do: {template: t.j2, to: x, with: {share: 1}}}",
        ("share: 1", "share: 1, left: 2"),
        ("cannot supply left of Ready",),
        rest={"top": "contracts: {Ready: {files: 'list[path]', share: float, left: int, note: {type: str, default: ''}}}"},
    ),
    "a payload that cannot fit": Case(
        "contract",
        "a: {BASICS, hands: ‸Ready, do: {codemod: r.yml, with: {left: none}}}",
        ("left: none", "left: 2"),
        ("a codemod", "left"),
        rest={"top": "contracts: {Ready: {left: int}}"},
    ),
    "more files than the templates write": Case(
        "contract",
        "a: {BASICS, hands: ‸Ready, do: [{template: t.j2, to: x}, {template: t.j2, to: y}]}",
        ("{template: t.j2, to: y}", "{template: t.j2, to: y}, {template: t.j2, to: z}"),
        ("hands over cannot fit", "at least 3"),
        rest={"top": "contracts: {Ready: {files: {type: 'list[path]', min_length: 3}}}"},
    ),
    "a reserved field name": Case(
        "contract", TWO, ("keys: int", "key: int"), ('"keys" is reserved',), rest={"top": "contracts: {Ready: {‸keys: int}}"}
    ),
    "a field name that begins with an underscore": Case(
        "contract", TWO, ("_x", "x"), ('"_x" is reserved',), rest={"top": "contracts: {Ready: {‸_x: {type: int, default: 1}}}"}
    ),
    "a field name that is no identifier": Case("contract", TWO, ("a b", "ab"), ('"a b"',), rest={"top": "contracts: {Ready: {‸a b: int}}"}),
    "a type that does not exist": Case(
        "contract",
        TWO,
        ("number", "float"),
        ('"number" does not exist', "list[…]"),
        rest={"top": "contracts: {Ready: {x: {type: ‸number}}}"},
    ),
    "a constraint that says nothing about the type": Case(
        "contract",
        TWO,
        ("ge: 1", "min_length: 1"),
        ("ge says nothing about str",),
        rest={"top": "contracts: {Ready: {x: {type: str, ge: ‸1}}}"},
    ),
    "a default that does not fit": Case(
        "contract",
        TWO,
        ("default: 7", "default: 3"),
        ("7", "int"),
        rest={"top": "contracts: {Ready: {x: {type: int, lt: 5, default: ‸7}}}"},
    ),
    "a contract that holds itself": Case(
        "contract",
        TWO,
        ("list[Ready]", "list[int]"),
        ("Ready holds itself",),
        rest={"top": "contracts: {Ready: {x: {type: ‸'list[Ready]'}}}"},
    ),
    # gates and checks
    "a threshold above all": Case(
        "unreachable-gate", TWO, ("101%", "100%"), ("101%",), rest={"phases": "- work\n- z: {gate: [{phase: work, done: ‸101%}]}"}
    ),
    "a threshold below nothing": Case(
        "unreachable-gate", TWO, ("-1%", "0%"), ("-1%",), rest={"phases": "- work\n- z: {gate: [{phase: work, done: ‸-1%}]}"}
    ),
    "a phase that declares no tasks": Case(
        "unreachable-gate",
        TWO,
        ("phase: idle", "phase: work"),
        ('"idle" declares no tasks',),
        rest={"phases": "- work\n- idle\n- z: {gate: [{phase: ‸idle, done: 1%}]}"},
    ),
    "a metric that nothing records": Case(
        "unreachable-gate",
        TWO,
        ("metrics: [other]", "metrics: [coverage]"),
        ('"coverage"', "metrics:"),
        rest={"top": "metrics: [other]", "phases": "- work\n- z: {gate: [{metric: ‸coverage, at_least: 90%}]}"},
    ),
    "a built-in metric misspelt, in a check": Case(
        "unreachable-gate",
        "a: {BASICS, done_when: [{metric: ‸memory_use, below: 5}]}",
        ("memory_use,", "memory_usage,"),
        ('did you mean "memory_usage"',),
    ),
    "a task that nothing could verify": Case(
        "no-check", "‸a: {phase: work, goal: g}", ("goal: g}", "goal: g, done_when: [{run: t}]}"), ('"c.a"', "done_when")
    ),
    "a task that only a model judges": Case(
        "no-check", "‸a: {phase: work, goal: g, keep: [{judge: good?}]}", ("[{judge: good?}]", "[{judge: good?}, {run: t}]"), ("opinion",)
    ),
    "a task that is done when a model says so, whatever it hands over": Case(
        "no-check",
        "‸a: {phase: work, goal: g, hands: Ready, done_when: [{judge: good?}]}",
        ("[{judge: good?}]", "[{judge: good?}, {exists: x}]"),
        ("opinion", "such as run"),
        rest={"top": "contracts: {Ready: {}}"},
    ),
    "a judge beside what keeps": Case(
        "no-check",
        "‸a: {phase: work, goal: g, done_when: [{judge: good?}]}",
        ("done_when:", "keep: [{run: t}], done_when:"),
        ("opinion",),
    ),
    "a judge that only guards a handoff": Case(
        "no-check",
        "‸a: {phase: work, goal: g, keep: [{judge: good?}]}",
        ("goal: g", "goal: g, hands: Ready"),
        ("opinion",),
        rest={"top": "contracts: {Ready: {}}"},
    ),
    "a read that an unordered task may change": Case(
        "stale-read",
        "a: {BASICS, writes: src/**}\nb: {BASICS, reads: ‸src/m.py}",
        ("reads: src/m.py", "reads: src/m.py, needs: a"),
        ('"c.b" reads src/m.py', '"c.a"'),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_problem_is_named_at_its_place(case: Case, write: Callable[..., str], prove: Callable[..., Any]) -> None:
    text = write(case.tasks, **case.rest)
    before = text[: text.index(MARK)]
    problems = prove(text, case.gaps, case.links)
    assert {problem.code for problem in problems} == {case.code}, [str(problem) for problem in problems]
    found = problems[0]
    assert (found.file, found.line, found.column) == ("plan.yaml", before.count("\n") + 1, len(before) - before.rfind("\n")), str(found)
    assert len(problems) == 1 or case.code == "deadlock", "what never starts keeps others from starting; all else is said once"
    assert all(words in found.text for words in case.says), found.text
    assert found.severity == ("warning" if case.code in ("stale-read", "cannot-write") else "error")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_plan_without_the_problem_has_none(case: Case, write: Callable[..., str], prove: Callable[..., Any]) -> None:
    bad = write(case.tasks, **case.rest).replace(MARK, "")
    old, new = case.good
    assert old in bad
    before, _, after = bad.rpartition(old)
    assert [str(problem) for problem in prove(before + new + after, case.gaps, case.links)] == []
