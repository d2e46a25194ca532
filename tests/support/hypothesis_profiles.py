"""How many examples Hypothesis tries: `default` for every day, `full` for the whole gate, `random` to search for what is not known yet."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

MACHINE_RUNS_PER_EXAMPLE = 0.4  # one run of a model machine has many steps


def register_profiles() -> None:
    """Make the profiles known to `--hypothesis-profile`, and load `default`.

    None of them looks at a clock: a machine that is busy must not turn a test red. `default` and `full` try the same examples
    whenever they run, so that only a change of the code can turn them red.
    """
    settings.register_profile(
        "default",
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
        database=None,
        print_blob=True,
    )
    settings.register_profile("full", parent=settings.get_profile("default"), max_examples=400)
    settings.register_profile("random", parent=settings.get_profile("full"), derandomize=False)
    settings.load_profile("default")


def machine_settings() -> settings:
    """Return the settings of a model machine, by the profile that is loaded: 40 runs by default, 160 in the whole gate."""
    return settings(max_examples=int(settings().max_examples * MACHINE_RUNS_PER_EXAMPLE), stateful_step_count=60)
