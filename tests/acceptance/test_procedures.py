"""Templates and codemods: what they see, what they hand over, and what they cannot do."""

from typing import Any

import pytest

SEES = """{{ brief.task }} {{ brief.goal }} {{ brief.writes[0] }} attempt {{ brief.attempt }}
{% for name, payload in inbox.items() %}{{ name }}={{ payload.n }} {% endfor %}{{ title | upper }} {{ list | join('-') }}
"""
FAULTS = {
    "undefined": ("{{ nobody }}", "'nobody' is undefined"),
    "undefined-later": ("fine\n{{ brief.nothing }}", "nothing"),
    "absent-template": ("{% set name = 'templates/secret.txt' %}{% include name %}", "templates/secret.txt"),
    "division": ("{{ 1 / 0 }}", "division by zero"),
    "type": ("{{ 'a' + 1 }}", "can only concatenate"),
    "filter-error": ("{{ 'x' | int(base=99) + missing }}", "missing"),
    "raises": ("{{ {}.popitem() }}", "popitem"),
}
ESCAPES = {
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "filter": "{{ '' | attr('__class__') }}",
    "globals": "{{ cycler.__init__.__globals__ }}",
    "brief": "{{ brief.as_json.__globals__ }}",
    "brief-function": "{{ brief.as_json.__func__.__code__ }}",
    "namespace": "{{ namespace.__init__.__globals__.os.system('touch pwned') }}",
    "format": "{{ '{0.__class__.__mro__}'.format('') }}",
    "format-map": "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "range": "{{ range(10**9) | list | length }}",
    "mutate": "{{ inbox.clear() }}",
    "set-attribute": "{% set brief.task = 'other' %}",
}


def _template(shell: Any, name: str, text: str, **more: Any) -> dict[str, Any]:
    shell.write(f"templates/{name}.j2", text)
    return {"writes": f"out/{name}", "do": {"template": f"templates/{name}.j2", "to": f"out/{name}", **more}}


