"""Checks everything a run needs: what is there, what answers, and what to do about the rest."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path, user_log_path

from core.addresses import OPENAI_BASE_URL
from core.clock import SystemClock
from core.errors import QuintetError
from core.execution.not_executed import NotExecuted
from core.execution.runners.python.runner import PytestRunner
from core.execution.runners.registry import RUNNERS
from core.execution.sandbox.ladder import Ladder, climb
from core.execution.sandbox.sandbox import Sandbox
from core.llm.embedded.model_file import find_model_file
from core.llm.embedded.server import EmbeddedServer
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.faults import Fault
from core.llm.http.pool import ClientPool
from core.llm.servers.facts import chat_models, list_models, model_names
from core.llm.servers.resolver import EndpointSource, tier_of_file
from core.prompts import load_agents, load_common
from core.settings import FallbackSettings, Settings, key_for_fallback
from core.settings.overview import json_value
from core.system.versions import installed_version
from core.text.install_hints import install_extra
from core.text.sanitize import plain_line
from core.workflow.definition import load_workflows

PROBE_TIMEOUT_SECONDS = 0.5
ANSWER_TIMEOUT_SECONDS = 15.0
NAMES_MAX_CHARACTERS = 200
LOCAL_SERVERS = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
EXTRAS = {  # of each exporter, and a module that comes with it
    "telemetry.otel_endpoint": ("otel", "opentelemetry.sdk"),
    "telemetry.datadog_api_key": ("otel", "opentelemetry.sdk"),
    "telemetry.sentry_dsn": ("sentry", "sentry_sdk"),
}

Grade = Literal["ok", "note", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `missing` makes the doctor's exit code 1."""

    grade: Grade
    name: str
    detail: str


async def examine(settings: Settings) -> list[Finding]:
    """Return all findings; starts the embedded model for a moment when it is what would answer."""
    findings = [
        Finding("ok", "Quintet", f"{version()} on Python {platform.python_version()}, {platform.system()}"),
        *(Finding("note", "settings", warning) for warning in settings.warnings),
        *_configured(settings),
        *_exporters(settings),
        *_folders(settings),
        *_prompts(settings),
    ]
    findings.extend(await _execution(settings))
    findings.extend(await _models(settings))
    findings.extend(await _local_servers(settings))
    return findings


def version() -> str:
    """Return the installed version of Quintet."""
    return installed_version("quintet") or "0 (not installed)"


def _configured(settings: Settings) -> list[Finding]:
    rows = _rows(settings, "profile")
    endpoint = _rows(settings, "llm.base_url", "llm.api_key", "llm.model", "llm.model_file")
    return rows + (endpoint or [Finding("note", "endpoint", "none is configured: the embedded demo model answers")])


def _rows(settings: Settings, *names: str) -> list[Finding]:
    """Return those settings that are set, with their sources."""
    values = {name: settings.value_of(name) for name in names}
    return [
        Finding("ok", name, f"{json_value(value)}  ({settings.origin_of(name).place})")
        for name, value in values.items()
        if value is not None
    ]


def _exporters(settings: Settings) -> list[Finding]:
    """Return where Quintet reports to, and what is missing for it."""
    rows = _rows(settings, "telemetry.metrics_port", *EXTRAS)
    for name, (extra, module) in EXTRAS.items():
        if settings.value_of(name) is not None and not _is_installed(module):
            rows.append(
                Finding("note", name, f"nothing is sent: quintet[{extra}] is not installed - {install_extra(extra)}")
            )
    return rows or [Finding("ok", "exporters", "none: nothing is reported to anybody")]


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _folders(settings: Settings) -> list[Finding]:
    log_file = settings.logging.file
    folders = {
        "output folder": settings.workspace.output_dir,
        "data folder": user_data_path("quintet", appauthor=False),
        "log folder": log_file.parent if log_file else user_log_path("quintet", appauthor=False),
    }
    return [_folder(name, path.absolute()) for name, path in folders.items()]


def _folder(name: str, path: Path) -> Finding:
    """Try the nearest folder that exists, and leave nothing behind."""
    nearest = path
    while not os.path.exists(nearest) and nearest != nearest.parent:  # noqa: PTH110 - as above
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("missing", name, f"{path} cannot be written ({reason}) - choose another or mend its rights")
    return Finding("ok", name, str(path))


def _prompts(settings: Settings) -> list[Finding]:
    """Return whether agents and workflows load."""
    try:
        agents = load_agents(settings.team.prompts_dir)
        load_common(settings.team.prompts_dir)
        workflows = load_workflows(agents, settings.team.prompts_dir)
    except QuintetError as error:
        return [Finding("missing", "prompts", str(error))]
    return [Finding("ok", "prompts", f"{len(agents)} agents, workflows {', '.join(workflows)}")]


async def _execution(settings: Settings) -> list[Finding]:
    """Return what model-written code would run in, and the tests of which languages can be executed there."""
    ladder = await climb(settings.execution)
    if isinstance(ladder.chosen, NotExecuted):
        return [Finding("note", "sandbox", f"{ladder.chosen.reason} - {ladder.chosen.hint}")]
    return [_sandbox(ladder, ladder.chosen), await _test_runners(ladder.chosen)]


async def _test_runners(sandbox: Sandbox) -> Finding:
    """Say which test tools are here, and what to install for the others; only without pytest most runs prove nothing."""
    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(runner.unavailable(sandbox)) for name, runner in RUNNERS.items()}
    missing = {name: task.result() for name, task in asked.items()}
    there = ", ".join(name for name, why in missing.items() if why is None) or "none"
    parts = [f"{name} cannot be run: {why.reason} - {why.hint}" for name, why in missing.items() if why is not None]
    grade: Grade = "ok" if missing[PytestRunner.name] is None else "note"
    return Finding(grade, "test runners", "; ".join([there, *parts]))


