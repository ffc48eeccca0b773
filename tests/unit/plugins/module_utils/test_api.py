# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils import _options
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import (
    CloudApi,
    Desired,
    Invitation,
    Member,
    Role,
    parse_timestamp,
)
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from hypothesis import given
from hypothesis import strategies as st

from ..records import (
    ADMIN,
    ALICE,
    BELOW,
    BILLING,
    BOB,
    DAY,
    NOW,
    ORGANIZATION,
    invitation_record,
    member_record,
    role_record,
    timestamp,
    uid,
)
from ..scripted import Answer, done, refusal, result


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
def test_a_timestamp(text, moment):
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
def test_no_timestamp(text):
    assert parse_timestamp(text) is None


@given(
    st.datetimes(utc(1970, 1, 1).replace(tzinfo=None), timezones=st.just(timezone.utc)),
    st.integers(-14 * 60, 14 * 60),
    st.text("0123456789", max_size=9),
)
def test_every_timestamp_is_read_back(moment, minutes, more_digits):
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        return
    sign, offset = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S.%f}{more_digits}{sign}{offset // 60:02}:{offset % 60:02}"
    assert parse_timestamp(text) == moment


class TestInvitation:
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
    def test_expiry(self, expire_at, expired, within_a_day):
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
    def test_lifetime(self, created_at, expire_at, lifetime):
        assert Invitation(ALICE, created_at=created_at, expire_at=expire_at).lifetime() == lifetime


NOT_TEXT = [None, 5, True, [], {}, ["x"], {"x": 1}]


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


class TestReadingAnInvitation:
    def read(self, cloud, api, record):
        api.invitations(record)
        (invitation,) = cloud.invitations()
        return invitation

    def test_whole(self, cloud, api):
        record = invitation_record(f" {ALICE.upper()} ", roles=[ADMIN, BILLING], role="admin")
        record["id"] = record["id"].upper()
        assert self.read(cloud, api, record) == Invitation(
            email=ALICE,
            role="admin",
            assigned_roles=(ADMIN, BILLING),
            id=uid(1),
            created_at=timestamp(NOW - DAY),
            expire_at=timestamp(NOW + 6 * DAY),
        )

    def test_bare(self, cloud, api):
        assert self.read(cloud, api, {"id": uid(1), "email": ALICE}) == Invitation(ALICE, id=uid(1))

    @pytest.mark.parametrize("odd", NOT_TEXT)
    def test_what_is_not_text_is_as_missing(self, cloud, api, odd):
        record = {"id": uid(1), "email": ALICE, **dict.fromkeys(("role", "createdAt", "expireAt"), odd)}
        assert self.read(cloud, api, record) == Invitation(ALICE, id=uid(1))

    @pytest.mark.parametrize(
        ("assigned_roles", "read"),
        [
            (None, None),
            ([], ()),
            ("Admin", ()),
            ({"roleId": uid(7)}, ()),
            ([{"roleId": uid(7).upper()}], (Role(uid(7)),)),
            ([{"roleId": "System-Admin", "roleName": "Admin"}], (Role("System-Admin", "Admin"),)),
            ([{"roleId": uid(7), "roleName": 5, "roleType": []}], (Role(uid(7)),)),
            # With one that cannot be read, none is known
            ([{"roleId": uid(7)}, {"roleName": "Admin"}], ()),
            ([{"roleId": uid(7)}, {"roleId": ""}], ()),
            ([{"roleId": uid(7)}, {"roleId": 5}], ()),
            ([{"roleId": uid(7)}, None], ()),
        ],
    )
    def test_assigned_roles(self, cloud, api, assigned_roles, read):
        record = {"id": uid(1), "email": ALICE, "assignedRoles": assigned_roles}
        assert self.read(cloud, api, record).assigned_roles == read

    def test_half_characters_become_printable(self, cloud, api):
        invitation = self.read(cloud, api, {"id": uid(1), "email": ALICE, "role": "a\ud800b\u00fc"})
        assert invitation.role == "a?b\u00fc"


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


LISTS = [
    ("invitations", "invitations", invitation_record(BOB, number=2), ODD_INVITATIONS),
    ("members", "members", member_record(BOB), [None, [], {}, {"email": None}, {"email": " "}]),
    ("roles", "roles", role_record(ADMIN), [None, [], {}, {"id": uid(1)}, {"name": "x"}, {"id": "", "name": "x"}]),
]
ODD_RECORDS = [
    pytest.param(method, path, good, odd, id=f"{path}: {str(odd)[:40]}")
    for method, path, good, odds in LISTS
    for odd in odds
]


class TestOddRecords:
    """One among good ones is stepped over; where there are only odd ones, the answer is not one of the API's."""

    @pytest.mark.parametrize(("method", "path", "good", "odd"), ODD_RECORDS)
    def test_among_good_ones(self, cloud, api, method, path, good, odd):
        api.expect("GET", f"/{path}", result([odd, good, odd]))
        assert len(getattr(cloud, method)()) == 1

    @pytest.mark.parametrize(("method", "path", "good", "odd"), ODD_RECORDS)
    def test_alone(self, cloud, api, method, path, good, odd):  # noqa: ARG002
        api.expect("GET", f"/{path}", result([odd]))
        with pytest.raises(ApiError, match=r"the answer is not one of ClickHouse Cloud's \(unexpected content\)"):
            getattr(cloud, method)()

    @pytest.mark.parametrize("answer", [None, {}, "x", 5, {"invitations": []}])
    @pytest.mark.parametrize(("method", "path"), [row[:2] for row in LISTS])
    def test_no_list(self, cloud, api, method, path, answer):
        api.expect("GET", f"/{path}", result(answer))
        with pytest.raises(ApiError, match="unexpected content") as failure:
            getattr(cloud, method)()
        assert failure.value.as_result() == {
            "status": 200,
            "reason": "unexpected content",
            "request_id": None,
            "method": "GET",
            "path": f"{BELOW}/{path}",
        }


def test_members(cloud, api):
    api.members(member_record(BOB.upper(), roles=[ADMIN]), {"email": ALICE})
    assert cloud.members() == [
        Member(BOB, "developer", (ADMIN,), user_id="user-1", name="Someone", joined_at=timestamp(NOW - 30 * DAY)),
        Member(ALICE),
    ]


def test_members_that_the_key_may_not_list(cloud, api):
    api.members(answer=refusal(403))
    assert cloud.members_if_allowed() is None
    api.members(answer=refusal(400))
    with pytest.raises(ApiError):
        cloud.members_if_allowed()


def test_roles(cloud, api):
    api.expect("GET", "/roles", result([role_record(ADMIN), {"id": uid(9).upper(), "name": "Data team"}]))
    assert cloud.roles() == [ADMIN, Role(uid(9), "Data team", "custom")]


class TestGettingOne:
    def test_found(self, cloud, api):
        api.get(1, {**invitation_record(number=1), "id": uid(1).upper()})
        assert cloud.invitation(uid(1)).id == uid(1)

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_late_read_is_made_up_for_by_listing(self, cloud, api, status):
        api.get(1, refusal(status))
        api.invitations(invitation_record(number=2), invitation_record(number=1))
        assert cloud.invitation(uid(1)).id == uid(1)

    def test_unknown(self, cloud, api):
        api.get(1, refusal(404))
        api.invitations(invitation_record(number=2))
        assert cloud.invitation(uid(1)) is None

    def test_an_unknown_organization_is_no_unknown_invitation(self, cloud, api):
        api.get(1, refusal(404))
        api.invitations(answer=refusal(404, "NOT_FOUND"))
        with pytest.raises(ApiError, match="found no such organization"):
            cloud.invitation(uid(1))

    def test_other_refusals_are_failures(self, cloud, api):
        api.get(1, refusal(403))
        with pytest.raises(ApiError, match="lacks a permission"):
            cloud.invitation(uid(1))

    @pytest.mark.parametrize("answer", [None, [], {}, [invitation_record()], invitation_record(number=2)])
    def test_something_else(self, cloud, api, answer):
        api.get(1, result(answer))
        with pytest.raises(ApiError, match="unexpected content"):
            cloud.invitation(uid(1))


class TestCreating:
    def test_with_roles(self, cloud, api):
        api.create(invitation_record(ALICE.upper()), ALICE, roles=[BILLING, ADMIN])
        assert cloud.create(Desired(ALICE, assigned_roles=(BILLING, ADMIN))).email == ALICE

    def test_with_the_older_role(self, cloud, api):
        api.create(invitation_record(), ALICE, role="admin")
        assert cloud.create(Desired(ALICE, "admin")).id == uid(1)

    @pytest.mark.parametrize("answer", [None, [], {}, invitation_record(BOB), without(invitation_record(), "id")])
    def test_an_unreadable_success_leaves_it_open(self, cloud, api, answer):
        api.create(result(answer), ALICE, role="admin")
        with pytest.raises(ApiError, match="unexpected content") as failure:
            cloud.create(Desired(ALICE, "admin"))
        assert failure.value.ambiguous
        assert not failure.value.transient


class TestDeleting:
    """True where it is ours, False where the invitation was gone already, None where that cannot be told."""

    invitation = Invitation(ALICE, id=uid(1))

    @pytest.mark.parametrize("answer", [done(), result(None), result({}), result([1])])
    def test_deleted(self, cloud, api, answer):
        api.delete(1, answer)
        assert cloud.delete(self.invitation) is True

    def test_gone_already(self, cloud, api):
        api.delete(1, refusal(404))
        assert cloud.delete(self.invitation) is False

    @pytest.mark.parametrize("fault", [refusal(500), refusal(502), refusal(504)])
    def test_gone_on_a_second_try_may_have_been_ours(self, cloud, api, fault):
        api.delete(1, fault)
        api.delete(1, refusal(404))
        assert cloud.delete(self.invitation) is None

    def test_gone_after_being_throttled_was_not_ours(self, cloud, api):
        api.delete(1, refusal(429))
        api.delete(1, refusal(404))
        assert cloud.delete(self.invitation) is False

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(204),
            Answer(200, b"<html>"),
            Answer(200, b"[]"),
            Answer(200, b""),
            Answer(200, b'{"message": "Please log in"}'),
            Answer(302),
        ],
    )
    def test_what_may_have_been_a_success_is_looked_into(self, cloud, api, answer):
        api.delete(1, answer)
        api.get(1, refusal(404))
        api.invitations()
        assert cloud.delete(self.invitation) is None

    @pytest.mark.parametrize(
        ("look", "failed"),
        [
            (result(invitation_record()), r"revoke the invitation of alice@example\.com"),
            (refusal(401), f"get the invitation {uid(1)}"),
        ],
        ids=["still there", "no look"],
    )
    def test_an_unreadable_success_that_did_nothing_is_a_failure(self, cloud, api, look, failed):
        api.delete(1, Answer(200, b"<html>"))
        api.get(1, look)
        with pytest.raises(ApiError, match=f"^Could not {failed}") as caught:
            cloud.delete(self.invitation)
        clause = "; whether alice@example.com is still invited is not known: run this again"
        assert str(caught.value).count(clause) == 1

    @pytest.mark.parametrize(
        ("answer", "look"),
        [(refusal(400), refusal(401)), (Answer(200, b"<html>"), refusal(418))],
        ids=["refused", "the look is refused"],
    )
    def test_where_not_all_is_out_of_reach_it_is_the_deletion_that_failed(self, cloud, api, answer, look):
        api.delete(1, answer)
        api.get(1, look)
        with pytest.raises(ApiError, match=r"^Could not revoke the invitation of alice@example\.com"):
            cloud.delete(self.invitation)

    def test_gone_after_the_last_try_was_lost_may_have_been_ours(self, api, client_with):
        cloud = CloudApi(client_with(retry_timeout=0.1), ORGANIZATION)
        api.delete(1, refusal(504))
        api.get(1, refusal(404))
        api.invitations()
        assert cloud.delete(self.invitation) is None

    def test_a_gateways_404_tells_nothing(self, cloud, api):
        api.delete(1, Answer(404, b"<html>"))
        api.get(1, invitation_record())
        with pytest.raises(ApiError, match=r"^Could not revoke the invitation of alice@example\.com") as caught:
            cloud.delete(self.invitation)
        assert "not known" not in str(caught.value)

    def test_refused_because_it_is_gone(self, cloud, api):
        api.delete(1, refusal(400))
        api.get(1, refusal(404))
        api.invitations()
        assert cloud.delete(self.invitation) is False

    def test_refused(self, cloud, api):
        api.delete(1, refusal(400, "not now"))
        api.get(1, invitation_record())
        with pytest.raises(ApiError, match="not now"):
            cloud.delete(self.invitation)

    @pytest.mark.parametrize("status", [401, 403])
    def test_not_allowed(self, cloud, api, status):
        api.delete(1, refusal(status))
        with pytest.raises(ApiError):
            cloud.delete(self.invitation)


class TestTheOrganization:
    def test_is_asked_for_once(self, client, api):
        cloud = CloudApi(client, None)
        api.expect("GET", "/v1/organizations", result([{"id": ORGANIZATION.upper()}]))
        api.invitations()
        api.members()
        cloud.invitations()
        cloud.members()

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
    def test_has_to_be_one(self, client, api, answer, count):
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
        ("GET", "/v1/organizations", lambda cloud: CloudApi(cloud.client, None).path()),
        ("POST", "/invitations", lambda cloud: cloud.create(Desired(ALICE, "admin"))),
    ],
)
@given(value=JSON | NEARLY | st.lists(NEARLY, min_size=1, max_size=3))
def test_whatever_comes_is_a_value_or_a_failure(cloud, api, method, path, read, value):
    body = {"email": ALICE, "role": "admin"} if method == "POST" else None
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
            assert _options.is_uuid(shown["id"])
        elif isinstance(each, Member):
            shown = each.as_result()
        else:
            continue
        assert str(shown).encode()  # no halves of characters
