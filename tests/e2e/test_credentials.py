# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials reach the API in each way that Ansible offers, and nothing prints, logs or keeps them."""

from __future__ import annotations

import json

import pytest
from credentials import SHAPES, credentials_in, spellings
from e2e.runs import play, run
from e2e.servers import Hostile, Recorder

INFO = "clickhouse.cloud.invitation_info"
ROSTER = "clickhouse.cloud.invitations"
GROUP = "group/clickhouse.cloud.all"
ORGANIZATION = "00000000-0000-4000-8000-00000000000a"
KEY, SECRET = "the-key-id", "the-secret"
BLANK = {"api_key": "", "api_secret": "  ", "organization_id": None, "api_url": ""}


@pytest.fixture
def api():
    """An API that repeats the key in what it returns."""

    def repeat(request):
        key, _secret = credentials_in(request.authorization)
        return 200, {"result": [{"id": f"{ORGANIZATION[:-1]}b", "email": f"{key}@example.com", "role": "developer"}]}

    with Recorder(repeat) as api:
        yield api


@pytest.fixture
def options(api):
    return {"api_key": KEY, "api_secret": SECRET, "organization_id": ORGANIZATION, "api_url": api.url}


@pytest.fixture
def variables(options):
    """The environment variables of the options."""
    return {f"CLICKHOUSE_CLOUD_{option.upper()}": value for option, value in options.items()}


def assert_sent(api, times):
    assert [credentials_in(request.authorization) for request in api.requests] == [(KEY, SECRET)] * times
    assert {request.path for request in api.requests} == {f"/v1/organizations/{ORGANIZATION}/invitations"}


def test_credentials_come_from_options_defaults_and_the_environment(api, tmp_path, options, variables):
    templates = {option: f"{{{{ given_{option} }}}}" for option in options}
    tasks = [
        {INFO: options},
        {INFO: templates},
        {INFO: {}, "module_defaults": {GROUP: options}},
        {INFO: BLANK, "environment": variables},
        {INFO: {}, "module_defaults": {GROUP: BLANK}, "environment": variables},
    ]
    given = {f"given_{option}": value for option, value in options.items()}
    results, output = play(tmp_path, tasks, **given)
    assert [result["failed"] for result in results] == [False] * len(tasks)
    assert_sent(api, len(tasks))
    for hidden in (KEY, SECRET):
        assert hidden not in output
        assert hidden not in json.dumps(results)


@pytest.mark.parametrize(
    ("arguments", "inherits"),
    [
        ("api_key={api_key} api_secret={api_secret} organization_id={organization_id} api_url={api_url}", False),
        ("", True),
    ],
    ids=["arguments", "inherited environment"],
)
def test_credentials_come_from_the_command_line(api, tmp_path, options, variables, arguments, inherits):
    command = ["ansible", "localhost", "-m", INFO, "-a", arguments.format(**options)]
    output = run(tmp_path, command, variables if inherits else None)
    assert_sent(api, 1)
    assert "********@example.com" in output
    assert KEY not in output
    assert SECRET not in output


# --- masking ---------------------------------------------------------------------------------------------------------


JOURNAL = """
def sendv(): pass
def send(**fields):
    with open({path!r}, "a") as journal:
        journal.write(repr(fields) + "\\n" + "\\n".join(map(str, fields.values())) + "\\n")
"""


@pytest.fixture
def hostile():
    with Hostile() as hostile:
        yield hostile


@pytest.fixture
def verbose(tmp_path):
    """Settings under which Ansible prints and keeps as much as it can, but for the temporary files of modules."""
    stub = tmp_path / "stub/systemd"
    stub.mkdir(parents=True)
    (stub / "__init__.py").touch()
    (stub / "daemon.py").write_text("def booted(): return True")
    (stub / "journal.py").write_text(JOURNAL.format(path=str(tmp_path / "journal")))
    return {
        "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
        "ANSIBLE_PIPELINING": "false",
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
        "PYTHONPATH": str(tmp_path / "stub"),
    }


def everything_written(folder, output):
    """All that was printed, logged or left behind, and the part of it that the modules logged."""
    journal = (folder / "journal").read_text()
    written = ("play.yml", "variables.json")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in written]
    assert folder / "log" in paths
    return "\n".join([output, *(path.read_text(errors="replace") for path in paths)]), journal


def assert_hidden(text, *pair):
    assert [spelling for spelling in spellings(*pair) if spelling in text] == []


def test_options_and_defaults_are_masked_everywhere(hostile, verbose, tmp_path):
    # The other shapes are in the unit tests of _module.py.
    pairs = [SHAPES[name] for name in ("quotes", "a template", "other letters")]
    tasks, variables = [], {}
    for turn, pair in enumerate(pairs):
        values = zip((f"key_{turn}", f"secret_{turn}"), pair, strict=True)
        variables |= {name: {"__ansible_unsafe": value} for name, value in values}
        given = {"api_key": f"{{{{ key_{turn} }}}}", "api_secret": f"{{{{ secret_{turn} }}}}"}
        as_defaults = {ROSTER: hostile.task, "module_defaults": {GROUP: given}}
        tasks.append(as_defaults if turn % 2 else {ROSTER: {**hostile.task, **given}})
    tasks[0] |= {"async": 30, "poll": 1}
    results, output = play(tmp_path, tasks, ["-vvvv", "--diff"], verbose, **variables)
    everything, journal = everything_written(tmp_path, output)
    assert journal.count("api_secret=NOT_LOGGING_PARAMETER") >= len(tasks)
    for result, pair in zip(results, pairs, strict=True):
        assert_hidden(json.dumps(result, ensure_ascii=False), *pair)
        if not any(each in str(hostile.task) for each in pair):
            assert_hidden(everything, *pair)
        assert [change["action"] for change in result["changes"]] == ["deleted", "failed"]


def test_environment_is_masked_everywhere(hostile, verbose, tmp_path):
    key, secret = SHAPES["quotes"]
    environment = {**verbose, "CLICKHOUSE_CLOUD_API_KEY": key, "CLICKHOUSE_TOKEN_SECRET": secret}
    task = {ROSTER: {**hostile.task, "api_key": "", "api_secret": " "}}
    (result,), output = play(tmp_path, [task], ["-vvvv", "--diff"], environment)
    everything, journal = everything_written(tmp_path, output)
    assert "api_secret=NOT_LOGGING_PARAMETER" in journal
    assert_hidden(json.dumps(result, ensure_ascii=False), key, secret)
    assert_hidden(everything, key, secret)


def test_arguments_of_the_command_line_are_masked_everywhere(hostile, verbose, tmp_path):
    arguments = json.dumps({**hostile.task, "api_key": KEY, "api_secret": SECRET})
    command = ["ansible", "localhost", "-m", ROSTER, "-a", arguments, "-vvvv", "--diff"]
    everything, journal = everything_written(tmp_path, run(tmp_path, command, verbose, status=2))
    assert "api_secret=NOT_LOGGING_PARAMETER" in journal
    assert "alice@example.com has joined" in everything
    assert_hidden(everything, KEY, SECRET)


def test_no_log_leaves_warnings_out_of_the_output(simulator, tmp_path):
    simulator.add_member("alice@example.com", role_names=["Billing"])
    task = {"name": "Invite", "clickhouse.cloud.invitation": {"email": "alice@example.com", "roles": ["Developer"]}}
    _results, output = play(tmp_path, [{**task, "no_log": True}, task], environment=simulator.environment)
    # Ansible prints the same warning only once.
    hidden, shown = output.split("TASK [Invite]")[1:3]
    assert "alice@example.com has joined" in shown
    assert "example.com" not in hidden
