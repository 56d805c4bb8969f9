"""Amazon Bedrock's InvokeModel for Stability AI's models, as docs/providers.md knows it (as of 2026-11-27).

models     what each model takes, what it costs, and where it is
rules      what a request may contain
drawing    what each model makes of it
api        the route, the answers and the errors
"""

from local.simulator.bedrock.api import ROUTES

__all__ = ["ROUTES"]
