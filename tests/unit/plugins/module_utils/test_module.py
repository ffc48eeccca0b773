# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module does alike: finding credentials, checking options, masking, and ending."""

from __future__ import annotations

import base64
import re
import syslog

import pytest
import requests
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client
from ansible_collections.clickhouse.cloud.plugins.modules import invitation, invitation_info, invitations

from ..records import ALICE, DEVELOPER, KEY, ORGANIZATION, SECRET, uid
from ..scripted import refusal, result

FIRST = {"api_key": "CLICKHOUSE_CLOUD_API_KEY", "api_secret": "CLICKHOUSE_CLOUD_API_SECRET"}
SECOND = {"api_key": "CLICKHOUSE_TOKEN_KEY", "api_secret": "CLICKHOUSE_TOKEN_SECRET"}
RIGHT = {"api_key": KEY, "api_secret": SECRET}
WRONG = {"api_key": "another", "api_secret": "other"}


def set_variables(environment, names, values):
    for option, name in names.items():
        environment.setenv(name, values[option])


class TestCredentials:
    """The scripted API checks that these and no others are sent."""

    @pytest.mark.parametrize("names", [FIRST, SECOND], ids=["first name", "second name"])
    @pytest.mark.parametrize("options", [{}, dict.fromkeys(RIGHT, ""), dict.fromkeys(RIGHT, " "), dict.fromkeys(RIGHT)])
    def test_from_the_environment_where_no_option_is_filled(self, run, api, environment, names, options):
        set_variables(environment, names, RIGHT)
        api.invitations()
        assert not run(invitation_info, {**options, "organization_id": ORGANIZATION}).get("failed")

    def test_an_option_wins(self, run, api, environment):
        set_variables(environment, FIRST, WRONG)
        api.invitations()
        run(invitation_info, {**RIGHT, "organization_id": ORGANIZATION})

    def test_the_first_name_wins(self, run, api, environment):
        set_variables(environment, FIRST, RIGHT)
        set_variables(environment, SECOND, WRONG)
        api.invitations()
        run(invitation_info, {"organization_id": ORGANIZATION})

    @pytest.mark.parametrize("blank", ["", "  "])
    def test_an_empty_variable_is_not_set(self, run, api, environment, blank):
        set_variables(environment, FIRST, dict.fromkeys(RIGHT, blank))
        set_variables(environment, SECOND, RIGHT)
        api.invitations()
        run(invitation_info, {"organization_id": ORGANIZATION})

    @pytest.mark.parametrize(
        ("options", "missing"),
        [
            (
                {},
                "api_key (CLICKHOUSE_CLOUD_API_KEY or CLICKHOUSE_TOKEN_KEY) and api_secret (CLICKHOUSE_CLOUD_API",
            ),
            ({"api_key": KEY}, "api_secret (CLICKHOUSE_CLOUD_API_SECRET or CLICKHOUSE_TOKEN_SECRET);"),
            ({"api_secret": SECRET, "api_key": " "}, "api_key (CLICKHOUSE_CLOUD_API_KEY or CLICKHOUSE_TOKEN_KEY);"),
        ],
    )
    def test_missing(self, run, options, missing):
        answer = run(invitation_info, options)
        assert answer["failed"]
        assert answer["msg"].startswith(f"Missing: {missing}")
        assert answer["error"]["status"] is None
        assert "api" not in answer

    def test_refused_ones_tell_where_each_came_from(self, run, api, environment):
        environment.setenv("CLICKHOUSE_TOKEN_SECRET", SECRET)
        api.invitations(answer=refusal(401))
        answer = run(invitation_info, {"api_key": KEY, "organization_id": ORGANIZATION})
        assert "check the key, from the option api_key, and its secret, from the environment variable " in answer["msg"]
        assert answer["msg"].endswith(" CLICKHOUSE_TOKEN_SECRET.")


