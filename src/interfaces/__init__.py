"""How callers reach Easel: each interface parses what comes in, calls the core, and shapes the answer."""
