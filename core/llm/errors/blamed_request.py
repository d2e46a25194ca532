"""Reads of a server's error whether it is about the request: then the same request will meet it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BLAMING_CODES = frozenset({400, 405, 406, 413, 415, 422})
_NO_NAME = frozenset({"", "none", "null"})  # LiteLLM writes them out

_BLAMING_NAME = re.compile(
    r"(?:invalid|bad)_?request|unsupported_?(?:param|value)|invalid_(?:value|type|param|prompt|image|json|schema)|"
    r"unprocessable|unknown_?param|missing_required|(?:^|_)validation(?:_?error)?$",
    re.IGNORECASE,
)
# Names of the fields of a request: as they are where no sentence uses them otherwise, in quotes where one may.
_FIELD = (
    r"(?:\b(?:temperature|top_[pk]|min_p|max_tokens|max_completion_tokens|max_new_tokens|stream_options|tool_choice|"
    r"response_format|json_schema|logit_bias|logprobs|frequency_penalty|presence_penalty|repeat_penalty|"
    r"reasoning_effort|parallel_tool_calls|chat_template_kwargs)\b|"
    r"['\"`](?:messages?|model|stop|stream|seed|n|role|content|system|user|tools?|prompt|input)(?:[.\[][^'\"`]*)?['\"`])"
)
_COMPLAINT = (
    r"(?:invalid|unsupported|not supported|does not support|unknown|unrecognized|not permitted|not allowed|illegal|"
    r"must (?:not )?be|should be|ha(?:s|ve) to be|out of range|too (?:large|small|high|low|many|long)|cannot be|"
    r"expected|required|missing|extra inputs|requires)"
)
_BLAMING_WORDS = re.compile(
    r"(?:bad|invalid|malformed|unprocessable)[ _-]?request(?:_?error\b|\b)|"
    r"(?:unsupported|unknown|unrecognized|unexpected|invalid|missing|extra|required) (?:request )?"
    r"(?:param(?:eter)?s?|field|property|keyword argument|role|message)\b|unsupportedparams|"
    rf"{_COMPLAINT}.{{0,40}}?{_FIELD}|{_FIELD}.{{0,60}}?{_COMPLAINT}|"
    r"not support(?:ed)? (?:tools?|images?|audio|the system|system|streaming|function|prefill|chat)\b|"
    r"(?:tools?|images?|audio|system|prefill|streaming)\b[^.]{0,40}(?:not supported|unsupported|incompatible)|"
    r"(?:chat|prompt) template|jinja|template error|\btemplate: ?:|roles must alternate|"
    r"only user and assistant roles|assistant messages at the end|at row \d+, column \d+|"
    r"parse (?:messages?|grammar|tools?|tool_choice|json[ _]schema|response_format|the request|request)\b|"
    r"(?:cannot|could not) unmarshal|custom grammar|validation errors? for \w*request|input validation error",
    re.IGNORECASE | re.DOTALL,
)
# Words of a server that is ill; beside them, what sounds like a complaint about the request is about something else.
_ILLNESS = re.compile(
    r"internal[ _]?server[ _]?error|internal error|upstream|gateway|service[ _]?unavailable|unavailable|overloaded|"
    r"cuda|\bhip\b|rocm|vulkan|\bmetal\b|out of memory|\boom\b|time[d ]?-?out|timeout|connection|connect error|"
    r"unexpectedly stopped|has terminated|crashed|broken pipe|reset by peer|try again|retry your request|"
    r"engine ?(?:core|dead|loop)|worker|shutting down|restarting",
    re.IGNORECASE,
)


def blames_request(error: Mapping[str, Any], message: str) -> bool:  # JSON values
    """Return whether an error object, or the sentence in it, says that the request is at fault and not the server."""
    if _is_blaming_code(error.get("code")) or _is_blaming_code(error.get("status_code")):
        return True
    param = error.get("param")
    if isinstance(param, str) and param.strip().lower() not in _NO_NAME:
        return True
    names = (error.get("type"), error.get("code"), error.get("error_type"))
    if any(isinstance(name, str) and _BLAMING_NAME.search(name) for name in names):
        return True
    return bool(error) and _BLAMING_WORDS.search(message) is not None and not _ILLNESS.search(message)


def _is_blaming_code(code: object) -> bool:
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) == 3:
        code = int(code)
    return type(code) is int and code in _BLAMING_CODES
