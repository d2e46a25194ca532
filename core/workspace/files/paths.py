"""The one gate every path from outside passes before it may name a file, and the form that every system takes of it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.kinds import ArtifactFaultKind
from core.text.sanitize import escape_controls

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


MAX_PATH_CHARS = 200
MAX_NAME_CHARS = 100
MAX_NAME_BYTES = 200  # filesystems stop at 255; kept versions and temporary files need a few more

_OWN_FOLDERS = frozenset({".git", "git~1", ".quintet"})
_WINDOWS_DEVICES = re.compile(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_HEADER_LINE = re.compile(r"(?:bearer|basic|authorization|get|post|put|patch|delete|head|options)\s", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(?:^|/)path/to(?:/|$)|(?:^|/)(?:your|my)[-_ ]?(?:file|path|module)[-_ ]?(?:name)?(?:\.|/|$)"
    r"|(?:^|/)(?:file(?:name)?|name)\.ext(?:ension)?$|(?:^|/)\.{3,}|[<>{}…]|\$[A-Z_]+",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}$|localhost$|www\.", re.IGNORECASE)
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_relative_path(raw: str) -> PurePosixPath:
    """Return the path as a normalised relative one; it cannot leave the folder it is joined to on any system.

    Raises:
        ArtifactError: `kind` names the broken rule: empty, control, too_long, absolute, scheme, drive, backslash,
            traversal, trailing_slash, spaces, characters, placeholder, header, address, reserved or own_folder.
    """
    text = unicodedata.normalize("NFC", raw)
    _check_whole(text)
    parts = text.removeprefix("./").split("/")
    for part in parts:
        _check_name(part, text)
    return PurePosixPath(*parts)


def is_device_name(name: str) -> bool:
    """Tell whether a name is a device on Windows, whatever its suffix."""
    return _WINDOWS_DEVICES.fullmatch(name.split(".", 1)[0].rstrip()) is not None


def looks_like_path(token: str) -> bool:
    """Tell whether a word from an answer is meant as a file: it has a folder, a suffix or a well-known name."""
    # The vowel signs and accents of many scripts are no letters to a regular expression.
    token = "".join("x" if unicodedata.category(char) in {"Mn", "Mc"} else char for char in token)
    if not re.fullmatch(r"(?:\./)?[\w.@+()\[\]-]+(?:/[\w.@+()\[\]-]+)*", token):
        return False
    name = token.rsplit("/", 1)[-1]
    if name.casefold() in _KNOWN_NAMES:
        return True
    return re.search(r"[\w)\]]\.[A-Za-z][A-Za-z0-9]{0,11}$|^\.[A-Za-z]\w+", name) is not None and (
        re.fullmatch(r"\.+|e\.g|i\.e|etc\.", name) is None
    )


_KNOWN_NAMES = frozenset(
    {
        "dockerfile",
        "containerfile",
        "makefile",
        "procfile",
        "license",
        "jenkinsfile",
        "justfile",
        "gemfile",
        "vagrantfile",
    }
)


def _check_whole(text: str) -> None:
    if not text.strip():
        raise ArtifactError("empty", "the file has no path", hint="name it like src/main.py")
    # Joiners stay where a script or an emoji needs them.
    visible = text.replace("\u200c", "").replace("\u200d", "")
    is_hiding = any(unicodedata.category(char) in _FORBIDDEN_CATEGORIES for char in visible)
    if is_hiding or escape_controls(text) != text:
        raise _refused("control", text, "holds a control or invisible character")
    if len(text) > MAX_PATH_CHARS:
        raise _refused("too_long", text, f"is longer than {MAX_PATH_CHARS} characters")
    if _HEADER_LINE.match(text):
        raise _refused("header", text, "is a header line, not a path")
    if "://" in text:
        raise _refused("scheme", text, "is an address, not a path")
    if re.match(r"[A-Za-z]:", text):
        raise _refused("drive", text, "names a drive")
    if "\\" in text:
        raise _refused("backslash", text, "holds a backslash")
    if text.startswith(("/", "~")):
        raise _refused("absolute", text, "is not relative to the output folder")
    if text.endswith("/"):
        raise _refused("trailing_slash", text, "ends like a folder")
    if text != text.strip():
        raise _refused("spaces", text, "begins or ends with a space")
    # Characters such as U+2025 or U+FF0F become dots and slashes when they are normalised.
    compatible = unicodedata.normalize("NFKC", text)
    if compatible != text and (re.search(r"\.\.|[\\:]", compatible) or compatible.count("/") != text.count("/")):
        raise _refused("traversal", text, "hides dots or slashes in look-alike characters")
    if ".." in text.split("/"):
        raise _refused("traversal", text, 'leads out of the output folder by ".."')
    if _PLACEHOLDER.search(text):
        raise _refused("placeholder", text, "is a placeholder")


def _check_name(name: str, text: str) -> None:
    if name in {"", "."}:
        raise _refused("characters", text, "has an empty part")
    if name != name.strip():
        raise _refused("spaces", text, f"has a space at the edge of {name!r}")
    if name.endswith("."):
        raise _refused("spaces", text, f"has a dot at the end of {name!r}")
    if len(name) > MAX_NAME_CHARS or len(name.encode()) > MAX_NAME_BYTES:
        raise _refused("too_long", text, f"has a name longer than {MAX_NAME_CHARS} characters")
    if re.search(r'[:"|?*]', name) or name.startswith("-"):
        raise _refused("characters", text, f"has a character other systems or shells do not allow in {name!r}")
    if _ADDRESS.match(name):
        raise _refused("address", text, "is a network address, not a path")
    if is_device_name(name):
        raise _refused("reserved", text, f"has the reserved name {name!r}")
    if name.casefold() in _OWN_FOLDERS:
        raise _refused("own_folder", text, f"would write into {name!r}")
    if " " in name and "." not in name:
        raise _refused("header", text, "is a sentence, not a path")


def _refused(kind: ArtifactFaultKind, text: str, why: str) -> ArtifactError:
    shown = text if len(text) <= 60 else text[:59] + "…"
    return ArtifactError(kind, f"the path {shown!r} {why}", hint="use a plain relative path such as src/main.py")
