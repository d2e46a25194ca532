"""Whether YAML parses, and whether a GitHub workflow has the parts GitHub refuses to run without."""

from __future__ import annotations

import yaml


def check_yaml(text: str) -> str | None:
    """Return the first problem with its line number, or None; tags and several documents are fine."""
    return _nodes(text)[1]


def check_workflow(text: str) -> str | None:
    """Return the first problem of a GitHub workflow with its line number, or None."""
    documents, problem = _nodes(text)
    if problem is not None:
        return problem
    root = documents[0] if documents else None
    if not isinstance(root, yaml.MappingNode):
        return "line 1: a workflow is a mapping with the keys on and jobs"
    top = _entries(root)
    if "on" not in top:
        return "line 1: the workflow has no key on"
    jobs = top.get("jobs")
    if not isinstance(jobs, yaml.MappingNode) or not jobs.value:
        return f"line {_line(jobs or root)}: the workflow has no jobs"
    for name, job in _entries(jobs).items():
        found = _job_problem(name, job)
        if found is not None:
            return found
    return None


def _nodes(text: str) -> tuple[list[yaml.Node | None], str | None]:
    try:
        # Composing checks the syntax without building objects, so an alias bomb stays small and custom tags pass.
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader)), None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return [], f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}"
    except yaml.YAMLError as error:
        return [], f"line 1: {error}"
    except RecursionError:
        return [], "line 1: the values are nested too deeply"


def _entries(mapping: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in mapping.value}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _job_problem(name: str, job: yaml.Node) -> str | None:
    if not isinstance(job, yaml.MappingNode):
        return f"line {_line(job)}: the job {name} is not a mapping"
    keys = _entries(job)
    if "uses" in keys:
        return None
    if "runs-on" not in keys:
        return f"line {_line(job)}: the job {name} has no runs-on"
    steps = keys.get("steps")
    if not isinstance(steps, yaml.SequenceNode) or not steps.value:
        return f"line {_line(job)}: the job {name} has no steps"
    for step in steps.value:
        if not isinstance(step, yaml.MappingNode) or not ({"uses", "run"} & _entries(step).keys()):
            return f"line {_line(step)}: a step of the job {name} has neither uses nor run"
    return None
