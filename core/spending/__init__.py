"""What calls cost: prices, ledger, budget."""
