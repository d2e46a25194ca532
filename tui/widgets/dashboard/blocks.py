"""The blocks of the dashboard as lines of text; what is not known is a dash, never a zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from textual.content import Content

from core.telemetry.metrics.history import STEPS
from core.telemetry.metrics.series import series_of
from core.text.sanitize import one_line
from tui.widgets.breaker import breaker_changes, breaker_row
from tui.widgets.dashboard.session_history import DashboardData
from tui.widgets.dashboard.sparkline import sparkline
from tui.words.agent_state import STATE_LABELS, WORKING
from tui.words.alert_words import ALL_WELL, alert_line
from tui.words.numbers import clock_time, cost_words, count, duration, size
from tui.words.plain import plain

if TYPE_CHECKING:
    from core.state.status import AgentStatus

DIM = "$foreground 60%"
MOST_KINDS = 6
LABEL_COLUMNS = 13
NAME_COLUMNS, STATE_COLUMNS = 5, 12
LEAST_SPARK_COLUMNS, NUMBER_COLUMNS = 10, 12
METRICS_OFF = "metrics are off: set ENABLE_METRICS=true"
STARTING = "… the engine is starting"


def alerts(data: DashboardData, width: int) -> Iterator[Content]:
    """Return the active alerts, worst first, with their age."""
    status = data.status
    if status is None:
        yield Content("-")
        return
    for alert in status.alerts:
        yield alert_line(alert).truncate(width, ellipsis=True)
    if not status.alerts:
        yield ALL_WELL


def calls(data: DashboardData, width: int) -> Iterator[Content]:
    """Return rate and success of the calls that ended, and both over ten minutes."""
    metrics = data.metrics
    if metrics is None:
        yield Content(METRICS_OFF)
        return
    ended = Counter[str]()
    for tags, window in series_of("llm.request", metrics["histograms"]):
        ended[tags.get("outcome", "")] += window["count"]
    judged = ended["ok"] + ended["error"]
    seconds = min(metrics["window_s"], metrics["uptime_s"])
    rate = f"{ended.total() / seconds * 60:.1f}" if seconds > 0 else "-"
    failed = _percent(ended["error"], judged)
    yield Content.assemble(
        (f"{rate}/min", "bold"),
        f"  ok {_percent(ended['ok'], judged)}  ",
        (f"failed {failed}", "$text-error" if ended["error"] else ""),
        f"  cancelled {ended['cancelled']}",
        (f"  over {clock_time(seconds)}", DIM),
    )
    samples = data.history.samples
    yield _over_time("calls/min", samples.rates("requests", data.now, _spark_columns(width)), 60)
    yield _over_time("faults/min", samples.rates("failed_attempts", data.now, _spark_columns(width)), 60)


def latency(data: DashboardData, width: int) -> Iterator[Content]:
    """Return the percentiles of answered calls, first tokens and agents' tasks, and p95 of calls over ten minutes."""
    yield Content.styled(f"{'seconds':<{LABEL_COLUMNS}}{'p50':>7}{'p95':>7}{'p99':>7}", DIM)
    status = data.status
    whole = status.latency if status is not None else None
    yield _three("whole call", (whole.p50_seconds, whole.p95_seconds, whole.p99_seconds) if whole else (None,) * 3)
    yield _three("first token", tuple(_seconds(value) for value in data.first_token))
    yield _three("agent's task", tuple(_seconds(value) for value in data.all_tasks))
    yield _over_time("p95 of calls", data.history.samples.levels("p95", data.now, _spark_columns(width)), unit=" s")


def tokens(data: DashboardData, width: int) -> Iterator[Content]:
    """Return the tokens of this run, their speed over ten minutes, and what they cost."""
    status = data.status
    if status is None:
        yield Content("-")
        return
    speed = f"{status.tokens_per_second:.0f}" if status.tokens_per_second else "-"
    yield Content.assemble(
        (f"{speed} tok/s", "bold"), f"  {count(status.output_tokens)} out  {count(status.input_tokens)} in"
    )
    levels = data.history.samples.levels("tokens_per_second", data.now, _spark_columns(width))
    yield _over_time("tok/s", levels)
    yield Content(f"cost {cost_words(status.run_cost)} this run  {cost_words(status.session_cost)} in all")


