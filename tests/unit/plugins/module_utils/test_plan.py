# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person has now, is to have, and the plan between the two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Phase, Policy, predict
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import Limit, OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import (
    fold,
    plan_absent,
    plan_present,
    plan_removal,
    plan_revocation,
)
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Desired, Invitation, Role, latest
from cast import ALICE, BOB, CAROL, DAVE

from ..people import current, desired, expired, invited, joined, unreadable_roles, without_roles, words
from ..records import ADMIN, ANALYST, BILLING, DAY, DEVELOPER, HOUR, NOW, uid

FAMILIES = pytest.mark.parametrize("manage_members", [False, True], ids=["invitations", "memberships"])

DUE = {"renew_before": 2 * DAY}
NEVER = {"renew_before": None}
RESEND = {"resend": True}
LONG = {"renew_before": 7 * DAY}

AS_DESIRED = invited(DEVELOPER)
DESIRED = desired(DEVELOPER)
SOON = invited(DEVELOPER, age=6 * DAY, left=DAY)
LATE = expired(DEVELOPER)


def person_of(wanted, invitations=(), members=(), **policy):
    """The plan for one person, and the person's changes in words."""
    (person,) = plan_present([wanted], current(invitations, members), Policy(**policy)).people
    return person, ", ".join(map(words, person.changes))


def row(found, action, changes="", wanted=DESIRED, warning=None, **policy):
    """What a person has now, and what is planned, for the desired roles by this policy."""
    return found, action, changes, wanted, warning, policy


NEW, RENEWED = ("created", "invite Developer"), ("renewed", "revoke 1, invite Developer")
INSTEAD = ("replaced", "revoke 1, invite Admin")
INCOMPARABLE = {"wanted": desired(BILLING), "warning": "cannot be compared"}
IGNORED = "renew_before (7d) is ignored for alice@example.com, whose invitation is valid for 7d in total"
PRESENT = {
    "nothing": row([], *NEW),
    "nothing, legacy role": row([], "created", "invite legacy admin", desired(role="admin")),
    "nothing, never renew": row([], *NEW, **NEVER),
    "nothing, resend": row([], *NEW, **RESEND),
    "someone else's": row([invited(DEVELOPER, email=BOB)], *NEW),
    "live": row([AS_DESIRED], "unchanged"),
    "live, resend": row([AS_DESIRED], *RENEWED, **RESEND),
    "live, never renew, resend": row([AS_DESIRED], *RENEWED, **NEVER, **RESEND),
    "no expiry": row([invited(DEVELOPER, left=None)], "unchanged", **DUE),
    "other roles": row([AS_DESIRED], *INSTEAD, desired(ADMIN)),
    "other roles, resend": row([AS_DESIRED], *INSTEAD, desired(ADMIN), **RESEND),
    "other roles, soon": row([SOON], *INSTEAD, desired(ADMIN), **DUE),
    "other legacy role": row([invited()], "replaced", "revoke 1, invite legacy admin", desired(role="admin")),
    "unknown roles": row([invited()], "unchanged", **INCOMPARABLE),
    "unknown roles, soon": row([invited(age=6 * DAY, left=DAY)], "unchanged", **INCOMPARABLE, **DUE),
    "unknown roles, resend": row([invited()], "unchanged", **INCOMPARABLE, **RESEND),
    "expired": row([LATE], *RENEWED),
    "expired right now": row([invited(DEVELOPER, left=0 * DAY)], *RENEWED),
    "expired, other roles": row([LATE], "renewed", "revoke 1, invite Admin", desired(ADMIN)),
    "expired, never renew": row([LATE], "expired", **NEVER),
    "expired, never renew, resend": row([LATE], *RENEWED, **NEVER, **RESEND),
    "expired, lived shorter than renew_before": row([LATE], *RENEWED, renew_before=9 * DAY),
    "soon": row([SOON], *RENEWED, **DUE),
    "soon, at the limit": row([SOON], *RENEWED, renew_before=DAY),
    "soon, before the limit": row([SOON], "unchanged", renew_before=DAY - HOUR),
    "soon, never renew": row([SOON], "unchanged", **NEVER),
    "lives no longer than renew_before": row([AS_DESIRED], "unchanged", warning=IGNORED, **LONG),
    "unknown lifetime": row([invited(DEVELOPER, age=None)], "unchanged", warning="does not show how long", **LONG),
    "two, one as desired": row(
        [invited(ADMIN), invited(DEVELOPER, number=2), expired(ADMIN, number=3)], "replaced", "revoke 1"
    ),
    "two, one as desired that expires first": row(
        [invited(ADMIN), invited(DEVELOPER, number=2, left=DAY)], "replaced", "revoke 1, revoke 2, invite Developer"
    ),
    "two, one unknown, one other": row(
        *([invited(ADMIN), invited(number=2)], "unchanged", "", desired(BILLING)),
        "has another invitation, with other roles (Admin)",
    ),
    "two, both as desired": row([AS_DESIRED, invited(DEVELOPER, number=2)], "unchanged"),
    "two, one soon": row([AS_DESIRED, invited(DEVELOPER, number=2, left=DAY)], "unchanged", **DUE),
    "two, both soon: the later one goes last": row(
        [SOON, invited(DEVELOPER, number=2, left=HOUR)], "renewed", "revoke 2, revoke 1, invite Developer", **DUE
    ),
    "two, one as desired and soon": row(
        [SOON, invited(ADMIN, number=2)], "renewed", "revoke 2, revoke 1, invite Developer", **DUE
    ),
    "two, one as desired and expired": row(
        [LATE, invited(ADMIN, number=2)], "replaced", "revoke 1, revoke 2, invite Developer"
    ),
    "two, live before expired, other roles": row(
        [invited(ADMIN), expired(BILLING, number=2)], "replaced", "revoke 2, revoke 1, invite Developer"
    ),
    "two, both other roles": row(
        [invited(ADMIN), invited(BILLING, number=2, left=DAY)], "replaced", "revoke 2, revoke 1, invite Developer"
    ),
    "two, one unknown": row([invited(), expired(ANALYST, number=2)], "unchanged", **INCOMPARABLE),
    "two expired": row(
        [LATE, expired(DEVELOPER, number=2, left=-HOUR)], "renewed", "revoke 1, revoke 2, invite Developer"
    ),
}


