# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.clickhouse.cloud.plugins.filter.access_mistakes import FilterModule

SPECS = yaml.safe_load((Path(__file__).resolve().parents[4] / "roles/access/meta/argument_specs.yml").read_text())[
    "argument_specs"
]

access_mistakes = FilterModule().filters()["access_mistakes"]


def mistakes(entry_point, names=(), **variables):
    return access_mistakes(
        {f"clickhouse_cloud_{name}": value for name, value in variables.items()},
        SPECS,
        entry_point,
        [f"clickhouse_cloud_{name}" for name in (*variables, *names)],
    )


@pytest.mark.parametrize("entry_point", SPECS)
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("pruge", "; did you mean clickhouse_cloud_purge?"),
        ("purge_excludes", "; did you mean clickhouse_cloud_purge_exclude?"),
        ("membership", "; did you mean clickhouse_cloud_memberships?"),
        ("email", "; did you mean clickhouse_cloud_emails?"),
        ("xyzzy", "."),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_known_name(entry_point, name, advice):
    assert mistakes(entry_point, [name]) == [f"unknown variable clickhouse_cloud_{name}{advice}"]


@pytest.mark.parametrize("entry_point", SPECS)
def test_one_access_list_file_serves_every_entry_point(entry_point):
    names = ["memberships", "roles", "purge", "purge_limit", "purge_exclude", "export_path", "report_title"]
    # What an earlier job of a workflow published arrives as a variable.
    assert not [words for words in mistakes(entry_point, [*names, "result", "report"]) if "unknown" in words]


@pytest.mark.parametrize("blank", [None, "", " \r\n", " ,;", [], ["", None]], ids=repr)
@pytest.mark.parametrize(
    ("entry_point", "name", "words"),
    [
        ("invite", "emails", "to at least one email address."),
        ("revoke", "emails", "to at least one email address."),
        ("offboard", "emails", "to at least one email address."),
        ("roster", "memberships", "to the access list, such as [{email: alice@example.com, roles: [Admin]}]"),
        ("export", "export_path", "to the file to write, such as team.yml."),
    ],
)
def test_blank_variable_says_what_to_set(entry_point, name, words, blank):
    (mistake,) = mistakes(entry_point, **{name: blank})
    assert mistake.startswith(f"Set clickhouse_cloud_{name} {words}")
    assert mistakes(entry_point) == [mistake]


@pytest.mark.parametrize("blank", [None, "", [], [""], False, 0], ids=repr)
@pytest.mark.parametrize("entry_point", ["roster", "report"])
def test_blank_list_of_excluded_people_is_refused(entry_point, blank):
    (mistake,) = mistakes(entry_point, memberships=[{"email": "alice@example.com"}], purge_exclude=blank)
    assert mistake.startswith("clickhouse_cloud_purge_exclude is empty, so it would protect nobody.")


EMAILS = {"emails": "alice@example.com"}
LIST = {"memberships": [{"email": "alice@example.com"}]}


@pytest.mark.parametrize(
    ("entry_point", "variables", "words"),
    [
        ("invite", {**EMAILS, "resend": "maybe"}, "clickhouse_cloud_resend: 'maybe' is not true or false."),
        ("invite", {**EMAILS, "roles": {"a": 1}}, "clickhouse_cloud_roles: {'a': 1} is not a list."),
        (
            "invite",
            {**EMAILS, "api_retry_timeout": "soon"},
            "clickhouse_cloud_api_retry_timeout: 'soon' is not a number.",
        ),
        ("offboard", {**EMAILS, "fail_if_not_found": 7}, "clickhouse_cloud_fail_if_not_found: 7 is not true or false."),
        ("roster", {"memberships": {"email": "a"}}, "clickhouse_cloud_memberships: {'email': 'a'} is not a list."),
        ("offboard", {**EMAILS, "memberships": "[{}]"}, "clickhouse_cloud_memberships: '[{}]' is not a list."),
        (
            "invite",
            {**EMAILS, "role": "Member"},
            "clickhouse_cloud_role: 'Member' is neither admin nor developer. Other",
        ),
        ("report", {"report_path": "report.pdf"}, "clickhouse_cloud_report_path must end in"),
        ("invite", {**EMAILS, "renew_before": "soon"}, "clickhouse_cloud_renew_before: 'soon' is not a duration"),
        ("report", {"unused_for": "90"}, "clickhouse_cloud_unused_for: '90' is not a duration such as 36h"),
        ("report", {"unused_for": "never", "expires_within": 0}, None),
        ("invite", {**EMAILS, "resend": "yes", "api_retry_timeout": "0.5", "roles": "Admin, Billing"}, None),
        ("invite", {**EMAILS, "resend": "", "api_retry_timeout": "", "role": "", "renew_before": None}, None),
        ("roster", {**LIST, "purge": "", "purge_limit": 0, "roles": "", "purge_exclude": "eve@example.com"}, None),
        ("report", {"memberships": "", "report_path": ""}, None),
    ],
)
def test_wrong_value_is_refused_by_the_name_of_its_variable(entry_point, variables, words):
    found = mistakes(entry_point, **variables)
    assert found == [] if words is None else found[0].startswith(words)


def test_leaver_who_is_still_on_the_access_list_is_refused():
    entries = [{"email": "Alice@Example.com "}, "nonsense", {"email": None}, {"email": "bob@example.com"}]
    (mistake,) = mistakes("offboard", emails="Al <alice@example.com>; carol@example.com", memberships=entries)
    assert mistake.startswith("alice@example.com is still in clickhouse_cloud_memberships")
    assert mistakes("offboard", emails="carol@example.com", memberships=entries) == []
    # The module rejects what is no address.
    assert mistakes("offboard", emails="alice", memberships=entries) == []


class Vaulted:
    """Text as ansible-core up to 2.18 has it that was encrypted."""

    def __str__(self):
        return "Developer"


def test_vaulted_text_is_text():
    assert mistakes("invite", emails=["alice@example.com"], roles=Vaulted()) == []
