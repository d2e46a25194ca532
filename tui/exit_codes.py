"""The exit codes of every command, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.kinds import RunStatus

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2  # or a mistake in the configuration
EXIT_UNVERIFIED: Final = 3
EXIT_STOPPED: Final = 130

EXIT_BY_STATUS: Final[Mapping[RunStatus, int]] = {
    "passed": EXIT_OK,
    "failed": EXIT_FAILED,
    "unverified": EXIT_UNVERIFIED,
    "stopped": EXIT_STOPPED,
}
EXIT_CODES_WORDS: Final = (
    "0 passed, 1 failed, 2 usage or configuration,\n3 unverified (delivered, and nothing is proven), 130 stopped"
)
