"""The schema and loader of prompts/: agents and common texts as data, checked when they are loaded.

Templates are those of string.Template: `$name` is replaced, `$$` is a dollar sign. Values are inserted as they are, but
for what would read as a tag of a template or as a turn of the conversation: see core/text/sanitize.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from core.errors import PromptError
from core.kinds import Tier
from core.resources import shipped_folder, shipped_yaml_files, users_yaml_files
from core.text.sanitize import mark_structure
from core.text.suggest import suggest
from core.text.template_sections import without_empty_sections

KNOWN_VARIABLES: Mapping[str, str] = {
    "task": "what the user asked for, in the user's words",
    "goal": "the task on one line of at most 300 characters",
    "language": "the programming language of the files",
    "project": "short name of the project, fit for a folder",
    "path": "the file to write, relative to the output folder",
    "module": "import name of the main module",
    "brief": "the analyst's brief, whole",
    "requirements": 'one line a requirement: "R1: ..."',
    "interfaces": "signatures found in the other files; may be empty",
    "code": "the current files, whole",
    "current": "the current content of the file to write; may be empty",
    "failures": "tests that are red, or what is wrong with the tests; may be empty",
    "manifest": "the files so far, with role and size",
    "dependencies": "packages the code needs beyond the standard library; may be empty",
    "entry": "path of the file that starts the program",
    "test_opening": "how a test file begins in this language, up to the name of its first test; may be empty",
    "program": "path of the file that is started as a program; may be empty",
    "run_command": "the command that starts the program",
    "test_command": "the command that runs the tests",
    "verdict": "whether tests were executed, QA's opinion and the findings",
    "static_report": "what the static checks say of the files; for the job that gives the verdict",
    "tests": "content of the test file",
    "notes": "notes of the other agents",
    "opinions": "answers of the others in a round table",
    "listing": "the files of the folder under review",
    "problem": "why the last answer was not accepted",
    "answer": "the answer that was not accepted",
    "agent": "title of an agent",
    "user_words": "what the user said during the run",
    "failing_code": "the code around the lines that failed; may be empty",
    "examples": "the examples given in the task, one a line; may be empty",
    "plan": "each planned file with its purpose; may be empty",
    "evidence": "what was executed, and what came of it; may be empty",
    "left_out": "files of the folder that there is no room to show; may be empty",
    "diff": "the changes under review; may be empty",
    "call": "a call of the program whose result is asked for",
    "function": "name of the function that inputs are proposed for",
}
"""Every variable a template may name, with its meaning; the engine gives each of them a text."""

Output = Literal["file", "text", "list", "verdict"]
"""What an answer is: a file, free text, a list of lines, or a verdict."""

NOTES_OF_AGENTS = frozenset({"receives", "yields"})
"""Fields that an agent's file may have for those who read it; nothing depends on them."""

RENAMED_FIELDS = {
    "short": "tiny",
    "max_tokens_short": "max_tokens_tiny",
    "prefill_short": "prefill_tiny",
    "stop_short": "stop_tiny",
}
"""Fields of prompts as they were called before there were three tiers, and what they are called."""

_TAG = re.compile(r"</?([a-z][a-z0-9_]*)>")

TemplateText = Annotated[str, Field(min_length=1, pattern=r"\S")]
StopTexts = Annotated[tuple[str, ...], Field(strict=False, max_length=4)]  # 4: OpenAI's limit


