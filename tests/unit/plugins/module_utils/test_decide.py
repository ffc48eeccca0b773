# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes next after an attempt, by table: no wire, no clock, no script."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._case import Attempt, Case, Reading
from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Invite, Policy, Remove, Revoke, Update
from ansible_collections.clickhouse.cloud.plugins.module_utils._decide import Due, Wait, decide
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present, plan_revocation
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Deletion, Desired, Invitation, Member
from cast import ALICE, BOB

from ..people import current, desired, expired, invited, joined, words
from ..records import ADMIN, BILLING, DEVELOPER, NOW, uid

STARTED = 100.0
RETRY_TIMEOUT = 20

# --- results of attempts ---------------------------------------------------------------------------------------------

DONE, GONE, UNCLEAR = Deletion.DELETED, Deletion.ALREADY_GONE, Deletion.UNCLEAR


def failure(status=None, reason="the API's words", **more):
    return ApiError("Could not", reason, status=status, **{"method": "POST", **more})


LOST = failure(ambiguous=True, transient=True)
GARBLED = failure(200, ambiguous=True)
REJECTED = failure(400)
CONFLICT = failure(409)
DENIED = failure(403)
THROTTLED = failure(429, transient=True)
MIGRATED = failure(400, "Organization has migrated to Custom Roles.")
NOT_FOUND = failure(404)
NO_SEATS = failure(400, "no seats")
REJECTED_AFTER_LOSS = replace(REJECTED, earlier_try_ambiguous=True)
THROTTLED_AFTER_LOSS = replace(THROTTLED, earlier_try_ambiguous=True)
UNREAD = failure(401, method="GET")

# --- plans: what Alice has, and is to have ---------------------------------------------------------------------------

DESIRED = desired(DEVELOPER)
OLD = invited(BILLING)
LATE = expired(BILLING, number=2)
NEW = invited(DEVELOPER, number=9)
OTHER = invited(ADMIN, number=8)
RESTORED = invited(BILLING, number=7)
MEMBER = joined(DEVELOPER)
BEFORE = joined(ADMIN)
SECOND = joined(DEVELOPER, user_id=uid(2))


def present(*invitations, members=(), wanted=DESIRED, **policy):
    policy = Policy(**policy)
    return plan_present([wanted], current(invitations, members), policy)


def absent(*invitations, members=(), **policy):
    return plan_absent([ALICE], current(invitations, members), Policy(**policy))


NEWCOMER = present()
MANAGED_NEW = present(manage_members=True)
RENEWED = present(LATE)
KEPT = present(OTHER, NEW)
REPLACED = present(OLD)
REPLACED_TWO = present(LATE, OLD)
REPLACED_BY_ROLE = present(invited(), wanted=desired(role="admin"))
RESENT = present(invited(DEVELOPER), resend=True)
UPDATED = present(members=[BEFORE], manage_members=True)
INVITED_TOO = present(OLD, members=[BEFORE], manage_members=True)
ONLY_INVITED_TOO = present(OLD, members=[MEMBER], manage_members=True)
TWO_MANAGED = present(LATE, OLD, manage_members=True)
BY_ROLE = present(wanted=desired(role="developer"))
REVOKED = absent(OLD)
EXPIRED_REVOKED = absent(LATE)
TWO_REVOKED = absent(OLD, LATE)
MANAGED_REVOKED = absent(OLD, manage_members=True)
REVOKED_BY_ID = plan_revocation(OLD, current([OLD]))
REMOVED = absent(members=[MEMBER], manage_members=True)
TWO_ACCOUNTS = absent(members=[MEMBER, SECOND], manage_members=True)
REMOVED_TOO = absent(OLD, members=[MEMBER], manage_members=True)

UPDATE = Update(BEFORE, DESIRED)
RESTORE = Invite(Desired(ALICE, None, (BILLING,)), restores=True)
AGAIN = Invite(DESIRED)
RESTORE_SAME = Invite(DESIRED, restores=True)
ANOTHER = Revoke(NEW)
REMOVE = Remove(MEMBER)


# --- what comes next -------------------------------------------------------------------------------------------------


def read(seconds, *shown, error=None):
    """A re-read so many seconds after the attempts, which shows these invitations and members."""
    invitations = [each for each in shown if isinstance(each, Invitation)]
    members = [each for each in shown if isinstance(each, Member)]
    return Reading(STARTED + seconds, NOW, invitations, members, error)


