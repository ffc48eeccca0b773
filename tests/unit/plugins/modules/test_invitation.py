# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from ansible_collections.clickhouse.cloud.plugins.modules import invitation

from ..records import (
    ADMIN,
    ALICE,
    ANALYST,
    BILLING,
    BOB,
    DAY,
    DEVELOPER,
    ORGANIZATION,
    ROLES,
    expired_record,
    invitation_record,
    invitation_result,
    member_record,
    member_result,
    predicted_result,
    uid,
)
from ..scripted import refusal, result


@dataclass
class Life:
    """A point in an invitation's life, a wish, and what comes of it."""

    found: list = field(default_factory=list)
    wish: dict = field(default_factory=lambda: {"roles": [DEVELOPER.id]})
    action: str = ""
    # None where members are not asked for
    members: list | None = None
    deletes: list = field(default_factory=list)
    sends: list = field(default_factory=lambda: [DEVELOPER])
    gives: dict | None = None
    stands: dict | None = None
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    roles_listed: bool = False
    roles_confirmed: bool = False

    @property
    def creates(self):
        return self.action in ("created", "replaced", "renewed")

    def expect_reads(self, api):
        if self.roles_listed:
            api.roles(*ROLES)
        api.invitations(*self.found)
        if self.members is not None:
            api.members(*self.members)
        if self.roles_confirmed:
            api.roles(*ROLES)

    def expect_writes(self, api):
        for number in self.deletes:
            api.delete(number)
        if self.creates:
            api.create(self.gives, ALICE, role=self.wish.get("role"), roles=self.sends)

    @property
    def reads(self):
        return 1 + self.roles_listed + self.roles_confirmed + (self.members is not None)

    @property
    def writes(self):
        return len(self.deletes) + self.creates


SHOWN_DEVELOPER = {"email": ALICE, "roles": ["Developer"]}
OLDER = {"roles": None, "role": "developer"}

LIVES = {
    "nobody is there": Life(
        members=[member_record(BOB)],
        action="created",
        gives=invitation_record(),
        after={"email": ALICE, "roles": [DEVELOPER.id]},
    ),
    "nobody is there, role by name": Life(
        members=[],
        wish={"roles": ["developer", "Analyst"]},
        roles_listed=True,
        action="created",
        sends=[DEVELOPER, ANALYST],
        gives=invitation_record(roles=[DEVELOPER, ANALYST]),
        after={"email": ALICE, "roles": ["Analyst", "Developer"]},
    ),
    "nobody is there, older role": Life(
        members=[],
        wish={"role": "developer"},
        action="created",
        gives=invitation_record(**OLDER),
        after={"email": ALICE, "role": "developer"},
    ),
    "invited as wished": Life(
        found=[invitation_record(), invitation_record(BOB, number=2)],
        action="unchanged",
        stands=invitation_record(),
        before=SHOWN_DEVELOPER,
        after=SHOWN_DEVELOPER,
    ),
    "invited as wished, role by name": Life(
        found=[invitation_record()],
        wish={"roles": ["DEVELOPER"]},
        roles_listed=True,
        action="unchanged",
        stands=invitation_record(),
        before=SHOWN_DEVELOPER,
        after=SHOWN_DEVELOPER,
    ),
    "invited as wished, older role": Life(
        found=[invitation_record(**OLDER)],
        wish={"role": "developer"},
        action="unchanged",
        stands=invitation_record(**OLDER),
        before={"email": ALICE, "roles": ["developer"]},
        after={"email": ALICE, "roles": ["developer"]},
    ),
    "invited with another role": Life(
        found=[invitation_record()],
        wish={"roles": [BILLING.id]},
        roles_confirmed=True,
        action="replaced",
        deletes=[1],
        sends=[BILLING],
        gives=invitation_record(roles=[BILLING], number=9),
        before=SHOWN_DEVELOPER,
        after={"email": ALICE, "roles": ["Billing"]},
    ),
    "invited with another older role": Life(
        found=[invitation_record(**OLDER)],
        wish={"role": "admin"},
        action="replaced",
        deletes=[1],
        gives=invitation_record(roles=None, role="admin", number=9),
        before={"email": ALICE, "role": "developer"},
        after={"email": ALICE, "role": "admin"},
    ),
    "the invitation has expired": Life(
        found=[expired_record()],
        members=[],
        action="renewed",
        deletes=[1],
        gives=invitation_record(number=9),
        after=SHOWN_DEVELOPER,
    ),
    "the invitation has expired, and is not to be sent again": Life(
        found=[expired_record()],
        wish={"roles": [DEVELOPER.id], "renew_before": "never"},
        action="expired",
        stands=expired_record(),
    ),
    "the invitation is about to expire": Life(
        found=[invitation_record(left=DAY)],
        wish={"roles": [DEVELOPER.id], "renew_before": "1d"},
        roles_confirmed=True,
        action="renewed",
        deletes=[1],
        gives=invitation_record(number=9),
        before=SHOWN_DEVELOPER,
        after=SHOWN_DEVELOPER,
    ),
    "the person has joined": Life(
        members=[member_record(ALICE)],
        action="member",
    ),
    "someone to revoke": Life(
        found=[invitation_record()],
        wish={"state": "absent"},
        action="deleted",
        deletes=[1],
        stands=invitation_record(),
        before=SHOWN_DEVELOPER,
    ),
    "twins to revoke, one expired": Life(
        found=[expired_record(), invitation_record(number=2)],
        wish={"state": "absent"},
        action="deleted",
        deletes=[2, 1],
        stands=invitation_record(number=2),
        before=SHOWN_DEVELOPER,
    ),
    "nothing to revoke": Life(
        found=[invitation_record(BOB)],
        wish={"state": "absent"},
        action="absent",
    ),
}