def _sandbox(ladder: Ladder, sandbox: Sandbox) -> Finding:
    """Say what holds model-written code, what that does not hold, and why no better one does."""
    *failed, chosen = ladder.tried
    parts = [f"{chosen.name}: {chosen.probe.detail}"]
    parts += [f"it does not hold {lack}" for lack in sandbox.not_covered]
    parts += [f"{rung.name} does not work: {rung.probe.detail} - {rung.probe.hint}" for rung in failed]
    return Finding("note" if failed else "ok", "sandbox", "; ".join(parts))


async def _models(settings: Settings) -> list[Finding]:
    """Ask the model, and each fallback; a run can do without a fallback, so its silence is a note."""
    clock = SystemClock()
    pool = ClientPool(clock=clock)
    with tempfile.TemporaryDirectory(prefix="quintet-doctor-") as folder:
        source = EndpointSource(settings, pool=pool, clock=clock, log_folder=Path(folder))
        try:
            found = [await _model(settings, source, pool, Path(folder))]
            if source.model_note:
                found.append(Finding("note", "model", source.model_note))
            for number, fallback in enumerate(settings.llm.fallbacks, start=1):
                finding = await _fallback(settings, fallback, pool)
                grade: Grade = "note" if finding.grade == "missing" else finding.grade
                found.append(replace(finding, grade=grade, name=f"fallback {number}"))
            return found
        finally:
            await source.close()
            await pool.close()


async def _model(settings: Settings, source: EndpointSource, pool: ClientPool, folder: Path) -> Finding:
    try:
        if source.is_embedded:
            return await _embedded(settings, folder)
        endpoint = await source.resolve()
        finding = await _answers(pool, endpoint, ("LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL"))
        if finding.grade != "ok":
            return finding
        return replace(finding, detail=f"{finding.detail}; led as {endpoint.tier}: {endpoint.tier_reason}")
    except QuintetError as error:
        return Finding("missing", "model", str(error))


async def _fallback(settings: Settings, fallback: FallbackSettings, pool: ClientPool) -> Finding:
    base_url = fallback.base_url or settings.llm.base_url or OPENAI_BASE_URL
    key = key_for_fallback(settings, fallback).key
    try:
        return await _answers(
            pool, make_endpoint(base_url, fallback.model, api_key=key), ("base_url", "api_key", "model")
        )
    except QuintetError as error:
        return Finding("missing", "model", str(error))


async def _embedded(settings: Settings, folder: Path) -> Finding:
    server = EmbeddedServer(
        log_file=folder / "embedded-model.log", clock=SystemClock(), model_file=settings.llm.model_file
    )
    try:
        address = await server.ensure_started()
    finally:
        await server.stop()
    file = await asyncio.to_thread(find_model_file, settings.llm.model_file)
    tier = tier_of_file(file, address.context_tokens, settings.team.tier)
    detail = f"{address.model_label} answers: {address.slots} at once, {address.context_tokens} tokens of context each"
    detail += f"; led as {tier.tier}: {tier.reason}"
    return Finding("ok", "model", detail)


async def _answers(pool: ClientPool, endpoint: Endpoint, names_of_settings: tuple[str, str, str]) -> Finding:
    """Ask a server for its models; the names of address, key and model are for the hints."""
    host, model = endpoint.host, endpoint.model
    address, key, model_name = names_of_settings
    try:
        models = await list_models(pool, endpoint, ANSWER_TIMEOUT_SECONDS)
    except Fault as fault:
        if (status := fault.error.status) is not None:
            hint = f"check {key if status in (401, 403) else address}"
            return Finding("missing", "model", f"{host} answers with status {status} - {hint}")
        hint = fault.hint if fault.hint != fault.rule.hint else f"check {address}"
        return Finding("missing", "model", f"{fault.message} - {hint}")
    except TimeoutError:
        return Finding("missing", "model", f"{host} does not answer in time - check {address}")
    if models is None:
        why = f"what {host} answers is no list of models - check {address}: most end in /v1"
        return Finding("missing", "model", why)
    names = model_names(models)
    if names and model not in names:
        some = plain_line(", ".join(model_names(chat_models(models) or models)[:5]), limit=NAMES_MAX_CHARACTERS)
        return Finding("missing", "model", f"{host} does not offer {model!r} - set {model_name} to one of: {some}")
    return Finding("ok", "model", f"{model} at {host}")


async def _local_servers(settings: Settings) -> list[Finding]:
    """Offer what listens on the usual ports; it is never chosen in silence."""
    if settings.llm.base_url:
        return []

    async def listens(port: int) -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    found = []
    for name, port in LOCAL_SERVERS.items():
        if await listens(port):
            address = f"http://127.0.0.1:{port}/v1"
            found.append(Finding("note", "local server", f"{name}'s port is open: LLM_BASE_URL={address} would use it"))
    return found


def terminal_finding() -> Finding:
    """Say whether the app could be shown here."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding("note", "terminal", "none here: `quintet run TASK` works without")
    size = os.get_terminal_size()
    grade: Grade = "ok" if size.columns >= 60 and size.lines >= 20 else "note"
    return Finding(grade, "terminal", f"{size.columns}x{size.lines}, TERM={os.environ.get('TERM', 'not set')}")
