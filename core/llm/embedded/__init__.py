"""The embedded model: its file, and the process that serves it on loopback."""
