# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import (
    Desired,
    Invitation,
    Member,
    Role,
)
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import (
    confirm_roles,
    describe,
    fits,
    fold,
    latest,
    plan_absent,
    plan_present,
    predict,
    resolve_roles,
    seen_roles,
)

from ..records import (
    ADMIN,
    ALICE,
    ANALYST,
    BILLING,
    BOB,
    CAROL,
    DAY,
    DEVELOPER,
    HOUR,
    NOW,
    ROLES,
    timestamp,
    uid,
)

AT_EXPIRY = timedelta(0)
NEVER = None


def wish(*roles, role=None, email=ALICE):
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


def late(*roles, **fields):
    return invited(*roles, **{"age": 8 * DAY, "left": -DAY, **fields})


def joined(*roles, role="developer", email=ALICE):
    return Member(email, role, roles or None)


def silent(*roles, **fields):
    """An invitation whose assigned roles are there but tell nothing."""
    return invited(*roles, **fields)._replace(assigned_roles=())


# wished for                     | as it is                                       | does it fit?
FITS = [
    (wish(DEVELOPER), invited(DEVELOPER), True),
    (wish(DEVELOPER), invited(DEVELOPER, role="admin"), True),
    (wish(DEVELOPER, ADMIN), invited(ADMIN, DEVELOPER), True),
    (wish(DEVELOPER), invited(ADMIN), False),
    (wish(DEVELOPER), invited(ADMIN, DEVELOPER), False),
    (wish(DEVELOPER, ADMIN), invited(DEVELOPER), False),
    # Older organizations do not tell assigned roles
    (wish(DEVELOPER), invited(), None),
    (wish(DEVELOPER), silent(), None),
    # By the older role, in organizations that have nothing else
    (wish(role="developer"), invited(role="developer"), True),
    (wish(role="admin"), invited(role="developer"), False),
    (wish(role="admin"), invited(role=None), None),
    # By the older role, where assigned roles say the same
    (wish(role="developer"), invited(DEVELOPER), True),
    (wish(role="admin"), invited(DEVELOPER), False),
    # By the older role, where assigned roles are the truth and the older one is frozen
    (wish(role="admin"), invited(ADMIN, role="developer"), True),
    (wish(role="admin"), invited(DEVELOPER, role="admin"), None),
    (wish(role="developer"), invited(ANALYST, role="developer"), None),
    (wish(role="developer"), invited(DEVELOPER, ADMIN, role="developer"), None),
    (wish(role="admin"), invited(BILLING, role=None), None),
    (wish(role="developer"), silent(role="developer"), True),
    (wish(role="admin"), silent(role="developer"), None),
    # A custom role may bear a system role's name
    (wish(role="admin"), invited(Role(uid(0xB1), "Admin", "custom"), role="developer"), None),
]


@pytest.mark.parametrize(("wished", "holder", "fitting"), FITS)
def test_fits(wished, holder, fitting):
    assert fits(wished, holder) is fitting


