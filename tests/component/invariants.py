# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds after every run of a writing module: the result is true, and nobody else was touched."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

from component.harness import role_names

PLACED = {"created", "replaced", "renewed"}
PLANNED = {*PLACED, "updated", "deleted", "removed"}


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
    check_others(before, now, {record["email"] for record in records}, options)
    if any(map(is_admin, before["members"])):
        assert any(map(is_admin, now["members"])), "nobody is an administrator any more"
    changed, reported = access(before) != access(now), result.get("changed", False)
    assert reported or not changed
    # Roles that cannot be compared are set, even if they are the same. A failed run may not know.
    assert changed or not reported or result.get("failed") or "updated" in {each.get("action") for each in records}


def check_others(before, now, named, options):
    """Check that nobody lost or gained anything who is not named in the result."""
    was, is_now = by_person(access(before)), by_person(access(now))
    touched = {email for email in {*was, *is_now} if was.get(email) != is_now.get(email)}
    if named != {""}:
        assert touched <= named
    else:
        assert len(touched) <= 1
    listed = {(entry["email"] if isinstance(entry, dict) else entry).lower() for entry in _listed(options)}
    assert not touched & {email.lower() for email in options.get("purge_exclude", ())} - listed


def _listed(options):
    return [*options.get("memberships", ()), *options.get("invitations", ()), *options.get("emails", ())]


def check_record(state, record, result):
    """Check one person's part of a result."""
    email, action = record["email"], record.get("action", "failed")
    invitation, member = record.get("invitation"), record.get("member")
    invited = {each["id"]: each for each in state["invitations"] if each["email"].lower() == email}
    live = {invitation_id for invitation_id, each in invited.items() if is_live(each)}
    joined = next((each for each in state["members"] if each["email"].lower() == email), None)
    if action in PLACED or (action == "unchanged" and not member):
        assert invitation["id"] in live
        assert_same(invitation, invited[invitation["id"]])
    elif action in ("updated", "unchanged"):
        if not any("could not be verified" in warning for warning in result["warnings"]):
            assert_same(member, joined)
    elif action in ("deleted", "removed", "absent") and not email:
        assert invitation is None or invitation["id"] not in {each["id"] for each in state["invitations"]}
        assert member is None or member["user_id"] not in {each["userId"] for each in state["members"]}
    elif action in ("deleted", "removed", "absent"):
        assert not (invited if state["settings"]["list_expired"] else live)
        assert not joined or "state" not in result
    elif action == "member":
        assert_same(member, joined) if member else None
    elif action == "expired":
        assert invitation["id"] in invited
        assert not live
    else:
        assert action == "failed"
        msg = record["error"]["msg"] if "msg" in record["error"] else record["msg"]
        assert not live or "has no invitation now" not in msg
        assert live or "was restored, which" not in msg
    if action in PLACED | {"updated"}:
        line = next(line for line in result["diff"]["after"].splitlines() if line.startswith(f"{email}: "))
        holder = joined if action == "updated" else invited[invitation["id"]]
        assert line.partition(": ")[2].casefold() == described(holder)
    if "state" in record:
        state_now = "member" if joined else "invited" if live else "expired" if invited else "absent"
        assert record["state"] == state_now or action in ("failed", "removed", "deleted", "absent")


def described(record):
    """The roles of a record of the API as ``--diff`` shows them, but for the case."""
    return (", ".join(role_names(record)) if record.get("assignedRoles") else record["role"]).casefold()


def assert_same(returned, record):
    """An invitation or a member as a module returns it has the fields of the API's record."""
    assert returned["email"] == record["email"].lower()
    assert returned["role"] == record.get("role")
    assert [(role["role_id"], role["role_name"], role["role_type"]) for role in returned["assigned_roles"]] == [
        (role["roleId"], role["roleName"], role["roleType"]) for role in record.get("assignedRoles", ())
    ]
    names = {"created_at": "createdAt", "expire_at": "expireAt"} if "expired" in returned else {"joined_at": "joinedAt"}
    assert {name: returned[name] for name in names} == {name: record.get(wire) for name, wire in names.items()}


def access(state):
    """The access that the organization gives: its invitations, and the roles of its members."""
    invitations = {(each["email"].lower(), each["id"]) for each in state["invitations"]}
    return invitations | {(each["email"].lower(), each["userId"], described(each)) for each in state["members"]}


def by_person(access):
    """Access by email."""
    people = {}
    for item in access:
        people.setdefault(item[0], set()).add(item)
    return people


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
