# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds after every run of a writing module: the result is true, and nobody else was touched."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timezone

from component.harness import role_names

PLACED = {"created", "renewed"}
PLANNED = {*PLACED, "replaced", "updated", "deleted", "removed"}


def check_consistent(simulator, result, before, options):
    """Check the result of a run against the organization, which nobody else changes meanwhile.

    ``before`` is the simulator's ``state`` before the run with these ``options``.
    """
    now = simulator.state
    email = (options.get("email") or "").strip().lower()
    roster = "summary" in result
    records = result["changes"] if roster else [{**result, "email": email}] if "changed" in result else []
    for record in records:
        check_record(now, record, result)
    if roster:
        counted = Counter(record["action"] for record in records)
        assert all(result["summary"].get(action, 0) == counted[action] for action in PLANNED)
        assert result["summary"]["failed"] >= counted["failed"]
    touched, named = touched_between(before, now), {record["email"] for record in records}
    assert touched <= named or (named == {""} and len(touched) == 1)
    listed = [*options.get("memberships", ()), *options.get("invitations", ()), *options.get("emails", ())]
    listed = {(entry["email"] if isinstance(entry, dict) else entry).lower() for entry in listed}
    assert not touched & {email.lower() for email in options.get("purge_exclude", ())} - listed
    if any(map(is_admin, before["members"])):
        assert any(map(is_admin, now["members"])), "nobody is an administrator any more"
    reported = result.get("changed", False)
    assert reported or not touched
    # Roles that cannot be compared are set, even if they are the same. A failed run may not know.
    assert touched or not reported or result.get("failed") or "updated" in {each.get("action") for each in records}


def check_record(state, record, result):
    """Check one person's part of a result."""
    email, action = record["email"], record.get("action", "failed")
    invitation, member = record.get("invitation"), record.get("member")
    invited = {each["id"]: each for each in state["invitations"] if each["email"].lower() == email}
    live = {invitation_id for invitation_id, each in invited.items() if is_live(each)}
    joined = next((each for each in state["members"] if each["email"].lower() == email), None)
    if action in PLACED or (action in ("replaced", "unchanged") and not member):
        assert invitation["id"] in live
    elif action in ("updated", "unchanged"):
        shown = sorted(role["role_name"] for role in member["assigned_roles"])
        unverified = any("could not be verified" in warning for warning in result["warnings"])
        assert unverified or shown == (role_names(joined) if joined.get("assignedRoles") else [])
    elif action in ("deleted", "removed", "absent") and not email:
        assert invitation is None or invitation["id"] not in {each["id"] for each in state["invitations"]}
        assert member is None or member["user_id"] not in {each["userId"] for each in state["members"]}
    elif action in ("deleted", "removed", "absent"):
        assert not (invited if state["settings"]["list_expired"] else live)
        assert not joined or "state" not in result
    elif action == "expired":
        assert invitation["id"] in invited
        assert not live
    elif action == "failed":
        msg = record["error"]["msg"] if "msg" in record["error"] else record["msg"]
        assert not live or "has no invitation now" not in msg
        assert live or "was restored, which" not in msg
    if "state" in record and action not in ("failed", "removed", "deleted", "absent"):
        assert record["state"] == ("member" if joined else "invited" if live else "expired" if invited else "absent")


def touched_between(before, now):
    """The emails of those whose access is another one."""
    was, is_now = access(before), access(now)
    return {email for email in {*was, *is_now} if was.get(email) != is_now.get(email)}


def access(state):
    """The access that the organization gives, by email: invitations, and the roles of members."""
    people = defaultdict(set)
    for each in state["invitations"]:
        people[each["email"].lower()].add(each["id"])
    for each in state["members"]:
        people[each["email"].lower()].add((each["userId"], each["role"], *role_names({"assignedRoles": (), **each})))
    return dict(people)


def is_admin(member):
    """Whether a member, as the API shows it, is an administrator."""
    assigned = member.get("assignedRoles")
    return any(role["roleName"] == "Admin" for role in assigned) if assigned else member["role"] == "admin"


def is_live(record):
    """Whether a person can join with an invitation. One whose expiry cannot be read does not expire."""
    try:
        return datetime.fromisoformat(record["expireAt"]) > datetime.now(timezone.utc)
    except (KeyError, ValueError):
        return True
