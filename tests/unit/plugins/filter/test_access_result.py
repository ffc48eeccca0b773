# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.clickhouse.cloud.plugins.filter.access_result import FilterModule

access_result = FilterModule().filters()["access_result"]

ALICE, BOB, CAROL, DAVE = (f"{name}@example.com" for name in ("alice", "bob", "carol", "dave"))


def result(summary, *changes, **others):
    return {"summary": summary, "changes": [{"email": email, "action": action} for email, action in changes], **others}


def people(**states):
    return {"memberships": [{"email": f"{name}@example.com", "state": state} for name, state in states.items()]}


@pytest.mark.parametrize(
    ("entry_point", "summary", "sentence"),
    [
        ("roster", {"removed": 2, "created": 1, "deleted": 1}, "1 invited; 1 invitation revoked; 2 members removed."),
        ("roster", {"unchanged": 4, "failed": 0}, "4 unchanged."),
        ("roster", {"updated": 1, "replaced": 2, "failed": 3}, "2 invitations replaced; 1 member changed; 3 failed."),
        (
            "invite",
            {"member": 1, "renewed": 2, "expired": 1},
            "2 invitations sent again; 1 has joined already; 1 expired invitation left alone.",
        ),
        ("revoke", {"deleted": 2, "absent": 1}, "2 invitations revoked; 1 without an invitation."),
        ("offboard", {"removed": 1, "absent": 1}, "1 member removed; 1 not found."),
        ("roster", {"created": 0}, "Nobody was named."),
        ("roster", {}, ""),
    ],
)
def test_sentence_counts_what_was_done_in_words(entry_point, summary, sentence):
    done = access_result(result(summary), entry_point)
    assert done["sentence"] == done["msg"] == sentence


def test_sentence_of_check_mode_says_so():
    done = access_result(result({"created": 1}), "roster", check_mode=True)
    assert done["msg"] == "Check mode, nothing was done: 1 invited."


def test_failure_has_its_own_message_beside_the_sentence():
    done = access_result(
        result({"created": 1, "failed": 1}, changed=True), "roster", failure={"failed": True, "msg": "No."}
    )
    assert (done["failed"], done["changed"], done["msg"], done["sentence"]) == (
        True,
        True,
        "No.",
        "1 invited; 1 failed.",
    )


def test_everybody_named_is_among_the_changes():
    invited = result({"created": 1, "expired": 1}, (ALICE, "created"), members=[BOB])
    done = access_result(
        invited,
        "invite",
        emails="Alice@example.com, bob@example.com\ncarol@example.com dave@example.com",
        people=people(carol="expired", bob="member"),
    )
    assert done["changes"] == {ALICE: "created", BOB: "member", CAROL: "expired", DAVE: "unchanged"}
    assert (done["members"], done["not_found"]) == ([BOB], [])
    assert done["notes"] == [f"{ALICE}: invited"]


def test_revoke_tells_members_from_people_with_nothing():
    revoked = result({"deleted": 1, "absent": 2}, (ALICE, "deleted"))
    done = access_result(
        revoked, "revoke", emails=[ALICE, BOB, "bbo@example.com"], people=people(alice="member", bob="member")
    )
    assert done["changes"] == {ALICE: "deleted", BOB: "absent", "bbo@example.com": "absent"}
    assert (done["members"], done["not_found"]) == ([ALICE, BOB], ["bbo@example.com"])
    assert done["notes"] == [
        "alice@example.com: invitation revoked",
        "alice@example.com has joined and keeps access; the playbook clickhouse.cloud.offboard takes it away.",
        "bob@example.com has joined and keeps access; the playbook clickhouse.cloud.offboard takes it away.",
        "bbo@example.com is neither invited nor a member; did you mean bob@example.com?",
    ]


def test_revoke_says_that_members_could_not_be_listed():
    done = access_result(result({"absent": 1}), "revoke", emails=[BOB], people={"msg": "403."})
    assert done["not_found"] == [BOB]
    assert done["notes"] == [
        "bob@example.com is not invited.",
        "Who of them has joined, and keeps access, is not known: 403.",
    ]


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("daev@example.com", "did you mean dave@example.com?"),
        ("dave@exmaple.com", "did you mean dave@example.com?"),
        ("zoe@example.com", "if that is unexpected, check the address."),
        ("dave@other.test", "if that is unexpected, check the address."),
        # Nobody is offered whose access is gone.
        ("alise@example.com", "if that is unexpected, check the address."),
    ],
)
def test_offboard_names_the_nearest_address_that_somebody_has(typed, advice):
    done = access_result(result({"absent": 1}), "offboard", emails=typed, people=people(dave="member", alice="absent"))
    assert done["not_found"] == [typed]
    assert done["notes"] == [f"{typed} is neither invited nor a member; {advice}"]


def test_offboard_says_that_keys_outlive_their_maker():
    done = access_result(result({"removed": 1}, (ALICE, "removed")), "offboard", emails=ALICE)
    assert done["notes"][-1].startswith("An API key outlives its maker")


def test_roster_says_who_has_access_and_is_not_listed():
    done = access_result(
        result({"unchanged": 1}, not_listed=[BOB, CAROL, DAVE]), "roster", emails=ALICE, exclude=f"{CAROL}"
    )
    assert done["notes"] == [f"2 have access and are not on the list: {BOB}, {DAVE}."]
    assert done["not_listed"] == [BOB, CAROL, DAVE]
    # A variable of another entry point.
    assert done["changes"] == {}


def test_long_lists_of_people_are_bounded():
    changes = [(f"{number:02}@example.com", "created") for number in range(25)]
    done = access_result(result({"created": 25}, *changes), "roster")
    assert done["notes"][19:] == ["19@example.com: invited", "and 5 more"]
    assert len(done["changes"]) == 25


def test_task_that_did_not_run_gives_an_empty_result():
    done = access_result({}, "invite", emails=ALICE, failure={"failed": True, "msg": "Set it."})
    assert (done["failed"], done["msg"], done["changes"], done["notes"]) == (True, "Set it.", {}, [])
