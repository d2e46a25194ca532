"""The dashboard: its blocks, page and the history it draws."""
