# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials reach the API by every way in, and come back by none."""

from __future__ import annotations

import itertools
import json

import pytest
from component.servers import SHAPES, Hostile, Proxy, Recorder, credentials_in, spellings
from e2e.runs import play, run

INFO = "clickhouse.cloud.invitation_info"
ROSTER = "clickhouse.cloud.invitations"
VARIABLES = {
    "api_key": ("CLICKHOUSE_CLOUD_API_KEY", "CLICKHOUSE_TOKEN_KEY"),
    "api_secret": ("CLICKHOUSE_CLOUD_API_SECRET", "CLICKHOUSE_TOKEN_SECRET"),
    "organization_id": ("CLICKHOUSE_CLOUD_ORGANIZATION_ID", "CLICKHOUSE_ORG_ID"),
    "api_url": ("CLICKHOUSE_CLOUD_API_URL", "CLICKHOUSE_API_URL"),
}
WAYS = ("argument", "variable", "module_defaults")
ORGANIZATION = "00000000-0000-4000-8000-00000000000a"
SET, ABSENT = object(), object()


def repeat(request):
    """The answer of an API that repeats the credentials wherever it finds room."""
    key, secret = credentials_in(request.authorization)
    if request.path.endswith("/organizations"):
        return 200, {"result": [{"id": ORGANIZATION, "name": secret}]}
    if "/refused/" in request.path:
        return 401, {"error": f"{request.authorization} is {key} with {secret}"}
    invitation = {"id": f"{ORGANIZATION[:-1]}b", "email": f"{key}@example.com", "role": secret}
    return 200, {"result": [invitation]}


@pytest.fixture
def api():
    with Recorder(repeat) as api:
        yield api


# --- which one wins --------------------------------------------------------------------------------------------------


def each_combination():
    """The state of the option and of its two variables, and the way in which the option is given."""
    blank_variables = itertools.cycle([ABSENT, "", "  "])
    yield from ((way, SET, SET, SET) for way in WAYS)
    for option in (ABSENT, None, "", "  "):
        for way in WAYS[: 1 if option is ABSENT else None]:
            yield way, option, SET, SET
            yield way, option, next(blank_variables), SET


COMBINATIONS = list(each_combination())


class Case:
    """One task, in which each of the options is in another state, and what it has to send."""

    def __init__(self, number, url):
        self.number = number
        self.url = url
        self.task = {"name": f"Case {number}", INFO: {}, "environment": {}, "vars": {}}
        self.defaults = {}
        self.sent = {}
        for turn, option in enumerate(VARIABLES):
            self.give(option, *COMBINATIONS[(number + turn * 5) % len(COMBINATIONS)])
        if self.defaults:
            self.task["module_defaults"] = {"group/clickhouse.cloud.all": self.defaults}

    def give(self, option, way, *states):
        values = [self.value(option, source) if state is SET else state for source, state in enumerate(states)]
        self.sent[option] = next(value for value, state in zip(values, states, strict=True) if state is SET)
        for name, value in zip(VARIABLES[option], values[1:], strict=True):
            if value is not ABSENT:
                self.task["environment"][name] = value
        if values[0] is ABSENT:
            return
        if way == "variable":
            self.task["vars"][f"given_{option}"] = values[0]
        given = f"{{{{ given_{option} }}}}" if way == "variable" else values[0]
        (self.defaults if way == "module_defaults" else self.task[INFO])[option] = given

    def value(self, option, source):
        """One that tells which it is: 0 is the option, 1 and 2 are the variables."""
        if option == "organization_id":
            return f"{source}{self.number:07}-0000-4000-8000-000000000000"
        name = f"{option}-{source}-{self.number}"
        return f"{self.url}/{name}" if option == "api_url" else name


def test_the_first_that_is_filled_wins(api, tmp_path):
    cases = [Case(number, api.url) for number in range(len(COMBINATIONS))]
    results, output = play(tmp_path, [case.task for case in cases])
    for case, result, request in zip(cases, results, api.requests, strict=True):
        assert not result["failed"]
        assert f"{api.url}{request.path}" == (
            f"{case.sent['api_url']}/v1/organizations/{case.sent['organization_id']}/invitations"
        )
        assert credentials_in(request.authorization) == (case.sent["api_key"], case.sent["api_secret"])
        for option in ("api_key", "api_secret"):
            assert case.sent[option] not in json.dumps(result)
            assert case.sent[option] not in output


