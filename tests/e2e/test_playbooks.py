# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's playbooks, run by name. What their templates render is tested in tests/unit/playbooks."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret
from e2e import runs
from simulator import Simulator

extra = pytest.mark.extra

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/organizations"

ALICE = {"clickhouse_cloud_emails": "alice@example.com", "clickhouse_cloud_roles": "Developer"}

# Hosts that cannot be reached, with settings that would break everything on the controller.
SETTINGS = {
    "ansible_become": True,
    "ansible_become_exe": "/nowhere/sudo",
    "ansible_become_method": "nothing.like.it",
    "ansible_connection": "ssh",
    "ansible_host": "192.0.2.1",
    "ansible_python_interpreter": "/nowhere/python",
    "ansible_shell_executable": "/nowhere/sh",
    "ansible_shell_type": "powershell",
    "ansible_user": "somebody",
}
HOSTS = {"all": {"vars": SETTINGS, "hosts": {"db1.example.com": {}, "db2.example.com": {}}}}
LOCALHOST_TOO = {"all": {"vars": SETTINGS, "hosts": {"localhost": {}, "db1.example.com": {}}}}

CONFIGURATION = """
[defaults]
any_errors_fatal = true
become = true
gathering = implicit
hash_behaviour = merge
interpreter_python = /nowhere/python
strategy = free
transport = ssh
[privilege_escalation]
become = true
become_method = su
become_user = somebody
"""


@pytest.fixture
def play(simulator, tmp_path):
    """Run one of the playbooks, or a file, and return what was printed, and the data that was published."""

    def play(name, arguments=(), *, inventory=None, status=0, **variables):
        playbook = name if name.endswith(".yml") else f"clickhouse.cloud.{name}"
        command = ["ansible-playbook", playbook, *arguments]
        if inventory:
            (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
            command += ["-i", "hosts.yml"]
        if variables:
            command += ["-e", json.dumps(variables)]
        settings = {"ANSIBLE_SHOW_CUSTOM_STATS": "true", **simulator.environment}
        output = runs.run(tmp_path, command, settings, status)
        stats = re.search(r"^\tRUN: (.*)$", output, re.MULTILINE)
        return output, json.loads(stats[1]) if stats else None

    return play


def names_in(records):
    return {record["email"]: sorted(role["roleName"] for role in record["assignedRoles"]) for record in records}


# --- once, on the controller ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "inventory", "configuration"),
    [
        pytest.param((), HOSTS, CONFIGURATION, id="ansible.cfg", marks=extra),
        pytest.param(("--limit", "db*", "--forks", "1"), HOSTS, CONFIGURATION, id="limit"),
        pytest.param(("--limit", "all"), LOCALHOST_TOO, "", id="localhost-in-inventory"),
        pytest.param(("--connection", "ssh", "--become", "--user", "x"), None, "", id="arguments", marks=extra),
    ],
)
def test_playbook_runs_once_on_the_controller(play, simulator, tmp_path, arguments, inventory, configuration):
    (tmp_path / "ansible.cfg").write_text(configuration)
    # Variables of somebody's own, which only look like those of the collection.
    own = dict.fromkeys(("people", "result"), "something")
    output, stats = play("invite", arguments, inventory=inventory, **ALICE, **own)
    assert '"msg": "1 invited."' in output
    assert stats["clickhouse_cloud_result"]["msg"] == "1 invited."
    assert stats["clickhouse_cloud_result"]["changes"] == {"alice@example.com": "created"}
    assert [email["email"] for email in simulator.emails] == ["alice@example.com"]
    assert [request["method"] for request in simulator.requests].count("POST") == 1


