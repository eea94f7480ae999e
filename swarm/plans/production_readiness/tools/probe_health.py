"""Asks every component for its health the way a load balancer would: `/health` and `/health/NAME`, over HTTP on loopback.

`probe_health.py PATH…` asks the component of each file only.
"""

import http.client
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import village

__all__ = ["main"]

PATIENCE = 30  # seconds for one answer


def main(paths: list[str]) -> int:
    """Prints what is not healthy; 1 where anything is not."""
    village.enter()
    logging.disable()  # the complaints alone are wanted
    try:
        from core import registry
        from core.monitoring.health_endpoint import HealthEndpoint

        made = [registry.component_of(path)() for path in paths] if paths else registry.get_all_components()
    except Exception as error:  # noqa: BLE001 - a module may fail in any way while it is imported
        print(f"the components cannot be made: {type(error).__name__}: {error}")
        return 1
    components = {_name(component): component for component in made}
    endpoint = HealthEndpoint(components)
    endpoint.start()
    try:
        failures = list(_failures(endpoint.port, components))
    finally:
        endpoint.stop()
    for failure in failures:
        print(failure)
    print(f"{len(components)} components asked, {len(failures)} complaints")
    return 1 if failures or not components else 0


def _name(component: Any) -> str:
    """The module and the class: two bases share their class's name."""
    return f"{type(component).__module__}.{type(component).__qualname__}"


def _failures(port: int, components: dict[str, Any]) -> Iterator[str]:
    status, health = _get(port, "/health")
    yield from _complaints("/health", status, health)
    yield from (f"/health says nothing of {name}" for name in components if name not in health.get("checks", {}))
    for name in components:
        yield from _complaints(f"/health/{name}", *_get(port, f"/health/{quote(name)}"))


def _complaints(path: str, status: int, health: dict[str, Any]) -> Iterator[str]:
    if status != 200 or health.get("status") != "healthy":
        yield f"{path}: status {status}, {_explained(health)}"
    yield from (f"{path}: no {key} in the answer" for key in ("timestamp", "checks") if not health.get(key))


def _explained(health: dict[str, Any]) -> str:
    """The checks that failed and why; the error of the whole where none is named."""
    failed = {name: check.get("error") for name, check in health.get("checks", {}).items() if not check.get("healthy")}
    return ", ".join(f"{name} ({error or 'unhealthy'})" for name, error in failed.items()) or str(health.get("error", health))


def _get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, {"error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