KEY, SECRET = "the-key-id", "the-secret"
BOTH = {"api_key": "{{ key }}", "api_secret": "{{ secret }}"}
GIVEN = {"key": KEY, "secret": SECRET}
BLANK = dict.fromkeys(itertools.chain(*VARIABLES.values()), " ")
MISSING = {option: f"{option} ({' or '.join(names)})" for option, names in VARIABLES.items()}


def test_what_nobody_names_has_a_default(api, tmp_path):
    with Proxy("403 Forbidden") as proxy:
        no_organization = {INFO: {**BOTH, "api_url": api.url, "organization_id": ""}, "environment": BLANK}
        no_address = {
            INFO: {**BOTH, "api_url": None, "organization_id": ORGANIZATION, "api_retry_timeout": 0.1},
            "environment": {**BLANK, "https_proxy": f"http://{proxy.address}"},
        }
        (found, not_sent), _output = play(tmp_path, [no_organization, no_address], **GIVEN)
        assert not found["failed"]
        assert [request.path for request in api.requests] == [
            "/v1/organizations",
            f"/v1/organizations/{ORGANIZATION}/invitations",
        ]
        assert not_sent["failed"]
        assert proxy.tunnels == ["CONNECT api.clickhouse.cloud:443"]


def test_what_is_missing_or_refused_is_named_with_where_it_was_looked_for(api, tmp_path):
    refused = {"api_url": f"{api.url}/refused", "organization_id": ORGANIZATION}
    names = dict(zip(("key", "secret"), (VARIABLES["api_key"][0], VARIABLES["api_secret"][1]), strict=True))
    tasks = {
        f"Missing: {MISSING['api_key']} and {MISSING['api_secret']};": {INFO: {}},
        f"Missing: {MISSING['api_key']} and {MISSING['api_secret']}; set it": {
            INFO: {"api_key": None, "api_secret": ""},
            "environment": BLANK,
        },
        f"Missing: {MISSING['api_key']};": {INFO: {"api_secret": "{{ secret }}"}},
        f"Missing: {MISSING['api_secret']};": {INFO: {"api_key": "{{ key }}", "api_secret": "  "}},
        f"check the key, from the option api_key, and its secret, from the environment variable {names['secret']}.": {
            INFO: {**refused, "api_key": "{{ key }}"},
            "environment": {names["secret"]: "{{ secret }}"},
        },
        f"check the key, from the environment variable {names['key']}, and its secret, from the option api_secret.": {
            INFO: refused,
            "module_defaults": {"group/clickhouse.cloud.all": {"api_key": "", "api_secret": "{{ secret }}"}},
            "environment": {names["key"]: "{{ key }}"},
        },
    }
    results, output = play(tmp_path, list(tasks.values()), **GIVEN)
    for words, result in zip(tasks, results, strict=True):
        assert result["failed"]
        assert words in result["msg"]
    assert [request.path for request in api.requests] == [f"/refused/v1/organizations/{ORGANIZATION}/invitations"] * 2
    assert [result["error"]["status"] for result in results] == [None] * 4 + [401] * 2
    for hidden in GIVEN.values():
        assert hidden not in output
        assert hidden not in json.dumps(results)


@pytest.mark.parametrize(
    ("arguments", "inherited"),
    [
        ("api_key={key} api_secret={secret} organization_id={organization} api_url={url}", [None, None]),
        ("api_key= api_secret='' organization_id=' ' api_url=", [True, None]),
        ("", [" ", True]),
        ('{{"api_key": null, "api_secret": "", "organization_id": null, "api_url": "  "}}', ["", True]),
        ('{{"api_key": "{{{{ key }}}}", "api_secret": "{{{{ secret }}}}"}}', [None, True]),
    ],
    ids=["arguments", "blank arguments", "nothing", "null", "variables"],
)
def test_from_the_command_line(api, tmp_path, arguments, inherited):
    values = {"api_key": KEY, "api_secret": SECRET, "organization_id": ORGANIZATION, "api_url": api.url}
    environment = {
        names[turn]: values[option] if state is True else state
        for option, names in VARIABLES.items()
        for turn, state in enumerate(inherited)
        if state is not None
    }
    (tmp_path / "variables.json").write_text(json.dumps(GIVEN))
    arguments = arguments.format(key=KEY, secret=SECRET, organization=ORGANIZATION, url=api.url)
    command = ["ansible", "localhost", "-m", INFO, "-a", arguments, "-e", "@variables.json"]
    output = run(tmp_path, command, environment)
    assert [credentials_in(request.authorization) for request in api.requests] == [(KEY, SECRET)]
    assert [request.path for request in api.requests] == [f"/v1/organizations/{ORGANIZATION}/invitations"]
    assert "********@example.com" in output
    assert KEY not in output
    assert SECRET not in output


