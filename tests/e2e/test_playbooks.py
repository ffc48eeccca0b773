# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's playbooks do their work once, from the controller, whatever job they run in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from e2e import runs

extra = pytest.mark.extra

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
NAMES = ("invite", "report", "revoke", "roster")
ALICE = {"clickhouse_cloud_emails": "alice@example.com", "clickhouse_cloud_roles": "Developer"}

# Hosts that cannot be reached, with settings that would break everything on the controller.
HOSTS = """
all:
  vars:
    ansible_become: true
    ansible_become_exe: /nowhere/sudo
    ansible_become_method: nothing.like.it
    ansible_become_user: somebody
    ansible_connection: ssh
    ansible_host: 192.0.2.1
    ansible_port: 1
    ansible_python_interpreter: /nowhere/python
    ansible_remote_tmp: /dev/null/tmp
    ansible_shell_executable: /nowhere/sh
    ansible_shell_type: powershell
    ansible_user: somebody
  hosts:
    db1.example.com:
    db2.example.com:
"""
LOCALHOST_ELSEWHERE = HOSTS + "    localhost:\n      ansible_connection: nothing.like.it\n"
LOOPBACK_ELSEWHERE = HOSTS + "    127.0.0.1:\n"
GROUP_LOCALHOST = HOSTS + "  children:\n    localhost:\n      hosts:\n        db1.example.com:\n"
EMPTY = "all: {}\n"

CONFIGURATION = """
[defaults]
any_errors_fatal = true
become = true
forks = 1
gathering = implicit
hash_behaviour = merge
interpreter_python = /nowhere/python
remote_tmp = /dev/null/tmp
remote_user = somebody
strategy = free
transport = ssh
[privilege_escalation]
become = true
become_exe = /nowhere/sudo
become_method = su
become_user = somebody
"""


@pytest.fixture
def job(simulator, tmp_path):
    """Run one of the playbooks, or a file, and return what was printed, and the data that was handed on."""

    def job(name, arguments=(), *, inventory=None, status=0, environment=None, **variables):
        playbook = name if name.endswith(".yml") else f"clickhouse.cloud.{name}"
        command = ["ansible-playbook", playbook, *arguments]
        if inventory:
            (tmp_path / "hosts.yml").write_text(inventory)
            command += ["-i", "hosts.yml"]
        command += ["-e", json.dumps(variables)]
        settings = {"ANSIBLE_SHOW_CUSTOM_STATS": "true", **simulator.environment, **(environment or {})}
        output = runs.run(tmp_path, command, settings, status)
        stats = re.search(r"^\tRUN: (.*)$", output, re.MULTILINE)
        return output, json.loads(stats[1]) if stats else None

    return job


# --- once, from the controller ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "inventory"),
    [
        pytest.param((), HOSTS, id="hosts"),
        pytest.param(("--limit", "db2.example.com"), HOSTS, id="limit", marks=extra),
        pytest.param(("--limit", "db2.example.com,db1.example.com"), HOSTS, id="limits", marks=extra),
        pytest.param(("--limit", "!db1.example.com"), HOSTS, id="limit-without-a-host", marks=extra),
        pytest.param(("--limit", "all:!localhost"), HOSTS, id="limit-without-localhost"),
        pytest.param(("--limit", "db1.example.com,localhost"), LOCALHOST_ELSEWHERE, id="localhost-elsewhere"),
        pytest.param(("--limit", "localhost"), LOCALHOST_ELSEWHERE, id="limit-to-localhost-elsewhere", marks=extra),
        pytest.param((), LOOPBACK_ELSEWHERE, id="loopback-elsewhere", marks=extra),
        pytest.param(("--limit", "localhost"), GROUP_LOCALHOST, id="limit-to-a-group-localhost", marks=extra),
        pytest.param((), EMPTY, id="empty-inventory"),
        pytest.param(
            ("--connection", "ssh", "--become", "--become-user", "somebody", "--user", "somebody"),
            None,
            id="connection",
        ),
        pytest.param(
            ("--forks", "1", "--skip-tags", "deploy", "--force-handlers", "--flush-cache"),
            HOSTS,
            id="forks",
            marks=extra,
        ),
        pytest.param(("--tags", "all"), HOSTS, id="tags", marks=extra),
    ],
)
def test_it_runs_once_and_here(job, invited_once, arguments, inventory):
    _output, stats = job("invite", arguments, inventory=inventory, **ALICE)
    invited_once(stats)


