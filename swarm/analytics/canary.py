"""A canary: a new version does a small share of the work beside the stable one, and is promoted or taken back on what came of it.

Two things are compared: how much of the work was verified, and how long verified work took (a version that fails fast is not a
quick one). Samples are small here, a plan has tens of keys and not millions, so the tests are ones that hold for small samples:

- verified share: Fisher's exact test, one-sided. R. A. Fisher, "The Logic of Inductive Inference", Journal of the Royal
  Statistical Society 98 (1935): with the margins fixed, the canary's count is hypergeometric.
- time: medians for how much, the Mann-Whitney U test, one-sided, for whether. H. B. Mann and D. R. Whitney, "On a Test of Whether one of
  Two Random Variables is Stochastically Larger than the Other", Annals of Mathematical Statistics 18 (1947). Up to 30 times the exact
  permutation distribution of the mid-ranks, so that ties are right too; above, the normal approximation with the corrections
  for ties and continuity (E. L. Lehmann, Nonparametrics, 1975, chapter 1).

What a test cannot show is said by the rule: not being significantly worse is no proof of being as good, so promotion also asks for enough
outcomes and for point estimates within a tolerance, and a canary that has made no case after `most` outcomes is taken back. The rule is
asked after every outcome, which multiplies the chances of a false alarm; `alpha` is therefore small. In a simulation of 1,500 canaries each
(share 20%, stable version 95% verified, times log-normal with sigma 0.5, default rule) 7% of those that were as good were
taken back, 65% of those that verified 80%, 96% of those that verified 60%, 80% of those slower by half and 99% of those twice as slow.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from swarm.analytics.flags import place, share_problem

__all__ = ["Comparison", "Outcome", "Promote", "Rule", "Side", "TakeBack", "Verdict", "Version", "Wait", "assigned", "compared", "verdict"]

Version = Literal["canary", "stable"]

_EXACT: Final = 30  # times of both together, up to which every choice is counted: some 15 ms at worst


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one piece of work: `seconds` is what it took, verified or not.

    Raises:
        ValueError: a time that is none, or a version that is neither.
    """

    version: Version
    verified: bool
    seconds: float

    def __post_init__(self) -> None:
        if self.version not in ("canary", "stable"):
            raise ValueError(f"{str(self.version)[:40]!r} is neither canary nor stable")
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"{self.seconds} is no number of seconds")


@dataclass(frozen=True, slots=True)
class Side:
    """One version's outcomes.

    Attributes:
        median_s: of its verified work; None where there is none.
    """

    outcomes: int
    verified: int
    median_s: float | None

    @property
    def share(self) -> float:
        """The verified share, 0 to 1; of nothing it is 0."""
        return self.verified / self.outcomes if self.outcomes else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both versions side by side.

    Attributes:
        share_p: how likely a canary as good as the stable version is to verify so few.
        time_p: how likely a canary as quick as the stable version is to be so slow; 1 where either has no verified work.
    """

    canary: Side
    stable: Side
    share_p: float
    time_p: float

    @property
    def drop(self) -> float:
        """By how much the canary's verified share is lower, -1 to 1."""
        return self.stable.share - self.canary.share

    @property
    def slowdown(self) -> float | None:
        """By which part the canary's median time is longer: 0.1 is 10%. None where there is nothing to compare."""
        if self.canary.median_s is None or not self.stable.median_s:
            return None
        return self.canary.median_s / self.stable.median_s - 1

    def __str__(self) -> str:
        return f"canary {_side_text(self.canary)}, stable {_side_text(self.stable)}; p {self.share_p:.2g} (share), {self.time_p:.2g} (time)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a canary is promoted or taken back.

    Attributes:
        least: outcomes that each version needs before a promotion. A canary that is plainly worse is taken back earlier.
        most: outcomes of the canary after which one that cannot be promoted is taken back.
        drop: how much lower its verified share may be.
        slowdown: by which part its median time may be longer.
        alpha: the probability below which a difference is not taken for chance.

    Raises:
        ValueError: a number out of its range.
    """

    least: int = 10
    most: int = 100
    drop: float = 0.05
    slowdown: float = 0.2
    alpha: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"a canary needs at least 1 outcome and at most no fewer than that: {self.least} to {self.most}")
        if problem := share_problem(self.drop):
            raise ValueError(f"drop: {problem}")
        if not (math.isfinite(self.slowdown) and self.slowdown >= 0):
            raise ValueError(f"slowdown: {self.slowdown} is no part of a time")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha: {self.alpha} is no probability between 0 and 1")


@dataclass(frozen=True, slots=True)
class Promote:
    """The canary becomes the stable version."""

    reason: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """The canary gets no more work; what became of its work is for the caller to roll back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be said yet."""

    reason: str


Verdict = Promote | TakeBack | Wait


def assigned(key: str, share: float, *, canary: str = "") -> Version:
    """Which version does the work of a key. The same key always gets the same; a larger share takes no key from the canary.

    Args:
        share: the canary's part of the keys, 0 to 1.
        canary: its name, so that not every canary gets the same keys.

    Raises:
        ValueError: no such share.
    """
    if problem := share_problem(share):
        raise ValueError(f"share: {problem}")
    return "canary" if place(f"canary {canary}", key) < share else "stable"


def compared(outcomes: Iterable[Outcome]) -> Comparison:
    """Both versions' verified share and time, with the tests that the module names."""
    known = list(outcomes)
    new, old = ([one for one in known if one.version == version] for version in ("canary", "stable"))
    quick, usual = _times(new), _times(old)
    return Comparison(
        canary=_side(new, quick),
        stable=_side(old, usual),
        share_p=_fewer_p(len(quick), len(new), len(usual), len(old)),
        time_p=_longer_p(quick, usual),
    )