class TestOtherSources:
    @pytest.mark.parametrize("name", ["CLICKHOUSE_CLOUD_ORGANIZATION_ID", "CLICKHOUSE_ORG_ID"])
    def test_organization(self, run, api, environment, name):
        environment.setenv(name, f" {ORGANIZATION.upper()} ")
        api.invitations()
        run(invitation_info, {**RIGHT, "organization_id": ""})

    def test_a_malformed_one_tells_where_it_came_from(self, run, environment):
        environment.setenv("CLICKHOUSE_ORG_ID", "ours")
        answer = run(invitation_info, RIGHT)
        assert answer["msg"].startswith(
            "organization_id, from the environment variable CLICKHOUSE_ORG_ID: 'ours' is not a UUID"
        )

    def test_without_one_the_key_is_asked(self, run, api):
        api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION}]))
        api.invitations()
        run(invitation_info, RIGHT)

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
    def test_api_url(self, run, api, credentials, environment, options, variables, url):
        for name, value in variables.items():
            environment.setenv(name, value)
        api.invitations()
        run(invitation_info, {**credentials, **options})
        assert api.requests[0][0].url == f"{url}/v1/organizations/{ORGANIZATION}/invitations"


class TestSettings:
    @pytest.mark.parametrize("option", ["api_timeout", "api_retry_timeout"])
    @pytest.mark.parametrize("number", ["nan", "inf", "-inf", 0, -1, "1e999"])
    def test_numbers_are_finite_and_positive(self, run, credentials, option, number):
        answer = run(invitation_info, {**credentials, option: number})
        assert answer["msg"].startswith(f"{option}: ")
        assert answer["msg"].endswith(" is not a finite, positive number of seconds.")

    @pytest.mark.parametrize(
        ("options", "verify"),
        [
            ({}, True),
            ({"ca_path": ""}, True),
            ({"validate_certs": False}, False),
            ({"ca_path": "{bundle}"}, "{bundle}"),
            ({"ca_path": "{bundle}", "validate_certs": False}, False),
        ],
    )
    def test_what_is_trusted(self, run, api, credentials, tmp_path, options, verify):
        bundle = tmp_path / "bundle.pem"
        bundle.touch()

        def filled(value):
            return str(bundle) if value == "{bundle}" else value

        api.invitations()
        run(invitation_info, {**credentials, **{name: filled(value) for name, value in options.items()}})
        assert api.requests[0][1]["verify"] == filled(verify)

    @pytest.mark.parametrize("name", ["none.pem", "long" * 100])
    def test_a_bundle_that_cannot_be_read(self, run, credentials, tmp_path, name):
        answer = run(invitation_info, {**credentials, "ca_path": str(tmp_path / name)})
        assert answer["msg"].startswith(f"ca_path: nothing can be read at {tmp_path}/{name} on the host")

    def test_the_timeout_is_the_requests(self, run, api, credentials):
        api.invitations()
        run(invitation_info, {**credentials, "api_timeout": 2.5})
        assert api.requests[0][1]["timeout"] == 2.5


TOKEN = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
MODULES = {
    "invitation": (invitation, {"email": ALICE, "roles": [DEVELOPER.id]}),
    "invitation_info": (invitation_info, {}),
    "invitations": (invitations, {"emails": [ALICE], "roles": [DEVELOPER.id]}),
}


