# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out, call by call: what is lost is looked for, what is refused reconsidered, what was deleted put back."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi, Desired, Invitation
from ansible_collections.clickhouse.cloud.plugins.module_utils._apply import apply
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present

from ..records import (
    ADMIN,
    ALICE,
    BILLING,
    BOB,
    CAROL,
    DAY,
    DEVELOPER,
    HOUR,
    NOW,
    ORGANIZATION,
    ROLES,
    expired_record,
    invitation_record,
    member_record,
    timestamp,
    uid,
)
from ..scripted import Answer, lost, refusal, result

WISH = Desired(ALICE, None, (DEVELOPER,))
NEW = invitation_record(number=9)


def found(record):
    """The invitation of a record."""
    roles = record.get("assignedRoles")
    by_id = {role.id: role for role in ROLES}
    return Invitation(
        email=record["email"],
        role=record["role"],
        assigned_roles=None if roles is None else tuple(by_id[role["roleId"]] for role in roles),
        id=record["id"],
        created_at=record["createdAt"],
        expire_at=record["expireAt"],
    )


def present(cloud, *records, wishes=(WISH,)):
    return apply(cloud, plan_present(wishes, map(found, records), [], NOW - NOW, NOW))


def absent(cloud, *records, emails=(ALICE,)):
    return apply(cloud, plan_absent(emails, map(found, records)))


def looks(api, *records, times=4):
    for _time in range(times):
        api.invitations(*records)


def reconsiders(api, *records, members=(), times=2):
    for _time in range(times):
        api.invitations(*records)
        api.members(*members)


LOST = {
    "connection": lost,
    "500": lambda: refusal(500),
    "504": lambda: refusal(504),
    "unreadable success": lambda: Answer(200, b"<html>"),
    "success without an invitation": lambda: result({}),
}


class TestALostAnswer:
    @pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
    def test_found_at_once(self, cloud, api, clock, fault):
        api.create(fault(), ALICE, roles=[DEVELOPER])
        api.invitations(NEW)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.changed, outcome.invitation, outcome.error) == (
            "created",
            True,
            found(NEW),
            None,
        )
        assert clock.slept == []

    @pytest.mark.parametrize("late", [1, 2, 3])
    def test_found_by_a_late_read(self, cloud, api, clock, late):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        looks(api, times=late)
        api.invitations(NEW)
        (outcome,) = present(cloud)
        assert outcome.action == "created"
        assert clock.slept == [1, 2, 4][:late]

    def test_never_found_is_sent_again(self, cloud, api):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        looks(api, invitation_record(BOB, number=3))
        api.create(NEW, ALICE, roles=[DEVELOPER])
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.invitation) == ("created", found(NEW))
        assert cloud.client.retries == 1

    @pytest.mark.parametrize("status", [400, 409])
    def test_sent_again_and_refused_is_found(self, cloud, api, status):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        looks(api)
        api.create(refusal(status), ALICE, roles=[DEVELOPER])
        api.invitations(NEW)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.error) == ("created", None)

    def test_sent_again_and_refused_for_good_leaves_it_open(self, cloud, api):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        looks(api)
        api.create(refusal(403), ALICE, roles=[DEVELOPER])
        looks(api)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.changed) == ("failed", False)
        assert outcome.error.ambiguous
        assert "whether alice@example.com was invited is not known" in str(outcome.error)

    def test_an_unreadable_success_is_not_sent_again(self, cloud, api):
        api.create(Answer(200, b"<html>"), ALICE, roles=[DEVELOPER])
        looks(api)
        (outcome,) = present(cloud)
        assert "whether alice@example.com was invited is not known" in str(outcome.error)

    def test_blind_looking_leaves_it_open(self, cloud, api):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        api.invitations(answer=refusal(401))
        (outcome,) = present(cloud)
        assert outcome.error.ambiguous
        assert outcome.error.status == 401
        assert "whether alice@example.com was invited is not known" in str(outcome.error)

    def test_it_gives_up_in_time(self, api, client_with):
        cloud = CloudApi(client_with(retry_timeout=10), ORGANIZATION)
        for _time in range(2):
            api.create(lost(), ALICE, roles=[DEVELOPER])
            looks(api)
        (outcome,) = present(cloud)
        assert "whether alice@example.com was invited is not known" in str(outcome.error)

    def test_one_just_deleted_and_still_listed_is_not_the_new_one(self, cloud, api):
        old = invitation_record(roles=[BILLING])
        api.delete(1)
        api.create(lost(), ALICE, roles=[DEVELOPER])
        api.invitations(old)
        api.invitations(old, NEW)
        (outcome,) = present(cloud, old)
        assert (outcome.action, outcome.invitation) == ("replaced", found(NEW))

    def test_nor_is_an_expired_one(self, cloud, api):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        api.invitations(expired_record(number=3))
        api.invitations(expired_record(number=3), NEW)
        (outcome,) = present(cloud)
        assert outcome.invitation == found(NEW)