def stands_after(life, check_mode):
    if life.creates and check_mode:
        roles = [role for role in ROLES if role.name in life.after.get("roles", ())]
        if "roles" not in life.after or roles:
            return predicted_result(roles=roles, role=life.wish.get("role"))
        role_id = life.wish["roles"][0]
        nameless = {"role_id": role_id, "role_name": None, "role_type": None}
        return {**predicted_result(), "assigned_roles": [nameless]}
    stands = life.gives if life.creates else life.stands
    return invitation_result(stands, expired=life.action == "expired") if stands else None


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_life(run, api, credentials, life, check_mode):
    life.expect_reads(api)
    if not check_mode:
        life.expect_writes(api)
    options = {**credentials, "email": ALICE, **life.wish}
    assert run(invitation, options, check_mode=check_mode, diff=True) == {
        "action": life.action,
        "changed": life.writes > 0,
        "invitation": stands_after(life, check_mode),
        "member": member_result(life.members[0]) if life.action == "member" else None,
        "api": {"requests": life.reads + (0 if check_mode else life.writes), "retries": 0, "waited": 0.0},
        "diff": {"before": life.before, "after": life.after},
    }


def test_without_diff_mode_there_is_no_diff(run, api, credentials):
    api.invitations()
    assert "diff" not in run(invitation, {**credentials, "email": ALICE, "state": "absent"})


def test_without_an_organization_it_costs_one_request_to_ask(run, api, credentials):
    api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION.upper(), "name": "ours"}]))
    api.invitations()
    del credentials["organization_id"]
    answer = run(invitation, {**credentials, "email": ALICE, "state": "absent"})
    assert answer["api"]["requests"] == 2


class TestById:
    def test_revoked(self, run, api, credentials):
        record = invitation_record(number=5)
        api.get(5, record)
        api.delete(5)
        options = {**credentials, "invitation_id": f" {uid(5).upper()} ", "state": "absent"}
        answer = run(invitation, options, diff=True)
        assert (answer["action"], answer["changed"]) == ("deleted", True)
        assert answer["invitation"] == invitation_result(record)
        assert answer["diff"] == {"before": SHOWN_DEVELOPER, "after": {}}

    def test_check_mode_only_reads(self, run, api, credentials):
        api.get(5, invitation_record(number=5))
        options = {**credentials, "invitation_id": uid(5), "state": "absent"}
        assert run(invitation, options, check_mode=True)["action"] == "deleted"

    def test_gone_already(self, run, api, credentials):
        api.get(5, refusal(404))
        api.invitations(invitation_record(number=1))
        options = {**credentials, "invitation_id": uid(5), "state": "absent"}
        answer = run(invitation, options, diff=True)
        assert (answer["action"], answer["changed"], answer["invitation"]) == ("absent", False, None)
        assert answer["diff"] == {"before": {}, "after": {}}

    def test_gone_since_it_was_read(self, run, api, credentials):
        api.get(5, invitation_record(number=5))
        api.delete(5, refusal(404))
        options = {**credentials, "invitation_id": uid(5), "state": "absent"}
        assert run(invitation, options)["action"] == "absent"


