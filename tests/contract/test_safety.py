# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract is safe on a live organization, and fails in sentences. The simulator stands in for ClickHouse Cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clock import Clock
from requests.adapters import HTTPAdapter
from simulator.__main__ import read_settings
from simulator.settings import Settings

from contract.__main__ import connection, main
from contract.observations import Organization, observe
from contract.transport import MAX_EMAILS, Transport, UnsafeRequest

EMAIL = "you+contract@example.com"


@pytest.fixture
def live(simulator, tmp_path, capsys):
    """Runs the command without waiting; its sentence, what it printed and the report."""

    def run(email=EMAIL, **environment):
        report = tmp_path / "contract.json"
        variables = simulator.environment | environment
        sentence = main(["--email", email, "--report", str(report)], variables, Clock())
        text = report.read_text() if report.exists() else ""
        return sentence, capsys.readouterr().out, text

    return run


def writes(simulator):
    return [request for request in simulator.requests if request["method"] != "GET"]


def test_live_run_prints_a_table_and_writes_settings(live, simulator, tmp_path):
    sentence, output, text = live()
    assert sentence is None
    assert "|second_invitation_status|409|409|yes|" in output.replace(" ", "")
    assert " | no    | " not in output
    report = json.loads(text)
    assert all(call["request_id"] for call in report["calls"])
    assert read_settings(tmp_path / "contract.json") == report["settings"]
    assert Settings().changed(report["settings"]) == Settings()
    assert EMAIL not in text
    assert simulator.organization_id not in text


def test_guide_shows_what_is_printed(live):
    page = Path("docs/docsite/rst/guide_contract.rst").read_text()
    shown = [line.strip() for line in page.splitlines() if line.startswith(("   |", "   Inviting", "   No invitation"))]
    _sentence, output, _report = live()
    printed = [line.replace(" ", "").strip("-|") for line in output.splitlines()]
    assert len(shown) > 5
    assert all(line.replace(" ", "").strip("-|") in printed for line in shown if "---" not in line)


def test_difference_is_a_finding_not_a_failure(live, simulator):
    simulator.configure(email_case="as_sent")
    sentence, output, text = live()
    assert sentence is None
    assert "|email_case|as_sent|lower|no|" in output.replace(" ", "")
    assert json.loads(text)["settings"]["email_case"] == "as_sent"


@pytest.mark.parametrize("second", ["reject", "allow"])
def test_only_this_person_is_invited_and_only_without_power(live, simulator, second):
    simulator.configure(second_invitation=second)
    simulator.invite("other@example.com", role_names=["Admin"])
    before = simulator.members, simulator.invitations
    live()
    assert (simulator.members, simulator.invitations) == before
    assert 0 < len(simulator.emails) <= MAX_EMAILS
    assert {email["email"] for email in simulator.emails} == {EMAIL}
    member = next(role["id"] for role in simulator.roles if role["name"] == "Member")
    roles = {(email["role"], email["role_ids"]) for email in simulator.emails}
    assert {(None, (member,))} < roles
    assert all(role == "developer" for role, role_ids in roles - {(None, (member,)), (None, ())})
    assert {request["operation"] for request in writes(simulator)} == {"create_invitation", "delete_invitation"}


def test_second_key_only_reads(live, simulator):
    _sentence, output, _report = live(VIEW_KEY=simulator.view_key, VIEW_SECRET=simulator.view_secret)
    assert "|view_key_reads|invitations,members|" in output.replace(" ", "")
    _sentence, output, _report = live()
    assert "|view_key_reads|notobserved|" in output.replace(" ", "")


def test_activities_are_counted_and_not_shown(live, simulator):
    simulator.add_member("bob@example.com")
    _sentence, output, text = live()
    assert "2 of 2 by the userId of a member" in output
    assert "bob@example.com" not in output + text


@pytest.mark.parametrize("email", ["", " ", "nobody", "straße@example.com"])
def test_run_without_a_usable_email_is_refused(live, simulator, email):
    sentence, _output, _report = live(email)
    assert sentence.startswith("EMAIL")
    assert simulator.requests == []


@pytest.mark.parametrize(("known", "state"), [("add_member", "has access to"), ("invite", "is invited to")])
def test_person_with_access_or_invitation_is_refused_and_left_alone(live, simulator, known, state):
    getattr(simulator, known)(EMAIL.upper())
    before = simulator.members, simulator.invitations
    sentence, _output, _report = live()
    assert sentence == f"{EMAIL} {state} the organization; take another address. Nothing was changed."
    assert (simulator.members, simulator.invitations) == before
    assert writes(simulator) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/invitations", {"email": "other@example.com", "role": "developer"}),
        ("POST", "/members", {"email": EMAIL}),
        ("DELETE", "/members/{member}", None),
        ("PATCH", "/members/{member}", {"role": "admin"}),
        ("DELETE", "/invitations/{invitation}", None),
    ],
)
def test_unsafe_request_is_not_sent(simulator, method, path, body):
    organization = Organization(Transport(EMAIL), *connection(simulator.environment))
    ids = {
        "member": simulator.members[0]["userId"],
        "invitation": simulator.invite("other@example.com")["id"],
    }
    organization.api.invitations()
    organization.api.members()
    with pytest.raises(UnsafeRequest, match=f"is not for an invitation of {EMAIL}".replace("+", r"\+")):
        organization.call(method, path.removeprefix("/").format_map(ids), body)
    assert writes(simulator) == []


