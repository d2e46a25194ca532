"""Workflows are data: the shipped ones fit together, and a faulty file is named with what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import PromptError
from core.prompts import load_agents
from core.workflow.definition import ReworkSpec, load_workflows


def test_the_shipped_workflows_load_in_their_order() -> None:
    workflows = load_workflows(load_agents())

    assert list(workflows) == ["delivery", "bugfix", "review", "roundtable"]


def test_delivery_runs_qa_beside_devops_and_the_writer_last() -> None:
    delivery = load_workflows(load_agents())["delivery"]

    assert [step.id for step in delivery.successors("build")] == ["test", "package"]
    assert delivery.step("verify").after == ("test", "package")
    assert delivery.step("verify").rework == ReworkSpec(developer="build", qa="test")
    assert delivery.steps[-1].id == "document"


_BUILD = "{id: a, agent: developer, reads: [task], text: opinion}"


def _steps(steps: str) -> str:
    return f"id: x\ntitle: X\nsource: task\nsteps: [{steps}]"


def _yielding(path: str) -> str:
    step = f"{{id: a, agent: developer, files: [{{role: code, path: {path}, job: code_file}}]}}"
    return f"id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{step}]"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id: [", "not valid YAML"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: []", "steps"),
        ("id: x\ntitle: X\nsummary: s\nsource: moon\nsteps: [{id: a, agent: developer}]", "source"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: nobody, text: opinion}]", "nobody"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, text: sing}]", "sing"),
        (
            "id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, text: opinion, after: [b]}]",
            "'b'",
        ),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, reads: [gossip]}]", "gossip"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, speed: 9}]", "speed"),
        (_steps("{id: a, agent: developer, text: opinion, rework: a}"), "rework names two steps"),
        (_steps("{id: a, agent: developer, verdict: opinion}"), "called opinion"),
        (_steps("{id: a, executes: true, agent: developer}"), "has no agent"),
        (_steps("{id: a, text: opinion}"), "names no agent"),
        (_steps("{id: a, agent: developer, text: opinion, rework: {developer: a, qa: a}}"), "executes nothing"),
        (_steps("{id: a, executes: true, rework: {developer: b, qa: b}}"), "no earlier step"),
        (_steps(f"{_BUILD}, {{id: v, executes: true, rework: {{developer: a, qa: a}}}}"), "writes no code"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, text: opinion}]", "task"),
        ("id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer}]", "yields nothing"),
        (
            "id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, needs: [gossip], text: opinion}]",
            "gossip",
        ),
        (
            "id: x\ntitle: X\nsummary: s\nsource: task\nsteps: [{id: a, agent: developer, text: code_file}]",
            "gives a file",
        ),
        (_yielding("a.py, sizes: [large]"), "the field sizes is called tiers"),
        (_yielding("a.py, tiers: [huge]"), "'tiny', 'compact' or 'full'"),
        (_yielding("$nothing.py"), "unknown variable $nothing"),
        (_yielding("$.py"), "cannot be used"),
        (_yielding("../evil.py"), "leads out of the output folder"),
        (_yielding("/etc/evil.py"), "not relative"),
        ("[" * 5000, "not valid YAML"),
        ("- a list", "dictionary"),
    ],
)
def test_a_faulty_workflow_file_is_named_with_its_fault(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "mine.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(PromptError) as caught:
        load_workflows(load_agents(), tmp_path)

    assert "mine.yaml" in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_ones_own_adds_a_workflow(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "solo.yaml").write_text(
        "id: solo\ntitle: Solo\nsummary: one agent\nsource: task\nsteps:\n"
        "- {id: say, agent: developer, reads: [task], text: opinion}",
        encoding="utf-8",
    )

    assert "solo" in load_workflows(load_agents(), tmp_path)
