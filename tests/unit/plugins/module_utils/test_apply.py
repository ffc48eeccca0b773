# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop, call by call: what is due is written in order, and one re-read serves everybody who waits."""

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi
from ansible_collections.clickhouse.cloud.plugins.module_utils._apply import apply
from ansible_collections.clickhouse.cloud.plugins.module_utils._changes import Policy
from ansible_collections.clickhouse.cloud.plugins.module_utils._plan import plan_absent, plan_present
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Desired
from cast import ALICE, BOB, CAROL, DAVE, EVE

from ..people import FOUNDER, USERS, current, desired, invited, joined
from ..records import ADMIN, BILLING, DEVELOPER, ORGANIZATION, invitation_record, member_record
from ..scripted import Answer, lost, refusal, result

MANAGED = Policy(manage_members=True)
WAITS = [2, 2, 3]


@pytest.fixture(autouse=True)
def latency(api):
    """No two requests at the same time."""
    api.latency = 0.001


def present(cloud, *emails, found=(), joined_now=(), policy=None):
    wanted = [desired(DEVELOPER, email=email) for email in emails or [ALICE]]
    return apply(cloud, plan_present(wanted, current(found, joined_now), policy or Policy()))


def actions(outcomes):
    return [outcome.action for outcome in outcomes]


def record_of(email, number=9):
    return invitation_record(email, number=number)


def member_of(email, *roles):
    return member_record(email, roles=roles, user_id=USERS[email])


def lists(api, *records, times=4):
    for _time in range(times):
        api.invitations(*records)


def both_lists(api, *records, members=(), times=2):
    for _time in range(times):
        api.invitations(*records)
        api.members(*members)


def test_changes_are_made_person_by_person_in_the_plans_order(cloud, api, clock):
    found = [invited(BILLING, email=BOB, number=2), invited(email=EVE, number=3)]
    joined_now = [joined(BILLING, email=CAROL), joined(BILLING, email=DAVE)]
    wanted = [desired(DEVELOPER, email=CAROL), desired(DEVELOPER), desired(DEVELOPER, email=BOB)]
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    api.delete(2)
    api.create(record_of(BOB), BOB, roles=[DEVELOPER])
    api.update(USERS[CAROL], member_of(CAROL, DEVELOPER), roles=[DEVELOPER])
    api.remove(USERS[DAVE])
    api.delete(3)
    api.members(member_of(CAROL, DEVELOPER))
    plan = plan_present(wanted, current(found, joined_now), Policy(manage_members=True, purge=True))
    assert actions(apply(cloud, plan)) == ["created", "replaced", "updated", "removed", "deleted"]
    assert clock.slept == []


def test_nothing_is_called_for_people_without_changes(cloud):
    assert actions(present(cloud, found=[invited(DEVELOPER)])) == ["unchanged"]
    assert apply(cloud, plan_absent([], current(), Policy())) == []


NOBODYS_WORD = {"unauthorized": refusal(401), "a gateway's 403": Answer(403, b"<html>"), "a proxy's 407": Answer(407)}


@pytest.mark.parametrize("answer", NOBODYS_WORD.values(), ids=NOBODYS_WORD)
def test_systemic_failure_ends_the_calls(cloud, api, answer):
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    api.create(answer, BOB, roles=[DEVELOPER])
    assert actions(present(cloud, ALICE, BOB, CAROL, DAVE)) == ["created", "failed", "failed", "failed"]


def test_lost_response_is_found_by_the_first_re_read(cloud, api, clock):
    api.create(lost(), ALICE, roles=[DEVELOPER])
    api.invitations(record_of(ALICE))
    (outcome,) = present(cloud)
    assert (outcome.action, outcome.invitation.created_at) == ("created", record_of(ALICE)["createdAt"])
    assert (clock.slept, cloud.client.retries) == ([], 0)


