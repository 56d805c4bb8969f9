"""The Gemini API's generateContent for image models, as docs/providers.md knows it (as of 2026-11-27).

rules      what a request may contain, for each model
billing    the tokens of a call, and what they cost
api        the routes, the answers and the errors
"""

from local.simulator.gemini.api import ROUTES

__all__ = ["ROUTES"]
