"""The glob language, held against an independent translation to regular expressions.

The oracle expands braces from the inside out and writes one regex per alternative; `interegular` decides emptiness on those. Its
`isdisjoint` gives wrong answers, so only `&`, `|`, `-` and `empty()` are used.
"""

import random
import re
import time
from itertools import combinations, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interegular import parse_pattern
from interegular.fsm import FSM

from swarm.plans.globs import Glob, GlobError, Overlaps, literal, parse, within, witness

_PLAIN = ["a", "b", "ab", "*", "?", "a*", "*b", "*a*", "??", "a?", "[ab]", "[!a]", "[!ab]*", "[a-c]b", "*[!b]", "**", "**", "a**"]
_RICH = ["{a,b}", "{a*,?b}", "{a,b/a}", "{**,a}", "{b{,a},c}", "*a?b*", "[b-d]?", "[!a-c]", ".*", "{a/**,b}"]


def _random_pattern(rng: random.Random) -> str:
    return "/".join(rng.choice(_PLAIN + _RICH) for _ in range(rng.randint(1, 3)))


def _oracle_regex(pattern: str) -> str:
    return "|".join(f"(?:{_oracle_alternative(each)})" for each in _oracle_expanded(pattern))


def _oracle_expanded(pattern: str) -> list[str]:
    if (brace := re.search(r"\{([^{}]*)\}", pattern)) is None:
        return [pattern]
    before, after = pattern[: brace.start()], pattern[brace.end() :]
    return [text for each in brace[1].split(",") for text in _oracle_expanded(before + each + after)]


def _oracle_alternative(text: str) -> str:
    *before, last = text.split("/")
    regex = "".join("(?:[^/]+/)*" if segment == "**" else _oracle_segment(segment) + "/" for segment in before)
    return regex + ("[^/]+(?:/[^/]+)*" if last == "**" else _oracle_segment(last))


def _oracle_segment(segment: str) -> str:
    if set(segment) == {"*"}:
        return "[^/]+"
    return re.sub(r"\*+|\?|\.|\[!", lambda m: {"?": "[^/]", ".": r"\.", "[!": "[^/"}.get(m[0], "[^/]*"), segment)


class _Sample:
    """Patterns with their oracles, compiled once."""

    def __init__(self, seed: int, size: int) -> None:
        rng = random.Random(seed)
        self.patterns = sorted({_random_pattern(rng) for _ in range(size)})
        self.globs = {each: parse(each) for each in self.patterns}
        self.regexes = {each: re.compile(_oracle_regex(each)) for each in self.patterns}
        self.machines: dict[str, FSM] = {each: parse_pattern(_oracle_regex(each)).to_fsm() for each in self.patterns}

    def says(self, pattern: str, path: str) -> bool:
        return self.regexes[pattern].fullmatch(path) is not None


@pytest.fixture(scope="module")
def sample() -> _Sample:
    return _Sample(seed=7, size=260)


