"""Runs pytest in the sandbox and keeps its report: a program of its own that a bare Python executes, never imported.

The process that is started never runs a test. It forks one that does, takes that one's report through a pipe, passes on
only lines that carry a secret made for this run, and says at the end how the other has ended, whatever the tests did.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import sys
import time
import types
from importlib import import_module
from importlib.util import find_spec

MOST_REPORT_BYTES = 6 << 20
KEPT_OUTPUT_BYTES = 32_768
CHUNK_BYTES = 65_536
POLL_SECONDS = 0.02
LEFT_BEHIND_SECONDS = 1.0  # a process that was told to end needs a moment
OUT_OF_THE_WAY = 200  # tests that close "all" descriptors begin with the low ones
SUBREAPER = 36


def main() -> None:
    """Read what to run from standard input, run it, and write the report as lines of JSON to standard output."""
    order = json.load(sys.stdin)
    secret = os.urandom(16).hex()
    report, report_end = os.pipe()
    output, output_end = os.pipe()
    adopt_orphans()
    tester = os.fork()
    if tester == 0:
        os.close(report)
        os.close(output)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output_end, 1)
        os.dup2(output_end, 2)
        os.close(output_end)
        descriptor = fcntl.fcntl(report_end, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
        os.close(report_end)
        run_pytest(order, descriptor, secret)
    os.close(report_end)
    os.close(output_end)
    Keeper(tester, report, output, secret.encode()).keep()


def adopt_orphans() -> None:
    """Become the parent of what the tests leave behind, so that it can be noticed; only Linux can."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def run_pytest(order: dict[str, list[str]], descriptor: int, secret: str) -> None:
    """Run pytest as `python -m pytest` would, and leave with its exit code."""
    import pytest

    reporter = import_module("reporter")  # lies beside this file

    arguments = order["arguments"]
    # A test that looks at its program, or starts a process that imports it, finds what it finds under `python -m pytest`.
    spec = find_spec("pytest.__main__")
    program = types.ModuleType("__main__")
    program.__spec__ = spec
    program.__file__ = spec.origin if spec is not None else None
    sys.modules["__main__"] = program
    sys.modules.pop("reporter")
    sys.path[0] = os.getcwd()  # noqa: PTH109  # pathlib need not be imported for a word
    sys.argv = [str(program.__file__), *arguments]
    raise SystemExit(
        pytest.main(arguments, plugins=[reporter.Reporter(descriptor, secret, sys.path[0], order["tests"])])
    )


class Keeper:
    """Takes the report and the output of the tests until their process has ended."""

    def __init__(self, tester: int, report: int, output: int, secret: bytes) -> None:
        self._tester = tester
        self._pipes = {report: self._take_report, output: self._take_output}
        self._secret = secret + b" "
        self._pending = b""
        self._passed_on = 0
        self._tail = b""

    def keep(self) -> None:
        """Pass on the report as it comes, then say how the process of the tests has ended."""
        selector = selectors.DefaultSelector()
        for pipe in self._pipes:
            os.set_blocking(pipe, False)
            selector.register(pipe, selectors.EVENT_READ)
        status = None
        while status is None:
            ended, state = os.waitpid(self._tester, os.WNOHANG)
            status = state if ended else None
            for key, _ in selector.select(0 if ended else POLL_SECONDS):
                if not self._drain(key.fd):
                    selector.unregister(key.fd)
            if not selector.get_map() and status is None:
                time.sleep(POLL_SECONDS)
        for pipe in self._pipes:
            self._drain(pipe)
        code = os.waitstatus_to_exitcode(status)
        self._say(
            {
                "kind": "ended",
                "exit_code": code if code >= 0 else None,
                "signal": -code if code < 0 else None,
                "left_behind": self._is_something_left(),
                "was_cut": self._passed_on > MOST_REPORT_BYTES,
                "output": self._tail.decode(errors="replace"),
            }
        )

    def _drain(self, pipe: int) -> bool:
        """Take what is there; False when the other end is closed."""
        while True:
            try:
                chunk = os.read(pipe, CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._pipes[pipe](chunk)
            if len(chunk) < CHUNK_BYTES:
                return True

    def _take_report(self, chunk: bytes) -> None:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(self._secret):
                continue
            self._passed_on += len(line)
            if self._passed_on <= MOST_REPORT_BYTES:
                write_all(line[len(self._secret) :] + b"\n")

    def _take_output(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-KEPT_OUTPUT_BYTES:]

    def _is_something_left(self) -> bool:
        until = time.monotonic() + LEFT_BEHIND_SECONDS
        while True:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if ended == 0:
                if time.monotonic() > until:
                    return True
                time.sleep(POLL_SECONDS)

    def _say(self, record: dict[str, object]) -> None:
        write_all(json.dumps(record).encode() + b"\n")


def write_all(data: bytes) -> None:
    """Write to standard output, all of it."""
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