@FAMILIES
@pytest.mark.parametrize(("found", "action", "changes", "wanted", "warning", "policy"), PRESENT.values(), ids=PRESENT)
def test_invitation_is_planned(found, action, changes, wanted, warning, policy, manage_members):
    person, planned = person_of(wanted, found, manage_members=manage_members, **policy)
    assert (person.action, planned) == (action, changes)
    assert any(warning in each for each in person.warnings) if warning else not person.warnings


BY_ROLE = desired(role="admin")
OTHER_ROLES = "with other roles (Admin, Billing) than desired (Developer), and an invitation cannot change them"
TWICE = [invited(DEVELOPER), invited(DEVELOPER, number=2), expired(ADMIN, number=3)]
TO_BILLING = ("updated", "update Billing", desired(BILLING))
# a member | invitations now | the action of `invitation` and its warning
# | the action of `membership` and its changes | desired | policy
MEMBERS = {
    "as desired": (joined(DEVELOPER), [], "member", None, "unchanged", "", DESIRED, {}),
    "other roles": (joined(ADMIN, BILLING), [], "member", OTHER_ROLES, "updated", "update Developer", DESIRED, {}),
    "other legacy role": (joined(), [], "member", "(developer)", "updated", "update legacy admin", BY_ROLE, {}),
    "unknown roles": (joined(), [], "member", None, *TO_BILLING, {}),
    "no roles": (without_roles(joined()), [], "member", "(no roles)", *TO_BILLING, {}),
    "unreadable roles": (unreadable_roles(joined()), [], "member", None, *TO_BILLING, {}),
    "resend": (joined(DEVELOPER), [], "member", None, "unchanged", "", DESIRED, RESEND),
    "expired invitation": (joined(DEVELOPER), [LATE], "member", None, "unchanged", "", DESIRED, {}),
    "expired invitation, resend": (joined(DEVELOPER), [LATE], "member", None, "unchanged", "", DESIRED, RESEND),
    "expired invitation, never": (joined(DEVELOPER), [LATE], "expired", None, "unchanged", "", DESIRED, NEVER),
    "live invitation": (
        *(joined(ADMIN), [AS_DESIRED], "unchanged", None, "updated", "revoke 1, update Developer", DESIRED, {}),
    ),
    "live invitations, roles as desired": (
        *(joined(DEVELOPER), TWICE, "unchanged", None, "updated", "revoke 1, revoke 2", DESIRED, {}),
    ),
}


@pytest.mark.parametrize(
    ("member", "found", "action", "warning", "managed", "changes", "wanted", "policy"), MEMBERS.values(), ids=MEMBERS
)
def test_member_is_left_alone_or_updated(member, found, action, warning, managed, changes, wanted, policy):
    person, planned = person_of(wanted, found, [member], **policy)
    assert (person.action, planned) == (action, "")
    assert [warning in each for each in person.warnings] == ([True] if warning else [])
    person, planned = person_of(wanted, found, [member], manage_members=True, **policy)
    assert (person.action, planned, person.warnings) == (managed, changes, ())