def verdict(comparison: Comparison, rule: Rule) -> Verdict:
    """What to do with the canary now."""
    if harm := _harm(comparison, rule):
        return TakeBack(f"{harm}: {comparison}")
    missing = _missing(comparison, rule)
    if missing is None:
        return Promote(f"as good as the stable version: {comparison}")
    if comparison.canary.outcomes >= rule.most:
        return TakeBack(f"no case for it after {comparison.canary.outcomes} outcomes ({missing}): {comparison}")
    return Wait(f"{missing}: {comparison}")


def _harm(comparison: Comparison, rule: Rule) -> str | None:
    """What is worse beyond tolerance and beyond chance."""
    if comparison.share_p <= rule.alpha and comparison.drop > rule.drop:
        return "less of its work is verified"
    if comparison.time_p <= rule.alpha and _slow(comparison, rule):
        return "it is slower"
    return None


def _missing(comparison: Comparison, rule: Rule) -> str | None:
    """What a promotion still wants."""
    for name, side in (("canary", comparison.canary), ("stable version", comparison.stable)):
        if side.outcomes < rule.least:
            return f"{side.outcomes} of {rule.least} outcomes of the {name}"
    if not comparison.canary.verified:
        return "nothing of its work is verified"
    if comparison.drop > rule.drop:
        return f"its verified share is {comparison.drop:.0%} lower, by chance or not"
    return "its time is longer, by chance or not" if _slow(comparison, rule) else None


def _slow(comparison: Comparison, rule: Rule) -> bool:
    return comparison.slowdown is not None and comparison.slowdown > rule.slowdown


def _times(outcomes: Sequence[Outcome]) -> list[float]:
    return [one.seconds for one in outcomes if one.verified]


def _side(outcomes: Sequence[Outcome], times: Sequence[float]) -> Side:
    return Side(len(outcomes), len(times), median(times) if times else None)


def _side_text(side: Side) -> str:
    time = "" if side.median_s is None else f" in {side.median_s:.3g} s"
    return f"{side.verified} of {side.outcomes} verified{time}"


def _fewer_p(verified: int, outcomes: int, other_verified: int, other_outcomes: int) -> float:
    """Fisher's exact test: the probability of `verified` or fewer among `outcomes`, both totals given."""
    good, whole = verified + other_verified, outcomes + other_outcomes
    log_whole = _log_choose(whole, outcomes)
    fewest = max(0, outcomes - (whole - good))
    terms = (_log_choose(good, k) + _log_choose(whole - good, outcomes - k) - log_whole for k in range(fewest, verified + 1))
    return min(1.0, math.fsum(map(math.exp, terms)))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _longer_p(times: Sequence[float], others: Sequence[float]) -> float:
    """Mann-Whitney: the probability of ranks as high as those of `times`, if both came from the same distribution."""
    if not times or not others:
        return 1.0
    ranks = _doubled_ranks([*times, *others])
    reached = sum(ranks[: len(times)])
    test = _exact_p if len(ranks) <= _EXACT else _normal_p
    return test(ranks, len(times), reached)


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the mid-rank of each value: ties share the mean of their ranks, and twice that is whole."""
    counts = Counter(values)
    ranks: dict[float, int] = {}
    below = 0
    for value in sorted(counts):
        ranks[value] = 2 * below + counts[value] + 1
        below += counts[value]
    return [ranks[value] for value in values]


def _exact_p(ranks: Sequence[int], size: int, reached: int) -> float:
    """The share of all choices of `size` ranks that add up to at least `reached`, counted by size and sum."""
    ways: list[Counter[int]] = [Counter({0: 1}), *(Counter[int]() for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] += count
    return sum(count for total, count in ways[size].items() if total >= reached) / math.comb(len(ranks), size)


def _normal_p(ranks: Sequence[int], size: int, reached: int) -> float:
    """Mean and variance of the rank sum under the null hypothesis; ties make the variance smaller."""
    whole = len(ranks)
    mean = size * (whole + 1)  # of doubled ranks, as all below
    ties = sum(count**3 - count for count in Counter(ranks).values())
    variance = 4 * size * (whole - size) / 12 * (whole + 1 - ties / (whole * (whole - 1)))
    if variance <= 0:
        return 1.0
    return 0.5 * math.erfc((reached - 1 - mean) / math.sqrt(2 * variance))
