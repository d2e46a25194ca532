"""Keeps third-party tracing off, whatever the environment says: LangGraph brings a client that would send tasks out."""

from __future__ import annotations

import os

_TRACING_VARIABLES = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")


def switch_tracing_off() -> None:
    """Forbid LangSmith tracing in this process; call it before LangGraph is imported, and again is harmless.

    Both ways are needed: the environment is read while modules are imported, and an explicit configuration is
    asked before the environment, so it also holds when a variable is set later.
    """
    for name in _TRACING_VARIABLES:
        os.environ[name] = "false"
    import langsmith

    langsmith.configure(enabled=False)
