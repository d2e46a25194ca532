"""Finds out whether the port of an http address speaks https: many servers just hang up on a request in the clear."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from core.addresses import DEFAULT_PORTS
from core.llm.endpoint import Endpoint
from core.network.proxy import proxy_before

PROBE_TIMEOUT_SECONDS = 2.0


async def only_speaks_tls(endpoint: Endpoint) -> bool:
    """Return whether a TLS handshake succeeds at an http address, whatever the certificate; nothing is sent over it."""
    import ssl

    parts = urlsplit(endpoint.base_url)
    if parts.scheme != "http" or proxy_before(endpoint.base_url) is not None:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            port = parts.port or DEFAULT_PORTS[parts.scheme]
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    except (OSError, TimeoutError, ValueError):
        return False
    writer.transport.abort()
    return True
