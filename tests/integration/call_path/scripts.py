"""Pieces that several scripts of the call path's tests are made of."""

from __future__ import annotations

from tests.support.fault_server import response_head, token

HELLO = (token("Hello"), token(" there"))
SSE_HEAD = response_head(200, {"Content-Type": "text/event-stream", "Connection": "close"})

# One limit is short, the others are out of reach: a busy machine changes how long a case takes, never its outcome.
FAR = {"first_token_timeout": 30.0, "stall_timeout": 30.0, "total_timeout": 60.0}
QUICK_FIRST = {**FAR, "first_token_timeout": 1.0}
QUICK_STALL = {**FAR, "stall_timeout": 1.0}
QUICK_TOTAL = {"first_token_timeout": 1.0, "stall_timeout": 1.0, "total_timeout": 1.0}
