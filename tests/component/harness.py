# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whole modules in this process, with real HTTP to a simulator, and checks what must hold for every result."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import itertools
import json
import time
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from component.documented import MODULES, check_documented
from component.servers import token
from simulator.faults import WRITES

ANN, BOB, CAT, DAN, EVE = (f"{name}@example.com" for name in ("ann", "bob", "cat", "dan", "eve"))
DAY = 24 * 3600.0

ORGANIZATIONS, ROLES, LIST, MEMBERS = "list_organizations", "list_roles", "list_invitations", "list_members"
KEYS = "list_keys"
GET, CREATE, DELETE = "get_invitation", "create_invitation", "delete_invitation"
UPDATE, REMOVE = "update_member", "remove_member"

ERROR_FIELDS = {"status", "reason", "request_id", "method", "path"}


class Runner:
    """Runs modules against a simulator, with its credentials unless others are given."""

    def __init__(self, simulator, clock=time):
        self.simulator = simulator
        self.clock = clock
        self.common = {
            "api_url": simulator.url,
            "api_key": simulator.key,
            "api_secret": simulator.secret,
            "organization_id": simulator.organization_id,
        }

    def __call__(self, module, *, check=False, **options):
        """The result of a module as Ansible gets it, its warnings as texts. Always with ``--diff``."""
        arguments = {**self.common, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        before = len(self.simulator.requests)
        output, log = run_module(module, {name: value for name, value in arguments.items() if value is not ...})
        key, secret = self.simulator.key, self.simulator.secret
        for credential in (key, secret, token(key, secret)):
            assert credential not in output
            assert credential not in log
        result = json.loads(output)
        result["warnings"] = [warning_text(warning) for warning in result.get("warnings", [])]
        check_failures(result)
        check_documented(module, options, result)
        writes = set(calls(self.simulator, before)).intersection(WRITES)
        assert writes <= set() if check else writes <= ALLOWED_WRITES.get(module, set())
        return result

    def invitation(self, email=ANN, **options):
        """Invite a person, as a developer unless other roles are given."""
        return self("invitation", email=email, **_with_role(options))

    def invitations(self, *people, **options):
        """Invite a roster of emails or entries."""
        return self("invitations", invitations=_entries(people), **_with_role(options))

    def invitation_info(self, **options):
        return self("invitation_info", **options)

    def membership(self, email=ANN, **options):
        """Give a person access, as a developer unless other roles are given."""
        return self("membership", email=email, **_with_role(options))

    def memberships(self, *people, **options):
        """Give a roster of emails or entries access."""
        return self("memberships", memberships=_entries(people), **_with_role(options))

    def membership_info(self, **options):
        return self("membership_info", **options)

    def api_key_info(self, **options):
        return self("api_key_info", **options)

    def role_info(self, **options):
        return self("role_info", **options)


# Check mode and the info modules write nothing. No member is changed or removed by the invitation modules.
ALLOWED_WRITES = {
    "invitation": {CREATE, DELETE},
    "invitations": {CREATE, DELETE},
    "membership": set(WRITES),
    "memberships": set(WRITES),
}


def _with_role(options):
    given = options.keys() & {"role", "roles"} or options.get("state") == "absent"
    return options if given else {**options, "roles": ["Developer"]}


def _entries(people):
    return [person if isinstance(person, dict) else {"email": person} for person in people]


def run_module(module, arguments):
    """What a module prints, and what it logs."""
    output = io.StringIO()
    logged = []
    payload = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    # Left by an earlier run in this process.
    warnings._global_warnings.clear()
    with (
        mock.patch.object(basic, "_ANSIBLE_ARGS", payload),
        mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
        # This process goes on, and its garbage is to be collected.
        mock.patch.object(gc, "freeze"),
        mock.patch.object(basic.AnsibleModule, "log", lambda _module, *parts, **_rest: logged.extend(parts)),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        importlib.import_module(f"{MODULES}.{module}").main()
    return output.getvalue(), str(logged)


def warning_text(warning):
    """A warning's text, which ansible-core 2.19 and newer wrap."""
    return warning if isinstance(warning, str) else warning["event"]["msg"]


def check_failures(result):
    """Check the form of failures: a readable message, and the error as data."""
    assert "exception" not in result, result["exception"]
    if not result.get("failed"):
        assert "msg" not in result
        assert "error" not in result
        return
    check_failure(result["msg"], result["error"])
    for change in result.get("changes", ()):
        assert (change["action"] == "failed") == ("error" in change)
        if "error" in change:
            error = dict(change["error"])
            check_failure(error.pop("msg"), error)


def check_failure(msg, error):
    """Check the form of one failure."""
    assert msg.isprintable(), msg
    assert 20 < len(msg) < 2000, msg
    assert msg.endswith("."), msg
    assert not msg.endswith(".."), msg
    assert "Unexpected" not in msg
    assert set(error) == ERROR_FIELDS
    assert isinstance(error["reason"], str)
    assert error["reason"]


def invitations_of(simulator, email=ANN):
    """IDs of the invitations that a person has in truth, oldest first."""
    return [invitation["id"] for invitation in simulator.invitations if invitation["email"].lower() == email]


def members_now(simulator):
    """The names of the roles of each member in truth, by email."""
    return {member["email"].lower(): role_names(member) for member in simulator.members}


def others_now(simulator):
    """The members in truth, without the founder."""
    return {email: names for email, names in members_now(simulator).items() if email != EVE}


def role_names(record):
    """The names of the roles of a record of the API, sorted."""
    return sorted(role["roleName"] for role in record["assignedRoles"])


def returned_role_names(record):
    """The names of the roles of an invitation or a member as a module returns it, sorted."""
    return sorted(role["role_name"] for role in record["assigned_roles"])


def emails_to(simulator, email=ANN):
    """How many emails a person got."""
    return sum(each["email"].lower() == email for each in simulator.emails)


def calls(simulator, start=0):
    """The operations called, in order."""
    return [request["operation"] for request in itertools.islice(simulator.requests, start, None)]


def rejected_by_the_api(simulator, since=0):
    """Whether the API rejected a grant of access, for a reason that it alone knows."""
    return any(call["operation"] in (CREATE, UPDATE) and call["status"] != 200 for call in simulator.requests[since:])


def settle(simulator, reads=6, clock=None):
    """Read until every late write has happened and shows; with a clock, after a minute."""
    if clock:
        clock.sleep(60)
    for _read in range(reads):
        simulator.cloud.list_invitations()
        simulator.cloud.list_members()


def assert_no_email_twice(simulator):
    """Nobody got two emails for the same roles."""
    sent = [(email["email"].lower(), *sorted(email["role_ids"])) for email in simulator.emails]
    assert len(set(sent)) == len(sent), sent