@pytest.fixture
def invited_once(simulator):
    def invited_once(stats):
        assert stats["clickhouse_cloud_result"]["changes"] == {"alice@example.com": "created"}
        assert [email["email"] for email in simulator.emails] == ["alice@example.com"]
        assert [request["operation"] for request in simulator.requests] == [
            "list_roles",
            "list_invitations",
            "list_members",
            "create_invitation",
        ]

    return invited_once


@pytest.mark.parametrize("arguments", [(), ("--limit", "db2.example.com")], ids=["all-hosts", "limit"])
def test_no_setting_in_files_sends_it_elsewhere(job, invited_once, tmp_path, arguments):
    (tmp_path / "ansible.cfg").write_text(CONFIGURATION)
    settings = yaml.safe_load(HOSTS)["all"]["vars"]
    for name in ("group_vars/all.yml", "host_vars/localhost.yml", "host_vars/db2.example.com.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(settings))
    _output, stats = job("invite", arguments, inventory=HOSTS, **ALICE)
    invited_once(stats)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("invite", {"ansible_connection": "ssh"}),
        ("revoke", {"ansible_become": "yes"}),
        ("roster", {"ansible_python_interpreter": "/nowhere/python3 -I"}),
        ("report", {"ansible_shell_type": "powershell"}),
    ],
)
def test_extra_variables_that_would_send_it_elsewhere_are_refused_in_a_sentence(job, simulator, name, setting):
    roster = [{"email": "alice@example.com", "roles": ["Developer"]}]
    arguments = ("--limit", "db2.example.com")
    output, stats = job(
        name, arguments, inventory=HOSTS, status=2, clickhouse_cloud_invitations=roster, **ALICE, **setting
    )
    assert "This playbook runs on the controller itself, and extra variables and set facts win over its own" in output
    assert simulator.requests == []
    (result,) = stats.values()
    assert result["failed"]
    assert result["msg"].startswith("This playbook runs on the controller itself")


@pytest.mark.parametrize("name", NAMES)
def test_become_without_a_value_is_refused_by_ansible_itself(job, simulator, name):
    output, stats = job(name, status=2, **ALICE, ansible_become="")
    assert "become" in output
    assert (stats, simulator.requests) == (None, [])


def test_other_extra_variables_do_no_harm(job, invited_once):
    settings = {
        "ansible_become": False,
        "ansible_become_user": "somebody",
        "ansible_connection": "local",
        "ansible_host": "192.0.2.1",
        "ansible_user": "somebody",
        "done": "something",
        "kept": "something",
        "organization": "something",
    }
    _output, stats = job("invite", ("--limit", "db1.example.com"), inventory=HOSTS, **ALICE, **settings)
    invited_once(stats)
    roster = [{"email": "alice@example.com"}]
    _output, stats = job("report", inventory=HOSTS, clickhouse_cloud_invitations=roster, **settings)
    assert stats["clickhouse_cloud_report"]["summary"] == {"waiting": 1}


def test_files_of_the_project_are_not_taken_for_those_of_the_collection(job, invited_once, tmp_path):
    for file in PLAYBOOKS.rglob("*/*"):
        for path in (tmp_path / file.relative_to(PLAYBOOKS), tmp_path / file.name):
            path.parent.mkdir(exist_ok=True)
            path.write_text("Something else, which is none of these: [")
    _output, stats = job("invite", inventory=HOSTS, **ALICE)
    invited_once(stats)
    output, stats = job("report")
    assert stats["clickhouse_cloud_report"]["summary"] == {"waiting": 1}
    assert table(output)[1] == "waiting: 1"


@pytest.mark.parametrize("limit", ["db3.example.com", "localhost"])
def test_a_limit_that_leaves_nobody_is_no_success(job, simulator, limit):
    job("invite", ["--limit", limit], inventory=HOSTS, status=1, **ALICE)
    assert simulator.requests == []


