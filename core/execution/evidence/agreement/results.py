"""What came of one call, and what two programs agree on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.execution.evidence.agreement.inputs import CallInput

RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Returned:
    """The call returned a plain value."""

    value: object


@dataclass(frozen=True, slots=True)
class ReturnedObject:
    """The call returned something that is no plain value; `text` is how it shows itself, without addresses."""

    text: str


@dataclass(frozen=True, slots=True)
class Raised:
    """The call raised an exception of this type."""

    exception: str


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The call was given up."""


CallResult = Returned | ReturnedObject | Raised | OutOfTime


@dataclass(frozen=True, slots=True)
class Difference:
    """An input on which two programs differ: the best test there is, once its value was derived from the requirement."""

    given: CallInput
    first: CallResult
    second: CallResult


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many of the inputs that can be compared two programs did the same, and where they did not."""

    compared: int
    differences: tuple[Difference, ...] = ()

    @property
    def fraction(self) -> float:
        """The share of inputs on which both did the same; 0 when there was none to compare."""
        return 1 - len(self.differences) / self.compared if self.compared else 0.0


def compare(
    inputs: Sequence[CallInput], first: Mapping[int, CallResult], second: Mapping[int, CallResult]
) -> Agreement:
    """Compare the results of two programs, by the index of their input.

    Where both raise TypeError the input was none for this function, where both are out of time nothing is known, and where
    one has no result it did not get so far: such inputs are not counted.
    """
    compared = 0
    differences: list[Difference] = []
    for index, given in enumerate(inputs):
        if index not in first or index not in second or _says_nothing(first[index], second[index]):
            continue
        compared += 1
        if not is_same_result(first[index], second[index]):
            differences.append(Difference(given, first[index], second[index]))
    return Agreement(compared, tuple(differences))


def is_same_result(first: CallResult, second: CallResult) -> bool:
    """Whether two calls did the same; floats have a tolerance, exceptions are compared by their type."""
    if isinstance(first, Returned) and isinstance(second, Returned):
        return is_same_value(first.value, second.value)
    return first == second


def is_same_value(first: object, second: object) -> bool:
    """Whether two values are equal, floats in them with a tolerance."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first == second
    if isinstance(first, int | float) and isinstance(second, int | float):
        return _is_same_number(first, second)
    if type(first) is not type(second):
        return False
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(is_same_value, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(is_same_value(first[key], second[key]) for key in first)
    return first == second


def _is_same_number(first: float, second: float) -> bool:
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    try:
        close = math.isclose(first, second, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    except OverflowError:
        return first == second
    return close or (math.isnan(first) and math.isnan(second))


def _says_nothing(first: CallResult, second: CallResult) -> bool:
    return first == second and first in (Raised("TypeError"), OutOfTime())
