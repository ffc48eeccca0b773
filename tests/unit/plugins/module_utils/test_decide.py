# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes next after an attempt, by table: no wire, no clock, no script."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import Deletion, Desired, Invitation, Member
from ansible_collections.clickhouse.cloud.plugins.module_utils._decide import decide
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._ledger import Attempt, Reading
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import (
    Invite,
    Policy,
    Remove,
    Revoke,
    Update,
    plan_absent,
    plan_present,
    plan_revocation,
)

from ..people import current, desired, expired, invited, joined, without_roles, words
from ..records import ADMIN, ALICE, BILLING, BOB, CAROL, DAVE, DEVELOPER, NOW, uid

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
UNAUTHORIZED = failure(401)
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
NO_ROLES = without_roles(joined())
SECOND = joined(DEVELOPER, user_id=uid(2))
NO_ASSIGNED = joined(role="admin")


def present(*invitations, members=(), wanted=DESIRED, **policy):
    policy = Policy(**policy)
    return plan_present([wanted], current(invitations, members), policy)


def absent(*invitations, members=(), **policy):
    return plan_absent([ALICE], current(invitations, members), Policy(**policy))


NEWCOMER = present()
MANAGED_NEW = present(manage_members=True)
RENEWED = present(LATE)
REPLACED = present(OLD)
REPLACED_TWO = present(LATE, OLD)
REPLACED_BY_ROLE = present(invited(), wanted=desired(role="admin"))
RESENT = present(invited(DEVELOPER), resend=True)
UPDATED = present(members=[BEFORE], manage_members=True)
UPDATED_FROM_NONE = present(members=[NO_ROLES], manage_members=True)
UPDATED_UNSHOWN = present(members=[NO_ASSIGNED], manage_members=True)
BY_ROLE = present(wanted=desired(role="developer"))
REVOKED = absent(OLD)
TWO_REVOKED = absent(OLD, LATE)
MANAGED_REVOKED = absent(OLD, manage_members=True)
REVOKED_BY_ID = plan_revocation(OLD, NOW)
REMOVED = absent(members=[MEMBER], manage_members=True)
TWO_ACCOUNTS = absent(members=[MEMBER, SECOND], manage_members=True)
REMOVED_TOO = absent(OLD, members=[MEMBER], manage_members=True)
NOTHING_TO_DO = present(NEW)

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

