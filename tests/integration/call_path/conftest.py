"""The two harnesses of the call path's tests: the clock of one jumps over every wait, that of the other stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.call_harness import CallHarness, open_call_harness


@pytest.fixture
async def harness() -> AsyncIterator[CallHarness]:
    async with open_call_harness() as opened:
        yield opened


@pytest.fixture
async def manual_clock_harness() -> AsyncIterator[CallHarness]:
    """A harness whose clock stands still until the test moves it."""
    async with open_call_harness(manual_clock=True) as opened:
        yield opened
