"""The simulated world: the real service, agents, RTGS and contracts in one process, from one seed, under faults.

Read in this order: streams, clock, faults, points, stores, lines, market, trades, cast, world, scheduling, running,
minimising, report. Needs pyrevm (`pip install lockstep[simulation]`).
"""
