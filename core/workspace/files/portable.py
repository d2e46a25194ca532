"""Gives a name that a model chose the form that every system takes: letters of any script stay, the rest is put in order."""

from __future__ import annotations

import re
import unicodedata

from core.workspace.files.paths import is_device_name

FALLBACK_STEM = "file"

_MARKS_OF_NAMES = frozenset('_-.@+()[]{}$<>…:"|?*\\')


def portable_path(raw: str) -> str:
    """Return a relative path without what only some systems take; what is no path at all is left for the gate to refuse.

    Spaces become underscores, signs and emoji go (a name that is nothing else is called after them), dots and spaces at the
    end go, a device name of Windows gets an underscore, and look-alikes of one letter become that letter.
    """
    folded = unicodedata.normalize("NFKC", raw)
    if any(folded.count(sign) != raw.count(sign) for sign in "/\\:.~"):
        return raw
    parts = folded.strip().removeprefix("./").split("/")
    if any(part in {"", ".", ".."} for part in parts[:-1]) or parts[-1] in {"", ".", ".."}:
        return raw
    return "/".join(map(_portable_name, parts))


def _portable_name(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    plain = _plain(stem)
    if not plain.strip("_."):
        plain = _called_after(stem) if any(not char.isascii() for char in stem) else plain
    plain = plain.rstrip(".") if not suffix else plain
    if is_device_name(plain):
        first, rest_dot, rest = plain.partition(".")
        plain = f"{first.rstrip()}_{rest_dot}{rest}"
    return f"{plain}{dot}{_plain(suffix)}".rstrip(". ") if name.strip(".") else name


def _plain(text: str) -> str:
    """Return the letters, digits and usual marks of a text, each stretch of space as one underscore."""
    spaced = re.sub(r"\s+", "_", text.strip())
    kept = "".join(char for char in spaced if char in _MARKS_OF_NAMES or char.isascii() or _belongs_to_words(char))
    return re.sub("__+", "_", kept).strip("_") if kept != text else text


def _belongs_to_words(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "L" or (category in {"Mn", "Mc", "Nd"} and not 0xFE00 <= ord(char) <= 0xFE0F)


def _called_after(stem: str) -> str:
    """Return the Unicode names of signs as a name: the sign of a rocket is rocket."""
    names = [unicodedata.name(char, "") for char in stem if unicodedata.category(char) in {"So", "Sm", "Sc"}]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(names[:2]).lower())[:40].strip("_") or FALLBACK_STEM
