"""Exporters against receivers on loopback: what arrives, what never does, and that nobody waits for a dead one."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from prometheus_client.parser import text_string_to_metric_families

from core.events import AttemptStarted, CallFinished, Event, StepFinished, TokensReceived
from core.settings import Settings, load_config
from core.telemetry import metrics
from core.telemetry.export import otlp
from core.telemetry.export.exporters import STOP_SECONDS, Exporters
from core.telemetry.logs import setup_logging, stop_logging
from core.telemetry.metrics.registry import Registry
from core.text.install_hints import install_extra
from tests.support.fault_server import Step, error
from tests.support.otlp_receiver import OtlpReceiver, ReceivedRequest, attributes_of
from tests.support.ports import free_port
from tests.support.repository import ROOT
from tests.support.team import engine_harness

KEY, DATADOG_KEY = "sk-live-0123456789abcdefghij", "dd-0123456789abcdefghijklmnop"
TASK, ANSWER, LEAK = "Reverse MARKERTASK text", "MARKERANSWER it depends", "MARKERLEAK"
MOST_READ_BYTES = 32_000_000  # what two connections may hold in the buffers of the system, and more
PATIENT_SECONDS = STOP_SECONDS + 4  # of a sender: a stop that waits for it is seen to be late, on a busy machine too
STUCK = {"silent": None, "overloaded": 503}


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    with metrics.use_registry(registry):
        yield registry


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


def settings_of(folder: Path, **telemetry: object) -> Settings:
    return load_config(
        overrides={f"telemetry.{name}": value for name, value in telemetry.items()},
        cwd=folder,
        env={},
        user_config=folder / "no-config.toml",
    )


def everywhere(receiver: OtlpReceiver) -> dict[str, object]:
    return {
        "otel_endpoint": receiver.url,
        "datadog_api_key": DATADOG_KEY,
        "sentry_dsn": f"http://public@127.0.0.1:{receiver.port}/1",
    }


async def events_of_a_run(folder: Path, workflow: str) -> list[Event]:
    """Return what a real run of the team tells, with a fault in it, and words that must not be seen again."""
    failure = error(500, f"{LEAK} cannot answer {TASK}")
    answers: dict[str, str | Step | Sequence[str | Step]] = {
        "opinion": ANSWER,
        "brief": [failure, f"# Brief\n\nR1: {ANSWER}\nR2: keep an empty text\n"],
    }
    async with engine_harness(folder, answers, llm__api_key=KEY) as b:
        await b.engine.run(TASK, workflow=workflow)
    return b.events.events


async def export(
    folder: Path, workflow: str, registry: Registry, receiver: OtlpReceiver, **telemetry: object
) -> list[Event]:
    """Let all exporters follow a run, and return its events; no workflow, no run."""
    settings = settings_of(folder, **everywhere(receiver), **telemetry)
    async with Exporters(settings, recorder=lambda: registry, datadog_url=f"{receiver.url}/datadog") as exporters:
        assert exporters.warnings == ()
        events = await events_of_a_run(folder, workflow) if workflow else []
        tell(exporters, events)
        exporters.report(a_fault())
        if settings.telemetry.metrics_port is not None:
            page = await asyncio.to_thread(read_page, settings.telemetry.metrics_port)
            receiver.take(ReceivedRequest("/metrics", {}, page.encode()))
    return events


def a_fault() -> BaseException:
    try:
        fail(password=LEAK)
    except ValueError as error:
        return error
    raise AssertionError("there is no fault")


def fail(password: str) -> None:
    raise ValueError(f"cannot read {ANSWER!r} with {KEY} of {len(password)} letters")


def sum_of(found: list[Metric], name: str) -> float:
    """Return what a counter has counted, all its series together."""
    return float(sum(point.as_double for metric in found if metric.name == name for point in metric.sum.data_points))


def count_of(found: list[Metric], name: str) -> int:
    """Return how many durations a histogram has taken, all its series together."""
    return sum(point.count for metric in found if metric.name == name for point in metric.histogram.data_points)


def temporalities(found: list[Metric]) -> set[int]:
    counters = {metric.sum.aggregation_temporality for metric in found if metric.HasField("sum")}
    return counters | {metric.histogram.aggregation_temporality for metric in found if metric.HasField("histogram")}


def read_page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        page: bytes = answer.read()
    return page.decode()


def run_python(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )


async def test_a_run_arrives_as_one_trace(tmp_path: Path, registry: Registry, receiver: OtlpReceiver) -> None:
    events = await export(tmp_path, "roundtable", registry, receiver)

    spans = receiver.spans()
    by_id = {span.span_id: span for span in spans}
    parents = {(by_id[span.parent_span_id].name if span.parent_span_id else "", span.name) for span in spans}
    assert len({span.trace_id for span in spans}) == 1
    assert len(spans) == 1 + 6 + sum(isinstance(event, AttemptStarted) for event in events)
    assert {("", "invoke_workflow roundtable"), ("invoke_agent developer", "chat test-model")} <= parents
    assert {child.split()[0] for parent, child in parents if parent.startswith("invoke_agent")} == {"chat"}
    assert {child.split()[0] for parent, child in parents if parent.startswith("invoke_workflow")} == {"invoke_agent"}
    correlation_ids = {attributes_of(span)["quintet.correlation_id"] for span in spans}
    assert correlation_ids == {events[0].correlation_id}


async def test_failed_attempts_arrive_with_their_kind_of_fault(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    await export(tmp_path, "delivery", registry, receiver)

    errors = [attributes_of(span)["error.type"] for span in receiver.spans() if span.name == "chat test-model"
              and "error.type" in attributes_of(span)]  # fmt: skip
    assert errors == ["server"]


async def test_the_metrics_that_arrive_are_those_of_the_run(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    events = await export(tmp_path, "delivery", registry, receiver)

    calls = [event for event in events if isinstance(event, CallFinished)]
    steps = [event for event in events if isinstance(event, StepFinished)]
    for found in (receiver.metrics("/v1/metrics"), receiver.metrics("/datadog/v1/metrics")):
        assert sum_of(found, "quintet.llm.requests") == len(calls)
        assert sum_of(found, "quintet.llm.retries") == 1
        assert sum_of(found, "gen_ai.client.inference.usage.output_tokens") == sum(
            call.usage.output_tokens for call in calls
        )
        assert count_of(found, "gen_ai.client.inference.duration") == len(calls)
        assert count_of(found, "gen_ai.invoke_agent.duration") == len(steps)
        assert count_of(found, "gen_ai.invoke_workflow.duration") == 1


async def test_no_key_and_no_word_of_a_user_or_a_model_arrives_anywhere(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    events = await export(tmp_path, "delivery", registry, receiver, metrics_port=free_port())

    told = receiver.all_bytes()
    assert {posted.path for posted in receiver.posted} == {
        "/v1/metrics", "/v1/traces", "/datadog/v1/metrics", "/datadog/v1/traces", "/api/1/envelope/", "/metrics"
    }  # fmt: skip
    assert "MARKERTASK" in repr(events)
    assert "MARKERANSWER" in repr(events)
    for secret in (KEY, "MARKERTASK", "MARKERANSWER", LEAK, str(tmp_path), str(Path.home())):
        assert secret.encode() not in told, secret


async def test_answers_arrive_when_the_settings_ask_for_them_but_never_a_key(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    await export(tmp_path, "roundtable", registry, receiver, capture_content=True)

    told = receiver.all_bytes()
    assert b"MARKERTASK" in told
    assert b"MARKERANSWER" in told
    assert KEY.encode() not in told


async def test_datadog_gets_deltas_its_key_and_nothing_meant_for_others(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic for-the-other-server")
    await export(tmp_path, "roundtable", registry, receiver)

    [report], [traces] = receiver.at("/datadog/v1/metrics"), receiver.at("/datadog/v1/traces")
    assert (report.headers["dd-api-key"], traces.headers["dd-api-key"]) == (DATADOG_KEY, DATADOG_KEY)
    assert traces.headers["dd-otlp-source"] == "llmobs"
    assert "authorization" not in report.headers | traces.headers
    assert receiver.at("/v1/metrics")[0].headers["authorization"] == "Basic for-the-other-server"
    assert "dd-api-key" not in receiver.at("/v1/metrics")[0].headers | receiver.at("/v1/traces")[0].headers
    assert DATADOG_KEY.encode() not in b"".join(posted.body for posted in receiver.posted)
    assert temporalities(receiver.metrics("/datadog/v1/metrics")) == {
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    }
    assert temporalities(receiver.metrics("/v1/metrics")) == {AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE}


async def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    await export(tmp_path, "", registry, receiver)

    assert {posted.path for posted in receiver.posted} == {"/v1/metrics", "/datadog/v1/metrics", "/api/1/envelope/"}


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ALL_PROXY": "socks4://me:swordfish@10.0.0.1:1080"}, "ALL_PROXY=socks4://***@10.0.0.1:1080 has the scheme"),
        ({"HTTPS_PROXY": "10.0.0.1:31x8"}, "HTTPS_PROXY=http://10.0.0.1:31x8 is no address"),
        ({"HTTPS_PROXY": "http://:1"}, "HTTPS_PROXY=http://:1 names no host"),
        ({"SSL_CERT_FILE": "/missing.pem"}, "SSL_CERT_FILE=/missing.pem cannot be read"),
        ({"SSL_CERT_DIR": "/missing"}, "SSL_CERT_DIR=/missing is no folder that can be read"),
        ({"REQUESTS_CA_BUNDLE": "/missing.pem"}, "REQUESTS_CA_BUNDLE=/missing.pem cannot be read"),
        ({"CURL_CA_BUNDLE": "/missing.pem"}, "CURL_CA_BUNDLE=/missing.pem cannot be read"),
    ],
)
async def test_what_of_the_network_surroundings_stands_in_the_way_is_one_warning_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    remote = {
        "otel_endpoint": "https://otel.invalid",
        "datadog_api_key": DATADOG_KEY,
        "sentry_dsn": "https://key@sentry.invalid/1",
    }
    async with Exporters(settings_of(tmp_path, **remote)) as exporters:
        exporters.receive(an_attempt("m"))
        exporters.report(ValueError("x"))

    [warning] = exporters.warnings
    assert warning.startswith(
        f"nothing is exported for OTEL_EXPORTER_OTLP_ENDPOINT and DATADOG_API_KEY and SENTRY_DSN: {problem}"
    )
    assert "unset" in warning
    assert "swordfish" not in warning


async def test_a_server_on_this_machine_is_reached_whatever_the_proxy_is(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://10.0.0.1:1080")
    settings = settings_of(tmp_path, otel_endpoint=receiver.url, sentry_dsn="https://key@sentry.invalid/1")
    async with Exporters(settings, recorder=lambda: registry) as exporters:
        registry.record("llm.retries", "counter", 1, None)

    assert {posted.path for posted in receiver.posted} == {"/v1/metrics"}
    assert [warning.split(": ")[0] for warning in exporters.warnings] == ["nothing is exported for SENTRY_DSN"]


async def test_exports_go_through_the_proxy_of_the_environment(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", receiver.url)
    monkeypatch.setenv("NO_PROXY", "*.example.net")
    async with Exporters(settings_of(tmp_path, otel_endpoint="http://otel.invalid"), recorder=lambda: registry):
        registry.record("llm.retries", "counter", 1, None)

    assert [posted.path for posted in receiver.posted] == ["http://otel.invalid/v1/metrics"]


async def test_the_standard_variables_name_service_and_addresses(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "our-team")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/elsewhere")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    async with Exporters(settings_of(tmp_path, otel_endpoint=receiver.url), recorder=lambda: registry):
        registry.record("llm.retries", "counter", 1, None)

    assert {posted.path for posted in receiver.posted} == {"/elsewhere"}
    assert b"our-team" in receiver.all_bytes()


async def test_the_standards_own_switch_turns_all_of_it_off(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with Exporters(settings_of(tmp_path, otel_endpoint=receiver.url), recorder=lambda: registry):
        registry.record("llm.retries", "counter", 1, None)

    assert receiver.posted == []


async def test_a_crash_report_says_where_and_not_what(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    await export(tmp_path, "", registry, receiver)

    [envelope] = receiver.at("/api/1/envelope/")
    event = json.loads(envelope.body.splitlines()[2])
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception.get("value")) == ("ValueError", None)
    frames = exception["stacktrace"]["frames"]
    assert [frame["function"] for frame in frames] == ["a_fault", "fail"]
    assert all(set(frame) <= {"filename", "function", "module", "lineno", "in_app"} for frame in frames)
    assert event["server_name"] == ""
    assert not {"user", "breadcrumbs", "extra", "request", "modules"} & {name for name in event if event[name]}


async def test_a_crash_report_can_hold_the_masked_words_of_the_fault(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    await export(tmp_path, "", registry, receiver, capture_content=True)

    [envelope] = receiver.at("/api/1/envelope/")
    assert ANSWER.encode() in envelope.body
    assert KEY.encode() not in envelope.body
    assert LEAK.encode() not in envelope.body  # a local variable


@pytest.mark.parametrize("status", STUCK.values(), ids=STUCK)
async def test_the_end_is_not_held_up_by_servers_that_do_not_take_anything(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT_SECONDS", PATIENT_SECONDS)
    with OtlpReceiver(status) as receiver:
        exporters = Exporters(
            settings_of(tmp_path, **everywhere(receiver), metrics_port=free_port()),
            recorder=lambda: registry,
            datadog_url=f"{receiver.url}/datadog",
        )
        await exporters.start()
        tell(exporters, await events_of_a_run(tmp_path, "roundtable"))
        exporters.report(a_fault())
        started = time.monotonic()

        await exporters.stop()

        assert time.monotonic() - started < PATIENT_SECONDS
        assert receiver.posted
    end_of_all_threads()


async def test_the_end_is_not_held_up_by_servers_that_are_not_there(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT_SECONDS", PATIENT_SECONDS)
    port = free_port()
    settings = settings_of(
        tmp_path, otel_endpoint=f"http://127.0.0.1:{port}", sentry_dsn=f"http://public@127.0.0.1:{port}/1"
    )
    exporters = Exporters(settings, recorder=lambda: registry)
    await exporters.start()
    exporters.report(a_fault())
    started = time.monotonic()

    await exporters.stop()

    assert time.monotonic() - started < PATIENT_SECONDS
    end_of_all_threads()


def end_of_all_threads() -> None:
    """Wait for what the stop has left behind: its faults are to be seen in the test that caused them."""
    for thread in threading.enumerate():
        if thread.name.startswith(("Otel", "metrics", "exporter", "sentry")):
            thread.join(timeout=20)


class _Endless(BaseRequestHandler):
    """Answers with a body that never ends."""

    sent = 0
    given_up = threading.Event()

    def handle(self) -> None:
        self.request.recv(1_000_000)
        try:
            self.request.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while _Endless.sent < MOST_READ_BYTES * 10:
                self.request.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                _Endless.sent += 65536
        except OSError:
            _Endless.given_up.set()


async def test_an_answer_without_end_is_not_read(tmp_path: Path, registry: Registry) -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), _Endless) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = settings_of(tmp_path, otel_endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        async with Exporters(settings, recorder=lambda: registry) as exporters:
            exporters.receive(an_attempt("m"))
        assert await asyncio.to_thread(_Endless.given_up.wait, 30)
        server.shutdown()

    assert _Endless.sent < MOST_READ_BYTES


async def test_a_silent_server_costs_the_app_microseconds(tmp_path: Path, registry: Registry) -> None:
    with OtlpReceiver(None) as receiver:
        settings = settings_of(tmp_path, **everywhere(receiver))
        exporters = Exporters(settings, recorder=lambda: registry, datadog_url=f"{receiver.url}/datadog")
        await exporters.start()
        events = await events_of_a_run(tmp_path, "roundtable")
        for _ in range(50):  # more spans than a batch holds, so the senders are stuck in the middle of it
            tell(exporters, events)
        receiver.until(lambda: bool(receiver.at("/v1/traces")))
        token = next(event for event in events if isinstance(event, TokensReceived))

        per_token = best_seconds(lambda: exporters.receive(token))
        per_metric = best_seconds(lambda: registry.record("llm.request", "timing", 5.0, {"agent": "a"}))
        per_run = best_seconds(lambda: tell(exporters, events), times=5)

        await exporters.stop()
        per_nothing = best_seconds(lambda: None, times=10_000)
    assert per_token < 100 * per_nothing
    assert per_metric < 400 * per_nothing
    assert per_run < 400_000 * per_nothing
    end_of_all_threads()


def tell(exporters: Exporters, events: list[Event]) -> None:
    for event in events:
        exporters.receive(event)


def best_seconds(work: Callable[[], None], times: int = 1000) -> float:
    """Return what the work costs this thread at best, whatever else the machine does."""
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for _ in range(times):
            work()
        best = min(best, (time.thread_time() - started) / times)
    return best


async def test_what_the_libraries_complain_about_goes_to_the_log(
    tmp_path: Path, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    assert setup_logging(log_file=tmp_path / "quintet.jsonl") is None
    try:
        settings = settings_of(tmp_path, otel_endpoint=f"http://127.0.0.1:{free_port()}")
        async with Exporters(settings, recorder=lambda: registry):
            registry.record("llm.retries", "counter", 1, None)
        end_of_all_threads()
    finally:
        stop_logging()

    lines = [json.loads(line) for line in (tmp_path / "quintet.jsonl").read_text(encoding="utf-8").splitlines()]
    assert any(line["logger"].startswith("opentelemetry") for line in lines)
    assert capfd.readouterr() == ("", "")


async def test_the_page_is_served_on_this_machine_until_the_stop(tmp_path: Path, registry: Registry) -> None:
    port = free_port()
    async with Exporters(settings_of(tmp_path, metrics_port=port), recorder=lambda: registry):
        registry.record("llm.retries", "counter", 2, {"agent": "a", "kind": "stall"})
        samples = [sample for family in text_string_to_metric_families(read_page(port)) for sample in family.samples]
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", port), timeout=5):
            pass

    assert [sample.value for sample in samples if sample.name == "llm_retries_total"] == [2]
    with pytest.raises(urllib.error.URLError):
        read_page(port)


async def test_a_reader_that_hangs_up_or_stays_silent_disturbs_nobody(
    tmp_path: Path, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    async with Exporters(settings_of(tmp_path, metrics_port=port), recorder=lambda: registry):
        with socket.create_connection(("127.0.0.1", port)) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            hasty.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)):
            assert "process_memory" in read_page(port)

    assert capfd.readouterr() == ("", "")


async def test_a_port_in_use_is_one_warning(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with Exporters(settings_of(tmp_path, metrics_port=port)) as exporters:
            [warning] = exporters.warnings

    assert f"port {port}" in warning
    assert warning.endswith("set another METRICS_PORT")


@pytest.mark.parametrize(
    ("missing", "environment", "warnings"),
    [
        ("sentry_sdk", {"SENTRY_DSN": "https://key@sentry.invalid/1"}, ["SENTRY_DSN is set but quintet[sentry]"]),
        (
            "opentelemetry.sdk",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.invalid"},
            ["OTEL_EXPORTER_OTLP_ENDPOINT is set but quintet[otel]"],
        ),
        ("requests", {"DATADOG_API_KEY": DATADOG_KEY}, ["DATADOG_API_KEY is set but quintet[otel]"]),
        (
            "opentelemetry",
            {"DATADOG_API_KEY": DATADOG_KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.invalid"},
            ["OTEL_EXPORTER_OTLP_ENDPOINT is set but quintet[otel]", "DATADOG_API_KEY is set but quintet[otel]"],
        ),
    ],
)
def test_a_key_without_its_extra_is_one_warning(
    missing: str, environment: dict[str, str], warnings: list[str], tmp_path: Path
) -> None:
    program = f"""