def test_lost_responses_share_their_re_reads(cloud, api, clock):
    api.create(lost(), ALICE, roles=[DEVELOPER])
    api.create(record_of(BOB), BOB, roles=[DEVELOPER])
    api.create(refusal(504), CAROL, roles=[DEVELOPER])
    # Two without a response: is the API there?
    lists(api, record_of(BOB), times=1)
    api.create(record_of(DAVE), DAVE, roles=[DEVELOPER])
    api.create(Answer(200, b"<html>"), EVE, roles=[DEVELOPER])
    lists(api, record_of(BOB), times=1)
    lists(api, record_of(BOB), record_of(EVE), times=3)
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    api.create(record_of(CAROL), CAROL, roles=[DEVELOPER])
    assert actions(present(cloud, ALICE, BOB, CAROL, DAVE, EVE)) == ["created"] * 5
    assert clock.slept == WAITS
    assert cloud.client.retries == 2


def test_waits_begin_anew_after_each_write(cloud, api, clock):
    for _time in range(2):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        lists(api)
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    assert actions(present(cloud)) == ["created"]
    assert clock.slept == WAITS * 2


def test_resending_ends_with_the_retry_timeout(api, client_with):
    cloud = CloudApi(client_with(retry_timeout=10), ORGANIZATION)
    for _time in range(3):
        api.create(lost(), ALICE, roles=[DEVELOPER])
        lists(api)
    (outcome,) = present(cloud)
    assert "it is unknown whether alice@example.com was invited" in str(outcome.error)


def test_lost_response_is_resent_however_long_the_others_take(api, client_with):
    cloud = CloudApi(client_with(retry_timeout=10), ORGANIZATION)
    api.create(lost(), ALICE, roles=[DEVELOPER])
    api.create(result(record_of(BOB), takes=60), BOB, roles=[DEVELOPER])
    api.invitations(record_of(BOB))
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    assert actions(present(cloud, ALICE, BOB)) == ["created", "created"]


def test_api_that_stays_down_is_given_up_after_two_people(api, client_with):
    cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
    api.create(refusal(503), ALICE, roles=[DEVELOPER])
    api.create(refusal(503), BOB, roles=[DEVELOPER])
    for _try in range(2):
        api.invitations(answer=refusal(503))
    outcomes = present(cloud, ALICE, BOB, CAROL)
    assert [outcome.error.status for outcome in outcomes] == [503] * 3
    assert str(outcomes[2].error).endswith(" was not attempted after an earlier failure.")


def test_failed_re_read_is_final(cloud, api):
    api.create(refusal(400, "no seats"), ALICE, roles=[DEVELOPER])
    api.invitations(answer=refusal(403))
    (outcome,) = present(cloud)
    assert outcome.error.reason == "no seats"


def test_rate_limit_that_lasts_is_systemic(api, client_with):
    cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
    limit = refusal(429, headers={"X-RateLimit-Reset": "60"})
    api.create(refusal(403, "no seats"), ALICE, roles=[DEVELOPER])
    api.create(limit, BOB, roles=[DEVELOPER])
    outcomes = present(cloud, ALICE, BOB, CAROL)
    assert [outcome.error.status for outcome in outcomes] == [403, 429, 429]
    assert str(outcomes[2].error) == f"{CAROL} was not attempted after an earlier failure."


# The key may not, the person's roles are managed elsewhere, the person left: the API's word on one person's change
WORDS = [refusal(400), refusal(403), refusal(404), refusal(409), refusal(422)]


@pytest.mark.parametrize("said", WORDS, ids=lambda answer: answer.status)
@pytest.mark.parametrize("rejected", [(0,), (0, 1), (0, 1, 2)], ids=["one", "two", "all"])
@pytest.mark.parametrize("change", ["invite", "update", "remove"])
def test_rejected_people_stop_nobody_else(cloud, api, change, rejected, said):
    people = [ALICE, BOB, CAROL]
    members = [joined(BILLING, email=email) for email in people if change != "invite"]
    for number, email in enumerate(people):
        answer = said if number in rejected else None
        if change == "invite":
            api.create(answer or record_of(email), email, roles=[DEVELOPER])
        elif change == "update":
            api.update(USERS[email], answer or member_of(email, DEVELOPER), roles=[DEVELOPER])
        else:
            api.remove(USERS[email], answer)
    shown = [member_of(email, DEVELOPER if number not in rejected else BILLING) for number, email in enumerate(people)]
    api.any_lists([], [] if change == "invite" else shown)
    now = current([], [*members, FOUNDER])
    wanted = [desired(DEVELOPER, email=email) for email in people]
    plan = plan_absent(people, now, MANAGED) if change == "remove" else plan_present(wanted, now, MANAGED)
    outcomes = apply(cloud, plan)
    gone = said.status == 404 and change == "remove"
    assert [outcome.error is not None and not gone for outcome in outcomes] == [
        number in rejected and not gone for number in range(3)
    ]
    assert all("the API's own words" in str(outcome.error) for outcome in outcomes if outcome.error)