def test_tags_that_leave_nothing_to_do_hand_nothing_on(job, simulator):
    _output, stats = job("invite", ["--tags", "deploy"], inventory=HOSTS, **ALICE)
    assert (stats, simulator.requests) == (None, [])


def test_all_playbooks_run_under_the_same_settings():
    plays = [yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text()) for name in NAMES]
    settings = [{key: play[key] for key in play if key not in ("name", "tasks")} for (play,) in plays]
    assert all(each == settings[0] for each in settings)
    (blocks,) = zip(*(play["tasks"] for (play,) in plays), strict=True)
    assert all(block["run_once"] and block["delegate_to"] == "localhost" for block in blocks)


@pytest.mark.parametrize(
    ("name", "variables", "changes", "line"),
    [
        ("invite", ALICE, {"alice@example.com": "created"}, '+    "email": "alice@example.com"'),
        (
            "revoke",
            {"clickhouse_cloud_emails": "zoe@example.com"},
            {"zoe@example.com": "deleted"},
            '-    "email": "zoe@example.com"',
        ),
        (
            "roster",
            {
                "clickhouse_cloud_invitations": [{"email": "alice@example.com", "role": "developer"}],
                "clickhouse_cloud_purge": "yes",
            },
            {"alice@example.com": "created", "zoe@example.com": "deleted"},
            '-    "email": "zoe@example.com"',
        ),
    ],
    ids=["invite", "revoke", "roster"],
)
def test_check_mode_and_diff(job, simulator, name, variables, changes, line):
    simulator.invite("zoe@example.com", role_names=["Admin"])
    output, stats = job(name, ["--check", "--diff", "--limit", "db1.example.com"], inventory=HOSTS, **variables)
    result = stats["clickhouse_cloud_result"]
    assert (result["check_mode"], result["changes"]) == (True, changes)
    assert line in output
    assert {request["method"] for request in simulator.requests} == {"GET"}


# --- variables --------------------------------------------------------------------------------------------------------


INVITE_WHOM = "Set clickhouse_cloud_emails to the people to invite, as a list or as text with one address a line."
INVITE_AS = "Set either clickhouse_cloud_roles, to names of roles, or clickhouse_cloud_role, to admin or developer."
REVOKE_WHOM = "Set clickhouse_cloud_emails to the people concerned, as a list or as text with one address a line."
ROSTER_OF = (
    "Set clickhouse_cloud_invitations to the roster, a list such as [{email: alice@example.com, roles: [Admin]}]."
)
REPORT_OF = (
    "Set clickhouse_cloud_invitations to a list such as [{email: alice@example.com}], with an address in each entry, or"
    " not at all."
)
REPORT_WHEN = "Set clickhouse_cloud_soon to a duration such as 36h, 2d, 90m or 1d12h, or to a number of hours."


@pytest.mark.parametrize(
    ("name", "variables", "sentence"),
    [
        ("invite", {"clickhouse_cloud_roles": "Developer"}, INVITE_WHOM),
        pytest.param("invite", {**ALICE, "clickhouse_cloud_emails": " \r\n,\n"}, INVITE_WHOM, marks=extra),
        ("invite", {"clickhouse_cloud_emails": ["alice@example.com"], "clickhouse_cloud_role": " \n"}, INVITE_AS),
        pytest.param("invite", {**ALICE, "clickhouse_cloud_roles": " \n"}, INVITE_AS, marks=extra),
        ("invite", {**ALICE, "clickhouse_cloud_roles": [None, " "]}, INVITE_AS),
        ("invite", {**ALICE, "clickhouse_cloud_role": "admin"}, INVITE_AS),
        ("revoke", {}, REVOKE_WHOM),
        pytest.param("roster", {"clickhouse_cloud_roles": "Developer"}, ROSTER_OF, marks=extra),
        ("roster", {"clickhouse_cloud_invitations": []}, ROSTER_OF),
        pytest.param("report", {"clickhouse_cloud_soon": "2 days"}, REPORT_WHEN, marks=extra),
        pytest.param("report", {"clickhouse_cloud_soon": "never"}, REPORT_WHEN, marks=extra),
        ("report", {"clickhouse_cloud_soon": -1}, REPORT_WHEN),
    ],
)
def test_missing_variables_are_asked_for_in_a_sentence(job, simulator, name, variables, sentence):
    refused(job, simulator, name, variables, sentence)