def unread(seconds=0):
    return read(seconds, error=UNREAD)


@dataclass(frozen=True)
class Next:
    """An outcome's action and whether something changed, words of its error or warning; or the due changes; or a wait.

    The lists that a person waits for are ``reads``.
    """

    action: str | None = None
    changed: bool = False
    text: str = ""
    has: Any = None
    due: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()


def done(action, text="", has=None):
    return Next(action, True, text, has)


def same(action, text="", has=None):
    return Next(action, False, text, has)


def failed(text, has=None):
    """A failure before anything was changed."""
    return Next("failed", False, text, has)


def halfway(text, has=None):
    """A failure after something was changed, or may have been."""
    return Next("failed", True, text, has)


def due(*changes):
    return Next(due=changes)


def wait(*reads):
    return Next(reads=frozenset(reads))


INVITATIONS = wait("invitations")
MEMBERS = wait("members")
BOTH = wait("invitations", "members")

DENIED_THEN_UPDATED = (INVITED_TOO, [DENIED, MEMBER], None)

# plan | what came of its changes, or a change beyond the plan with it | re-read | next
TABLE = {
    # An invitation that is sent
    "invited": (NEWCOMER, [NEW], None, done("created", has=NEW)),
    "invited, roles unknown": (present(wanted=desired(BILLING)), [invited(number=9)], None, done("created", has=9)),
    "invited with other roles": (NEWCOMER, [OTHER], None, halfway("with other roles (Admin) than desired", OTHER)),
    "lost: re-read": (NEWCOMER, [LOST], None, INVITATIONS),
    "lost, of memberships: re-read members too": (MANAGED_NEW, [LOST], None, BOTH),
    "lost, not shown yet": (NEWCOMER, [LOST], read(6), INVITATIONS),
    "lost, shown": (NEWCOMER, [LOST], read(0, NEW), done("created", has=NEW)),
    "lost, shown with other roles": (NEWCOMER, [LOST], read(0, OTHER), halfway("with other roles (Admin)")),
    "lost, only an expired one shown": (NEWCOMER, [LOST], read(6, LATE), INVITATIONS),
    "lost, somebody else's shown": (NEWCOMER, [LOST], read(6, invited(DEVELOPER, email=BOB)), INVITATIONS),
    "lost, never shown: resend": (NEWCOMER, [LOST], read(7), due("invite Developer")),
    "lost, a re-read from before": (NEWCOMER, [LOST], read(-1, NEW), INVITATIONS),
    "lost, not shown for very long: resend": (NEWCOMER, [LOST], read(99), due("invite Developer")),
    "garbled: re-read": (NEWCOMER, [GARBLED], None, INVITATIONS),
    "garbled, never shown: not sent again": (NEWCOMER, [GARBLED], read(7), halfway("unknown")),
    "lost, re-read fails": (NEWCOMER, [LOST], unread(), halfway("unknown")),
    "resent": (NEWCOMER, [LOST, (AGAIN, NEW)], read(-1), done("created", has=NEW)),
    "resent, lost again": (NEWCOMER, [LOST, (AGAIN, LOST)], read(7), due("invite Developer")),
    "resent, rejected: re-read members too": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], None, BOTH),
    "resent, rejected, not shown yet": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(6), BOTH),
    "resent, rejected, shown": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(6, NEW), done("created", has=NEW)),
    "resent, rejected, never shown": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(7), halfway("unknown")),
    "resent, denied": (NEWCOMER, [LOST, (AGAIN, DENIED)], read(7), halfway("unknown")),
    "rejected: re-read": (NEWCOMER, [REJECTED], None, BOTH),
    "rejected, nothing shown yet": (NEWCOMER, [REJECTED], read(1), BOTH),
    "rejected, nothing shown": (NEWCOMER, [REJECTED], read(2), failed("Could not")),
    "rejected, re-read fails": (NEWCOMER, [REJECTED], unread(), failed("Could not")),
    "rejected, invited": (NEWCOMER, [NOT_FOUND], read(0, NEW), same("unchanged", has=NEW)),
    "rejected, invited, roles unknown": (NEWCOMER, [CONFLICT], read(0, invited(role=None)), same("unchanged")),
    "rejected, other invitation": (NEWCOMER, [CONFLICT], read(0, OTHER), failed("which somebody else sent", OTHER)),
    "rejected, joined": (NEWCOMER, [CONFLICT], read(0, MEMBER), same("member", has=MEMBER)),
    "rejected, joined, other roles": (NEWCOMER, [CONFLICT], read(0, BEFORE), same("member", "cannot change them")),
    "rejected, managed, joined": (MANAGED_NEW, [CONFLICT], read(0, MEMBER), same("unchanged", has=MEMBER)),
    "rejected, managed, joined, other roles": (MANAGED_NEW, [CONFLICT], read(0, BEFORE), due("update Developer")),
    "rejected, joined, updated": (
        MANAGED_NEW,
        [CONFLICT, (UPDATE, MEMBER)],
        read(0, MEMBER),
        done("updated", has=MEMBER),
    ),
    "rejected, joined, update denied": (
        MANAGED_NEW,
        [CONFLICT, (UPDATE, DENIED)],
        read(0, BEFORE),
        failed("Could not.", BEFORE),
    ),
    "legacy role, migrated": (BY_ROLE, [MIGRATED], read(2), failed("use roles instead of role")),
    "role ID, migrated": (NEWCOMER, [MIGRATED], read(2), failed("Could not.")),
    "denied": (NEWCOMER, [DENIED], None, failed("Could not")),
    "throttled": (NEWCOMER, [THROTTLED], None, failed("Could not")),
    # A live invitation that is replaced
    "replaced": (REPLACED, [DONE, NEW], None, done("replaced", has=NEW)),
    "replaced, lost: re-read": (REPLACED, [DONE, LOST], None, INVITATIONS),
    "replaced, lost, the revoked one still shown": (REPLACED, [DONE, LOST], read(6, OLD), INVITATIONS),
    "replaced, lost, shown": (REPLACED, [DONE, LOST], read(0, OLD, NEW), done("replaced", has=NEW)),
    "replaced, lost, never shown: resend": (REPLACED, [DONE, LOST], read(7), due("invite Developer")),
    "replaced, garbled": (REPLACED, [DONE, GARBLED], read(7), halfway("Billing, was revoked.")),
    "replaced, rejected: re-read": (REPLACED, [DONE, REJECTED], None, BOTH),
    "replaced, rejected, nothing shown: again": (REPLACED, [DONE, REJECTED], read(2), due("invite Developer")),
    "replaced, rejected, invited": (REPLACED, [DONE, REJECTED], read(0, NEW), done("replaced", has=NEW)),
    "replaced, rejected, joined": (REPLACED, [DONE, REJECTED], read(0, MEMBER), done("member", has=MEMBER)),
    "replaced, rejected, again": (REPLACED, [DONE, REJECTED, (AGAIN, NEW)], read(-1), done("replaced", has=NEW)),
    "replaced, rejected twice: restore": (REPLACED, [DONE, REJECTED, (AGAIN, CONFLICT)], None, due("restore Billing")),
    "replaced, rejected, then lost": (REPLACED, [DONE, REJECTED, (AGAIN, GARBLED)], read(7), halfway("unknown")),
    "replaced, rejected, then with other roles": (
        REPLACED,
        [DONE, REJECTED, (AGAIN, OTHER)],
        None,
        halfway("with other roles", OTHER),
    ),
    "replaced, denied: restore at once": (REPLACED, [DONE, DENIED], None, due("restore Billing")),
    "replaced, throttled: restore at once": (REPLACED, [DONE, THROTTLED], None, due("restore Billing")),
    "replaced by the legacy role, denied": (REPLACED_BY_ROLE, [DONE, DENIED], None, due("restore legacy developer")),
    "restored": (REPLACED, [DONE, CONFLICT, (AGAIN, NO_SEATS), (RESTORE, OLD)], None, halfway("was restored", OLD)),
    "restored, rejected": (REPLACED, [DONE, DENIED, (RESTORE, REJECTED)], None, halfway("could not be restored")),
    "restored, lost: re-read": (REPLACED, [DONE, DENIED, (RESTORE, LOST)], None, INVITATIONS),
    "restored, lost, shown": (
        REPLACED,
        [DONE, DENIED, (RESTORE, LOST)],
        read(0, RESTORED),
        halfway("restored", RESTORED),
    ),
    "restored, lost, never shown": (REPLACED, [DONE, DENIED, (RESTORE, LOST)], read(7), due("restore Billing")),
    "restored, garbled, never shown": (
        REPLACED,
        [DONE, DENIED, (RESTORE, GARBLED)],
        read(7),
        halfway("whether it was restored"),
    ),
    "resent, restored": (RESENT, [DONE, DENIED, (RESTORE_SAME, NEW)], None, done("renewed", has=NEW)),
    # A second invitation that is revoked
    "second one revoked": (KEPT, [DONE], None, done("replaced", has=NEW)),
    "second one gone already": (KEPT, [GONE], None, same("unchanged", has=NEW)),
    "second one rejected: re-read": (KEPT, [REJECTED], None, INVITATIONS),
    "second one rejected, still shown": (KEPT, [REJECTED], read(0, OTHER, NEW), failed("Could not.", OTHER)),
    "second one lost, not shown": (KEPT, [LOST], read(7, NEW), done("replaced", has=NEW)),
    # Revoking for a new invitation
    "old one gone already: re-read": (REPLACED, [GONE], None, BOTH),
    "old one gone already, nothing shown yet": (REPLACED, [GONE], read(6), BOTH),
    "old one gone already, joined": (REPLACED, [GONE], read(0, MEMBER), same("member", has=MEMBER)),
    "old one gone already, nothing shown": (REPLACED, [GONE], read(7), due("invite Developer")),
    "old one gone already, invited": (REPLACED, [GONE], read(0, NEW), same("unchanged", has=NEW)),
    "old one gone already, then rejected": (REPLACED, [GONE, REJECTED], read(2), failed("Could not.")),
    "old one perhaps revoked, invited": (REPLACED, [UNCLEAR], read(0, NEW), done("replaced", has=NEW)),
    "old one perhaps revoked, re-read fails": (REPLACED, [UNCLEAR], unread(), halfway("Billing, was revoked.")),
    "revoking lost: re-read": (REPLACED, [LOST], None, INVITATIONS),
    "revoking lost, not shown yet": (REPLACED, [LOST], read(6), INVITATIONS),
    "revoking lost, not shown": (REPLACED, [LOST], read(7), due("invite Developer")),
    "revoking lost, re-read fails": (REPLACED, [LOST], unread(), halfway("unknown")),
    "revoking lost, then rejected, re-read fails": (REPLACED, [LOST, REJECTED], unread(), due("invite Developer")),
    "revoking lost, then denied, re-read fails": (REPLACED, [LOST, DENIED], unread(), due("restore Billing")),
    "revoking lost, still shown": (REPLACED, [LOST], read(6, OLD), INVITATIONS),
    "revoking lost, still shown for long": (REPLACED, [LOST], read(7, OLD), failed("Could not", OLD)),
    "revoking rejected: re-read": (REPLACED, [REJECTED], None, INVITATIONS),
    "revoking rejected, still shown": (REPLACED, [REJECTED], read(0, OLD), failed("Could not", OLD)),
    "revoking rejected, never shown": (REPLACED, [REJECTED], read(7), due("invite Developer")),
    "revoking denied": (REPLACED, [DENIED], None, failed("Could not", OLD)),
    "revoking the expired one rejected": (RENEWED, [REJECTED], read(0, LATE), due("invite Developer")),
    "revoking the expired one denied": (RENEWED, [DENIED], None, due("invite Developer")),
    "expired one of two rejected": (REPLACED_TWO, [REJECTED], read(0, LATE), due("revoke 1", "invite Developer")),
    "revoking the expired one rejected, invited": (RENEWED, [REJECTED, NEW], read(-1, LATE), done("renewed", has=NEW)),
    "live one of two rejected": (REPLACED_TWO, [DONE, REJECTED], read(0, OLD), halfway("Could not", OLD)),
    # A member who is updated
    "updated": (UPDATED, [BEFORE], None, done("updated", has=BEFORE)),
    "updated, revoked": (INVITED_TOO, [DONE, BEFORE], None, done("updated", has=BEFORE)),
    "member's open invitation gone already": (ONLY_INVITED_TOO, [GONE], None, same("unchanged", has=MEMBER)),
    "member's open invitation rejected: update": (INVITED_TOO, [DENIED], None, due("update Developer")),
    "member's open invitation rejected, updated": (*DENIED_THEN_UPDATED, halfway("Could not.", OLD)),
    "member's open invitation rejected, updated as shown": (*DENIED_THEN_UPDATED, halfway("Could not.", MEMBER)),
    "member's open invitation lost: re-read": (INVITED_TOO, [LOST], None, BOTH),
    "member's open invitation lost, not shown": (INVITED_TOO, [LOST], read(7), due("update Developer")),
    "joined with one of two": (TWO_MANAGED, [GONE], read(0, BEFORE, OLD), due("revoke 1", "update Developer")),
    "joined as desired with one of two": (TWO_MANAGED, [GONE], read(0, MEMBER), due("revoke 1", "update Developer")),
    "joined with one of two, updated": (TWO_MANAGED, [GONE, DONE, (UPDATE, MEMBER)], None, done("updated", has=MEMBER)),
    "updating lost: re-read": (UPDATED, [LOST], None, MEMBERS),
    "updating lost, not shown yet": (UPDATED, [LOST], read(6, BEFORE), MEMBERS),
    "updating lost, shown": (UPDATED, [LOST], read(0, MEMBER), done("updated", has=MEMBER)),
    "updating lost, never shown": (UPDATED, [LOST], read(7, BEFORE), halfway("unknown", BEFORE)),
    "updating lost, re-read fails": (UPDATED, [LOST], unread(), halfway("unknown")),
    "updating rejected: re-read": (UPDATED, [REJECTED], None, MEMBERS),
    "updating rejected, not shown": (UPDATED, [REJECTED], read(2, BEFORE), failed("Could not.", BEFORE)),
    "updating rejected, updated": (UPDATED, [REJECTED], read(0, MEMBER), same("unchanged", has=MEMBER)),
    "updating denied": (UPDATED, [DENIED], None, failed("Could not", BEFORE)),
    "updating throttled after a lost try": (UPDATED, [THROTTLED_AFTER_LOSS], None, halfway("Could not")),
    # A person who is to have no access
    "revoked": (REVOKED, [DONE], None, done("deleted", has=OLD)),
    "gone already: re-read": (REVOKED, [GONE], None, INVITATIONS),
    "gone already, managed: re-read members too": (MANAGED_REVOKED, [GONE], None, BOTH),
    "gone already, nothing shown yet": (REVOKED, [GONE], read(6), INVITATIONS),
    "gone already, nothing shown": (REVOKED, [GONE], read(7), same("absent")),
    "gone already, still shown": (REVOKED, [GONE], read(7, OLD), same("absent")),
    "gone, another one shown": (REVOKED, [GONE], read(0, NEW), due("revoke 9")),
    "gone, another one revoked": (REVOKED, [GONE, (ANOTHER, DONE)], read(7), done("deleted", has=NEW)),
    "gone, another one rejected": (REVOKED, [GONE, (ANOTHER, REJECTED)], read(0, NEW), failed("Could not.", NEW)),
    "gone, another one denied": (REVOKED, [GONE, (ANOTHER, DENIED)], read(0, NEW), failed("Could not.", NEW)),
    "gone already, re-read fails": (REVOKED, [GONE], unread(), failed("unknown")),
    "gone already, joined": (REVOKED, [GONE], read(7, MEMBER), same("absent")),
    "gone already, managed, joined": (MANAGED_REVOKED, [GONE], read(0, MEMBER), due("remove")),
    "gone already, joined, removed": (MANAGED_REVOKED, [GONE, (REMOVE, DONE)], read(7), done("removed", has=MEMBER)),
    "gone already, joined, removing denied": (
        MANAGED_REVOKED,
        [GONE, (REMOVE, DENIED)],
        read(7, MEMBER),
        failed("Could not.", MEMBER),
    ),
    "gone already, joined, removing lost: re-read": (MANAGED_REVOKED, [GONE, (REMOVE, LOST)], None, BOTH),
    "gone already, named by ID": (REVOKED_BY_ID, [GONE], None, same("absent")),
    "perhaps revoked by this run": (REVOKED, [UNCLEAR], read(7), done("deleted", has=OLD)),
    "revoking lost, absent": (REVOKED, [LOST], None, INVITATIONS),
    "revoking lost, absent, not shown": (REVOKED, [LOST], read(7), done("deleted", has=OLD)),
    "revoking lost, absent, still shown for long": (REVOKED, [LOST], read(7, OLD), failed("unknown", OLD)),
    "revoking lost, absent, re-read fails": (REVOKED, [LOST], unread(), halfway("unknown")),
    "revoking rejected, absent, still shown": (REVOKED, [REJECTED], read(0, OLD), failed("Could not.", OLD)),
    "revoking rejected, absent, gone": (REVOKED, [REJECTED], read(7), same("absent")),
    "revoking rejected after a lost try, gone": (REVOKED, [REJECTED_AFTER_LOSS], read(7), done("deleted", has=OLD)),
    "expired one rejected: re-read": (EXPIRED_REVOKED, [REJECTED], None, INVITATIONS),
    "expired one rejected, still shown for long": (
        EXPIRED_REVOKED,
        [REJECTED],
        read(7, LATE),
        same("absent", "An expired invitation of alice@example.com could not be revoked: the API's words."),
    ),
    "expired one denied": (EXPIRED_REVOKED, [DENIED], None, failed("Could not.", has=LATE)),
    "expired one rejected, live one revoked": (
        TWO_REVOKED,
        [DONE, REJECTED],
        read(7, LATE),
        done("deleted", "An expired invitation of alice@example.com could not be revoked", has=OLD),
    ),
    "expired one named by its ID rejected": (
        plan_revocation(LATE, current([LATE])),
        [REJECTED],
        read(7, LATE),
        failed("Could not.", has=LATE),
    ),
    "the first of two rejected": (TWO_REVOKED, [REJECTED], None, due("revoke 2")),
    "the first of two rejected, both tried": (TWO_REVOKED, [REJECTED, DONE], read(0, OLD), halfway("Could not.", OLD)),
    "the first of two lost: re-read": (TWO_REVOKED, [LOST], None, INVITATIONS),
    "the first of two lost, not shown": (TWO_REVOKED, [LOST], read(7), due("revoke 2")),
    "the first of two gone already": (TWO_REVOKED, [GONE], None, due("revoke 2")),
    "the first of two denied": (TWO_REVOKED, [DENIED], None, due("revoke 2")),
    "the second of two denied": (TWO_REVOKED, [DONE, DENIED], None, halfway("Could not.", LATE)),
    "one of two gone already, the other revoked": (TWO_REVOKED, [GONE, DONE], read(7), done("deleted", has=LATE)),
    "removed": (REMOVED, [DONE], None, done("removed", has=MEMBER)),
    "left already": (REMOVED, [GONE], None, same("absent")),
    "removing lost: re-read": (REMOVED, [LOST], None, MEMBERS),
    "removing lost, not shown": (REMOVED, [LOST], read(7), done("removed", has=MEMBER)),
    "removing lost, still shown for long": (REMOVED, [LOST], read(7, MEMBER), failed("unknown", MEMBER)),
    "removing rejected, still shown": (REMOVED, [REJECTED], read(0, MEMBER), failed("Could not.", MEMBER)),
    "removing denied": (REMOVED, [DENIED], None, failed("Could not.", MEMBER)),
    "removed, then revoked": (REMOVED_TOO, [DONE, DONE], None, done("removed", has=MEMBER)),
    "removing lost, invited: re-read": (REMOVED_TOO, [LOST], None, MEMBERS),
    "removing lost, invited, not shown: revoke": (REMOVED_TOO, [LOST], read(7), due("revoke 1")),
    "removing denied, invited: revoke all the same": (REMOVED_TOO, [DENIED], None, due("revoke 1")),
    "removing denied, revoked": (REMOVED_TOO, [DENIED, DONE], None, halfway("Could not.", MEMBER)),
    "removed, revoking denied": (REMOVED_TOO, [DONE, DENIED], None, halfway("Could not.", OLD)),
    "left already, gone already, still shown as a member": (REMOVED_TOO, [GONE, GONE], read(0, MEMBER), BOTH),
    "left already, gone already, still shown for long": (REMOVED_TOO, [GONE, GONE], read(7, MEMBER), same("absent")),
    "the second of two accounts denied": (TWO_ACCOUNTS, [DONE, DENIED], None, halfway("Could not.", SECOND)),
}


