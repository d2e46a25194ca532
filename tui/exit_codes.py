"""The exit codes of every command, once."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2  # or a mistake in the configuration
EXIT_INTERRUPTED: Final = 130

EXIT_BY_STATUS: Final = {"passed": EXIT_OK, "failed": EXIT_FAILED, "cancelled": EXIT_INTERRUPTED}