class TestARefusal:
    @pytest.mark.parametrize("status", [400, 404, 409])
    def test_invited_meanwhile_is_as_asked_for(self, cloud, api, status):
        api.create(refusal(status), ALICE, roles=[DEVELOPER])
        reconsiders(api, NEW, times=1)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.changed, outcome.error) == ("unchanged", False, None)
        assert outcome.invitation == found(NEW)

    @pytest.mark.parametrize("status", [400, 404, 409])
    def test_joined_meanwhile_is_as_asked_for(self, cloud, api, status):
        api.create(refusal(status), ALICE, roles=[DEVELOPER])
        reconsiders(api, members=[member_record(ALICE)], times=1)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.changed, outcome.error) == ("member", False, None)
        assert outcome.member.email == ALICE

    def test_a_late_read_is_waited_for(self, cloud, api, clock):
        api.create(refusal(409), ALICE, roles=[DEVELOPER])
        reconsiders(api, times=1)
        reconsiders(api, NEW, times=1)
        (outcome,) = present(cloud)
        assert outcome.action == "unchanged"
        assert clock.slept == [2]

    @pytest.mark.parametrize(("roles", "warnings"), [([DEVELOPER], 0), ([ADMIN], 1)])
    def test_of_someone_who_has_joined_with_other_roles_is_warned_of(self, cloud, api, roles, warnings):
        api.create(refusal(409), ALICE, roles=[DEVELOPER])
        reconsiders(api, members=[member_record(ALICE, roles=roles)], times=1)
        (outcome,) = present(cloud)
        assert (outcome.action, len(outcome.step.warnings)) == ("member", warnings)

    def test_invited_meanwhile_with_other_roles_is_a_failure(self, cloud, api):
        api.create(refusal(409, "exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api, invitation_record(roles=[BILLING], number=9), times=1)
        (outcome,) = present(cloud)
        assert outcome.action == "failed"
        assert outcome.invitation.id == uid(9)
        assert "has an invitation with other roles (Billing), which someone else sent meanwhile." in str(outcome.error)

    def test_invited_meanwhile_with_roles_that_cannot_be_compared_is_taken(self, cloud, api):
        api.create(refusal(409), ALICE, roles=[DEVELOPER])
        reconsiders(api, invitation_record(roles=None, number=9), times=1)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.error) == ("unchanged", None)

    def test_that_stands_is_a_failure_in_the_apis_words(self, cloud, api):
        api.create(refusal(400, "no such role"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        (outcome,) = present(cloud)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", False, None)
        assert "(400, no such role, request ID " in str(outcome.error)

    def test_stays_one_where_looking_fails(self, cloud, api):
        api.create(refusal(400, "no such role"), ALICE, roles=[DEVELOPER])
        api.invitations(answer=refusal(401))
        (outcome,) = present(cloud)
        assert outcome.error.reason == "no such role"

    def test_many_are_reconsidered_at_once(self, cloud, api):
        people = [ALICE, BOB, CAROL]
        for email in people:
            api.create(refusal(409), email, roles=[DEVELOPER])
        reconsiders(api, NEW, members=[member_record(BOB)])
        outcomes = present(cloud, wishes=[WISH._replace(email=email) for email in people])
        assert [outcome.action for outcome in outcomes] == ["unchanged", "member", "failed"]


class TestPuttingBack:
    OLD = invitation_record(roles=[BILLING])

    def test_as_it_was(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        back = invitation_record(roles=[BILLING], number=8)
        api.create(back, ALICE, roles=[BILLING])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, found(back))
        assert str(outcome.error).endswith(
            "; the earlier invitation of alice@example.com, with Billing, was put back, which sent an email."
        )

    def test_is_not_done_where_a_second_try_gets_through(self, cloud, api):
        api.delete(1)
        api.create(refusal(409, "already exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(NEW, ALICE, roles=[DEVELOPER])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed, outcome.invitation, outcome.error) == (
            "replaced",
            True,
            found(NEW),
            None,
        )

    def test_tells_of_the_second_refusal(self, cloud, api):
        api.delete(1)
        api.create(refusal(409, "already exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "seat limit reached"), ALICE, roles=[DEVELOPER])
        api.create(invitation_record(roles=[BILLING], number=8), ALICE, roles=[BILLING])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.error.reason) == ("failed", "seat limit reached")
        assert "was put back" in str(outcome.error)

    OLDER = Desired(ALICE, "developer", (DEVELOPER,))

    def test_by_the_older_role_where_ids_are_refused(self, cloud, api):
        old = invitation_record(roles=[ADMIN], role="admin")
        api.delete(1)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        api.create(refusal(400, "no such role"), ALICE, role="developer")
        api.create(refusal(400, "no"), ALICE, roles=[ADMIN])
        back = invitation_record(roles=[ADMIN], role="admin", number=8)
        api.create(back, ALICE, role="admin")
        (outcome,) = present(cloud, old, wishes=[self.OLDER])
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, found(back))
        assert (outcome.error.reason, "was put back" in str(outcome.error)) == ("no", True)

    def test_is_not_done_where_only_the_older_role_is_taken(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, "no custom roles here"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "no custom roles here"), ALICE, roles=[DEVELOPER])
        api.create(NEW, ALICE, role="developer")
        (outcome,) = present(cloud, self.OLD, wishes=[self.OLDER])
        assert (outcome.action, outcome.changed, outcome.invitation) == ("replaced", True, found(NEW))

    @pytest.mark.parametrize("status", [409, 418])
    def test_by_the_older_role_only_where_the_request_is_called_bad(self, cloud, api, status):
        api.delete(1)
        api.create(refusal(status, "no"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(status, "no"), ALICE, roles=[DEVELOPER])
        api.create(invitation_record(roles=[BILLING], number=8), ALICE, roles=[BILLING])
        (outcome,) = present(cloud, self.OLD, wishes=[self.OLDER])
        assert (outcome.action, "was put back" in str(outcome.error)) == ("failed", True)

    def test_is_not_done_where_the_answer_to_the_older_role_is_lost(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        api.create(Answer(200, b"<html>"), ALICE, role="developer")
        looks(api)
        (outcome,) = present(cloud, self.OLD, wishes=[self.OLDER])
        assert (outcome.action, outcome.error.ambiguous) == ("failed", True)
        assert "whether alice@example.com was invited is not known" in str(outcome.error)

    def test_with_the_same_roles_is_what_was_asked_for(self, cloud, api):
        old = found(invitation_record(left=HOUR))
        (step,) = plan_present([WISH], [old], [], DAY, NOW)
        api.delete(1)
        api.create(refusal(403), ALICE, roles=[DEVELOPER])
        api.create(NEW, ALICE, roles=[DEVELOPER])
        (outcome,) = apply(cloud, [step])
        assert (outcome.action, outcome.changed, outcome.error) == ("renewed", True, None)
        assert outcome.invitation == found(NEW)

    def test_is_not_done_where_someone_has_invited_meanwhile(self, cloud, api):
        api.delete(1)
        api.create(refusal(409), ALICE, roles=[DEVELOPER])
        reconsiders(api, NEW, times=1)
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("replaced", True, found(NEW))

    def test_is_not_done_where_a_second_try_is_lost(self, cloud, api):
        api.delete(1)
        api.create(refusal(409, "already exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(lost(), ALICE, roles=[DEVELOPER])
        api.invitations(answer=refusal(401))
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed) == ("failed", True)
        assert str(outcome.error).endswith("the earlier invitation of alice@example.com, with Billing, was revoked.")

    def test_nor_where_it_gives_other_roles(self, cloud, api):
        api.delete(1)
        api.create(refusal(409, "already exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(invitation_record(roles=[ADMIN], number=9), ALICE, roles=[DEVELOPER])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.invitation.id) == ("failed", uid(9))
        assert "was invited with other roles (Admin)" in str(outcome.error)

    def test_with_the_older_role(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, "no"), ALICE, role="admin")
        reconsiders(api)
        api.create(refusal(400, "no"), ALICE, role="admin")
        back = invitation_record(roles=None, number=8)
        api.create(back, ALICE, role="developer")
        (outcome,) = present(cloud, invitation_record(roles=None), wishes=[Desired(ALICE, "admin")])
        assert outcome.invitation == found(back)

    def test_that_is_refused_leaves_the_person_with_none(self, cloud, api):
        api.delete(1)
        api.create(refusal(403), ALICE, roles=[DEVELOPER])
        api.create(refusal(403), ALICE, roles=[BILLING])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, None)
        assert str(outcome.error).endswith(
            "; alice@example.com has no invitation now: the earlier invitation of alice@example.com, with Billing,"
            " was revoked and could not be put back."
        )

    def test_that_is_refused_too_is_looked_into_once(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        # By the older role, which means something else, it is not tried.
        api.create(refusal(400, "no"), ALICE, roles=[BILLING])
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, None)
        assert "could not be put back" in str(outcome.error)

    def test_that_is_lost_is_not_known(self, cloud, api):
        api.delete(1)
        api.create(refusal(403), ALICE, roles=[DEVELOPER])
        api.create(lost(), ALICE, roles=[BILLING])
        api.invitations(answer=refusal(401))
        (outcome,) = present(cloud, self.OLD)
        assert str(outcome.error).endswith("with Billing, was revoked, and whether it could be put back is not known.")

    def test_is_not_done_where_the_new_one_may_be_there(self, cloud, api):
        api.delete(1)
        api.create(lost(), ALICE, roles=[DEVELOPER])
        api.invitations(answer=refusal(401))
        (outcome,) = present(cloud, self.OLD)
        assert str(outcome.error).endswith("the earlier invitation of alice@example.com, with Billing, was revoked.")

    def test_is_not_done_where_someone_has_joined_meanwhile(self, cloud, api):
        api.delete(1)
        api.create(refusal(409), ALICE, roles=[DEVELOPER])
        reconsiders(api, members=[member_record(ALICE)], times=1)
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed) == ("member", True)

    def test_is_not_done_where_it_was_gone_already(self, cloud, api):
        api.delete(1, refusal(404))
        api.invitations(self.OLD)
        api.invitations()
        api.create(refusal(400), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        (outcome,) = present(cloud, self.OLD)
        assert (outcome.action, outcome.changed) == ("failed", False)


class TestMakingRoom:
    def test_whoever_may_have_been_invited_anew_already_is_looked_for(self, cloud, api):
        old = invitation_record(roles=[BILLING])
        api.delete(1, refusal(503))
        api.delete(1, refusal(404))
        api.invitations(old)
        api.invitations(old, NEW)
        (outcome,) = present(cloud, old)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("replaced", True, found(NEW))

    @pytest.mark.parametrize("status", [400, 409])
    def test_an_expired_one_that_will_not_go_is_not_in_the_way(self, cloud, api, status):
        api.delete(1, refusal(status))
        api.get(1, expired_record())
        api.create(NEW, ALICE, roles=[DEVELOPER])
        (outcome,) = present(cloud, expired_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("renewed", True, found(NEW))

    def test_unless_the_api_says_so(self, cloud, api):
        api.delete(1, refusal(400, "not now"))
        api.get(1, expired_record())
        api.create(refusal(409, "exists"), ALICE, roles=[DEVELOPER])
        reconsiders(api, expired_record())
        (outcome,) = present(cloud, expired_record())
        assert (outcome.action, outcome.changed, outcome.error.reason) == ("failed", False, "exists")
        assert str(outcome.error).endswith(
            "; the expired invitation of alice@example.com could not be revoked before (not now)."
        )

    def test_nor_is_it_beside_a_live_one(self, cloud, api):
        api.delete(2, refusal(400))
        api.get(2, expired_record(number=2))
        api.delete(1)
        api.create(NEW, ALICE, roles=[DEVELOPER])
        (outcome,) = present(cloud, invitation_record(roles=[BILLING]), expired_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation) == ("replaced", True, found(NEW))

    def test_a_live_one_that_will_not_go_is(self, cloud, api):
        api.delete(2)
        api.delete(1, refusal(400))
        api.get(1, invitation_record(roles=[BILLING]))
        (outcome,) = present(cloud, invitation_record(roles=[BILLING]), expired_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation.id) == ("failed", True, uid(1))

    def test_where_even_looking_fails_nothing_is_sent(self, cloud, api):
        old = invitation_record(roles=[BILLING])
        api.delete(1, refusal(503))
        api.delete(1, refusal(404))
        api.invitations(answer=refusal(403))
        (outcome,) = present(cloud, old)
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, None)
        assert str(outcome.error).endswith("the earlier invitation of alice@example.com, with Billing, was revoked.")


class TestDeleting:
    TWINS = (invitation_record(), expired_record(number=2), invitation_record(number=3))

    def test_gone_already_is_no_change(self, cloud, api, clock):
        api.delete(1, refusal(404))
        looks(api, times=2)
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("absent", False, None)
        assert clock.slept == [2]

    def test_a_list_that_is_late_still_is_read_once_more(self, cloud, api, clock):
        api.delete(1, refusal(404))
        looks(api, invitation_record(), times=2)
        api.invitations(NEW)
        api.delete(9)
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("deleted", True, found(NEW))
        assert clock.slept == [2, 4]

    def test_a_list_that_stays_late_tells_nothing(self, cloud, api, clock):
        api.delete(1)
        api.delete(2, refusal(404))
        looks(api, invitation_record(BOB, number=2), times=3)
        outcomes = absent(cloud, invitation_record(), invitation_record(BOB, number=2), emails=(ALICE, BOB))
        assert [(outcome.action, outcome.changed) for outcome in outcomes] == [("deleted", True), ("failed", False)]
        assert str(outcomes[1].error) == (
            "The list of invitations is late: it still has some that are gone; whether bob@example.com is still invited"
            " is not known: run this again, it looks first."
        )
        assert clock.slept == [2, 4]

    def test_what_has_expired_may_be_listed_for_ever(self, cloud, api, clock):
        api.delete(2, refusal(404))
        looks(api, expired_record(number=2), times=2)
        (outcome,) = absent(cloud, expired_record(number=2))
        assert (outcome.action, outcome.changed) == ("absent", False)
        assert clock.slept == [2]

    @pytest.mark.parametrize("status", [401, 429])
    def test_whether_there_is_another_one_is_not_known_where_looking_is_no_use(self, api, client_with, status):
        cloud = CloudApi(client_with(retry_timeout=0.1), ORGANIZATION)
        api.delete(1, refusal(404))
        api.delete(2, refusal(status))
        outcomes = absent(cloud, invitation_record(), invitation_record(BOB, number=2), emails=(ALICE, BOB))
        assert [(outcome.action, outcome.error.status) for outcome in outcomes] == [("failed", status)] * 2
        assert "whether alice@example.com is still invited is not known" in str(outcomes[0].error)
        assert "not known" not in str(outcomes[1].error)

    def test_a_missing_permission_to_delete_is_none_to_look(self, cloud, api):
        api.delete(1, refusal(404))
        api.delete(2, refusal(403))
        looks(api, times=2)
        outcomes = absent(cloud, invitation_record(), invitation_record(BOB, number=2), emails=(ALICE, BOB))
        assert [outcome.action for outcome in outcomes] == ["absent", "failed"]

    @pytest.mark.parametrize("empty_looks", [0, 1])
    def test_what_the_list_was_too_late_for_is_deleted_too(self, cloud, api, empty_looks):
        api.delete(1, refusal(404))
        looks(api, times=empty_looks)
        api.invitations(NEW)
        api.delete(9)
        looks(api, times=1 - empty_looks)
        (step,) = plan_absent([ALICE], [found(invitation_record())])
        (outcome,) = apply(cloud, [step])
        assert outcome[:6] == (step, "deleted", True, found(NEW), None, None)

    @pytest.mark.parametrize("fault", [refusal(503), lost()])
    def test_also_where_an_earlier_try_may_have_deleted_what_was_listed(self, cloud, api, fault):
        api.delete(1, fault)
        api.delete(1, refusal(404))
        api.invitations(invitation_record(), NEW)
        api.delete(9)
        api.invitations()
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("deleted", True, found(NEW))

    def test_what_may_have_been_deleted_is_so_where_nothing_else_turns_up(self, cloud, api):
        api.delete(1, refusal(503))
        api.delete(1, refusal(404))
        looks(api, times=2)
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("deleted", True, found(invitation_record()))

    def test_one_of_two_that_was_gone_has_the_list_read_again(self, cloud, api):
        api.delete(1)
        api.delete(2, refusal(404))
        api.invitations(NEW)
        api.delete(9, refusal(404))
        api.invitations(NEW)
        (outcome,) = absent(cloud, invitation_record(), expired_record(number=2))
        assert (outcome.action, outcome.changed) == ("deleted", True)

    def test_what_was_refused_at_the_first_look_stays_so(self, cloud, api):
        api.delete(1, refusal(404))
        api.invitations(NEW)
        api.delete(9, refusal(400))
        api.get(9, NEW)
        api.invitations(NEW, invitation_record(number=10))
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", False, found(NEW))

    def test_what_was_refused_is_told_although_a_later_look_fails(self, cloud, api):
        api.delete(1, refusal(404))
        api.invitations(NEW)
        api.delete(9, refusal(400, "no"))
        api.get(9, NEW)
        api.invitations(answer=refusal(403))
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", False, found(NEW))
        assert outcome.error.reason == "no"
        assert "not known" not in str(outcome.error)

    def test_what_the_list_was_too_late_for_may_be_refused(self, cloud, api):
        api.delete(1, refusal(404))
        api.invitations(NEW)
        api.delete(9, refusal(403))
        (outcome,) = absent(cloud, invitation_record())
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", False, found(NEW))

    def test_whoever_the_list_was_late_for_is_looked_for_together(self, cloud, api, clock):
        api.delete(1, refusal(404))
        api.delete(2, refusal(404))
        api.invitations(invitation_record(BOB, number=9))
        api.delete(9, refusal(404))
        api.invitations(invitation_record(BOB, number=9), invitation_record(BOB, number=10))
        api.delete(10)
        outcomes = absent(cloud, invitation_record(), invitation_record(BOB, number=2), emails=(ALICE, BOB))
        assert [outcome.action for outcome in outcomes] == ["absent", "deleted"]
        assert clock.slept == [2]

    @pytest.mark.parametrize("looks_before", [0, 1])
    def test_whether_there_is_another_one_is_not_known_where_a_look_fails(self, cloud, api, looks_before):
        for number in (1, 2):
            api.delete(number, refusal(404))
        looks(api, times=looks_before)
        api.invitations(answer=refusal(403))
        outcomes = absent(cloud, invitation_record(), invitation_record(BOB, number=2), emails=(ALICE, BOB))
        for outcome, email in zip(outcomes, (ALICE, BOB)):
            assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", False, None)
            assert str(outcome.error).endswith(
                f"; whether {email} is still invited is not known: run this again, it looks first."
            )
            assert str(outcome.error).count("still invited") == 1

    def test_one_that_will_not_go_keeps_no_other_from_being_deleted(self, cloud, api):
        api.delete(1, refusal(400))
        api.get(1, invitation_record())
        api.delete(2)
        (outcome,) = absent(cloud, invitation_record(), invitation_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation.id) == ("failed", True, uid(1))
        assert str(outcome.error).endswith("; 1 of the 2 invitations of alice@example.com were revoked.")

    def test_what_was_deleted_before_is_a_change_although_what_is_found_then_is_refused(self, cloud, api):
        api.delete(1, refusal(404))
        api.delete(2)
        api.invitations(NEW)
        api.delete(9, refusal(403))
        (outcome,) = absent(cloud, invitation_record(), expired_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation) == ("failed", True, found(NEW))

    def test_what_was_gone_already_does_not_stand(self, cloud, api):
        api.delete(1, refusal(404))
        api.delete(2, refusal(403))
        (outcome,) = absent(cloud, invitation_record(), expired_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation.id) == ("failed", False, uid(2))

    def test_half_way(self, cloud, api):
        api.delete(1)
        api.delete(3, refusal(403))
        (outcome,) = absent(cloud, *self.TWINS)
        assert (outcome.action, outcome.changed) == ("failed", True)
        assert outcome.invitation.id == uid(3)
        assert str(outcome.error).endswith("; 1 of the 3 invitations of alice@example.com were revoked.")

    def test_not_even_half_way(self, cloud, api):
        api.delete(1, refusal(403))
        (outcome,) = absent(cloud, *self.TWINS)
        assert (outcome.action, outcome.changed) == ("failed", False)
        assert "were revoked" not in str(outcome.error)

    def test_what_was_deleted_is_told_not_what_was_gone(self, cloud, api):
        api.delete(1, refusal(404))
        api.delete(2)
        looks(api, times=2)
        (outcome,) = absent(cloud, invitation_record(), expired_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation.id) == ("deleted", True, uid(2))

    def test_the_live_one_is_deleted_first_where_none_is_to_stay(self, cloud, api):
        api.delete(2)
        api.delete(1, refusal(403))
        (outcome,) = absent(cloud, expired_record(), invitation_record(number=2))
        assert (outcome.action, outcome.changed, outcome.invitation.id) == ("failed", True, uid(1))

    def test_the_live_one_is_deleted_last_where_it_makes_room(self, cloud, api):
        api.delete(2, refusal(403))
        (outcome,) = present(cloud, invitation_record(roles=[BILLING]), expired_record(number=2))
        assert (outcome.action, outcome.changed) == ("failed", False)
        assert outcome.invitation.id == uid(1)

    def test_nothing_is_sent_where_the_old_one_could_not_be_deleted(self, cloud, api):
        api.delete(1, refusal(403))
        (outcome,) = present(cloud, invitation_record(roles=[BILLING]))
        assert outcome.action == "failed"


class TestARoster:
    PEOPLE = (ALICE, BOB, CAROL)

    @pytest.fixture
    def wishes(self):
        return [WISH._replace(email=email) for email in self.PEOPLE]

    @pytest.mark.parametrize("status", [401, 403])
    def test_stops_at_what_all_would_fail_of(self, cloud, api, wishes, status):
        api.create(refusal(status, "words"), ALICE, roles=[DEVELOPER])
        first, *others = present(cloud, wishes=wishes)
        assert first.error.status == status
        for outcome in others:
            assert (outcome.action, outcome.changed) == ("failed", False)
            assert str(outcome.error) == "Not attempted after an earlier failure."
            assert outcome.error.as_result() == {**first.error.as_result(), "reason": "not attempted after: words"}

    def test_tells_what_stands_of_whom_was_not_attempted(self, cloud, api, wishes):
        records = [
            invitation_record(email, roles=[BILLING], number=number) for number, email in enumerate(self.PEOPLE, 1)
        ]
        api.delete(1, refusal(403))
        outcomes = present(cloud, *records, wishes=wishes)
        assert [outcome.invitation for outcome in outcomes] == list(map(found, records))

    def test_stops_at_an_api_that_stays_down(self, api, client_with, wishes):
        cloud = CloudApi(client_with(retry_timeout=0.1), ORGANIZATION)
        api.create(refusal(503), ALICE, roles=[DEVELOPER])
        api.invitations(answer=refusal(503))
        outcomes = present(cloud, wishes=wishes)
        assert [outcome.action for outcome in outcomes] == ["failed"] * 3
        assert [outcome.error.status for outcome in outcomes] == [503] * 3

    def test_stops_at_an_api_that_stays_down_for_writes(self, api, client_with, wishes):
        cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
        for email in (ALICE, BOB):
            api.create(refusal(503), email, roles=[DEVELOPER])
            looks(api)
        *tried, last = present(cloud, wishes=wishes)
        assert [outcome.error.reason for outcome in tried] == ["the API's own words"] * 2
        assert last.error.reason == "not attempted after: the API's own words"

    def test_goes_on_where_the_api_stays_down_for_one(self, api, client_with, wishes):
        cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
        api.create(refusal(500), ALICE, roles=[DEVELOPER])
        looks(api)
        api.create(invitation_record(BOB, number=2), BOB, roles=[DEVELOPER])
        api.create(refusal(500), CAROL, roles=[DEVELOPER])
        looks(api)
        assert [outcome.action for outcome in present(cloud, wishes=wishes)] == ["failed", "created", "failed"]

    def test_an_api_that_stays_down_is_not_asked_about_refusals(self, api, client_with, wishes):
        cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
        api.create(refusal(400, "no"), ALICE, roles=[DEVELOPER])
        api.create(refusal(429, headers={"X-RateLimit-Reset": "60"}), BOB, roles=[DEVELOPER])
        outcomes = present(cloud, wishes=wishes)
        assert [outcome.error.status for outcome in outcomes] == [400, 429, 429]

    def test_goes_on_after_a_refusal(self, cloud, api, wishes):
        api.create(refusal(400), ALICE, roles=[DEVELOPER])
        api.create(invitation_record(BOB, number=2), BOB, roles=[DEVELOPER])
        api.create(invitation_record(CAROL, number=3), CAROL, roles=[DEVELOPER])
        reconsiders(api)
        assert [outcome.action for outcome in present(cloud, wishes=wishes)] == ["failed", "created", "created"]

    def test_goes_on_after_other_roles_than_asked_for(self, cloud, api, wishes):
        api.create(invitation_record(roles=[ADMIN]), ALICE, roles=[DEVELOPER])
        api.create(invitation_record(BOB, number=2), BOB, roles=[DEVELOPER])
        api.create(invitation_record(CAROL, number=3), CAROL, roles=[DEVELOPER])
        assert [outcome.action for outcome in present(cloud, wishes=wishes)] == ["failed", "created", "created"]

    def test_what_writes_nothing_is_told_even_after_stopping(self, cloud, api, wishes):
        api.create(refusal(403), ALICE, roles=[DEVELOPER])
        outcomes = present(cloud, invitation_record(BOB, number=2), wishes=wishes)
        assert [outcome.action for outcome in outcomes] == ["failed", "unchanged", "failed"]


def test_other_roles_than_asked_for_are_a_failure(cloud, api):
    api.create(invitation_record(roles=[ADMIN], number=9), ALICE, roles=[DEVELOPER])
    (outcome,) = present(cloud)
    assert (outcome.action, outcome.changed, outcome.invitation.id) == ("failed", True, uid(9))
    assert "was invited with other roles (Admin) than asked for (Developer); revoke the invitation" in str(
        outcome.error
    )
    assert outcome.error.as_result()["reason"] == "invited with other roles"


def test_roles_that_cannot_be_compared_are_taken(cloud, api):
    api.create(invitation_record(roles=None, number=9), ALICE, roles=[DEVELOPER])
    (outcome,) = present(cloud)
    assert outcome.action == "created"


class TestAMovedOrganization:
    MOVED = "Organization has migrated to Custom Roles. Use 'assignedRoleIds' instead of 'role'."
    BY_ROLE = (Desired(ALICE, "developer"),)

    def test_is_told_what_to_use(self, cloud, api):
        api.create(refusal(400, self.MOVED), ALICE, role="developer")
        reconsiders(api)
        api.roles(*ROLES)
        (outcome,) = present(cloud, wishes=self.BY_ROLE)
        assert str(outcome.error).endswith(
            "; this organization has moved to custom roles: use roles instead of role,"
            " one or more of Admin, Analyst, Billing, Developer."
        )

    def test_even_where_roles_cannot_be_listed(self, cloud, api):
        api.create(refusal(400, self.MOVED), ALICE, role="developer")
        reconsiders(api)
        api.roles(answer=refusal(403))
        (outcome,) = present(cloud, wishes=self.BY_ROLE)
        assert str(outcome.error).endswith("; this organization has moved to custom roles: use roles instead of role.")

    def test_also_after_putting_back(self, cloud, api):
        api.delete(1)
        api.create(refusal(400, self.MOVED), ALICE, role="developer")
        reconsiders(api)
        api.create(refusal(400, self.MOVED), ALICE, role="developer")
        api.create(invitation_record(roles=[ADMIN], number=8), ALICE, roles=[ADMIN])
        api.roles(*ROLES)
        (outcome,) = present(cloud, invitation_record(roles=[ADMIN], role="admin"), wishes=self.BY_ROLE)
        assert "was put back" in str(outcome.error)
        assert "use roles instead of role, one or more of Admin" in str(outcome.error)

    @pytest.mark.parametrize("status", [401, 429])
    def test_without_asking_where_the_key_is_refused_or_the_limit_is_reached(self, api, client_with, status):
        cloud = CloudApi(client_with(retry_timeout=0.1), ORGANIZATION)
        api.create(refusal(400, self.MOVED), ALICE, role="developer")
        api.create(refusal(status), BOB, role="developer")
        outcomes = present(cloud, wishes=(Desired(ALICE, "developer"), Desired(BOB, "developer")))
        assert [outcome.error.status for outcome in outcomes] == [400, status]
        assert str(outcomes[0].error).endswith("custom roles: use roles instead of role.")

    @pytest.mark.parametrize("role", [None, "developer"])
    def test_but_not_whoever_was_invited_by_ids_already(self, cloud, api, role):
        api.create(refusal(400, "unknown custom role"), ALICE, roles=[DEVELOPER])
        reconsiders(api)
        (outcome,) = present(cloud, wishes=[Desired(ALICE, role, (DEVELOPER,))])
        assert "use roles instead" not in str(outcome.error)


def test_the_times_of_a_new_invitation_are_the_apis(cloud, api):
    api.create(NEW, ALICE, roles=[DEVELOPER])
    (outcome,) = present(cloud)
    assert outcome.invitation.created_at == NEW["createdAt"] != timestamp(NOW)
