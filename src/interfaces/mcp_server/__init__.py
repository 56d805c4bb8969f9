"""What an assistant meets at the MCP door: tools, resources and prompts over the same core as the HTTP door.

app        one invocation: who may call, then the server
adapter    one invocation as one request to an MCP server, whatever that server offers
session    who calls, since when, and under which name
arguments  what tools take, as schemas written for a model
results    what tools answer, as schemas
server     the server itself: which methods it serves, and with what
"""