def refused(job, simulator, name, variables, sentence):
    """Have a playbook refuse its variables, before anything is sent, and hand that on."""
    output, stats = job(name, status=2, **variables)
    assert sentence in output
    assert simulator.requests == []
    # A workflow would go on with the result of an earlier job.
    if name == "report":
        assert stats == {"clickhouse_cloud_report": {"failed": True, "msg": sentence, "people": [], "summary": {}}}
    else:
        result = stats["clickhouse_cloud_result"]
        assert (result["changed"], result["failed"], result["changes"]) == (False, True, {})
        assert result["msg"] == sentence


def test_roles_that_are_neither_text_nor_a_list_are_taken_for_a_name(job):
    _output, stats = job("invite", status=2, **{**ALICE, "clickhouse_cloud_roles": 7})
    assert "the organization has no role '7'" in stats["clickhouse_cloud_result"]["msg"]


@pytest.mark.parametrize("name", ["roster", "report"])
@pytest.mark.parametrize(
    "roster",
    [
        "[{'email': 'alice@example.com'}]",
        pytest.param({"email": "alice@example.com"}, marks=extra),
        pytest.param(7, marks=extra),
        ["alice@example.com"],
    ],
    ids=repr,
)
def test_what_is_no_roster_is_refused(job, simulator, name, roster):
    variables = {"clickhouse_cloud_invitations": roster, "clickhouse_cloud_role": "developer"}
    refused(job, simulator, name, variables, {"roster": ROSTER_OF, "report": REPORT_OF}[name])


@pytest.mark.parametrize("name", ["roster", "report"])
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"roles": ["Developer"]}, "missing required arguments: email found in invitations"),
        ({"email": ""}, "invitations[1].email: '' is not one email address such as alice@example.com."),
        pytest.param(
            {"email": 7}, "invitations[1].email: '7' is not one email address such as alice@example.com.", marks=extra
        ),
        pytest.param(
            {"email": "alice"},
            "invitations[1].email: 'alice' is not one email address such as alice@example.com.",
            marks=extra,
        ),
    ],
    ids=repr,
)
def test_an_entry_without_an_address_is_named(job, simulator, name, entry, words):
    roster = [{"email": "alice@example.com"}, entry]
    variables = {"clickhouse_cloud_invitations": roster, "clickhouse_cloud_role": "developer"}
    refused(job, simulator, name, variables, {"roster": words, "report": REPORT_OF}[name])


def test_an_entry_whose_address_is_null_is_refused(job, simulator):
    variables = {
        "clickhouse_cloud_invitations": [{"email": "alice@example.com"}, {"email": None}],
        "clickhouse_cloud_role": "developer",
    }
    refused(job, simulator, "report", variables, REPORT_OF)
    _output, stats = job("roster", status=2, **variables)
    result = stats["clickhouse_cloud_result"]
    assert (result["changed"], result["failed"], result["changes"]) == (False, True, {})
    # ansible-core < 2.17 says so in its own words.
    assert re.match(
        "invitations.1..email: '' is not|argument 'email' is of type .* found in 'invitations'", result["msg"]
    )
    assert simulator.requests == []


def test_text_of_a_survey_is_taken_apart(job, simulator):
    _output, stats = job(
        "invite",
        clickhouse_cloud_emails="Ann@Example.com, bob@example.com\r\n\r\ncarl@example.com  dora@example.com;\n",
        clickhouse_cloud_role="",
        clickhouse_cloud_roles="Org API reader\r\n Billing , ",
        clickhouse_cloud_renew_before="",
    )
    people = ["ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com"]
    assert stats["clickhouse_cloud_result"]["changes"] == dict.fromkeys(people, "created")
    for invitation in simulator.invitations:
        assert {role["roleName"] for role in invitation["assignedRoles"]} == {"Billing", "Org API reader"}
    _output, stats = job("revoke", clickhouse_cloud_emails="bob@example.com\nann@example.com")
    assert stats["clickhouse_cloud_result"]["summary"]["deleted"] == 2
    assert [invitation["email"] for invitation in simulator.invitations] == people[2:]


