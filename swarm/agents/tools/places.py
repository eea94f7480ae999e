"""The folders of this machine that an answer must not name, and what commands know them by."""

from swarm.workspace.desk import Desk

__all__ = ["places_of"]


def places_of(desk: Desk) -> dict[str, str]:
    """A folder's absolute path, with and without its links, to what stands for it."""
    folders = {desk.root: ".", desk.scratch: "$SCRATCH", desk.commands.plan_folder: "$SWARM_PLAN_DIR"}
    return {str(path): name for folder, name in folders.items() for path in (folder, folder.resolve())}