def attempts_of(person, results):
    """The attempts of the planned changes, in order, and of changes beyond the plan."""
    pairs = [
        each if isinstance(each, tuple) else (change, each)
        for change, each in zip([*person.changes, *results], results)
    ]
    return [Attempt(change, STARTED, result) for change, result in pairs]


def case_of(plan, attempts, reading=None):
    return Case(plan.people[0], attempts, reading, NOW, plan.policy.manage_members, RETRY_TIMEOUT)


def decided(plan, results, reading=None):
    return decide(case_of(plan, attempts_of(plan.people[0], results), reading))


@pytest.mark.parametrize(("plan", "results", "reading", "expected"), TABLE.values(), ids=TABLE)
def test_next_step_follows_from_attempts_and_re_read(plan, results, reading, expected):
    verdict = decided(plan, results, reading)
    if isinstance(verdict, Due):
        assert Next(due=tuple(map(words, verdict.changes))) == expected
        return
    if isinstance(verdict, Wait):
        case = case_of(plan, attempts_of(plan.people[0], results), reading)
        assert Next(reads=frozenset(case.lists)) == expected
        return
    assert (verdict.action, verdict.changed) == (expected.action, expected.changed)
    assert expected.text in (str(verdict.error) if verdict.error else " ".join(verdict.warnings))
    assert bool(verdict.error or verdict.warnings) is bool(expected.text)
    if isinstance(expected.has, int):
        assert int(verdict.invitation.id[:8], 16) == expected.has
    elif expected.has:
        assert expected.has in (verdict.invitation, verdict.member)