@pytest.mark.parametrize("said", WORDS, ids=lambda answer: answer.status)
@pytest.mark.parametrize("demoted", [True, False], ids=["demoted", "removed"])
def test_administrator_remains_if_the_new_one_is_rejected(cloud, api, demoted, said):
    now = current([], [joined(ADMIN), joined(DEVELOPER, email=BOB), joined(DEVELOPER, email=CAROL)])
    wanted = [desired(ADMIN, email=BOB), *([desired(DEVELOPER)] if demoted else [])]
    api.update(USERS[BOB], said, roles=[ADMIN])
    api.remove(USERS[CAROL])
    api.any_lists([], [member_of(BOB, DEVELOPER)])
    outcomes = apply(cloud, plan_present(wanted, now, Policy(manage_members=True, purge=True)))
    assert {each.plan.email: each.action for each in outcomes} == {BOB: "failed", ALICE: "failed", CAROL: "removed"}
    assert f"{ALICE} remains an administrator because no replacement could be promoted." in [
        str(each.error) for each in outcomes
    ]


def test_nobody_is_demoted_before_the_promotion_is_known(cloud, api):
    promoted = [member_of(ALICE, ADMIN), member_of(BOB, ADMIN)]
    api.update(USERS[BOB], Answer(200, b"<html>"), roles=[ADMIN])
    api.members(*promoted)
    api.update(USERS[ALICE], promoted[0], roles=[DEVELOPER])
    api.members(member_of(ALICE, DEVELOPER), promoted[1])
    now = current([], [joined(ADMIN), joined(DEVELOPER, email=BOB)])
    plan = plan_present([desired(DEVELOPER), desired(ADMIN, email=BOB)], now, MANAGED)
    assert actions(apply(cloud, plan)) == ["updated", "updated"]


def test_rejected_people_are_rechecked_together(cloud, api, clock):
    for email in (ALICE, BOB, CAROL):
        api.create(refusal(409), email, roles=[DEVELOPER])
    both_lists(api, record_of(ALICE), members=[member_of(BOB, DEVELOPER)])
    assert actions(present(cloud, ALICE, BOB, CAROL)) == ["unchanged", "member", "failed"]
    assert clock.slept == [2]


def test_key_that_may_not_list_members_rechecks_invitations_alone(cloud, api):
    api.create(refusal(409), ALICE, roles=[DEVELOPER])
    for _time in range(2):
        api.invitations()
        api.members(answer=refusal(403))
    assert actions(present(cloud)) == ["failed"]


def test_invitation_is_resent(cloud, api):
    api.delete(1)
    api.create(record_of(ALICE), ALICE, roles=[DEVELOPER])
    (outcome,) = present(cloud, found=[invited(DEVELOPER)], policy=Policy(resend=True))
    assert (outcome.action, outcome.changed, outcome.invitation.id) == ("renewed", True, record_of(ALICE)["id"])


def test_rejected_replacement_is_rolled_back_before_anybody_new_is_invited(cloud, api, clock):
    api.delete(1)
    api.create(refusal(409, "exists"), ALICE, roles=[DEVELOPER])
    both_lists(api)
    api.create(refusal(400, "no seats"), ALICE, roles=[DEVELOPER])
    api.create(invitation_record(roles=[BILLING], number=8), ALICE, roles=[BILLING])
    api.create(record_of(BOB), BOB, roles=[DEVELOPER])
    alice, bob = present(cloud, ALICE, BOB, found=[invited(BILLING)])
    assert (alice.action, alice.changed, alice.error.reason) == ("failed", True, "no seats")
    assert str(alice.error).endswith("with Billing, was restored, which sent another email.")
    assert bob.action == "created"
    assert clock.slept == [2]


