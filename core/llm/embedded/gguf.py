"""Read the header of a GGUF model file: what it is, how much context it was trained for, what a token of context costs."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.system.path_state import GGUF_MAGIC
from core.text.sanitize import printable_line

VERSIONS = (2, 3)  # 1 was never used outside of llama.cpp's own tests; it counts with 32 bits
MAX_KEYS = 4096  # published models have 20 to 60; a larger number is a damaged file
MAX_TEXT_BYTES = 1 << 20  # chat templates reach 30 kB
MAX_ITEMS = 4_000_000  # the largest vocabularies hold 300,000 entries

Value = str | int | float | bool | list[int]

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class GgufError(ValueError):
    """The file is not a GGUF file that can be read; the message says why in a few words."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the header says about a model; a value it does not hold is None or empty."""

    architecture: str
    name: str
    size_label: str
    parameters: int | None
    context_train: int | None
    kv_bytes_per_token: int | None


def read_gguf_header(path: Path) -> GgufHeader:
    """Return the header of the model at `path`.

    Reads no more than the metadata, and only up to the vocabulary when everything wanted came before it.

    Raises:
        GgufError: not a GGUF file, a damaged one, or a version nobody publishes.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        return _header_from(_read_metadata(file))


def _read_metadata(file: BinaryIO) -> dict[str, Value]:
    size_bytes = os.fstat(file.fileno()).st_size
    magic = file.read(4)
    if magic != GGUF_MAGIC:
        raise GgufError("it is empty" if not magic else "it does not begin with the letters GGUF")
    version = _scalar(file, "<I")
    if version not in VERSIONS:
        raise GgufError(f"its GGUF version is {version}, known are 2 and 3 (little-endian)")
    _scalar(file, "<Q")  # number of tensors
    key_count = int(_scalar(file, "<Q"))
    if key_count > MAX_KEYS:
        raise GgufError(f"its header claims {key_count} keys")
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = _text(file)
        if key.startswith("tokenizer.") and _is_sufficient(metadata):
            break  # the vocabulary alone takes 100 ms to skip, and what follows it is of no use here
        value = _value(file, int(_scalar(file, "<I")), size_bytes)
        if value is not None:
            metadata[key] = value
    return metadata


def _is_sufficient(metadata: dict[str, Value]) -> bool:
    architecture = metadata.get("general.architecture")
    return all(f"{architecture}.{key}" in metadata for key in ("context_length", "block_count", "attention.head_count"))


def _value(file: BinaryIO, kind: int, size_bytes: int) -> Value | None:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        return _array(file, size_bytes)
    if kind not in _SCALARS:
        raise GgufError(f"its header holds a value of unknown type {kind}")
    return _scalar(file, _SCALARS[kind])


def _array(file: BinaryIO, size_bytes: int) -> list[int] | None:
    """Return a short array of whole numbers (one a layer); skip every other one."""
    kind, count = int(_scalar(file, "<I")), int(_scalar(file, "<Q"))
    if count > MAX_ITEMS:
        raise GgufError(f"its header claims a list of {count} items")
    if kind == _STRING:
        for _ in range(count):
            _skip(file, int(_scalar(file, "<Q")), size_bytes)
        return None
    if kind not in _SCALARS:
        raise GgufError(f"its header holds a list of unknown type {kind}")
    layout = _SCALARS[kind]
    if layout in ("<I", "<i") and count <= MAX_KEYS:
        return [int(_scalar(file, layout)) for _ in range(count)]
    _skip(file, struct.calcsize(layout) * count, size_bytes)
    return None


def _skip(file: BinaryIO, length_bytes: int, size_bytes: int) -> None:
    if file.tell() + length_bytes > size_bytes:
        raise GgufError("it ends in the middle of its header")
    file.seek(length_bytes, os.SEEK_CUR)


def _text(file: BinaryIO) -> str:
    length_bytes = int(_scalar(file, "<Q"))
    if length_bytes > MAX_TEXT_BYTES:
        raise GgufError(f"its header claims a text of {length_bytes} bytes")
    return _exactly(file, length_bytes).decode("utf-8", errors="replace")


def _scalar(file: BinaryIO, layout: str) -> int | float | bool:
    (value,) = struct.unpack(layout, _exactly(file, struct.calcsize(layout)))
    return value  # type: ignore[no-any-return]  # struct has no types for what a layout yields


def _exactly(file: BinaryIO, length_bytes: int) -> bytes:
    data = file.read(length_bytes)
    if len(data) < length_bytes:
        raise GgufError("it ends in the middle of its header")
    return data


def _header_from(metadata: dict[str, Value]) -> GgufHeader:
    architecture = _as_text(metadata.get("general.architecture"))
    size_label = _as_text(metadata.get("general.size_label"))
    return GgufHeader(
        architecture=architecture,
        name=_as_text(metadata.get("general.name")),
        size_label=size_label,
        parameters=parameters_of(size_label),
        context_train=_as_count(metadata.get(f"{architecture}.context_length")),
        kv_bytes_per_token=_kv_bytes_per_token(architecture, metadata),
    )


def parameters_of(size_label: str) -> int | None:
    """Return the number of parameters that a label such as `135M`, `1.7B` or `8x7B` stands for."""
    experts, separator, size = size_label.strip().upper().rpartition("X")
    unit = _UNITS.get(size[-1:])
    try:
        return round((int(experts) if separator else 1) * float(size[:-1]) * unit) if unit else None
    except (ValueError, OverflowError):
        return None


def _kv_bytes_per_token(architecture: str, metadata: dict[str, Value]) -> int | None:
    """Return the cache one token of context needs at 16 bits a number; the upper bound for unusual architectures."""
    layers = _as_count(metadata.get(f"{architecture}.block_count"))
    heads = _as_count(metadata.get(f"{architecture}.attention.head_count"))
    width = _as_count(metadata.get(f"{architecture}.embedding_length"))
    per_head = width // heads if width and heads else None
    key = _as_count(metadata.get(f"{architecture}.attention.key_length")) or per_head
    value = _as_count(metadata.get(f"{architecture}.attention.value_length")) or per_head
    kv_heads = metadata.get(f"{architecture}.attention.head_count_kv", heads)
    if layers is None or key is None or value is None:
        return None
    if isinstance(kv_heads, list):
        total_heads = sum(kv_heads)
    elif (count := _as_count(kv_heads)) is not None:
        total_heads = layers * count
    else:
        return None
    return total_heads * (key + value) * 2


def _as_text(value: Value | None) -> str:
    """Return a text of the file as one printable line; it is shown on the screen."""
    return printable_line(value, 80) if isinstance(value, str) else ""


def _as_count(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
