"""The command line: the app, a headless run, the doctor."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from core.text.suggest import suggest
from tui.commands.output import give_up
from tui.commands.parsers import COMMANDS, PLANNED_COMMANDS, app_parser
from tui.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_STOPPED, EXIT_USAGE

NEARLY_A_COMMAND = 0.75  # so much of a single word that is no command must be one
STDIN_MAX_CHARACTERS = 1024 * 1024  # the engine's own limit is lower; this one bounds what is read


def main(argv: Sequence[str] | None = None) -> int:
    """Run Quintet and return its exit code: 0 passed, 1 failed, 2 usage or configuration, 3 unverified, 130 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        name = words[0] if words else ""
        if name in COMMANDS:
            return _COMMANDS[name](COMMANDS[name]().parse_args(words[1:]))
        if problem := _no_task(name):
            return _fail(*problem)
        options = app_parser().parse_args(words)
        if options.task is not None and "--" not in words and options.task in COMMANDS:
            return _fail(
                f"the command comes first: quintet {options.task} ...", f"as a task: quintet -- {options.task}"
            )
        return _app(options)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    finally:
        _flush()


def _no_task(word: str) -> tuple[str, str] | None:
    """Return what is wrong with a first word that is, or is nearly, the name of a command, and what to do."""
    as_task = f"to use it as a task: quintet -- {word}"
    if word.lower() in PLANNED_COMMANDS:
        return f"the command {word!r} does not exist yet", as_task
    if not word or word.startswith("-") or len(word.split()) > 1:
        return None
    meant = suggest(word.lower(), (*COMMANDS, *PLANNED_COMMANDS), cutoff=NEARLY_A_COMMAND)
    return (f"there is no command {word!r} (did you mean {meant}?)", as_task) if meant else None


def _open_closed_streams() -> None:
    """Give a standard stream that is closed to the null device: its number would fall to the next file that is opened."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - open until the process ends
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _flush() -> None:
    """Write what is left, such as a help text; a full disk is told, a reader that has gone is not."""
    try:
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout, error)
        if not isinstance(error, BrokenPipeError):
            raise SystemExit(EXIT_FAILED) from None


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    overrides: dict[str, object] = {}
    if getattr(options, "workflow", None) is not None:
        overrides["team.workflow"] = options.workflow
    if getattr(options, "output", None) is not None:
        # The run gets it as it is; as a setting it is checked before anything is asked of a model.
        overrides["workspace.output_dir"] = options.output
    if options.profile is not None:
        overrides["profile"] = options.profile
    if getattr(options, "plain", False):
        overrides |= {"ui.animation": "none", "ui.cursor_blink": False}
    model: str | None = getattr(options, "model", None)
    if model is None:
        return overrides
    if model.lower().endswith(".gguf"):
        return overrides | {"llm.model_file": Path(model)}
    return overrides | {"llm.model": model}


def _output(options: argparse.Namespace) -> Path | None:
    return None if options.output is None else Path(options.output)


def _agents(options: argparse.Namespace) -> tuple[str, ...] | None:
    if options.agents is None:
        return None
    return tuple(name.strip() for name in options.agents.split(",") if name.strip())


def _app(options: argparse.Namespace) -> int:
    if options.version:
        return _version(options)
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
        task=options.task, output_dir=_output(options), agents=_agents(options), overrides=_overrides(options)
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
        output_dir=_output(options),
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


def _test(options: argparse.Namespace) -> int:
    from tui.commands.retest import run_test

    return run_test(Path(options.folder), overrides=_overrides(options), as_json=options.json)


def _doctor(options: argparse.Namespace) -> int:
    from tui.commands.headless import run_doctor

    return run_doctor(overrides=_overrides(options), as_json=options.json)


def _config(options: argparse.Namespace) -> int:
    from tui.commands.config_command import run_config

    return run_config(options, _overrides(options))


def _completion(options: argparse.Namespace) -> int:
    from tui.commands.completion import completion_script
    from tui.commands.output import print_text

    return EXIT_OK if print_text([completion_script(options.shell)]) else EXIT_FAILED


def _help(options: argparse.Namespace) -> int:
    from tui.commands.output import print_text

    parser = COMMANDS[options.command]() if options.command else app_parser()
    return EXIT_OK if print_text([parser.format_help().rstrip()]) else EXIT_FAILED


def _version(_: argparse.Namespace) -> int:
    from core.doctor import version
    from tui.commands.output import print_text

    return EXIT_OK if print_text([f"quintet {version()}"]) else EXIT_FAILED


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "test": _test,
    "doctor": _doctor,
    "config": _config,
    "completion": _completion,
    "help": _help,
    "version": _version,
}


def _fail(message: str, hint: str) -> int:
    print(f"quintet: {message} - {hint}", file=sys.stderr)  # noqa: T201 - the message is for the user
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