def test_nobody_else_gives_up_an_invitation_after_one_is_lost(cloud, api):
    api.delete(1)
    for roles in ([DEVELOPER], [BILLING]):
        api.create(refusal(403), ALICE, roles=roles)
    api.create(record_of(CAROL), CAROL, roles=[DEVELOPER])
    found = [invited(BILLING), invited(BILLING, email=BOB, number=2)]
    alice, bob, carol = present(cloud, ALICE, BOB, CAROL, found=found)
    assert "alice@example.com has no invitation now" in str(alice.error)
    assert str(bob.error) == f"{BOB} was not attempted after an earlier failure."
    assert (bob.changed, bob.invitation, carol.action) == (False, found[1], "created")


def test_revoked_invitation_that_was_gone_is_looked_for_again(cloud, api, clock):
    api.delete(1, refusal(404))
    lists(api, times=2)
    lists(api, record_of(ALICE, number=8), times=1)
    api.delete(8)
    lists(api, times=3)
    (outcome,) = apply(cloud, plan_absent([ALICE], current([invited()]), Policy()))
    assert (outcome.action, outcome.changed) == ("deleted", True)
    assert clock.slept == [2, 2, 2, 2]


def test_updates_are_verified_together(cloud, api, clock):
    joined_now = [joined(BILLING), joined(BILLING, email=BOB)]
    for email in (ALICE, BOB):
        api.update(USERS[email], member_of(email, BILLING), roles=[DEVELOPER])
    api.members(member_of(ALICE, BILLING), member_of(BOB, BILLING))
    api.members(member_of(ALICE, DEVELOPER), member_of(BOB, BILLING))
    api.members(member_of(ALICE, DEVELOPER), member_of(BOB, DEVELOPER))
    outcomes = present(cloud, ALICE, BOB, joined_now=joined_now, policy=MANAGED)
    assert [(each.action, each.member.assigned_roles, each.warnings) for each in outcomes] == [
        ("updated", (DEVELOPER,), ())
    ] * 2
    assert clock.slept == [2, 2]


def test_update_that_does_not_show_within_30_seconds_is_a_warning(cloud, api, clock):
    api.update(USERS[ALICE], member_of(ALICE, BILLING), roles=[DEVELOPER])
    for _time in range(7):
        api.members(member_of(ALICE, BILLING))
    (outcome,) = present(cloud, joined_now=[joined(BILLING)], policy=MANAGED)
    assert (outcome.action, outcome.changed, outcome.error, len(outcome.warnings)) == ("updated", True, None, 1)
    assert clock.slept == [2, 2, 3, 5, 8, 10]


def test_member_is_removed_and_every_invitation_revoked(cloud, api):
    api.remove(USERS[ALICE], refusal(403, "the key's own creator"))
    api.delete(1)
    api.delete(2)
    plan = plan_absent([ALICE], current([invited(), invited(number=2)], [joined(DEVELOPER)]), MANAGED)
    (outcome,) = apply(cloud, plan)
    assert (outcome.action, outcome.changed, outcome.error.reason) == ("failed", True, "the key's own creator")


def test_member_is_not_taken_for_removed_because_members_may_not_be_listed_any_more(api, client_with):
    cloud = CloudApi(client_with(retry_timeout=1), ORGANIZATION)
    api.remove(USERS[ALICE], Answer(200, b"<html>"))
    api.members(answer=refusal(403))
    (outcome,) = apply(cloud, plan_absent([ALICE], current([], [joined(DEVELOPER)]), MANAGED))
    assert (outcome.action, outcome.changed) == ("failed", True)


def test_invitee_who_joined_at_the_same_time_is_updated(cloud, api):
    api.create(refusal(409), ALICE, roles=[DEVELOPER])
    both_lists(api, members=[member_of(ALICE, ADMIN)], times=1)
    api.update(USERS[ALICE], member_of(ALICE, DEVELOPER), roles=[DEVELOPER])
    api.members(member_of(ALICE, DEVELOPER))
    assert actions(present(cloud, policy=MANAGED)) == ["updated"]


def test_legacy_role_of_an_earlier_invitation_is_restored(cloud, api):
    api.delete(1)
    api.create(refusal(403), ALICE, role="admin")
    api.create(invitation_record(roles=None, number=8), ALICE, role="developer")
    plan = plan_present([Desired(ALICE, "admin")], current([invited()]), Policy())
    (outcome,) = apply(cloud, plan)
    assert (outcome.action, outcome.invitation.role) == ("failed", "developer")
