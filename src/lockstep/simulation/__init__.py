"""The whole system in one process under a virtual clock, seeded faults and an oracle after every step."""
