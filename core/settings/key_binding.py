"""A key goes only where its owner sends it: an address that came with a project gets no key of the user."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from core.settings.sections import Settings


def key_for_endpoint(settings: Settings) -> tuple[str | None, str | None]:
    """Return the key to send to the configured server, and a warning if the key is held back.

    An address in a project's config.toml or .env may be a stranger's. It is used with a key only if both stood in the
    same file, or the host is this machine.
    """
    secret, base_url = settings.llm.api_key, settings.llm.base_url
    key = secret.get_secret_value() if secret else None
    if key is None or base_url is None:
        return key, None
    address_from = settings.origin_of("llm.base_url")
    key_from = settings.origin_of("llm.api_key")
    if not address_from.in_project or address_from.file == key_from.file or is_loopback(base_url):
        return key, None
    warning = (
        f"no key is sent to {urlsplit(base_url).hostname}: the address is from a file of this folder "
        f"({address_from.label}), the key is not ({key_from.label}) - if you trust the address, "
        f"set LLM_BASE_URL={base_url} in your environment"
    )
    return None, warning


def is_loopback(base_url: str) -> bool:
    """Return whether an address is on this machine; a name that merely looks like it is not."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
