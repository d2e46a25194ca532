"""Rules about what is allowed in the configuration but probably not meant; each gives one warning."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.addresses import is_loopback, server_of
from core.settings.checking import doubt
from core.settings.schema.finding import Finding
from core.settings.schema.sections import Settings
from core.settings.sources.reading import SourceReading
from core.settings.trust.keys import key_for_endpoint, key_for_fallback, secrets_in
from core.text.redaction import MIN_SECRET_LENGTH, can_be_masked


def warnings_about(settings: Settings, readings: Sequence[SourceReading]) -> Iterator[Finding]:
    """Return a warning for everything that would surprise a user."""
    yield from dict.fromkeys(_about_keys(settings))
    yield from _about_calls(settings)
    yield from doubtful_values(settings)
    yield from _about_fallbacks(settings)
    yield from _about_the_breaker(settings)
    yield from _about_telemetry(settings)
    with_keys = (found for reading in readings for found in reading.values.values() if any(secrets_in(found)))
    for file in dict.fromkeys(found.origin.file for found in with_keys):
        if file and _readable_by_others(file):
            message = f"{file} holds a key and other users can read it"
            yield Finding("warning", message, f"chmod 600 {file}", source=str(file))


def _about_keys(settings: Settings) -> Iterator[Finding]:
    key, held_back = key_for_endpoint(settings)
    if held_back:
        yield _held_back(settings, held_back, "llm.base_url", "llm.api_key")
    sent = [(key, settings.llm.base_url, "llm.base_url")]
    for fallback in settings.llm.fallbacks:
        key, held_back_too = key_for_fallback(settings, fallback)
        if held_back_too and held_back_too != held_back:
            yield _held_back(settings, held_back_too, "llm.fallbacks")
        sent.append((key, fallback.base_url, "llm.fallbacks"))
    for key, base_url, name in sent:
        if not key or (base_url and is_loopback(base_url)):
            continue
        if base_url and base_url.startswith("http://"):
            message = f"the key goes to {base_url} unencrypted ({settings.origin_of(name).place})"
            yield doubt(settings, message, name, hint="use https if it can")
        if len(key) < MIN_SECRET_LENGTH and not can_be_masked(key):
            holder = "llm.api_key" if name == "llm.base_url" else name
            message = (
                f"the key has fewer than {MIN_SECRET_LENGTH} characters ({settings.origin_of(holder).place}): "
                "it cannot be told from ordinary text, so that logs and messages may show it"
            )
            yield doubt(settings, message, holder, hint="check that it is whole")


def _held_back(settings: Settings, warning: str, *names: str) -> Finding:
    message, _, hint = warning.partition(" - ")
    return doubt(settings, message, *names, hint=hint)


def _about_calls(settings: Settings) -> Iterator[Finding]:
    llm = settings.llm
    if llm.max_retries == 0:
        message = f"llm.max_retries is 0 ({settings.origin_of('llm.max_retries').place}): one hiccup of the server ends a call"
        yield doubt(settings, message, "llm.max_retries")
    if llm.tokens_per_minute and llm.max_tokens and llm.tokens_per_minute < llm.max_tokens:
        message = (
            f"llm.tokens_per_minute ({llm.tokens_per_minute}) is less than one answer of llm.max_tokens "
            f"({llm.max_tokens}): a single call uses up more than a minute's share"
        )
        yield doubt(settings, message, "llm.tokens_per_minute", "llm.max_tokens")
    if llm.total_timeout and llm.total_timeout > settings.team.task_timeout:
        message = (
            f"llm.total_timeout ({llm.total_timeout}) exceeds team.task_timeout ({settings.team.task_timeout}): "
            "a run ends before its attempt may"
        )
        yield doubt(settings, message, "llm.total_timeout", "team.task_timeout")
    minutes = settings.budget.minutes
    if minutes and minutes * 60 > settings.team.task_timeout:
        message = (
            f"budget.minutes ({minutes}) is longer than team.task_timeout ({settings.team.task_timeout} s): "
            "a run ends before it reaches its budget"
        )
        yield doubt(settings, message, "budget.minutes", "team.task_timeout")


def _about_fallbacks(settings: Settings) -> Iterator[Finding]:
    llm = settings.llm
    if not llm.fallbacks:
        return
    seen = {(server_of(llm.base_url or ""), llm.model)}
    for number, fallback in enumerate(llm.fallbacks, start=1):
        target = (server_of(fallback.base_url or llm.base_url or ""), fallback.model)
        if target in seen:
            message = (
                f"[[llm.fallbacks]] #{number} asks {fallback.model} again at the same server: that is no other choice"
            )
            yield doubt(settings, message, "llm.fallbacks")
        seen.add(target)
        if fallback.base_url is None and llm.base_url is None and llm.api_key is None:
            message = (
                f"[[llm.fallbacks]] #{number} has no base_url, and no server is configured: {fallback.model} is nowhere"
            )
            yield doubt(settings, message, "llm.fallbacks")


def _about_the_breaker(settings: Settings) -> Iterator[Finding]:
    breaker, first_token = settings.circuit_breaker, settings.llm.first_token_timeout
    if first_token and breaker.timeout < first_token:
        message = (
            f"circuit_breaker.timeout ({breaker.timeout}) is shorter than llm.first_token_timeout ({first_token}): "
            "probes may still wait for an answer when the next ones are let through"
        )
        yield doubt(settings, message, "circuit_breaker.timeout", "llm.first_token_timeout")
    if breaker.half_open > breaker.threshold:
        message = (
            f"circuit_breaker.half_open ({breaker.half_open}) exceeds circuit_breaker.threshold ({breaker.threshold}): "
            "closing takes more good answers than opening takes bad ones"
        )
        yield doubt(settings, message, "circuit_breaker.half_open", "circuit_breaker.threshold")
    if breaker.when_open == "wait" and breaker.max_wait < breaker.timeout:
        message = (
            f"circuit_breaker.timeout ({breaker.timeout}) exceeds circuit_breaker.max_wait ({breaker.max_wait}): "
            "calls that come early give up before the breaker lets one through"
        )
        yield doubt(settings, message, "circuit_breaker.timeout", "circuit_breaker.max_wait")


def _about_telemetry(settings: Settings) -> Iterator[Finding]:
    telemetry = settings.telemetry
    if not telemetry.enable_metrics and telemetry.metrics_port is not None:
        message = (
            f"telemetry.metrics_port is {telemetry.metrics_port}, but enable_metrics is false: there is nothing to read"
        )
        yield doubt(settings, message, "telemetry.metrics_port", "telemetry.enable_metrics")
    if telemetry.capture_content and not telemetry.otel_endpoint:
        message = "telemetry.capture_content is true, but no otel_endpoint is set: nothing is sent anywhere"
        yield doubt(settings, message, "telemetry.capture_content", "telemetry.otel_endpoint")


def _readable_by_others(path: Path) -> bool:
    if os.name != "posix":
        return False
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


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
