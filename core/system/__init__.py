"""What this machine has: files written in one step, paths as they are, ports."""
