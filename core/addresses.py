"""What an address says about who gets the data: this machine, the same server, another one."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def server_of(address: str) -> str:
    """Return scheme, host and port of an address in one spelling, without a path or a user name; "" if it has none."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return ""
    if not parts.hostname or not port:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def is_loopback(address: str) -> bool:
    """Return whether an address is on this machine; a name that merely looks like it is not."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