# --- variables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variable", "cut_off"),
    [
        ("invite", "clickhouse_cloud_emails=alice@example.com, bob@example.com", "bob@example.com"),
        ("roster", "team.yml", "team.yml"),
        pytest.param("export", "clickhouse_cloud_export_path=my team.yml", "team.yml", marks=extra),
    ],
)
def test_text_that_ansible_cut_off_is_rejected(play, simulator, name, variable, cut_off):
    output, _stats = play(name, ["-e", variable], status=2)
    assert f"Ansible did not read '{cut_off}' as an extra variable. Put an @ before the name of a file" in output
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("name", "variables", "words"),
    [
        ("invite", {}, "Set clickhouse_cloud_emails to at least one email address."),
        ("offboard", {"clickhouse_cloud_emails": " \n"}, "Set clickhouse_cloud_emails to at least one email address."),
        pytest.param(
            "revoke",
            {"clickhouse_cloud_emails": None},
            "Set clickhouse_cloud_emails to at least one email address.",
            marks=extra,
        ),
        ("roster", {"clickhouse_cloud_memberships": ""}, "Set clickhouse_cloud_memberships to the access list, such"),
        ("roster", {"clickhouse_cloud_pruge": True}, "unknown variable clickhouse_cloud_pruge; did you mean"),
        pytest.param(
            "invite",
            {**ALICE, "clickhouse_cloud_renew_before": "{{ polciy }}"},
            "'polciy' is undefined",
            marks=extra,
        ),
        ("report", {"clickhouse_cloud_memberships": "{{ taem }}"}, "'taem' is undefined"),
        ("report", {"clickhouse_cloud_report_path": "report.pdf"}, "must end in .html, .csv, .md or .json."),
        ("export", {"clickhouse_cloud_export_path": ""}, "Set clickhouse_cloud_export_path to the file to write"),
    ],
)
def test_variable_that_is_missing_empty_or_undefined_is_named(play, simulator, name, variables, words):
    _output, stats = play(name, status=2, **variables)
    assert simulator.requests == []
    # A workflow would go on with what an earlier job published.
    (published,) = stats.values()
    assert published["failed"]
    assert words in published["msg"]


def test_answers_of_a_survey_are_understood(play, simulator):
    _output, stats = play(
        "invite",
        clickhouse_cloud_emails='Ann <Ann@Example.com>, "Byron, Bob" <bob@example.com>\r\n\r\ncarl@example.com;\n',
        clickhouse_cloud_roles="Org API reader\r\nBilling\n",
        clickhouse_cloud_role="",
        clickhouse_cloud_renew_before=None,
        clickhouse_cloud_resend="no",
        clickhouse_cloud_api_retry_timeout="",
    )
    people = ["ann@example.com", "bob@example.com", "carl@example.com"]
    assert stats["clickhouse_cloud_result"]["changes"] == dict.fromkeys(people, "created")
    assert names_in(simulator.invitations) == {person: ["Billing", "Org API reader"] for person in people}


def test_vaulted_and_unsafe_variables_are_understood(play, simulator, tmp_path):
    vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(b"password"))])

    def vaulted(text, indent):
        return "!vault |\n" + "".join(f"{' ' * indent}{line}\n" for line in vault.encrypt(text).decode().splitlines())

    (tmp_path / "password").write_text("password")
    (tmp_path / "team.yml").write_text(
        "clickhouse_cloud_memberships:\n"
        f"  - email: {vaulted('alice@example.com', 6)}"
        "  - email: !unsafe 'bob@example.com'\n"
        "    role: !unsafe ''\n"
        f"clickhouse_cloud_roles: {vaulted('Developer', 2)}"
        "clickhouse_cloud_role: !unsafe ''\n"
        "clickhouse_cloud_purge: !unsafe ''\n"
        "clickhouse_cloud_renew_before: !unsafe '2d'\n"
    )
    play("roster", ["-e", "@team.yml", "--vault-password-file", "password"])
    assert names_in(simulator.invitations) == {"alice@example.com": ["Developer"], "bob@example.com": ["Developer"]}


# --- what they do -----------------------------------------------------------------------------------------------------


@pytest.fixture
def organization(simulator):
    simulator.reset(founder="dave@example.com")
    simulator.invite("alice@example.com", role_names=["Developer", "Billing"])
    simulator.invite("bob@example.com", role_names=["Developer"], expired=True)
    simulator.invite("carol@example.com", role_names=["Developer"], expires_in=3600 * 40)
    simulator.add_member("eve@example.com", role_names=["Developer"])
    return simulator


def test_revoke_tells_members_from_mistyped_addresses(play, organization):
    output, stats = play("revoke", clickhouse_cloud_emails=["alice@example.com", "eve@example.com", "evve@example.com"])
    assert "eve@example.com has joined and keeps access;" in output
    assert "evve@example.com is neither invited nor a member; did you mean eve@example.com?" in output
    assert '"msg": "1 invitation revoked; 2 without an invitation."' in output
    assert stats["clickhouse_cloud_result"]["members"] == ["eve@example.com"]
    assert stats["clickhouse_cloud_result"]["not_found"] == ["evve@example.com"]
    assert "eve@example.com" in names_in(organization.members)


