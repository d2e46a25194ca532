"""The command palette's view of the registry: every action, by its name."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.bindings import Action, key_label
from tui.screens.main import MainScreen


def action_title(action: Action) -> str:
    """Return what the palette and the help call an action, with its keys."""
    keys = ", ".join(key_label(key) for key in action.all_keys)
    return f"{action.label}  ({keys})" if keys else action.label


class ActionProvider(Provider):
    """Offers the rows of the registry; each runs where its key would."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            title = action_title(action)
            score = max(matcher.match(title), matcher.match(action.help) * 0.9)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, action), text=title, help=action.help)

    async def discover(self) -> Hits:
        for action in self._actions():
            title = action_title(action)
            yield DiscoveryHit(Content(title), partial(self._run, action), text=title, help=action.help)

    def _actions(self) -> tuple[Action, ...]:
        main = self._main()
        return main.table.actions if main is not None else ()

    def _main(self) -> MainScreen | None:
        return next((screen for screen in self.app.screen_stack if isinstance(screen, MainScreen)), None)

    async def _run(self, action: Action) -> None:
        main = self._main()
        if main is not None:
            await main.run(action)
