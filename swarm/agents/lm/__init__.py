"""The only caller of models: budgets, limits, retries and the record of every call, as an engine pair for DSPy.

`engine.open_lm` gives the `dspy.LM`; everything else is what it is made of. Nothing is imported here: budgets and rows are wanted
where dspy is not.
"""

import os

# Read when DSPy first asks for a price: without it, it fetches the table from the network. Any module here may import dspy.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
