"""The planner: an agent that reads a code base and a goal, and writes a plan that is proved or says what it could not solve."""
