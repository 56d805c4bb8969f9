"""What AWS does and MiniStack does not: each rule with its source, played on MiniStack where it can be.

The counterpart of local/deviations.py. `python -m local.fidelity` runs MiniStack with all rules, in its own
environment; a rule wraps a function of MiniStack (`seams`) or its ASGI application (`wire`). If a newer MiniStack has
moved a seam, it does not start. Each rule has a test in tests/deployment/local that fails without it.
"""
