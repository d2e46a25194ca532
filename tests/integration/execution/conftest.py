"""What the tests of execution share: each sandbox that works on this machine."""

from __future__ import annotations

import pytest

from core.execution.sandbox.ladder import rungs
from core.execution.sandbox.sandbox import Sandbox
from core.settings import ExecutionSettings


@pytest.fixture(params=rungs(ExecutionSettings()), ids=lambda sandbox: sandbox.name)
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.param
    probe = await found.probe()
    if not probe.works:
        pytest.skip(probe.detail)
    return found