# invitations now | a member | the action and changes of the invitation modules | and of the membership modules
ABSENT = {
    "nothing": ([], None, ("absent", ""), ("absent", "")),
    "live": ([invited()], None, ("deleted", "revoke 1"), ("deleted", "revoke 1")),
    "expired": ([expired()], None, ("deleted", "revoke 1"), ("deleted", "revoke 1")),
    "three, the live ones first": (
        [expired(), invited(number=2, left=HOUR), invited(number=3)],
        None,
        ("deleted", "revoke 3, revoke 2, revoke 1"),
        ("deleted", "revoke 3, revoke 2, revoke 1"),
    ),
    "someone else's": ([invited(email=BOB)], joined(email=BOB), ("absent", ""), ("absent", "")),
    "member": ([], joined(), ("absent", ""), ("removed", "remove")),
    "member, live": ([invited()], joined(), ("deleted", "revoke 1"), ("removed", "remove, revoke 1")),
}


@FAMILIES
@pytest.mark.parametrize(("found", "member", "invitations", "memberships"), ABSENT.values(), ids=ABSENT)
def test_access_is_taken(found, member, invitations, memberships, manage_members):
    now = current(found, [member] if member else [])
    (person,) = plan_absent([ALICE, ALICE], now, Policy(manage_members=manage_members)).people
    planned = (person.action, ", ".join(map(words, person.changes)))
    assert planned == (memberships if manage_members else invitations)


def test_every_membership_of_a_person_is_taken_that_of_an_administrator_first():
    accounts = [joined(user_id=uid(1)), joined(ADMIN, user_id=uid(2))]
    plan = plan_absent([ALICE], current(members=accounts), Policy(manage_members=True))
    assert [change.member for change in plan.people[0].changes] == accounts[::-1]
    assert plan.people[0].takes_admin


@pytest.mark.parametrize(
    ("invitation", "action", "changes"),
    [(None, "absent", []), (invited(number=5), "deleted", ["revoke 5"])],
    ids=["unknown", "known"],
)
def test_revocation_by_id_takes_this_one_invitation(invitation, action, changes):
    (person,) = plan_revocation(invitation, current()).people
    assert (person.action, list(map(words, person.changes)), person.by_id) == (action, changes, True)


# What is there: Bob, who is not listed, has joined and is invited; Carol is only invited, Dave's invitation expired.
OTHERS = current(
    [invited(email=BOB, number=2), invited(email=CAROL, number=3), expired(email=DAVE, number=4)], [joined(email=BOB)]
)


@pytest.mark.parametrize(
    ("policy", "planned"),
    [
        ({"purge": False}, []),
        ({}, [(BOB, "revoke 2"), (CAROL, "revoke 3"), (DAVE, "revoke 4")]),
        ({"manage_members": True}, [(BOB, "remove, revoke 2"), (CAROL, "revoke 3"), (DAVE, "revoke 4")]),
        ({"manage_members": True, "purge_exclude": frozenset((BOB, DAVE))}, [(CAROL, "revoke 3")]),
    ],
    ids=["not purged", "invitations", "memberships", "excluded"],
)
def test_purge_takes_access_from_people_who_are_not_listed(policy, planned):
    plan = plan_present([desired(DEVELOPER)], OTHERS, Policy(**{"purge": True, **policy}))
    assert [(each.email, ", ".join(map(words, each.changes))) for each in plan.people[1:]] == planned


@pytest.mark.parametrize(
    "email", ["a*b@example.com", "root@localhost", "two words@example.com", r"b\u200b@example.com"]
)
@FAMILIES
def test_purge_leaves_people_alone_whom_no_roster_can_name(email, manage_members):
    now = current([invited(email=email)], [joined(ADMIN, email=BOB), joined(email=email, user_id=uid(9))])
    roster = [desired(ADMIN, email=BOB)]
    plan = plan_present(roster, now, Policy(manage_members=manage_members, purge=True))
    assert [each.email for each in plan.people] == [BOB]
    warning = f"{email} has access, and purge leaves it alone, because no roster can contain this address."
    assert warning in list(plan.warnings(now))


UNREADABLE = current([invited(email=BOB)], [joined(ADMIN)], unreadable=2)