@pytest.mark.parametrize(
    ("pattern", "matched", "unmatched"),
    [
        ("a/b.py", ["a/b.py"], ["a/b_py", "a/b.pyc", "b.py", "a/b.py/c"]),
        ("*", ["a", ".hidden", "new\nline"], ["a/b", ""]),
        ("a*", ["a", "abc"], ["ba", "a/b"]),
        ("*.py", [".py", "x.py"], ["x.pyc", "a/x.py"]),
        ("a?c", ["abc", "a.c"], ["ac", "a/c", "abbc"]),
        ("[ab]", ["a", "b"], ["c", "ab"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[!a]", ["b", "!"], ["a", "/", ""]),
        ("a[!b]c", ["axc"], ["abc", "a/c"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[!]a]", ["b"], ["]", "a"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("x[/a]y", ["xay"], ["x/y"]),
        ("[--0]", ["-", ".", "0"], ["/"]),
        ("a]b}c,d", ["a]b}c,d"], ["ab"]),
        ("{a,b}", ["a", "b"], ["c", "{a,b}"]),
        ("{a*,?b}/c", ["axy/c", "xb/c"], ["xc/c"]),
        ("{a,{b,c/d}x}", ["a", "bx", "c/dx"], ["b", "c/d"]),
        ("a{,b}", ["a", "ab"], ["b"]),
        ("[{]a,b[}]", ["{a,b}"], ["a", "b"]),
        ("{[,],x}", [",", "x"], ["["]),
        ("**", ["a", "a/b", ".x/.y"], [""]),
        ("a/**", ["a/x", "a/x/y"], ["a", "a/", "ab/x"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["xa", "a/x"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a//b", "a/xb"]),
        ("**/**", ["a", "a/b"], []),
        ("a/**/**/b", ["a/b", "a/x/b"], ["a"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("***", ["a"], ["a/b", ""]),
        ("{**/a,b}/c", ["c".join(["a/", ""]), "x/a/c", "b/c"], ["x/b/c"]),
        ("*a*b*c", ["abc", "xaybzc", "aabbcc", "abcxc"], ["acb", "abcd"]),
        ("**/a/**/b/*", ["a/b/c", "x/a/a/b/b/c"], ["b/a/c", "a/b"]),
    ],
)
def test_a_pattern_matches_these_paths_and_not_those(pattern: str, matched: list[str], unmatched: list[str]) -> None:
    glob = parse(pattern)
    assert [path for path in matched if not glob.matches(path)] == []
    assert [path for path in unmatched if glob.matches(path)] == []


@pytest.mark.parametrize(
    ("pattern", "says", "unsafe"),
    [
        ("", "empty", False),
        ("{,a}", "empty", False),
        ("a//b", "empty segment", False),
        ("a/", "empty segment", False),
        ("{a/,b}/c", "empty segment", False),
        ("a[b", "'[' at character 2", False),
        ("a[]", "'[' at character 2", False),
        ("[!]", "'[' at character 1", False),
        ("x{a,{b}", "'{' at character 2", False),
        ("[/]", "matches no character", False),
        ("[z-a]", "backwards", False),
        ("{a,b}" * 11, "more than 1024", False),
        ("{" + ",".join(map(str, range(1025))) + "}", "more than 1024", False),
        ("/a", "begins with '/'", True),
        ("{/a,b}", "begins with '/'", True),
        ("../a", "'..'", True),
        ("a/..", "'..'", True),
        ("./a", "'.'", True),
        ("a/[.]/b", "'.'", True),
        ("a/.{.,x}", "'..'", True),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_reason(pattern: str, says: str, unsafe: bool) -> None:
    with pytest.raises(GlobError) as refused:
        parse(pattern)
    assert says in str(refused.value)
    assert refused.value.unsafe is unsafe


def test_as_many_as_1024_alternatives_are_allowed() -> None:
    assert parse("{a,b}" * 10).matches("abababbbba")


def test_braces_nested_a_thousand_deep_are_read() -> None:
    assert parse("{" * 1000 + "a" + "}" * 1000).literal == "a"


def test_a_pattern_full_of_stars_is_refuted_quickly() -> None:
    started = time.perf_counter()
    assert not parse("*a" * 40).matches("a" * 3000 + "b")
    assert not parse("**/a/" * 20 + "b").matches("a/" * 500 + "c")
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("a/b", "a/b"), ("a[*]b", "a*b"), ("[[]x]", "[x]"), ("{a}", "a"), ("{a,a}", "a"), ("a*", None), ("{a,b}", None), ("[ab]", None)],
)
def test_a_pattern_without_wildcards_knows_its_path(pattern: str, path: str | None) -> None:
    assert parse(pattern).literal == path


_paths = st.lists(
    st.text(st.sampled_from("ab.*?[]{}!,-^\\é \n"), min_size=1, max_size=6).filter(lambda segment: segment not in (".", "..")),
    min_size=1,
    max_size=3,
).map("/".join)


@given(_paths, _paths)
def test_an_escaped_path_matches_itself_and_nothing_else(path: str, other: str) -> None:
    glob = parse(literal(path))
    assert glob.literal == path
    assert glob.matches(path)
    assert glob.matches(other) is (path == other)
    assert witness(glob, parse(literal(other))) == (path if path == other else None)


@given(_paths, _paths)
def test_an_escaped_path_stays_literal_inside_braces(path: str, other: str) -> None:
    glob = parse(f"{{{literal(path)},x/{literal(other)}}}")
    assert glob.matches(path)
    assert glob.matches(f"x/{other}")


def test_matching_agrees_with_the_oracle_on_every_short_path(sample: _Sample) -> None:
    segments = ["a", "b", "c", "d", ".", "ab", "ba", "bb", ".a", "aab", "abb"]
    paths = [*segments, *(f"{x}/{y}" for x in segments for y in segments), "a/b/a", "b/a/a/b", "a/a/b/b"]
    wrong = [(each, path) for each in sample.patterns for path in paths if sample.globs[each].matches(path) is not sample.says(each, path)]
    assert wrong == []


def test_a_shared_path_is_found_exactly_where_the_oracle_finds_one(sample: _Sample) -> None:
    rng = random.Random(11)
    overlapping = 0
    for a, b in (rng.sample(sample.patterns, 2) for _ in range(3500)):
        path = witness(sample.globs[a], sample.globs[b])
        assert (path is not None) is (not (sample.machines[a] & sample.machines[b]).empty()), (a, b, path)
        if path is not None:
            overlapping += 1
            assert sample.globs[a].matches(path), (a, b, path)
            assert sample.globs[b].matches(path), (a, b, path)
            assert sample.says(a, path), (a, b, path)
            assert sample.says(b, path), (a, b, path)
    assert 500 < overlapping < 3000


def test_a_path_outside_is_found_exactly_where_the_oracle_finds_one(sample: _Sample) -> None:
    rng = random.Random(13)
    contained = 0
    for _ in range(1500):
        inner, *outer = rng.sample(sample.patterns, rng.randint(2, 6))
        path = within(sample.globs[inner], tuple(sample.globs[each] for each in outer))
        union = sample.machines[outer[0]]
        for each in outer[1:]:
            union = union | sample.machines[each]
        assert (path is None) is (sample.machines[inner] - union).empty(), (inner, outer, path)
        if path is None:
            contained += 1
            continue
        assert sample.says(inner, path), (inner, outer, path)
        assert sample.globs[inner].matches(path), (inner, outer, path)
        assert not any(sample.says(each, path) for each in outer), (inner, outer, path)
    assert 120 < contained < 1300


@pytest.mark.parametrize(
    ("a", "b", "path"),
    [
        ("src/**", "**/*.py", "src/a.py"),
        ("src/test_*", "src/*_x.py", "src/test_x.py"),
        ("a/**", "a", None),
        ("a/**", "a/**", "a/a"),
        ("*", "**", "a"),
        ("[!a-z]x", "?[!y]", "0x"),
        ("[a-f]", "[f-k]", "f"),
        ("[a-f]", "[g-k]", None),
        ("[!\x00-\U0010fffe]", "?", "\U0010ffff"),
        ("docs/*.md", "{src,docs}/README.md", "docs/README.md"),
        ("a/*/c", "a/**/b/c", "a/b/c"),
    ],
)
def test_the_shared_path_is_readable(a: str, b: str, path: str | None) -> None:
    assert witness(parse(a), parse(b)) == path
    assert (witness(parse(b), parse(a)) is None) is (path is None)


@pytest.mark.parametrize(
    ("inner", "outer", "path"),
    [
        ("src/**", ["src/**"], None),
        ("src/**/*.py", ["src/**"], None),
        ("src", ["src/**"], "src"),
        ("src/x.py", ["src/*.py"], None),
        ("src/**", ["src/*", "src/*/**"], None),
        ("src/**", ["src/*.py", "src/*/**"], "src/a"),
        ("**/*.py", ["core/**"], "a.py"),
        ("{core,src}/*", ["core/**"], "src/a"),
        ("[a-c]", ["[ab]", "[c-e]"], None),
        ("?", ["[!x]"], "x"),
        ("a", [], "a"),
        ("a/**", [], "a/a"),
        ("a/**/**", ["a/*", "a/*/**"], None),
    ],
)
def test_a_scope_outside_its_territory_shows_a_path(inner: str, outer: list[str], path: str | None) -> None:
    assert within(parse(inner), tuple(map(parse, outer))) == path


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("README.md", "readme.MD", True),
        ("SRC/*.Py", "src/X.pY", True),
        ("[A-C]x", "bX", True),
        ("[!a]", "A", False),
        ("[!A]", "a", False),
        ("[!A]", "b", True),
        ("É*", "éa", True),
        ("straße", "STRASSE", False),
        ("k", "\N{KELVIN SIGN}", True),
    ],
)
def test_on_a_folding_disk_case_does_not_count(pattern: str, path: str, matched: bool) -> None:
    assert parse(pattern, fold=True).matches(path) is matched


def test_folding_patterns_overlap_and_contain_in_either_case() -> None:
    readme, upper = parse("Docs/README.md", fold=True), parse("docs/*.MD", fold=True)
    assert witness(readme, upper) == "Docs/README.md"
    assert witness(parse("[!a-z]", fold=True), parse("[A-Z]", fold=True)) is None
    assert within(parse("[A-Z]", fold=True), (parse("[a-z]", fold=True),)) is None
    assert within(parse("SRC/**", fold=True), (parse("src/**", fold=True),)) is None
    assert within(parse("?", fold=True), (parse("[!a]", fold=True),)) == "a"
    assert within(parse("?", fold=True), (parse("[!a]", fold=True), parse("A", fold=True))) is None


def test_folding_random_patterns_is_the_same_as_writing_them_in_lower_case() -> None:
    rng = random.Random(17)
    for _ in range(400):
        a, b = _random_pattern(rng), _random_pattern(rng)
        folded = witness(parse(a.upper(), fold=True), parse(b, fold=True))
        assert (folded is None) is (witness(parse(a), parse(b)) is None), (a, b)
        if folded is not None:
            assert parse(a.upper(), fold=True).matches(folded), (a, b, folded)
            assert parse(b, fold=True).matches(folded.upper()), (a, b, folded)


def test_folding_and_other_patterns_do_not_mix() -> None:
    with pytest.raises(ValueError, match="fold"):
        witness(parse("a"), parse("a", fold=True))
    with pytest.raises(ValueError, match="fold"):
        within(parse("a", fold=True), (parse("a"),))


@pytest.mark.parametrize("seed", range(6))
def test_the_index_finds_the_same_pairs_as_comparing_all(seed: int) -> None:
    rng = random.Random(seed)
    extra = ["src/a.py", "src/*.py", "src/a*", "src/**", "src/**/a.py", "src", "sr*", "**/test_a*.py", "**/test_*b.py", "src/a.py"]
    globs = [parse(each) for each in (*(_random_pattern(rng) for _ in range(60)), *extra)]
    rng.shuffle(globs)
    found = list(Overlaps(globs).pairs())
    naive = [(i, j) for (i, a), (j, b) in combinations(enumerate(globs), 2) if witness(a, b) is not None]
    assert sorted((i, j) for i, j, _ in found) == naive
    assert all(globs[i].matches(path) and globs[j].matches(path) for i, j, path in found)


@pytest.mark.parametrize("shape", ["src/pkg/mod_{}.py", "src/mod_{}/**", "**/file_{}.py"])
def test_ten_thousand_patterns_apart_are_indexed_in_no_time(shape: str) -> None:
    globs = [parse(shape.format(number)) for number in range(10_000)]
    started = time.perf_counter()
    assert list(Overlaps([*globs, globs[17]]).pairs()) == [(17, 10_000, witness(globs[17], globs[17]))]
    # About 0.1 s alone; comparing all would take minutes.
    assert time.perf_counter() - started < 2


def test_overlaps_of_very_many_patterns_come_one_at_a_time() -> None:
    globs: list[Glob] = [parse(f"**/dir_{number}/**") for number in range(10_000)]
    assert len(list(islice(Overlaps(globs).pairs(), 5))) == 5
