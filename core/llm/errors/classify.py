"""Names a fault from what was seen: an exception of the SDK, a status with its body, or an error inside the stream."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.kinds import BugKind, FaultKind, bug_kind
from core.llm.endpoint import Endpoint
from core.llm.errors.blamed_request import blames_request
from core.llm.errors.connection_fault import connection_fault, refused_by_proxy, wrong_scheme
from core.llm.errors.refused_window import refused_window
from core.llm.errors.retry_after import retry_after_seconds
from core.llm.faults import Adaptation, Fault, ServerError, clean_detail, fault_rule
from core.llm.http.stream_decoder import StreamFault

RETRY_AFTER_CAP_SECONDS = 120.0  # above it the user decides, not we
SECONDS_OF_A_DAY = 86_400
STATUS_DIGITS = 3

_QUOTA = re.compile(
    r"insufficient_quota|billing|credit balance|quota exceeded|exceeded your current quota", re.IGNORECASE
)
_SYSTEM_ROLE = re.compile(
    r"system role (?:is )?not supported|system.{0,20}(?:message|role).{0,40}(?:not |un)support|"
    r"(?:not |un)support.{0,40}system.{0,20}(?:message|role)|only user and assistant roles",
    re.IGNORECASE,
)
_DEAD_MODEL = re.compile(  # LM Studio reports with status 400 that the model is gone
    r"model (?:has )?(?:crashed|(?:was )?unloaded|(?:is )?not loaded)|process has terminated|unexpectedly stopped",
    re.IGNORECASE,
)
_WANTS_TLS = re.compile(  # nginx, Go, Apache, HAProxy, Envoy
    r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|"
    r"plain HTTP to an SSL-enabled|combination of host and port requires TLS",
    re.IGNORECASE,
)
_KIND_BY_TYPE: dict[str, FaultKind] = {
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "insufficient_quota": "quota",
    "authentication_error": "auth",
    "invalid_api_key": "auth",
    "permission_error": "auth",
    "not_found_error": "not_found",
    "model_not_found": "not_found",
    "invalid_request_error": "bad_request",
    "overloaded_error": "server",
    "server_error": "server",
    "internal_server_error": "server",
    "api_error": "server",
}

# Codes and types by which servers say that a prompt or an answer was filtered; in lower case.
_FILTER_NAMES = frozenset(
    {
        "content_filter", "content_filter_error", "content_policy_violation", "responsibleaipolicyviolation",
        "data_inspection_failed", "datainspectionfailed", "invalid_prompt", "moderation_blocked", "content_moderation",
        "prohibited_content", "safety", "sensitive_words_detected",
    }
)  # fmt: skip
_FILTER_STATUSES = frozenset({None, 400, 403, 422, 451})

_KIND_BY_STATUS: dict[int, FaultKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "http_408",
    409: "http_409",
    425: "http_425",
    424: "server",  # TGI: the generation has failed
    429: "rate_limit",
}


def classify_exception(
    error: BaseException,
    endpoint: Endpoint,
    now: datetime,
    *,
    received: bool = False,
    reused: bool = False,
    in_tls: bool = False,
) -> Fault:
    """Name the fault behind an exception of the SDK or of its HTTP library.

    Args:
        error: what was raised.
        endpoint: where the request went.
        now: the wall clock, for a Retry-After that is a date.
        received: whether a part of the body had come.
        reused: whether the request went out on a connection that had served another one.
        in_tls: whether the connection was open, and its TLS had begun, but the request had not been sent.
    """
    import httpx2
    import openai

    if isinstance(error, openai.APIStatusError):
        return classify_answer(error.status_code, _body_text(error), endpoint, now, error.response.headers)
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) and error.__cause__ else error
    detail = clean_detail(str(cause), endpoint.api_key)
    kind: FaultKind | BugKind
    if isinstance(cause, httpx2.PoolTimeout):
        kind = "pool_timeout"
    elif isinstance(cause, httpx2.ConnectTimeout):
        return connection_fault("connect_timeout", cause, endpoint, in_tls=in_tls)
    elif isinstance(cause, httpx2.TimeoutException):
        kind = "read_timeout"
    elif isinstance(cause, httpx2.TooManyRedirects | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        kind = "bad_request"
    elif isinstance(cause, httpx2.DecodingError):
        kind = "malformed"
    elif isinstance(cause, httpx2.ConnectError | httpx2.ProxyError):
        return connection_fault("connect", cause, endpoint)
    elif isinstance(cause, httpx2.HTTPError | openai.APIConnectionError):
        kind = "cut" if received else "stale_connection" if reused else "disconnected"
    elif isinstance(cause, openai.APIError):
        kind = "stream_error"
    else:
        kind = bug_kind(error)
    return Fault(kind, endpoint, detail=detail)


def classify_stream(fault: StreamFault, endpoint: Endpoint, now: datetime) -> Fault:
    """Name the fault that the decoder found in a stream with status 200."""
    if fault.body is None:
        detail = clean_detail(fault.detail, endpoint.api_key)
        return Fault(fault.kind or "stream_error", endpoint, detail=detail)
    text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
    return classify_answer(None, text, endpoint, now, default=fault.kind or "stream_error")


def classify_answer(
    status: int | None,
    text: str,
    endpoint: Endpoint,
    now: datetime,
    headers: Mapping[str, str] | None = None,
    *,
    default: FaultKind = "stream_error",
) -> Fault:
    """Name the fault of an error answer; `status` None means that it came inside a stream with status 200."""
    headers = headers or {}
    error = _error_object(text)
    code = status if status is not None else _numeric_code(error)
    message = _message(error, text)
    window = refused_window(code, text)
    kind = "context" if window is not None else _kind_of_answer(code, error, text, default)
    may_name_wait = fault_rule(kind).pauses_server or (kind == "server" and code == 503)
    may_name_change = kind in {"bad_request", "server"} and code in {None, 400, 422, 500}
    said = ServerError(
        status=code,
        retry_after_seconds=retry_after_seconds(headers, now) if may_name_wait else None,
        blames_request=kind in {"server", "stream_error"} and blames_request(error, message),
        adaptation=_adaptation(error, text) if may_name_change else None,
        window=window,
    )
    detail = clean_detail(message, endpoint.api_key)
    if code == 400 and _WANTS_TLS.search(text) and endpoint.base_url.startswith("http:"):
        return wrong_scheme(endpoint)
    if code == 407 and (refused := refused_by_proxy(endpoint)) is not None:
        return refused
    if code is not None and 300 <= code < 400:
        location = clean_detail(headers.get("location", "an address it did not name"), endpoint.api_key)
        hint = "set LLM_BASE_URL to the address it redirects to"
        return Fault(kind, endpoint, detail=f"it redirects to {location}", hint=hint, error=said)
    if code is not None and not detail.startswith(str(code)):
        detail = f"{code} {detail}".strip()
    wait_seconds = said.retry_after_seconds or 0.0
    if wait_seconds <= RETRY_AFTER_CAP_SECONDS:
        return Fault(kind, endpoint, detail=detail, error=said)
    wait = f"{wait_seconds:.0f} s" if wait_seconds < SECONDS_OF_A_DAY else "more than a day"
    hint = f"the server asks to wait {wait}: try again then, or use another model (LLM_MODEL)"
    return Fault(kind, endpoint, detail=detail, action="fail", hint=hint, error=said)


def _kind_of_answer(code: int | None, error: Mapping[str, Any], text: str, default: FaultKind) -> FaultKind:
    if code in _FILTER_STATUSES and _is_filtered(error):
        return "content_filter"
    if code is not None:
        return _kind_of_status(code, text)
    names = (str(error.get("code", "")), str(error.get("type", "")))
    return next((_KIND_BY_TYPE[name] for name in names if name in _KIND_BY_TYPE), default)


def _is_filtered(error: Mapping[str, Any]) -> bool:
    inner = error.get("innererror")
    names = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return any(isinstance(name, str) and name.lower() in _FILTER_NAMES for name in names)


def _kind_of_status(code: int, text: str) -> FaultKind:
    if code == 402 or (code in {400, 403, 429} and _QUOTA.search(text)):
        return "quota"
    if code in _KIND_BY_STATUS:
        return _KIND_BY_STATUS[code]
    if code == 503 and re.search(r"loading model|model is loading", text, re.IGNORECASE):
        return "loading"
    if (code >= 500 and code != 501) or (code == 400 and _DEAD_MODEL.search(text)):
        return "server"
    return "bad_request"


def _adaptation(error: Mapping[str, Any], text: str) -> Adaptation | None:
    lowered = text.lower()
    unknown = any(
        word in lowered for word in ("extra_forbidden", "extra inputs", "unrecognized", "unknown", "not permitted")
    )
    unsupported = "unsupported" in lowered or "not supported" in lowered
    if "stream_options" in lowered:
        return "no_stream_options"
    if "max_completion_tokens" in lowered and unknown and not unsupported:
        return "max_tokens"
    if "max_tokens" in lowered and (unsupported or unknown):
        return "max_completion_tokens"
    if error.get("param") == "temperature" and unsupported:
        return "no_temperature"
    if _SYSTEM_ROLE.search(text):
        return "fold_system"
    return None


def _body_text(error: Any) -> str:  # openai.APIStatusError, whose response may not have been read
    import httpx2

    try:
        return str(error.response.text)
    except httpx2.StreamError:
        return ""


def _error_object(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        return inner if isinstance(inner, dict) else {"message": str(inner)}
    return {}


def _message(error: Mapping[str, Any], text: str) -> str:
    for name in ("message", "detail", "error"):
        value = error.get(name)
        if value:
            return value if isinstance(value, str) else json.dumps(value)
    if "<" in text[:200]:
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return title[1] if title else ""
    return text


def _numeric_code(error: Mapping[str, Any]) -> int | None:
    for name in ("code", "status", "status_code"):
        value = error.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == STATUS_DIGITS:
            value = int(value)
        if type(value) is int and 300 <= value < 600:
            return value
    return None
