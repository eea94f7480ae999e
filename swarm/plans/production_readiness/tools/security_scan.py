"""Prints each file with a security weakness: what bandit finds (severity medium and up), and what a probe of the blob store shows.

Bandit runs inside this process, which is quicker than starting `python -m bandit`; what it finds is the same. It cannot see
that a name walks out of a folder: that is tried.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import village

root = village.enter()

FOLDERS = ("core", "docs", "experiments", "infrastructure")
STORE = "infrastructure/storage/blob_store.py"
OUTSIDE = "../outside"


def main() -> None:
    for path in sorted(found_by_bandit() | found_by_probe()):
        print(path)


def found_by_bandit() -> set[str]:
    """Files in which bandit finds something; a file that it cannot read is an error and not a clean one."""
    try:
        from bandit.core import config, manager
    except ImportError:
        sys.exit("security_scan: bandit is missing; install it (pip install bandit), or run swarm with the extra `tools`")
    scan = manager.BanditManager(config.BanditConfig(), "file", quiet=True)
    scan.discover_files([folder for folder in FOLDERS if (root / folder).is_dir()], recursive=True)
    scan.run_tests()
    if scan.skipped:
        sys.exit("security_scan: bandit cannot read " + "; ".join(f"{path}: {reason}" for path, reason in scan.skipped))
    return {Path(issue.fname).as_posix() for issue in scan.get_issue_list(sev_level="MEDIUM")}


def found_by_probe() -> set[str]:
    """The blob store, where one of its operations accepts a name that lies outside its folder."""
    from infrastructure.storage.blob_store import BlobStore

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # the store logs
        store = BlobStore(Path(folder, "store"))
        safe = all([refuses(store.put, b"probe"), refuses(store.get), refuses(store.delete)])
    return set() if safe else {STORE}


def refuses(operation: Callable[..., Any], *content: bytes) -> bool:
    try:
        operation(OUTSIDE, *content)
    except ValueError:
        return True
    return False


main()
