"""Writes lines for a user or a script; a stream that cannot be written is never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO


def print_lines(lines: Iterable[bytes]) -> bool:
    """Write lines to stdout; False, and a line on stderr, when that is not possible."""
    try:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout, error)
        return False
    return True


def print_text(lines: Iterable[str]) -> bool:
    """Write lines of text to stdout, whatever its encoding; False when that is not possible."""
    return print_lines(line.encode(sys.stdout.encoding, "backslashreplace") for line in lines)


def say(line: str) -> None:
    """Write a line to stderr, if that is possible."""
    try:
        write_line(sys.stderr, line)
    except OSError as error:
        give_up(sys.stderr, error)


def give_up(stream: TextIO, error: OSError) -> None:
    """Let nothing more go to a stream that failed: the interpreter would try again at exit, and complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
    if stream is sys.stdout and not isinstance(error, BrokenPipeError):
        say(f"quintet: standard output cannot be written: {error.strerror}")


def write_line(stream: TextIO, line: str) -> None:
    """Write a line and flush it.

    Raises:
        OSError: the stream cannot be written.
    """
    stream.write(line + "\n")
    stream.flush()