import asyncio, sys
sys.modules[{missing!r}] = None
from core.settings import load_config
from core.telemetry.export.exporters import Exporters

async def main():
    async with Exporters(load_config(overrides={{}})) as exporters:
        print(*exporters.warnings, sep="\\n")

asyncio.run(main())
"""
    lines = run_python(program, tmp_path, **environment).stdout.splitlines()

    extra = "sentry" if missing == "sentry_sdk" else "otel"
    assert lines == [f"{warning} is not installed - {install_extra(extra)}" for warning in warnings]


async def test_a_variable_that_the_libraries_do_not_take_is_one_warning(
    tmp_path: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    async with Exporters(settings_of(tmp_path, otel_endpoint=receiver.url)) as exporters:
        exporters.receive(an_attempt("m"))

    [warning] = exporters.warnings
    assert warning.startswith("nothing is exported for OTEL_EXPORTER_OTLP_ENDPOINT: ")


def test_a_variable_that_the_libraries_refuse_while_they_are_imported_is_one_warning(tmp_path: Path) -> None:
    program = """
import asyncio
from core.settings import load_config
from core.telemetry.export.exporters import Exporters

async def main():
    async with Exporters(load_config(overrides={"telemetry.otel_endpoint": "http://127.0.0.1:9"})) as exporters:
        print(*exporters.warnings, sep="\\n")

