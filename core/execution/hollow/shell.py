"""Hollows shell scripts: what they do is gone, and the functions and the plain variables that others read from them stay."""

from __future__ import annotations

import re

from core.execution.hollow.comments import as_comments
from core.execution.hollow.variant import HollowVariant

_FUNCTION = re.compile(r"^\s*(?:function\s+([\w:.-]+)\s*(?:\(\s*\))?|([\w:.-]+)\s*\(\s*\))\s*(?:[{(]|$)", re.MULTILINE)
_PLAIN_VARIABLE = re.compile(r"^(?:readonly\s+|export\s+)?[A-Za-z_]\w*=[^$`(;&|<>]*$", re.MULTILINE)
_SHEBANG = re.compile(r"\A#!.*$", re.MULTILINE)
REFUSAL_CODE = 99


def hollow_shell(text: str, variant: HollowVariant) -> str:
    """Return a script that prints nothing and exits 0; its functions fail in "raises" and succeed in "returns"."""
    shebang = _SHEBANG.search(text)
    does = f"return {REFUSAL_CODE}" if variant == "raises" else ":"
    names = dict.fromkeys(found[1] or found[2] for found in _FUNCTION.finditer(text))
    lines = [
        shebang[0] if shebang is not None else "#!/bin/sh",
        *_PLAIN_VARIABLE.findall(text),
        *(f"{name}() {{ {does}; }}" for name in names),
        ":",
    ]
    return "\n".join(lines) + "\n" + as_comments(text)
