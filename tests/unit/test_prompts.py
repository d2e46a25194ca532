"""Prompts are data: what ships loads and renders, what is wrong in a user's file is named, values stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PromptError
from core.kinds import Tier
from core.prompts import KNOWN_VARIABLES, AgentPrompt, load_agents, load_common, render
from core.resources import shipped_yaml_files

TEAM = ["business_analyst", "developer", "qa_engineer", "devops_engineer", "technical_writer"]
TIERS: tuple[Tier, ...] = get_args(Tier)
SAMPLES = {name: f"<value of {name}>" for name in KNOWN_VARIABLES}
AGENTS = load_agents()
OPTIONAL = [name for name, meaning in KNOWN_VARIABLES.items() if meaning.endswith("may be empty")]
LED_AS_FULL = {"test_inputs"}
JOBS = [(agent_id, job) for agent_id, agent in AGENTS.items() for job in agent.jobs]

VALID_AGENT = """\
id: tester
title: Tester
short: TST
order: 7
system:
  full: You test with care.
  tiny: You test.
jobs:
  check:
    output: text
    full: Check $task
"""


def prompts_dir_with(folder: Path, **agent_files: str) -> Path:
    (folder / "agents").mkdir()
    for name, text in agent_files.items():
        (folder / "agents" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_five_specialists_ship_in_the_order_of_their_work() -> None:
    assert list(AGENTS) == TEAM


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("agent_id", "job"), JOBS)
def test_every_shipped_job_renders_without_a_leftover_variable(agent_id: str, job: str, tier: Tier) -> None:
    agent = AGENTS[agent_id]

    texts = [agent.render_job(job, tier, SAMPLES), agent.render_prefill(job, tier, SAMPLES)]

    assert texts[0].strip()
    for text in texts:
        left = {name for name in KNOWN_VARIABLES if f"${name}" in text}
        assert not left


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("agent_id", TEAM)
def test_shipped_system_prompts_need_no_variables_so_that_servers_can_cache_them(agent_id: str, tier: Tier) -> None:
    assert AGENTS[agent_id].render_system(tier, {}).strip()


@pytest.mark.parametrize("agent_id", TEAM)
def test_full_system_prompts_are_thorough_and_those_for_tiny_fit_a_tiny_model(agent_id: str) -> None:
    system = AGENTS[agent_id].system

    assert 500 <= len(system.full.split()) <= 900
    assert len((system.tiny or "").split()) <= 60


@pytest.mark.parametrize(("agent_id", "job"), JOBS)
def test_every_shipped_job_bounds_its_answer_and_has_a_short_form(agent_id: str, job: str) -> None:
    shipped = AGENTS[agent_id].jobs[job]

    assert shipped.tiny is not None
    assert shipped.max_tokens("full") is not None
    assert (shipped.max_tokens("tiny") or 0) <= 260
    assert shipped.stop("full") == ()
    assert AGENTS[agent_id].render_prefill(job, "full", SAMPLES) == ""


@pytest.mark.parametrize(("agent_id", "job"), JOBS)
def test_compact_models_have_a_text_of_their_own_that_is_a_short_page(agent_id: str, job: str) -> None:
    agent = AGENTS[agent_id]
    shipped = agent.jobs[job]

    assert len(agent.system.texts()["compact"].split()) <= 80
    assert shipped.led_as("compact") == ("full" if job in LED_AS_FULL else "compact")
    if job not in LED_AS_FULL:
        # About 1.35 tokens a word, tags and signs included.
        assert 80 <= len(shipped.template("compact").split()) <= 320
        assert 100 <= (shipped.max_tokens("compact") or 0) <= 2500


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("agent_id", "job"), JOBS)
def test_a_prompt_without_optional_texts_has_no_empty_section(agent_id: str, job: str, tier: Tier) -> None:
    prompt = AGENTS[agent_id].render_job(job, tier, {**SAMPLES, **dict.fromkeys(OPTIONAL, "")})

    assert not re.search(r"<(\w+)>\s*</\1>", prompt)
    assert "is given" not in prompt
    assert "are given," not in prompt


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ["steering", "absent"])
def test_shared_texts_render(name: str, tier: Tier) -> None:
    common = load_common()

    assert render(getattr(common, name), SAMPLES, name)
    assert SAMPLES["problem"] in render(common.repair.template(tier), SAMPLES, "repair")
    assert SAMPLES["answer"] in render(common.repair.template(tier), SAMPLES, "repair")


def test_the_text_that_asks_to_go_on_is_sent_as_it_is() -> None:
    text = load_common().continuation

    assert render(text, {}, "continuation") == text
    assert "exactly where it stopped" in text


def test_every_variable_has_a_plain_name_and_a_meaning() -> None:
    assert all(meaning.strip() for meaning in KNOWN_VARIABLES.values())
    assert all(name.isidentifier() and name.islower() for name in KNOWN_VARIABLES)


def test_workflows_give_each_job_the_variables_it_names() -> None:
    for file in shipped_yaml_files("prompts", "workflows"):
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        for step in workflow["steps"]:
            jobs = [step.get(key) for key in ("text", "plan", "verdict")] + [f["job"] for f in step.get("files", [])]
            for job in filter(None, jobs):
                shipped = AGENTS[step["agent"]].job(job)
                given = {"static_report"} if shipped.output == "verdict" else {"current"}
                given_variables = {*step["reads"], "path", *given}
                named = {name for text in shipped.templates().values() for name in Template(text).get_identifiers()}
                assert named <= given_variables, f"{file.name}, step {step['id']}, job {job}"


def test_a_users_agent_joins_the_team_at_its_place(tmp_path: Path) -> None:
    agents = load_agents(prompts_dir_with(tmp_path, tester=VALID_AGENT.replace("order: 7", "order: 2")))

    assert list(agents) == ["business_analyst", "developer", "tester", *TEAM[2:]]
    assert agents["tester"].render_job("check", "tiny", {"task": "it"}) == "Check it"


def test_a_users_agent_with_a_known_id_replaces_the_shipped_one(tmp_path: Path) -> None:
    agents = load_agents(prompts_dir_with(tmp_path, mine=VALID_AGENT.replace("id: tester", "id: developer")))

    assert len(agents) == len(TEAM)
    assert agents["developer"].title == "Tester"


def test_a_users_common_file_replaces_only_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("absent: no $agent today\n", encoding="utf-8")

    common = load_common(tmp_path)

    assert common.absent == "no $agent today"
    assert common.repair == load_common().repair
    assert common.continuation == load_common().continuation


def test_an_empty_prompts_folder_changes_nothing(tmp_path: Path) -> None:
    assert load_agents(tmp_path) == AGENTS
    assert load_common(tmp_path) == load_common()


def test_an_unknown_job_is_named_with_the_jobs_there_are() -> None:
    with pytest.raises(
        PromptError, match="agent developer has no job dance - its jobs: code_file, file_plan, fix_file, opinion"
    ):
        AGENTS["developer"].render_job("dance", "full", SAMPLES)


def test_a_missing_value_is_named_with_agent_and_job() -> None:
    without_task = {name: value for name, value in SAMPLES.items() if name != "task"}

    with pytest.raises(PromptError, match=r"agent developer, job code_file: the variable \$task has no value"):
        AGENTS["developer"].render_job("code_file", "tiny", without_task)


FAULTS = {
    "not YAML": (VALID_AGENT + "  x: [", ["line 12, column", "YAML"]),
    "a tab": (VALID_AGENT.replace("    full: Check", "\tfull: Check"), ["line 11, column 1"]),
    "a control character": (VALID_AGENT + "# \x07\n", ["special characters are not allowed"]),
    "no fields": ("- a\n- b\n", ["holds no fields"]),
    "an empty file": ("", ["holds no fields"]),
    "an unknown field": (VALID_AGENT + "titles: x\n", ["unknown field titles, did you mean title?"]),
    "an unknown field in a job": (
        VALID_AGENT + "    max_token_full: 1\n",
        ["jobs.check.max_token_full", "max_tokens_full?"],
    ),
    "an unknown field in system": (VALID_AGENT.replace("  tiny: You", "  tinny: You"), ["system.tinny", "tiny?"]),
    "a field far from any": (VALID_AGENT + "zzz: x\n", ["unknown field zzz"]),
    "a missing field": (VALID_AGENT.replace("title: Tester\n", ""), ["the field title is missing"]),
    "a missing field in a job": (
        VALID_AGENT.replace("    full: Check $task\n", ""),
        ["the field jobs.check.full is missing"],
    ),
    "two faults at once": (VALID_AGENT.replace("title: Tester", "tile: x"), ["title is missing; unknown field tile"]),
    "what was called short": (VALID_AGENT.replace("tiny:", "short:"), ["the field system.short is called tiny now"]),
    "a bound by its old name": (
        VALID_AGENT + "    max_tokens_short: 9\n",
        ["the field jobs.check.max_tokens_short is called max_tokens_tiny now"],
    ),
    "a tier led as one without a text": (
        VALID_AGENT + "    compact: {as: tiny}\n",
        ["compact is as tiny, and there is no text for tiny"],
    ),
    "a tier led as none": (VALID_AGENT + "    compact: {as: small}\n", ["'tiny' or 'full'"]),
    "an empty text": (VALID_AGENT.replace("You test.", '" "'), ["the field system.tiny is empty"]),
    "an unusable id": (VALID_AGENT.replace("id: tester", "id: The Tester"), ["the field id: "]),
    "too long a label": (VALID_AGENT.replace("TST", "TESTER"), ["the field short: ", "4 characters"]),
    "a wrong output": (VALID_AGENT.replace("output: text", "output: song"), ["jobs.check.output: ", "'verdict'"]),
    "a wrong number": (VALID_AGENT + "    max_tokens_full: 0\n", ["jobs.check.max_tokens_full: ", "greater than 0"]),
    "a key twice": (VALID_AGENT + "order: 8\n", ["line 12, column 1: order occurs twice"]),
    "an unknown variable": (
        VALID_AGENT.replace("$task", "$tsk"),
        ["job check, full: unknown variable $tsk in line 1", "did you mean task?", "write $$"],
    ),
    "an unknown variable in system": (
        VALID_AGENT.replace("with care", "$HOME"),
        ["system.full: unknown variable $HOME"],
    ),
    "a variable in system": (
        VALID_AGENT.replace("with care", "$language"),
        ["system.full: it uses $language", "use variables in the jobs"],
    ),
    "a shell argument": (
        VALID_AGENT.replace("$task", "$1"),
        ["job check, full: a lone dollar sign", "'$1'", "write $$"],
    ),
    "a lone dollar sign": (VALID_AGENT.replace("$task", "5 $ "), ["a lone dollar sign in line 1"]),
    "a job that wants the verdict it is to give": (
        VALID_AGENT.replace("output: text", "output: verdict").replace("$task", "$verdict"),
        ["job check: it uses $verdict", "$static_report"],
    ),
    "a fault in a prefill": (
        VALID_AGENT + "    prefill_tiny: $x1\n",
        ["job check, prefill_tiny: unknown variable $x1"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_in_a_users_agent_is_one_line_that_names_file_and_place(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    folder = prompts_dir_with(tmp_path, mine=text)

    with pytest.raises(PromptError) as caught:
        load_agents(folder)

    message = str(caught.value)
    assert message.startswith(str(folder / "agents" / "mine.yaml"))
    assert "\n" not in message
    for part in expected:
        assert part in message


COMMON_FAULTS = {
    "an unknown field": ("repairs: x\n", ["unknown field repairs, did you mean repair?"]),
    "a missing text": ("repair: {tiny: x}\n", ["the field repair.full is missing"]),
    "an unknown variable": ("absent: $agnt is out\n", ["absent: unknown variable $agnt", "did you mean agent?"]),
    "a lone dollar sign": ("repair: {full: $answer, tiny: 5 $}\n", ["repair.tiny: a lone dollar sign"]),
    "an empty text": ('continuation: " "\n', ["the field continuation is empty"]),
    "a variable in the text that asks to go on": (
        "continuation: go on with $answer\n",
        ["continuation: it uses $answer", "it is sent as it is"],
    ),
    "not YAML": ("absent: 'x\n", ["line 2, column 1"]),
}


@pytest.mark.parametrize(("text", "expected"), COMMON_FAULTS.values(), ids=COMMON_FAULTS.keys())
def test_a_fault_in_a_users_common_file_is_named(text: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(PromptError) as caught:
        load_common(tmp_path)

    assert str(caught.value).startswith(str(tmp_path / "common.yaml"))
    for part in expected:
        assert part in str(caught.value)


def test_a_file_that_is_not_utf_8_is_named_with_the_byte(tmp_path: Path) -> None:
    folder = prompts_dir_with(tmp_path)
    (folder / "agents" / "mine.yaml").write_bytes(VALID_AGENT.encode().replace(b"Tester", b"T\xe9ster"))

    with pytest.raises(PromptError, match=r"mine\.yaml: not UTF-8 \(byte 19\) - save the file as UTF-8"):
        load_agents(folder)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    folder = prompts_dir_with(tmp_path)
    (folder / "agents" / "mine.yaml").mkdir()

    with pytest.raises(PromptError, match=r"mine\.yaml: cannot be read \(Is a directory\)"):
        load_agents(folder)


def test_a_prompts_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    for load in (load_agents, load_common):
        with pytest.raises(PromptError, match=r"prompts_dir .*nowhere is not a folder - create it"):
            load(tmp_path / "nowhere")


def test_an_id_used_twice_in_one_folder_names_both_files(tmp_path: Path) -> None:
    folder = prompts_dir_with(tmp_path, first=VALID_AGENT, second=VALID_AGENT)

    with pytest.raises(PromptError, match=r"second\.yaml: the id tester is already used by first\.yaml"):
        load_agents(folder)


def test_a_doubled_dollar_sign_is_one_in_the_prompt() -> None:
    assert render('exec "$$@" for $$5 and $task', {"task": "it"}, "here") == 'exec "$@" for $5 and it'


ANY_VALUE = st.one_of(
    st.text().filter(str.strip),
    st.sampled_from(["$task", "$$", "${task}", "{task}", "%s", "\x1b[31mred\x1b[0m", "\\1", "$1"]),
)


@given(value=ANY_VALUE, around=st.tuples(st.text(alphabet="ab {}\n"), st.text(alphabet="ab {}\n")))
def test_values_are_inserted_as_they_are(value: str, around: tuple[str, str]) -> None:
    before, after = around

    rendered = render(f"{before}${{task}}{after}", {"task": value}, "here")

    assert rendered == f"{before}{value}{after}"


def minimal_fields() -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(VALID_AGENT)
    return fields


def test_optional_fields_have_quiet_defaults() -> None:
    agent = AgentPrompt.model_validate(minimal_fields())

    job = agent.job("check")
    assert agent.temperature is None
    assert (job.max_tokens("full"), job.max_tokens("tiny"), job.stop("tiny")) == (None, None, ())
    assert agent.render_prefill("check", "tiny", {}) == ""


def test_an_agents_file_may_note_what_it_receives_and_yields(tmp_path: Path) -> None:
    noted = load_agents(prompts_dir_with(tmp_path, tester=f"{VALID_AGENT}receives: [task]\nyields: [opinion]\n"))

    assert noted["tester"] == AgentPrompt.model_validate(minimal_fields())


def test_yaml_without_an_end_of_nesting_is_named(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "deep.yaml").write_text("[" * 5000, encoding="utf-8")

    with pytest.raises(PromptError, match=r"deep\.yaml: nested too deeply"):
        load_agents(tmp_path)
