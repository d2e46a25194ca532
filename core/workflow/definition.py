"""A workflow as data: which agent does what after whom, what it may read and which files it yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ArtifactError, PromptError
from core.kinds import Culprit, Tier
from core.prompts import KNOWN_VARIABLES, AgentPrompt, Output
from core.resources import shipped_yaml_files, users_yaml_files
from core.workspace.files.paths import safe_relative_path

FILE_VARIABLES = frozenset({"path", "current"})
"""Given to every job that writes a file, whatever the step reads."""

VERDICT_VARIABLES = frozenset({"path", "static_report"})
"""Given to every job that judges, whatever the step reads."""

INPUT_VARIABLES = frozenset({"function"})
"""Given to the job that proposes inputs, whatever the step reads."""

PATH_VARIABLES = ("source", "test", "module")
"""What the path of a file may name."""

FileRole = Literal["brief", "code", "test", "ops", "readme", "report"]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileSpec(_Data):
    """One file a step yields: its role, its path (with $source, $test or $module), the agent's job that writes it."""

    role: FileRole
    path: str
    job: str
    tiers: tuple[Tier, ...] = ("tiny", "compact", "full")

    @model_validator(mode="before")
    @classmethod
    def _name_what_was_renamed(cls, fields: object) -> object:
        if isinstance(fields, dict) and "sizes" in fields:
            raise ValueError("the field sizes is called tiers, with values of tiny, compact and full")
        return fields

    @model_validator(mode="after")
    def _path_can_be_written(self) -> Self:
        try:
            safe_relative_path(Template(self.path).substitute(dict.fromkeys(PATH_VARIABLES, "a.py")))
        except KeyError as error:
            raise ValueError(f"path {self.path!r} has the unknown variable ${error.args[0]}") from None
        except (ValueError, ArtifactError) as error:
            raise ValueError(f"path {self.path!r} cannot be used: {error}") from None
        return self


class ReworkSpec(_Data):
    """The steps to go back to when tests are not green, by whose work is at fault."""

    developer: str
    qa: str

    def steps(self) -> dict[Culprit, str]:
        return {"developer": self.developer, "qa": self.qa}


class StepSpec(_Data):
    """One agent's turn; or, with `executes` and without an agent, the engine's: it executes the tests and judges.

    `rework` names the steps to go back to from there. `inputs` is the job that asks a tiny model for inputs of the code, of
    which tests are made; `opinion` is the job that asks for an opinion on the work.
    A step is left out for a model of another tier than `tiers`.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    agent: str = ""
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    plan: str | None = None
    files: tuple[FileSpec, ...] = ()
    text: str | None = None
    inputs: str | None = None
    opinion: str | None = None
    executes: bool = False
    rework: ReworkSpec | None = None
    once_per_manifest: bool = False
    tiers: tuple[Tier, ...] = ("tiny", "compact", "full")

    @model_validator(mode="before")
    @classmethod
    def _name_what_was_changed(cls, fields: object) -> object:
        if isinstance(fields, dict) and "verdict" in fields:
            raise ValueError("the field verdict is called opinion: the verdict comes from a step with executes: true")
        rework = fields.get("rework") if isinstance(fields, dict) else None
        if rework is not None and not isinstance(rework, Mapping | BaseModel):
            raise ValueError("rework names two steps, as {developer: step, qa: step}, in a step with executes: true")
        return fields

    @model_validator(mode="after")
    def _reads_are_known(self) -> Self:
        for verb, names in (("reads", self.reads), ("needs", self.needs)):
            for name in names:
                if name not in KNOWN_VARIABLES:
                    raise ValueError(f"step {self.id} {verb} {name!r}, which nobody provides")
        yields = bool(self.files) or self.text is not None or self.inputs is not None or self.opinion is not None
        if self.executes and (yields or self.plan is not None or self.agent):
            raise ValueError(f"step {self.id} executes tests: it has no agent and yields nothing else")
        if not self.executes and not self.agent:
            raise ValueError(f"step {self.id} names no agent")
        if not self.executes and not yields:
            raise ValueError(f"step {self.id} yields nothing: no files, no text and no opinion")
        if self.rework is not None and not self.executes:
            raise ValueError(f"step {self.id} names steps to rework but executes nothing")
        return self

    def jobs(self) -> Iterator[tuple[str, Output]]:
        """Give the names of the agent's jobs this step uses, and the output it expects of each."""
        named: tuple[tuple[str | None, Output], ...] = (
            (self.plan, "list"),
            (self.text, "text"),
            (self.inputs, "list"),
            (self.opinion, "verdict"),
        )
        yield from ((job, output) for job, output in named if job is not None)
        yield from ((file.job, "file") for file in self.files)


