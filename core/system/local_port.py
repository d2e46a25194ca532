"""Whether a port of this machine can be listened on; those that this process listens on itself count as free."""

from __future__ import annotations

import socket
import sys

HOST = "127.0.0.1"  # what is served there names models and servers, so the network must not see it

METRICS_HINT = "set another METRICS_PORT"

_held: set[int] = set()


def hold(port: int) -> None:
    """Note that this process listens on a port now."""
    _held.add(port)


def release(port: int) -> None:
    """Note that it no longer does."""
    _held.discard(port)


def no_metrics_message(port: int, reason: str) -> str:
    """Return what is said of a port for metrics that cannot be listened on, before it is tried and after."""
    return f"the metrics page is off: port {port} of this machine cannot be used ({reason})"


def port_problem(port: int) -> str:
    """Return why a port cannot be listened on, in the system's words, or ""."""
    if port in _held:
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # there it would let two processes share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