def repairs(data: DashboardData, width: int) -> Iterator[Content]:
    """Return how often the call path had to help, since the start."""
    del width
    counters = _counters(data)
    requests = _sum(counters, "llm.requests")
    retries = _sum(counters, "llm.retries")
    share = f" ({retries / requests:.2f} a call)" if retries and requests else ""
    yield Content(f"retries {_whole(retries)}{share}  truncations {_whole(_sum(counters, 'llm.context_truncations'))}")
    yield Content(
        f"continuations {_whole(_sum(counters, 'llm.continuations'))}  fallbacks {_whole(_sum(counters, 'llm.fallbacks'))}"
    )
    hits, misses = _sum(counters, "cache.hit"), _sum(counters, "cache.miss")
    asked = (hits or 0) + (misses or 0)
    yield Content(f"cache hits {_percent(hits or 0, asked)}" + (f" of {asked:.0f} calls" if asked else ""))


def queue(data: DashboardData, width: int) -> Iterator[Content]:
    """Return who waits for a turn, and how many calls run."""
    del width
    status = data.status
    if status is None:
        yield Content(STARTING)
        return
    pool = status.pool
    running = f"{pool.in_flight} of {pool.slots}" if pool.slots else str(pool.in_flight)
    waits = Content.styled(f"{pool.waiting} waiting", "$text-warning" if pool.waiting else "")
    yield waits + Content(f"  running {running}")


def breakers(data: DashboardData, width: int) -> Iterator[Content]:
    """Return the breakers as they are now, and their last changes."""
    status = data.status
    known = status.breakers if status is not None else ()
    for breaker in known:
        yield breaker_row(breaker).truncate(width, ellipsis=True)
    if not known:
        yield Content("- none has been needed")
    for line in breaker_changes(data.history.breaker_changes, data.now):
        yield line.truncate(width, ellipsis=True)


def faults(data: DashboardData, width: int) -> Iterator[Content]:
    """Return the failed attempts by their kind, most frequent first."""
    del width
    counters = _counters(data)
    if counters is None:
        yield Content("-")
        return
    kinds = Counter[str]()
    for tags, number in series_of("llm.errors", counters):
        if number:
            kinds[tags.get("kind", "?")] += round(number)
    if not kinds:
        yield Content.styled("✓ none since the start", DIM)
    for kind, number in kinds.most_common(MOST_KINDS):
        yield Content.styled(f"{number:>5} ", "$text-error") + plain(kind, limit=40)
    if len(kinds) > MOST_KINDS:
        others = sum(kinds.values()) - sum(number for _, number in kinds.most_common(MOST_KINDS))
        yield Content(f"{others:>5} of other kinds")


def agents(data: DashboardData, width: int) -> Iterator[Content]:
    """Return how many agents work and how many tasks were completed; then a line an agent: state, speed, tokens, times."""
    team = data.status.agents if data.status is not None else ()
    working = sum(bool(agent.state in WORKING) for agent in team)
    yield Content.assemble((f"{working} of {len(team)}", "bold"), " active  ", *_completion(_counters(data)))
    head = f"{'':<{NAME_COLUMNS + STATE_COLUMNS}}{'tok/s':>6}{'out':>6}{'calls':>6}{'tasks':>6}{'p50 s':>7}{'p95 s':>7}"
    yield Content.styled(head, DIM).truncate(width)
    for agent in team:
        yield _agent(data, agent).truncate(width, ellipsis=True)


def pool(data: DashboardData, width: int) -> Iterator[Content]:
    """Return one line a client."""
    clients: Mapping[str, Mapping[str, Any]] = (data.pool or {}).get("clients", {})
    if not clients:
        yield Content("- no client is open")
        return
    name_columns = max(12, min(40, width - 51))
    columns = f"{'calls':>6}{'ok':>6}{'failed':>7}{'run':>4}{'mean':>8}{'age':>9}  state"
    yield Content.styled(f"{'client':<{name_columns}}{columns}", DIM)
    for name, client in clients.items():
        mean = f"{client['latency']:.1f} s" if client["latency"] is not None else "-"
        figures = f"{client['requests']:>6}{client['successes']:>6}{client['failures']:>7}{client['in_flight']:>4}"
        state = ("✓ healthy", "$text-success") if client["healthy"] else ("✗ failing", "$text-error")
        yield Content.assemble(
            plain(name, limit=200).truncate(name_columns, ellipsis=True, pad=True),
            f"{figures}{mean:>8}{clock_time(client['age_seconds']):>9}  ",
            state,
        )


