"""The only caller of models: budgets, limits, retries and the record of every call, as an engine pair for DSPy.

`models.Models` gives a run its models by name, `engine.open_lm` makes one `dspy.LM`; everything else is what they are made of. Nothing
is imported here: budgets and rows are wanted where dspy is not.
"""

import os

# Read when DSPy first asks for a price: without it, it fetches the table from the network. Any module here may import dspy.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