def test_purge_fails_if_records_cannot_be_read():
    plan = plan_present([desired(ADMIN)], UNREADABLE, Policy(purge=True, manage_members=True))
    with pytest.raises(OptionError, match="purge needs complete lists, and 2 records"):
        plan.check(UNREADABLE)


def test_person_who_is_not_found_fails_if_records_cannot_be_read():
    plan = plan_absent([BOB, CAROL], UNREADABLE, Policy(manage_members=True))
    bob, carol = map(predict, plan.people)
    assert (bob.action, carol.action, carol.changed) == ("deleted", "failed", False)
    assert str(carol.error).startswith(f"{CAROL} was not found, but 2 records in ClickHouse Cloud's lists cannot be")
    assert predict(plan_revocation(None, UNREADABLE).people[0]).action == "failed"
    assert predict(plan_removal(uid(9), UNREADABLE, Policy(manage_members=True)).people[0]).action == "failed"


def test_removal_by_user_id_leaves_another_account_alone():
    accounts = [joined(DEVELOPER, user_id=uid(1)), joined(ADMIN, user_id=uid(2)), joined(ADMIN, email=BOB)]
    now = current([invited(number=5), invited(email=BOB)], accounts)
    (person,) = plan_removal(uid(1), now, Policy(manage_members=True)).people
    assert (person.action, person.member, [*map(words, person.changes)]) == (
        "removed",
        accounts[0],
        ["remove", "revoke 5"],
    )


# invited | loses access | whether that may be a typing error
TYPING_ERRORS = {
    "two letters swapped": ("dev2@exmaple.com", "dev2@example.com", True),
    "letter missing": ("dev2@exmple.com", "dev2@example.com", True),
    "letter added": ("dev22@example.com", "dev2@example.com", True),
    "other letter": ("dev3@example.com", "dev2@example.com", True),
    "other person": ("carol@example.com", "dev2@example.com", False),
}


@pytest.mark.parametrize(("new", "old", "near"), TYPING_ERRORS.values(), ids=TYPING_ERRORS)
def test_invitation_that_may_be_a_typing_error_is_a_warning(new, old, near):
    now = current([invited(email=old)])
    plan = plan_present([desired(DEVELOPER, email=new)], now, Policy(purge=True))
    warning = f"{new} is invited and {old} loses access: check that this is not a typing error."
    assert [each for each in plan.warnings(now) if "typing" in each] == ([warning] if near else [])


def test_excluded_address_that_nobody_has_is_a_warning():
    now = current([invited(), expired(email=BOB, number=2)], [joined(email=CAROL)])
    policy = Policy(purge=True, purge_exclude=frozenset((BOB, CAROL, DAVE)))
    warnings = list(plan_present([desired(DEVELOPER)], now, policy).warnings(now))
    assert warnings == [f"purge_exclude: nobody has the address {DAVE}; check its spelling."]


# --- order -----------------------------------------------------------------------------------------------------------

ORDER = {
    "invited": (desired(DEVELOPER), None, Phase.GRANT),
    "additional role": (desired(DEVELOPER, BILLING), joined(DEVELOPER), Phase.GRANT),
    "becomes administrator": (desired(ADMIN), joined(DEVELOPER), Phase.GRANT),
    "becomes administrator by the legacy role": (desired(role="admin"), joined(), Phase.GRANT),
    "fewer roles": (desired(DEVELOPER), joined(DEVELOPER, BILLING), Phase.DEMOTE),
    "other roles": (desired(BILLING), joined(DEVELOPER), Phase.DEMOTE),
    "is no longer an administrator": (desired(role="developer"), joined(role="admin"), Phase.DEMOTE),
    "had no roles": (desired(DEVELOPER), without_roles(joined(role="admin")), Phase.GRANT),
    "administrator with fewer roles": (desired(ADMIN), joined(ADMIN, BILLING), Phase.GRANT),
}


@pytest.mark.parametrize(("wanted", "member", "phase"), ORDER.values(), ids=ORDER)
def test_roles_are_added_before_others_are_taken(wanted, member, phase):
    person, _changes = person_of(wanted, [], [member] if member else [], manage_members=True)
    assert person.phase is phase


def test_access_is_granted_before_it_is_taken():
    roster = [desired(DEVELOPER), desired(ADMIN, email=BOB), desired(BILLING, email=CAROL)]
    now = current([invited(email="eve@example.com")], [joined(ADMIN), joined(BILLING, email=BOB), joined(email=DAVE)])
    plan = plan_present(roster, now, Policy(manage_members=True, purge=True))
    assert [(each.email, each.action) for each in plan.people] == [
        (BOB, "updated"),
        (CAROL, "created"),
        (ALICE, "updated"),
        (DAVE, "removed"),
        ("eve@example.com", "deleted"),
    ]


