"""The body of a request, and the small differences between servers that it must respect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, assert_never

from core.llm.request import CallRequest, ChatMessage

if TYPE_CHECKING:
    from core.llm.faults import Adaptation


@dataclass(frozen=True, slots=True)
class RequestShape:
    """How one server wants its requests; learned from its refusals."""

    token_limit_name: str = "max_tokens"  # noqa: S105 - a parameter's name, no secret
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