# plan | what came of its changes, or a change beyond the plan with it | re-read | next
TABLE = {
    # An invitation that is sent
    "invited": (NEWCOMER, [NEW], None, done("created", has=NEW)),
    "invited, roles unknown": (present(wanted=desired(BILLING)), [invited(number=9)], None, done("created", has=9)),
    "invited with other roles": (NEWCOMER, [OTHER], None, halfway("with other roles (Admin) than desired", has=OTHER)),
    "invited, and expired already": (NEWCOMER, [expired(DEVELOPER, number=9)], None, halfway("wrong Date header")),
    "lost: re-read": (NEWCOMER, [LOST], None, INVITATIONS),
    "lost, of memberships: re-read members too": (MANAGED_NEW, [LOST], None, BOTH),
    "lost, not shown yet": (NEWCOMER, [LOST], read(6), INVITATIONS),
    "lost, shown": (NEWCOMER, [LOST], read(0, NEW), done("created", has=NEW)),
    "lost, shown with other roles": (NEWCOMER, [LOST], read(0, OTHER), halfway("with other roles (Admin)")),
    "lost, only an expired one shown": (NEWCOMER, [LOST], read(6, LATE), INVITATIONS),
    "lost, somebody else's shown": (NEWCOMER, [LOST], read(6, invited(DEVELOPER, email=BOB)), INVITATIONS),
    "lost, not shown for long: resend": (NEWCOMER, [LOST], read(7), due("invite Developer")),
    "lost, a re-read from before": (NEWCOMER, [LOST], read(-1, NEW), INVITATIONS),
    "lost, not shown for very long: resend": (NEWCOMER, [LOST], read(99), due("invite Developer")),
    "garbled: re-read": (NEWCOMER, [GARBLED], None, INVITATIONS),
    "garbled, not shown for long: not sent again": (NEWCOMER, [GARBLED], read(7), halfway("is not known")),
    "lost, the re-read fails": (NEWCOMER, [LOST], unread(), halfway("is not known")),
    "resent": (NEWCOMER, [LOST, (AGAIN, NEW)], read(-1), done("created", has=NEW)),
    "resent, lost again": (NEWCOMER, [LOST, (AGAIN, LOST)], read(7), due("invite Developer")),
    "resent, rejected: re-read members too": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], None, BOTH),
    "resent, rejected, not shown yet": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(6), BOTH),
    "resent, rejected, shown": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(6, NEW), done("created", has=NEW)),
    "resent, rejected, not shown for long": (NEWCOMER, [LOST, (AGAIN, CONFLICT)], read(7), halfway("is not known")),
    "resent, denied": (NEWCOMER, [LOST, (AGAIN, DENIED)], read(7), halfway("is not known")),
    "rejected: re-read": (NEWCOMER, [REJECTED], None, BOTH),
    "rejected, nothing shown yet": (NEWCOMER, [REJECTED], read(1), BOTH),
    "rejected, nothing shown": (NEWCOMER, [REJECTED], read(2), failed("Could not")),
    "rejected, the re-read fails": (NEWCOMER, [REJECTED], unread(), failed("Could not")),
    "rejected, invited": (NEWCOMER, [NOT_FOUND], read(0, NEW), same("unchanged", has=NEW)),
    "rejected, invited, roles unknown": (NEWCOMER, [CONFLICT], read(0, invited(role=None)), same("unchanged")),
    "rejected, invited, other roles": (
        NEWCOMER,
        [CONFLICT],
        read(0, OTHER),
        failed("which somebody else sent", has=OTHER),
    ),
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
    "legacy role rejected by a migrated organization": (
        BY_ROLE,
        [MIGRATED],
        read(2),
        failed("use roles instead of role"),
    ),
    "role ID rejected by a migrated organization": (NEWCOMER, [MIGRATED], read(2), failed("Could not.")),
    "denied": (NEWCOMER, [DENIED], None, failed("Could not")),
    "throttled": (NEWCOMER, [THROTTLED], None, failed("Could not")),
    # A live invitation that is replaced
    "replaced": (REPLACED, [DONE, NEW], None, done("replaced", has=NEW)),
    "replaced, lost: re-read": (REPLACED, [DONE, LOST], None, INVITATIONS),
    "replaced, lost, the revoked one still shown": (REPLACED, [DONE, LOST], read(6, OLD), INVITATIONS),
    "replaced, lost, shown": (REPLACED, [DONE, LOST], read(0, OLD, NEW), done("replaced", has=NEW)),
    "replaced, lost, not shown for long: resend": (REPLACED, [DONE, LOST], read(7), due("invite Developer")),
    "replaced, garbled: nothing is restored": (
        REPLACED,
        [DONE, GARBLED],
        read(7),
        halfway("with Billing, was revoked."),
    ),
    "replaced, rejected: re-read": (REPLACED, [DONE, REJECTED], None, BOTH),
    "replaced, rejected, nothing shown: again": (REPLACED, [DONE, REJECTED], read(2), due("invite Developer")),
    "replaced, rejected, invited": (REPLACED, [DONE, REJECTED], read(0, NEW), done("replaced", has=NEW)),
    "replaced, rejected, joined": (REPLACED, [DONE, REJECTED], read(0, MEMBER), done("member", has=MEMBER)),
    "replaced, rejected, again": (REPLACED, [DONE, REJECTED, (AGAIN, NEW)], read(-1), done("replaced", has=NEW)),
    "replaced, rejected twice: restore": (REPLACED, [DONE, REJECTED, (AGAIN, CONFLICT)], None, due("restore Billing")),
    "replaced, rejected, then lost: nothing is restored": (
        REPLACED,
        [DONE, REJECTED, (AGAIN, GARBLED)],
        read(7),
        halfway("is not known"),
    ),
    "replaced, rejected, then invited with other roles": (
        REPLACED,
        [DONE, REJECTED, (AGAIN, OTHER)],
        None,
        halfway("with other roles", has=OTHER),
    ),
    "replaced, denied: restore at once": (REPLACED, [DONE, DENIED], None, due("restore Billing")),
    "replaced, throttled: restore at once": (REPLACED, [DONE, THROTTLED], None, due("restore Billing")),
    "replaced by the legacy role, denied: restore it": (
        REPLACED_BY_ROLE,
        [DONE, DENIED],
        None,
        due("restore legacy developer"),
    ),
    "restored": (REPLACED, [DONE, CONFLICT, (AGAIN, NO_SEATS), (RESTORE, OLD)], None, halfway("was restored", has=OLD)),
    "restored, rejected": (REPLACED, [DONE, DENIED, (RESTORE, REJECTED)], None, halfway("could not be restored")),
    "restored, lost: re-read": (REPLACED, [DONE, DENIED, (RESTORE, LOST)], None, INVITATIONS),
    "restored, lost, shown": (
        REPLACED,
        [DONE, DENIED, (RESTORE, LOST)],
        read(0, RESTORED),
        halfway("was restored", has=RESTORED),
    ),
    "restored, lost, not shown for long: resend": (
        REPLACED,
        [DONE, DENIED, (RESTORE, LOST)],
        read(7),
        due("restore Billing"),
    ),
    "restored, garbled, not shown for long": (
        REPLACED,
        [DONE, DENIED, (RESTORE, GARBLED)],
        read(7),
        halfway("whether it was restored is not known"),
    ),
    "resent, restored with the same roles": (
        RESENT,
        [DONE, DENIED, (RESTORE_SAME, NEW)],
        None,
        done("renewed", has=NEW),
    ),
    # Revoking for a new invitation
    "old one gone already: re-read": (REPLACED, [GONE], None, BOTH),
    "old one gone already, nothing shown yet": (REPLACED, [GONE], read(6), BOTH),
    "old one gone already, joined": (REPLACED, [GONE], read(0, MEMBER), same("member", has=MEMBER)),
    "old one gone already, nothing shown": (REPLACED, [GONE], read(7), due("invite Developer")),
    "old one gone already, invited": (REPLACED, [GONE], read(0, NEW), same("unchanged", has=NEW)),
    "old one gone already, then rejected": (REPLACED, [GONE, REJECTED], read(2), failed("Could not.")),
    "old one perhaps revoked, invited": (REPLACED, [UNCLEAR], read(0, NEW), done("replaced", has=NEW)),
    "old one perhaps revoked, the re-read fails": (
        REPLACED,
        [UNCLEAR],
        unread(),
        halfway("with Billing, was revoked."),
    ),
    "revoking lost: re-read": (REPLACED, [LOST], None, INVITATIONS),
    "revoking lost, not shown yet": (REPLACED, [LOST], read(6), INVITATIONS),
    "revoking lost, not shown": (REPLACED, [LOST], read(7), due("invite Developer")),
    "revoking lost, the re-read fails": (REPLACED, [LOST], unread(), halfway("is not known")),
    "revoking lost, then rejected, the re-read fails: again": (
        REPLACED,
        [LOST, REJECTED],
        unread(),
        due("invite Developer"),
    ),
    "revoking lost, then denied, the re-read fails: restore": (
        REPLACED,
        [LOST, DENIED],
        unread(),
        due("restore Billing"),
    ),
    "revoking lost, still shown": (REPLACED, [LOST], read(6, OLD), INVITATIONS),
    "revoking lost, still shown for long": (REPLACED, [LOST], read(7, OLD), failed("Could not", has=OLD)),
    "revoking rejected: re-read": (REPLACED, [REJECTED], None, INVITATIONS),
    "revoking rejected, still shown": (REPLACED, [REJECTED], read(0, OLD), failed("Could not", has=OLD)),
    "revoking rejected, not shown for long": (REPLACED, [REJECTED], read(7), due("invite Developer")),
    "revoking denied": (REPLACED, [DENIED], None, failed("Could not", has=OLD)),
    "revoking the expired one rejected: it blocks nobody": (
        RENEWED,
        [REJECTED],
        read(0, LATE),
        due("invite Developer"),
    ),
    "revoking the expired one denied": (RENEWED, [DENIED], None, failed("Could not", has=LATE)),
    "revoking the expired one of two rejected": (
        REPLACED_TWO,
        [REJECTED],
        read(0, LATE),
        due("revoke 1", "invite Developer"),
    ),
    "revoking the expired one rejected, invited": (RENEWED, [REJECTED, NEW], read(-1, LATE), done("renewed", has=NEW)),
    "revoking the live one of two rejected": (
        REPLACED_TWO,
        [DONE, REJECTED],
        read(0, OLD),
        halfway("Could not", has=OLD),
    ),
    # A member who is updated
    "updated": (UPDATED, [MEMBER], read(0, MEMBER), done("updated", has=MEMBER)),
    "updated: verify": (UPDATED, [BEFORE], None, MEMBERS),
    "updated, a re-read from before": (UPDATED, [BEFORE], read(-1, MEMBER), MEMBERS),
    "updated, not shown yet": (UPDATED, [BEFORE], read(29, BEFORE), MEMBERS),
    "updated from no roles, not shown yet": (UPDATED_FROM_NONE, [NO_ROLES], read(29, NO_ROLES), MEMBERS),
    "updated, no assigned roles shown": (UPDATED_UNSHOWN, [NO_ASSIGNED], read(0, NO_ASSIGNED), done("updated")),
    "updated, shown": (UPDATED, [BEFORE], read(29, MEMBER), done("updated", has=MEMBER)),
    "updated, not shown for long": (UPDATED, [BEFORE], read(30, BEFORE), done("updated", "check later")),
    "updated, the re-read fails": (UPDATED, [BEFORE], unread(), done("updated", "check later")),
    "updating lost: re-read": (UPDATED, [LOST], None, MEMBERS),
    "updating lost, not shown yet": (UPDATED, [LOST], read(6, BEFORE), MEMBERS),
    "updating lost, shown": (UPDATED, [LOST], read(0, MEMBER), done("updated", has=MEMBER)),
    "updating lost, not shown for long": (UPDATED, [LOST], read(7, BEFORE), halfway("is not known", has=BEFORE)),
    "updating lost, the re-read fails": (UPDATED, [LOST], unread(), halfway("is not known")),
    "updating rejected: re-read": (UPDATED, [REJECTED], None, MEMBERS),
    "updating rejected, not shown": (UPDATED, [REJECTED], read(2, BEFORE), failed("Could not.", has=BEFORE)),
    "updating rejected, updated": (UPDATED, [REJECTED], read(0, MEMBER), same("unchanged", has=MEMBER)),
    "updating rejected, left": (UPDATED, [NOT_FOUND], read(2), failed("is no member any more")),
    "updating denied": (UPDATED, [DENIED], None, failed("Could not", has=BEFORE)),
    "updating throttled after a lost try": (UPDATED, [THROTTLED_AFTER_LOSS], None, halfway("Could not")),
    # A person who is to have no access
    "revoked": (REVOKED, [DONE], None, done("deleted", has=OLD)),
    "gone already: re-read": (REVOKED, [GONE], None, INVITATIONS),
    "gone already, managed: re-read members too": (MANAGED_REVOKED, [GONE], None, BOTH),
    "gone already, nothing shown yet": (REVOKED, [GONE], read(6), INVITATIONS),
    "gone already, nothing shown": (REVOKED, [GONE], read(7), same("absent")),
    "gone already, still shown": (REVOKED, [GONE], read(7, OLD), same("absent")),
    "gone already, another one shown": (REVOKED, [GONE], read(0, NEW), due("revoke 9")),
    "gone already, another one revoked": (REVOKED, [GONE, (ANOTHER, DONE)], read(7), done("deleted", has=NEW)),
    "gone already, another one rejected": (
        REVOKED,
        [GONE, (ANOTHER, REJECTED)],
        read(0, NEW),
        failed("Could not.", has=NEW),
    ),
    "gone already, another one denied": (
        REVOKED,
        [GONE, (ANOTHER, DENIED)],
        read(0, NEW),
        failed("Could not.", has=NEW),
    ),
    "gone already, the re-read fails": (REVOKED, [GONE], unread(), failed("is not known")),
    "gone already, joined": (REVOKED, [GONE], read(7, MEMBER), same("absent")),
    "gone already, managed, joined": (MANAGED_REVOKED, [GONE], read(0, MEMBER), due("remove")),
    "gone already, joined, removed": (MANAGED_REVOKED, [GONE, (REMOVE, DONE)], read(7), done("removed", has=MEMBER)),
    "gone already, joined, removing lost: re-read": (MANAGED_REVOKED, [GONE, (REMOVE, LOST)], None, BOTH),
    "gone already, named by ID": (REVOKED_BY_ID, [GONE], None, same("absent")),
    "perhaps revoked by this run": (REVOKED, [UNCLEAR], read(7), done("deleted", has=OLD)),
    "revoking lost, absent": (REVOKED, [LOST], None, INVITATIONS),
    "revoking lost, absent, not shown": (REVOKED, [LOST], read(7), done("deleted", has=OLD)),
    "revoking lost, absent, still shown for long": (REVOKED, [LOST], read(7, OLD), failed("is not known", has=OLD)),
    "revoking lost, absent, the re-read fails": (REVOKED, [LOST], unread(), halfway("is not known")),
    "revoking rejected, absent, still shown": (REVOKED, [REJECTED], read(0, OLD), failed("Could not.", has=OLD)),
    "revoking rejected, absent, gone": (REVOKED, [REJECTED], read(7), same("absent")),
    "revoking rejected after a lost try, gone": (REVOKED, [REJECTED_AFTER_LOSS], read(7), done("deleted", has=OLD)),
    "the first of two rejected": (TWO_REVOKED, [REJECTED], None, due("revoke 2")),
    "the first of two rejected, the second revoked": (
        TWO_REVOKED,
        [REJECTED, DONE],
        read(0, OLD),
        halfway("Could not.", has=OLD),
    ),
    "the first of two lost: re-read": (TWO_REVOKED, [LOST], None, INVITATIONS),
    "the first of two lost, not shown": (TWO_REVOKED, [LOST], read(7), due("revoke 2")),
    "the first of two gone already": (TWO_REVOKED, [GONE], None, due("revoke 2")),
    "the first of two denied": (TWO_REVOKED, [DENIED], None, failed("Could not.", has=OLD)),
    "the second of two denied": (TWO_REVOKED, [DONE, DENIED], None, halfway("Could not.", has=LATE)),
    "one of two gone already, the other revoked": (TWO_REVOKED, [GONE, DONE], read(7), done("deleted", has=LATE)),
    "removed": (REMOVED, [DONE], None, done("removed", has=MEMBER)),
    "left already": (REMOVED, [GONE], None, same("absent")),
    "removing lost: re-read": (REMOVED, [LOST], None, MEMBERS),
    "removing lost, not shown": (REMOVED, [LOST], read(7), done("removed", has=MEMBER)),
    "removing lost, still shown for long": (REMOVED, [LOST], read(7, MEMBER), failed("is not known", has=MEMBER)),
    "removing rejected, still shown": (REMOVED, [REJECTED], read(0, MEMBER), failed("Could not.", has=MEMBER)),
    "removing denied": (REMOVED, [DENIED], None, failed("Could not.", has=MEMBER)),
    "removed, then revoked": (REMOVED_TOO, [DONE, DONE], None, done("removed", has=MEMBER)),
    "removing lost, invited: re-read": (REMOVED_TOO, [LOST], None, MEMBERS),
    "removing lost, invited, not shown: revoke": (REMOVED_TOO, [LOST], read(7), due("revoke 1")),
    "removing denied, invited: revoke all the same": (REMOVED_TOO, [DENIED], None, due("revoke 1")),
    "removing denied, revoked": (REMOVED_TOO, [DENIED, DONE], None, halfway("Could not.", has=MEMBER)),
    "removed, revoking denied": (REMOVED_TOO, [DONE, DENIED], None, halfway("Could not.", has=OLD)),
    "left already, gone already, still shown as a member": (REMOVED_TOO, [GONE, GONE], read(0, MEMBER), BOTH),
    "left already, gone already, still shown for long": (REMOVED_TOO, [GONE, GONE], read(7, MEMBER), same("absent")),
    "the second of two accounts denied": (TWO_ACCOUNTS, [DONE, DENIED], None, halfway("Could not.", has=SECOND)),
    # Nothing to do
    "nothing to do": (NOTHING_TO_DO, [], None, same("unchanged", has=NEW)),
}