# --- safety ----------------------------------------------------------------------------------------------------------

# purge_limit | people now | of these stay | whether it may be applied
LIMITS = {
    "25% of 20, at the limit": (Limit(25, percentage=True), 20, 15, True),
    "25% of 20, above": (Limit(25, percentage=True), 20, 14, False),
    "25% of 7, rounded down": (Limit(25, percentage=True), 7, 5, False),
    "25% of 3 is one person": (Limit(25, percentage=True), 3, 2, True),
    "100%": (Limit(100, percentage=True), 20, 1, True),
    "count, at the limit": (Limit(2), 20, 18, True),
    "count, above": (Limit(2), 20, 17, False),
    "count of none": (Limit(0), 20, 19, False),
}


@FAMILIES
@pytest.mark.parametrize(("limit", "have", "stay", "safe"), LIMITS.values(), ids=LIMITS)
def test_purge_limit(limit, have, stay, safe, manage_members):
    emails = [f"person-{number:02}@example.com" for number in range(have)]
    if manage_members:
        admin, *others = emails
        members = [joined(email=email) for email in others]
        now = current([invited(email=emails[-1])], [joined(role="admin", email=admin), *members])
    else:
        now = current([invited(email=email) for email in emails], [joined(email=email) for email in "abcdefgh"])
    policy = Policy(manage_members=manage_members, purge=True, purge_limit=limit)
    roster = [desired(role="developer" if number else "admin", email=email) for number, email in enumerate(emails)]
    plan = plan_present(roster[:stay], now, policy)
    if safe:
        plan.check(now)
        return
    with pytest.raises(OptionError) as caught:
        plan.check(now)
    purged, most = have - stay, limit.most(have)
    assert str(caught.value).startswith(
        f"Nothing was changed: purge would take access from {purged} of {have} people, and purge_limit ({limit})"
        f" allows {most}: {emails[stay]}"
    )


def test_exceeded_purge_limit_names_five_people_and_says_how_many_more():
    now = current([invited(email=f"{letter}@example.com") for letter in "gfedcba"])
    plan = plan_present([desired(DEVELOPER)], now, Policy(purge=True, purge_limit=Limit(1)))
    with pytest.raises(OptionError, match=r": a@example\.com, b.*, e@example\.com, and 2 more\. Check that the roster"):
        plan.check(now)


@pytest.mark.parametrize("purge", [False, True])
def test_purge_limit_counts_neither_expired_invitations_nor_people_who_are_named(purge):
    now = current([*(expired(email=f"{letter}@example.com") for letter in "abc"), invited(email=BOB, number=9)])
    policy = Policy(purge=purge, purge_limit=Limit(0))
    (plan_present([desired(DEVELOPER, email=BOB)], now, policy) if purge else plan_absent([BOB], now, policy)).check(
        now
    )


@pytest.mark.parametrize("days", [-30, 0, 30])
@pytest.mark.parametrize("limit", [Limit(25, percentage=True), Limit(0)], ids=str)
def test_wrong_clock_does_not_make_a_purge_safe(limit, days):
    late = [expired(email=f"late-{number}@example.com", number=number) for number in range(8)]
    live = [invited(DEVELOPER, email=email, number=20 + number) for number, email in enumerate((BOB, CAROL))]
    members = [joined(ADMIN), joined(DEVELOPER, email=DAVE)]
    right, wrong = NOW, NOW + days * DAY
    now = replace(current([*late, *live], members), now=min(right, wrong), later=max(right, wrong))
    roster = [
        desired(ADMIN),
        desired(DEVELOPER, email=DAVE),
        *(desired(role="developer", email=each.email) for each in late),
    ]
    policy = Policy(manage_members=True, purge=True, purge_limit=limit)
    with pytest.raises(OptionError, match="purge would take access from 2 of"):
        plan_present(roster, now, policy).check(now)


