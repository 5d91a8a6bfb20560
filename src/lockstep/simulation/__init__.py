"""The whole system under faults, in one process, on one virtual clock, from one seed."""
