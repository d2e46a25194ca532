"""Every error Quintet raises on purpose: one root, and a subclass only where somebody handles it differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.kinds import ArtifactFaultKind, BugKind, FaultKind


class QuintetError(Exception):
    """Root of all expected faults; the message says what happened and to what, the hint says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} - {self.hint}" if self.hint else self.message


class ConfigValidationError(QuintetError):
    """The configuration is not usable; `problems` lists every fault, each with the source of its value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{count} in the configuration:\n{lines}")
        self.problems = problems


class UsageError(QuintetError):
    """What the user asked for cannot be done as asked: an empty task, an unknown workflow or agent."""


class PromptError(QuintetError):
    """A file in prompts/ or in the user's prompts_dir cannot be used; the message names file and field."""


class ModelUnavailableError(QuintetError):
    """No model can be served: package missing, CPU not supported, file not found, or its server failed."""


class WorkspaceError(QuintetError):
    """A folder cannot be used: not writable, not a folder, or full."""


class ArtifactError(QuintetError):
    """An answer, or a file made of it, was not accepted; `kind` names the rule that it broke."""

    def __init__(self, kind: ArtifactFaultKind, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class LLMCallError(QuintetError):
    """A call ended without a whole answer.

    Attributes:
        kind: one of the stable kinds of fault ("connect", "auth", "cut", "stall", ...), or "bug:<Type>".
        attempts: requests that were made, from 0.
        partial: text received by the last attempt; never a finished answer.
    """

    def __init__(
        self, kind: FaultKind | BugKind, message: str, *, attempts: int = 0, partial: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.attempts = attempts
        self.partial = partial
