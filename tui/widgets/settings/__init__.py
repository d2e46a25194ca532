"""The settings screen: list, rows, editors."""
