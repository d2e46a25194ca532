"""How many examples are tried: `default` for every day, `full` for the whole gate, `random` to search for what is not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings

Case = TypeVar("Case")

DEFAULT_EXAMPLES = 100
FULL_EXAMPLES = 400
MACHINE_RUNS_PER_EXAMPLE = 0.4  # one run of a model machine has many steps


def register_profiles() -> None:
    """Make the profiles known to `--hypothesis-profile`, and load `default`.

    None of them looks at a clock: a machine that is busy must not turn a test red. `default` and `full` try the same examples
    whenever they run, so that only a change of the code can turn them red.
    """
    settings.register_profile(
        "default",
        max_examples=DEFAULT_EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
        database=None,
        print_blob=True,
    )
    settings.register_profile("full", parent=settings.get_profile("default"), max_examples=FULL_EXAMPLES)
    settings.register_profile("random", parent=settings.get_profile("full"), derandomize=False)
    settings.load_profile("default")


def machine_settings() -> settings:
    """Return the settings of a model machine, by the profile that is loaded: 40 runs by default, 160 in the whole gate."""
    return settings(max_examples=int(settings().max_examples * MACHINE_RUNS_PER_EXAMPLE), stateful_step_count=60)


def cases_of_profile(cases: Sequence[Case], *, by_default: int) -> Sequence[Case]:
    """Return which of these cases are tried by the profile that is loaded: all in the whole gate, else the first ones."""
    return cases if settings().max_examples >= FULL_EXAMPLES else cases[:by_default]
