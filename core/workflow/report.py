"""What is known of the files without running them: the evidence a verdict starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.workflow.definition import ModelSize
from core.workflow.state import artifacts_of_role


def static_report(size: ModelSize, state: Mapping[str, Any], rejected: Sequence[str]) -> str:
    """Return which files passed the static checks and which did not; one line for a small model."""
    code = [ref["path"] for ref in artifacts_of_role(state, "code")]
    tests = [ref["path"] for ref in artifacts_of_role(state, "test")]
    if size == "small":
        return f"{len(code) + len(tests)} checks passed, {len(rejected)} failed"
    return "\n".join(
        [
            *(f"- {path} is complete and parses" for path in code),
            *(f"- {path} is complete, parses, and imports only what the code defines" for path in tests),
            *(f"- {path} was not accepted" for path in rejected),
        ]
    )
