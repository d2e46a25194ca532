"""Ports on loopback that nobody uses, also when several test workers ask at once."""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST, _PORTS = 20_000, 12_000  # below those that the system itself hands out
_numbers = count(os.getpid() * 61)  # so that two processes start far apart


def free_port() -> int:
    """Return a port on which nothing listens; no other worker gets it, and no client's connection either."""
    while True:
        port = _FIRST + next(_numbers) % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody else's
        return port
