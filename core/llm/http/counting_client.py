"""An HTTP client of the SDK that tells of the requests which a holder of the pooled client makes himself.

Imports the SDK: imported by the maker of clients alone, which has loaded it in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import openai

RequestEnd = Callable[[bool | None], None]
"""Takes whether a request has succeeded; None for one that was cancelled, or refused for a mistake of its own."""


class CountingClient(openai.DefaultAsyncHttpxClient):
    """Calls `begin_request` for every request that `is_counted`, and what that returned when its answer is over.

    A subclass, because the hooks of httpx2 are not called for a request that finds no server.
    """

    def __init__(
        self, *, begin_request: Callable[[], RequestEnd], is_counted: Callable[[], bool], **options: Any
    ) -> None:  # Any: the options of the base class, passed on as they are
        super().__init__(**options)
        self._begin_request = begin_request
        self._is_counted = is_counted

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # Any: as above
        if not self._is_counted():
            return await super().send(request, **options)
        end = self._begin_request()
        try:
            response = await super().send(request, **options)
        except Exception:
            end(False)
            raise
        except BaseException:
            end(None)
            raise
        succeeded = _verdict(response.status_code)
        if response.is_closed or not isinstance(response.stream, httpx2.AsyncByteStream):
            end(succeeded)
        else:
            response.stream = _ToldEnd(response.stream, end, succeeded)
        return response


class _ToldEnd(httpx2.AsyncByteStream):
    """A body that tells when it is over, once."""

    def __init__(self, stream: httpx2.AsyncByteStream, end: RequestEnd, succeeded: bool | None) -> None:
        self._stream = stream
        self._end: RequestEnd | None = end
        self._succeeded = succeeded

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._stream:
                yield piece
        except Exception:
            self._succeeded = False
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._end is not None:
                self._end(self._succeeded)
                self._end = None


def _verdict(status: int) -> bool | None:
    if status >= 500:
        return False
    return True if status < 400 else None
