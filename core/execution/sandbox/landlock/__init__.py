"""The sandbox without namespaces: its rung, the process that keeps a command, and the lock around it."""