def test_blanks_and_line_ends_around_the_text_of_a_survey_do_not_count(job, simulator):
    simulator.invite("zoe@example.com", role="developer")
    variables = {"clickhouse_cloud_role": "developer \n", "clickhouse_cloud_renew_before": " \n"}
    job("invite", **variables, clickhouse_cloud_emails="alice@example.com", clickhouse_cloud_roles=" ")
    roster = [{"email": "alice@example.com"}, {"email": "bob@example.com"}]
    for purge, changes in ((" ", {"bob@example.com": "created"}), (" true\n", {"zoe@example.com": "deleted"})):
        _output, stats = job("roster", **variables, clickhouse_cloud_invitations=roster, clickhouse_cloud_purge=purge)
        assert stats["clickhouse_cloud_result"]["changes"] == changes
    variables = {"clickhouse_cloud_invitations": " \n", "clickhouse_cloud_soon": " "}
    _output, stats = job("report", **variables)
    assert stats["clickhouse_cloud_report"]["summary"] == {"waiting": 2}
    assert {invitation["role"] for invitation in simulator.invitations} == {"developer"}


@pytest.mark.parametrize("name", NAMES)
def test_what_ansible_drops_after_a_blank_is_asked_for_in_a_sentence(job, simulator, name):
    cut_off = "clickhouse_cloud_emails=alice@example.com, bob@example.com"
    output, stats = job(name, ["-e", cut_off], status=2, clickhouse_cloud_roles="Developer")
    sentence = "Ansible left 'bob@example.com' out of what -e was given."
    assert sentence in output
    (result,) = stats.values()
    assert result["failed"]
    assert result["msg"].startswith(sentence)
    assert simulator.requests == []


def test_text_with_blanks_in_quotation_marks_of_its_own_is_whole(job):
    quoted = "clickhouse_cloud_emails='alice@example.com, bob@example.com'"
    _output, stats = job("invite", ["-e", quoted], clickhouse_cloud_roles="Org API reader")
    assert stats["clickhouse_cloud_result"]["summary"]["created"] == 2


def test_lists_and_the_older_role(job, simulator):
    simulator.add_member("bob@example.com", role="admin")
    output, stats = job(
        "invite",
        clickhouse_cloud_emails=["alice@example.com", " bob@example.com "],
        clickhouse_cloud_role="admin",
    )
    assert stats["clickhouse_cloud_result"] == {
        "check_mode": False,
        "changed": True,
        "changes": {"alice@example.com": "created"},
        "failed": False,
        "members": ["bob@example.com"],
        "msg": "",
        "summary": dict.fromkeys(stats["clickhouse_cloud_result"]["summary"], 0) | {"created": 1, "member": 1},
    }
    assert [invitation["role"] for invitation in simulator.invitations] == ["admin"]
    assert json.loads(re.search(r'"msg": (\{.*?\n    \})', output, re.DOTALL)[1]) == {
        "changes": {"alice@example.com": "created"},
        "members": ["bob@example.com"],
        "summary": {"created": 1, "member": 1},
    }


# --- the roster, and what is handed on --------------------------------------------------------------------------------


def test_the_roster(job, simulator):
    simulator.invite("erin@example.com", role_names=["Admin"])
    simulator.invite("zoe@example.com", role_names=["Admin"])
    roster = [
        {"email": "alice@example.com"},
        {"email": "erin@example.com", "roles": ["Admin"]},
    ]
    variables = {"clickhouse_cloud_invitations": roster, "clickhouse_cloud_roles": "Member"}
    _output, stats = job("roster", clickhouse_cloud_purge="", **variables)
    assert stats["clickhouse_cloud_result"]["changes"] == {"alice@example.com": "created"}
    _output, stats = job("roster", clickhouse_cloud_purge="true", **variables)
    assert stats["clickhouse_cloud_result"]["changes"] == {"zoe@example.com": "deleted"}
    assert [invitation["email"] for invitation in simulator.invitations] == ["erin@example.com", "alice@example.com"]


