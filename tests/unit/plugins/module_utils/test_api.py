# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths and fields of the API, and what is read of its answers, whatever they are."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import is_uuid
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import (
    Deletion,
    Desired,
    Invitation,
    Member,
    Role,
    parse_timestamp,
    visible,
)
from cast import ALICE, BOB
from hypothesis import given
from hypothesis import strategies as st

from ..people import desired, invited, joined
from ..records import (
    ADMIN,
    BELOW,
    BILLING,
    DAY,
    DEVELOPER,
    NOW,
    ORGANIZATION,
    invitation_record,
    member_record,
    role_record,
    timestamp,
    uid,
)
from ..scripted import Answer, done, lost, refusal, result


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T12:00:00Z", utc(2026, 11, 23, 12)),
        ("2026-11-23T12:00:00.000Z", utc(2026, 11, 23, 12)),
        ("2026-11-23T12:00:00", utc(2026, 11, 23, 12)),
        ("2026-11-23t12:00:00z", utc(2026, 11, 23, 12)),
        ("2026-11-23 12:00:00 Z", utc(2026, 11, 23, 12)),
        (" 2026-11-23T12:00:00Z\n", utc(2026, 11, 23, 12)),
        ("2026-11-23T12:00:00.5Z", utc(2026, 11, 23, 12, 0, 0, 500_000)),
        ("2026-11-23T12:00:00,25Z", utc(2026, 11, 23, 12, 0, 0, 250_000)),
        ("2026-11-23T12:00:00.123456Z", utc(2026, 11, 23, 12, 0, 0, 123_456)),
        ("2026-11-23T12:00:00.123456789Z", utc(2026, 11, 23, 12, 0, 0, 123_456)),
        ("2026-11-23T12:00:00.99999999999999999999Z", utc(2026, 11, 23, 12, 0, 0, 999_999)),
        ("2026-11-23T12:00:00+01:00", utc(2026, 11, 23, 11)),
        ("2026-11-23T12:00:00-0530", utc(2026, 11, 23, 17, 30)),
        ("2026-11-23T12:00:00.5+00:00", utc(2026, 11, 23, 12, 0, 0, 500_000)),
        ("2026-01-01T00:30:00+01:00", utc(2025, 12, 31, 23, 30)),
        ("2024-02-29T00:00:00Z", utc(2024, 2, 29)),
    ],
)
def test_timestamp_is_parsed(text, moment):
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "soon",
        "2026-11-23",
        "2026-11-23T12:00Z",
        "2026-11-23T12:00:00.Z",
        "2026-11-23T12:00:00+01",
        "2026-11-23T12:00:00 PST",
        "2026-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:00:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:00:00-23:00",
        "1790000000",
        "\u0662026-11-23T12:00:00Z",
    ],
)
def test_malformed_timestamp_is_none(text):
    assert parse_timestamp(text) is None


@given(
    st.datetimes(utc(1970, 1, 1).replace(tzinfo=None), timezones=st.just(timezone.utc)),
    st.integers(-14 * 60, 14 * 60),
    st.text("0123456789", max_size=9),
)
def test_timestamp_of_any_zone_and_precision_is_parsed(moment, minutes, more_digits):
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        return
    sign, offset = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S.%f}{more_digits}{sign}{offset // 60:02}:{offset % 60:02}"
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    ("expire_at", "expired", "within_a_day"),
    [
        (timestamp(NOW - DAY), True, True),
        (timestamp(NOW), True, True),
        (timestamp(NOW + DAY), False, True),
        (timestamp(NOW + DAY + timedelta(seconds=1)), False, False),
        ("some day", False, False),
        (None, False, False),
    ],
)
def test_invitation_expires(expire_at, expired, within_a_day):
    invitation = Invitation(ALICE, expire_at=expire_at)
    assert invitation.expired(NOW) is expired
    assert invitation.expires_within(DAY, NOW) is within_a_day


