# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's own command line client finds in the simulator the API that it knows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig

import pytest

COMMAND = shutil.which("clickhousectl", path=sysconfig.get_path("scripts"))


def runs():
    """Whether there is a build of the client for this machine."""
    try:
        return COMMAND and subprocess.run([COMMAND, "--version"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


pytestmark = [pytest.mark.extra, pytest.mark.skipif(not runs(), reason="clickhousectl does not run here")]


@pytest.fixture
def clickhousectl(simulator, tmp_path):
    def run(*arguments, status=0):
        result = subprocess.run(
            [COMMAND, "cloud", "--json", "--url", simulator.url, *arguments],
            check=False,
            capture_output=True,
            cwd=tmp_path,
            env={**simulator.environment, "DO_NOT_TRACK": "1", "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            timeout=30,
        )
        assert result.returncode == status, result.stderr
        return json.loads(result.stderr if status else result.stdout)

    return run


def test_the_life_of_an_invitation(simulator, clickhousectl):
    assert clickhousectl("invitation", "list") == []
    (billing,) = (role["id"] for role in simulator.roles if role["name"] == "Billing")
    created = clickhousectl("invitation", "create", "--email", "Alice@Example.com", "--role-id", billing)
    assert created["email"] == "alice@example.com"
    # The client leaves out the deprecated role.
    assert [{**created, "role": "developer"}] == simulator.invitations
    assert clickhousectl("invitation", "list") == [created]
    assert clickhousectl("invitation", "get", created["id"]) == created
    clickhousectl("invitation", "delete", created["id"])
    assert simulator.invitations == []
    failure = clickhousectl("invitation", "get", created["id"], status=1)
    assert "NOT_FOUND" in failure["error"]["message"]


def test_it_sees_what_others_did(simulator, clickhousectl):
    invitation = simulator.invite("bob@example.com", role="admin")
    assert [found["id"] for found in clickhousectl("invitation", "list")] == [invitation["id"]]
    member = simulator.accept("bob@example.com")
    assert clickhousectl("invitation", "list") == []
    assert clickhousectl("member", "list")[-1]["userId"] == member["userId"]


def test_it_tells_failures_apart(simulator, clickhousectl):
    arguments = ("invitation", "create", "--email", "bob@example.com", "--role-id", simulator.roles[0]["id"])
    clickhousectl(*arguments)
    assert "CONFLICT" in clickhousectl(*arguments, status=1)["error"]["message"]
    simulator.configure(rate_limit="1/60")
    assert clickhousectl("invitation", "list", status=1)["error"]["code"] == "rate_limited"


def test_clickhousectl_gets_updates_and_removes_a_member(simulator, clickhousectl):
    member = simulator.add_member("alice@example.com")
    user_id = member["userId"]
    assert clickhousectl("member", "get", user_id)["email"] == "alice@example.com"
    roles = {role["name"]: role["id"] for role in simulator.roles}
    arguments = ("--role-id", roles["Billing"], "--role-id", roles["Member"])
    updated = clickhousectl("member", "update", user_id, *arguments)
    assert [role["roleName"] for role in updated["assignedRoles"]] == ["Billing", "Member"]
    assert updated["assignedRoles"] == simulator.members[-1]["assignedRoles"]
    assert clickhousectl("member", "update", user_id, "--clear-roles")["assignedRoles"] == []
    clickhousectl("member", "remove", user_id)
    assert len(simulator.members) == 1
    assert "NOT_FOUND" in clickhousectl("member", "get", user_id, status=1)["error"]["message"]
