"""The glob language of plans, and the exact questions a plan must answer about globs.

Which paths a pattern matches is the small question (one `re` regex). The large ones are "do these two share a path?" and "does this
one stay inside those?": the proofs that parallel work is safe rest on them, so they are decided on the patterns, not sampled.

How. Braces are expanded first, as text (`reading`). What is left is a sequence twice over: a path is a sequence of segments in which
`**` is the part of any length, a segment is a sequence of characters in which `*` is the part of any length. So one product search
answers both levels (`shared`), and characters are sets of code points, never an alphabet: classes and their negations are exact
(`characters`). Containment needs complements, and is decided apart (`outside`). Nothing compares each pattern with each (`index`).

General regex libraries were not chosen: they take milliseconds for a pair, and a large plan has millions of pairs.
"""

from swarm.plans.globs.index import Overlaps
from swarm.plans.globs.outside import within
from swarm.plans.globs.pattern import Glob, parse
from swarm.plans.globs.reading import GlobError, literal
from swarm.plans.globs.shared import witness

__all__ = ["Glob", "GlobError", "Overlaps", "literal", "parse", "within", "witness"]