class _Prompt(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LedAs(_Prompt):
    """Says in place of a text that a tier is led as another one is: by its text, bounds, prefill and stops."""

    tier: Literal["tiny", "full"] = Field(alias="as")


class TierTexts(_Prompt):
    """One text for each tier; a tier without one has that of the next larger, unless `compact` names another."""

    full: TemplateText
    compact: TemplateText | LedAs | None = None
    tiny: TemplateText | None = None

    def led_as(self, tier: Tier) -> Tier:
        """Return the tier whose text serves a model of `tier`."""
        if tier == "tiny" and self.tiny is not None:
            return "tiny"
        if tier == "full" or self.compact is None:
            return "full"
        return self.compact.tier if isinstance(self.compact, LedAs) else "compact"

    def template(self, tier: Tier) -> str:
        return self.texts()[self.led_as(tier)]

    def texts(self) -> dict[Tier, str]:
        """Return the texts there are."""
        texts: dict[Tier, str] = {"full": self.full}
        if isinstance(self.compact, str):
            texts["compact"] = self.compact
        if self.tiny is not None:
            texts["tiny"] = self.tiny
        return texts

    @model_validator(mode="after")
    def _leads_to_a_text(self) -> Self:
        if isinstance(self.compact, LedAs) and self.compact.tier == "tiny" and self.tiny is None:
            raise ValueError("compact is as tiny, and there is no text for tiny")
        return self


class JobPrompt(TierTexts):
    """One kind of call an agent can make.

    Attributes:
        output: what the answer is; a workflow may use the job for nothing else.
        max_tokens_full: upper bound of the answer, None for the server's own; those of the other tiers are alike.
        prefill_compact: a template; the beginning of the answer, sent as the last assistant message to servers that
            continue it. The reply may repeat it.
        stop_compact: texts that end the answer.
    """

    output: Output
    max_tokens_full: int | None = Field(default=None, gt=0)
    max_tokens_compact: int | None = Field(default=None, gt=0)
    max_tokens_tiny: int | None = Field(default=None, gt=0)
    prefill_compact: TemplateText | None = None
    prefill_tiny: TemplateText | None = None
    stop_compact: StopTexts = ()
    stop_tiny: StopTexts = ()

    def max_tokens(self, tier: Tier) -> int | None:
        match self.led_as(tier):
            case "full":
                return self.max_tokens_full
            case "compact":
                return self.max_tokens_compact
            case "tiny":
                return self.max_tokens_tiny

    def stop(self, tier: Tier) -> tuple[str, ...]:
        match self.led_as(tier):
            case "full":
                return ()
            case "compact":
                return self.stop_compact
            case "tiny":
                return self.stop_tiny

    def prefill(self, tier: Tier) -> str | None:
        match self.led_as(tier):
            case "full":
                return None
            case "compact":
                return self.prefill_compact
            case "tiny":
                return self.prefill_tiny

    def templates(self) -> dict[str, str]:
        """Return the job's templates by their fields."""
        prefills = {"prefill_compact": self.prefill_compact, "prefill_tiny": self.prefill_tiny}
        texts: dict[str, str] = {tier: text for tier, text in self.texts().items()}  # noqa: C416 - the keys become str
        return texts | {field: text for field, text in prefills.items() if text is not None}

    def variables(self) -> frozenset[str]:
        """Return the variables any of the job's templates wants."""
        return frozenset(name for text in self.templates().values() for name in Template(text).get_identifiers())


class AgentPrompt(_Prompt):
    """One agent: who it is, and the jobs it can do; what it may see is for the workflows to say."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    short: str = Field(min_length=1, max_length=4)
    order: int = Field(ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    system: TierTexts
    jobs: dict[str, JobPrompt] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_notes(cls, fields: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in fields.items() if name not in NOTES_OF_AGENTS}

    def job(self, name: str) -> JobPrompt:
        """Return the job; PromptError names those there are."""
        if name not in self.jobs:
            raise PromptError(f"agent {self.id} has no job {name}", hint=f"its jobs: {', '.join(sorted(self.jobs))}")
        return self.jobs[name]

    def render_system(self, tier: Tier, variables: Mapping[str, str]) -> str:
        """Return the system message; PromptError names a variable that has no value."""
        return render(self.system.template(tier), variables, f"agent {self.id}, system.{tier}")

    def render_job(self, name: str, tier: Tier, variables: Mapping[str, str]) -> str:
        """Return the user message; PromptError names an unknown job or a variable that has no value."""
        return render(self.job(name).template(tier), variables, f"agent {self.id}, job {name}")

    def render_prefill(self, name: str, tier: Tier, variables: Mapping[str, str]) -> str:
        """Return the beginning of the answer to send along, or an empty text."""
        prefill = self.job(name).prefill(tier)
        return "" if prefill is None else render(prefill, variables, f"agent {self.id}, job {name}, prefill")


class CommonPrompts(_Prompt):
    """Texts every agent shares; each is a template.

    Attributes:
        repair: asks again for a file, quoting the problem and the answer.
        replan: asks again for the list of files, quoting the problems and the list.
        steering: what is added to a prompt when the user spoke during the run.
        absent: says that an agent was skipped.
        continuation: asks to go on after an answer that was cut off; it uses no variables.
    """

    repair: TierTexts
    replan: TemplateText
    steering: TemplateText
    absent: TemplateText
    continuation: TemplateText


def render(template: str, variables: Mapping[str, str], where: str) -> str:
    """Return the template with its variables replaced in one pass; PromptError names a missing one and `where`.

    What only empty values would fill is left out: see core/text/template_sections.py. No value can open or close a tag of a
    template, or a turn of the conversation.
    """
    template = without_empty_sections(template, {name for name, value in variables.items() if not value.strip()})
    parts: list[str] = []
    foreign: list[tuple[int, int]] = []
    end, length = 0, 0
    for match in Template.pattern.finditer(template):
        parts.append(template[end : match.start()])
        length += len(parts[-1])
        end = match.end()
        name = match["named"] or match["braced"]
        if name is not None and name not in variables:
            raise PromptError(f"{where}: the variable ${name} has no value")
        parts.append("$" if name is None else variables[name])
        if name is not None and parts[-1]:
            foreign.append((length, length + len(parts[-1])))
        length += len(parts[-1])
    text = "".join([*parts, template[end:]])
    return mark_structure(text, foreign, shipped_tags() | frozenset(_TAG.findall(template))) if foreign else text


@cache
def shipped_tags() -> frozenset[str]:
    """Return the names of the tags in which the texts that are installed with Quintet put what comes from elsewhere."""
    files = [*shipped_yaml_files("prompts", "agents"), shipped_folder("prompts") / "common.yaml"]
    return frozenset(name for file in files for name in _TAG.findall(file.read_text(encoding="utf-8")))


def load_agents(prompts_dir: Path | None = None) -> dict[str, AgentPrompt]:
    """Return the agents by id, in their order: the shipped ones, replaced or joined by `prompts_dir`/agents/*.yaml."""
    agents = _read_agents(shipped_yaml_files("prompts", "agents"))
    if prompts_dir is not None:
        _require_folder(prompts_dir)
        agents |= _read_agents(users_yaml_files(prompts_dir, "agents"))
    return {agent.id: agent for agent in sorted(agents.values(), key=lambda agent: (agent.order, agent.id))}


def load_common(prompts_dir: Path | None = None) -> CommonPrompts:
    """Return the shared texts; `prompts_dir`/common.yaml may replace any of them and leave out the rest."""
    shipped_tags()  # here, with the other texts: a run reads none
    file: Traversable = shipped_folder("prompts") / "common.yaml"
    fields = _read_fields(file)
    if prompts_dir is not None:
        _require_folder(prompts_dir)
        if (prompts_dir / "common.yaml").exists():
            file = prompts_dir / "common.yaml"
            fields |= _read_fields(file)
    common = _validated(CommonPrompts, fields, file)
    texts = {name: getattr(common, name) for name in ("replan", "steering", "absent", "continuation")}
    _check_templates(file, [*texts.items(), *_tier_texts("repair", common.repair)])
    _check_fixed(file, [("continuation", common.continuation)], "take it out: it is sent as it is")
    return common


def _require_folder(prompts_dir: Path) -> None:
    if not prompts_dir.is_dir():
        raise PromptError(f"prompts_dir {prompts_dir} is not a folder", hint="create it or remove the setting")


def _read_agents(files: Iterable[Traversable]) -> dict[str, AgentPrompt]:
    agents: dict[str, AgentPrompt] = {}
    file_of: dict[str, str] = {}
    for file in files:
        agent = _validated(AgentPrompt, _read_fields(file), file)
        _check_templates(file, _agent_texts(agent))
        # The same for every call: servers keep what they have read of it.
        _check_fixed(file, _tier_texts("system", agent.system), "use variables in the jobs; $$ is a dollar sign")
        _check_verdict_jobs(file, agent)
        if agent.id in agents:
            raise PromptError(f"{file}: the id {agent.id} is already used by {file_of[agent.id]}", hint="change one")
        agents[agent.id], file_of[agent.id] = agent, file.name
    return agents


def _agent_texts(agent: AgentPrompt) -> Iterator[tuple[str, str]]:
    yield from _tier_texts("system", agent.system)
    for name, job in agent.jobs.items():
        yield from ((f"job {name}, {part}", text) for part, text in job.templates().items())


def _tier_texts(name: str, texts: TierTexts) -> list[tuple[str, str]]:
    return [(f"{name}.{tier}", text) for tier, text in texts.texts().items()]


def _check_templates(file: Traversable, texts: Iterable[tuple[str, str]]) -> None:
    for where, text in texts:
        for match in Template.pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match["invalid"] is not None:
                near = text[match.start() : match.start() + 12].split("\n")[0]
                problem = f"a lone dollar sign in line {line} of the text, at {near!r}"
                raise PromptError(f"{file}: {where}: {problem}", hint="write $$ for a dollar sign")
            variable = match["named"] or match["braced"]
            if variable is not None and variable not in KNOWN_VARIABLES:
                problem = f"unknown variable ${variable} in line {line} of the text"
                hint = f"{_did_you_mean(variable, KNOWN_VARIABLES)}write $$ for a dollar sign"
                raise PromptError(f"{file}: {where}: {problem}", hint=hint)


def _check_fixed(file: Traversable, texts: Iterable[tuple[str, str]], hint: str) -> None:
    """Refuse variables in texts that are sent as they are."""
    for where, text in texts:
        names = Template(text).get_identifiers()
        if names:
            raise PromptError(f"{file}: {where}: it uses ${names[0]}", hint=hint)


def _check_verdict_jobs(file: Traversable, agent: AgentPrompt) -> None:
    """Refuse a job that gives a verdict and uses $verdict: that would be the verdict of the round before."""
    for name, job in agent.jobs.items():
        if job.output == "verdict" and "verdict" in job.variables():
            hint = "the report of the static checks is $static_report"
            raise PromptError(f"{file}: job {name}: it uses $verdict, which it is to give", hint=hint)


_PromptModel = TypeVar("_PromptModel", AgentPrompt, CommonPrompts)


def _validated(model: type[_PromptModel], fields: dict[str, Any], file: Traversable) -> _PromptModel:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(_sentence(model, problem) for problem in error.errors(include_url=False))
        raise PromptError(f"{file}: {problems}") from None


def _sentence(model: type[_Prompt], problem: ErrorDetails) -> str:
    *parents, name = (str(step) for step in problem["loc"])
    field = ".".join([*parents, name])
    match problem["type"]:
        case "missing":
            return f"the field {field} is missing"
        case "extra_forbidden":
            if parents and name in RENAMED_FIELDS:
                return f"the field {field} is called {RENAMED_FIELDS[name]} now"
            owner = (model, TierTexts, JobPrompt)[min(len(parents), 2)]  # nesting is that deep and no deeper
            return f"unknown field {field}{_did_you_mean(name, owner.model_fields, before=', ', after='')}"
        case "string_pattern_mismatch" if name != "id":
            return f"the field {field} is empty"
        case _:
            return f"the field {field}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _did_you_mean(word: str, known: Iterable[str], *, before: str = "", after: str = "; ") -> str:
    close = suggest(word.lower(), known)
    return f"{before}did you mean {close}?{after}" if close else ""


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that occurs twice; YAML itself would keep the last and drop the other in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} occurs twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _read_fields(file: Traversable) -> dict[str, Any]:  # YAML values, validated by the caller
    try:
        fields = yaml.load(file.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise PromptError(f"{file}: not UTF-8 (byte {error.start})", hint="save the file as UTF-8") from None
    except OSError as error:
        raise PromptError(f"{file}: cannot be read ({error.strerror})", hint="check the file's permissions") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise PromptError(f"{file}: {place}: {error.problem}", hint="correct the YAML there") from None
    except yaml.YAMLError as error:
        raise PromptError(f"{file}: {' '.join(str(error).split())}", hint="correct the YAML there") from None
    except RecursionError:
        raise PromptError(f"{file}: nested too deeply", hint="correct the YAML there") from None
    if not isinstance(fields, dict):
        raise PromptError(f"{file}: holds no fields", hint="write `field: value` lines")
    return fields
