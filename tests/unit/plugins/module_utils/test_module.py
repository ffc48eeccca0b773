# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of every module: finding settings, masking credentials, warning, ending. Shown by a module of the tests."""

from __future__ import annotations

import gc
from datetime import timedelta
from types import SimpleNamespace

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client, _module
from cast import ALICE
from credentials import SHAPES, spellings, token

from ..records import KEY, NOW, ORGANIZATION, SECRET, uid
from ..scripted import refusal, result

FIRST = {"api_key": "CLICKHOUSE_CLOUD_API_KEY", "api_secret": "CLICKHOUSE_CLOUD_API_SECRET"}
SECOND = {"api_key": "CLICKHOUSE_TOKEN_KEY", "api_secret": "CLICKHOUSE_TOKEN_SECRET"}
RIGHT = {"api_key": KEY, "api_secret": SECRET}
WRONG = {"api_key": "another", "api_secret": "other"}
TOKEN = token(KEY, SECRET)


def module_of(task):
    """A module that does nothing but a task."""
    return SimpleNamespace(main=lambda: _module.run(_module.create_module({}), task))


@module_of
def roles(_module, cloud):
    return {"roles": [role.name for role in cloud.roles()]}


@module_of
def warner(_module, _cloud):
    return {"changed": False, "warnings": [f"{ALICE} has joined, says {SECRET}."]}


@pytest.fixture
def answer(api):
    """Script the response to the one call of the module ``roles``."""
    return lambda response: api.expect("GET", "/roles", response)


def set_variables(environment, names, values):
    for option, name in names.items():
        environment.setenv(name, values[option])


# --- credentials: the scripted API checks that the right ones are sent -----------------------------------------------


@pytest.mark.parametrize("names", [FIRST, SECOND], ids=["first name", "second name"])
@pytest.mark.parametrize("options", [{}, dict.fromkeys(RIGHT, ""), dict.fromkeys(RIGHT, " "), dict.fromkeys(RIGHT)])
def test_credentials_come_from_the_environment_if_options_are_empty(run, answer, environment, names, options):
    set_variables(environment, names, RIGHT)
    answer(result([]))
    assert not run(roles, {**options, "organization_id": ORGANIZATION}).get("failed")


def test_options_win_over_the_environment(run, answer, environment):
    set_variables(environment, FIRST, WRONG)
    answer(result([]))
    run(roles, {**RIGHT, "organization_id": ORGANIZATION})


def test_first_variable_wins_over_the_second(run, answer, environment):
    set_variables(environment, FIRST, RIGHT)
    set_variables(environment, SECOND, WRONG)
    answer(result([]))
    run(roles, {"organization_id": ORGANIZATION})


@pytest.mark.parametrize("blank", ["", "  "])
def test_empty_variable_counts_as_unset(run, answer, environment, blank):
    set_variables(environment, FIRST, dict.fromkeys(RIGHT, blank))
    set_variables(environment, SECOND, RIGHT)
    answer(result([]))
    run(roles, {"organization_id": ORGANIZATION})


KEY_MISSING = (
    "api_key is not set: set the option, or CLICKHOUSE_CLOUD_API_KEY or CLICKHOUSE_TOKEN_KEY in the environment"
    " of the host that runs the module, without become."
)
SECRET_MISSING = (
    "api_secret is not set: set the option, or CLICKHOUSE_CLOUD_API_SECRET or CLICKHOUSE_TOKEN_SECRET in the"
    " environment of the host that runs the module, without become."
)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, [KEY_MISSING, SECRET_MISSING]),
        ({"api_key": KEY}, [SECRET_MISSING]),
        ({"api_secret": SECRET, "api_key": " "}, [KEY_MISSING]),
    ],
)
def test_missing_credentials_are_named_with_their_variables(run, options, missing):
    failure = run(roles, options)
    assert failure["failed"]
    assert failure["msg"].startswith(missing[0])
    assert [words in failure["msg"] for words in (KEY_MISSING, SECRET_MISSING)].count(True) == len(missing)
    assert failure["error"]["status"] is None
    assert "api" not in failure


def test_rejected_credentials_are_named_with_their_origin(run, answer, environment):
    environment.setenv("CLICKHOUSE_TOKEN_SECRET", SECRET)
    answer(refusal(401))
    msg = run(roles, {"api_key": KEY, "organization_id": ORGANIZATION})["msg"]
    assert "check the key, from the option api_key, and its secret, from the environment variable " in msg
    assert msg.endswith(" CLICKHOUSE_TOKEN_SECRET.")


# --- other settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CLICKHOUSE_CLOUD_ORGANIZATION_ID", "CLICKHOUSE_ORG_ID"])
def test_organization_comes_from_the_environment(run, answer, environment, name):
    environment.setenv(name, f" {ORGANIZATION.upper()} ")
    answer(result([]))
    run(roles, {**RIGHT, "organization_id": ""})


