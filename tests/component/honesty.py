# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says, held against what the simulator holds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

STANDING = {"created", "replaced", "renewed", "unchanged"}
GONE = {"deleted", "absent"}
WRITING = {"created", "replaced", "renewed", "deleted", "failed"}


def check_honest(simulator, result, before, email=None):
    """Nothing in a writing module's result is other than what the simulator now holds.

    ``before`` is the simulator's ``state`` before the run; ``email`` is whom a task of ``invitation`` names, if any.
    """
    now = simulator.state
    told = result.get("changes") if "summary" in result else [{**result, "email": email and email.lower()}]
    for record in told or ():
        check_record(now, record)
    if "summary" in result:
        done = Counter(record["action"] for record in told)
        assert all(result["summary"][action] == done[action] for action in WRITING)
    if result.get("failed"):
        return
    assert result["changed"] == (ids(before) != ids(now))
    for person in result.get("members", ()):
        assert person in {member["email"].lower() for member in now["members"]}


def check_record(state, record):
    """One person's part of a result."""
    email, action, invitation = record["email"], record.get("action", "failed"), record.get("invitation")
    theirs = {each["id"]: each for each in state["invitations"] if each["email"].lower() == email}
    live = {invitation_id for invitation_id, each in theirs.items() if is_live(each)}
    if action in STANDING:
        assert invitation["id"] in live
        assert_same(invitation, theirs[invitation["id"]])
    elif action in GONE and email is None:
        assert invitation is None or invitation["id"] not in ids(state)
    elif action in GONE:
        assert not (theirs if state["settings"]["list_expired"] else live)
    elif action == "member":
        assert email in {member["email"].lower() for member in state["members"]}
    elif action == "expired":
        assert invitation["id"] in theirs
        assert not live
    else:
        assert action == "failed"
        msg = record["error"]["msg"] if "msg" in record["error"] else record["msg"]
        assert not live or "has no invitation now" not in msg
        assert live or "was put back" not in msg


def assert_same(returned, record):
    """An invitation as a module returns it is the one on the wire."""
    assert returned["email"] == record["email"].lower()
    assert returned["role"] == record.get("role")
    assert [(role["role_id"], role["role_name"], role["role_type"]) for role in returned["assigned_roles"]] == [
        (role["roleId"], role["roleName"], role["roleType"]) for role in record.get("assignedRoles", ())
    ]
    assert returned["created_at"] == record.get("createdAt")
    assert returned["expire_at"] == record.get("expireAt")


def ids(state):
    """The invitations there are."""
    return {invitation["id"] for invitation in state["invitations"]}


def is_live(record):
    """Whether somebody can join with an invitation; whose end cannot be read does not end."""
    try:
        return datetime.fromisoformat(record["expireAt"]) > datetime.now(timezone.utc)
    except (KeyError, ValueError):
        return True