EVERYBODY_ADMIN = [joined(ADMIN), joined(ADMIN, email=BOB)]
# members now | the roster | who else is to go | whether somebody stays an administrator
ADMINS = {
    "the only one is demoted": ([joined(ADMIN)], [desired(DEVELOPER)], [], False),
    "the only one is demoted, legacy": ([joined(role="admin")], [desired(role="developer")], [], False),
    "the only one is removed": ([joined(ADMIN), joined(BILLING, email=BOB)], [], [ALICE], False),
    "all go": (EVERYBODY_ADMIN, [desired(DEVELOPER)], [BOB], False),
    "another one stays": (EVERYBODY_ADMIN, [desired(DEVELOPER)], [], True),
    "a member becomes one": (
        [joined(ADMIN), joined(email=BOB)],
        [desired(DEVELOPER), desired(ADMIN, email=BOB)],
        [],
        True,
    ),
    "a member becomes one, legacy": (
        [joined(ADMIN), joined(email=BOB)],
        [desired(role="admin", email=BOB)],
        [ALICE],
        True,
    ),
    "somebody is only invited as one": ([joined(ADMIN)], [desired(DEVELOPER), desired(ADMIN, email=BOB)], [], False),
    "it keeps other roles": ([joined(ADMIN)], [desired(ADMIN, BILLING)], [], True),
    "there is none, and nobody loses anything": ([joined(BILLING)], [desired(BILLING, DEVELOPER)], [], True),
    "one without a type of role": ([joined(Role(ADMIN.id, "Admin"))], [desired(DEVELOPER)], [], False),
    "a frozen legacy role does not count": (
        [joined(ADMIN), without_roles(joined(role="admin", email=BOB))],
        [desired(DEVELOPER)],
        [],
        False,
    ),
    "a legacy role does not count beside roles that are shown": (
        [joined(ADMIN), joined(role="admin", email=BOB)],
        [desired(DEVELOPER)],
        [],
        False,
    ),
    "one with a frozen legacy role becomes one": (
        [joined(ADMIN), without_roles(joined(role="admin", email=BOB))],
        [desired(DEVELOPER), desired(ADMIN, email=BOB)],
        [],
        True,
    ),
    "nobody is touched": ([joined(ADMIN)], [], [CAROL], True),
}


@pytest.mark.parametrize(("members", "roster", "go", "safe"), ADMINS.values(), ids=ADMINS)
def test_somebody_stays_an_administrator(members, roster, go, safe):
    # The people who are to go are purged or, without a roster, named.
    now, policy = current([], members), Policy(manage_members=True, purge=bool(go))
    plan = plan_present(roster, now, policy) if roster else plan_absent(go, now, policy)
    if safe:
        plan.check(now)
        return
    with pytest.raises(OptionError, match=r"^Nothing was changed: no member would have the system role Admin.*alice"):
        plan.check(now)


# Who has joined | who is to have which roles, or to go
UNRECOGNIZED = {
    "removed": ([joined(Role(uid(1), "Owner", "system"))], None),
    "demoted": ([joined(Role(uid(1), "Owner", "system"))], desired(DEVELOPER)),
    "unreadable roles": ([unreadable_roles(joined(role="admin"))], None),
}


@pytest.mark.parametrize(("members", "wanted"), UNRECOGNIZED.values(), ids=UNRECOGNIZED)
def test_no_member_loses_anything_while_no_administrator_is_recognized(members, wanted):
    now, policy = current([], members), Policy(manage_members=True)
    plan = plan_present([wanted], now, policy) if wanted else plan_absent([ALICE], now, policy)
    with pytest.raises(OptionError, match=r"no member is recognized as having the system role Admin.*alice@"):
        plan.check(now)


@pytest.mark.parametrize("order", [1, -1])
def test_administrators_account_counts_of_a_person_with_two(order):
    accounts = [joined(ADMIN, user_id=uid(1)), joined(DEVELOPER, user_id=uid(2))][::order]
    plan = plan_present([desired(DEVELOPER)], current([], accounts), Policy(manage_members=True))
    assert plan.people[0].member.user_id == uid(1)


def test_other_account_of_a_person_is_left_alone_with_a_warning():
    accounts = [joined(DEVELOPER, user_id=uid(1)), joined(BILLING, user_id=uid(2)), joined(DEVELOPER, user_id=uid(3))]
    (person,) = plan_present([desired(DEVELOPER)], current([], accounts), Policy(manage_members=True)).people
    assert (person.action, len(person.warnings)) == ("unchanged", 1)
    assert f"user ID {uid(2)} has other roles (Billing)" in person.warnings[0]


def test_invitation_modules_touch_no_administrator():
    now = current([], [joined(ADMIN)])
    plan = plan_present([desired(DEVELOPER)], now, Policy(purge=True))
    plan.check(now)
    assert not plan.people[0].changes


# --- what is at risk -------------------------------------------------------------------------------------------------