def test_malformed_organization_is_named_with_its_origin(run, environment):
    environment.setenv("CLICKHOUSE_ORG_ID", "ours")
    msg = run(roles, RIGHT)["msg"]
    assert msg.startswith("organization_id, from the environment variable CLICKHOUSE_ORG_ID: 'ours' is not a UUID")


def test_organization_is_that_of_the_key_if_none_is_given(run, api, answer):
    api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION}]))
    answer(result([]))
    run(roles, RIGHT)


@pytest.mark.parametrize(
    ("options", "variables", "url"),
    [
        ({}, {}, "https://api.clickhouse.cloud"),
        ({"api_url": ""}, {"CLICKHOUSE_CLOUD_API_URL": ""}, "https://api.clickhouse.cloud"),
        ({}, {"CLICKHOUSE_API_URL": "https://b.example.com/v1"}, "https://b.example.com"),
        (
            {"api_url": " "},
            {"CLICKHOUSE_CLOUD_API_URL": "http://127.0.0.1:81/", "CLICKHOUSE_API_URL": "https://b.example.com"},
            "http://127.0.0.1:81",
        ),
        (
            {"api_url": "https://c.example.com"},
            {"CLICKHOUSE_CLOUD_API_URL": "https://b.example.com"},
            "https://c.example.com",
        ),
    ],
)
def test_api_url_comes_from_the_option_or_the_environment(
    run, api, answer, credentials, environment, options, variables, url
):
    for name, value in variables.items():
        environment.setenv(name, value)
    answer(result([]))
    run(roles, {**credentials, **options})
    assert api.requests[0][0].url == f"{url}/v1/organizations/{ORGANIZATION}/roles"


@pytest.mark.parametrize("option", ["api_timeout", "api_retry_timeout"])
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", 0, -1, "1e999"])
def test_timeouts_are_finite_and_positive(run, credentials, option, number):
    msg = run(roles, {**credentials, option: number})["msg"]
    assert msg.startswith(f"{option}: ")
    assert msg.endswith(" is not a finite, positive number of seconds.")


@pytest.mark.parametrize(
    ("options", "verify"),
    [
        ({}, True),
        ({"ca_path": ""}, True),
        ({"ca_path": " "}, True),
        ({"validate_certs": False}, False),
        ({"ca_path": "{bundle}"}, "{bundle}"),
        ({"ca_path": "{bundle}", "validate_certs": False}, False),
    ],
)
def test_certificates_are_verified_as_the_options_say(run, api, answer, credentials, tmp_path, options, verify):
    bundle = tmp_path / "bundle.pem"
    bundle.touch()

    def filled(value):
        return str(bundle) if value == "{bundle}" else value

    answer(result([]))
    run(roles, {**credentials, **{name: filled(value) for name, value in options.items()}})
    assert api.requests[0][1]["verify"] == filled(verify)


@pytest.mark.parametrize("name", ["none.pem", "long" * 100])
def test_unreadable_ca_path_is_named(run, credentials, tmp_path, name):
    msg = run(roles, {**credentials, "ca_path": str(tmp_path / name)})["msg"]
    assert msg.startswith(f"ca_path: nothing can be read at {tmp_path}/{name} on the host")


def test_api_timeout_is_that_of_each_request(run, api, answer, credentials):
    answer(result([]))
    run(roles, {**credentials, "api_timeout": 2.5})
    assert api.requests[0][1]["timeout"] == 2.5


# --- masking ---------------------------------------------------------------------------------------------------------


