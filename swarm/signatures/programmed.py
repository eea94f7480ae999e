"""A task as a DSPy signature: role and instruction, brief and inbox in, the contract's fields out, typed.

The signature depends on the agent and the contract and on nothing else of a task, so that state saved for one task fits
the next, and the first part of a prompt stays the same.

DSPy reads a field by its bare type: it drops constraints at the top and bends `"5"` to a number. And it prints annotations
into prompts, where a validator's memory address would make every process ask something else. So outputs have bare types,
their constraints stand in words, and what was answered is checked by `swarm.signatures.contracts.check_payload`.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # or the first use asks the network for a price table

import dspy  # after the variable that it reads
from pydantic import AfterValidator, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from swarm.errors import ContractBreach
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.canonical import digest
from swarm.signatures.contracts import Contracts, FieldSpec
from swarm.signatures.evidence import Evidence, Refused

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["RESERVED", "brief_text", "fingerprint", "inputs_of", "payload_of", "signature_for"]

RESERVED: Final = frozenset({
    "config", "lm", "demos", "signature", "new_signature", "history", "tools", "trajectory", "termination_reason", "json",
    "schema", "items", "keys", "values", "get", "copy", "inputs", "labels", "without", "completions", "toDict",
})  # fmt: skip
"""The plan language's `RESERVED_FIELDS`, which this layer may not import: a test holds the two together."""

_TAKEN: Final = frozenset({"brief", "inbox", "reasoning", "completed", "base"})
"""Inputs of ours, `ChainOfThought`'s output, `ChatAdapter`'s end marker and an argument of `dspy.Example`."""

_BOUNDS: Final = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "length at least {}",
    "max_length": "length at most {}",
    "pattern": "matches the regular expression {}",
}
_NOTHING: Final = frozenset({"None", "null"})
_BRIEF: Final = "what is wanted: the goal, what may be written, the gaps, the checks, and why the last attempt was refused"
_INBOX: Final = "what the needed tasks handed over, by task"
_JUDGED_BY_FILES: Final = (
    "How it is judged: by measuring, and nobody's word counts. The files that you may write, and nothing else, are taken as you leave them "
    "onto a clean checkout; there the checks have to be green, the gaps gone, and what was green before still green. What you installed, "
    "started or wrote elsewhere is not there."
)
_JUDGED_BY_PAYLOAD: Final = "How it is judged: by what you hand over and by measuring on a clean checkout; nobody's word counts."
_LISTED: Final = 100
_SHOWN: Final = 20
_OUTPUT: Final = 4_000
"""Characters of one red check's output."""
_OUTPUTS: Final = 12_000
"""Characters of all of them."""
_SUMMARY: Final = "what was done, in a few sentences: the files, the decisions, and what is left undone"


def signature_for(instruction: str, role: str, brief: Brief, contracts: Contracts) -> "type[dspy.Signature]":
    """The signature of an agent for the contract of a task.

    Args:
        instruction: how the agent works; may be empty for an agent that only a plan knows.
        brief: the assignment, of which only the contract's name is looked at.
        contracts: the plan's contracts, without problems.

    Returns:
        A class with the inputs `brief: str` and `inbox: dict[str, Any]`, and the contract's fields as typed outputs, or
        `summary: str` where the task hands over nothing.
    """
    fields = {
        "brief": (str, dspy.InputField(desc=_BRIEF)),
        "inbox": (dict[str, Any], dspy.InputField(desc=_INBOX)),
        **dict(_outputs(contracts, brief.contract)),
    }
    instructions = "\n\n".join(text for text in (role, instruction) if text)
    signature: type[dspy.Signature] = dspy.make_signature(fields, instructions, signature_name="Task")
    return signature


def inputs_of(brief: Brief, inbox: Inbox) -> dict[str, Any]:
    """The two inputs of such a signature."""
    return {"brief": brief_text(brief), "inbox": {task: dict(inbox[task]) for task in sorted(inbox)}}


def payload_of(prediction: Any, contracts: Contracts, contract: str | None) -> dict[str, Any]:
    """What was answered, under the contract's names and in JSON's types; fields without an answer are left out.

    Args:
        prediction: a `dspy.Prediction`, or a mapping, with the signature's outputs.

    Raises:
        ContractBreach: an answer is of a kind that JSON cannot hold. Whether it fits is for `check_payload` to say.
    """
    if contract is None:
        return {"summary": prediction["summary"]} if "summary" in prediction else {}
    labels, types = _labels(contracts.declared[contract]), _types(contracts, contract)
    return {name: _answer(name, prediction[label], types[name]) for name, label in labels.items() if label in prediction}