ALICES_OLD = f"the earlier invitation of {ALICE}, with Billing,"
SENTENCES = {
    "invited with other roles": (
        f"{ALICE} was invited with other roles (Admin) than desired (Developer); revoke the invitation if these roles"
        " grant too much, and use the organization's names of roles."
    ),
    "garbled, never shown: not sent again": (
        f"Could not; it is unknown whether {ALICE} was invited; rerun the task, which checks first."
    ),
    "rejected, other invitation": (
        f"Could not; {ALICE} has an invitation with other roles (Admin), which somebody else sent at the same time."
    ),
    "legacy role, migrated": (
        "Could not; this organization has migrated to custom roles: use roles instead of role, role_info lists them."
    ),
    "replaced, garbled": (
        f"Could not; it is unknown whether {ALICE} was invited; rerun the task, which checks first; {ALICES_OLD} was"
        " revoked."
    ),
    "restored": f"Could not; {ALICES_OLD} was restored, which sent another email.",
    "restored, rejected": (
        f"Could not; {ALICE} has no invitation now: {ALICES_OLD} was revoked and could not be restored."
    ),
    "restored, garbled, never shown": (
        f"Could not; {ALICES_OLD} was revoked, and it is unknown whether it was restored."
    ),
    "updating lost, never shown": (
        f"Could not; it is unknown whether the roles of {ALICE} were changed; rerun the task, which checks first."
    ),
    "gone already, re-read fails": (
        f"Could not; it is unknown whether {ALICE} still has access; rerun the task, which checks first."
    ),
}


