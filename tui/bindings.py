"""Every action of the app, one row each: the rows make bindings, footer, palette, help and the user's keymap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from textual.binding import Binding
from textual.keys import _character_to_key, key_to_character

Layer = Literal["always", "prompt", "panes"]
PANES_SUFFIX = ".panes"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the user can do.

    `keys` work in `layer`: "always" means everywhere, "prompt" only while typing, "panes" only when not typing.
    `pane_keys` are twins for the pane layer. `footer` orders the footer: 1 comes first, 0 is not shown there;
    with `needs_run` it is shown there only while a run is on, with `needs_wait` only while an agent waits for a server.
    `command` is the name in the app's table of commands, the id if it is empty; `argument` is handed to it.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    layer: Layer = "always"
    pane_keys: tuple[str, ...] = ()
    footer: int = 0
    command: str = ""
    argument: int | None = None
    needs_run: bool = False
    needs_wait: bool = False

    @property
    def action(self) -> str:
        """The Textual action that runs it: the prompt's own, or a command of the app."""
        if self.layer == "prompt":
            return self.id
        argument = "" if self.argument is None else f", {self.argument}"
        return f"app.command({self.command or self.id!r}{argument})"

    @property
    def all_keys(self) -> tuple[str, ...]:
        return self.keys + self.pane_keys


ORDINALS = ("first", "second", "third", "fourth", "fifth")

ACTIONS: tuple[Action, ...] = (
    Action(
        "send",
        ("enter",),
        "Send",
        "Start a run; while one is on, steer it. @dev addresses one agent.",
        "prompt",
        footer=1,
    ),
    Action("newline", ("ctrl+j", "shift+enter"), "Newline", "Insert a line break.", "prompt", footer=2),
    Action("history_previous", ("up",), "Previous prompt", "On the first line: the prompt sent before.", "prompt"),
    Action("history_next", ("down",), "Next prompt", "On the last line: the prompt sent after.", "prompt"),
    Action("back", ("escape",), "Back", "One level back; from the prompt to the panes. Twice: stop the run.", footer=3),
    Action("next_pane", ("tab",), "Next pane", "Make the next pane the active one.", footer=8),
    Action("previous_pane", ("shift+tab",), "Previous pane", "Make the previous pane the active one."),
    Action("scroll_up", ("pageup",), "Page up", "Scroll the active pane up."),
    Action("scroll_down", ("pagedown",), "Page down", "Scroll the active pane down."),
    Action("top", (), "Top", "Go to the first line of the active pane.", "panes", ("g",)),
    Action("bottom", (), "Bottom", "Go to the end of the active pane and follow it.", "panes", ("G",)),
    *(
        Action(
            f"focus_{n}",
            (),
            f"Agent {n}",
            f"Go to the {word} agent.",
            "panes",
            (str(n),),
            command="focus_pane",
            argument=n,
        )
        for n, word in enumerate(ORDINALS, start=1)
    ),
    Action(
        "focus_files",
        (),
        "Files",
        "Go to files, checks and hand-offs.",
        "panes",
        ("6",),
        footer=9,
        command="focus_pane",
        argument=6,
    ),
    Action(
        "to_prompt", (), "Type", "Go to the prompt; any letter without a meaning here does it too.", "panes", ("i",), 4
    ),
    Action(
        "zoom", ("f3",), "Zoom", "Give the active pane the whole width, or take it back.", pane_keys=("z",), footer=10
    ),
    Action("sidebar", ("f4",), "Sidebar", "Show or hide the sidebar.", footer=11),
    *(
        Action(
            f"toggle_{n}",
            (f"f{n + 4}",),
            f"Agent {n} on/off",
            f"Take the {word} agent off the team, or back on.",
            command="toggle_agent",
            argument=n,
        )
        for n, word in enumerate(ORDINALS, start=1)
    ),
    Action(
        "toggle",
        (),
        "On/off",
        "Take the active agent off the team, or back on.",
        "panes",
        ("space",),
        13,
        "toggle_agent",
        0,
    ),
    Action(
        "stop_agent",
        (),
        "Stop agent",
        "Stop what the active agent does; the run goes on.",
        "panes",
        ("x",),
        14,
        needs_run=True,
    ),
    Action(
        "pause",
        (),
        "Pause",
        "Hold the run before its next call, or let it go on.",
        "panes",
        ("p",),
        15,
        needs_run=True,
    ),
    Action(
        "retry_now",
        (),
        "Retry now",
        "End the wait of the active agent (breaker, back-off, rate limit); if it has none, all waits of the team.",
        "panes",
        ("R",),
        5,  # a wait is what the user looks at now: before everything but going back and typing
        needs_wait=True,
    ),
    Action(
        "interrupt",
        ("ctrl+c",),
        "Stop run",
        "Copy the selection; without one, stop the run.",
        footer=5,
        needs_run=True,
    ),
    Action(
        "copy_message",
        (),
        "Copy",
        "Send the active answer to the terminal's clipboard and to a file.",
        "panes",
        ("y",),
        12,
    ),
    Action(
        "copy_code",
        (),
        "Copy code",
        "The same with the answer's last code block.",
        "panes",
        ("c",),
    ),
    Action(
        "next_workflow",
        (),
        "Workflow",
        "Go to the next workflow, for the next run; Commands has them all by name.",
        "panes",
        ("w",),
    ),
    Action(
        "dashboard",
        (),
        "Dashboard",
        "Rates, latencies, breakers, pool, agents, alerts.",
        "panes",
        ("d",),
    ),
    Action(
        "show_log",
        (),
        "Log",
        "The log of the active agent; in it r shows this run alone, c that of the marked line.",
        "panes",
        ("L",),
    ),
    Action(
        "settings",
        ("f2",),
        "Settings",
        "Every setting with its meaning and its source; change, check and save it.",
        pane_keys=("s",),
    ),
    Action("result", (), "Result", "Put the result of the last run away, or show it again.", "panes", ("r",)),
    Action("next_layout", (), "Layout", "Automatic, compact, standard, wide.", "panes", ("l",), 16),
    Action("next_theme", (), "Theme", "Go to the next colour theme.", "panes", ("t",), 17),
    Action(
        "palette",
        ("ctrl+p",),
        "Commands",
        "Find any action by its name.",
        pane_keys=("colon",),
        footer=6,
    ),
    Action("help", ("f1",), "Help", "This page.", pane_keys=("question_mark",), footer=7),
    Action("quit", ("ctrl+q",), "Quit", "Stop everything and leave.", pane_keys=("q",), footer=18),
)