class WorkflowSpec(_Data):
    """A workflow; `source` says whether it starts from the task alone or also from the workspace folder."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    title: str
    order: int = 99
    source: Literal["task", "folder"]
    steps: tuple[StepSpec, ...] = Field(min_length=1)

    def executable_agents(self) -> frozenset[str]:
        """Return who makes something that can be executed: code, or tests."""
        made = ("code", "test")
        return frozenset(step.agent for step in self.steps if any(file.role in made for file in step.files))

    @model_validator(mode="before")
    @classmethod
    def _leave_out_summary(cls, fields: object) -> object:
        """A file may say what the workflow is for, to those who read it; nothing depends on it."""
        return {name: fields[name] for name in fields if name != "summary"} if isinstance(fields, dict) else fields

    @model_validator(mode="after")
    def _steps_fit_together(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise ValueError(f"step {step.id} stands there twice")
            for earlier in step.after:
                if earlier not in seen:
                    raise ValueError(f"step {step.id} comes after {earlier!r}, which is no earlier step")
            for target in step.rework.steps().values() if step.rework is not None else ():
                if target not in seen:
                    raise ValueError(f"step {step.id} reworks {target!r}, which is no earlier step")
            seen.add(step.id)
        return self

    def step(self, step_id: str) -> StepSpec:
        """Return the step of that id; KeyError when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def successors(self, step_id: str) -> tuple[StepSpec, ...]:
        """Return the steps that come directly after a step."""
        return tuple(step for step in self.steps if step_id in step.after)

    def agents(self) -> tuple[str, ...]:
        """Return the agents that take part, in the order of their first step."""
        return tuple(dict.fromkeys(step.agent for step in self.steps if step.agent))


def load_workflows(agents: Mapping[str, AgentPrompt], prompts_dir: Path | None = None) -> dict[str, WorkflowSpec]:
    """Return all workflows by id in their order: the shipped ones, replaced or joined by `prompts_dir`/workflows.

    Raises:
        PromptError: a file is malformed, or names an agent, a job or a variable that does not exist.
    """
    files: list[Traversable] = list(shipped_yaml_files("prompts", "workflows"))
    files += users_yaml_files(prompts_dir, "workflows")
    workflows: dict[str, WorkflowSpec] = {}
    for file in files:
        workflow = _read_workflow(file)
        _check_against_team(file.name, workflow, agents)
        workflows[workflow.id] = workflow
    return dict(sorted(workflows.items(), key=lambda item: (item[1].order, item[0])))


def _read_workflow(file: Traversable) -> WorkflowSpec:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(
            f"workflow file {file} cannot be read: {error}", hint="check that it is UTF-8 text"
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        place = " ".join(str(error).split())
        raise PromptError(f"workflow file {file} is not valid YAML: {place}", hint="mend that line") from error
    try:
        return WorkflowSpec.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        what = first["msg"].removeprefix("Value error, ")
        raise PromptError(
            f"workflow file {file}: {field}: {what}", hint="see the shipped workflows for the form"
        ) from error


def _check_rework(file_name: str, workflow: WorkflowSpec, step: StepSpec) -> None:
    """Refuse a way back that mends nothing: who writes the code, and who writes the tests, is asked again."""
    wanted: dict[Culprit, FileRole] = {"developer": "code", "qa": "test"}
    for culprit, target in step.rework.steps().items() if step.rework is not None else ():
        if not any(file.role == wanted[culprit] for file in workflow.step(target).files):
            raise PromptError(
                f"workflow file {file_name}: step {step.id} goes back to {target} for a fault of {culprit}, "
                f"and {target} writes no {wanted[culprit]}",
                hint="name the step that does",
            )


def _check_against_team(file_name: str, workflow: WorkflowSpec, agents: Mapping[str, AgentPrompt]) -> None:
    for step in workflow.steps:
        if step.executes:
            _check_rework(file_name, workflow, step)
            continue
        agent = agents.get(step.agent)
        if agent is None:
            raise PromptError(
                f"workflow file {file_name}: step {step.id} needs agent {step.agent!r}, which does not exist",
                hint=f"known agents: {', '.join(agents)}",
            )
        for job, output in step.jobs():
            if job not in agent.jobs:
                raise PromptError(
                    f"workflow file {file_name}: step {step.id} needs job {job!r}, which agent {step.agent} lacks",
                    hint=f"its jobs: {', '.join(agent.jobs)}",
                )
            if agent.jobs[job].output != output:
                raise PromptError(
                    f"workflow file {file_name}: step {step.id} expects a {output} of job {job} of agent {step.agent}, "
                    f"which gives a {agent.jobs[job].output}",
                    hint="name another job, or put it under the step's field for that output",
                )
            given = VERDICT_VARIABLES if output == "verdict" else FILE_VARIABLES
            given = given | INPUT_VARIABLES if job == step.inputs else given
            unread = sorted(agent.jobs[job].variables() - set(step.reads) - given)
            if unread:
                raise PromptError(
                    f"workflow file {file_name}: step {step.id} does not read {', '.join(unread)}, "
                    f"which job {job} of agent {step.agent} wants",
                    hint="add it to the step's reads",
                )
