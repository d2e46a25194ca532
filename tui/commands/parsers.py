"""What can stand on the command line: one parser a command, and the words that are no task."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.commands.output import print_text
from tui.exit_codes import EXIT_CODES_WORDS, EXIT_FAILED
from tui.words.sample import SAMPLE_TASK

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_SAMPLE = textwrap.fill(f'quintet "{SAMPLE_TASK}"', 79, initial_indent="  ", subsequent_indent=" " * 11)

EPILOG = f"""\
commands:
  quintet [TASK]      the app; with TASK the run starts at once
  quintet run TASK    the same without a terminal: progress on stderr,
                      the paths of the files on stdout
  quintet test        the tests of a delivered folder once more, in the sandbox
  quintet doctor      what is configured, from where, and whether it answers
  quintet config      show (every setting and its source), check, trust
  quintet completion  a script that completes words with Tab: bash, zsh, fish
  quintet help, version

examples:
  quintet
{_SAMPLE}
  quintet run "Build a to-do CLI" --output todo
  quintet run "What could go wrong here?" --workflow roundtable --json
  LLM_BASE_URL=http://127.0.0.1:11434/v1 LLM_MODEL=qwen3:8b quintet

Without a configured server the embedded demo model answers: real, tiny,
often wrong. Set LLM_BASE_URL or OPENAI_API_KEY for real work.
For a TASK that is the name of a command: quintet -- doctor
"""

# Names of commands that later versions will have: what is written today must not mean something else then.
PLANNED_COMMANDS = (
    *("resume", "sessions", "show", "fork", "compare", "replay", "export", "delete", "rewind"),
    *("batch", "ab", "model"),
)
SHELLS = ("bash", "zsh", "fish")


class _Parser(argparse.ArgumentParser):
    """A parser that notices when its help cannot be written."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is not sys.stdout:
            super()._print_message(message, file)
        elif not print_text([message.removesuffix("\n")]):
            raise SystemExit(EXIT_FAILED)


def app_parser() -> argparse.ArgumentParser:
    parser = _parser("quintet", "A team of five LLM specialists takes a software task to finished files.", EPILOG)
    parser.add_argument("task", nargs="?", metavar="TASK", help="what the team shall do; starts at once")
    parser.add_argument("-V", "--version", action="store_true", help="print the version and end")
    _add_run_options(parser)
    parser.add_argument("--plain", action="store_true", help="nothing moves on the screen but the text")
    return parser


def _run_parser() -> argparse.ArgumentParser:
    about = f"Run a task without a terminal.\nExit code: {EXIT_CODES_WORDS}."
    parser = _parser("quintet run", about)
    parser.add_argument("task", metavar="TASK", help="what the team shall do; - reads it from standard input")
    _add_run_options(parser)
    parser.add_argument("--json", action="store_true", help="print every event as one JSON object a line")
    parser.add_argument("--yes", action="store_true", help="go on when a budget is used up, instead of ending the run")
    return parser


def _test_parser() -> argparse.ArgumentParser:
    about = (
        f"Execute the tests of a delivered folder in the sandbox; it stays as it is.\nExit code: {EXIT_CODES_WORDS}."
    )
    parser = _parser("quintet test", about)
    parser.add_argument(
        "folder", nargs="?", default=".", metavar="FOLDER", help="the output folder of a run (default: .)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object: folder, status, evidence")
    parser.add_argument("--profile", metavar="NAME", help="development, staging or production: a bundle of settings")
    return parser


def _doctor_parser() -> argparse.ArgumentParser:
    parser = _parser("quintet doctor", "Say what is configured, from which source, what answers and what is missing.")
    parser.add_argument("--json", action="store_true", help="one JSON object: ok, findings with grade, name and detail")
    _add_settings_options(parser)
    return parser


def _config_parser() -> argparse.ArgumentParser:
    from tui.commands.config_command import add_commands

    parser = _parser("quintet config", "Look at the settings; what there is to set is in docs/CONFIGURATION.md.")
    options = argparse.ArgumentParser(add_help=False)
    _add_settings_options(options)
    add_commands(parser, options)
    return parser


def _completion_parser() -> argparse.ArgumentParser:
    about = "Print a script that completes words with Tab.\nbash: quintet completion bash > ~/.local/share/bash-completion/completions/quintet"
    parser = _parser("quintet completion", about)
    parser.add_argument("shell", choices=SHELLS, help="the shell that shall run it")
    return parser


def _help_parser() -> argparse.ArgumentParser:
    parser = _parser("quintet help", "Say how a command is used.")
    parser.add_argument("command", nargs="?", choices=tuple(COMMANDS), metavar="COMMAND", help="one of the commands")
    return parser


def _version_parser() -> argparse.ArgumentParser:
    return _parser("quintet version", "Print the version.")


def _parser(program: str, about: str, epilog: str = "") -> argparse.ArgumentParser:
    return _Parser(prog=program, description=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workflow", metavar="NAME", help="delivery (default), bugfix, review or roundtable")
    parser.add_argument("--agents", metavar="A,B", help="who takes part, by id: developer,qa_engineer")
    parser.add_argument("--output", metavar="DIR", help="where the files go (default: output/<date>-<name>)")
    _add_settings_options(parser)


def _add_settings_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="MODEL", help="a model's name, or a GGUF file to serve here")
    parser.add_argument("--profile", metavar="NAME", help="development, staging or production: a bundle of settings")


COMMANDS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "run": _run_parser,
    "test": _test_parser,
    "doctor": _doctor_parser,
    "config": _config_parser,
    "completion": _completion_parser,
    "help": _help_parser,
    "version": _version_parser,
}
