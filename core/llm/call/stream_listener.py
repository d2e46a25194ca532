"""The stream callback of a caller: what it may be, what it is told, and what comes of one that raises."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Literal

from core.errors import UsageError

StreamCallback = Callable[..., object]
"""Takes each new piece of text; with a second parameter also whether the answer starts again (`restarted`)."""

_TellsRestart = Literal["by name", "by place", "no"]
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_HINT = (
    "pass a plain function that takes the text; to await something, put the text into an asyncio.Queue with put_nowait"
)


class StreamCallbackError(Exception):
    """A stream callback raised; `error` is what ends the call."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class StreamListener:
    """Calls one stream callback.

    Raises:
        UsageError: it cannot be called, or it is async.
    """

    def __init__(self, callback: StreamCallback) -> None:
        if not callable(callback):
            raise UsageError(f"stream_callback is no function but {type(callback).__name__}", hint=_HINT)
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(type(callback).__call__):
            raise _async_callback()
        self._callback = callback
        self._tells_restart = _tells_restart(callback)
        self._has_text = False

    def received(self, text: str) -> None:
        """Pass on new text."""
        self._has_text = True
        self._call(text, restarted=False)

    def restarted(self) -> None:
        """Say that the text so far is void, to a callback that wants to know and has heard any."""
        if self._has_text and self._tells_restart != "no":
            self._call("", restarted=True)
        self._has_text = False

    def _call(self, text: str, *, restarted: bool) -> None:
        try:
            match self._tells_restart:
                case "by name":
                    returned = self._callback(text, restarted=restarted)
                case "by place":
                    returned = self._callback(text, restarted)
                case "no":
                    returned = self._callback(text)
        except Exception as error:
            raise StreamCallbackError(error) from error
        if inspect.isawaitable(returned):
            if inspect.iscoroutine(returned):
                returned.close()
            raise StreamCallbackError(_async_callback())


def _async_callback() -> UsageError:
    return UsageError("stream_callback is async, and nothing would await it", hint=_HINT)


def _tells_restart(callback: StreamCallback) -> _TellsRestart:
    try:
        parameters = inspect.signature(callback).parameters
    except (TypeError, ValueError):  # some functions of C do not say what they take
        return "no"
    named = parameters.get("restarted")
    if named is not None and named.kind is not inspect.Parameter.POSITIONAL_ONLY:
        return "by name"
    by_place = [parameter for parameter in parameters.values() if parameter.kind in _BY_PLACE]
    if len(by_place) < 2:
        return "no"
    # A default that is no truth value is the usual way to bind something of the caller's.
    default = by_place[1].default
    return "by place" if default is inspect.Parameter.empty or isinstance(default, bool) else "no"
