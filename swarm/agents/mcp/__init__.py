"""Tools from outside: the MCP servers that a plan declares, as offers to the agents that list them.

`servers.Servers` is the way in. `session` is the only file that touches the public package `mcp`, which is an extra and takes a second to
import: it is imported when the first server is started.
"""
