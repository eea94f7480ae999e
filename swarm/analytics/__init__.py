"""The embedded analytics core. Not in this release: `metric` and `flag` conditions are refused before a run begins (exit 69)."""
