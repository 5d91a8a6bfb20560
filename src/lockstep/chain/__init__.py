"""The asset ledger on an EVM chain: compiled contracts, bindings, transaction sender, event reader."""
