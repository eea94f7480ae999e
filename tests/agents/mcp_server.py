"""A small MCP server over standard input and output, written by hand so that it starts at once and can misbehave.

Its first argument says how it misbehaves, if at all; its second is a file that outlives it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

HOW: Final = sys.argv[1] if len(sys.argv) > 1 else ""
KEPT: Final = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(os.devnull)
GARBAGE: Final = "Welcome to the documentation server!\n{not json\n\n[1, 2]\n"
waiting: list[Any] = []
cancelled: list[Any] = []
met: list[Any] = []


def send(message: dict[str, Any]) -> None:
    sys.stdout.write((GARBAGE if HOW == "garbage" else "") + json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


def echo(number: Any, given: Any) -> dict[str, Any]:
    return text(json.dumps(given))


def fail(number: Any, given: Any) -> dict[str, Any]:
    return text("there is no page 404\x1b[2J", isError=True)


def wait(number: Any, given: Any) -> None:
    """Never answers."""
    waiting.append(number)


def meet(number: Any, given: Any) -> None:
    """Answers when as many as are expected wait here at the same time."""
    met.append(number)
    if len(met) == given["expected"]:
        for each in met:
            send({"id": each, "result": text("met")})
        met.clear()


def crash(number: Any, given: Any) -> None:
    sys.stderr.write("reading the index\nFatal: the index is broken\x1b[2J\n")
    sys.stderr.flush()
    os._exit(3)


def huge(number: Any, given: Any) -> dict[str, Any]:
    return text("beginning " + "\x07" * given["length"] + " end")


def pictures(number: Any, given: Any) -> dict[str, Any]:
    picture = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
    link = {"type": "resource_link", "uri": "file:///x", "name": "x"}
    return {"content": [picture, {"type": "text", "text": "a caption"}, picture, link]}


def structured(number: Any, given: Any) -> dict[str, Any]:
    return {"content": [], "structuredContent": {"b": 2, "a": ["ä"]}}


def formless(number: Any, given: Any) -> dict[str, Any]:
    return {"content": "a text where a list is due"}


def state(number: Any, given: Any) -> dict[str, Any]:
    return text(json.dumps({"pid": os.getpid(), "waiting": waiting, "cancelled": cancelled}))


def spawn(number: Any, given: Any) -> dict[str, Any]:
    """Starts what leaves the process group and stays."""
    subprocess.Popen(["sleep", "1000"], start_new_session=True, stdin=subprocess.DEVNULL)
    return text("spawned")


def asks(number: Any, given: Any) -> None:
    """Asks its client twice, and answers with what it was told."""
    told = []
    for method in ("ping", "sampling/createMessage"):
        send({"id": f"mine-{method}", "method": method, "params": {}})
        send({"method": "notifications/tools/list_changed"})
        told.append(json.loads(sys.stdin.readline()))
    send({"id": number, "result": text(json.dumps(told))})


TOOLS: Final[dict[str, Callable[[Any, Any], dict[str, Any] | None]]] = {
    each.__name__: each for each in (wait, echo, fail, meet, crash, huge, pictures, structured, formless, state, spawn, asks)
}


def listing(cursor: str | None) -> dict[str, Any]:
    tools = [{"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object"}} for name in TOOLS]
    if HOW == "endless":
        start = int(cursor or 0)
        page = [{"name": f"tool-{number:03}", "inputSchema": {"type": "object"}} for number in range(start, start + 10)]
        return {"tools": page, "nextCursor": str(start + 10)}
    if HOW == "changing" and first_start():
        tools = tools[1:]
    return {"tools": tools}


def first_start() -> bool:
    there = KEPT.exists()
    KEPT.write_text("x" + (KEPT.read_text() if there else ""))
    return not there


def request(method: str, number: Any, params: dict[str, Any]) -> None:
    if method == "initialize":
        server = {"name": "docs", "version": "1"}
        send({"id": number, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server}})
    elif method == "tools/list":
        send({"id": number, "result": listing(params.get("cursor"))})
    elif method == "tools/call" and params["name"] in TOOLS:
        result = TOOLS[params["name"]](number, params.get("arguments"))
        if result is not None:
            send({"id": number, "result": result})
    else:
        send({"id": number, "error": {"code": -32601, "message": f"no {method}"}})


def main() -> None:
    if HOW == "broken":
        KEPT.write_text("x" + (KEPT.read_text() if KEPT.exists() else ""))
        sys.exit("Traceback…\nModuleNotFoundError: No module named 'docs'")
    for line in sys.stdin:
        message = json.loads(line)
        if HOW == "silent":
            continue
        if message["method"] == "notifications/cancelled":
            cancelled.append(message["params"]["requestId"])
        elif "id" in message:
            request(message["method"], message["id"], message.get("params", {}))


if __name__ == "__main__":
    main()
