"""What one call asks for and what it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events import Usage
from core.resilience.gate import Priority

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words, of a prompt or of an answer."""

    text: str


MessagePart = TextPart
"""What a message is made of; a call of a tool and its result would be further members of this union."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the conversation that is sent."""

    role: Role
    parts: tuple[MessagePart, ...]

    @classmethod
    def of_text(cls, role: Role, text: str) -> ChatMessage:
        """Return a message that is nothing but text."""
        return cls(role, (TextPart(text),))

    @property
    def text(self) -> str:
        """The texts of all parts, joined as they are."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One task for a model; `max_tokens` and `temperature` None leave the choice to the server.

    `prefill` is the beginning of the answer, for servers that go on after a last assistant message; the reply, and the
    stream, begin with it. `continue_with` is the message that asks a server to go on after an answer that was cut off
    at a token limit; empty means that none is asked to. `prompt_name` keeps prompts apart in the response cache.
    """

    messages: tuple[ChatMessage, ...]
    run_id: str
    correlation_id: str
    agent_id: str
    task_id: str
    max_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    prefill: str = ""
    stream: bool = True
    continue_with: str = ""
    priority: Priority = "agent"
    prompt_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer of a call that was not broken off.

    `complete` is true only if the model ended of its own accord (finish_reason stop or tool_calls); an answer that hit
    a token limit is returned with `complete` false, and the caller decides what it is worth. `cached` marks an
    answer that no server gave this time.
    """

    text: str
    finish_reason: str
    usage: Usage
    attempts: int
    complete: bool
    call_id: str
    reasoning: str = ""
    cached: bool = False