def test_offboard_takes_access_and_can_fail_for_mistyped_addresses(play, organization):
    variables = {
        "clickhouse_cloud_emails": "eve@example.com alice@example.com, daev@example.com",
        "clickhouse_cloud_fail_if_not_found": "yes",
    }
    output, stats = play("offboard", status=2, **variables)
    assert "daev@example.com is neither invited nor a member; did you mean dave@example.com?" in output
    assert '"msg": "1 invitation revoked; 1 member removed; 1 not found."' in output
    result = stats["clickhouse_cloud_result"]
    assert result["changes"] == {
        "alice@example.com": "deleted",
        "daev@example.com": "absent",
        "eve@example.com": "removed",
    }
    assert (result["failed"], result["not_found"]) == (True, ["daev@example.com"])
    assert "daev@example.com" in result["msg"]
    assert list(names_in(organization.members)) == ["dave@example.com"]
    assert "alice@example.com" not in names_in(organization.invitations)


def test_roster_applies_the_access_list(play, organization):
    variables = {
        "clickhouse_cloud_memberships": [
            {"email": "alice@example.com"},
            {"email": "dave@example.com", "roles": ["Admin"]},
            {"email": "zoe@example.com", "comment": "data platform"},
        ],
        "clickhouse_cloud_roles": "Developer",
        "clickhouse_cloud_purge": "yes",
        "clickhouse_cloud_purge_exclude": "eve@example.com",
    }
    output, _stats = play("roster", status=2, **variables, clickhouse_cloud_purge_limit=0)
    assert "clickhouse_cloud_purge_limit (0) allows 0: carol@example.com." in output
    output, stats = play("roster", ["--check", "--diff"], **variables)
    for line in (
        "-alice@example.com: Billing, Developer",
        "+alice@example.com: Developer",
        "-carol@example.com: Developer",
        "+zoe@example.com: Developer",
    ):
        assert f"\n{line}\n" in output
    assert '"msg": "Check mode, nothing was done: 1 invited;' in output
    assert {request["method"] for request in organization.requests} == {"GET"}
    changes = stats["clickhouse_cloud_result"]["changes"]
    _output, stats = play("roster", **variables)
    assert stats["clickhouse_cloud_result"]["changes"] == changes
    assert names_in(organization.invitations) == {
        "alice@example.com": ["Developer"],
        "zoe@example.com": ["Developer"],
    }
    assert list(names_in(organization.members)) == ["dave@example.com", "eve@example.com"]


def test_exported_access_list_changes_nothing_with_purge_either(play, organization, tmp_path):
    organization.add_role("Admin.")
    organization.add_role("{{ lookup('pipe', 'id') }}")
    organization.add_member("fay@example.com", role_names=["Admin.", "{{ lookup('pipe', 'id') }}"])
    (tmp_path / "team.yml").write_text("# reviewed\n")
    output, stats = play("export", clickhouse_cloud_export_path="team.yml")
    (backup,) = tmp_path.glob("team.yml.*~")
    assert backup.read_text() == "# reviewed\n"
    left_out = "left out: bob@example.com (expired invitation)."
    sentence = f"5 people in {tmp_path}/team.yml; the former file is now {backup}; {left_out}"
    assert sentence in output
    assert stats["clickhouse_cloud_report"]["msg"] == sentence
    for purge in (False, True):
        output, stats = play("roster", ["-e", "@team.yml"], clickhouse_cloud_purge=purge)
        assert '"msg": "5 unchanged."' in output
        assert not stats["clickhouse_cloud_result"]["changed"]
    assert {request["method"] for request in organization.requests} == {"GET"}


@pytest.mark.parametrize("name", ["export", "report"])
def test_check_mode_writes_no_file(play, simulator, tmp_path, name):  # noqa: ARG001
    _output, stats = play(name, ["--check"], **{f"clickhouse_cloud_{name}_path": str(tmp_path / "file.csv")})
    assert not stats["clickhouse_cloud_report"]["failed"]
    assert list(tmp_path.glob("*.csv*")) == []


