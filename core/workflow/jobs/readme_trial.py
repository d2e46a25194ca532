"""Holds a README against what is so before it is delivered: its commands are executed, its verdict is the executed one."""

from __future__ import annotations

from core.errors import ArtifactError
from core.events import Warned
from core.execution.readme.claims import contradiction
from core.execution.readme.outcome import command_record, problem_words
from core.execution.readme.trial import DocumentedFolder, try_commands
from core.execution.sandbox.ladder import choose_sandbox, limits_of
from core.text.sanitize import plain_line
from core.workflow.jobs.job import StepInProgress
from core.workspace.answers.reader import ReadFile

MOST_TOLD_CHARACTERS = 600


class ReadmeTrial:
    """Tries the READMEs that a writer gives in one step; the truest one is kept, whatever comes of asking again."""

    def __init__(self, step: StepInProgress, path: str) -> None:
        self._step = step
        self._path = path
        self._has_asked = False
        self._problem = ""
        self._faults = 0
        self.kept: ReadFile | None = None

    async def truest(self, read: ReadFile, *, may_ask: bool) -> ReadFile:
        """Return the README to deliver, and leave with the step what became of its commands.

        Raises:
            ArtifactError: it says what is not so, and has not been asked for again; a tiny model never is.
        """
        run, state = self._step.run, self._step.state
        verdict = state.get("verdict", "not_executed")
        files = tuple(sorted(path for path in state.get("artifacts", {}) if path != self._path))
        execution = run.deps.settings.execution
        outcomes = await try_commands(
            DocumentedFolder(run.folder.root, files, self._path, read.text, verdict),
            await choose_sandbox(execution),
            limits_of(execution),
        )
        claim = contradiction(read.text, verdict)
        problem = "; ".join(filter(None, (problem_words(outcomes), claim)))
        faults = sum(outcome.is_problem for outcome in outcomes) + bool(claim)
        if self.kept is None or faults <= self._faults:
            self.kept, self._faults, self._problem = read, faults, problem
            self._step.progress.readme_commands = [command_record(outcome) for outcome in outcomes]
        if problem and may_ask and not self._has_asked and run.tier != "tiny":
            self._has_asked = True
            what = "give only commands that work as they stand and name what is delivered, and the verdict as it is"
            raise ArtifactError("untrue", f"{self._path} is not true: {problem}; {what}")
        return self.kept

    def tell(self) -> None:
        """Say what of the delivered README is not so, if anything."""
        if self._problem:
            run = self._step.run
            told = plain_line(self._problem, limit=MOST_TOLD_CHARACTERS)
            hint = "report.md lists what became of each of its commands"
            run.deps.emit(Warned(**run.stamp(), message=f"{self._path} is not true: {told}", hint=hint))