def test_a_template_sees_brief_inbox_and_what_it_is_given(shell: Any) -> None:
    tasks: dict[str, Any] = {
        "count": {"writes": "n", "do": """echo '{"n": 3}' > $SWARM_HANDOFF""", "hands": "Count"},
        "show": _template(shell, "show", SEES, **{"with": {"title": "größe", "list": [1, 2]}}) | {"needs": "count", "hands": "Shown"},
        "base": _template(shell, "base", "<{% block b %}{% endblock %}>"),
        "child": _template(shell, "child", "{% extends 'templates/base.j2' %}{% block b %}inside{% endblock %}"),
    }
    shell.plan(tasks, contracts={"Count": {"n": "int"}, "Shown": {"files": "list[path]", "title": "str"}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.git("show", "refs/swarm/r/head:out/show") == "c.show g out/show attempt 1\nc.count=3 GRÖSSE 1-2\n"
    assert shell.git("show", "refs/swarm/r/head:out/child") == "<inside>"
    assert shell.json("handoff", "r", "show")["payload"] == {"files": ["out/show"], "title": "größe"}


@pytest.mark.parametrize("texts", [{name: text for name, (text, _) in FAULTS.items()}, ESCAPES], ids=["faults", "escapes"])
def test_a_template_that_fails_refuses_the_attempt_with_its_reason(shell: Any, texts: dict[str, str]) -> None:
    shell.write("templates/secret.txt", "not named by the plan")
    tasks = {name: _template(shell, name, text) for name, text in texts.items()}
    count = {"writes": "n", "do": """echo '{"n": 3}' > $SWARM_HANDOFF"""}
    shell.plan({name: task | {"needs": "count"} for name, task in tasks.items()} | {"count": count})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {**dict.fromkeys(texts, "failed"), "count": "verified"}
    refused = {event["task"].removeprefix("c."): event["refused"] for event in shell.json("log", "r") if event["kind"] == "attempt_refused"}
    assert {(one["kind"], one["text"].startswith("template templates/")) for one in refused.values()} == {("procedure", True)}
    assert {name: text in refused[name]["text"] for name, (_, text) in FAULTS.items() if name in refused} == dict.fromkeys(
        refused.keys() & FAULTS, True
    )
    assert shell.landed("r") == {}
    assert not list(shell.folder.rglob("pwned"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ broken", "line 1"),
        ("{% if x %}", "line 1"),
        ("\x00{% frob %}", "frob"),
        ("{% for %}", "line 1"),
        ("{% include 'other.j2' %}", "other.j2"),
    ],
)
def test_a_template_that_is_none_is_refused_with_the_plan(shell: Any, text: str, said: str) -> None:
    shell.plan({"show": _template(shell, "show", text)})
    refused = shell.swarm("execute", "plan.yaml", "--run", "r", status=2)
    assert (refused.stdout, "templates/show.j2" in refused.stderr, said in refused.stderr) == ("", True, True)


def test_a_template_writes_no_further_than_its_scope(shell: Any) -> None:
    through = [{"command": "ln -s .. sub"}, {"template": "templates/show.j2", "to": "sub/f"}]
    out = _template(shell, "show", "x")
    shell.plan({"out": out | {"writes": "elsewhere"}, "link": {"writes": ["sub", "sub/**"], "do": through}, "inside": out})
    shell.swarm("execute", "plan.yaml", "--run", "r", status=1)
    assert shell.states("r") == {"out": "failed", "link": "failed", "inside": "verified"}
    assert "sub/f leads through sub, which is a link or no folder" in shell.swarm("explain", "r", "link").stdout
    assert "(elsewhere): it belongs to c.inside" in shell.swarm("explain", "r", "out").stdout


PRINTS = """
id: no-print
language: python
rule: {pattern: print($A)}
fix: say($A)
"""


def test_a_codemod_changes_code_and_nothing_that_looks_like_it(shell: Any) -> None:
    shell.write("rules/no-print.yml", PRINTS)
    for path, text in {
        "a.py": "print(1)\n# print(2)\ntext = 'print(3)'\nif x:\n    print('é')\n",
        "b.py": "pass\n",
        "c.txt": "print(1)\n",
        "d.py": "print(1)\n",
        "odd/bytes.py": "",
    }.items():
        shell.write(f"ws/{path}", text)
    (shell.folder / "ws/odd/bytes.py").write_bytes(b"print('\xff')\n")
    (shell.folder / "ws/odd/link.py").symlink_to("../a.py")
    task = {"writes": ["[abc].*", "odd/**"], "do": {"codemod": "rules/no-print.yml", "with": {"rule": "no-print"}}, "hands": "Changed"}
    then = {
        "writes": "e.py",
        "needs": "mod",
        "do": [{"command": "echo 'print(5)' > e.py"}, {"codemod": "rules/no-print.yml"}],
        "hands": "Changed",
    }
    shell.plan({"mod": task, "then": then}, contracts={"Changed": {"files": "list[path]", "rule": {"type": "str", "default": "-"}}})
    shell.swarm("execute", "plan.yaml", "--run", "r")
    assert shell.git("show", "refs/swarm/r/head:a.py") == "say(1)\n# print(2)\ntext = 'print(3)'\nif x:\n    say('é')\n"
    assert shell.landed("r") == {"a.py": "M", "e.py": "A"}
    assert shell.json("handoff", "r", "mod")["payload"] == {"files": ["a.py"], "rule": "no-print"}
    assert shell.git("show", "refs/swarm/r/head:e.py") == "say(5)\n"


@pytest.mark.parametrize(
    "text",
    ["[", "rule: {}", "id: x\nlanguage: klingon\nrule: {pattern: x}\nfix: y", "id: x\nlanguage: python\nrule: {nonsense: 1}\nfix: y", ""],
)
def test_rules_that_are_none_are_refused_with_the_plan(shell: Any, text: str) -> None:
    shell.write("rules/r.yml", text)
    shell.plan({"mod": {"writes": "**", "do": {"codemod": "rules/r.yml"}}})
    refused = shell.swarm("execute", "plan.yaml", "--run", "r", status=2)
    assert (refused.stdout, "rules/r.yml" in refused.stderr) == ("", True)
