"""Mutation testing of the contracts: how it works is told in docs/explanation/mutation-testing.md."""
