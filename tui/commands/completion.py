"""Completion of the command line by the shell, written by shtab from the parsers."""

from __future__ import annotations

import shtab

from tui.commands.parsers import COMMANDS, app_parser


def completion_script(shell: str) -> str:
    """Return the script for bash, zsh or fish."""
    parser = app_parser()
    # The app's own first word is a task; for the shell the commands stand in its place.
    parser._actions = [action for action in parser._actions if action.dest != "task"]
    commands = parser.add_subparsers(title="commands")
    for name, make_parser in COMMANDS.items():
        command = make_parser()
        commands.add_parser(name, parents=[command], add_help=False, help=command.description)
    return shtab.complete(parser, shell)
