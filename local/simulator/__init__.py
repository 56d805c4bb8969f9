"""A simulator of the OpenAI Images API: a real HTTP server with its rules, and with faults on demand."""

from local.simulator.server import Simulator

__all__ = ["Simulator"]