def attempts_of(person, results):
    """The attempts of the planned changes, in order, and of changes beyond the plan."""
    pairs = [
        each if isinstance(each, tuple) else (change, each)
        for change, each in zip([*person.changes, *results], results)
    ]
    return [Attempt(change, STARTED, result) for change, result in pairs]


def decided(plan, ledger, reading, outcomes=None):
    return decide(plan, ledger, outcomes or {}, reading, NOW, RETRY_TIMEOUT)


@pytest.mark.parametrize(("plan", "results", "reading", "expected"), TABLE.values(), ids=TABLE)
def test_next_step_follows_from_attempts_and_re_read(plan, results, reading, expected):
    (person,) = plan.people
    ledger = {person.email: attempts_of(person, results)} if results else {}
    decision = decided(plan, ledger, reading)
    if person.email not in decision.outcomes or decision.reads:
        assert Next(due=tuple(words(change) for _email, change in decision.due), reads=decision.reads) == expected
        return
    found = decision.outcomes[person.email]
    assert (found.action, found.changed) == (expected.action, expected.changed)
    assert expected.text in (str(found.error) if found.error else " ".join(found.warnings))
    assert bool(found.error or found.warnings) is bool(expected.text)
    if isinstance(expected.has, int):
        assert int(found.invitation.id[:8], 16) == expected.has
    elif expected.has:
        assert expected.has in (found.invitation, found.member)


