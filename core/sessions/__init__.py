"""A run's own folder: checkpoints, texts and the journal of all its events."""
