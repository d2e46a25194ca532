"""GGUF headers made to order, for tests that need a model file but no model."""

from __future__ import annotations

import struct
from pathlib import Path

TYPE_CODES = {"uint32": 4, "int32": 5, "string": 8, "array": 9}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, value: int | str | list[int] | list[str]) -> bytes:
    """Return one key of a header with its value."""
    match value:
        case int():
            return text(key) + struct.pack("<II", TYPE_CODES["uint32"], value)
        case str():
            return text(key) + struct.pack("<I", TYPE_CODES["string"]) + text(value)
        case list():
            items = b"".join(text(item) if isinstance(item, str) else struct.pack("<i", item) for item in value)
            kind = TYPE_CODES["string"] if value and isinstance(value[0], str) else TYPE_CODES["int32"]
            return text(key) + struct.pack("<IIQ", TYPE_CODES["array"], kind, len(value)) + items


def header(entries: dict[str, int | str | list[int] | list[str]], *, version: int = 3) -> bytes:
    """Return the bytes of a GGUF file that has these keys and no tensors."""
    start = b"GGUF" + struct.pack("<IQQ", version, 0, len(entries))
    return start + b"".join(entry(key, value) for key, value in entries.items())


LLAMA_LIKE: dict[str, int | str | list[int] | list[str]] = {
    "general.architecture": "llama",
    "general.name": "Small Test",
    "general.size_label": "1.7B",
    "llama.block_count": 4,
    "llama.context_length": 4096,
    "llama.embedding_length": 512,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
}


def write_model(folder: Path, name: str = "Small-Test.Q4_K_M.gguf") -> Path:
    """Write a file that looks like a model from outside and return its path."""
    path = folder / name
    path.write_bytes(header(LLAMA_LIKE))
    return path
