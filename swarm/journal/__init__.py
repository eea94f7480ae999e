"""The record of a run: events on disk and in memory, who may write them, and how they are found again.

`sqlite3` is imported in this package and nowhere else; `swarm.engine.ports.Journal` is what the rest of the program sees.
"""