def test_an_entry_of_the_roster_with_empty_roles_gets_those_of_all(job, simulator):
    roster = [
        {"email": "alice@example.com", "role": "", "roles": ""},
        {"email": "bob@example.com", "role": "", "roles": ["Admin"]},
    ]
    job("roster", clickhouse_cloud_invitations=roster, clickhouse_cloud_roles="Member")
    roles = [[role["roleName"] for role in invitation["assignedRoles"]] for invitation in simulator.invitations]
    assert roles == [["Member"], ["Admin"]]
    roster = [{"email": "carol@example.com", "roles": []}]
    _output, stats = job("roster", status=2, clickhouse_cloud_invitations=roster, clickhouse_cloud_roles="Member")
    assert "the list is empty" in stats["clickhouse_cloud_result"]["msg"]


@pytest.mark.parametrize("fatal", [pytest.param("false", marks=extra), "true"])
@pytest.mark.parametrize("second", ["revoke", "roster"])
def test_of_two_playbooks_in_one_job_the_result_of_the_last_is_handed_on(job, simulator, tmp_path, second, fatal):
    simulator.invite("zoe@example.com", role="developer")
    imports = [{"ansible.builtin.import_playbook": f"clickhouse.cloud.{name}"} for name in ("report", "invite", second)]
    (tmp_path / "all.yml").write_text(yaml.safe_dump(imports))
    # In check mode, so that nobody is there whose invitation could be revoked.
    _output, stats = job(
        "all.yml",
        ["--check"],
        inventory=HOSTS,
        status=0 if second == "revoke" else 2,
        environment={"ANSIBLE_ANY_ERRORS_FATAL": fatal},
        **ALICE,
    )
    result = stats["clickhouse_cloud_result"]
    assert (result["changed"], result["changes"]) == (False, {})
    assert (result["failed"], result["msg"]) == ((False, "") if second == "revoke" else (True, ROSTER_OF))
    assert stats["clickhouse_cloud_report"]["summary"] == {"waiting": 1}


@pytest.mark.parametrize("arguments", [(), ("--limit", "db1.example.com,db2.example.com")], ids=["all-hosts", "limit"])
@pytest.mark.parametrize("fatal", [pytest.param("false", marks=extra), "true"])
def test_what_was_done_is_handed_on_although_the_job_failed(job, simulator, arguments, fatal):
    simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", times=None, skip=1)
    _output, stats = job(
        "roster",
        arguments,
        inventory=HOSTS,
        status=2,
        environment={"ANSIBLE_ANY_ERRORS_FATAL": fatal},
        clickhouse_cloud_invitations=[{"email": "alice@example.com"}, {"email": "bob@example.com"}],
        clickhouse_cloud_role="developer",
    )
    result = stats["clickhouse_cloud_result"]
    assert result["failed"]
    assert result["changed"]
    assert result["changes"] == {"alice@example.com": "created", "bob@example.com": "failed"}
    assert "bob@example.com" in result["msg"]


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(simulator):
    simulator.invite("alice@example.com", role_names=["Developer", "Billing"])
    simulator.invite("bob@example.com", role_names=["Developer"], expired=True)
    simulator.invite("carol@example.com", role_names=["Developer"], expires_in=3600 * 40)
    simulator.add_member("dave@example.com", role_names=["Admin"])


def table(output):
    """The lines of the report as the job's output shows them, in columns, the times left out."""
    lines = re.search(r'"msg": \[\n(.*?)\n    \]', output, re.DOTALL)[1].splitlines()
    rows = [re.split(r"  +", line.strip().strip('",')) for line in lines]
    return [row[:3] + row[5:] for row in rows[1:-1]], rows[-1][0]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("timestamps", ["offset", "garbage"])
