# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short forms of what a person has, is to have, and of the changes between the two."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Current, Invite, Revoke, Update
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Desired, Invitation, Member, Role
from ansible_collections.clickhouse.cloud.plugins.module_utils._roles import describe
from cast import ALICE, BOB, CAROL, DAVE

from .records import ADMIN, DAY, NOW, timestamp, uid

USERS = {email: uid(0x500 + number) for number, email in enumerate((ALICE, BOB, CAROL, DAVE))}


def desired(*roles, role=None, email=ALICE):
    return Desired(email, role, roles or None)


def invited(*roles, role="developer", email=ALICE, number=1, age=DAY, left=6 * DAY):
    """An invitation with these assigned roles; without any, as older organizations have it."""
    return Invitation(
        email=email,
        role=role,
        assigned_roles=roles or None,
        id=uid(number),
        created_at=timestamp(NOW - age) if age is not None else None,
        expire_at=timestamp(NOW + left) if left is not None else None,
    )


def expired(*roles, **fields):
    return invited(*roles, **{"age": 8 * DAY, "left": -DAY, **fields})


def joined(*roles, role="developer", email=ALICE, user_id=None):
    return Member(email, role, roles or None, user_id=user_id or USERS.get(email, email))


# Somebody always remains an administrator.
FOUNDER = joined(ADMIN, email="founder@example.com", user_id=uid(0xF0))


def without_roles(holder):
    """The person has no roles, whatever the legacy role says."""
    return replace(holder, assigned_roles=())


def unreadable_roles(holder):
    """The person has a role whose record cannot be read."""
    return replace(holder, assigned_roles=(Role(""),))


def current(invitations=(), members=(), unreadable=0):
    return Current(tuple(invitations), tuple(members), NOW, unreadable)


def words(change):
    """A change in words, such as ``revoke 1`` or ``invite Developer``."""
    if isinstance(change, Revoke):
        return f"revoke {int(change.invitation.id[:8], 16)}"
    if isinstance(change, Invite):
        legacy = "" if change.desired.assigned_roles else "legacy "
        return f"{'restore' if change.restores else 'invite'} {legacy}{describe(change.desired)}"
    if isinstance(change, Update):
        legacy = "" if change.desired.assigned_roles else "legacy "
        return f"update {legacy}{describe(change.desired)}"
    return "remove"
