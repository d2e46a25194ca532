"""Takes a command line of the shell apart: its programs with their words, and the files that it makes."""

from __future__ import annotations

import itertools
import shlex

from core.execution.readme.programs import PYTHONS, SHELLS

_SEPARATORS = frozenset({"&&", "||", "|", ";", ";;", "(", ")", "|&"})
_REDIRECTIONS = frozenset({">", ">>", "<", ">&", "&>", "<<", "<<<", ">|"})


def tokens_of(text: str) -> list[str]:
    """Return the words and signs of a command line.

    Raises:
        ValueError: a quote is open.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def segments_of(tokens: list[str]) -> list[list[str]]:
    """Return the words of each program of a command line, without its redirections."""
    segments: list[list[str]] = [[]]
    skips = False
    for token in tokens:
        if token in _SEPARATORS:
            segments.append([])
        elif token in _REDIRECTIONS:
            if segments[-1] and segments[-1][-1] in {"1", "2"}:
                segments[-1].pop()
            skips = True
            continue
        elif not skips:
            segments[-1].append(token)
        skips = False
    return [words for words in segments if words]


def has_no_arguments(words: list[str]) -> bool:
    """Return whether a program is started with nothing behind it."""
    match words:
        case [_] | [_, "-m", _]:
            return True
        case [program, _]:
            return program in PYTHONS | SHELLS | {"node"}
        case _:
            return False


def files_made_by(tokens: list[str]) -> list[str]:
    """Return the files that a command line makes, as far as it says so."""
    made = [name for sign, name in itertools.pairwise(tokens) if sign in {">", ">>", ">|", "&>"}]
    for words in segments_of(tokens):
        match words:
            case ["touch" | "tee" | "mkdir", *names]:
                made += [name for name in names if not name.startswith("-")]
            case ["cp" | "mv", *_, target]:
                made.append(target)
            case _:
                pass
    return made