asyncio.run(main())
"""
    [warning] = run_python(program, tmp_path, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="-4").stdout.splitlines()

    assert warning.startswith(
        "nothing is exported for OTEL_EXPORTER_OTLP_ENDPOINT: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"
    )


async def test_an_event_that_no_span_can_be_made_of_ends_the_traces_only(
    tmp_path: Path, registry: Registry, receiver: OtlpReceiver
) -> None:
    registry.record("llm.retries", "counter", 1, None)
    async with Exporters(settings_of(tmp_path, otel_endpoint=receiver.url), recorder=lambda: registry) as exporters:
        exporters.receive(an_attempt(None))
        exporters.receive(an_attempt("m"))
        registry.record("llm.retries", "counter", 1, None)

    assert receiver.at("/v1/traces") == []
    assert sum_of(receiver.metrics(), "quintet.llm.retries") == 1


def an_attempt(model: str | None) -> AttemptStarted:
    """Return an event; one without a model breaks its promise."""
    return AttemptStarted(
        run_id="r",
        correlation_id="c",
        at=1.0,
        agent_id="a",
        task_id="t",
        call_id="call",
        attempt=1,
        model=model,  # type: ignore[arg-type]
    )


def test_nothing_is_imported_when_nothing_is_configured(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from core.settings import load_config
from core.telemetry.export.exporters import Exporters

async def main():
    async with Exporters(load_config(overrides={})) as exporters:
        assert exporters.warnings == ()

asyncio.run(main())
print("\\n".join(sys.modules))
"""
    loaded = {name.partition(".")[0] for name in run_python(program, tmp_path).stdout.split()}

    assert not loaded & {"opentelemetry", "prometheus_client", "sentry_sdk", "requests", "urllib3"}


def test_the_process_ends_in_silence_and_in_time_whatever_the_servers_do(tmp_path: Path) -> None:
    program = """
import asyncio, sys, time
from core.settings import load_config
from core.telemetry.export.exporters import Exporters
from core.telemetry.metrics import increment

async def main():
    exporters = Exporters(load_config(overrides={}))
    await exporters.start()
    increment("llm.retries")
    exporters.report(ValueError("out of order"))
    print(time.time())
    await exporters.stop()

asyncio.run(main())
"""
    with OtlpReceiver(None) as receiver:
        done = run_python(
            program,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
            SENTRY_DSN=f"http://public@127.0.0.1:{receiver.port}/1",
            OTEL_EXPORTER_OTLP_TIMEOUT="60",
        )
        ended = time.time()  # noqa: TID251 - two processes share no other clock

    assert done.stderr == ""
    assert ended - float(done.stdout) < 30
