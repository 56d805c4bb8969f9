"""Benchmarks of the built package beside what else one could run: see docs/performance.md, "Measuring it yourself".

`bench.__main__` runs the parts, each a module with `measure(world)` that returns tables; `bench.world` starts what they
share; `bench.process` runs one function as Lambda would, in a process of its own, with `bench/driver.py` inside.
"""