def fingerprint(signature: "type[dspy.Signature]") -> str:
    """SHA-256, in hex, over the instructions and, in order, each field's direction, name, type and description.

    Saved state is for the signature that it was made for, and DSPy loads it into any other without a word. Take the
    fingerprint before state is loaded: that changes instructions and descriptions. Types count by their JSON Schema.
    """
    inputs = [["input", *_features(name, info)] for name, info in signature.input_fields.items()]
    outputs = [["output", *_features(name, info)] for name, info in signature.output_fields.items()]
    return digest([signature.instructions, inputs, outputs])


def _features(name: str, info: "FieldInfo") -> list[Any]:
    extra: Any = info.json_schema_extra
    return [name, _schema(info.rebuild_annotation()), extra["desc"]]


def _schema(annotation: Any) -> Any:
    """A type that has no JSON Schema, as signatures of a user's own may have, counts by its name."""
    try:
        return TypeAdapter(annotation).json_schema()
    except PydanticUserError:
        return f"{annotation.__module__}.{annotation.__qualname__}" if isinstance(annotation, type) else str(annotation)


# Outputs


def _outputs(contracts: Contracts, contract: str | None) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if contract is None:
        yield "summary", (str, dspy.OutputField(desc=_SUMMARY))
        return
    fields, types = contracts.declared[contract], _types(contracts, contract)
    for name, label in _labels(fields).items():
        yield label, (_bare(types[name], _words(fields[name].type)), _output(fields[name], types[name]))


def _output(spec: FieldSpec, annotation: Any) -> Any:
    described = {"desc": "; ".join(_description(spec, annotation))}
    if not spec.required:
        return dspy.OutputField(default=spec.default, **described)
    return dspy.OutputField(default=None, **described) if _is_optional(annotation) else dspy.OutputField(**described)


def _description(spec: FieldSpec, annotation: Any) -> Iterator[str]:
    if spec.about:
        yield spec.about
    yield from (_BOUNDS[key].format(_number(value)) for key, value in spec.constraints.items())
    if _holds_paths(annotation):
        yield "paths are relative to the workspace, without '..'"
    if _is_optional(annotation):
        yield "null where there is none"
    if spec.measured:
        yield "measured, never estimated: a figure that a command of this attempt printed"


def _number(value: Any) -> Any:
    """Plans hold bounds as floats; `31.0` would suggest a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _labels(names: Iterable[str]) -> dict[str, str]:
    """The signature's name of each field: its own, unless that means something else to DSPy or pydantic."""
    declared = frozenset(names)
    assert not declared & RESERVED, f"validate lets through {sorted(declared & RESERVED)}"
    assert all(name.isidentifier() and not name.startswith("_") for name in declared), f"validate lets through {sorted(declared)}"
    return {name: _label(name, declared) for name in names}


def _label(name: str, declared: frozenset[str]) -> str:
    label = name
    while not _is_free(label) or (label != name and label in declared):
        label = f"the_{label}"
    return label


def _is_free(label: str) -> bool:
    return label not in _TAKEN and not label.startswith("model_") and not hasattr(dspy.Signature, label)


# Types


def _types(contracts: Contracts, contract: str) -> dict[str, Any]:
    """Each field's annotation, constraints included."""
    model = contracts.model(contract)
    return {info.alias or name: info.rebuild_annotation() for name, info in model.model_fields.items()}


