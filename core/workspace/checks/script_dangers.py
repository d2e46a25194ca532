"""What a script must not do on the user's machine unseen: run what the network sends, or delete outside its folder.

A guard against what a model writes in good faith or under somebody's influence, not a sandbox: it reads, it does not run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from core.text.sanitize import normalise_newlines

MAX_LINE_CHARS = 2000  # bounds for the patterns below: a script of endless lines takes no endless time
MAX_FETCHES = 30
MAX_SAVED_NAMES = 6

RUNS_NETWORK = "runs what it fetches from the network"
RUNS_DECODED = "runs what it has decoded, which nobody can read"
DELETES_OUTSIDE = "deletes outside its own folder"
DESTROYS = "overwrites a disk or the whole system"

_SCRIPT_SUFFIXES = frozenset(
    {".sh", ".bash", ".zsh", ".ksh", ".fish", ".command", ".ps1", ".bat", ".cmd", ".mk", ".just"}
)
_SCRIPT_NAMES = frozenset({"makefile", "gnumakefile", "justfile", "procfile", "taskfile"})
_CODE_SUFFIXES = frozenset({".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php", ".go", ".rs"})
_SHELL_LINE = re.compile(r"#!.*\b(?:ba|da|k|z|fi)?sh\b")

_FETCH = r"\b(?:curl|wget|aria2c|lynx|ncat|nc|iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b"
_SHELL = r"(?:ba|da|k|z|a|fi)?sh|iex|invoke-expression|pwsh|powershell"
_INTERPRETER = r"python[\d.]*|perl|ruby|node|php"
_PREFIX = r"(?:(?:sudo|doas|env|exec|command|nohup|time)\s+(?:-\S+\s+|\w+=\S*\s+)*)*(?:[\w./-]*/)?"
_INTO_SHELL = rf"\|\s*&?\s*{_PREFIX}(?:(?:{_SHELL})(?![\w.-])|(?:{_INTERPRETER})(?=\s*(?:-\s|-$|$|[;&|)\"'`])))"
_RUN_NETWORK = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"{_FETCH}[^\n]{{0,{MAX_LINE_CHARS}}}?{_INTO_SHELL}",
        rf"(?:\b(?:eval|source|exec|(?:{_SHELL}|{_INTERPRETER})\s+(?:-\S+\s+)*)|(?:^|[\s;&|])\.\s)\s*[\"']?(?:\$\(|`|<\()\s*{_FETCH}",
        rf"<<<\s*[\"']?(?:\$\(|`)\s*{_FETCH}",
        rf"\b(?:iex|invoke-expression)\b[^\n]{{0,{MAX_LINE_CHARS}}}?{_FETCH}",
    )
)
_RUN_DECODED = re.compile(
    rf"(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+enc\s[^\n|]{{0,200}}-d)[^\n]{{0,{MAX_LINE_CHARS}}}?{_INTO_SHELL}",
    re.IGNORECASE | re.MULTILINE,
)
_DESTROY = re.compile(
    r"\bmkfs(?:\.\w+)?\s|\bdd\s[^\n]*\bof=/dev/(?!null)|>\s*/dev/(?:sd|nvme|hd|vd|disk)|:\(\)\s*\{\s*:\s*\|\s*:"
    r"|\bch(?:mod|own)\s+-\w*R\w*\s+\S+\s+(?:/|~|\$HOME)[\s/*]*$",
    re.MULTILINE,
)
_TARGET_FILE = re.compile(r"(?:-o|-O|--output(?:-document)?|-OutFile|>)[\s=]*[\"']?([\w.$~{}/-]+)", re.IGNORECASE)
_ADDRESS_FILE = re.compile(r"://[^\s\"']*/([\w.-]+)(?=[\"'\s?#]|$)")
# What is only printed is not run, unless it goes on into a pipe or a file.
_PRINTED = re.compile(r"\b(?:echo|printf)\s+(?:-\w+\s+)*(?:\"[^\"$`\n]*\"|'[^'\n]*')(?!\s*[|>])")
_OWN_FOLDER = re.compile(
    r"\$\(\s*dirname\s+(?:--\s+)?\"?\$\{?(?:0|BASH_SOURCE)[^)\n]*\)|\$\(pwd\)|\$\{?PWD\}?|\$\(CURDIR\)|%~dp0"
)
_CHANGED_FOLDER = re.compile(r"\$\(\s*cd\s+(?:--\s+)?([^()\n]*?)\s*(?:>[^&\n]*)?&&\s*pwd(?:\s+-P)?\s*\)")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+|local\s+|readonly\s+|declare\s+)?(\w+)\s*[:?]?=\s*(.*)$", re.MULTILINE)
_VARIABLE = re.compile(r"^\$[({]?(\w+)(?::?[-=?+][^)}]*)?[)}]?(?P<rest>.*)$")
_DELETERS = frozenset({"rm", "rmdir", "unlink", "shred", "del", "erase", "rd", "remove-item"})
_SEPARATORS = re.compile(r"&&|\|\||[;|&\n(){}]|\b(?:then|do|else)\b")
_COMMAND_PREFIXES = frozenset(
    {"sudo", "doas", "command", "exec", "env", "nohup", "time", "xargs", "builtin", "if", "while", "!"}
)


def script_danger(path: str, text: str) -> str | None:
    """Return what is dangerous in a script, as what it does, or None; code in other languages is searched for pipes only."""
    name = PurePosixPath(path)
    is_script = _is_script(name, text)
    if not is_script and name.suffix.lower() not in _CODE_SUFFIXES:
        return None
    plain = _PRINTED.sub("echo", _without_comments(normalise_newlines(text)))
    if any(pattern.search(plain) for pattern in _RUN_NETWORK) or (is_script and _runs_what_it_saved(plain)):
        return RUNS_NETWORK
    if _RUN_DECODED.search(plain):
        return RUNS_DECODED
    if not is_script:
        return None
    if _DESTROY.search(plain):
        return DESTROYS
    return DELETES_OUTSIDE if _deletes_outside(plain, depth=len(name.parts) - 1) else None


def _is_script(name: PurePosixPath, text: str) -> bool:
    folded = name.name.casefold()
    if name.suffix.lower() in _SCRIPT_SUFFIXES or folded.split(".", 1)[0] in _SCRIPT_NAMES:
        return True
    return not name.suffix and _SHELL_LINE.match(text) is not None


def _without_comments(text: str) -> str:
    joined = re.sub(r"[\\`^]\n\s*", " ", text)
    return "\n".join(line for line in joined.split("\n") if not re.match(r"\s*(?:#|//|rem\b|::)", line, re.IGNORECASE))


def _runs_what_it_saved(text: str) -> bool:
    fetches = re.finditer(rf"{_FETCH}[^\n]{{0,{MAX_LINE_CHARS}}}", text, re.IGNORECASE)
    for fetched in islice(fetches, MAX_FETCHES):
        names = _TARGET_FILE.findall(fetched[0]) + _ADDRESS_FILE.findall(fetched[0])
        for saved in dict.fromkeys(name.strip("\"'") for name in names[:MAX_SAVED_NAMES]):
            if saved in {"", "-", "/dev/null"}:
                continue
            runner = rf"(?:\b(?:{_SHELL}|{_INTERPRETER}|source|eval)\s+(?:-\S+\s+)*|(?:^|[\s;&|])\.\s+|\bchmod\s+(?:-\S+\s+)*(?:\S*\+\S*x|0?[1-7]*[1357][0-7]*)\s+|(?:^|[;&|]\s*)(?:\./)?)"
            if re.search(rf"{runner}[\"']?(?:\./)?{re.escape(saved)}(?![\w.-])", text[fetched.start() :], re.MULTILINE):
                return True
    return False


def _deletes_outside(text: str, *, depth: int) -> bool:
    text = _OWN_FOLDER.sub(".", text)
    text = _CHANGED_FOLDER.sub(lambda match: match[1].strip("\"'") or ".", text)
    assigned = {match[1]: match[2].strip().strip("\"'") for match in _ASSIGNMENT.finditer(text)}
    is_elsewhere = False
    for words in _commands(text):
        command, arguments = words[0].casefold(), words[1:]
        targets = [
            word for word in arguments if not word.startswith("-") and not re.fullmatch(r"/[a-z]", word, re.IGNORECASE)
        ]
        if command in {"cd", "pushd", "chdir", "set-location"}:
            is_elsewhere = not targets or _is_outside(targets[0], assigned, depth)
        is_find = command == "find" and ("-delete" in arguments or "rm" in arguments)
        if is_find and targets:
            targets = targets[:1]
        if command in _DELETERS or is_find:
            relative_is_outside = is_elsewhere and any(not target.startswith("/") for target in targets)
            if relative_is_outside or any(_is_outside(target, assigned, depth) for target in targets):
                return True
    return False


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, without what stands before its name."""
    for segment in _SEPARATORS.split(_braces_hidden(text)):
        plain = segment.replace("\x00", "${").replace("\x01", "}").replace("\x02", "$(").replace("\x03", ")")
        try:
            words = shlex.split(plain)
        except ValueError:  # a quote that ends in another segment
            words = plain.replace('"', "").replace("'", "").split()
        while words and (words[0].lstrip("@+-") in {"", *_COMMAND_PREFIXES} or re.match(r"\w+=", words[0])):
            words = words[1:]
            while words and words[0].startswith("-"):
                words = words[1:]
        if words:
            yield [words[0].lstrip("@+-").rsplit("/", 1)[-1], *words[1:]]


