"""Markdown while it streams: parsed once a block, painted as cached strips."""
