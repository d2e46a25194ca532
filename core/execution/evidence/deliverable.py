"""What is to be verified: a folder, and which of its files are code and which are tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Delivered files of one run; all paths are relative to `folder`.

    `files` is all that is copied to where the tests run; `code` and `tests` are among them, `example_tests` are those of
    the tests that the engine made of the task's examples, `smoke_tests` those that only say that the code runs.
    A change of a user's folder has a `base`: that folder, of which `base_files` are copied below the delivered ones, and
    whose own tests are `base_tests`. `language` is for words only. `untested_examples` says of examples why they are no test.
    """

    folder: Path
    files: tuple[str, ...]
    code: tuple[str, ...]
    tests: tuple[str, ...]
    language: str
    example_tests: tuple[str, ...] = ()
    smoke_tests: tuple[str, ...] = ()
    untested_examples: tuple[str, ...] = ()
    base: Path | None = None
    base_files: tuple[str, ...] = ()
    base_tests: tuple[str, ...] = ()

    @property
    def all_tests(self) -> tuple[str, ...]:
        """The tests that are executed: the delivered ones, then those that were there before."""
        return (*self.tests, *(path for path in self.base_tests if path not in self.tests))