@pytest.mark.parametrize(
    ("created_at", "expire_at", "lifetime"),
    [
        (timestamp(NOW), timestamp(NOW + 7 * DAY), 7 * DAY),
        (None, timestamp(NOW), None),
        (timestamp(NOW), None, None),
        ("once", timestamp(NOW), None),
    ],
)
def test_lifetime_is_known_if_both_times_are(created_at, expire_at, lifetime):
    assert Invitation(ALICE, created_at=created_at, expire_at=expire_at).lifetime() == lifetime


# --- records ---------------------------------------------------------------------------------------------------------

UNREADABLE = Role("")
NOT_TEXT = [None, 5, True, [], {}, ["x"], {"x": 1}]


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


@pytest.fixture
def read(cloud, api):
    """Read one invitation."""

    def read(record):
        api.invitations(record)
        (invitation,) = cloud.invitations()
        return invitation

    return read


def test_whole_invitation_is_read(read):
    record = invitation_record(roles=[ADMIN, BILLING], role="admin")
    record["id"] = record["id"].upper()
    assert read(record) == Invitation(
        email=ALICE,
        role="admin",
        assigned_roles=(ADMIN, BILLING),
        id=uid(1),
        created_at=timestamp(NOW - DAY),
        expire_at=timestamp(NOW + 6 * DAY),
    )


def test_whole_member_is_read(cloud, api):
    api.members(member_record(BOB, roles=[ADMIN]))
    assert cloud.members() == [
        Member(BOB, "developer", (ADMIN,), user_id="user-1", name="Someone", joined_at=timestamp(NOW - 30 * DAY))
    ]


def test_whole_role_is_read(cloud, api):
    api.expect("GET", "/roles", result([role_record(ADMIN), {"id": uid(9).upper(), "name": "Data team"}]))
    assert cloud.roles() == [ADMIN, Role(uid(9), "Data team")]


@pytest.mark.parametrize("written", [f" {ALICE.upper()} ", "alice@example.com"])
def test_emails_are_normalised(cloud, api, written):
    api.invitations(invitation_record(written))
    api.members(member_record(written))
    assert [each.email for each in (*cloud.invitations(), *cloud.members())] == [ALICE, ALICE]


def test_bare_invitation_is_read(read):
    assert read({"id": uid(1), "email": ALICE}) == Invitation(ALICE, id=uid(1))


@pytest.mark.parametrize("odd", NOT_TEXT)
def test_field_that_is_not_text_counts_as_missing(read, odd):
    record = {"id": uid(1), "email": ALICE, **dict.fromkeys(("role", "createdAt", "expireAt"), odd)}
    assert read(record) == Invitation(ALICE, id=uid(1))


@pytest.mark.parametrize(
    ("assigned_roles", "roles"),
    [
        (None, None),
        ([], ()),
        ("Admin", (UNREADABLE,)),
        ({"roleId": uid(7)}, (UNREADABLE,)),
        ([{"roleId": uid(7).upper()}], (Role(uid(7)),)),
        ([{"roleId": "System-Admin", "roleName": "Admin"}], (Role("System-Admin", "Admin"),)),
        ([{"roleId": uid(7), "roleName": 5, "roleType": []}], (Role(uid(7)),)),
        ([{"roleId": uid(7)}, {"roleName": "Admin"}], (Role(uid(7)), Role("", "Admin"))),
        ([{"roleId": uid(7)}, {"roleId": ""}], (Role(uid(7)), UNREADABLE)),
        ([{"roleId": uid(7)}, {"roleId": 5}], (Role(uid(7)), UNREADABLE)),
        ([{"roleId": uid(7)}, None], (Role(uid(7)), UNREADABLE)),
    ],
)
def test_assigned_roles_are_read(read, assigned_roles, roles):
    assert read({"id": uid(1), "email": ALICE, "assignedRoles": assigned_roles}).assigned_roles == roles


