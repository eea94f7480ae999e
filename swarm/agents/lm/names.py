"""A model's name as plans and the command line write it: `provider/model`, or `provider/model@http://host:port/path`. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from swarm.errors import UsageError

__all__ = ["ModelName", "parse_model", "parse_url"]

_LONGEST: Final = 500
_FORM: Final = "write provider/model, such as openai/gpt-5-mini, or provider/model@http://host:port/v1 for a server of your own"
_NAME: Final = re.compile(r"(?P<provider>[A-Za-z][A-Za-z0-9_-]*)/(?P<model>[!-~]+)")
_PLACE: Final = re.compile(r"@(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""Models may have an `@` in their own names: a place is one that begins a URL."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """Which model, and where, if whoever wrote it said so.

    Attributes:
        model: `provider/model`.
        url: of a server that the writer named; None = wherever the provider is.
    """

    model: str
    url: str | None = None

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]

    def __str__(self) -> str:
        return self.model if self.url is None else f"{self.model}@{self.url}"


def parse_model(text: str) -> ModelName:
    """The name that a text is.

    Raises:
        UsageError: it is none; the text says what to write.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"a model's name of {len(text)} characters is too long: {_FORM}")
    model, *urls = _PLACE.split(text.strip(), maxsplit=1)
    found = _NAME.fullmatch(model)
    if found is None:
        raise UsageError(f"{_shown(model)} is not a model's name: {_FORM}")
    url = parse_url(urls[0], f"the URL of the model {model}") if urls else None
    return ModelName(f"{found['provider'].lower()}/{found['model']}", url)


def parse_url(text: str, what: str) -> str:
    """A server's URL without its last slash.

    Args:
        what: says whose it is, for the error. A URL may hold a password, so it is never shown.

    Raises:
        UsageError: it is not one of a server.
    """
    parts = _parts(text)
    fault = "is not one" if parts is None else _fault(text, parts)
    if fault:
        raise UsageError(f"{what} {fault}: write http://host:port/path or https://host/path")
    return text.rstrip("/")


def _fault(text: str, parts: SplitResult) -> str:
    if parts.scheme not in ("http", "https"):
        return "is neither http nor https"
    if "@" in parts.netloc:
        return "holds a user or a password, which belong into the environment"
    if parts.query or parts.fragment:
        return "has a query or a fragment"
    return "" if parts.hostname and re.fullmatch(r"[!-~]+", text) else "has no host"


def _parts(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 # reading it checks it
    except ValueError:
        return None
    return parts


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:79]}…") if text else "nothing"