ALICES_OLD = f"the earlier invitation of {ALICE}, with Billing,"
SENTENCES = {
    "invited with other roles": (
        f"{ALICE} was invited with other roles (Admin) than desired (Developer); revoke the invitation if that is too"
        " much, and use the organization's names of roles."
    ),
    "garbled, not shown for long: not sent again": (
        f"Could not; whether {ALICE} was invited is not known: run this again, it checks first."
    ),
    "rejected, invited, other roles": (
        f"Could not; {ALICE} has an invitation with other roles (Admin), which somebody else sent at the same time."
    ),
    "legacy role rejected by a migrated organization": (
        "Could not; this organization has migrated to custom roles: use roles instead of role, role_info lists them."
    ),
    "replaced, garbled: nothing is restored": (
        f"Could not; whether {ALICE} was invited is not known: run this again, it checks first; {ALICES_OLD} was"
        " revoked."
    ),
    "restored": f"Could not; {ALICES_OLD} was restored, which sent another email.",
    "restored, rejected": (
        f"Could not; {ALICE} has no invitation now: {ALICES_OLD} was revoked and could not be restored."
    ),
    "restored, garbled, not shown for long": (
        f"Could not; {ALICES_OLD} was revoked, and whether it was restored is not known."
    ),
    "updating lost, not shown for long": (
        f"Could not; whether the roles of {ALICE} were changed is not known: run this again."
    ),
    "updating rejected, left": f"Could not; {ALICE} is no member any more: run this again.",
    "gone already, the re-read fails": (
        f"Could not; whether {ALICE} still has access is not known: run this again, it checks first."
    ),
}


