"""A simulator of the APIs of image providers: a real HTTP server with their rules, and with faults on demand."""

from local.simulator.server import Simulator

__all__ = ["Simulator"]
