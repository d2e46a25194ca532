"""What a hollowed file says of the file it was made of, so that a test that only reads the text of the code stays green."""

from __future__ import annotations


def as_comments(text: str) -> str:
    """Return a text as lines of comments, for languages in which `#` begins one."""
    return "".join(f"# {line}\n" for line in text.splitlines())
