"""The content of an answer that comes as a list of typed parts: text, thoughts, a refusal."""

from __future__ import annotations

from typing import NamedTuple

_THOUGHTS = frozenset({"thinking", "reasoning", "reasoning_text", "reasoning_content", "thought", "redacted_thinking"})


class ContentParts(NamedTuple):
    """What a content says: as the answer, beside it, and in place of it."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""


def read_content(content: object) -> ContentParts:
    """Return what a content says, be it a text, a part or a list of parts; what cannot be read says nothing."""
    if isinstance(content, str):
        return ContentParts(content)
    if isinstance(content, dict):
        return _part(content)
    if not isinstance(content, list):
        return ContentParts()
    parts = [_part(part) if isinstance(part, dict) else ContentParts(_texts(part)) for part in content]
    return ContentParts(*("".join(texts) for texts in zip(*parts, strict=True))) if parts else ContentParts()


def _part(part: dict[object, object]) -> ContentParts:
    kind = part.get("type")
    if kind in _THOUGHTS:
        # A part of thoughts holds a text, or parts of its own.
        inner = next((part[name] for name in ("thinking", "text", "reasoning") if part.get(name)), None)
        return ContentParts(reasoning=_texts(inner))
    if kind == "refusal":
        return ContentParts(refusal=_texts(part.get("refusal")))
    text = part.get("text")
    return ContentParts(_texts(text.get("value") if isinstance(text, dict) else text))


def _texts(value: object) -> str:
    if isinstance(value, list):
        texts = (part.get("text") for part in value if isinstance(part, dict))
        return "".join(text for text in texts if isinstance(text, str))
    return value if isinstance(value, str) else ""