def _braces_hidden(text: str) -> str:
    """Replace the brackets of ${name} and $(name), which do not end a command."""
    text = re.sub(r"\$\{([^{}\n]*)\}", "\x00\\1\x01", text)
    return re.sub(r"\$\((\w+)\)", "\x02\\1\x03", text)


def _is_outside(target: str, assigned: dict[str, str], depth: int, *, seen: int = 0) -> bool:
    if target.startswith(("$$", "%")):
        target = target.lstrip("$%")
        return target.upper().startswith(("HOME", "USERPROFILE", "APPDATA", "SYSTEM"))
    variable = _VARIABLE.match(target)
    if variable is not None:
        name, rest = variable[1], variable["rest"]
        if name in {"HOME", "OLDPWD"}:
            return True
        value = assigned.get(name)
        if value is None:
            return (
                rest.startswith("/") and not name.isdigit()
            )  # with the variable empty, this is the root of the system
        if "mktemp" in value or seen > len(assigned):
            return False
        return _is_outside(value + rest, assigned, depth, seen=seen + 1)
    if target.startswith(("/", "~")) or re.match(r"[A-Za-z]:", target):
        return not target.startswith("/dev/null")
    level = 0
    for part in re.split(r"[\\/]", target):
        level += -1 if part == ".." else 0 if part in {"", "."} else 1
        if level < -depth:
            return True
    return False
