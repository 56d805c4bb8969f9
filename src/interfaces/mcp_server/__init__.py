"""The MCP server for assistants: tools, resources and prompts over the same core as the HTTP API.

app        one invocation: who may call, then the server
adapter    one invocation as one request to an MCP server, whatever that server offers
session    who is calling, since when, and with which request id
arguments  what the tools take, as schemas written for a model
results    what the tools return, as schemas
server     the server itself: which methods it serves, and how
"""
