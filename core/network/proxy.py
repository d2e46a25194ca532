"""The proxy of the user's environment that stands before a server: which variable names it, and whether it can be used."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from core.addresses import needs_no_proxy
from core.errors import UsageError
from core.text.sanitize import printable_line

USABLE_SCHEMES = ("http", "https", "socks5", "socks5h")
SOCKS_OF_HTTPX = ("socksio", "socksio")
SOCKS_OF_REQUESTS = ("socks", "PySocks")
"""The module and the package through which a library speaks with a SOCKS proxy."""

SYSTEM_SETTINGS = "the system's proxy settings"
MAX_SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; `variable` named it, and its address may hold a password."""

    variable: str
    url: str = field(repr=False)

    def __str__(self) -> str:
        """Return variable and address as they may be shown."""
        return f"{self.variable}={shown_address(self.url)}"


def proxy_before(address: str, *, socks: tuple[str, str] = SOCKS_OF_HTTPX) -> Proxy | None:
    """Return the proxy through which an address is reached; None if it is reached directly, as this machine always is.

    Args:
        address: of the server.
        socks: what the library that is to reach it needs for a SOCKS proxy.

    Raises:
        UsageError: the proxy that the environment names for it cannot be used.
    """
    parts = urlsplit(address)
    if needs_no_proxy(address) or not parts.hostname:
        return None
    named = getproxies()
    scheme = next((scheme for scheme in (parts.scheme, "all") if named.get(scheme)), None)
    if scheme is None or _is_excepted(parts.hostname, parts.netloc, named.get("no", "")):
        return None
    proxy = Proxy(_variable_of(scheme), _with_scheme(named[scheme].strip()))
    if wrong := _fault_in(proxy.url, *socks):
        problem, remedy = wrong
        raise UsageError(
            f"{proxy} {problem}", hint=f"{remedy}, unset {proxy.variable}, or add {parts.hostname} to NO_PROXY"
        )
    return proxy


def shown_address(url: str) -> str:
    """Return the address of a proxy as one printable line, without the name and password that may stand in it."""
    return printable_line(re.sub(r"//.*@", "//***@", url, flags=re.DOTALL), MAX_SHOWN_CHARS)


def _variable_of(scheme: str) -> str:
    name = f"{scheme}_proxy"
    if os.environ.get(name):
        return name
    return next((other for other in os.environ if other.lower() == name), SYSTEM_SETTINGS)


def _with_scheme(written: str) -> str:
    return written if "://" in written else f"http://{written}"


def _fault_in(url: str, socks_module: str, socks_package: str) -> tuple[str, str] | None:
    """Return what is wrong with the address of a proxy, and what to do about it; None if nothing is."""
    remedy = "write it like http://127.0.0.1:3128"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "holds characters that no address has", remedy
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port  # both are read lazily: a wrong one is only noticed here
    except ValueError as wrong:
        return f"is no address ({wrong})", remedy
    if parts.scheme not in USABLE_SCHEMES:
        near = "socks5" if parts.scheme.startswith("socks") else "http"
        return f"has the scheme {parts.scheme!r}, which cannot be used", f"write {near}:// if the proxy speaks that"
    if not host:
        return "names no host", remedy
    if parts.scheme.startswith("socks") and find_spec(socks_module) is None:
        return (
            f"needs the package {socks_package}, which is not installed",
            f"install it (`pip install {socks_package}`)",
        )
    return None


def _is_excepted(host: str, netloc: str, no_proxy: str) -> bool:
    """Return whether NO_PROXY names a host: itself, a domain above it, a network that it is in, or everything."""
    location = netloc.rpartition("@")[2]
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    if any(_covers(entry, host.lower(), location.lower()) for entry in entries if entry):
        return True
    return bool(proxy_bypass(location))


def _covers(entry: str, host: str, location: str) -> bool:
    entry = entry.rpartition("://")[2]
    if entry == "*" or entry.strip("[]") == host or entry == location:
        return True
    domain = entry.removeprefix("*").removeprefix(".")
    if domain and (host == domain or host.endswith(f".{domain}")):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
