"""What the benchmarks of results share: a model, a run of Quintet, hidden checks in the sandbox, results that can be resumed."""