@pytest.mark.parametrize("row", SENTENCES)
def test_failure_says_what_the_person_has_now(row):
    plan, results, reading, _expected = TABLE[row]
    (found,) = decided(plan, {ALICE: attempts_of(plan.people[0], results)}, reading).outcomes.values()
    assert str(found.error) == SENTENCES[row]


def test_re_read_from_before_the_last_revocation_proves_nothing():
    (person,) = REVOKED.people
    attempts = [Attempt(person.changes[0], STARTED, GONE), Attempt(ANOTHER, STARTED + 8, GONE)]
    assert decided(REVOKED, {ALICE: attempts}, read(7, NEW)).reads == {"invitations"}
    assert decided(REVOKED, {ALICE: attempts}, read(15)).outcomes[ALICE].action == "absent"


@pytest.mark.parametrize(("seconds", "resends"), [(RETRY_TIMEOUT, True), (RETRY_TIMEOUT + 1, False)])
def test_invitation_is_resent_until_the_retry_timeout(seconds, resends):
    first, again = attempts_of(NEWCOMER.people[0], [LOST, (AGAIN, LOST)])
    ledger = {ALICE: [first, replace(again, at=STARTED + seconds)]}
    assert bool(decided(NEWCOMER, ledger, read(seconds + 7)).due) is resends


