"""A process that runs one program of a user's own for one attempt, so that a time limit can end it whatever it does.

It touches nothing by itself: models, files, commands and tools are asked of the scheduler in lines of JSON, one a request, each with a
number that its answer carries back; many may be under way at once. The scheduler says hello with the assignment, the worker ends with
`done` or `failed` (`protocol`). Everything here is imported in that process, nothing but `protocol` by the scheduler.
"""
