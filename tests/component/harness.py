# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whole modules with real HTTP to a simulator, and checks what must hold for every result."""

from __future__ import annotations

import itertools
import time

from cast import ALICE
from component.documented import check_documented
from credentials import token
from runner import result_of, run_module
from simulator.faults import WRITES

DAY = 24 * 3600.0

ORGANIZATIONS, ROLES, KEYS, LIST, MEMBERS = (
    "list_organizations",
    "list_roles",
    "list_keys",
    "list_invitations",
    "list_members",
)
GET, CREATE, DELETE = "get_invitation", "create_invitation", "delete_invitation"
UPDATE, REMOVE = "update_member", "remove_member"

# Check mode and the info modules write nothing. No member is changed or removed by the invitation modules.
ALLOWED_WRITES = {
    "invitation": {CREATE, DELETE},
    "invitations": {CREATE, DELETE},
    "membership": set(WRITES),
    "memberships": set(WRITES),
}


class Runner:
    """Runs modules against a simulator, with its credentials unless others are given. Always with ``--diff``."""

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
        arguments = {**self.common, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        before = len(self.simulator.requests)
        output, log = run_module(module, {name: value for name, value in arguments.items() if value is not ...})
        key, secret = self.simulator.key, self.simulator.secret
        for credential in (key, secret, token(key, secret)):
            assert credential not in output
            assert credential not in log
        result = {"warnings": [], **result_of(output)}
        assert "exception" not in result, result["exception"]
        check_failures(result)
        check_documented(module, options, result)
        writes = set(calls(self.simulator, before)).intersection(WRITES)
        assert writes <= set() if check else writes <= ALLOWED_WRITES.get(module, set())
        return result


def check_failures(result):
    """Check the form of failures: a readable sentence, and the error as data."""
    assert result.get("failed", False) == ("msg" in result) == ("error" in result)
    failures = [(result["msg"], result["error"])] if "msg" in result else []
    for change in result.get("changes", ()):
        assert (change["action"] == "failed") == ("error" in change)
        if "error" in change:
            error = dict(change["error"])
            failures.append((error.pop("msg"), error))
    for msg, error in failures:
        assert msg.isprintable(), msg
        assert 20 < len(msg) < 2000, msg
        assert msg.endswith(".") > msg.endswith(".."), msg
        assert "Unexpected" not in msg
        assert set(error) == {"status", "reason", "request_id", "method", "path"}
        assert error["reason"]


def invitations_of(simulator, email=ALICE):
    """IDs of the invitations that a person has in truth, oldest first."""
    return [invitation["id"] for invitation in simulator.invitations if invitation["email"].lower() == email]


def members_now(simulator):
    """The names of the roles of each member in truth, by email."""
    return {member["email"].lower(): role_names(member) for member in simulator.members}


def role_names(record):
    """The names of the roles of a record of the API, sorted."""
    return sorted(role["roleName"] for role in record["assignedRoles"])


def emails_to(simulator, email=ALICE):
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