@pytest.mark.parametrize("name", ["export", "report"])
def test_link_is_refused_and_not_followed(play, simulator, tmp_path, name):
    (tmp_path / "target").write_text("somebody else's")
    (tmp_path / "file.csv").symlink_to("target")
    output, stats = play(name, status=2, **{f"clickhouse_cloud_{name}_path": "file.csv"})
    words = f"{tmp_path}/file.csv is not a regular file. Name one that is, or that is not there yet."
    assert words in output
    assert stats["clickhouse_cloud_report"]["msg"] == words
    assert (tmp_path / "target").read_text() == "somebody else's"
    assert simulator.requests == []


@pytest.mark.parametrize("name", ["export", "report"])
def test_missing_directory_fails_in_check_mode_too(play, simulator, tmp_path, name):
    _output, stats = play(name, ["--check"], status=2, **{f"clickhouse_cloud_{name}_path": "reports/file.csv"})
    words = f"{tmp_path}/reports is not a directory. Create it, or name a file in another one."
    assert stats["clickhouse_cloud_report"]["msg"] == words
    assert simulator.requests == []


@pytest.fixture
def table():
    """The table of a report as the output shows it."""

    def table(output):
        lines = re.search(r'"msg": \[\n(.*?)\n    \]', output, re.DOTALL)[1].splitlines()
        return [re.split("  +", json.loads(line.strip().rstrip(","))) for line in lines]

    return table


def test_report_shows_who_has_access_and_how_that_differs_from_the_list(play, organization, table, tmp_path):
    organization.add_key("Terraform", role_names=["Admin"])
    variables = {
        "clickhouse_cloud_memberships": [
            {"email": "alice@example.com", "roles": ["Billing", "Developer"]},
            {"email": "bob@example.com"},
            {"email": "dave@example.com", "roles": ["Admin", "Billing"], "comment": "founder"},
            {"email": "zoe@example.com"},
        ],
        "clickhouse_cloud_roles": ["Developer"],
        "clickhouse_cloud_report_path": "report.html",
    }
    output, stats = play("report", ["--limit", "db1.example.com"], inventory=HOSTS, **variables)
    *rows, (sentence,) = table(output)
    assert rows[:6] == [
        ["dave@example.com", "member, admin", "Admin", "other roles on the list: Admin, Billing"],
        ["eve@example.com", "member", "Developer", "not on the list"],
        ["carol@example.com", "invited", "Developer", "expires in 1 day; not on the list"],
        ["zoe@example.com", "absent", "nothing yet, on the list: Developer"],
        ["alice@example.com", "invited", "Billing, Developer", "expires in 6 days"],
        ["bob@example.com", "expired", "Developer", "expired less than a minute ago"],
    ]
    assert [row[0].split(" (")[0] for row in rows[6:8]] == ["API key Ansible", "API key Terraform"]
    assert sentence.startswith("2 members (1 administrator); 2 invited; 1 invitation about to expire;")
    assert sentence.endswith("4 differ from the list.")
    report = stats["clickhouse_cloud_report"]
    assert report["msg"] == sentence
    assert [person["differs"] for person in report["people"]] == [
        "other_roles",
        "not_listed",
        "not_listed",
        "nothing_yet",
        None,
        None,
    ]
    page = (tmp_path / "report.html").read_text()
    assert re.search("Organization [0-9a-f-]{36}, as of .* compared with the access list of 4 people", page)
    assert "founder" in page
    assert {request["method"] for request in organization.requests} == {"GET"}


def test_report_without_a_list_shows_everybody(play, organization, table, tmp_path):
    organization.order_fault("status", operation="list_keys", status=403, body="envelope", times=None)
    output, _stats = play(
        "report",
        clickhouse_cloud_memberships="",
        clickhouse_cloud_expires_within="1d",
        clickhouse_cloud_report_path="report.csv",
    )
    *_rows, (note,), (sentence,) = table(output)
    assert note.startswith("API keys are not shown. Could not list the API keys")
    assert sentence == "2 members (1 administrator); 2 invited; 1 expired invitation."
    rows = (tmp_path / "report.csv").read_text().splitlines()
    assert rows[0].startswith("\ufeffemail,name,state,roles,since,until,expires_soon,remarks,")
    assert rows[1].startswith('"dave@example.com","Dave","member","Admin",')