UNSEEN = Desired(ALICE, None, (Role(ADMIN.id),))
# invitations | a member | desired | policy | whether roles have to be confirmed, be it by ID
AT_RISK = {
    "nothing now": ([], None, BY_ROLE, {}, False),
    "nothing to do": ([AS_DESIRED], None, desired(role="developer"), {}, False),
    "access is not granted": ([AS_DESIRED], joined(), None, {}, False),
    "expired, legacy role": ([LATE], None, BY_ROLE, {}, True),
    "expired, no assigned roles shown, legacy role": ([expired()], None, BY_ROLE, {}, False),
    "expired, by ID": ([LATE], None, UNSEEN, {}, False),
    "replaced, legacy role": ([AS_DESIRED], None, BY_ROLE, {}, True),
    "replaced, no assigned roles shown, legacy role": ([invited()], None, BY_ROLE, {}, False),
    "replaced, by ID": ([AS_DESIRED], None, UNSEEN, {}, True),
    "resent, legacy role": ([invited(ADMIN)], None, BY_ROLE, RESEND, True),
    "resent, by ID": ([invited(ADMIN)], None, desired(ADMIN), RESEND, True),
    "member, legacy role": ([], joined(DEVELOPER), BY_ROLE, {}, True),
    "member, no assigned roles shown, legacy role": ([], joined(), BY_ROLE, {}, False),
    "member, by ID": ([], joined(DEVELOPER), UNSEEN, {}, False),
}


@pytest.mark.parametrize(("found", "member", "wanted", "policy", "risk"), AT_RISK.values(), ids=AT_RISK)
def test_plan_tells_what_it_gives_up_for_roles_that_may_not_exist(found, member, wanted, policy, risk):
    now, policy = current(found, [member] if member else []), Policy(manage_members=True, **policy)
    plan = plan_present([wanted], now, policy) if wanted else plan_absent([ALICE], now, policy)
    person = plan.people[0]
    by_id = person.desired is not None and person.desired.assigned_roles is not None
    assert ((person.gives_up_an_invitation and by_id) or person.legacy_role_at_risk) is risk


def test_live_invitation_is_not_given_up_for_a_legacy_role_without_system_role():
    plan = plan_present([desired(role="developer")], current([invited(ADMIN, role="admin")]), Policy())
    with pytest.raises(OptionError, match=r"has no system role for the legacy role of alice@example\.com; use roles"):
        plan.check_legacy_roles()


@pytest.mark.parametrize("found", [[], [LATE]], ids=["nothing", "expired"])
def test_legacy_role_without_system_role_is_tried_if_nothing_is_given_up(found):
    plan_present([BY_ROLE], current(found), Policy()).check_legacy_roles()


def test_renewed_invitation_keeps_the_roles_that_it_shows():
    person, _changes = person_of(desired(role="developer"), [SOON], **DUE)
    assert person.desired == Desired(ALICE, "developer", (DEVELOPER,))


# --- what a plan shows -----------------------------------------------------------------------------------------------


def test_diff_has_a_line_for_each_person_with_a_change():
    eve, frank, grace = "eve@example.com", "frank@example.com", "grace@example.com"
    now = current(
        [invited(BILLING, email=eve), expired(ADMIN, email=DAVE), invited(email=BOB), invited(DEVELOPER, email=grace)],
        [joined(ADMIN, email=CAROL), joined(BILLING, email=frank)],
    )
    roster = [
        desired(DEVELOPER, ADMIN),
        desired(role="developer", email=BOB),
        desired(DEVELOPER, email=CAROL),
        desired(BILLING, email=DAVE),
        desired(Role(uid(9)), email=eve),
    ]
    plan = plan_present(roster, now, Policy(manage_members=True, purge=True))
    assert plan.diff() == {
        "before": f"{CAROL}: Admin\n{eve}: Billing\n{frank}: Billing\n{grace}: Developer\n",
        "after": f"{ALICE}: Admin, Developer\n{CAROL}: Developer\n{DAVE}: Billing\n{eve}: {uid(9)}\n",
    }


NAMESAKE = Role(uid(0xB1), "Admin", "custom")
# current | desired | before | after
DIFFS = {
    "roles of the same name": (joined(ADMIN), desired(NAMESAKE), f"Admin ({ADMIN.id})", f"Admin ({NAMESAKE.id})"),
    "legacy role and a role of its name": (
        invited(role="admin"),
        desired(Role(uid(2), "admin", "custom"), role="developer"),
        "admin",
        f"admin ({uid(2)})",
    ),
    "role named as no roles": (
        without_roles(joined()),
        desired(Role(uid(2), "no roles", "custom")),
        "no roles",
        f"no roles ({uid(2)})",
    ),
}