def texts(value):
    """All texts of a result."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("source", ["options", "environment", "blank options"])
@pytest.mark.parametrize("shape", SHAPES)
def test_credentials_that_a_server_repeats_are_masked(run, api, answer, environment, source, shape):
    api.credentials = SHAPES[shape]
    values, repeated = dict(zip(RIGHT, SHAPES[shape])), spellings(*SHAPES[shape])
    if source != "options":
        set_variables(environment, FIRST, values)
    given = {"options": values, "environment": {}, "blank options": dict.fromkeys(RIGHT, " ")}[source]
    answer(refusal(400, " ".join(repeated)))
    answer(result([{"id": uid(number), "name": each} for number, each in enumerate(repeated)]))
    for _time in range(2):
        returned = run(roles, {**given, "organization_id": ORGANIZATION})
        # Options are logged before the environment is read.
        for text in (run.printed, *texts(returned), run.logged if source == "options" else ""):
            assert [each for each in repeated if each in text] == []


def test_credentials_are_masked_in_warnings(run, credentials):
    assert run(warner, credentials)["warnings"] == [f"{ALICE} has joined, says ********."]


def test_credentials_are_masked_in_the_log(run, answer, credentials):
    answer(refusal(403))
    run(roles, credentials)
    assert "NOT_LOGGING_PARAMETER" in run.logged
    for hidden in (KEY, SECRET, TOKEN):
        assert hidden not in run.logged


def test_blank_option_does_not_mask_every_blank(run, environment):
    environment.setenv("CLICKHOUSE_CLOUD_API_KEY", KEY)
    assert run(roles, {"api_secret": " "})["msg"].startswith("api_secret is not set: set the option")


@pytest.mark.parametrize("userinfo", ["me:hush-hush", "hush-hush"])
def test_credentials_in_the_url_are_rejected_and_masked(run, credentials, userinfo):
    msg = run(roles, {**credentials, "api_url": f"https://{userinfo}@api.example.com"})["msg"]
    assert msg == "api_url: it must not contain credentials; use api_key and api_secret."
    assert "hush-hush" not in run.printed


@pytest.mark.parametrize("password", ["team", "a", "the ed"])
def test_password_of_a_proxy_is_not_masked_in_results(run, answer, environment, credentials, password):
    environment.setenv("HTTPS_PROXY", f"http://me:{password}@127.0.0.1:3128")
    answer(result([{"id": "1", "name": "the editor of team-a"}]))
    succeeded = run(roles, credentials)
    assert succeeded["roles"] == ["the editor of team-a"]
    assert "warnings" not in succeeded


# --- warnings --------------------------------------------------------------------------------------------------------


def test_no_log_leaves_every_warning_out(run, credentials):
    assert "warnings" not in run(warner, credentials, no_log=True)


@pytest.mark.parametrize(("seconds", "warns"), [(12, True), (9, False)])
def test_long_wait_for_a_gateway_is_a_warning(run, answer, credentials, seconds, warns):
    answer(refusal(503, headers={"Retry-After": str(seconds)}))
    answer(result([]))
    succeeded = run(roles, credentials)
    expected = "Spent 12 s waiting for ClickHouse Cloud, which was slow or unreachable."
    assert succeeded.get("warnings", []) == [expected] * warns
    assert succeeded["api"] == {"requests": 2, "retries": 1, "waited": seconds}


def test_wait_for_the_rate_limit_is_no_warning(run, answer, credentials):
    answer(refusal(429, headers={"X-RateLimit-Reset": "60"}))
    answer(result([]))
    succeeded = run(roles, credentials)
    assert "warnings" not in succeeded
    assert succeeded["api"]["waited"] == 60


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (timedelta(minutes=4), None),
        (timedelta(minutes=-4), None),
        (timedelta(minutes=6), "6m ahead of"),
        (timedelta(hours=-30), "1d6h behind"),
        (timedelta(days=10), "10d ahead of"),
    ],
)
def test_clock_that_differs_from_the_apis_is_a_warning(run, answer, credentials, clock, environment, offset, words):
    environment.setattr(clock, "time", (NOW - offset).timestamp)
    answer(result([]))
    warnings = run(roles, credentials).get("warnings", [])
    assert len(warnings) == (1 if words else 0)
    assert all(f"is {words} that of the host that runs the module" in warning for warning in warnings)


# --- ending ----------------------------------------------------------------------------------------------------------


def test_loaded_objects_are_spared_the_last_garbage_collection(run, credentials):
    frozen = []
    run(module_of(lambda _module, _cloud: frozen.append(gc.freeze.call_count) or {}), credentials)
    assert frozen == [1]


def test_unexpected_exception_is_a_failure_that_asks_for_a_report(run, credentials):
    failure = run(module_of(lambda _module, _cloud: 1 / 0), credentials)
    assert failure["msg"].startswith("Unexpected ZeroDivisionError: this is a bug in the collection. Please report it")
    assert failure["error"]["reason"] == "ZeroDivisionError"
    assert failure["api"]["requests"] == 0


def test_missing_requests_is_named(run, credentials, monkeypatch):
    monkeypatch.setattr(_client, "REQUESTS_IMPORT_ERROR", "ImportError: no requests")
    failure = run(roles, credentials)
    assert "requests >= 2.28" in failure["msg"]
    assert failure["error"]["reason"] == "requests is missing"


def test_old_requests_is_named(run, credentials, monkeypatch):
    monkeypatch.setattr(_client.requests, "__version__", "2.27.1")
    failure = run(roles, credentials)
    assert failure["msg"].startswith("The Python library requests is too old; install requests >= 2.28 for ")
    assert failure["error"]["reason"] == "requests is too old"


def test_oldest_supported_requests_is_accepted(run, answer, credentials, monkeypatch):
    monkeypatch.setattr(_client.requests, "__version__", "2.28.0")
    answer(result([]))
    assert not run(roles, credentials).get("failed")
