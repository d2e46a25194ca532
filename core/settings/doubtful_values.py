"""Values that are allowed and hardly ever meant, each with what would come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.settings.checking import doubt
from core.settings.schema.finding import Finding
from core.settings.schema.sections import Settings

LONG_RETRYING_SECONDS = 900.0  # of waits of one call; ten retries with the default delays take 5 minutes


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a setting usually is: from `least` to `most`; beyond it `consequence` is said."""

    name: str
    consequence: str
    least: float | None = None
    most: float | None = None


_USUAL = (
    _Usual("team.task_timeout", "a run takes minutes, and ends there unfinished", least=60),
    _Usual("llm.temperature", "answers become erratic, and code seldom runs", most=1.5),
    _Usual("llm.max_tokens", "most files are longer, and are cut off there", least=256),
    _Usual("llm.context_tokens", "a task with its files does not fit into it", least=2048),
    _Usual("llm.connect_timeout", "a server elsewhere takes longer to be reached", least=0.5),
    _Usual("llm.first_token_timeout", "servers take longer to read a prompt, so that calls fail", least=5),
    _Usual("llm.stall_timeout", "servers pause for longer, so that answers are thrown away", least=2),
    _Usual("llm.total_timeout", "whole answers take longer, so that calls fail", least=15),
    _Usual("llm.retry_initial_delay", "a server in trouble is asked again at once", least=0.01),
    _Usual("llm.pool_max_age", "connections are made anew again and again", least=30),
    _Usual("llm.requests_per_minute", "a run makes dozens of calls, and takes hours", least=3),
    _Usual("llm.tokens_per_minute", "a call needs thousands of tokens, and waits for its share", least=1000),
    _Usual("circuit_breaker.threshold", "a single failure keeps all calls away from the server", least=2),
    _Usual("circuit_breaker.timeout", "a server in trouble is probed without a pause", least=1),
    _Usual("circuit_breaker.timeout", "a server that is well again is not asked for as long", most=1800),
    _Usual("budget.tokens", "a run needs more, and is held at its beginning", least=5000),
    _Usual("budget.minutes", "a run takes longer, and is held at its beginning", least=1),
)


def doubtful_values(settings: Settings) -> Iterator[Finding]:
    """Return a warning for each value that is far from what is usual, and for retrying that takes very long."""
    for usual in _USUAL:
        value = settings.value_of(usual.name)
        if not isinstance(value, int | float):
            continue
        if usual.least is not None and value < usual.least:
            word = "low"
        elif usual.most is not None and value > usual.most:
            word = "high"
        else:
            continue
        place = settings.origin_of(usual.name).place
        yield doubt(settings, f"{usual.name} ({value:g}) is very {word} ({place}): {usual.consequence}", usual.name)
    yield from _long_retrying(settings)


def _long_retrying(settings: Settings) -> Iterator[Finding]:
    llm = settings.llm
    waits = (min(llm.retry_max_delay, llm.retry_initial_delay * 2**number) for number in range(llm.max_retries))
    seconds = sum(waits)
    if seconds > LONG_RETRYING_SECONDS:
        message = (
            f"llm.max_retries ({llm.max_retries}) and llm.retry_max_delay ({llm.retry_max_delay:g}) let one call wait "
            f"{seconds / 60:.0f} minutes between its attempts"
        )
        yield doubt(settings, message, "llm.max_retries", "llm.retry_max_delay", "llm.retry_initial_delay")
