"""The prompt line and its history."""
