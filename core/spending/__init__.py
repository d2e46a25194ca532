"""What calls cost, and the budget of a run."""
