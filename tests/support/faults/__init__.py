"""The fault campaign: every step of a job's life meets every fault, and the books are checked afterwards.

    wire        the last layer before the network: counts each request of each function, and lets faults strike there
    cloud       what AWS does by itself: delivers, redelivers, dead-letters, sweeps, while the clock moves
    entries     what callers do, each in the way of one kind of client
    mishaps     the faults
    scenarios   which mishap meets which entry at which step, enumerated from recorded runs
    verdict     what has to be true when all is quiet again

`make faults` runs all of it; docs/faults.md holds the table it prints.
"""