@pytest.mark.parametrize(("module", "options"), MODULES.values(), ids=MODULES)
class TestMasking:
    @pytest.mark.parametrize("source", ["options", "environment", "blank options"])
    def test_of_an_api_that_repeats_the_credentials(self, run, api, environment, module, options, source):
        if source != "options":
            set_variables(environment, FIRST, RIGHT)
        given = {"options": RIGHT, "environment": {}, "blank options": dict.fromkeys(RIGHT, "")}[source]
        api.invitations(answer=refusal(400, f"{KEY} with {SECRET} is {TOKEN}"))
        answer = run(module, {**given, **options, "organization_id": ORGANIZATION}, diff=True)
        assert "refused it (400, " in answer["msg"]
        for hidden in (KEY, SECRET, TOKEN):
            assert hidden not in run.printed

    def test_does_not_mask_every_blank(self, run, environment, module, options):
        environment.setenv("CLICKHOUSE_CLOUD_API_KEY", KEY)
        answer = run(module, {**options, "api_secret": " "})
        assert answer["msg"].startswith("Missing: api_secret (")

    @pytest.mark.parametrize("userinfo", ["me:hush-hush", "hush-hush"])
    def test_of_credentials_in_the_url(self, run, credentials, module, options, userinfo):
        answer = run(module, {**credentials, **options, "api_url": f"https://{userinfo}@api.example.com"})
        assert answer["msg"] == "api_url: it must not hold credentials; use api_key and api_secret."
        assert "hush-hush" not in run.printed

    @pytest.mark.parametrize("password", ["hush-hush", "hush#hush", "hush hush/?"])
    def test_of_a_proxys_password(self, run, api, environment, credentials, module, options, password):
        environment.setenv("HTTPS_PROXY", f"http://me:{password}@127.0.0.1:3128")
        quoted = re.split("[/?#]", password)[0]
        api.invitations(answer=requests.exceptions.InvalidURL(f"Failed to parse: 'me:{quoted}', of {password}"))
        answer = run(module, {**credentials, **options})
        assert "the address cannot be used (Failed to parse: " in answer["msg"]
        assert "hush" not in run.printed

    @pytest.mark.parametrize("user", ["words", "words:", ":"])
    def test_not_of_a_proxys_user(self, run, api, environment, credentials, module, options, user):
        environment.setenv("HTTPS_PROXY", f"http://{user}@127.0.0.1:3128")
        api.invitations(answer=refusal(400, "the API's own words"))
        words = "Could not list the invitations: ClickHouse Cloud refused it (400, the API's own words, "
        assert run(module, {**credentials, **options})["msg"].startswith(words)

    def test_of_what_is_logged(self, run, api, environment, credentials, module, options):
        logged = []
        environment.setattr("ansible.module_utils.basic.has_journal", False)
        environment.setattr(syslog, "syslog", lambda *arguments: logged.append(str(arguments)))
        api.invitations(answer=refusal(403))
        run(module, {**credentials, **options})
        assert logged
        for hidden in (KEY, SECRET, TOKEN):
            assert hidden not in "".join(logged)


class TestEnding:
    def test_spares_python_the_search_of_all_that_is_loaded(self, run, api, credentials, freeze):
        api.invitations()
        run(invitation_info, credentials)
        freeze.assert_called_once_with()

    def test_a_long_wait_is_announced(self, run, api, credentials):
        api.invitations(answer=refusal(429, headers={"X-RateLimit-Reset": "12"}))
        api.invitations()
        answer = run(invitation_info, credentials)
        assert answer["warnings"] == [
            "Waited 12 s in all for ClickHouse Cloud, which was throttling, late or out of reach."
        ]
        assert answer["api"] == {"requests": 2, "retries": 1, "waited": 12.0}

    def test_a_short_one_is_not(self, run, api, credentials):
        api.invitations(answer=refusal(429, headers={"X-RateLimit-Reset": "9"}))
        api.invitations()
        assert "warnings" not in run(invitation_info, credentials)

    def test_what_nobody_foresaw_is_a_failure_too(self, run, credentials, monkeypatch):
        monkeypatch.setattr(invitation_info, "look_up", lambda _module, _cloud: 1 / 0)
        answer = run(invitation_info, credentials)
        assert answer["msg"].startswith("Unforeseen ZeroDivisionError in the module itself; please report it")
        assert answer["error"]["reason"] == "ZeroDivisionError"
        assert answer["api"]["requests"] == 0

    def test_without_requests(self, run, credentials, monkeypatch):
        monkeypatch.setattr(_client, "REQUESTS_IMPORT_ERROR", "ImportError: no requests")
        answer = run(invitation_info, credentials)
        assert "requests >= 2.28" in answer["msg"]
        assert answer["error"]["reason"] == "requests is missing"

    def test_with_requests_too_old(self, run, credentials, monkeypatch):
        monkeypatch.setattr(_client.requests, "__version__", "2.27.1")
        answer = run(invitation_info, credentials)
        assert answer["msg"].startswith("The Python library requests is too old; install requests >= 2.28 for ")
        assert answer["error"]["reason"] == "requests is too old"

    def test_the_oldest_requests_will_do(self, run, api, credentials, monkeypatch):
        monkeypatch.setattr(_client.requests, "__version__", "2.28.0")
        api.invitations()
        assert not run(invitation_info, credentials).get("failed")


def test_check_mode_refuses_a_malformed_id_too(run, credentials):
    answer = run(invitation, {**credentials, "state": "absent", "invitation_id": uid(1)[:-1]}, check_mode=True)
    assert answer["msg"].startswith("invitation_id: ")
