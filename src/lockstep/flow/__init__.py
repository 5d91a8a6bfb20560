"""The settlement logic: step functions over values and ports.

Read in this order: receiving, matching, ordering, mirroring, settling, reporting, stepping, together, engine; then
batching, pacing, beside, recovering, working, sharing.
"""