@pytest.mark.parametrize(("holder", "wanted", "before", "after"), DIFFS.values(), ids=DIFFS)
def test_diff_tells_roles_apart_that_are_printed_alike(holder, wanted, before, after):
    now = current([holder], []) if isinstance(holder, Invitation) else current([], [holder])
    diff = plan_present([wanted], now, Policy(manage_members=True)).diff()
    assert diff == {"before": f"{ALICE}: {before}\n", "after": f"{ALICE}: {after}\n"}


def test_diff_shows_an_open_invitation_of_a_member():
    plan = plan_present([DESIRED], current([invited(ADMIN)], [joined(DEVELOPER)]), Policy(manage_members=True))
    assert plan.diff() == {"before": f"{ALICE}: Developer; invited with Admin\n", "after": f"{ALICE}: Developer\n"}


def test_diff_shows_a_second_invitation_that_is_revoked():
    plan = plan_present([DESIRED], current([invited(ADMIN), invited(DEVELOPER, number=2)]), Policy())
    assert plan.diff() == {"before": f"{ALICE}: Developer; invited with Admin\n", "after": f"{ALICE}: Developer\n"}


def test_diff_without_changes_is_empty():
    assert plan_absent([ALICE], current(), Policy()).diff() == {"before": "", "after": ""}


def test_diff_of_a_revocation_shows_an_expired_invitation_too():
    assert plan_absent([ALICE], current([LATE]), Policy()).diff() == {"before": f"{ALICE}: Developer\n", "after": ""}


def test_predicted_invitation_has_no_id_and_no_times():
    person, _changes = person_of(desired(DEVELOPER), [invited(ADMIN)])
    outcome = predict(person)
    assert (outcome.action, outcome.changed) == ("replaced", True)
    assert outcome.invitation == Invitation(ALICE, None, (DEVELOPER,))


def test_predicted_member_has_the_desired_roles():
    person, _changes = person_of(desired(DEVELOPER), [], [joined(ADMIN, role="admin")], manage_members=True)
    assert predict(person).member == joined(DEVELOPER, role="admin")


# --- the roster ------------------------------------------------------------------------------------------------------


def test_repeated_people_are_folded_in_order():
    bob, alice, carol = (desired(ADMIN, email=email) for email in (BOB, ALICE, CAROL))
    assert fold([bob, alice, bob, carol, alice]) == [bob, alice, carol]


def test_legacy_role_and_its_system_role_are_folded():
    by_role, by_id, both = desired(role="admin"), desired(ADMIN), desired(ADMIN, role="admin")
    assert fold([by_role, by_id, both]) == [by_role]
    assert fold([by_id, both, by_role]) == [by_id]


@pytest.mark.parametrize(
    ("second", "roles"),
    [
        (desired(BILLING), "Admin, and Billing"),
        (desired(ADMIN, BILLING), "Admin, and Admin, Billing"),
        (desired(role="developer"), "Admin, and developer"),
    ],
    ids=["other roles", "more roles", "another legacy role"],
)
def test_person_listed_with_different_roles_is_rejected(second, roles):
    with pytest.raises(OptionError) as caught:
        fold([desired(ADMIN), desired(ADMIN, email=BOB), second])
    assert str(caught.value) == f"{ALICE} is listed twice with different roles: {roles}; delete one of the two entries."


def test_latest_invitation_is_the_one_that_expires_last():
    soon, later, endless = invited(left=HOUR), invited(left=DAY), invited(left=None)
    assert latest([]) is None
    assert latest([soon, later]) is later
    assert latest([endless, later]) is endless


@pytest.mark.parametrize(
    ("found", "policy", "asks"),
    [
        ([], {}, True),
        ([LATE], {}, True),
        ([LATE], NEVER, False),
        ([AS_DESIRED], {}, False),
        ([invited(ADMIN)], {}, False),
        ([SOON], DUE, False),
    ],
    ids=["nothing", "expired", "expired, never renew", "live", "other roles", "soon"],
)
def test_members_matter_only_to_people_without_a_live_invitation(found, policy, asks):
    person, _changes = person_of(desired(DEVELOPER), found, **policy)
    assert person.invites_a_newcomer is asks


def test_renewal_is_planned_by_the_apis_clock():
    soon = current([SOON])
    (person,) = plan_present([desired(DEVELOPER)], soon, Policy(renew_before=timedelta(0))).people
    assert person.action == "unchanged"
    later = type(soon)(soon.invitations, (), NOW + 2 * DAY)
    (person,) = plan_present([desired(DEVELOPER)], later, Policy(renew_before=timedelta(0))).people
    assert person.action == "renewed"