@pytest.mark.parametrize("wish", [{"roles": [BILLING.id]}, {"role": "developer"}], ids=["by ID", "by the older role"])
def test_an_invitation_is_not_revoked_for_a_role_that_is_there_no_more(run, api, credentials, wish):
    held = BILLING if "roles" in wish else DEVELOPER
    api.invitations(invitation_record(left=DAY, roles=[held]))
    api.roles(ADMIN)
    answer = run(invitation, {**credentials, "email": ALICE, "renew_before": "1d", **wish})
    assert answer["msg"] == f"{ALICE}: roles: the organization has no role '{held.id}'; its roles are: Admin."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"roles": [DEVELOPER.id]}, "email"),
        ({"email": "", "roles": [DEVELOPER.id]}, "email: '' is not one email address such as alice@example.com."),
        (
            {"email": "alice", "roles": [DEVELOPER.id]},
            "email: 'alice' is not one email address such as alice@example.com.",
        ),
        ({"email": ALICE}, "role"),
        ({"email": ALICE, "role": None, "roles": None}, "role"),
        ({"email": ALICE, "role": "admin", "roles": ["Admin"]}, "role"),
        ({"email": ALICE, "role": "owner"}, "role"),
        ({"email": ALICE, "roles": []}, "roles: the list is empty; name at least one role."),
        ({"email": ALICE, "roles": ["Admin", " "]}, "roles: an entry is blank"),
        ({"email": ALICE, "roles": ["Admin", None]}, "roles"),
        ({"email": ALICE, "role": "admin", "renew_before": "soon"}, "renew_before: 'soon' is not a duration"),
        ({"email": ALICE, "role": "admin", "renew_before": ""}, "renew_before: '' is not a duration"),
        ({"email": ALICE, "role": "admin", "state": "gone"}, "state"),
        ({"state": "absent"}, "email"),
        ({"state": "absent", "email": "alice@"}, "email: 'alice@' is not one email address such as alice@example.com."),
        ({"state": "absent", "invitation_id": "5"}, "invitation_id: '5' is not a UUID"),
        ({"state": "absent", "invitation_id": ""}, "invitation_id: it is empty."),
        ({"state": "absent", "email": ALICE, "invitation_id": uid(5)}, "email|invitation_id"),
    ],
)
def test_what_cannot_be_is_refused_by_name_before_any_request(run, credentials, options, words):
    answer = run(invitation, {**credentials, **options})
    assert answer["failed"]
    assert words in answer["msg"]


def test_someone_who_has_joined_with_other_roles(run, api, credentials):
    api.invitations()
    api.members(member_record(ALICE, roles=[ADMIN]))
    answer = run(invitation, {**credentials, "email": ALICE, "roles": [DEVELOPER.id]})
    assert answer["action"] == "member"
    (warning,) = answer["warnings"]
    assert "an invitation cannot change them" in warning


def test_a_failure_tells_all(run, api, credentials):
    api.invitations(answer=refusal(403, "FORBIDDEN"))
    answer = run(invitation, {**credentials, "email": ALICE, "role": "admin"})
    assert answer.pop("exception", None) in (None, "(traceback unavailable)")
    assert answer == {
        "failed": True,
        "msg": "Could not list the invitations: the API key lacks a permission"
        " (403, FORBIDDEN, request ID 0000000f-aaaa-4bbb-8ccc-ddddddddeeee);"
        " give it control-plane:organization:manage, or use a key that has it.",
        "error": {
            "status": 403,
            "reason": "FORBIDDEN",
            "request_id": "0000000f-aaaa-4bbb-8ccc-ddddddddeeee",
            "method": "GET",
            "path": f"/v1/organizations/{ORGANIZATION}/invitations",
        },
        "api": {"requests": 1, "retries": 0, "waited": 0.0},
    }


def test_a_failure_half_way_says_what_stands(run, api, credentials):
    api.invitations(invitation_record())
    api.roles(*ROLES)
    api.delete(1)
    api.create(refusal(403), ALICE, roles=[BILLING])
    api.create(refusal(403), ALICE, roles=[DEVELOPER])
    answer = run(invitation, {**credentials, "email": ALICE, "roles": [BILLING.id]})
    assert answer["failed"]
    assert answer["changed"]
    assert answer["invitation"] is None
    assert "alice@example.com has no invitation now: the earlier invitation" in answer["msg"]
    assert "with Developer, was revoked and could not be put back." in answer["msg"]
