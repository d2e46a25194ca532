"""Rules about what is allowed in the configuration but probably not meant; each gives one sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.addresses import is_loopback, server_of
from core.settings.schema.origin import SourceReading
from core.settings.schema.sections import Settings
from core.settings.trust.keys import key_for_endpoint, key_for_fallback, secrets_in


def warnings_about(settings: Settings, readings: Sequence[SourceReading]) -> Iterator[str]:
    """Return a warning for everything that would surprise a user."""
    yield from dict.fromkeys(_about_keys(settings))
    yield from _about_calls(settings)
    yield from _about_fallbacks(settings)
    yield from _about_the_breaker(settings)
    yield from _about_telemetry(settings)
    with_keys = (found for reading in readings for found in reading.values.values() if any(secrets_in(found)))
    for file in dict.fromkeys(found.origin.file for found in with_keys):
        if file and _readable_by_others(file):
            yield f"{file} holds a key and other users can read it - chmod 600 {file}"


def _about_keys(settings: Settings) -> Iterator[str]:
    key, held_back = key_for_endpoint(settings)
    if held_back:
        yield held_back
    sent = [(key, settings.llm.base_url, settings.origin_of("llm.base_url").place)]
    for fallback in settings.llm.fallbacks:
        key, held_back = key_for_fallback(settings, fallback)
        if held_back:
            yield held_back
        sent.append((key, fallback.base_url, settings.origin_of("llm.fallbacks").place))
    for key, base_url, source in sent:
        if key and base_url and base_url.startswith("http://") and not is_loopback(base_url):
            yield f"the key goes to {base_url} unencrypted ({source}) - use https if it can"


def _about_calls(settings: Settings) -> Iterator[str]:
    llm = settings.llm
    if llm.max_retries == 0:
        yield f"llm.max_retries is 0 ({settings.origin_of('llm.max_retries').place}): one hiccup of the server ends a call"
    if llm.tokens_per_minute and llm.max_tokens and llm.tokens_per_minute < llm.max_tokens:
        yield (
            f"llm.tokens_per_minute ({llm.tokens_per_minute}) is less than one answer of llm.max_tokens "
            f"({llm.max_tokens}): a single call uses up more than a minute's share"
        )
    if llm.total_timeout and llm.total_timeout > settings.team.task_timeout:
        yield (
            f"llm.total_timeout ({llm.total_timeout}) exceeds team.task_timeout ({settings.team.task_timeout}): "
            "a run ends before its attempt may"
        )
    minutes = settings.budget.minutes
    if minutes and minutes * 60 > settings.team.task_timeout:
        yield (
            f"budget.minutes ({minutes}) is longer than team.task_timeout ({settings.team.task_timeout} s): "
            "a run ends before it reaches its budget"
        )


def _about_fallbacks(settings: Settings) -> Iterator[str]:
    llm = settings.llm
    if not llm.fallbacks:
        return
    seen = {(server_of(llm.base_url or ""), llm.model)}
    for number, fallback in enumerate(llm.fallbacks, start=1):
        target = (server_of(fallback.base_url or llm.base_url or ""), fallback.model)
        if target in seen:
            yield f"[[llm.fallbacks]] #{number} asks {fallback.model} again at the same server: that is no other choice"
        seen.add(target)
        if fallback.base_url is None and llm.base_url is None and llm.api_key is None:
            yield f"[[llm.fallbacks]] #{number} has no base_url, and no server is configured: {fallback.model} is nowhere"


def _about_the_breaker(settings: Settings) -> Iterator[str]:
    breaker, first_token = settings.circuit_breaker, settings.llm.first_token_timeout
    if first_token and breaker.timeout < first_token:
        yield (
            f"circuit_breaker.timeout ({breaker.timeout}) is shorter than llm.first_token_timeout ({first_token}): "
            "probes may still wait for an answer when the next ones are let through"
        )
    if breaker.half_open > breaker.threshold:
        yield (
            f"circuit_breaker.half_open ({breaker.half_open}) exceeds circuit_breaker.threshold ({breaker.threshold}): "
            "closing takes more good answers than opening takes bad ones"
        )
    if breaker.when_open == "wait" and breaker.max_wait < breaker.timeout:
        yield (
            f"circuit_breaker.timeout ({breaker.timeout}) exceeds circuit_breaker.max_wait ({breaker.max_wait}): "
            "calls that come early give up before the breaker lets one through"
        )


def _about_telemetry(settings: Settings) -> Iterator[str]:
    telemetry = settings.telemetry
    if not telemetry.enable_metrics and telemetry.metrics_port is not None:
        yield f"telemetry.metrics_port is {telemetry.metrics_port}, but enable_metrics is false: there is nothing to read"
    if telemetry.capture_content and not telemetry.otel_endpoint:
        yield "telemetry.capture_content is true, but no otel_endpoint is set: nothing is sent anywhere"


def _readable_by_others(path: Path) -> bool:
    if os.name != "posix":
        return False
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
