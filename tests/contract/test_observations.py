# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator behaves as its settings say, and a simulator that is set as observed behaves the same."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Role
from clock import Clock
from simulator.settings import Settings

from contract.__main__ import connection, observe_simulator
from contract.observations import CannotObserve, Organization, least_powerful, observe, timestamps
from contract.report import compare
from contract.transport import MAX_EMAILS, Transport

OTHER_SETTINGS = [
    {},
    {"second_invitation": "allow"},
    {"second_invitation_status": 400},
    {"organization_era": "legacy"},
    {"organization_era": "migrated_rejects"},
    {"organization_era": "custom_roles_available"},
    {"email_case": "as_sent"},
    {"timestamps": "offset"},
    {"timestamps": "nanoseconds"},
    {"invitation_lifetime": 3600.0},
    {"date_header": "missing"},
    {"date_header": "garbage"},
    {"invitation_without_roles": "reject"},
    {"no_roles": "missing"},
    {"no_roles": "null"},
    {"error_request_id": "missing"},
    {"absent_status": 400},
    {"delete_again_status": 200},
    {"malformed_id_status": 404},
    {"view_key_reads": "members,keys"},
    {"activity_actor": "other"},
    {"activities_days": 30},
]


@pytest.mark.parametrize("settings", OTHER_SETTINGS, ids=str)
def test_observed_settings_are_those_of_the_simulator(settings, default):
    report = compare(observe_simulator(settings), default)
    assert Settings().changed(report["settings"]) == Settings().changed(settings)
    differences = {row["behaviour"] for row in report["behaviours"] if row["equal"] == "no"}
    assert set(settings) <= differences | {"second_invitation_status"}
    assert bool(differences) == bool(settings)


@pytest.mark.parametrize("timestamps", ["missing", "garbage"])
def test_lifetime_is_not_observed_without_timestamps(timestamps, default):
    report = compare(observe_simulator({"timestamps": timestamps}), default)
    assert report["settings"]["timestamps"] == timestamps
    assert "invitation_lifetime" not in report["settings"]


def test_stale_reads_are_observed_as_read_lag(default):
    report = compare(observe_simulator({"stale_reads": 1}, Clock()), default)
    assert report["settings"]["read_lag"] == pytest.approx(1, abs=0.5)


def test_write_that_no_list_shows_has_no_read_lag(default):
    report = compare(observe_simulator({"stale_reads": 1000}, Clock()), default)
    assert "read_lag" not in report["settings"]


def test_responses_of_the_simulator(default):
    observed = {behaviour.name: behaviour.observed for behaviour in default}
    assert {name: value for name, value in observed.items() if name not in vars(Settings())} == {
        "POST with assignedRoleIds": 200,
        "POST with role": 200,
        "GET of an invitation": 200,
        "GET of a deleted invitation": 404,
        "GET of the nil UUID": 400,
        "wrong key": 401,
        "envelope": "always",
        "rate limit": None,
    }


@pytest.fixture
def organization(simulator):
    return Organization(Transport("you@example.com", Clock()), *connection(simulator.environment))


def test_era_is_unknown_without_an_administrator(organization):
    report = compare(list(observe(organization, [])), observe_simulator())
    assert "organization_era" not in report["settings"]


def test_response_without_envelope_is_named(simulator, organization):
    simulator.order_fault("status", status=503, operation="get_invitation")
    behaviours = {behaviour.name: behaviour for behaviour in observe(organization, [])}
    envelope = behaviours["envelope"]
    assert envelope.observed == "not always"
    assert envelope.words.endswith(" 503")


def test_organization_that_takes_neither_kind_of_role_cannot_be_observed(simulator, organization):
    for _field in ("assignedRoleIds", "role"):
        simulator.order_fault("status", status=424, body="envelope", operation="create_invitation")
    with pytest.raises(CannotObserve, match="rejected every invitation"):
        list(observe(organization, []))


def test_rejected_upper_case_is_observed(simulator, organization):
    simulator.order_fault("status", status=400, body="envelope", operation="create_invitation", skip=3)
    behaviours = {behaviour.name: behaviour.observed for behaviour in observe(organization, [])}
    assert behaviours["email_case"] == "rejected, 400"
    assert behaviours["second_invitation"] == "reject"
    assert {email["email"] for email in simulator.emails} == {"you@example.com"}


def test_headers_of_the_rate_limit_are_shown_when_it_is_met(simulator, organization):
    times = MAX_EMAILS + 1
    simulator.order_fault(
        "rate_limited", operation="create_invitation", times=times, headers={"X-RateLimit-Reset": "2"}
    )
    behaviours = {behaviour.name: behaviour for behaviour in observe(organization, [])}
    assert behaviours["rate limit"] == ("rate limit", "met", "X-RateLimit-Reset: 2")


def test_form_of_timestamps_that_the_simulator_lacks_is_shown_but_no_setting(default):
    record = {"createdAt": "2026-11-23T12:00:00Z", "expireAt": "2026-11-24T12:00:00Z"}
    report = compare(list(timestamps(record)), default)
    assert [row["observed"] for row in report["behaviours"]] == ["seconds", 86400]
    assert report["settings"] == {"invitation_lifetime": 86400}


def test_least_powerful_role_is_a_system_role():
    roles = [Role("1", "Admin", "system"), Role("2", "Member", "custom"), Role("3", "Billing", "system")]
    assert least_powerful(roles).id == "3"
    with pytest.raises(CannotObserve, match="nobody is invited"):
        least_powerful(roles[:2])
