"""Says what an error of a test means where that lies in how tests are run: without network, display, input, packages."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CAUSES = (
    (
        re.compile(
            r"gaierror|Name or service not known|Temporary failure in name resolution|Network is unreachable"
            r"|ENETUNREACH|EAI_AGAIN|getaddrinfo|Failed to establish a new connection"
        ),
        "tests run without a network",
    ),
    (
        re.compile(r"no display name|couldn't connect to display|cannot open display|No \$DISPLAY"),
        "tests run without a display",
    ),
    (re.compile(r"EOFError|reading from stdin while output is captured"), "tests run without input"),
    (re.compile(r"circular import"), "modules import each other"),
)
_MISSING_MODULE = re.compile(r"No module named '?([\w.]+)")


def explained(message: str, undeclared: Sequence[str] = ()) -> str:
    """Return an error's message, with the cause behind it where the error itself does not say it."""
    missing = _MISSING_MODULE.search(message)
    if missing is not None and missing[1].partition(".")[0] in undeclared:
        return f"{message} (it is no part of Python, not delivered, and not declared as a requirement)"
    cause = next((words for pattern, words in _CAUSES if pattern.search(message)), "")
    return f"{message} ({cause})" if cause else message
