# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""What a model gives in the place of a file: an apology, or the call of a tool it does not have."""

from __future__ import annotations

import json
import re

from core.errors import ArtifactError

MAX_APOLOGY_CHARS = 700

_APOLOGY = re.compile(
    r"\W*(?:i['’]?m (?:very |really |so )?(?:sorry|unable|not able)|i am (?:very |really |so )?(?:sorry|unable|not able)|sorry,? (?:but )?i\b"
    r"|(?:unfortunately,? )?i (?:can(?:no|['’]?)t|could not|couldn['’]t|won['’]t|do not have|don['’]t have (?:access|the ability|enough))"
    r"|as an? (?:ai|language model|llm)\b|i apologi[sz]e|my apologies|es tut mir leid|(?:leider )?kann ich|entschuldigung"
    r"|je suis désolée?|désolée?,|je ne peux pas|lo siento|no puedo|desculpe|mi dispiace|извините|к сожалению,? я|я не могу"
    r"|抱歉|对不起|很抱歉|我无法|申し訳|すみません|できません)",
    re.IGNORECASE,
)
_TOOL_TAG = re.compile(
    r"\A\W*(?:\[TOOL_CALLS\]|<tool_calls?>|<function(?:_call)?s?\b|<\|tool_call|<\|python_tag\|>|<invoke\b|<use_tool|<execute)",
    re.IGNORECASE,
)
_TOOL_KEYS = frozenset({"arguments", "parameters", "args", "input", "tool_input", "kwargs", "action_input"})
_TOOL_NAMES = frozenset({"name", "tool", "tool_name", "function", "action", "recipient_name"})
_FENCED = re.compile(r"\A\s*+(?:`{3,}+|~{3,}+)[^\n]*+\n(.*?)\n?(?:`{3,}|~{3,})\s*\Z", re.DOTALL)


def refuse_substitute(text: str, path: str) -> None:
    """Raise ArtifactError if a text is no file but what a model says or does instead of writing one.

    Its kind is refusal or tool_call.
    """
    if is_tool_call(text):
        raise ArtifactError(
            "tool_call",
            f"the answer for {path} calls a tool instead of being the file",
            hint="ask for the file in one fenced block",
        )
    if is_apology(text):
        raise ArtifactError(
            "refusal",
            f"the answer for {path} says why there is none instead of being the file",
            hint="ask for the file again",
        )


def is_apology(text: str) -> bool:
    """Tell whether a text is an apology or a refusal and nothing else; a document that quotes one is longer, or has headings."""
    plain = text.strip()
    has_headings = re.search(r"^#{1,6}\s", plain, re.MULTILINE) is not None
    return (
        len(plain) <= MAX_APOLOGY_CHARS
        and not has_headings
        and "```" not in plain
        and _APOLOGY.match(plain) is not None
    )


def is_tool_call(text: str) -> bool:
    """Tell whether a text is a call of a tool, as JSON or in the marks of a chat template."""
    if _TOOL_TAG.match(text):
        return True
    fenced = _FENCED.match(text)
    plain = (fenced[1] if fenced is not None else text).strip()
    if not plain.startswith(("{", "[")):
        return False
    try:
        document = json.loads(plain, strict=False)
    except (ValueError, RecursionError):
        return False
    calls = document if isinstance(document, list) else [document]
    return bool(calls) and all(isinstance(call, dict) and _calls(call) for call in calls)


def _calls(document: dict[str, object]) -> bool:
    if isinstance(document.get("tool_calls"), list):
        return True
    named = _TOOL_NAMES & document.keys()
    return bool(named and _TOOL_KEYS & document.keys()) and len(document) <= 5
