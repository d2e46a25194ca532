"""What the address of a server, and the key for it, must look like, and what an address says about who gets the data."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urlsplit

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Where a key without an address belongs."""

DEFAULT_PORTS = {"http": 80, "https": 443}
ADDED_PATH = "/chat/completions"

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def checked_base_url(written: str, *, credentials: bool = False) -> str:
    """Return an address without spaces around it and slashes at its end; `credentials` may stand in it if that is said.

    Raises:
        ValueError: it is no address of an OpenAI-compatible server; the message is the end of a sentence about it.
    """
    address = written.strip().rstrip("/")
    if not address.isprintable() or any(character in address for character in ' \\"<>'):
        raise ValueError("contains characters that no address has")
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port  # both are read lazily: a wrong one is only noticed here
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ValueError("must start with http:// or https:// and name a host")
    if "@" in parts.netloc and not credentials:
        raise ValueError("must not hold a user name or a password; put the key into LLM_API_KEY")
    if parts.query or parts.fragment:
        raise ValueError("must not hold a query (?) or a fragment (#)")
    if parts.path.endswith("/completions"):
        raise ValueError(f"must end before {ADDED_PATH}, which is added to it")
    return address


def completed_base_url(written: str) -> str:
    """Return the address that a user means by a host, a host with a port, or the address of one function of the API.

    A bare host gets the customary /v1; without a scheme, machines that are near are reached by http and others by https.

    Raises:
        ValueError: as `checked_base_url`.
    """
    text = written.strip()
    if "://" not in text:
        scheme = "http" if is_near(f"http://{text}") else "https"
        text = f"{scheme}://{text}"
    address = checked_base_url(text.rstrip("/").removesuffix(ADDED_PATH), credentials=True)
    return address if urlsplit(address).path else f"{address}/v1"


def checked_key(written: str) -> str:
    """Return a key without the spaces around it.

    Raises:
        ValueError: there is nothing left, or it cannot be sent; the message is the end of a sentence about it.
    """
    key = written.strip()
    if not key:
        raise ValueError("must not be empty")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError("contains characters that cannot be sent in a header")
    return key


def without_credentials(address: str, shown: str = "") -> str:
    """Return an address without the name and password that may stand in it; `shown` takes their place."""
    return re.sub(r"//[^/@]*@", f"//{shown}", address)


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


@lru_cache(maxsize=64)  # asked of the same few addresses with every call
def is_loopback(address: str) -> bool:
    """Return whether an address is on this machine for certain, so that a key may go there.

    A name that merely looks like it is not, nor is one that a resolver may answer otherwise.
    """
    host = urlsplit(address).hostname or ""
    ip = _ip_address(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def needs_no_proxy(address: str) -> bool:
    """Return whether an address is meant to stay on this machine: a loopback, a name below localhost, or 0.0.0.0."""
    host = urlsplit(address).hostname or ""
    ip = _ip_address(host)
    return is_loopback(address) or host.endswith(".localhost") or (ip is not None and ip.is_unspecified)


def is_near(address: str) -> bool:
    """Return whether an address is on this machine or its private network; False for one that cannot be read."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    ip = _ip_address(host)
    if ip is not None:
        return ip.is_loopback or ip.is_private or ip.is_link_local
    # A name without a dot is a machine of this network or a container beside us.
    return "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal", ".home.arpa"))


def _ip_address(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
