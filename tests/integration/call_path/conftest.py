"""The two benches of the call path's tests: one whose clock jumps over every wait, one whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.bench import Bench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as opened:
        yield opened


@pytest.fixture
async def still_bench() -> AsyncIterator[Bench]:
    """A bench whose clock stands still until the test moves it."""
    async with open_bench(manual_clock=True) as opened:
        yield opened