def process(data: DashboardData, width: int) -> Iterator[Content]:
    """Return memory, processor time and age of this process."""
    del width
    gauges: Mapping[str, float] = data.metrics["gauges"] if data.metrics is not None else {}
    memory, cpu = gauges.get("process.memory"), gauges.get("process.cpu") or None  # the first measurement gives a 0
    up = clock_time(data.metrics["uptime_s"]) if data.metrics is not None else "-"
    yield Content(
        f"memory {size(round(memory)) if memory is not None else '-'}"
        f"  CPU {f'{cpu:.0f} %' if cpu is not None else '-'}  up {up}"
    )


def _agent(data: DashboardData, agent: AgentStatus) -> Content:
    label = STATE_LABELS[agent.state]
    speed = f"{agent.tokens_per_second:.0f}" if agent.tokens_per_second else "-"
    tokens_out = count(agent.output_tokens) if agent.calls or agent.output_tokens else "-"
    ended = "-"
    if data.metrics is not None:
        windows = series_of("agent.task", data.metrics["histograms"])
        ended = str(sum(window["count"] for tags, window in windows if tags.get("agent") == agent.agent_id) or "-")
    p50, p95 = (data.tasks or {}).get(agent.agent_id, (None, None))
    name = one_line(data.names.get(agent.agent_id, agent.agent_id), 4)
    return Content.assemble(
        (f"{name:<{NAME_COLUMNS}}", "bold"),
        (f"{label.glyph} {label.word:<{STATE_COLUMNS - 2}}", label.style),
        f"{speed:>6}{tokens_out:>6}{agent.calls or '-':>6}{ended:>6}",
        f"{_tenths(_seconds(p50)):>7}{_tenths(_seconds(p95)):>7}",
    )


def _completion(counters: Mapping[str, float] | None) -> Iterator[str]:
    """Give the share of the tasks that came to their end whole; those the user stopped or skipped are left out."""
    ended = Counter[str]()
    for tags, number in series_of("agent.tasks_ended", counters or {}):
        ended[tags.get("outcome", "")] += round(number)
    judged = ended["ok"] + ended["partial"] + ended["failed"]
    yield f"tasks completed {_percent(ended['ok'], judged)}"
    if judged:
        yield f" of {judged}"


def _three(label: str, values: tuple[float | None, ...]) -> Content:
    return Content(f"{label:<{LABEL_COLUMNS}}" + "".join(f"{_tenths(value):>7}" for value in values))


def _over_time(label: str, values: list[float | None], factor: float = 1, unit: str = "") -> Content:
    known = [value * factor for value in values if value is not None]
    if not known:
        return Content(f"{label:<{LABEL_COLUMNS}}{'-':>7}")
    return Content.assemble(
        f"{label:<{LABEL_COLUMNS}}", (sparkline(values), "$text-accent"), (f" max {max(known):.1f}{unit}", DIM)
    )


def _spark_columns(width: int) -> int:
    return min(STEPS, max(LEAST_SPARK_COLUMNS, width - LABEL_COLUMNS - NUMBER_COLUMNS))


def _counters(data: DashboardData) -> Mapping[str, float] | None:
    return data.metrics["counters"] if data.metrics is not None else None


def _sum(counters: Mapping[str, float] | None, metric: str) -> float | None:
    return sum(value for _, value in series_of(metric, counters)) if counters is not None else None


def _whole(value: float | None) -> str:
    return "-" if value is None else count(round(value))


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}".replace("%", " %") if whole else "-"


def _seconds(milliseconds: float | None) -> float | None:
    return milliseconds / 1000 if milliseconds is not None else None


def _tenths(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 999.95 else duration(value)
