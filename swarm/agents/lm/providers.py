"""The providers that DSPy's router knows, as data: what they are called, where they are, and which variables hold their keys and URLs.

The router's own table says it all, so a provider that a DSPy release adds is known here without a change. It is private to DSPy: when it
moves, this file is what changes. Providers that log in through somebody's subscription are left out: nothing keeps such a login from
being sent to a URL that a plan names.
"""

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from swarm.errors import UsageError

__all__ = ["Provider", "as_dspy_writes", "own_url", "provider_of"]

# Imported by name: see `requests`.
_registry: Final = importlib.import_module("dspy._vendor.lm15.registry")
_router: Final = importlib.import_module("dspy._vendor.lm15.router")

_URL_SUFFIXES: Final = ("BASE_URL", "API_BASE")
_FURTHER_URLS: Final = {"ollama": ("OLLAMA_HOST",), "gemini": ("GOOGLE_GEMINI_BASE_URL",)}


@dataclass(frozen=True, slots=True)
class Provider:
    """One of them.

    Attributes:
        name: as the router and `Lines` call it, such as `openai-chat`.
        url: its own; empty where it is made of an account's settings.
        key_variables, url_variables: of the environment, the first that is set counts.
        keyless: what a local server takes for a key; None where a real one is needed.
        is_cloud: one's own account at a cloud, found by the cloud's own chain of credentials.
    """

    name: str
    url: str
    key_variables: tuple[str, ...]
    url_variables: tuple[str, ...]
    keyless: str | None
    is_cloud: bool


def provider_of(prefix: str) -> Provider:
    """The provider that a model's name begins with.

    Raises:
        UsageError: none is called so.
    """
    found = _known().get(prefix.replace("_", "-"))
    if found is None:
        raise UsageError(f"no provider {prefix!a} of models is known: write one of {', '.join(sorted(_known()))}")
    return found


def as_dspy_writes(model: str) -> str:
    """`provider/model` as `dspy.LM` takes it: with a colon, where DSPy itself has no short name for the provider.

    Raises:
        UsageError: no such provider is known.
    """
    prefix, _, rest = model.partition("/")
    return model if prefix in _router.LITELLM_PROVIDER_PREFIXES else f"{provider_of(prefix).name}:{rest}"


def own_url(name: str) -> str | None:
    """Where the provider of this name of the router is; None where an account's settings say so."""
    return _own_url(_registry.PROVIDERS[name]) or None


@cache
def _known() -> dict[str, Provider]:
    """By every name that a plan may write. DSPy's short names (`openai`) come first: they mean the API that others speak too."""
    ids = {id_: id_ for id_, definition in _registry.PROVIDERS.items() if definition.credential_policy != "oauth"}
    short = {name.replace("_", "-"): id_ for name, id_ in _router.LITELLM_PROVIDER_PREFIXES.items()}
    names = ids | short
    return {name: _provider(_registry.PROVIDERS[id_], [each for each in names if names[each] == id_]) for name, id_ in names.items()}


def _provider(definition: Any, names: list[str]) -> Provider:
    return Provider(
        name=definition.id,
        url=_own_url(definition),
        key_variables=definition.env_keys or (() if definition.hosted else _variables(names, ("API_KEY",))),
        url_variables=() if definition.hosted else _variables(names, _URL_SUFFIXES) + _FURTHER_URLS.get(definition.id, ()),
        keyless=definition.placeholder_key,
        is_cloud=definition.hosted,
    )


def _own_url(definition: Any) -> str:
    url: str = definition.access.base_url or definition.async_adapter.__dataclass_fields__["base_url"].default
    return "" if definition.hosted else url


def _variables(names: list[str], suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name.replace('-', '_').upper()}_{suffix}" for name in names for suffix in suffixes)
