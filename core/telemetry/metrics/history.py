"""The last ten minutes of a few numbers, in steps of five seconds: what a front end draws as lines over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

STEP_SECONDS = 5.0
STEPS = 120


class MetricHistory:
    """Keeps the newest value of every number in each step, however often values are added.

    A step without values is a gap: levels are unknown there, and the growth of a total is spread over it.
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[int, Mapping[str, float | None]]] = deque(maxlen=STEPS + 1)

    def take(self, now: float, values: Mapping[str, float | None]) -> None:
        """Keep the values of this moment (monotonic seconds); None is unknown."""
        step = int(now // STEP_SECONDS)
        if self._steps and self._steps[-1][0] >= step:
            self._steps.pop()
        self._steps.append((step, values))

    def levels(self, name: str, now: float, columns: int) -> list[float | None]:
        """Return the highest value in each of `columns` equal parts of the ten minutes, oldest first."""
        steps: list[float | None] = [None] * STEPS
        for place, values in self._placed(now):
            if 0 <= place < STEPS:
                steps[place] = values.get(name)
        return _grouped(steps, columns, max)

    def rates(self, name: str, now: float, columns: int) -> list[float | None]:
        """Return by how much a total grew a second in each part; the current step is left out."""
        steps: list[float | None] = [None] * STEPS
        before: tuple[int, float] | None = None
        for place, values in self._placed(now - STEP_SECONDS):
            total = values.get(name)
            if total is None or place >= STEPS:
                continue
            if before is not None:
                rate = max(0.0, total - before[1]) / ((place - before[0]) * STEP_SECONDS)
                for gap in range(max(0, before[0] + 1), place + 1):
                    steps[gap] = rate
            before = place, total
        return _grouped(steps, columns, lambda known: sum(known) / len(known))

    def _placed(self, now: float) -> Iterator[tuple[int, Mapping[str, float | None]]]:
        first = int(now // STEP_SECONDS) - STEPS + 1
        for step, values in self._steps:
            yield step - first, values


def _grouped(steps: Sequence[float | None], columns: int, join: Callable[[list[float]], float]) -> list[float | None]:
    columns = min(max(1, columns), len(steps))
    bounds = [column * len(steps) // columns for column in range(columns + 1)]
    groups = ([value for value in steps[a:b] if value is not None] for a, b in pairwise(bounds))
    return [join(known) if known else None for known in groups]
