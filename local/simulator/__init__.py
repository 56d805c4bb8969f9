"""A simulator of the OpenAI Images API: a real HTTP server with its rules, faults and pictures."""

from local.simulator.server import Simulator

__all__ = ["Simulator"]
