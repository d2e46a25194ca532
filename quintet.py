"""Quintet's launcher and import name: `quintet` on the command line, `from quintet import Engine` in a script.

Our folders have everyday names. Whoever imports this module gets ours, even where another `core`, `tui`, `prompts` or
`themes` stands earlier on the path: in the current folder, on PYTHONPATH, in a Django project.
"""

from __future__ import annotations

import os.path
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would double this import's time
_STOPPED = 130  # what `tui.exit_codes` calls it
_OUR_PACKAGES = ("core", "prompts", "themes", "tui")

# The stable API, name by name; loaded with its first use, because the engine takes longer than a first paint may.
_HOMES = {
    "ConfigValidationError": "core.errors",
    "Engine": "core.engine",
    "LLMCallError": "core.errors",
    "QuintetError": "core.errors",
    "UsageError": "core.errors",
    "gauge": "core.telemetry.metrics",
    "get_llm_client": "core.llm.pool",
    "get_metrics": "core.telemetry.metrics",
    "get_pool_stats": "core.llm.pool",
    "increment": "core.telemetry.metrics",
    "load_config": "core.settings",
    "set_correlation_id": "core.telemetry.logs",
    "setup_logging": "core.telemetry.logs",
    "timer_context": "core.telemetry.metrics",
    "timing": "core.telemetry.metrics",
}

__all__ = (*_HOMES, "main")  # noqa: PLE0604 - strings, out of the table


class OurPackagesFirst:
    """A finder for sys.meta_path: our packages are found beside this file, and nowhere else."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where one of our top-level packages is; None for every other module."""
        del target  # the protocol's third argument serves reloads
        return PathFinder.find_spec(name, [_FOLDER]) if path is None and name in _OUR_PACKAGES else None


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from tui.commands.cli import main as run_command_line
    except KeyboardInterrupt:  # as early as that nobody else can take it
        return _STOPPED

    return run_command_line()


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'quintet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _refuse_namesakes() -> None:
    """Say so at once when one of our names is taken in this process: half of each would be imported else."""
    for name in _OUR_PACKAGES:
        module = sys.modules.get(name)
        if module is None:
            continue
        places = [os.path.abspath(place) for place in getattr(module, "__path__", ())]  # noqa: PTH100
        if places != [os.path.join(_FOLDER, name)]:  # noqa: PTH118
            raise ImportError(
                f"quintet cannot be imported: another {name!r}, of {places or module}, is imported already - "
                "import quintet first, or keep the two in environments of their own",
                name=name,
            )


_refuse_namesakes()
sys.meta_path.insert(0, OurPackagesFirst)

if __name__ == "__main__":
    sys.exit(main())
