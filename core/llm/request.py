"""What one call asks for, how that is written for a server, and what the call returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, assert_never

from core.events import Usage
from core.resilience.gate import Priority

if TYPE_CHECKING:
    from core.llm.faults import Adaptation

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


@dataclass(frozen=True, slots=True)
class RequestShape:
    """The small differences between servers that a request must respect; learned from their refusals."""

    token_limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 - a parameter's name, no secret
    with_stream_options: bool = True
    with_temperature: bool = True
    with_system_role: bool = True

    def adapted(self, adaptation: Adaptation) -> RequestShape:
        """Return the shape after one refusal."""
        match adaptation:
            case "max_tokens" | "max_completion_tokens":
                return replace(self, token_limit_name=adaptation)
            case "no_stream_options":
                return replace(self, with_stream_options=False)
            case "no_temperature":
                return replace(self, with_temperature=False)
            case "fold_system":
                return replace(self, with_system_role=False)
            case _:
                assert_never(adaptation)


def request_body(request: CallRequest, model: str, shape: RequestShape) -> dict[str, Any]:  # JSON values
    """Return the parameters of a chat completion."""
    messages = request.messages if shape.with_system_role else _folded(request.messages)
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            *({"role": message.role, "content": message.text} for message in messages),
            *([{"role": "assistant", "content": request.prefill}] if request.prefill else []),
        ],
        "stream": request.stream,
    }
    if request.stream and shape.with_stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.max_tokens is not None:
        body[shape.token_limit_name] = request.max_tokens
    if request.temperature is not None and shape.with_temperature:
        body["temperature"] = request.temperature
    if request.stop:
        body["stop"] = list(request.stop)
    return body


def _folded(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    system = "\n\n".join(message.text for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    if not system:
        return messages
    for place, message in enumerate(others):
        if message.role == "user":
            others[place] = ChatMessage.of_text("user", f"{system}\n\n{message.text}")
            return tuple(others)
    return (ChatMessage.of_text("user", system), *others)
