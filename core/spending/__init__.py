"""Prices of calls, the ledger and the budget of a run."""