# found | wished for | renew_before | what is done, which are deleted, which stands at the end, words of each warning
PRESENT = {
    "alive and fits": ([invited(DEVELOPER)], wish(DEVELOPER), AT_EXPIRY, "unchanged", [], 1, []),
    "other roles": ([invited(ADMIN)], wish(DEVELOPER), AT_EXPIRY, "replaced", [1], None, []),
    "other older role": ([invited()], wish(role="admin"), AT_EXPIRY, "replaced", [1], None, []),
    "cannot be compared": ([invited()], wish(DEVELOPER), AT_EXPIRY, "unchanged", [], 1, ["cannot be compared"]),
    "frozen role": (
        [invited(ANALYST)],
        wish(role="developer"),
        AT_EXPIRY,
        "unchanged",
        [],
        1,
        ["(Analyst) cannot be compared with those asked for (developer)"],
    ),
    "expired": ([late(DEVELOPER)], wish(DEVELOPER), AT_EXPIRY, "renewed", [1], None, []),
    "expired this moment": ([late(DEVELOPER, left=0 * DAY)], wish(DEVELOPER), AT_EXPIRY, "renewed", [1], None, []),
    "expired with other roles": ([late(ADMIN)], wish(DEVELOPER), AT_EXPIRY, "renewed", [1], None, []),
    "expired, never renewed": ([late(DEVELOPER)], wish(DEVELOPER), NEVER, "expired", [], 1, []),
    "expired twice, never renewed": (
        [late(DEVELOPER), late(DEVELOPER, number=2, left=-HOUR)],
        wish(DEVELOPER),
        NEVER,
        "expired",
        [],
        2,
        [],
    ),
    "does not say when it expires": ([invited(DEVELOPER, left=None)], wish(DEVELOPER), DAY, "unchanged", [], 1, []),
    "expires soon": ([invited(DEVELOPER, age=6 * DAY, left=DAY)], wish(DEVELOPER), 2 * DAY, "renewed", [1], None, []),
    "expires just in time": ([invited(DEVELOPER, left=DAY)], wish(DEVELOPER), DAY, "renewed", [1], None, []),
    "expires just later": ([invited(DEVELOPER, left=DAY)], wish(DEVELOPER), DAY - HOUR, "unchanged", [], 1, []),
    "expires soon, never renewed": ([invited(DEVELOPER, left=HOUR)], wish(DEVELOPER), NEVER, "unchanged", [], 1, []),
    "expires soon, cannot be compared": (
        [invited(left=HOUR)],
        wish(DEVELOPER),
        DAY,
        "unchanged",
        [],
        1,
        ["cannot be compared"],
    ),
    "expires soon, other roles": ([invited(ADMIN, left=HOUR)], wish(DEVELOPER), DAY, "replaced", [1], None, []),
    "lives no longer than renew_before": (
        [invited(DEVELOPER)],
        wish(DEVELOPER),
        7 * DAY,
        "unchanged",
        [],
        1,
        [r"renew_before (7 days, 0:00:00) is ignored for alice@example.com, whose invitation lives for 7 days"],
    ),
    "does not say how long it lives": (
        [invited(DEVELOPER, age=None)],
        wish(DEVELOPER),
        7 * DAY,
        "unchanged",
        [],
        1,
        ["whose invitation does not tell how long it lives in all"],
    ),
    "expired, lives no longer than renew_before": ([late()], wish(DEVELOPER), 9 * DAY, "renewed", [1], None, []),
    "twins, one fits": (
        [invited(ADMIN), invited(DEVELOPER, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "unchanged",
        [],
        2,
        [
            (
                f"another invitation, with other roles (Admin); unless it is meant, revoke it with state=absent and "
                f"invitation_id={uid(1)}"
            )
        ],
    ),
    "twins, both fit": (
        [invited(DEVELOPER, left=9 * DAY), invited(DEVELOPER, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "unchanged",
        [],
        1,
        [],
    ),
    "twins, one fits and has expired": (
        [late(DEVELOPER), invited(DEVELOPER, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "unchanged",
        [],
        2,
        [],
    ),
    "twins, the live one has other roles": (
        [late(DEVELOPER), invited(ADMIN, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "replaced",
        [1, 2],
        None,
        [],
    ),
    "twins, neither fits": (
        [invited(ADMIN), invited(BILLING, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "replaced",
        [2, 1],
        None,
        ["another invitation, with Billing; it is to be revoked, too"],
    ),
    "one alive before one expired, neither fits": (
        [invited(ADMIN), late(BILLING, number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "replaced",
        [2, 1],
        None,
        [],
    ),
    "twins, one cannot be compared": (
        [invited(ADMIN), invited(number=2)],
        wish(DEVELOPER),
        AT_EXPIRY,
        "unchanged",
        [],
        2,
        ["cannot be compared", "another invitation"],
    ),
    "twins, the one that fits expires soon": (
        [invited(ADMIN), invited(DEVELOPER, number=2, left=HOUR)],
        wish(DEVELOPER),
        DAY,
        "renewed",
        [1, 2],
        None,
        ["alice@example.com has another invitation, with Admin; it is to be revoked, too."],
    ),
    "twins, only one expires soon": (
        [invited(DEVELOPER), invited(DEVELOPER, number=2, left=HOUR)],
        wish(DEVELOPER),
        DAY,
        "unchanged",
        [],
        1,
        [],
    ),
    "twins, one does not say when it expires": (
        [invited(DEVELOPER), invited(DEVELOPER, number=2, left=None)],
        wish(DEVELOPER),
        DAY,
        "unchanged",
        [],
        2,
        [],
    ),
    "nobody": ([], wish(DEVELOPER), AT_EXPIRY, "created", [], None, []),
    "nobody, never renewed": ([], wish(DEVELOPER), NEVER, "created", [], None, []),
    "someone else": ([invited(DEVELOPER, email=BOB)], wish(DEVELOPER), AT_EXPIRY, "created", [], None, []),
}


@pytest.mark.parametrize(
    ("found", "wished", "renew_before", "action", "deletes", "stands", "words"),
    PRESENT.values(),
    ids=PRESENT,
)
def test_present(found, wished, renew_before, action, deletes, stands, words):
    (step,) = plan_present([wished], found, [], renew_before, NOW)
    assert step.action == action
    assert [invitation.id for invitation in step.delete] == [uid(number) for number in deletes]
    assert step.writes == (action in ("created", "replaced", "renewed"))
    if step.writes:
        assert step.wish == wished
        assert step.invitation == Invitation(ALICE, wished.role, wished.assigned_roles)
    else:
        assert step.wish is None
        assert step.invitation.id == uid(stands)
    assert len(step.warnings) == len(words)
    for warning, word in zip(step.warnings, words):
        assert word in warning
        assert warning.endswith(".")


# found | member | wished for | renew_before | what is done, words of the warning
MEMBERS = {
    "joined": ([], joined(DEVELOPER), wish(DEVELOPER), AT_EXPIRY, "member", None),
    "joined after letting one expire": ([late(ADMIN)], joined(DEVELOPER), wish(DEVELOPER), AT_EXPIRY, "member", None),
    "joined, and the expired one stays": ([late()], joined(DEVELOPER), wish(DEVELOPER), NEVER, "expired", None),
    "joined with other roles": ([], joined(ADMIN), wish(DEVELOPER), AT_EXPIRY, "member", "other roles (Admin)"),
    "joined with another older role": ([], joined(), wish(role="admin"), AT_EXPIRY, "member", "roles (developer)"),
    "joined, cannot be compared": ([], joined(), wish(DEVELOPER), AT_EXPIRY, "member", None),
    "joined, and invited all the same": ([invited(ADMIN)], joined(), wish(ADMIN), AT_EXPIRY, "unchanged", None),
    "somebody else joined": ([], joined(email=BOB), wish(DEVELOPER), AT_EXPIRY, "created", None),
}


@pytest.mark.parametrize(
    ("found", "member", "wished", "renew_before", "action", "words"), MEMBERS.values(), ids=MEMBERS
)
def test_members(found, member, wished, renew_before, action, words):
    (step,) = plan_present([wished], found, [member], renew_before, NOW)
    assert step.action == action
    assert step.member == (member if action == "member" else None)
    assert len(step.warnings) == (1 if words else 0)
    if words:
        assert words in step.warnings[0]
        assert "an invitation cannot change them" in step.warnings[0]


@pytest.mark.parametrize(
    ("found", "wished", "asks"),
    [
        ([], wish(DEVELOPER), True),
        ([late(DEVELOPER)], wish(DEVELOPER), True),
        ([invited(DEVELOPER)], wish(DEVELOPER), False),
        ([invited(ADMIN)], wish(DEVELOPER), False),
        ([invited(DEVELOPER, left=HOUR)], wish(DEVELOPER), False),
    ],
)
def test_members_matter_only_for_who_has_no_live_invitation(found, wished, asks):
    (step,) = plan_present([wished], found, [], 2 * HOUR, NOW)
    assert step.invites_a_newcomer is asks


def test_prediction_is_the_plan():
    (step,) = plan_present([wish(DEVELOPER)], [], [], AT_EXPIRY, NOW)
    outcome = predict(step)
    assert (outcome.action, outcome.changed, outcome.invitation) == ("created", True, step.invitation)
    assert outcome.error is None


# found | what is done, which are deleted, which is shown
ABSENT = {
    "nobody": ([], "absent", [], None),
    "someone else": ([invited(email=BOB)], "absent", [], None),
    "alive": ([invited()], "deleted", [1], 1),
    "expired": ([late()], "deleted", [1], 1),
    "twins": ([late(), invited(number=2), invited(number=3, left=HOUR)], "deleted", [2, 3, 1], 2),
}


@pytest.mark.parametrize(("found", "action", "deletes", "shown"), ABSENT.values(), ids=ABSENT)
def test_absent(found, action, deletes, shown):
    (step,) = plan_absent([ALICE], found)
    assert step.action == action
    assert [invitation.id for invitation in step.delete] == [uid(number) for number in deletes]
    assert step.wish is None
    assert (step.invitation and step.invitation.id) == (uid(shown) if shown else None)
    assert not step.invites_a_newcomer


def test_absent_takes_everyone_once():
    found = [invited(), late(email=BOB, number=2), invited(email=CAROL, number=3), invited(email=BOB, number=4)]
    steps = plan_absent([BOB, CAROL, BOB], found)
    assert [(step.email, step.action, [each.id for each in step.delete]) for step in steps] == [
        (BOB, "deleted", [uid(4), uid(2)]),
        (CAROL, "deleted", [uid(3)]),
    ]


DIFFS = {
    "created": ([], wish(DEVELOPER, ADMIN), {}, {"roles": ["Admin", "Developer"]}),
    "created by role": ([], wish(role="admin"), {}, {"role": "admin"}),
    "replaced": ([invited(ADMIN)], wish(DEVELOPER), {"roles": ["Admin"]}, {"roles": ["Developer"]}),
    "replaced by role": ([invited()], wish(role="admin"), {"role": "developer"}, {"role": "admin"}),
    "replaced, ID alone known": (
        [invited(ADMIN)],
        Desired(ALICE, None, (Role(uid(9)),)),
        {"roles": ["Admin"]},
        {"roles": [uid(9)]},
    ),
    "renewed": ([late(ADMIN)], wish(DEVELOPER), {}, {"roles": ["Developer"]}),
    "unchanged": ([invited(DEVELOPER)], wish(DEVELOPER), {"roles": ["Developer"]}, {"roles": ["Developer"]}),
}


@pytest.mark.parametrize(("found", "wished", "before", "after"), DIFFS.values(), ids=DIFFS)
def test_diff(found, wished, before, after):
    (step,) = plan_present([wished], found, [], AT_EXPIRY, NOW)
    expected = [{"email": ALICE, **side} if side else {} for side in (before, after)]
    assert step.diff() == {"before": expected[0], "after": expected[1]}


def test_diff_of_a_revocation():
    (step,) = plan_absent([ALICE], [invited()])
    assert step.diff() == {"before": {"email": ALICE, "roles": ["developer"]}, "after": {}}


TWINS = (Role(uid(0xC1), "Data team", "custom"), Role(uid(0xC2), "DATA TEAM", "custom"))
NAMESAKE = Role(uid(0xC3), ADMIN.id, "custom")


@pytest.mark.parametrize(
    ("names", "roles", "found"),
    [
        (["Admin"], ROLES, [ADMIN]),
        (["aDMIN"], ROLES, [ADMIN]),
        ([ADMIN.id], ROLES, [ADMIN]),
        ([ADMIN.id.upper()], ROLES, [ADMIN]),
        (["Developer", "Admin"], ROLES, [ADMIN, DEVELOPER]),
        (["Admin", ADMIN.id, "admin"], ROLES, [ADMIN]),
        (["Data team"], TWINS, [TWINS[0]]),
        (["DATA TEAM"], TWINS, [TWINS[1]]),
        (["STRASSE"], [Role(uid(5), "Straße", "custom")], [Role(uid(5), "Straße", "custom")]),
        (["night shift"], [Role(uid(5), " Night \tshift ", "custom")], "first"),
        # Listed twice, it is one role all the same
        (["Admin"], [ADMIN, ADMIN], [ADMIN]),
        # An ID wins over a name
        ([ADMIN.id], (NAMESAKE, ADMIN), [ADMIN]),
        (["a-plain-id"], [Role("a-plain-id", "x", "system"), Role(uid(6), "a-plain-id", "custom")], "first"),
    ],
)
def test_roles_are_found(names, roles, found):
    found = roles[:1] if found == "first" else found
    assert resolve_roles(names, roles, "roles") == tuple(found)


@pytest.mark.parametrize(
    ("name", "roles", "message"),
    [
        (
            "Owner",
            ROLES,
            "roles: the organization has no role 'Owner'; its roles are: Admin, Analyst, Billing, Developer.",
        ),
        ("Owner", [], "roles: the organization has no role 'Owner'; its roles are: none."),
        (uid(9), [ADMIN], f"roles: the organization has no role '{uid(9)}'; its roles are: Admin."),
        (
            "data team",
            TWINS,
            (
                f"roles: 'data team' is the name of several roles: Data team ({uid(0xC1)}), DATA TEAM ({uid(0xC2)});"
                " give the ID of the one that is meant."
            ),
        ),
        (
            "Admin",
            [ADMIN, Role(uid(7), "Admin", "custom")],
            (
                f"roles: 'Admin' is the name of several roles: Admin ({ADMIN.id}), Admin ({uid(7)});"
                " give the ID of the one that is meant."
            ),
        ),
    ],
)
def test_roles_that_are_unknown_or_ambiguous_are_refused(name, roles, message):
    with pytest.raises(OptionError) as refused:
        resolve_roles(["Admin", name] if roles is ROLES else [name], roles, "roles")
    assert str(refused.value) == message


# found | wished for | renew_before | whether the organization's roles are asked for first
CONFIRMED = {
    "nobody is there": ([], wish(role="admin"), AT_EXPIRY, False),
    "nothing to do": ([invited(DEVELOPER)], wish(role="developer"), AT_EXPIRY, False),
    "expired": ([late(DEVELOPER)], wish(role="admin"), AT_EXPIRY, True),
    "expired, without assigned roles": ([late()], wish(role="admin"), AT_EXPIRY, False),
    "expired, for a role that was not seen": ([late()], Desired(ALICE, None, (Role(ADMIN.id),)), AT_EXPIRY, False),
    "older role for an assigned one": ([invited(DEVELOPER)], wish(role="admin"), AT_EXPIRY, True),
    "older role for an older role": ([invited()], wish(role="admin"), AT_EXPIRY, False),
    "older role, renewed as it was": ([invited(ADMIN, left=HOUR)], wish(role="admin"), DAY, True),
    "a role that was seen": ([invited(DEVELOPER)], wish(ADMIN), AT_EXPIRY, True),
    "a role that was not": ([invited(DEVELOPER)], Desired(ALICE, None, (Role(ADMIN.id),)), AT_EXPIRY, True),
    "renewed as it was": ([invited(ADMIN, left=HOUR)], wish(ADMIN), DAY, True),
}


@pytest.mark.parametrize(("found", "wished", "renew_before", "asked"), CONFIRMED.values(), ids=CONFIRMED)
def test_nothing_live_is_revoked_for_roles_that_may_not_be_there(found, wished, renew_before, asked):
    (step,) = plan_present([wished], found, [], renew_before, NOW)
    assert step.needs_confirmed_roles is asked
    confirmed = confirm_roles(step, ROLES)
    assert (confirmed.delete, confirmed.action) == (step.delete, step.action)
    if asked:
        assert "role" not in {**confirmed.diff()["before"], **confirmed.diff()["after"]}
        assert confirmed.wish == Desired(ALICE, wished.role, (ADMIN,))
        assert confirmed.invitation == Invitation(ALICE, wished.role, (ADMIN,))


def test_a_diff_shows_the_roles_that_are_assigned_where_the_older_one_is_frozen():
    frozen = invited(ADMIN, left=HOUR)._replace(role="developer")
    (step,) = plan_present([wish(role="admin")], [frozen], [], DAY, NOW)
    shown = {side: each["roles"] for side, each in confirm_roles(step, ROLES).diff().items()}
    assert shown == {"before": ["Admin"], "after": ["Admin"]}


@pytest.mark.parametrize("roles", [[], [ADMIN, ADMIN._replace(id=uid(7))]])
def test_an_expired_one_is_sent_anew_with_the_older_role_where_it_stands_for_no_one_role(roles):
    (step,) = plan_present([wish(role="admin")], [late(DEVELOPER)], [], AT_EXPIRY, NOW)
    assert confirm_roles(step, roles) == step


def test_a_renewed_invitation_keeps_the_roles_that_are_known_to_be_there():
    (step,) = plan_present([wish(role="developer")], [invited(DEVELOPER, left=HOUR)], [], DAY, NOW)
    assert step.wish == Desired(ALICE, "developer", (DEVELOPER,))


@pytest.mark.parametrize(
    ("wished", "roles", "message"),
    [
        (
            wish(role="developer"),
            [ADMIN, Role(uid(7), "Developer", "custom")],
            f"{ALICE}: role: the organization has no system role 'developer'; use roles, of Admin, Developer.",
        ),
        (
            wish(role="developer"),
            [DEVELOPER, DEVELOPER._replace(id=uid(7))],
            (
                f"{ALICE}: role: the organization has more than one system role 'developer';"
                " use roles, of Developer, Developer."
            ),
        ),
        (
            Desired(ALICE, None, (Role(uid(7)),)),
            [ADMIN],
            f"{ALICE}: roles: the organization has no role {uid(7)!r}; its roles are: Admin.",
        ),
    ],
)
def test_roles_that_are_not_confirmed_are_refused(wished, roles, message):
    there = invited(ADMIN)._replace(role="admin")
    (step,) = plan_present([wished], [there], [], AT_EXPIRY, NOW)
    with pytest.raises(OptionError) as refused:
        confirm_roles(step, roles)
    assert str(refused.value) == message


def test_ids_alone_take_their_names_from_invitations_seen():
    ids = [DEVELOPER.id.upper(), uid(9)]
    seen = seen_roles(ids, [invited(DEVELOPER, ANALYST), invited(), silent()])
    assert resolve_roles(ids, seen, "roles") == (
        Role(uid(9)),
        Role(DEVELOPER.id, "Developer", "system"),
    )


class TestFold:
    def test_keeps_the_order_and_the_first(self):
        bob, alice, carol = (wish(ADMIN, email=email) for email in (BOB, ALICE, CAROL))
        assert fold([bob, alice, bob, carol, alice]) == [bob, alice, carol]

    @pytest.mark.parametrize(
        ("first", "second", "words"),
        [
            (wish(ADMIN), wish(BILLING), "Admin, and Billing"),
            (wish(ADMIN), wish(ADMIN, BILLING), "Admin, and Admin, Billing"),
            (wish(role="admin"), wish(role="developer"), "admin, and developer"),
            (wish(role="admin"), wish(ADMIN), "admin, and Admin"),
        ],
    )
    def test_refuses_different_roles(self, first, second, words):
        with pytest.raises(OptionError) as refused:
            fold([first, wish(ADMIN, email=BOB), second])
        assert (
            str(refused.value)
            == f"{ALICE} is listed twice with different roles: {words}; delete one of the two entries."
        )


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (invited(DEVELOPER, ADMIN), "Admin, Developer"),
        (invited(DEVELOPER, role="admin"), "Developer"),
        (invited(role="admin"), "admin"),
        (silent(role="admin"), "admin"),
        (invited(role=None), "no role"),
        (Desired(ALICE, None, (Role(uid(9)),)), uid(9)),
        (wish(Role(uid(9), "Night\x1b[31m\nshift")), "Night [31m shift"),
    ],
)
def test_describe(holder, words):
    assert describe(holder) == words


def test_latest():
    assert latest([]) is None
    soon, later, endless = invited(left=HOUR), invited(left=DAY), invited(left=None)
    assert latest([soon, later]) is later
    assert latest([endless, later]) is endless
