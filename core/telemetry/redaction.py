"""Keeps secrets out of logs, events and error messages; the settings register theirs when they are loaded."""

from __future__ import annotations

from core.settings.redaction import MASK, redact, redact_value, register_secret

__all__ = ["MASK", "redact", "redact_value", "register_secret"]