UNPRINTABLE = {
    "plain": ("B\u00fccher \u7ba1\u7406", "B\u00fccher \u7ba1\u7406"),
    "line break": ("two\nlines", r"two\nlines"),
    "escape sequence": ("\x1b[31mred", r"\x1b[31mred"),
    "C1": ("a\x9bb", r"a\x9bb"),
    "right to left": ("a\u202eb", r"a\u202eb"),
    "zero width": ("a\u200bb", r"a\u200bb"),
    "no-break space": ("a\xa0b", r"a\xa0b"),
    "variation selector": ("a\ufe0fb", r"a\ufe0fb"),
    "tag": ("a\U000e0100b", r"a\U000e0100b"),
    "lone surrogate": ("a\ud800b", r"a\ud800b"),
}


@pytest.mark.parametrize(("text", "shown"), UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_texts_are_printable_wherever_they_end_up(cloud, api, text, shown):
    role = {"roleId": uid(1), "roleName": text, "roleType": text}
    record = {**member_record(f"{text}@example.com"), "role": text, "name": text, "joinedAt": text}
    api.members({**record, "assignedRoles": [role]})
    (member,) = cloud.members()
    assert member.email == f"{shown.lower()}@example.com"
    assert (member.role, member.name, member.joined_at) == (shown, shown, shown)
    assert member.assigned_roles == (Role(uid(1), shown, shown),)
    api.expect("GET", "/keys", result([{"id": text, "name": text}]))
    assert [(key.id, key.name) for key in cloud.api_keys()] == [(visible(text.lower()), shown)]


@given(st.text())
def test_visible_text_is_one_printable_line(text):
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


ODD_INVITATIONS = [
    None,
    5,
    "x",
    [],
    {},
    without(invitation_record(), "id"),
    without(invitation_record(), "email"),
    {**invitation_record(), "id": "5"},
    {**invitation_record(), "id": 5},
    {**invitation_record(), "id": f"{uid(1)}/.."},
    {**invitation_record(), "email": ""},
    {**invitation_record(), "email": " "},
    {**invitation_record(), "email": [ALICE]},
]
ODD_MEMBERS = [
    None,
    [],
    {},
    without(member_record(), "email"),
    without(member_record(), "userId"),
    # They would be other paths.
    *(member_record(user_id=user_id) for user_id in ("", " ", ".", "..", "a\u200b", "a\nb", 5)),
]
ODD_ROLES = [None, [], {}, {"id": uid(1)}, {"name": "x"}, {"id": "", "name": "x"}]
LISTS = [
    ("invitations", invitation_record(BOB, number=2), ODD_INVITATIONS),
    ("members", member_record(BOB), ODD_MEMBERS),
    ("roles", role_record(ADMIN), ODD_ROLES),
]
ODD_RECORDS = [
    pytest.param(path, good, odd, id=f"{path}: {str(odd)[:40]}") for path, good, odds in LISTS for odd in odds
]


@pytest.mark.parametrize(("path", "good", "odd"), ODD_RECORDS)
def test_odd_record_among_good_ones_is_counted(cloud, api, path, good, odd):
    api.expect("GET", f"/{path}", result([odd, good, odd]))
    assert len(getattr(cloud, path)()) == 1
    assert cloud.unreadable[path] == 2


@pytest.mark.parametrize(("path", "good"), [(path, good) for path, good, _odds in LISTS])
def test_repeated_record_counts_once(cloud, api, path, good):
    api.expect("GET", f"/{path}", result([good, good]))
    assert len(getattr(cloud, path)()) == 1
    assert not cloud.unreadable[path]


@pytest.mark.parametrize(("path", "good", "odd"), ODD_RECORDS)
def test_list_of_odd_records_alone_is_rejected(cloud, api, path, good, odd):  # noqa: ARG001
    api.expect("GET", f"/{path}", result([odd]))
    with pytest.raises(ApiError, match=r"the response is not one of ClickHouse Cloud's \(unexpected content\)"):
        getattr(cloud, path)()


@pytest.mark.parametrize("answer", [None, {}, "x", 5, {"invitations": []}])
@pytest.mark.parametrize("path", [path for path, *_more in LISTS])
def test_answer_that_is_no_list_is_rejected(cloud, api, path, answer):
    api.expect("GET", f"/{path}", result(answer))
    with pytest.raises(ApiError, match="unexpected content") as caught:
        getattr(cloud, path)()
    assert caught.value.as_result() == {
        "status": 200,
        "reason": "unexpected content",
        "request_id": None,
        "method": "GET",
        "path": f"{BELOW}/{path}",
    }


# --- calls -----------------------------------------------------------------------------------------------------------


def test_members_that_the_key_may_not_list_are_none(cloud, api):
    api.members(answer=refusal(403))
    assert cloud.members_if_allowed() is None


@pytest.mark.parametrize("answer", [refusal(400), Answer(403, b"<html>")], ids=["rejected", "a gateway's 403"])
def test_members_that_cannot_be_listed_are_a_failure(cloud, api, answer):
    api.members(answer=answer)
    with pytest.raises(ApiError):
        cloud.members_if_allowed()


def test_invitation_is_got_by_id(cloud, api):
    api.get(1, {**invitation_record(number=1), "id": uid(1).upper()})
    assert cloud.invitation(uid(1)).id == uid(1)


def test_list_has_an_invitation_that_a_stale_read_missed(cloud, api):
    api.get(1, refusal(404))
    api.invitations(invitation_record(number=2), invitation_record(number=1))
    assert cloud.invitation(uid(1)).id == uid(1)


def test_unknown_invitation_is_none(cloud, api):
    api.get(1, refusal(404))
    api.invitations(invitation_record(number=2))
    assert cloud.invitation(uid(1)) is None


def test_unknown_organization_is_no_unknown_invitation(cloud, api):
    api.get(1, refusal(404))
    api.invitations(answer=refusal(404, "NOT_FOUND"))
    with pytest.raises(ApiError, match="found no such organization"):
        cloud.invitation(uid(1))


@pytest.mark.parametrize("status", [400, 403])
def test_invitation_that_is_rejected_is_no_unknown_one(cloud, api, status):
    api.get(1, refusal(status))
    with pytest.raises(ApiError, match=f"{status}, the API's own words"):
        cloud.invitation(uid(1))


def test_empty_list_of_members_is_rejected(cloud, api):
    api.members(answer=result([]))
    with pytest.raises(ApiError, match="an empty list of members"):
        cloud.members()


@pytest.mark.parametrize(
    ("user_id", "segment"), [("a/b", "a%2Fb"), ("%2e", "%252e"), ("%2e%2e", "%252e%252e"), ("a?b#c", "a%3Fb%23c")]
)
def test_user_id_is_one_segment_of_its_path(cloud, api, user_id, segment):
    api.remove(segment)
    cloud.remove_member(Member(ALICE, user_id=user_id))


@pytest.mark.parametrize("answer", [None, [], {}, [invitation_record()], invitation_record(number=2)])
def test_answer_with_another_invitation_is_rejected(cloud, api, answer):
    api.get(1, result(answer))
    with pytest.raises(ApiError, match="unexpected content"):
        cloud.invitation(uid(1))


INVITED, UPDATED = invitation_record(roles=[ADMIN]), member_record(ALICE, roles=[ADMIN], user_id=uid(5))
MEMBER = Member(ALICE, user_id=uid(5))
WRITES = {
    "invite": (lambda cloud, roles: cloud.create_invitation(roles), "POST", "/invitations", {"email": ALICE}, INVITED),
    "update": (lambda cloud, roles: cloud.update_member(MEMBER, roles), "PATCH", f"/members/{uid(5)}", {}, UPDATED),
}
WRITING = pytest.mark.parametrize(("write", "method", "path", "fields", "record"), WRITES.values(), ids=WRITES)
BOTH_ROLES = desired(ADMIN, role="admin")


@WRITING
@pytest.mark.parametrize(
    ("roles", "sent"),
    [
        (desired(BILLING, ADMIN), {"assignedRoleIds": [ADMIN.id, BILLING.id]}),
        (desired(role="admin"), {"role": "admin"}),
        (BOTH_ROLES, {"assignedRoleIds": [ADMIN.id]}),
    ],
    ids=["by ID, sorted", "by the legacy role", "by ID if both are known"],
)
def test_roles_are_sent(cloud, api, write, method, path, fields, record, roles, sent):
    api.expect(method, path, result(record), {**fields, **sent})
    assert write(cloud, roles).assigned_roles == (ADMIN,)


@WRITING
def test_legacy_role_is_sent_if_its_id_is_rejected(cloud, api, write, method, path, fields, record):
    api.expect(method, path, refusal(400), {**fields, "assignedRoleIds": [ADMIN.id]})
    api.expect(method, path, result(record), {**fields, "role": "admin"})
    assert write(cloud, BOTH_ROLES).email == ALICE


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_legacy_role_is_not_sent_after_another_failure(cloud, api, status):
    api.create(refusal(status, "no"), ALICE, roles=[ADMIN])
    with pytest.raises(ApiError, match="no"):
        cloud.create_invitation(BOTH_ROLES)


@pytest.mark.parametrize(
    ("second", "reason"),
    [(refusal(400, "use assignedRoleIds"), "no seats"), (refusal(401, "denied"), "denied")],
    ids=["rejected, too", "another failure"],
)
def test_rejected_id_is_reported_unless_the_legacy_role_fails_otherwise(cloud, api, second, reason):
    api.create(refusal(400, "no seats"), ALICE, roles=[ADMIN])
    api.create(second, ALICE, role="admin")
    with pytest.raises(ApiError) as caught:
        cloud.create_invitation(BOTH_ROLES)
    assert caught.value.reason == reason


@pytest.mark.parametrize("answer", [None, [], {}, invitation_record(BOB), without(invitation_record(), "id")])
def test_invitation_with_an_unreadable_answer_is_ambiguous(cloud, api, answer):
    api.create(result(answer), ALICE, role="admin")
    with pytest.raises(ApiError, match=r"Could not invite alice.*unexpected content") as caught:
        cloud.create_invitation(Desired(ALICE, "admin"))
    assert (caught.value.ambiguous, caught.value.transient) == (True, False)


@pytest.mark.parametrize("answer", [None, [], {}, member_record(ALICE, user_id=uid(6)), without(UPDATED, "email")])
def test_update_with_an_unreadable_answer_is_ambiguous(cloud, api, answer):
    api.expect("PATCH", f"/members/{uid(5)}", result(answer), {"role": "admin"})
    with pytest.raises(ApiError, match=r"Could not change the roles of alice.*unexpected content") as caught:
        cloud.update_member(MEMBER, Desired(ALICE, "admin"))
    assert (caught.value.ambiguous, caught.value.transient) == (True, False)


def test_update_is_repeated_after_a_lost_response(cloud, api):
    for answer in (lost(), refusal(503), result(UPDATED)):
        api.expect("PATCH", f"/members/{uid(5)}", answer, {"assignedRoleIds": [DEVELOPER.id]})
    assert cloud.update_member(MEMBER, desired(DEVELOPER)).user_id == uid(5)


def test_user_id_is_quoted_in_a_path(cloud, api):
    api.expect("DELETE", "/members/auth0%7C5%2F..", done())
    assert cloud.remove_member(joined(email=ALICE, user_id="auth0|5/..")) is Deletion.DELETED


# the answers to DELETE | what came of it, None for a failure
DELETIONS = {
    "done": ([done()], Deletion.DELETED),
    "done, with a result": ([result([1])], Deletion.DELETED),
    "gone already": ([refusal(404)], Deletion.ALREADY_GONE),
    "gone after 500": ([refusal(500), refusal(404)], Deletion.UNCLEAR),
    "gone after 504": ([refusal(504), refusal(404)], Deletion.UNCLEAR),
    "gone after a lost response": ([lost(), refusal(404)], Deletion.UNCLEAR),
    "gone after being throttled": ([refusal(429), refusal(404)], Deletion.ALREADY_GONE),
    "done after 503": ([refusal(503), done()], Deletion.DELETED),
    "a gateway's 404": ([Answer(404, b"<html>")], None),
    "rejected": ([refusal(400)], None),
    "not allowed": ([refusal(403)], None),
    "no envelope": ([Answer(200, b"<html>")], None),
    "no request ID": ([Answer(200, b'{"message": "Please log in"}')], None),
    "no content": ([Answer(204)], None),
    "redirected": ([Answer(302)], None),
}


@pytest.mark.parametrize(
    ("delete", "path", "purpose"),
    [
        (lambda cloud: cloud.delete_invitation(invited()), f"/invitations/{uid(1)}", "revoke the invitation of alice"),
        (lambda cloud: cloud.remove_member(MEMBER), f"/members/{uid(5)}", "remove alice"),
    ],
    ids=["invitation", "member"],
)
@pytest.mark.parametrize(("answers", "deletion"), DELETIONS.values(), ids=DELETIONS)
def test_deletion(cloud, api, delete, path, purpose, answers, deletion):
    for answer in answers:
        api.expect("DELETE", path, answer)
    if deletion:
        assert delete(cloud) is deletion
        return
    with pytest.raises(ApiError, match=f"^Could not {purpose}"):
        delete(cloud)


def test_organization_of_the_key_is_looked_up_once(client, api):
    cloud = CloudApi(client, None)
    api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION.upper()}]))
    api.invitations()
    api.roles()
    cloud.invitations()
    cloud.roles()


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ([], 0),
        ([{}, {"id": None}, {"id": "5"}, "x"], 0),
        ({"id": ORGANIZATION}, 0),
        (None, 0),
        ([{"id": ORGANIZATION}, {"id": uid(2)}], 2),
    ],
)
def test_key_without_exactly_one_organization_is_rejected(client, api, answer, count):
    api.expect("GET", "/v1/organizations", result(answer))
    with pytest.raises(ApiError, match=rf"\({count} organizations instead of one\).*; set organization_id\.$"):
        CloudApi(client, None).invitations()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "email",
                    "role",
                    "assignedRoles",
                    "roleId",
                    "roleName",
                    "createdAt",
                    "expireAt",
                    "name",
                    "userId",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
