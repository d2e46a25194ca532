"""Reading foreign Python: what is no Python has no tree, and threads may read at once."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from core.text.python_syntax import expression_tree, syntax_tree

TEXT = "x = [1, 2, {'a': (3, 4)}]\n" * 40


class Cycle:
    """Garbage that runs Python when it is collected, which lets other threads on."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(200))


@pytest.fixture
def restless() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("restless")
def test_threads_that_read_at_once_do_not_disturb_each_other() -> None:
    trees: list[object] = []

    def read() -> None:
        for _ in range(40):
            Cycle()
            trees.extend((syntax_tree(TEXT), expression_tree("f([1, 2], {'a': (3, 4)})")))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(trees) == 320
    assert None not in trees


@pytest.mark.parametrize("text", ["", "x = 1", "(" * 1000, "\0", "f("])
def test_what_is_no_expression_has_no_tree(text: str) -> None:
    assert expression_tree(text) is None
