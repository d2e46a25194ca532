"""The command line: the app, a headless run, the doctor."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from tui.exit_codes import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE

STDIN_MAX_CHARACTERS = 1024 * 1024  # the engine's own limit is lower; this one bounds what is read

RESERVED = ("resume", "sessions", "show", "export")

EPILOG = """\
commands:
  quintet [TASK]     the app; with TASK the run starts at once
  quintet run TASK   the same without a terminal: progress on stderr,
                     the paths of the files on stdout
  quintet doctor     what is configured, from where, and whether it answers
  quintet config     show (every setting and its source), check, trust

examples:
  quintet
  quintet "Write a Python function that reverses a string, with tests"
  quintet run "Build a to-do CLI" --output todo
  quintet run "What could go wrong here?" --workflow roundtable --json
  LLM_BASE_URL=http://127.0.0.1:11434/v1 LLM_MODEL=qwen3:8b quintet

Without a configured server the embedded demo model answers: real, tiny,
often wrong. Set LLM_BASE_URL or OPENAI_API_KEY for real work.
For a TASK that is the name of a command: quintet -- doctor
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run Quintet and return its exit code: 0 passed, 1 failed, 2 usage or configuration, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        if words and words[0] in RESERVED:
            return _fail(f"the command {words[0]!r} does not exist yet", f"to use it as a task: quintet -- {words[0]}")
        if words and words[0] == "run":
            return _run(_run_parser().parse_args(words[1:]))
        if words and words[0] == "doctor":
            return _doctor(_doctor_parser().parse_args(words[1:]))
        if words and words[0] == "config":
            return _config(_config_parser().parse_args(words[1:]))
        return _app(_app_parser().parse_args(words))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        _flush()


def _open_closed_streams() -> None:
    """Give a standard stream that is closed to the null device: its number would fall to the next file that is opened."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - open until the process ends
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        # The reader has gone: nothing more can be said, and the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _app_parser() -> argparse.ArgumentParser:
    parser = _parser("quintet", "A team of five LLM specialists takes a software task to finished files.", EPILOG)
    parser.add_argument("task", nargs="?", metavar="TASK", help="what the team shall do; starts at once")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    _add_run_options(parser)
    parser.add_argument("--plain", action="store_true", help="nothing moves on the screen but the text")
    return parser


def _run_parser() -> argparse.ArgumentParser:
    about = "Run a task without a terminal.\nExit code: 0 passed, 1 failed, 2 usage or configuration, 130 interrupted."
    parser = _parser("quintet run", about)
    parser.add_argument("task", metavar="TASK", help="what the team shall do; - reads it from standard input")
    _add_run_options(parser)
    parser.add_argument("--json", action="store_true", help="print every event as one JSON object a line")
    parser.add_argument("--yes", action="store_true", help="go on when a budget is used up, instead of ending the run")
    return parser


def _doctor_parser() -> argparse.ArgumentParser:
    parser = _parser("quintet doctor", "Say what is configured, from which source, what answers and what is missing.")
    _add_settings_options(parser)
    return parser


def _config_parser() -> argparse.ArgumentParser:
    from tui.commands.config_command import add_commands

    parser = _parser("quintet config", "Look at the settings; what there is to set is in docs/CONFIGURATION.md.")
    options = argparse.ArgumentParser(add_help=False)
    _add_settings_options(options)
    add_commands(parser, options)
    return parser


def _parser(program: str, about: str, epilog: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=program, description=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workflow", metavar="NAME", help="delivery (default), bugfix, review or roundtable")
    parser.add_argument("--agents", metavar="A,B", help="who takes part, by id: developer,qa_engineer")
    parser.add_argument("--output", metavar="DIR", type=Path, help="where the files go (default: output/<date>-<name>)")
    _add_settings_options(parser)


def _add_settings_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="MODEL", help="a model's name, or a GGUF file to serve here")
    parser.add_argument("--profile", metavar="NAME", help="development, staging or production: a bundle of settings")


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    overrides: dict[str, object] = {}
    if getattr(options, "workflow", None) is not None:
        overrides["team.workflow"] = options.workflow
    if options.profile is not None:
        overrides["profile"] = options.profile
    if getattr(options, "plain", False):
        overrides |= {"ui.animation": "none", "ui.cursor_blink": False}
    model: str | None = options.model
    if model is None:
        return overrides
    if model.lower().endswith(".gguf"):
        return overrides | {"llm.model_file": Path(model)}
    return overrides | {"llm.model": model}


def _agents(options: argparse.Namespace) -> tuple[str, ...] | None:
    if options.agents is None:
        return None
    return tuple(name.strip() for name in options.agents.split(",") if name.strip())


def _app(options: argparse.Namespace) -> int:
    if options.version:
        from core.doctor import version

        print(f"quintet {version()}")  # noqa: T201 - this is what was asked for
        return EXIT_OK
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on stderr
        return _fail(
            "the app needs a terminal for input, output and errors, and at least one is redirected",
            "use `quintet run TASK`",
        )
    from tui.terminal.fitness import give_size_if_unknown, problem_of

    if problem := problem_of(os.environ):
        print(f"quintet: {problem}", file=sys.stderr)  # noqa: T201 - the message is for the user
        return EXIT_USAGE
    from tui.app import QuintetApp

    give_size_if_unknown()
    app = QuintetApp(
        task=options.task, output_dir=options.output, agents=_agents(options), overrides=_overrides(options)
    )
    app.run()
    for line in app.last_words:
        print(line, file=sys.stderr)  # noqa: T201 - said after the screen was given back
    return app.return_code or EXIT_OK


def _run(options: argparse.Namespace) -> int:
    from tui.commands.headless import HeadlessRun, run_headless

    task = _piped_task() if options.task == "-" else options.task
    if len(task) > STDIN_MAX_CHARACTERS:
        return _fail("standard input holds more than a task", "shorten it, or name the files that hold the material")
    run = HeadlessRun(
        task=task,
        agents=_agents(options),
        output_dir=options.output,
        as_json=options.json,
        approve_all=options.yes,
    )
    return run_headless(run, overrides=_overrides(options))


def _piped_task() -> str:
    """Return what stands on standard input, one character more than allowed at most; bytes that are no text are marked."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    try:
        return sys.stdin.read(STDIN_MAX_CHARACTERS + 1)
    except OSError:
        return ""


def _doctor(options: argparse.Namespace) -> int:
    from tui.commands.headless import run_doctor

    return run_doctor(overrides=_overrides(options))


def _config(options: argparse.Namespace) -> int:
    from tui.commands.config_command import run_config

    return run_config(options, _overrides(options))


def _fail(message: str, hint: str) -> int:
    print(f"quintet: {message} - {hint}", file=sys.stderr)  # noqa: T201 - the message is for the user
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
