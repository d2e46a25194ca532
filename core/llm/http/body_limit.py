"""A limit for bodies that are read whole: error answers, and what a server tells about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

MAX_WHOLE_BODY_BYTES = 8 * 1024 * 1024  # the tokens of a long prompt, as a server lists them, take some megabytes


async def bound_body(response: httpx2.Response) -> None:
    """Let the body of a response end with an error when it is longer than anything that is worth reading whole.

    An answer with status 200 to a POST is a stream, whose decoder has limits of its own.
    """
    if response.status_code >= 400 or response.request.method == "GET":
        import httpx2

        class Bounded(httpx2.AsyncByteStream):
            def __init__(self, stream: httpx2.AsyncByteStream) -> None:
                self._stream = stream

            async def __aiter__(self) -> AsyncIterator[bytes]:
                left_bytes = MAX_WHOLE_BODY_BYTES
                async for piece in self._stream:
                    left_bytes -= len(piece)
                    if left_bytes < 0:
                        raise httpx2.RemoteProtocolError(f"the body has more than {MAX_WHOLE_BODY_BYTES} bytes")
                    yield piece

            async def aclose(self) -> None:
                await self._stream.aclose()

        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = Bounded(response.stream)