@pytest.mark.parametrize("row", SENTENCES)
def test_failure_says_what_the_person_has_now(row):
    plan, results, reading, _expected = TABLE[row]
    assert str(decided(plan, results, reading).error) == SENTENCES[row]


def test_re_read_from_before_the_last_revocation_proves_nothing():
    (person,) = REVOKED.people
    attempts = [Attempt(person.changes[0], STARTED, GONE), Attempt(ANOTHER, STARTED + 8, GONE)]
    assert decide(case_of(REVOKED, attempts, read(7, NEW))) == Wait()
    assert decide(case_of(REVOKED, attempts, read(15))).action == "absent"


@pytest.mark.parametrize(("seconds", "resends"), [(RETRY_TIMEOUT, True), (RETRY_TIMEOUT + 1, False)])
def test_invitation_is_resent_until_the_retry_timeout(seconds, resends):
    first, again = attempts_of(NEWCOMER.people[0], [LOST, (AGAIN, LOST)])
    attempts = [first, replace(again, at=STARTED + seconds)]
    assert isinstance(decide(case_of(NEWCOMER, attempts, read(seconds + 7))), Due) is resends


def test_unknown_invitation_is_reported_as_ambiguous():
    error = decided(NEWCOMER, [LOST], unread()).error
    assert (error.ambiguous, error.status, error.method) == (True, 401, "GET")


def test_failure_after_a_removal_shows_no_member():
    verdict = decided(REMOVED_TOO, [DONE, DENIED])
    assert (verdict.action, verdict.member, verdict.invitation) == ("failed", None, OLD)


def test_rolled_back_replacement_is_reported_with_the_last_rejection():
    results = [DONE, CONFLICT, (AGAIN, NO_SEATS), (RESTORE, DENIED)]
    assert decided(REPLACED, results).error.reason == "no seats"