def test_invitation_that_is_not_known_to_be_sent_is_reported_as_ambiguous():
    (found,) = decided(NEWCOMER, {ALICE: attempts_of(NEWCOMER.people[0], [LOST])}, unread()).outcomes.values()
    assert (found.error.ambiguous, found.error.status, found.error.method) == (True, 401, "GET")


def test_failure_after_a_removal_shows_no_member_any_more():
    (found,) = decided(REMOVED_TOO, {ALICE: attempts_of(REMOVED_TOO.people[0], [DONE, DENIED])}, None).outcomes.values()
    assert (found.action, found.member, found.invitation) == ("failed", None, OLD)


def test_rolled_back_replacement_is_reported_with_the_last_rejection_of_what_is_desired():
    results = [DONE, CONFLICT, (AGAIN, NO_SEATS), (RESTORE, DENIED)]
    (found,) = decided(REPLACED, {ALICE: attempts_of(REPLACED.people[0], results)}, None).outcomes.values()
    assert found.error.reason == "no seats"


# --- several people --------------------------------------------------------------------------------------------------

EVE = "eve@example.com"
PEOPLE = (ALICE, BOB, CAROL, DAVE, EVE)


def roster_of(count, *members, invitations=(), **policy):
    wanted = [replace(DESIRED, email=email) for email in PEOPLE[:count]]
    return plan_present(wanted, current(invitations, members), Policy(**policy))


def begun(plan, *results):
    """The ledger after the first people's only changes came out so."""
    return {person.email: attempts_of(person, [result]) for person, result in zip(plan.people, results)}


def sent_to(email):
    return invited(DEVELOPER, email=email, number=9)


# what came of the first people's invitations | whether the next one is invited, waits or is not attempted
NEXT_PERSON = {
    "nobody before": ((), "invited"),
    "invited": ((sent_to(ALICE),), "invited"),
    "rejected": ((REJECTED,), "invited"),
    "other roles": ((invited(ADMIN, number=8),), "invited"),
    "lost": ((LOST,), "invited"),
    "two lost": ((LOST, LOST), "waits"),
    "lost, then rejected": ((LOST, REJECTED), "invited"),
    "rejected, then lost": ((REJECTED, LOST), "invited"),
    "denied": ((DENIED,), "not attempted"),
    "unauthorized": ((UNAUTHORIZED,), "not attempted"),
    "unauthorized by a proxy": ((failure(407),), "not attempted"),
    "throttled": ((THROTTLED,), "not attempted"),
    "out of reach": ((failure(transient=True),), "not attempted"),
    "wrong clock": ((expired(DEVELOPER, number=9),), "not attempted"),
    "lost, then denied": ((LOST, DENIED), "waits"),
}


