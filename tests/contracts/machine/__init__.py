"""A random market over registry, tokens and DvP: driver, actors, model, actions, invariants, table."""