def test_the_report_shows_who_is_invited(job, simulator, timestamps):
    simulator.configure(timestamps=timestamps)
    output, stats = job("report", ["--check", "--limit", "db1.example.com"], inventory=HOSTS)
    readable = timestamps != "garbage"
    expected = [
        ["alice@example.com", "waiting", "Billing, Developer"],
        ["bob@example.com", "expired" if readable else "waiting", "Developer"],
        ["carol@example.com", "waiting", "Developer", *(["expires soon"] if readable else [])],
    ]
    rows, summary = table(output)
    assert rows == expected
    assert summary == ("expired: 1, waiting: 2" if readable else "waiting: 3")
    report = stats["clickhouse_cloud_report"]["people"]
    assert [[person["email"], person["status"], ", ".join(person["roles"])] for person in report] == [
        row[:3] for row in expected
    ]
    assert [person["expires_soon"] for person in report] == [False, False, readable]
    first = simulator.invitations[0]
    assert (report[0]["until"], report[0]["since"]) == (first["expireAt"], first["createdAt"])


@pytest.mark.usefixtures("people")
def test_the_report_compares_with_a_roster(job):
    roster = [{"email": f"{name}@example.com"} for name in ("Bob", "carol", "dave", "erin")]
    output, stats = job("report", clickhouse_cloud_invitations=roster, clickhouse_cloud_soon=24)
    rows, summary = table(output)
    assert rows == [
        ["alice@example.com", "waiting", "Billing, Developer", "not on the roster"],
        ["bob@example.com", "expired", "Developer"],
        ["carol@example.com", "waiting", "Developer"],
        ["dave@example.com", "joined", "Admin"],
        ["erin@example.com", "never invited", "-"],
    ]
    assert summary == "expired: 1, joined: 1, never invited: 1, waiting: 2"
    report = stats["clickhouse_cloud_report"]
    assert [person["listed"] for person in report["people"]] == [False, True, True, True, True]
    assert report["summary"] == {"expired": 1, "joined": 1, "never invited": 1, "waiting": 2}


def test_the_report_of_nobody(job):
    output, stats = job("report", clickhouse_cloud_invitations="")
    assert "nobody is invited" in output
    assert stats == {"clickhouse_cloud_report": {"failed": False, "msg": "", "people": [], "summary": {}}}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("soon", "theirs"),
    [
        (39, []),
        ("40.5", ["carol"]),
        pytest.param("39h", [], marks=extra),
        ("1d16h1m", ["carol"]),
        pytest.param("2d", ["carol"], marks=extra),
        pytest.param("11000m", ["alice", "carol"], marks=extra),
        pytest.param(0, [], marks=extra),
        (None, ["carol"]),
    ],
)
def test_the_report_takes_soon_as_the_collection_takes_durations(job, soon, theirs):
    _output, stats = job("report", clickhouse_cloud_soon=soon)
    soonest = [person["email"] for person in stats["clickhouse_cloud_report"]["people"] if person["expires_soon"]]
    assert soonest == [f"{name}@example.com" for name in theirs]


@pytest.mark.parametrize("arguments", [(), ("--limit", "db1.example.com,db2.example.com")], ids=["all-hosts", "limit"])
@pytest.mark.parametrize("fatal", [pytest.param("false", marks=extra), "true"])
def test_a_report_that_failed_hands_that_on(job, simulator, tmp_path, arguments, fatal):
    imports = [{"ansible.builtin.import_playbook": f"clickhouse.cloud.{name}"} for name in ("report", "report")]
    (tmp_path / "twice.yml").write_text(yaml.safe_dump(imports))
    simulator.invite("alice@example.com", role="developer")
    simulator.order_fault("status", operation="list_invitations", status=403, body="envelope", times=None, skip=1)
    output, stats = job(
        "twice.yml", arguments, inventory=HOSTS, status=2, environment={"ANSIBLE_ANY_ERRORS_FATAL": fatal}
    )
    report = stats["clickhouse_cloud_report"]
    assert table(output)[1] == "waiting: 1"
    assert (report["failed"], report["people"], report["summary"]) == (True, [], {})
    assert "403" in report["msg"]
    assert output.count(json.dumps(report["msg"])) == 3
