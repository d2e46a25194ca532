"""The short soak: two thousand calls of five agents against a server that fails in every way we know."""

from __future__ import annotations

import pytest

from benchmarks.soak import Soak
from tests.support.chaos import INJECTED_FAULTS, Chaos

SEED = 20261122
CALLS = 2000


@pytest.mark.timeout(180)  # a busy machine; a quiet one takes a tenth of it
async def test_two_thousand_calls_on_a_flaky_server_keep_every_promise() -> None:
    soak = Soak(CALLS, SEED, speed=200)

    await soak.run()

    assert soak.violations == [], f"seed {SEED}: {soak.violations[:5]}"
    assert sum(soak.report["outcomes"].values()) == CALLS
    assert soak.report["outcomes"]["call_cancelled"] > CALLS * 0.02
    assert soak.report["outcomes"]["call_finished"] > CALLS * 0.9
    # The soak is worth something only if all of it really happened.
    assert set(soak.report["faults"]) == {"ok", "outage", *(one.label for one in INJECTED_FAULTS)}
    assert len(soak.report["breaker_changes"]) == 4


def test_the_same_seed_treats_the_same_requests_alike_in_whatever_order_they_come() -> None:
    bodies = [{"messages": [{"content": f"prompt {number % 50}"}]} for number in range(200)]
    there, back = Chaos(SEED), Chaos(SEED)

    steps = {(index % 50, index // 50): there(body) for index, body in enumerate(bodies)}
    prompts_backwards = [(prompt, turn) for prompt in reversed(range(50)) for turn in range(4)]

    assert all(back(bodies[prompt]) == steps[prompt, turn] for prompt, turn in prompts_backwards)
    assert back.counts == there.counts
    assert back.counts["ok"] / 200 == pytest.approx(0.7, abs=0.1)
