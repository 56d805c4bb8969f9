"""The MCP server for assistants: tools, resources and prompts over the same core as the HTTP API.

app           one invocation: who may call, then the server
adapter       one invocation as one request to an MCP server, whatever that server offers
session       who is calling, since when, with which request id, in which revision of the protocol
revisions     what each revision of the protocol knows
arguments     what the tools take, as schemas written for a model
lenient       arguments in neighbouring forms, put into the schema's
tool_schemas  JSON schemas in the words that every consumer of tools takes
results       what the tools return
confirmation  a question to the user before a purchase that costs much
apps          the viewer, for hosts that show apps
server        the server itself: which methods it serves, and how
"""

from pydantic import BaseModel

# The SDK defines some 500 models, three generations of the protocol. Without this, pydantic would build all of them at
# each cold start; with it, a model is built when it is first used, and a session uses few.
BaseModel.model_config["defer_build"] = True
import mcp.server.lowlevel.server  # noqa: E402, F401 - here, and only to define them

del BaseModel.model_config["defer_build"]