@pytest.mark.parametrize(("results", "expected"), NEXT_PERSON.values(), ids=NEXT_PERSON)
def test_next_person_is_invited_unless_a_failure_is_systemic(results, expected):
    plan = roster_of(len(results) + 1)
    last = plan.people[-1].email
    decision = decided(plan, begun(plan, *results), None)
    came = "invited" if (last, Invite(replace(DESIRED, email=last))) in decision.due else "waits"
    if last in decision.outcomes:
        came = "not attempted"
        error = decision.outcomes[last].error
        assert str(error).endswith(" was not attempted after an earlier failure.")
        assert error.reason.startswith("not attempted after: ")
    assert came == expected


def test_two_people_who_are_rejected_when_resent_stop_nobody_else():
    plan = roster_of(3)
    ledger = {person.email: attempts_of(person, [LOST, (AGAIN, CONFLICT)]) for person in plan.people[:2]}
    decision = decided(plan, ledger, read(7))
    assert [found.action for found in decision.outcomes.values()] == ["failed", "failed"]
    assert [email for email, _change in decision.due] == [CAROL]


MEMBERS_NOW = [joined(ADMIN, BILLING, email=email) for email in PEOPLE]
STAYS = joined(ADMIN, email="frank@example.com")


@pytest.mark.parametrize(
    ("results", "goes_on"),
    [
        ([DENIED], True),
        ([DENIED, DENIED], False),
        ([DENIED, REJECTED, DENIED], True),
        ([UNAUTHORIZED], False),
    ],
    ids=["denied", "two denied in a row", "two denied, not in a row", "unauthorized"],
)
@pytest.mark.parametrize("invitations", [(), [invited(email=email) for email in PEOPLE]], ids=["", "invited, too"])
@pytest.mark.parametrize("removed", [False, True], ids=["updated", "removed"])
def test_one_member_who_may_not_be_changed_stops_nobody_else(results, goes_on, removed, invitations):
    now = current(invitations, [*MEMBERS_NOW, STAYS])
    policy = Policy(manage_members=True)
    plan = (
        plan_absent(PEOPLE, now, policy)
        if removed
        else roster_of(5, *now.members, invitations=invitations, manage_members=True)
    )
    ledger = begun(plan, *results)
    for attempts in ledger.values():
        # Their invitations are revoked all the same.
        attempts += [Attempt(change, STARTED, DONE) for change in plan.people[0].changes[1:] if goes_on]
    decision = decided(plan, ledger, read(2, *now.members))
    assert (plan.people[len(results)].email in dict(decision.due)) is goes_on


def test_systemic_failure_is_reported_for_everybody_who_was_not_attempted():
    held = invited(BILLING, email=CAROL)
    plan = roster_of(4, invitations=[held, sent_to(DAVE)])
    error = failure(403, "DENIED", path="/v1", request_id="id")
    outcomes = decided(plan, begun(plan, error), None).outcomes
    assert [outcomes[email].action for email in PEOPLE[:4]] == ["failed", "failed", "failed", "unchanged"]
    assert outcomes[CAROL].error.as_result() == {**error.as_result(), "reason": "not attempted after: DENIED"}
    assert (outcomes[CAROL].changed, outcomes[CAROL].invitation) == (False, held)


@pytest.mark.parametrize(
    ("error", "readable"),
    [(UNAUTHORIZED, False), (THROTTLED, False), (DENIED, True), (LOST, True)],
    ids=["unauthorized", "throttled", "denied", "lost"],
)
def test_nothing_is_read_if_a_systemic_failure_would_meet_it_too(error, readable):
    plan = roster_of(2)
    decision = decided(plan, begun(plan, LOST, error), None)
    assert decision.reads
    assert (decision.unreachable is None) is readable


def test_updates_are_not_verified_if_a_systemic_failure_would_meet_the_read_too():
    plan = roster_of(2, *(joined(BILLING, email=email) for email in PEOPLE[:2]), manage_members=True)
    ledger = begun(plan, joined(BILLING), THROTTLED)
    decision = decided(plan, ledger, None)
    assert (decision.reads, decision.unreachable.status) == ({"members"}, 429)
    decision = decided(plan, ledger, read(0, error=THROTTLED), decision.outcomes)
    assert (decision.reads, decision.outcomes[ALICE].action) == (set(), "updated")
    assert len(decision.outcomes[ALICE].warnings) == 1