def _bare(annotation: Any, words: tuple[str, ...]) -> Any:
    """Without what stands beside types; nested contracts stay the models that they are.

    Args:
        words: of the literal, if it holds one, in the plan's order. `typing` caches unions by equality, and literals of
            the same words are equal, so an annotation may show the order in which another contract has them.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bare(parts[0], words)
    if origin is Literal:
        return Literal[(*words, None)] if _is_optional(annotation) else Literal[words]
    if origin is list:
        return list[_bare(parts[0], words)]  # type: ignore[misc] # built at run time
    if origin is dict:
        return dict[str, _bare(parts[1], words)]  # type: ignore[misc] # built at run time
    return _bare_optional(_bare(parts[0], words)) if _is_optional(annotation) else annotation


def _bare_optional(inner: Any) -> Any:
    """DSPy reads words such as `true` and `1` as JSON, unless the type is a literal and nothing around it."""
    return Literal[(*get_args(inner), None)] if get_origin(inner) is Literal else inner | None


def _words(type_: str) -> tuple[str, ...]:
    """What stands in the innermost brackets of a type: the words, if it is a literal."""
    return tuple(re.findall(r"[^\s,\]]+", type_.rpartition("[")[2]))


def _is_optional(annotation: Any) -> bool:
    """An optional literal has `None` among its words: see `Contracts`."""
    parts = get_args(annotation)
    return None in parts if get_origin(annotation) is Literal else get_origin(annotation) in (Union, UnionType) and NoneType in parts


def _holds_paths(annotation: Any) -> bool:
    parts = get_args(annotation)
    return any(isinstance(part, AfterValidator) or _holds_paths(part) for part in parts)


def _answer(name: str, value: Any, annotation: Any) -> Any:
    if isinstance(value, str) and value.strip() in _NOTHING and _is_optional(annotation):
        return None  # DSPy takes any text for an optional text, the word for nothing too
    try:
        return to_jsonable_python(value, fallback=os.fspath)  # pydantic knows `Path`, but not the pure ones
    except (TypeError, ValueError) as error:
        raise ContractBreach(f"{name} is {type(value).__name__}, which JSON cannot hold: {error}") from error


# The brief


def brief_text(brief: Brief) -> str:
    """The brief as a model reads it: the goal first, then what bounds it, how it is judged, and why the last attempt did not count.

    The run's id is left out: two runs of the same work ask the same.
    """
    sections = (
        f"Goal: {brief.goal}",
        f"This is task {brief.task}.",
        _list("You may write", brief.writes) or "You may write nothing: what counts is what you hand over.",
        "Every other path is outside the scope: writing there is refused.",
        _list("Read first", brief.reads),
        _list("Close these gaps", map(_gap, brief.closes)),
        _list("Done when all of these are green", brief.done_when),
        _list("What is green of these must stay green", brief.keep),
        _JUDGED_BY_FILES if brief.writes else _JUDGED_BY_PAYLOAD,
        _refusal(brief.refused) if brief.refused else "",
    )
    return "\n\n".join(section for section in sections if section)


def _list(title: str, entries: Iterable[str]) -> str:
    lines = [f"- {entry}" for entry in entries]
    more = [f"… and {len(lines) - _LISTED:,} more"] if len(lines) > _LISTED else []
    return "\n".join([f"{title}:", *lines[:_LISTED], *more]) if lines else ""


def _gap(gap: Mapping[str, Any]) -> str:
    """A gap without a path is a line that a command printed."""
    where = f" in {gap['path']}" if gap.get("path") else ""
    lines = f", lines {gap['lines']}" if gap.get("lines") else ""
    text = f": {gap['text']}" if gap.get("text") else ""
    return f"{gap['gap']}{where}{lines}{text}"


def _refusal(refused: Refused) -> str:
    """Why the last attempt did not count. Its text repeats what the checks printed, so it is cut where they speak for themselves."""
    red = [one for one in refused.evidence if _made_it_fail(one)]
    text = refused.text.partition("\n")[0].removesuffix(":") if red else _both_ends(refused.text, 2 * _OUTPUT)
    shown = (_red(one, min(_OUTPUT, _OUTPUTS // min(len(red), _SHOWN))) for one in red[:_SHOWN])
    more = [f"… and {len(red) - _SHOWN:,} more red checks"] if len(red) > _SHOWN else []
    return "\n".join([f"Attempt {refused.attempt} was refused ({refused.kind}): {text}", *shown, *more])


def _made_it_fail(evidence: Evidence) -> bool:
    """A check of `keep` that was red before is not held against the attempt."""
    return (evidence.after is False or evidence.landed is False) and not (evidence.kind == "keep" and evidence.before is False)


def _red(evidence: Evidence, room: int) -> str:
    output = _both_ends(evidence.output.strip(), room)
    turned = ", which was green before" if evidence.kind == "keep" else ""
    return f"- red: {evidence.check}{turned}" + (f"\n{output}" if output else "")


def _both_ends(text: str, most: int) -> str:
    """A text of about as many characters: the cause tends to stand at its beginning, and the verdict at its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"
