"""What is shown and said, in words: of events, states, numbers, paths and alerts."""
