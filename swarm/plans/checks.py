"""Checks and gate conditions: what can be measured, as the plan writes it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from swarm.plans.fields import Amount, Id, Identifier, Mapping, Names, Pattern, Share, Texts, Word, one_kind, wrong

__all__ = [
    "Absent",
    "Approval",
    "Check",
    "Condition",
    "Exists",
    "Expect",
    "FlagSet",
    "GapClosed",
    "Judge",
    "MetricHolds",
    "PhaseDone",
    "Present",
    "Run",
]


class _Bound(Mapping):
    """A number held against exactly one bound."""

    at_least: Amount | None = None
    at_most: Amount | None = None
    below: Amount | None = None
    above: Amount | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Any:
        if len(self._bounds()) != 1:
            raise wrong("write one of at_least, at_most, below, above")
        return self

    def _bounds(self) -> dict[str, float]:
        named = {"at_least": self.at_least, "at_most": self.at_most, "below": self.below, "above": self.above}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def bound(self) -> tuple[str, float]:
        """The bound's name and number."""
        return next(iter(self._bounds().items()))

    def holds(self, value: float) -> bool:
        """Whether a number keeps the bound."""
        name, limit = self.bound
        return {"at_least": value >= limit, "at_most": value <= limit, "below": value < limit, "above": value > limit}[name]

    def bound_text(self) -> str:
        name, limit = self.bound
        return f"{name.replace('_', ' ')} {limit:g}"


class Expect(_Bound):
    """A number that a command prints: the last match of `pattern`, its first group."""

    pattern: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _has_group(self) -> Any:
        import re

        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise wrong(f"{self.pattern!r} is no regular expression: {error}") from error
        if groups < 1:
            raise wrong(f"{self.pattern!r} needs a group around the number: (\\d+)")
        return self


class Run(Mapping):
    """A command that must end with 0."""

    run: Word
    expect: Expect | None = None

    def __str__(self) -> str:
        return f"run: {self.run}" + (f" ({self.expect.bound_text()})" if self.expect else "")


class Present(Mapping):
    """A text in every file that matches, and in at least one."""

    present: Pattern
    in_: Texts = Field(alias="in")

    def __str__(self) -> str:
        return f"present: {self.present} in {', '.join(self.in_)}"


class Absent(Mapping):
    """A text in none of the files that match."""

    absent: Pattern
    in_: Texts = Field(alias="in")

    def __str__(self) -> str:
        return f"absent: {self.absent} in {', '.join(self.in_)}"


class Exists(Mapping):
    """At least one file that matches each pattern."""

    exists: Texts

    def __str__(self) -> str:
        return f"exists: {', '.join(self.exists)}"


class GapClosed(Mapping):
    """None of a gap left, optionally only where the paths match."""

    gap: Id
    in_: Texts | None = Field(default=None, alias="in")

    def __str__(self) -> str:
        return f"gap: {self.gap}" + (f" in {', '.join(self.in_)}" if self.in_ else "")


class MetricHolds(_Bound):
    """A metric's statistic held against a bound."""

    metric: Identifier
    stat: Literal["last", "mean", "p50", "p95", "p99", "rate", "sum", "count"] = "last"

    def __str__(self) -> str:
        return f"metric: {self.metric} ({self.stat}) {self.bound_text()}"


class Judge(Mapping):
    """A question that a model answers with a reason."""

    judge: Word

    def __str__(self) -> str:
        return f"judge: {self.judge}"


class PhaseDone(Mapping):
    """A share of another phase, by weight, and tasks that must be among it."""

    phase: Id
    done: Share | None = None
    must: Names = ()

    @model_validator(mode="after")
    def _says_something(self) -> Any:
        if self.done is None and not self.must:
            raise wrong(f"say how much of {self.phase} has to be done: done: 80%")
        return self

    @property
    def threshold(self) -> float:
        return self.done or 0.0

    def __str__(self) -> str:
        share = f"phase: {self.phase} done {self.threshold * 100:g}%"
        return share + (f" and {', '.join(self.must)}" if self.must else "")


class Approval(Mapping):
    """A person's word: `swarm approve RUN PHASE`."""

    approval: Word

    def __str__(self) -> str:
        return f"approval: {self.approval}"


class FlagSet(Mapping):
    """A named switch."""

    flag: Identifier

    def __str__(self) -> str:
        return f"flag: {self.flag}"


CHECKS: Final = ("run", "present", "absent", "exists", "gap", "metric", "judge")
CONDITIONS: Final = ("phase", "metric", "run", "gap", "approval", "flag")


def _check_kind(value: Any) -> str | None:
    return _tag(value, CHECKS)


def _condition_kind(value: Any) -> str | None:
    return _tag(value, CONDITIONS)


def _tag(value: Any, kinds: tuple[str, ...]) -> str | None:
    """A tag ends with a colon, so that it is no key: tags stand in the path of an error, which is looked up in the text."""
    kind = one_kind(value, kinds) if isinstance(value, dict) else next((kind for kind in kinds if hasattr(value, kind)), None)
    return f"{kind}:" if kind else None


def _discriminator(kind: Any, kinds: tuple[str, ...]) -> Any:
    text = f"write exactly one of {', '.join(kinds)}"
    return Discriminator(kind, custom_error_type="wrong-type", custom_error_message=text)


Check = Annotated[
    Annotated[Run, Tag("run:")]
    | Annotated[Present, Tag("present:")]
    | Annotated[Absent, Tag("absent:")]
    | Annotated[Exists, Tag("exists:")]
    | Annotated[GapClosed, Tag("gap:")]
    | Annotated[MetricHolds, Tag("metric:")]
    | Annotated[Judge, Tag("judge:")],
    _discriminator(_check_kind, CHECKS),
]
Condition = Annotated[
    Annotated[PhaseDone, Tag("phase:")]
    | Annotated[MetricHolds, Tag("metric:")]
    | Annotated[Run, Tag("run:")]
    | Annotated[GapClosed, Tag("gap:")]
    | Annotated[Approval, Tag("approval:")]
    | Annotated[FlagSet, Tag("flag:")],
    _discriminator(_condition_kind, CONDITIONS),
]