def test_nothing_at_all_on_the_command_line(tmp_path):
    output = run(tmp_path, ["ansible", "localhost", "-m", INFO, "-a", "api_key="], BLANK, status=2)
    assert f"Missing: {MISSING['api_key']} and {MISSING['api_secret']};" in output


# --- what is told ----------------------------------------------------------------------------------------------------


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
def loud(tmp_path):
    """Settings under which Ansible tells and keeps as much as it can, but for the temporary files of modules."""
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


def told(folder, output):
    """All that was printed, logged or left behind, and what of it the modules logged."""
    journal = (folder / "journal").read_text()
    written = ("play.yml", "variables.json")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in written]
    assert folder / "log" in paths
    return "\n".join([output, *(path.read_text(errors="replace") for path in paths)]), journal


def assert_hidden(text, *pair):
    found = [spelling for spelling in spellings(*pair) if spelling in text]
    assert found == []


def test_nothing_tells_what_came_as_an_option_or_a_default(hostile, loud, tmp_path):
    tasks, variables = [], {}
    for turn, pair in enumerate(SHAPES.values()):
        values = zip((f"key_{turn}", f"secret_{turn}"), pair, strict=True)
        variables |= {name: {"__ansible_unsafe": value} for name, value in values}
        given = {"api_key": f"{{{{ key_{turn} }}}}", "api_secret": f"{{{{ secret_{turn} }}}}"}
        as_defaults = {ROSTER: hostile.task, "module_defaults": {"group/clickhouse.cloud.all": given}}
        tasks.append(as_defaults if turn % 2 else {ROSTER: {**hostile.task, **given}})
    tasks[0] |= {"async": 30, "poll": 1}
    results, output = play(tmp_path, tasks, ["-vvvv", "--diff"], loud, **variables)
    everything, journal = told(tmp_path, output)
    assert journal.count("api_secret=NOT_LOGGING_PARAMETER") >= len(tasks)
    for result, pair in zip(results, SHAPES.values(), strict=True):
        assert_hidden(json.dumps(result, ensure_ascii=False), *pair)
        if not any(each in str(hostile.task) for each in pair):
            assert_hidden(everything, *pair)
        assert [change["action"] for change in result["changes"]] == ["deleted", "failed"]


@pytest.mark.parametrize(
    ("shape", "options"),
    [("other letters", {}), ("quotes", {"api_key": "", "api_secret": " "}), ("a line end", {"api_key": None})],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_nothing_tells_what_came_by_the_environment(hostile, loud, tmp_path, shape, options):
    key, secret = SHAPES[shape]
    environment = {**loud, "CLICKHOUSE_CLOUD_API_KEY": key, "CLICKHOUSE_TOKEN_SECRET": secret}
    (result,), output = play(tmp_path, [{ROSTER: {**hostile.task, **options}}], ["-vvvv", "--diff"], environment)
    everything, journal = told(tmp_path, output)
    assert "api_secret=NOT_LOGGING_PARAMETER" in journal
    assert_hidden(json.dumps(result, ensure_ascii=False), key, secret)
    assert_hidden(everything, key, secret)
    assert [change["action"] for change in result["changes"]] == ["deleted", "failed"]


def test_nothing_tells_what_came_by_the_command_line(hostile, loud, tmp_path):
    arguments = json.dumps({**hostile.task, "api_key": KEY, "api_secret": SECRET})
    command = ["ansible", "localhost", "-m", ROSTER, "-a", arguments, "-vvvv", "--diff"]
    everything, journal = told(tmp_path, run(tmp_path, command, loud, status=2))
    assert "api_secret=NOT_LOGGING_PARAMETER" in journal
    assert "has joined already, with other roles (" in everything
    assert_hidden(everything, KEY, SECRET)
