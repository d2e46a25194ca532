"""A server on loopback that knows its connections, and can end them as a network does."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Self

BUFFER_BYTES = 1 << 24


@dataclass(slots=True)
class LoopbackServer:
    """Use it as an async context manager; what goes wrong in `_converse`, lost connections apart, is raised at the end.

    Attributes:
        tls: with it, it speaks TLS.
        open_connections: how many clients are connected now.
        connections: how many have been in all.
    """

    port: int = field(default=0, init=False)
    tls: ssl.SSLContext | None = field(default=None, kw_only=True)
    open_connections: int = field(default=0, init=False)
    connections: int = field(default=0, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _handlers: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _errors: list[Exception] = field(default_factory=list, init=False)

    @abstractmethod
    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Serve the connection with this number, from 1, to its end."""

    async def _connection_ended(self) -> None:
        """Do what is to be done when one client less is connected."""

    async def vanish(self) -> None:
        """Die: cut all connections and listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for handler in list(self._handlers):
            handler.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers)

    async def come_back(self) -> None:
        """Listen again at the same address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=BUFFER_BYTES, ssl=self.tls)

    async def __aenter__(self) -> Self:
        await self.come_back()  # to a port that the system chooses
        assert self._server is not None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()
        if self._errors:
            raise ExceptionGroup("the server of the test failed", self._errors)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)
        self.open_connections += 1
        self.connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # the test is over
        except Exception as wrong:  # noqa: BLE001 - shown when the test ends
            self._errors.append(wrong)
        finally:
            writer.transport.abort()
            self.open_connections -= 1
            await self._connection_ended()


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Let the client see a reset, not an end, when the connection is aborted."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