def test_seventh_email_is_not_sent(simulator):
    simulator.configure(second_invitation="allow")
    organization = Organization(Transport(EMAIL), *connection(simulator.environment))
    for _email in range(MAX_EMAILS):
        organization.invite(EMAIL, {"role": "developer"})
    with pytest.raises(UnsafeRequest, match="More than 6 emails"):
        organization.invite(EMAIL, {"role": "developer"})
    assert len(simulator.emails) == MAX_EMAILS


def test_requests_stay_below_the_rate_limit(simulator, monkeypatch):
    simulator.configure(stale_reads=12)
    organization = Organization(Transport(EMAIL, Clock()), *connection(simulator.environment))
    send, times = HTTPAdapter.send, []

    def timed(*args, **kwargs):
        times.append(organization.transport.clock.monotonic())
        return send(*args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", timed)
    list(observe(organization, []))
    assert len(times) > 30
    assert min(after - before for before, after in zip(times, times[9:])) > 9.99


@pytest.mark.parametrize("settings", [{}, {"stale_reads": 1, "second_invitation": "allow"}], ids=str)
def test_interrupted_run_leaves_no_invitation(live, simulator, monkeypatch, settings, default):
    send = HTTPAdapter.send
    monkeypatch.setattr("contract.__main__.observe_simulator", lambda: default)
    for number in range(100):
        simulator.reset(rate_limit="0", **settings)
        countdown = iter(range(number, -1, -1))

        def interrupted(*args, countdown=countdown, **kwargs):
            response = send(*args, **kwargs)
            if next(countdown, None) == 0:
                response.close()
                raise KeyboardInterrupt
            return response

        monkeypatch.setattr(HTTPAdapter, "send", interrupted)
        sentence, _output, _report = live()
        assert simulator.invitations == [], number
        if sentence is None:
            break
        assert sentence.startswith("Interrupted."), number
    assert number > 20


@pytest.mark.parametrize("response", ["lost", 500])
def test_invitation_that_appears_after_its_response_was_lost_is_revoked(live, simulator, response):
    simulator.order_fault("late", operation="create_invitation", reads=3, response=response)
    sentence, output, _report = live()
    assert sentence.startswith("Could not observe POST invitations: ")
    assert f"No invitation of {EMAIL} is left." in output
    assert len(simulator.emails) == 1
    assert simulator.invitations == []


def test_lost_response_without_an_invitation_is_told(live, simulator):
    simulator.order_fault("disconnect", operation="create_invitation")
    sentence, _output, _report = live()
    assert "The response to one invitation was lost, and no list shows it." in sentence
    assert sentence.endswith(f"Check in the console that no invitation of {EMAIL} is left.")


def test_invitation_that_cannot_be_revoked_is_told(live, simulator):
    simulator.order_fault("status", status=403, body="envelope", operation="delete_invitation", times=None)
    sentence, _output, _report = live()
    assert f"Could not revoke the invitation of {EMAIL}: " in sentence
    assert sentence.endswith(f"Check in the console that no invitation of {EMAIL} is left.")


def test_terminated_run_leaves_no_invitation(simulator, tmp_path):
    command = [sys.executable, "-m", "contract", "--email", EMAIL, "--report", str(tmp_path / "contract.json")]
    path = os.pathsep.join(map(str, (Path("build/link").resolve(), Path("tests").resolve())))
    environment = os.environ | simulator.environment | {"PYTHONPATH": path}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while not simulator.emails:
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
        output, errors = run.communicate(timeout=60)
    assert errors == "Interrupted.\n"
    assert f"No invitation of {EMAIL} is left." in output
    assert simulator.invitations == []


@pytest.mark.parametrize(
    ("settings", "environment", "words"),
    [
        ({}, {"CLICKHOUSE_CLOUD_API_SECRET": "wrong"}, "check CLICKHOUSE_CLOUD_API_KEY and"),
        ({}, {"CLICKHOUSE_CLOUD_API_KEY": " "}, "Missing: CLICKHOUSE_CLOUD_API_KEY; export it."),
        ({}, {"VIEW_KEY": "a key"}, "Missing: VIEW_SECRET; export it, or neither."),
        ({}, {"CLICKHOUSE_CLOUD_API_URL": "http://127.0.0.1:1"}, "127.0.0.1:1 refused the connection"),
        ({}, {"CLICKHOUSE_CLOUD_API_URL": "ftp://example.com"}, "api_url: "),
        ({}, {"CLICKHOUSE_CLOUD_ORGANIZATION_ID": "mine"}, "CLICKHOUSE_CLOUD_ORGANIZATION_ID: "),
        ({"permissions": "manage"}, {}, "Could not list the members"),
    ],
)
def test_wrong_key_missing_permission_and_no_network_end_in_a_sentence(live, simulator, settings, environment, words):
    simulator.configure(**settings)
    sentence, output, report = live(**environment)
    assert words in sentence
    assert sentence.endswith(".")
    assert len(sentence.splitlines()) == 1
    assert (output, report) == ("", "")
    assert writes(simulator) == []


@pytest.mark.parametrize("status", [400, 401, 424])
def test_key_and_secret_are_neither_printed_nor_written(live, simulator, status):
    body = json.dumps({"status": status, "error": f"no {simulator.key}/{simulator.secret}", "requestId": "none"})
    simulator.order_fault("status", status=status, body=body, operation="create_invitation")
    view = {"VIEW_KEY": simulator.view_key, "VIEW_SECRET": simulator.view_secret}
    sentence, output, report = live(**view)
    everything = f"{sentence}{output}{report}"
    assert "***/***" in everything
    assert [text for text in (simulator.key, simulator.secret, *view.values()) if text in everything] == []
