"""Hostile input as data, sent to all three entry points, and what each request cost.

values     JSON that makes a parser, a validator or a database work
images     files whose headers lie or never end
requests   where they are put: every field of every body, ids, headers and queries, forms, recipes, metadata and keys
senders    how they are sent: through both gateways, to the MCP server and into the inbox
cost       the memory and the processor time of a call
process    sends the set in a process that has a limit of memory
report     runs that process, and says what was worst
"""