@pytest.mark.parametrize(
    ("permissions", "roles", "words"),
    [
        ("view,manage", ["Billing", "Developer"], "no member would have the system role Admin"),
        ("view", ["Admn"], "only roles that somebody has"),
        pytest.param("view,manage", ["Admn"], "Admn", marks=extra),
    ],
    ids=["no-administrator", "unreadable-role", "unknown-role"],
)
def test_report_says_why_the_list_cannot_be_applied(play, organization, table, permissions, roles, words):
    organization.configure(permissions=permissions)
    output, stats = play("report", clickhouse_cloud_memberships=[{"email": "alice@example.com", "roles": roles}])
    (note,) = table(output)[-3]
    assert note.startswith("Not compared with the access list:")
    assert words in stats["clickhouse_cloud_report"]["msg"]
    assert not stats["clickhouse_cloud_report"]["failed"]


def test_role_serves_a_playbook_of_ones_own(play, organization, tmp_path):
    def role(entry_point, **variables):
        return {
            "ansible.builtin.import_role": {"name": "clickhouse.cloud.access", "tasks_from": entry_point},
            "vars": {f"clickhouse_cloud_{name}": value for name, value in variables.items()},
        }

    tasks = [
        role("invite", emails="zoe@example.com", roles=["Developer"], resend=""),
        role("offboard", emails=["eve@example.com"]),
        role("report", report_path="report.json"),
        role("revoke", emails=["zoe@example.com"], fail_if_not_found="maybe"),
    ]
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "own.yml").write_text(yaml.safe_dump(plays))
    output, stats = play("own.yml", status=2)
    assert "clickhouse_cloud_fail_if_not_found: 'maybe' is not true or false." in output
    # Nothing is left of what the role did before.
    result = stats["clickhouse_cloud_result"]
    assert (result["failed"], result["changed"], result["changes"]) == (True, False, {})
    assert list(names_in(organization.members)) == ["dave@example.com"]
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["member"] == 1


# --- several organizations --------------------------------------------------------------------------------------------


def test_organizations_are_served_at_once(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    settings = {"founder": "alice@example.com", "rate_limit": "0"}
    with Simulator(**settings) as production, Simulator(**settings) as staging:
        for host, simulator in (("production", production), ("staging", staging)):
            simulator.invite("zoe@example.com", role_names=["Developer"])
            vault = {
                "api_key": simulator.key,
                "api_secret": simulator.secret,
                "api_url": simulator.url,
                "organization_id": simulator.organization_id,
            }
            (tmp_path / "host_vars" / host / "vault.yml").write_text(yaml.safe_dump(vault))
        playbook = (tmp_path / "access.yml").read_text()
        setting = '      organization_id: "{{ organization_id }}"\n'
        assert setting in playbook
        # What no user needs: the simulators have other addresses than ClickHouse Cloud.
        (tmp_path / "access.yml").write_text(playbook.replace(setting, setting + '      api_url: "{{ api_url }}"\n'))
        runs.run(tmp_path, ["ansible-playbook", "-i", "hosts.yml", "access.yml", "--diff"])
        assert names_in(production.invitations) == {"bob@example.com": ["Member"]}
        assert names_in(staging.invitations) == {"carol@example.com": ["Member"]}


# --- what they publish when they fail ---------------------------------------------------------------------------------


def test_result_is_published_although_a_person_failed(play, simulator):
    simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", times=None, skip=1)
    output, stats = play(
        "invite", status=2, **{**ALICE, "clickhouse_cloud_emails": "alice@example.com bob@example.com"}
    )
    result = stats["clickhouse_cloud_result"]
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["changes"] == {"alice@example.com": "created", "bob@example.com": "failed"}
    assert "bob@example.com" in result["msg"]
    assert '"msg": "1 invited; 1 failed."' in output
    assert output.count(result["msg"][:80]) <= 3


def test_revocation_is_published_although_the_members_cannot_be_listed(play, organization):
    organization.order_fault("status", operation="list_members", status=403, body="envelope", times=None)
    output, stats = play("revoke", clickhouse_cloud_emails="alice@example.com")
    result = stats["clickhouse_cloud_result"]
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["changes"] == {"alice@example.com": "deleted"}
    assert "Who of them has joined, and keeps access, is not known:" in output
    assert '"msg": "1 invitation revoked."' in output


def test_report_that_failed_publishes_that(play, simulator):
    simulator.order_fault("status", operation="list_members", status=403, body="envelope", times=None)
    _output, stats = play("report", status=2)
    report = stats["clickhouse_cloud_report"]
    assert (report["failed"], report["people"], report["summary"]) == (True, [], {})
    assert "403" in report["msg"]
