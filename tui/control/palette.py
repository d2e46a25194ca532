"""What the command palette offers: every action of the registry, and every workflow, by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from core.text.sanitize import one_line
from tui.bindings import Action, key_label
from tui.screens.main import MainScreen


def action_title(action: Action) -> str:
    """Return what the palette and the help call an action, with its keys."""
    keys = ", ".join(key_label(key) for key in action.all_keys)
    return f"{action.label}  ({keys})" if keys else action.label


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette."""

    title: str
    help: str
    run: Callable[[], Awaitable[None]]


class ActionProvider(Provider):
    """Offers the rows of the registry, each of which runs where its key would, and the workflows for the next run."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            title = command.title
            score = max(matcher.match(title), matcher.match(command.help) * 0.9)
            if score > 0:
                yield Hit(score, matcher.highlight(title), command.run, text=title, help=command.help)

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(Content(command.title), command.run, text=command.title, help=command.help)

    def _commands(self) -> Iterator[Command]:
        main = self._main()
        if main is None:
            return
        for action in main.table.actions:
            yield Command(action_title(action), action.help, partial(main.run, action))
        for workflow, title in main.workflows.items():
            name = one_line(title, 40)
            yield Command(f"Workflow: {name}", f"Let the next run follow {name}.", partial(_choose, main, workflow))

    def _main(self) -> MainScreen | None:
        return next((screen for screen in self.app.screen_stack if isinstance(screen, MainScreen)), None)


async def _choose(main: MainScreen, workflow: str) -> None:
    main.post_message(main.WorkflowChosen(workflow))
