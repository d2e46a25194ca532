"""What the name of a file says about what may stand in it."""

from __future__ import annotations

EMPTY_FILE_NAMES = frozenset({"__init__.py", "py.typed", ".gitkeep", ".keep", ".nojekyll"})
"""Names whose empty file has a meaning of its own."""

DOCUMENT_SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc"})
"""Files that are prose: an answer without a fence is the document itself."""
