"""Who does the work: specialists, all `dspy.Module`s behind one interface."""
