"""What a stream callback is told, by what it takes, and which ones are refused."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import UsageError
from core.llm.call.stream_listener import StreamCallbackError, StreamListener

heard: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    heard.clear()


def only_text(text: str) -> None:
    heard.append((text,))


def by_name(text: str, restarted: bool = False) -> None:
    heard.append((text, restarted))


def by_keyword(text: str, *, restarted: bool) -> None:
    heard.append((text, restarted))


def with_another_name(text: str, again: bool) -> None:
    heard.append((text, again))


def with_a_bound_value(text: str, sink: list[tuple[Any, ...]] = heard) -> None:
    sink.append((text,))


def with_any(*args: str) -> None:
    heard.append(args)


class Listener:
    def method(self, text: str, restarted: bool) -> None:
        heard.append((text, restarted))

    def __call__(self, text: str) -> None:
        heard.append((text,))


@pytest.mark.parametrize(
    ("callback", "is_told"),
    [
        (only_text, False),
        (by_name, True),
        (by_keyword, True),
        (with_another_name, True),
        (with_a_bound_value, False),
        (with_any, False),
        (Listener(), False),
        (Listener().method, True),
        (functools.partial(by_name), True),
        (lambda text: heard.append((text,)), False),
        (lambda text, again=False: heard.append((text, again)), True),
    ],
)
def test_a_callback_with_a_second_parameter_is_told_that_the_answer_starts_again(
    callback: Callable[..., object], is_told: bool
) -> None:
    listener = StreamListener(callback)

    listener.restarted()  # nothing was heard, so nothing is void
    listener.received("a")
    listener.restarted()
    listener.received("b")

    assert [entry[0] for entry in heard] == (["a", "", "b"] if is_told else ["a", "b"])
    assert [entry[1] for entry in heard if len(entry) > 1] == ([False, True, False] if is_told else [])


def test_functions_that_do_not_say_what_they_take_and_print_get_the_text_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts: list[str] = []
    for callback in (print, texts.append, asyncio.Queue[str]().put_nowait):
        listener = StreamListener(callback)
        listener.received("a")
        listener.restarted()

    assert (capsys.readouterr().out, texts) == ("a\n", ["a"])


async def an_async_one(text: str) -> None:
    heard.append((text,))


class AsyncListener:
    async def __call__(self, text: str) -> None:
        heard.append((text,))


@pytest.mark.parametrize("callback", [an_async_one, AsyncListener(), functools.partial(an_async_one), 42, "print"])
def test_what_is_async_or_no_function_is_refused_before_anything_is_sent(callback: Any) -> None:
    with pytest.raises(UsageError, match="stream_callback"):
        StreamListener(callback)


def test_what_returns_an_awaitable_is_refused_at_the_first_piece() -> None:
    listener = StreamListener(lambda text: an_async_one(text.upper()))

    with pytest.raises(StreamCallbackError) as raised:
        listener.received("a")

    assert isinstance(raised.value.error, UsageError)
