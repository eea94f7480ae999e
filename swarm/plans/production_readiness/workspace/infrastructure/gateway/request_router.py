"""The gateway's router: sends a request to the backend whose path prefix fits best."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

PROBE = "/.probe"  # answered by the router itself


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks: a path that begins with `/`, and what came with it."""

    path: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a client hears: an HTTP status, and the backend's answer."""

    status: int
    body: Any = None


Backend = Callable[[Request], Any]


def _pong(request: Request) -> str:
    return request.path


class RequestRouter:
    """Keeps a backend for each path prefix. A backend that fails is an answer with status 502, and no exception."""

    def __init__(self, routes: Mapping[str, Backend] | None = None) -> None:
        self.routes: dict[str, Backend] = {PROBE: _pong}
        for prefix, backend in (routes or {}).items():
            self.add_route(prefix, backend)

    def add_route(self, prefix: str, backend: Backend) -> None:
        """Sends the paths below a prefix to a backend, from now on.

        Raises:
            ValueError: the prefix is no absolute path.
        """
        if not prefix.startswith("/"):
            raise ValueError(f"a route begins with '/', unlike {prefix!r}")
        self.routes[prefix.rstrip("/")] = backend

    def find_backend(self, path: str) -> Backend | None:
        """The backend of the longest prefix that a path lies below, whole segments only; None where there is none."""
        place = path.rstrip("/")
        while place and place not in self.routes:
            place = place.rpartition("/")[0]
        return self.routes.get(place)

    def handle(self, request: Request) -> Response:
        """Answers a request: 200 with what the backend says, 404 without a backend, 502 where the backend fails."""
        backend = self.find_backend(request.path)
        if backend is None:
            return Response(404, f"nothing is at {request.path}")
        try:
            answer = backend(request)
        except Exception as error:
            logger.warning("the backend of %s failed: %s", request.path, error)
            return Response(502, f"{type(error).__name__}: {error}")
        return Response(200, answer)

    async def self_check(self) -> bool:
        """Whether a path finds its backend. None is called: a check must not count for or against one that is failing."""
        return self.find_backend(f"{PROBE}/deeper") is _pong