def test_one_read_serves_everybody_who_waits():
    plan = roster_of(3)
    ledger = begun(plan, LOST, REJECTED, LOST)
    assert decided(plan, ledger, None).reads == {"invitations", "members"}
    decision = decided(plan, ledger, read(7, sent_to(ALICE)))
    assert {email: found.action for email, found in decision.outcomes.items()} == {ALICE: "created", BOB: "failed"}
    assert [email for email, _change in decision.due] == [CAROL]


def test_nobody_begins_while_somebody_may_be_left_without_an_invitation():
    plan = roster_of(2, invitations=[OLD])
    assert [each.action for each in plan.people] == ["replaced", "created"]
    ledger = {ALICE: attempts_of(plan.people[0], [DONE, REJECTED])}
    assert not decided(plan, ledger, None).due
    assert [email for email, _change in decided(plan, ledger, read(2)).due] == [ALICE]
    assert [email for email, _change in decided(plan, ledger, read(0, NEW)).due] == [BOB]


def test_outcomes_are_not_decided_again():
    plan = roster_of(1)
    first = decided(plan, begun(plan, NEW), None).outcomes
    assert decided(plan, begun(plan, LOST), None, first).outcomes == first


def test_earlier_phase_is_settled_before_the_next_one_begins():
    roster = [replace(DESIRED, email=DAVE), desired(ADMIN, email=BOB), replace(DESIRED, email=ALICE)]
    members = [joined(ADMIN), joined(DEVELOPER, email=BOB), joined(BILLING, email=CAROL)]
    policy = Policy(manage_members=True, purge=True)
    plan = plan_present(roster, current([], members), policy)
    assert [email for email, _change in decided(plan, {}, None).due] == [DAVE, BOB]
    ledger = {DAVE: attempts_of(plan.people[0], [LOST]), BOB: attempts_of(plan.people[1], [joined(ADMIN, email=BOB)])}
    assert not decided(plan, ledger, None).due
    ledger[DAVE] = attempts_of(plan.people[0], [sent_to(DAVE)])
    decision = decided(plan, ledger, None)
    assert [email for email, _change in decision.due] == [ALICE]
    ledger[ALICE] = attempts_of(plan.people[2], [REJECTED])
    assert not decided(plan, ledger, None, decision.outcomes).due
    # Somebody's failure holds nobody up.
    decision = decided(plan, ledger, read(2, *members), decision.outcomes)
    assert [words(change) for _email, change in decision.due] == ["remove"]


SWAP = plan_present(
    [desired(ADMIN, email=BOB), DESIRED], current([], [joined(ADMIN), joined(email=BOB)]), Policy(manage_members=True)
)


@pytest.mark.parametrize("failure_of_bob", [None, DENIED, REJECTED], ids=["made one", "denied", "rejected"])
def test_last_administrator_is_kept_unless_somebody_else_was_made_one(failure_of_bob):
    reading = read(2, joined(email=BOB))
    decision = decided(SWAP, begun(SWAP, failure_of_bob or joined(ADMIN, email=BOB)), reading)
    if failure_of_bob is None:
        assert [email for email, _change in decision.due] == [ALICE]
        return
    assert not decision.due
    kept = decision.outcomes[ALICE]
    assert (kept.action, kept.changed, kept.member) == ("failed", False, joined(ADMIN))
    assert str(kept.error) == f"{ALICE} stays an administrator, since nobody else could be made one."


def test_updates_are_verified_together_after_the_last_write():
    members = [joined(BILLING, email=email) for email in PEOPLE[:2]]
    plan = roster_of(3, *members, manage_members=True)
    updated = [joined(DEVELOPER, email=email) for email in PEOPLE[:2]]
    invited_person, *others = plan.people
    ledger = {person.email: attempts_of(person, [member]) for person, member in zip(others, members)}
    ledger[invited_person.email] = attempts_of(invited_person, [LOST])
    assert decided(plan, ledger, None).reads == {"invitations", "members"}
    ledger[invited_person.email] = attempts_of(invited_person, [sent_to(CAROL)])
    assert decided(plan, ledger, None).reads == {"members"}
    assert decided(plan, ledger, read(0, updated[0], members[1])).reads == {"members"}
    decision = decided(plan, ledger, read(2, *updated))
    assert not decision.reads
    assert [decision.outcomes[email].member for email in PEOPLE[:2]] == updated
