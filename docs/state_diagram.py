"""Prints the diagram of a task's states, generated from the table of legal moves: `python docs/state_diagram.py`."""

from swarm.engine.state import MOVES, Stage


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    arrows = [f"    {stage} --> {to} : {move}" for stage in Stage for move, to in MOVES[stage].items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Stage.WAITING}", *arrows])


if __name__ == "__main__":
    print(diagram())
