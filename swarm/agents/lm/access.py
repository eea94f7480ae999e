"""Which key goes where.

A key in the environment is for its provider, or for the server that the operator's environment names. A URL beside a model's name is
another matter. In a plan it was written by whoever wrote the plan, so it gets no key at all. Chosen by the operator it gets the key that
the operator put beside it, and never a provider's.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from swarm.agents.lm.connection import Endpoint
from swarm.agents.lm.names import ModelName, parse_url
from swarm.agents.lm.providers import Provider, as_dspy_writes, provider_of
from swarm.errors import EnvironmentFault, UsageError

__all__ = ["KEY_VARIABLE", "endpoint_for", "key_advice", "nowhere"]

KEY_VARIABLE: Final = "SWARM_LM_KEY"
"""Holds the key for the URL of a model that the operator chose."""

_NO_KEY: Final = "none"
"""Servers that need no key take any; clients insist on one."""
_KEY: Final = re.compile("[!-~]+")
_OLLAMA_PORT: Final = 11434


def endpoint_for(name: ModelName, environment: Mapping[str, str], *, trusted: bool) -> Endpoint:
    """A model with its place and key.

    Args:
        environment: variables, of which this model's are read.
        trusted: the operator chose it, by `--lm` or `SWARM_LM`; else it stands in a plan.

    Raises:
        UsageError: no such provider is known.
        EnvironmentFault: the provider's key, or what else is needed, is missing or cannot be one. Names the variable.
    """
    provider = provider_of(name.provider)
    url = _url(name, provider, environment)
    key = _key_beside_url(environment, trusted) if name.url else _key(name, provider, environment, is_elsewhere=url is not None)
    readable = environment if provider.is_cloud and not name.url else {}
    return Endpoint(model=as_dspy_writes(name.model), key=key, base_url=url, environment=readable)


def nowhere(name: ModelName) -> Endpoint:
    """The model for a replay, which connects to nobody.

    Raises:
        UsageError: no such provider is known.
    """
    return Endpoint(model=as_dspy_writes(name.model), key=_NO_KEY)


def key_advice(name: ModelName, *, trusted: bool) -> str:
    """What to do about a key that is refused."""
    if name.url and not trusted:
        return f"a plan's URL is given no key: choose the model by --lm, with the key in {KEY_VARIABLE}"
    return f"set the right key: {KEY_VARIABLE if name.url else ' or '.join(provider_of(name.provider).key_variables)}"


def _url(name: ModelName, provider: Provider, environment: Mapping[str, str]) -> str | None:
    if name.url:
        return _with_path(name.url, provider)
    variable = next((each for each in provider.url_variables if environment.get(each)), None)
    return None if variable is None else _with_path(_url_in(variable, environment[variable].strip()), provider)


def _url_in(variable: str, text: str) -> str:
    """Ollama's own variable may be a bare host."""
    if "://" not in text:
        text = f"http://{text}" if re.search(r":\d+$", text) else f"http://{text}:{_OLLAMA_PORT}"
    try:
        return parse_url(text, f"what stands in {variable}")
    except UsageError as error:
        raise EnvironmentFault(str(error)) from None


def _with_path(url: str, provider: Provider) -> str:
    """A server without a path has its API where the provider has it: `http://localhost:8000` means `/v1` there."""
    return url if urlsplit(url).path else url + urlsplit(provider.url).path


def _key_beside_url(environment: Mapping[str, str], trusted: bool) -> str:
    given = environment.get(KEY_VARIABLE, "").strip() if trusted else ""
    return _checked(KEY_VARIABLE, given) if given else _NO_KEY


def _key(name: ModelName, provider: Provider, environment: Mapping[str, str], *, is_elsewhere: bool) -> str | None:
    variable = next((each for each in provider.key_variables if environment.get(each, "").strip()), None)
    if variable is not None:
        return _checked(variable, environment[variable].strip())
    if provider.is_cloud:
        return None
    if provider.keyless is None and not is_elsewhere:
        raise EnvironmentFault(
            f"the model {name} needs a key, and {' or '.join(provider.key_variables)} is not set: set it, or choose another model by --lm"
        )
    return provider.keyless or _NO_KEY


def _checked(variable: str, key: str) -> str:
    """Only the name of the variable is said: clients put a key that they cannot send into their errors."""
    if not _KEY.fullmatch(key):
        raise EnvironmentFault(f"{variable} holds something that cannot be a key (spaces, line ends or letters beyond ASCII): set it anew")
    return key