def make_bindings(layer: Layer, actions: Iterable[Action] = ACTIONS) -> Iterator[Binding]:
    """Yield the bindings of one layer; those of "always" come before what a focused widget binds."""
    for action in actions:
        if action.layer == layer and action.keys:
            yield _binding(action, action.keys, action.id, priority=layer == "always")
        if layer == "panes" and action.pane_keys:
            yield _binding(action, action.pane_keys, action.id + PANES_SUFFIX, priority=False)


def _binding(action: Action, keys: tuple[str, ...], binding_id: str, *, priority: bool) -> Binding:
    return Binding(",".join(keys), action.action, action.label, id=binding_id, show=False, priority=priority)


def canonical_key(key: str) -> str:
    """Return Textual's long name of a key: "?" -> "question_mark"."""
    key = key.strip()
    return _character_to_key(key) if len(key) == 1 else key


def is_typed(key: str) -> bool:
    """Return whether the key writes a character when the prompt has the focus."""
    character = key_to_character(key)
    return character is not None and character.isprintable()


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The actions with the keys they have now, and which changes of the user could not be made."""

    actions: tuple[Action, ...] = ACTIONS
    problems: tuple[str, ...] = ()

    @property
    def keymap(self) -> dict[str, str]:
        """What `App.set_keymap` takes: only the bindings whose keys are not the shipped ones."""
        changed: dict[str, str] = {}
        for shipped, now in zip(ACTIONS, self.actions, strict=True):
            if now.keys != shipped.keys:
                changed[now.id] = ",".join(now.keys)
            if now.pane_keys != shipped.pane_keys:
                changed[now.id + PANES_SUFFIX] = ",".join(now.pane_keys)
        return changed

    def find(self, action_id: str) -> Action:
        """Return the row with that id; KeyError if there is none."""
        for action in self.actions:
            if action.id == action_id:
                return action
        raise KeyError(action_id)


def key_table(changes: Mapping[str, str]) -> KeyTable:
    """Return the rows with the user's keys; a change that clashes or names nothing is left out and reported."""
    table = KeyTable()
    problems: list[str] = []
    rows = list(table.actions)
    for action_id, keys in changes.items():
        index = next((index for index, row in enumerate(rows) if row.id == action_id), None)
        if index is None:
            problems.append(f"[keys] {action_id} = {keys!r}: there is no action {action_id!r}; F1 lists them")
            continue
        changed = _with_keys(rows[index], tuple(canonical_key(key) for key in keys.split(",") if key.strip()))
        if isinstance(changed, str):
            problems.append(changed)
            continue
        rows[index] = changed
    for first, second, key in clashes(rows):
        if first.id not in changes and second.id not in changes:
            continue
        problems.append(f"[keys] {key!r} is given to both {first.id!r} and {second.id!r}; both keep their own keys")
        for row in (first, second):
            rows[[other.id for other in rows].index(row.id)] = table.find(row.id)
    return KeyTable(tuple(rows), tuple(problems))


def _with_keys(row: Action, keys: tuple[str, ...]) -> Action | str:
    typed = tuple(key for key in keys if is_typed(key))
    other = tuple(key for key in keys if not is_typed(key))
    if not keys:
        return f"[keys] {row.id} names no key; remove the line to get its own key back"
    if row.layer == "panes":
        return replace(row, pane_keys=keys)
    if typed and not row.pane_keys:
        return f"[keys] {row.id} = {typed[0]!r}: this key would be typed into the prompt; take one such as 'f12'"
    return replace(row, keys=other or row.keys, pane_keys=typed or row.pane_keys)


def clashes(actions: Iterable[Action]) -> list[tuple[Action, Action, str]]:
    """Return pairs of rows that share a key where both are active."""
    owners: dict[tuple[str, str], Action] = {}
    found: list[tuple[Action, Action, str]] = []
    for row in actions:
        places = [(place, key) for key in row.keys for place in _places(row.layer)]
        places += [("panes", key) for key in row.pane_keys]
        for place in places:
            owner = owners.setdefault(place, row)
            if owner.id != row.id and (owner, row, place[1]) not in found:
                found.append((owner, row, place[1]))
    return found


def _places(layer: Layer) -> tuple[str, ...]:
    return ("prompt", "panes") if layer == "always" else (layer,)


KEY_NAMES = {
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "space": "Space",
    "up": "Up",
    "down": "Down",
}


def key_label(key: str) -> str:
    """Return a key as people read it: ctrl+p -> ^P, shift+tab -> Shift+Tab, question_mark -> ?."""
    if key.startswith("ctrl+") and len(key) == len("ctrl+") + 1:
        return f"^{key[-1].upper()}"
    *modifiers, name = key.split("+") if key != "+" else (key,)
    shown = KEY_NAMES.get(name) or (key_to_character(name) if len(name) > 1 else name) or name
    if len(name) in (2, 3) and name[0] == "f" and name[1:].isdigit():
        shown = name.upper()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])
