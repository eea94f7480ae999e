"""The security review: nothing of medium or higher severity is found in the code, and the four known attacks fail.

The scan reads the code; the attacks run it, since code can look clean and still let somebody in.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import village

__all__ = ["ATTACKS", "REPORT", "objections", "scanned"]

REPORT = "docs/reports/security_review.md"
FOLDERS = ("core", "docs", "experiments", "infrastructure")


def objections(root: Path) -> list[str]:
    """What the review has found, in words; nothing where all is well."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        open_doors = [f"an attack succeeds: {name}" for name, attack in ATTACKS.items() if attack()]
    return [*_found_by_scan(root), *open_doors]


def scanned(root: Path) -> list[str]:
    """The files that the scan reads."""
    found = (path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def _found_by_scan(root: Path) -> list[str]:
    """What `security_scan.py` prints: a path for each file that bandit or its own probe refuses."""
    command = [sys.executable, str(Path(__file__).with_name("security_scan.py"))]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        return [f"the scan failed: {ended.stderr.strip()}"]
    return [f"the scan finds a weakness in {path}" for path in ended.stdout.split()]


def injected_command() -> bool:
    """Whether an argument of a command is read as a second command."""
    from infrastructure.deployment.command_runner import CommandRunner

    return "$(" not in CommandRunner().run("echo", "$(echo injected); echo injected").output


def executed_session() -> bool:
    """Whether a stored session can bring code that runs when it is loaded."""
    from infrastructure.storage.session_cache import SessionCache

    with _target() as target:
        with _refused():
            SessionCache(store={"stolen": _stolen(target)}).load("stolen")
        return target.exists()


def escaped_blob() -> bool:
    """Whether a blob's name leads out of the store's folder."""
    from infrastructure.storage.blob_store import BlobStore

    with _target() as target:
        for name in (f"../{target.name}", str(target)):
            with _refused():
                BlobStore(target.parent / "blobs").put(name, b"escaped")
        return target.exists()


def forged_token() -> bool:
    """Whether somebody gets in with a token of his own making, or could: a signature that is a digest of the secret and the text can
    be continued without the secret (or is MD5), and one shorter than 256 bits are in base 64 can be found by trying."""
    from infrastructure.security.token_issuer import TokenIssuer

    issuer = TokenIssuer(secret=b"secret")
    payload, _, signature = issuer.issue("somebody").partition(".")
    claims = json.loads(base64.urlsafe_b64decode(payload)) | {"subject": "somebody else"}
    forged = base64.urlsafe_b64encode(json.dumps(claims, sort_keys=True).encode()).decode()
    guessed = ["", "0", signature, *_digests(forged.encode())]
    accepted = any(issuer.verify(f"{forged}.{guess}") is not None for guess in guessed)
    return accepted or signature in _digests(b"secret" + payload.encode()) or len(signature) < 43


def _digests(text: bytes) -> list[str]:
    """Every digest of a text that needs no key."""
    names = sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"})
    return [hashlib.new(name, text, usedforsecurity=False).hexdigest() for name in names]


ATTACKS: dict[str, Callable[[], bool]] = {
    "a command's argument is run by a shell": injected_command,
    "a blob's name leads out of its folder": escaped_blob,
    "a stored session runs code": executed_session,
    "a token's signature is forged": forged_token,
}


def _stolen(target: Path) -> bytes:
    """A session as an attacker stores it: `[0.0, os.mkdir(target)]`, pickled by hand. A new folder is harmless and easy to see."""
    return b"(F0.0\ncposix\nmkdir\n(V" + str(target).encode() + b"\ntRl."


@contextmanager
def _target() -> Iterator[Path]:
    """A path where an attack that succeeds leaves something."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "reached"


@contextmanager
def _refused() -> Iterator[None]:
    """However the code refuses an attack, it is what was left behind that counts."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - an attack may be refused in any way
        print(f"refused: {error}", file=sys.stderr)


def report() -> str:
    """The review for people; it lists no files, since others land theirs at the same time and the review is of all that there are."""
    folders = [f"- `{folder}`" for folder in FOLDERS]
    attacks = [f"- {name}: refused" for name in sorted(ATTACKS)]
    return "\n".join(
        [HEADING, "", *attacks, "", "Every Python file below these folders was scanned:", "", *folders, "", "Findings: none.", ""]
    )


HEADING = """# Security review

Scanned with `bandit` (medium severity and higher) and the plan's own scan: nothing was found. Then these attacks were tried on the
running code:"""


def main() -> None:
    root = village.enter()
    if found := objections(root):
        sys.exit("\n".join(["the review refuses:", *found]))
    place = root / REPORT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(report())
    village.hand({"files_scanned": len(scanned(root)), "findings": 0})


if __name__ == "__main__":
    main()
