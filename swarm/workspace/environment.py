"""The environment of commands: an allow-list, so that a model key has no way in.

A deny-list would have to know every provider's variable. Here a name passes only if it is known to be needed: to find
programs, to print text, to reach a package index through a proxy with the machine's certificates. Even then it is dropped when its name
sounds like a secret or its value is an address with a password in it; pip, uv and npm find such credentials in their own files under HOME.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["command_environment"]

_NAMES: Final = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "VIRTUAL_ENV",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    }
)
_FAMILIES: Final = ("LC_", "PIP_", "UV_", "NPM_CONFIG_")
_SECRET_NAME: Final = re.compile("TOKEN|PASSWORD|PASSWD|SECRET|KEY|CREDENTIAL|AUTH")
_SECRET_VALUE: Final = re.compile(r"://[^/@\s]*:[^/@\s]*@")


def command_environment(source: Mapping[str, str], *, ceiling: Path | None = None, **extras: str) -> dict[str, str]:
    """What a command may see of the scheduler's environment.

    Args:
        source: the environment to choose from.
        ceiling: the folder of the worktrees; git in a command looks for no repository from there upward, and so never finds the user's.
        extras: variables to add as they are, such as `SWARM_RUN`.
    """
    chosen = {name: value for name, value in source.items() if _passes(name.upper(), value)}
    chosen.setdefault("PATH", os.defpath)
    if ceiling is not None:
        chosen["GIT_CEILING_DIRECTORIES"] = os.path.abspath(ceiling)
    return {**chosen, "TERM": "dumb", **extras}


def _passes(name: str, value: str) -> bool:
    known = name in _NAMES or name.startswith(_FAMILIES)
    return known and not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)
