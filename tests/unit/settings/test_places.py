"""Places that settings name: what is not there, is something else, or cannot be used, is said of each with its source."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.kinds import FindingSeverity
from core.settings import examine_config
from core.settings.place_checks import place_findings
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.finding import Finding
from core.settings.sources.keyring_key import KeyringAnswer
from tests.support.places import Places

only_posix = pytest.mark.skipif(os.name != "posix", reason="made with calls of POSIX")


def findings(places: Places, env: dict[str, str] | None = None, **overrides: object) -> tuple[Finding, ...]:
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    found = examine_config(
        cwd=places.folder,
        env=env or {},
        user_config=places.user_file,
        overrides=dotted,
        keyring=lambda _: KeyringAnswer(),
    )
    return found.findings


def nothing(path: Path) -> None:
    del path


def folder(path: Path) -> None:
    path.mkdir()


def file(path: Path) -> None:
    path.write_text("text")


def empty(path: Path) -> None:
    path.touch()


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("in the way")


def dangling(path: Path) -> None:
    path.symlink_to("gone")


def circle(path: Path) -> None:
    path.symlink_to(path)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


Make = Callable[[Path], None]
WRONG: tuple[tuple[str, Make, FindingSeverity, str], ...] = (
    ("WORKSPACE_DIR", nothing, "error", "does not exist"),
    ("WORKSPACE_DIR", file, "error", "is a file, not a folder"),
    ("WORKSPACE_DIR", below_a_file, "error", "does not exist"),
    ("WORKSPACE_DIR", dangling, "error", "is a link that leads to nothing"),
    ("WORKSPACE_DIR", circle, "error", "leads in a circle of links"),
    ("WORKSPACE_DIR", pipe, "error", "is a pipe, not a folder"),
    ("WORKSPACE_DIR", link_to_a_device, "error", "is a device, not a folder"),
    ("OUTPUT_DIR", file, "error", "is a file, not a folder"),
    ("OUTPUT_DIR", below_a_file, "error", "is a file, not a folder"),
    ("OUTPUT_DIR", dangling, "error", "is a link that leads to nothing"),
    ("OUTPUT_DIR", circle, "error", "leads in a circle of links"),
    ("OUTPUT_DIR", pipe, "error", "is a pipe, not a folder"),
    ("OUTPUT_DIR", socket_file, "error", "is a socket, not a folder"),
    ("OUTPUT_DIR", nothing, "info", "will be made"),
    ("LOG_FILE", folder, "error", "is a folder, not a file"),
    ("LOG_FILE", below_a_file, "error", "is a file, not a folder"),
    ("LOG_FILE", circle, "error", "leads in a circle of links"),
    ("LOG_FILE", socket_file, "error", "is a socket, not a file"),
    ("QUINTET_PROMPTS_DIR", nothing, "error", "does not exist"),
    ("QUINTET_PROMPTS_DIR", file, "error", "is a file, not a folder"),
    ("QUINTET_PROMPTS_DIR", dangling, "error", "is a link that leads to nothing"),
    ("QUINTET_PROMPTS_DIR", folder, "warning", "holds none of agents, workflows, common.yaml: nothing is replaced"),
    ("LLM_MODEL_FILE", nothing, "error", "does not exist"),
    ("LLM_MODEL_FILE", folder, "error", "is a folder, not a file"),
    ("LLM_MODEL_FILE", file, "error", "it is no GGUF file"),
    ("LLM_MODEL_FILE", empty, "error", "is empty"),
    ("LLM_MODEL_FILE", dangling, "error", "is a link that leads to nothing"),
    ("LLM_MODEL_FILE", pipe, "error", "is a pipe, not a file"),
    ("LLM_MODEL_FILE", link_to_a_device, "error", "is a device, not a file"),
)


@only_posix
@pytest.mark.parametrize(
    ("variable", "make", "severity", "reason"), WRONG, ids=lambda part: getattr(part, "__name__", part)
)
def test_a_place_that_is_wrong_is_named_with_its_setting_and_source(
    places: Places, monkeypatch: pytest.MonkeyPatch, variable: str, make: Make, severity: FindingSeverity, reason: str
) -> None:
    monkeypatch.chdir(places.folder)
    path = places.folder / "below" / "it"
    path.parent.mkdir()
    make(path)

    (found,) = findings(places, {variable: "below/it"})

    assert found.severity == severity
    assert reason in found.message
    assert str(path) in found.message or str(path.parent) in found.message
    assert (found.source, found.value) == (
        f"environment variable {variable}",
        "below/it" if severity != "info" else str(path),
    )
    assert variable in setting_fields()[found.setting].env
    assert sorted(entry.name for entry in places.folder.iterdir()) == ["below"]


@only_posix
@pytest.mark.parametrize(
    ("variable", "make"),
    [
        ("OUTPUT_DIR", folder),
        ("LOG_FILE", nothing),
        ("LOG_FILE", file),
        ("LOG_FILE", dangling),
        ("LOG_FILE", link_to_a_device),
        ("LOG_FILE", pipe),
        ("WORKSPACE_DIR", folder),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_a_place_that_can_be_used_or_made_is_no_mistake(places: Places, variable: str, make: Make) -> None:
    make(places.folder / "it")

    assert findings(places, {variable: "it"}) == ()


SETTINGS = {
    "workspace.dir": "WORKSPACE_DIR",
    "workspace.output_dir": "OUTPUT_DIR",
    "logging.file": "LOG_FILE",
    "team.prompts_dir": "QUINTET_PROMPTS_DIR",
    "llm.model_file": "LLM_MODEL_FILE",
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("written", ["absolute", "relative", "home"])
@pytest.mark.parametrize("source", ["environment", ".env", "user", "project", "command line"])
def test_a_wrong_path_is_found_wherever_it_stands_and_however_it_is_written(
    places: Places, name: str, source: str, written: str
) -> None:
    section, _, field = name.partition(".")
    root = places.folder if written != "home" else Path.home()
    (root / "wrong").write_text("a file")
    tail = "/x" if name == "logging.file" else ""
    text = {"absolute": f"{root}/wrong{tail}", "relative": f"wrong{tail}", "home": f"~/wrong{tail}"}[written]
    env: dict[str, str] = {}
    overrides: dict[str, object] = {}
    toml = f'[{section}]\n{field} = "{text}"\n'
    match source:
        case "environment":
            env[SETTINGS[name]] = text
        case ".env":
            places.write(dotenv=f"{SETTINGS[name]}={text}\n")
        case "user":
            places.write(user=toml)
        case "project":
            places.write(project=toml)
        case _:
            overrides[name.replace(".", "__")] = text

    found = findings(places, env, **overrides)

    leads_out = written == "home" and source in {".env", "project"} and name in {"workspace.dir", "logging.file"}
    assert [finding.severity for finding in found] == ["warning" if leads_out else "error"]
    assert found[0].setting == name
    assert found[0].source in str(found[0])


def test_all_mistakes_are_listed_in_one_message(places: Places) -> None:
    (places.folder / "file").touch()
    env = {
        "WORKSPACE_DIR": "nowhere",
        "OUTPUT_DIR": "file",
        "LOG_FILE": ".",
        "QUINTET_PROMPTS_DIR": "none",
        "LLM_MODEL_FILE": "x.gguf",
        "QUINTET_WORKFLOW": "delivry",
        "QUINTET_AGENTS_OFF": "developer,nobody",
        "LLM_MAX_RETRIES": "many",
    }

    problems = places.problems(env)

    assert len(problems) == len(env)
    assert all(sum(name in problem for problem in problems) == 1 for name in env)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"QUINTET_WORKFLOW": "delivry"}, "there is no workflow 'delivry' (did you mean delivery?) - known: "),
        ({"QUINTET_AGENTS_OFF": "developer,nobody,me"}, "there is no agent 'nobody', 'me' - known: business_analyst"),
    ],
)
def test_a_name_that_nothing_has_is_a_mistake(places: Places, env: dict[str, str], said: str) -> None:
    (problem,) = places.problems(env)

    assert said in problem


def test_names_of_the_users_own_are_known(places: Places) -> None:
    (places.folder / "p" / "agents").mkdir(parents=True)
    (places.folder / "p" / "workflows").mkdir()
    (places.folder / "p" / "agents" / "poet.yaml").write_text("id: poet\ntitle: Poet\nshort: POE\norder: 9\n")
    (places.folder / "p" / "workflows" / "verse.yaml").write_text("id: 'verse'\ntitle: Verse\n")
    env = {"QUINTET_PROMPTS_DIR": "p", "QUINTET_WORKFLOW": "verse", "QUINTET_AGENTS_OFF": "poet"}

    assert findings(places, env) == ()


def test_a_workflow_file_that_does_not_say_its_id_makes_no_other_name_wrong(places: Places) -> None:
    (places.folder / "p" / "workflows").mkdir(parents=True)
    (places.folder / "p" / "workflows" / "broken.yaml").write_text("title: Verse\n")

    assert findings(places, {"QUINTET_PROMPTS_DIR": "p", "QUINTET_WORKFLOW": "verse"}) == ()


def test_a_team_of_which_everybody_is_off_is_doubted(places: Places) -> None:
    everybody = "business_analyst,developer,qa_engineer,devops_engineer,technical_writer"

    (found,) = findings(places, {"QUINTET_AGENTS_OFF": everybody})

    assert (found.severity, "nobody to work" in found.message) == ("warning", True)


@pytest.mark.parametrize(
    ("project", "overrides", "severity"),
    [
        ("[llm]\nmodel_file = 'x.gguf'", {}, "error"),
        ("[llm]\nmodel_file = 'x.gguf'\nbase_url = 'http://127.0.0.1:1/v1'", {}, "warning"),
        ("[llm]\nbase_url = 'http://127.0.0.1:1/v1'", {"llm__model_file": Path("x.gguf")}, "error"),
        (
            "[llm]\nmodel_file = 'x.gguf'\n[[llm.fallbacks]]\nmodel = 'm'\nbase_url = 'http://127.0.0.1:1/v1'",
            {},
            "warning",
        ),
    ],
)
def test_a_model_file_is_a_mistake_where_it_is_what_would_answer(
    places: Places, project: str, overrides: dict[str, object], severity: str
) -> None:
    places.write(project=project)

    assert [found.severity for found in findings(places, None, **overrides)] == [severity]


def test_the_default_output_folder_that_cannot_be_made_is_a_warning(places: Places) -> None:
    # --output names another one, and nobody has asked for this one.
    (places.folder / "output").touch()

    (found,) = findings(places)

    assert found.severity == "warning"
    assert found.hint == "choose another folder with --output or OUTPUT_DIR"


def test_a_metrics_port_that_is_in_use_is_a_warning_in_the_words_of_the_exporter(places: Places) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        (warning,) = places.load({"METRICS_PORT": str(port)}).warnings

    assert warning == (
        f"the metrics page is off: port {port} of this machine cannot be used (Address already in use) - "
        "set another METRICS_PORT"
    )
    assert places.load({"METRICS_PORT": str(port)}).warnings == ()


def test_a_log_on_a_read_only_disk_is_a_warning_in_the_words_of_the_log(places: Places) -> None:
    read_only = next((Path(place) for place in ("/sys", "/proc/sys") if is_read_only(place)), None)
    if read_only is None:
        pytest.skip("no read-only file system here")

    (warning,) = places.load({"LOG_FILE": str(read_only / "quintet.log")}).warnings

    assert warning.startswith(f"no log is written: {read_only}/quintet.log cannot be opened (Read-only file system)")
    (problem,) = places.problems({"OUTPUT_DIR": str(read_only / "out")})
    assert f"cannot be made: {read_only} is on a read-only file system" in problem


def is_read_only(place: str) -> bool:
    return hasattr(os, "statvfs") and Path(place).is_dir() and bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def test_a_disk_that_does_not_answer_does_not_hold_the_start(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = places.load({"QUINTET_PROMPTS_DIR": str(places.folder)})
    away = threading.Event()
    monkeypatch.setattr(os.path, "lexists", lambda path: away.wait() or bool(path))  # as on a network that is gone

    found = place_findings(settings, {}, only={"team.prompts_dir", "workspace.dir"}, limit_seconds=0.01)
    away.set()

    (late,) = found
    assert late.severity == "warning"
    assert f"{places.folder} did not answer within 0.01 s: it was not checked" in late.message