NEARLY = st.fixed_dictionaries(
    {"id": st.just(uid(1)) | JSON, "email": st.just(ALICE) | JSON},
    optional=dict.fromkeys(("role", "assignedRoles", "createdAt", "expireAt", "name", "type", "userId"), JSON),
)


@pytest.mark.parametrize(
    ("method", "path", "read"),
    [
        ("GET", "/invitations", lambda cloud: cloud.invitations()),
        ("GET", "/members", lambda cloud: cloud.members()),
        ("GET", "/roles", lambda cloud: cloud.roles()),
        ("GET", f"/invitations/{uid(1)}", lambda cloud: cloud.invitation(uid(1))),
        ("POST", "/invitations", lambda cloud: cloud.create_invitation(Desired(ALICE, "admin"))),
        ("PATCH", f"/members/{uid(5)}", lambda cloud: cloud.update_member(MEMBER, Desired(ALICE, "admin"))),
    ],
    ids=["invitations", "members", "roles", "invitation", "invite", "update"],
)
@given(value=JSON | NEARLY | st.lists(NEARLY, min_size=1, max_size=3))
def test_any_answer_is_a_record_or_a_failure(cloud, api, method, path, read, value):
    body = {"POST": {"email": ALICE, "role": "admin"}, "PATCH": {"role": "admin"}}.get(method)
    api.expect(method, path, result(value), body)
    try:
        found = read(cloud)
    except ApiError as failure:
        str(failure)
        return
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, Invitation):
            each.lifetime()
            shown = each.as_result(NOW)
            assert is_uuid(shown["id"])
        elif isinstance(each, Member):
            shown = each.as_result()
        else:
            continue
        assert str(shown).encode()  # no lone surrogates
