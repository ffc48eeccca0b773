# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import math
from datetime import timedelta
from functools import partial
from unicodedata import normalize

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils import _options
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import Entry, OptionError
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ..records import ALICE, BOB, CAROL, DAVE

UUID = "4c1a2c0e-7f0f-4dc7-9d3e-0a5c7a1f9b11"


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        (" Alice@Example.COM\n", "alice@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("alice@Mu\u0308nchen.example.com", "alice@m\u00fcnchen.example.com"),
        ("alice@xn--mnchen-3ya.example.com", "alice@m\u00fcnchen.example.com"),
        ("alice@XN--MNCHEN-3YA.example.com", "alice@m\u00fcnchen.example.com"),
        ("xn--mnchen-3ya@example.com", "xn--mnchen-3ya@example.com"),
        ("alice@xn--.example.com", "alice@xn--.example.com"),
        ("alice@xn--example-.example.com", "alice@xn--example-.example.com"),
        ("alice@xn--mnchen-psa.example.com", "alice@xn--mnchen-psa.example.com"),
        ("alice@xn--a-ecp.example.com", "alice@xn--a-ecp.example.com"),
        ("alice@xn--99999999.example.com", "alice@xn--99999999.example.com"),
        ("alice@xn--b\u00fccher.example.com", "alice@xn--b\u00fccher.example.com"),
        ("Not An Address", "not an address"),
        ("", ""),
    ],
)
def test_normalized_email(written, normalised):
    assert _options.normalize_email(written) == normalised


ODD_EMAILS = st.text() | st.from_regex(
    r"[a-zA-Z\u00c4\u0130\u0301]{1,5}@[xX][nN]--[a-z0-9-]{1,12}\.[a-z]{2}", fullmatch=True
)


@given(ODD_EMAILS)
@example("\u0130@example.com")
@example("alice@xn--xn--a-ecp-.example.com")
def test_normalizing_an_email_twice_changes_nothing_more(written):
    once = _options.normalize_email(written)
    assert _options.normalize_email(once) == once


@given(ODD_EMAILS)
def test_composed_and_decomposed_text_is_one_email(written):
    composed, decomposed = (normalize(form, written) for form in ("NFC", "NFD"))
    assert _options.normalize_email(composed) == _options.normalize_email(decomposed)


@given(st.text(st.sampled_from("abcz\u00e4\u00f6\u00fc\u00df\u03b1\u0436\u4e2d-"), min_size=1, max_size=20))
def test_both_forms_of_an_international_domain_are_one(label):
    assume(not label.startswith("-") and not label.endswith("-") and not label.isascii())
    encoded = f"xn--{label.encode('punycode').decode()}"
    assert _options.email(f"alice@{encoded}.example.com") == _options.email(f"alice@{label}.example.com")


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@Example.COM\n", "alice@example.com"),
        ("first.last+tag@mail.example.com", "first.last+tag@mail.example.com"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
        ("o'neil_{x}!#$%&*/=?^`|~-@example.com", "o'neil_{x}!#$%&*/=?^`|~-@example.com"),
        ("\u00fcn\u00ef@ex\u00e4mple.com", "\u00fcn\u00ef@ex\u00e4mple.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("alice@xn--bcher-kva.example.com", "alice@b\u00fccher.example.com"),
        ("a@1.2.example.com", "a@1.2.example.com"),
        ("a@x-1--y.example.com", "a@x-1--y.example.com"),
        ("\u0938\u0902\u092a\u0930\u094d\u0915@\u0921\u093e\u091f\u093e\u092e\u0947\u0932.\u092d\u093e\u0930\u0924",)
        * 2,
        ("a@\u4f8b\u5b50.\u30c6\u30b9\u30c8", "a@\u4f8b\u5b50.\u30c6\u30b9\u30c8"),
        ("a@paral\u00b7lel.example.com", "a@paral\u00b7lel.example.com"),
        (f"{'a' * 64}@example.com",) * 2,
        (f"a@{'b' * 63}.example.com",) * 2,
        (f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com",) * 2,
        ("Bob <Bob@example.com>", "bob@example.com"),
        ("Bob<bob@example.com>", "bob@example.com"),
        ('"Smith, Bob" <bob@example.com>', "bob@example.com"),
        ("Bob O'Hara (Data) <bob@example.com>", "bob@example.com"),
        ("bob@example.com <bob@example.com>", "bob@example.com"),
        ("'Bob@example.com' <bob@example.com>", "bob@example.com"),
    ],
)
def test_email(written, normalised):
    assert _options.email(written) == normalised


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "alice@example.",
        "alice@.com",
        "alice@example..com",
        ".alice@example.com",
        "alice.@example.com",
        "a..b@example.com",
        "alice@bob@example.com",
        "alice bob@example.com",
        "alice@exam ple.com",
        "'alice@example.com'",
        "'alice@example.com",
        "`alice@example.com`",
        '"alice@example.com"',
        "\u201calice@example.com\u201d",
        "\u201calice@example.com",
        "alice@example.com!",
        "alice@example.com?",
        "alice@exa_mple.com",
        "alice@-example.com",
        "alice@example-.com",
        "alice@192.0.2.1",
        "alice@example.123",
        "alice@example.com,bob@example.com",
        "alice@example.com bob@example.com",
        "alice@example.com;",
        "alice@example.com/bob@example.com",
        "<alice@example.com>",
        "<alice@example.com",
        "Alice <alice@example.com",
        "Alice alice@example.com",
        "Alice <alice>",
        "Alice <>",
        "alice@example.com <bob@example.com>",
        '"alice@example.com" <bob@example.com>',
        "Alice <alice@example.com> <bob@example.com>",
        '"alice"@example.com',
        "alice@[127.0.0.1]",
        "mailto:alice@example.com",
        "al\x00ice@example.com",
        "alice\x7f@example.com",
        "alice@example.com\nBcc: bob@example.com",
        "alice\u200b@example.com",
        "alice\ufe0f@example.com",
        "alice@exam\u00adple.com",
        "\u202ealice@example.com",
        "\u0301alice@example.com",
        "alice@\u0301example.com",
        "alice\uff20example.com",
        "alice@example\u3002com",
        "o\ufb03ce@example.com",
        "alice@\uff45xample.com",
        "alice\U0001f600@example.com",
        "alice\ud800@example.com",
        f"{'a' * 65}@example.com",
        "\u00fc" * 33 + "@example.com",
        f"a@{'b' * 64}.example.com",
        "a@" + "\u00e4\u00df" * 30 + ".example.com",
        f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.com",
    ],
)
def test_wrong_email_is_rejected(written):
    with pytest.raises(OptionError) as rejected:
        _options.email(written, "the option")
    assert str(rejected.value).startswith(f"the option: {written!r}"[:100])
    assert str(rejected.value).endswith(" is not one email address such as alice@example.com.")


@pytest.mark.parametrize(
    ("written", "shown"), [(None, "null"), (5, "5"), ({}, "a mapping"), ([], "a list"), ("a" * 500, f"'{'a' * 100}…'")]
)
def test_rejected_email_is_shown_in_short(written, shown):
    with pytest.raises(OptionError) as rejected:
        _options.email(written)
    assert str(rejected.value) == f"email: {shown} is not one email address such as alice@example.com."


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ([], []),
        (["", "\t", None, "\n ,; "], []),
        (["", f" {ALICE} ", BOB.upper()], [ALICE, BOB]),
        ([f"{ALICE} {BOB}"], [ALICE, BOB]),
        ([f"{ALICE},{BOB};\n\n{CAROL}\n", DAVE], [ALICE, BOB, CAROL, DAVE]),
        ([f"Bob Smith <{BOB}>; {ALICE}"], [BOB, ALICE]),
        ([f"{ALICE} Bob <{BOB}>\nCarol <{CAROL}>"], [ALICE, BOB, CAROL]),
        ([f'"Smith, Bob" <{BOB}>, {ALICE} <{ALICE}>'], [BOB, ALICE]),
        ([f"'{ALICE}' <{ALICE}>; '{BOB}' <{BOB}>"], [ALICE, BOB]),
        (['"Smith', f' Bob" <{BOB}>', ALICE], [BOB, ALICE]),  # text that Ansible split at its comma
    ],
)
def test_emails_in_text_are_found(written, addresses):
    assert _options.emails(written) == addresses


def test_excluded_people():
    assert _options.excluded([f"{ALICE}, {BOB.upper()}"]) == {ALICE, BOB}
    assert _options.excluded([]) == frozenset()


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_blank_excluded_person_is_rejected(blank):
    with pytest.raises(OptionError, match=r"^purge_exclude: an entry is blank; name a person"):
        _options.excluded([ALICE, blank])


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        (["alice", f"Bob <{BOB}>"], ["alice"]),
        ([f"alice, Bob <{BOB}>"], ["alice"]),
        ([f"Alice <{ALICE}>{BOB}"], ["Alice", f"<{ALICE}>{BOB}"]),
        ([f"alice Bob <{BOB}"], ["alice", "Bob", f"<{BOB}"]),
        ([f"{ALICE} <{BOB}>"], [f"<{BOB}>"]),
        ([f'"{ALICE}, {BOB}" <{CAROL}>'], [f'"{ALICE}', f'{BOB}"', f"<{CAROL}>"]),
        ([f"{ALICE}\nbob\n{CAROL}"], ["bob"]),
    ],
)
def test_no_text_among_emails_is_dropped(written, wrong):
    with pytest.raises(OptionError) as rejected:
        _options.emails(written)
    assert list(rejected.value.mistakes) == [
        f"emails: {each!r} is not one email address such as alice@example.com." for each in wrong
    ]


@pytest.mark.parametrize(("count", "ending"), [(1, []), (5, []), (6, ["And 1 more."]), (30, ["And 25 more."])])
def test_five_of_several_mistakes_are_named(count, ending):
    addresses = [f"person{number}" for number in range(count)]
    named = [f"emails: {each!r} is not one email address such as alice@example.com." for each in addresses[:5]]
    with pytest.raises(OptionError) as rejected:
        _options.emails([ALICE, *addresses, BOB])
    assert str(rejected.value) == " ".join(named + ending)


@pytest.mark.parametrize("written", [UUID, UUID.upper(), f"  {UUID}\n"])
def test_uuid(written):
    assert _options.uuid(written, "organization_id") == UUID


@pytest.mark.parametrize(
    "written",
    ["5", UUID[:-1], f"{UUID}0", UUID.replace("-", ""), f"{{{UUID}}}", UUID.replace("4", "g"), f"../{UUID}"],
)
def test_wrong_uuid_is_rejected(written):
    with pytest.raises(OptionError) as rejected:
        _options.uuid(written, "organization_id")
    assert str(rejected.value).startswith(f"organization_id: {written!r} is not a UUID such as ")


NO_ID = "user_id: it is empty. A record that check mode only predicts has no ID; use its email instead."


@pytest.mark.parametrize("written", ["", " "])
def test_empty_id_may_be_that_of_a_predicted_record(written):
    with pytest.raises(OptionError) as rejected:
        _options.uuid(written, "user_id")
    assert str(rejected.value) == NO_ID


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"user_id": None}, NO_ID),
        (
            {"emails": None, "role": None},
            "emails: it is null, which selects nobody; check the variable it comes from, or leave the option out.",
        ),
    ],
)
def test_null_is_rejected_by_name(given, message):
    with pytest.raises(OptionError) as rejected:
        _options.reject_nulls(given, ("emails", "user_id"))
    assert str(rejected.value) == message


def test_options_that_are_given_or_left_out_are_no_nulls():
    _options.reject_nulls({"emails": [], "role": None}, ("emails", "user_id"))


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ([" Admin ", "Data team"], ("Admin", "Data team")),
        (["Admin\n\n Data, team \r\nBilling\n"], ("Admin", "Data, team", "Billing")),
        ("Admin", ("Admin",)),
        ("Admin, Data team\nBilling,", ("Admin", "Data team", "Billing")),
        ([5], ("5",)),
        (5, ("5",)),
    ],
)
def test_role_names(written, names):
    assert _options.role_names(written) == names


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ([], "the list is empty"),
        ("", "the list is empty"),
        (",", "the list is empty"),
        (["Admin", ""], "an entry is blank"),
        (["Admin", None], "an entry is blank"),
        ([" "], "an entry is blank"),
        (["\n\n"], "an entry is blank"),
        (None, "null is not a list of role names or IDs such as"),
        ({"name": "Admin"}, "a mapping is not a list of role names or IDs such as"),
        ([{"name": "Admin"}], "a list is not a list of role names or IDs such as"),
    ],
)
def test_empty_or_malformed_role_names_are_rejected(written, words):
    with pytest.raises(OptionError, match=f"^roles: {words}"):
        _options.role_names(written)


class TestEntry:
    @pytest.mark.parametrize(
        ("role", "roles", "expected"),
        [
            ("developer", None, Entry(ALICE, "developer")),
            (None, ["Admin", "Billing"], Entry(ALICE, None, ("Admin", "Billing"))),
            ("", ["Admin"], Entry(ALICE, None, ("Admin",))),
            (" ", ["Admin"], Entry(ALICE, None, ("Admin",))),
        ],
    )
    def test_it_has_role_or_roles(self, role, roles, expected):
        assert _options.entry({"email": f" {ALICE.upper()}", "role": role, "roles": roles}) == expected

    @pytest.mark.parametrize(
        ("role", "roles", "message"),
        [
            (None, None, "no roles; give some, such as roles: [Developer]."),
            ("", None, "no roles; give some, such as roles: [Developer]."),
            ("admin", ["Admin"], "give roles or the legacy role, not both."),
            (None, [], "roles: the list is empty; name at least one role."),
            (None, [""], "roles: an entry is blank; name a role or leave the entry out."),
            ("Owner", None, "role is the legacy role, admin or developer, not 'Owner'; use roles: [Owner]."),
        ],
    )
    def test_other_roles_are_rejected_with_the_person(self, role, roles, message):
        with pytest.raises(OptionError) as rejected:
            _options.entry({"email": ALICE, "role": role, "roles": roles})
        assert str(rejected.value) == f"{ALICE}: {message}"

    def test_wrong_email_is_rejected_by_its_option(self):
        with pytest.raises(OptionError, match=r"^email: 'alice' is not one email address such as"):
            _options.entry({"email": "alice", "role": "admin", "roles": None})


class TestRoster:
    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ({}, Entry(ALICE, "admin")),
            ({"role": "developer"}, Entry(ALICE, "developer")),
            ({"role": " developer\n"}, Entry(ALICE, "developer")),
            ({"roles": ["Billing"]}, Entry(ALICE, None, ("Billing",))),
            ({"roles": "Billing"}, Entry(ALICE, None, ("Billing",))),
            ({"roles": "Billing\nData team"}, Entry(ALICE, None, ("Billing", "Data team"))),
            ({"role": None, "roles": ["Billing"]}, Entry(ALICE, None, ("Billing",))),
            ({"role": "", "roles": "Billing"}, Entry(ALICE, None, ("Billing",))),
            ({"role": "developer", "roles": [None]}, Entry(ALICE, "developer")),
            *(({"role": None, "roles": blank, "comment": 5}, Entry(ALICE, "admin")) for blank in (None, "", [], [" "])),
        ],
    )
    def test_own_role_wins_and_an_empty_one_is_not_given(self, own, expected):
        assert _options.roster([{"email": f"Alice <{ALICE}>", **own}], None, "admin", None) == [expected]

    def test_emails_have_the_roles_of_the_task(self):
        people = _options.roster([{"email": ALICE, "role": "admin"}], [f"{BOB}\n{CAROL}", ""], None, ["Billing"])
        billing = (None, ("Billing",))
        assert people == [Entry(ALICE, "admin"), Entry(BOB, *billing), Entry(CAROL, *billing)]

    def test_equal_entries_count_once(self):
        twice = [{"email": ALICE, "roles": ["Billing"]}, {"email": ALICE.upper(), "roles": "Billing"}]
        other = {"email": ALICE, "roles": ["Admin"]}
        people = _options.roster([*twice, other], [ALICE], None, ["Admin"])
        assert people == [Entry(ALICE, None, ("Billing",)), Entry(ALICE, None, ("Admin",))]

    def test_blank_roles_of_the_task_are_rejected_for_whoever_needs_them(self):
        own = {"email": BOB, "role": "admin"}
        assert _options.roster([own], [], None, [""]) == [Entry(BOB, "admin")]
        with pytest.raises(OptionError, match=f"^{ALICE}: roles: an entry is blank"):
            _options.roster([own], [ALICE], None, [""])

    def test_roles_are_ignored_where_none_are_needed(self):
        entries = [{"email": ALICE, "role": "Owner", "roles": {}}, {"email": ALICE}]
        assert _options.roster(entries, [BOB], None, None, need_roles=False) == [Entry(ALICE), Entry(BOB)]

    def test_empty_roster_has_nobody(self):
        assert _options.roster(None, None, None, None) == []

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (ALICE, f"people[1]: '{ALICE}' is a bare address; write email: {ALICE}."),
            (f"Alice <{ALICE}>", f"people[1]: 'Alice <{ALICE}>' is a bare address; write email: {ALICE}."),
            ("alice", "people[1]: 'alice' is not an entry; write email: alice@example.com."),
            (5, "people[1]: 5 is not an entry; write email: alice@example.com."),
            ([ALICE], "people[1]: a list is not an entry; write email: alice@example.com."),
            (None, "people[1]: the entry is empty; remove it, or write email: alice@example.com."),
            ("", "people[1]: the entry is empty; remove it, or write email: alice@example.com."),
            ({"role": "admin"}, "people[1].email: null is not one email address such as alice@example.com."),
            ({"email": "", "role": "admin"}, "people[1].email: '' is not one email address such as alice@example.com."),
            (
                {"email": "alice", "role": "admin"},
                "people[1].email: 'alice' is not one email address such as alice@example.com.",
            ),
            ({"email": 5, "role": "admin"}, "people[1].email: 5 is not one email address such as alice@example.com."),
            ({"Email": ALICE}, "people[1]: unknown key 'Email'; write email."),
            ({"\ufeffemail": ALICE}, "people[1]: unknown key '\\ufeffemail'; write email."),
            ({"email": ALICE, " role": "admin"}, f"{ALICE}: unknown key ' role'; write role."),
            ({"email": ALICE, "Roles": ["Admin"]}, f"{ALICE}: unknown key 'Roles'; write roles."),
            (
                {"email": ALICE, "rolle": "admin"},
                f"{ALICE}: unknown key 'rolle'; an entry takes email, role, roles, comment.",
            ),
            (
                {"email": ALICE, "role": "Developer"},
                f"{ALICE}: role is the legacy role, admin or developer, not 'Developer'; use roles: [Developer].",
            ),
            (
                {"email": ALICE, "role": "\u200bOps"},
                f"{ALICE}: role is the legacy role, admin or developer, not '\\u200bOps'; use roles: [Developer].",
            ),
            (
                {"email": ALICE, "role": ["Admin"]},
                f"{ALICE}: role is the legacy role, admin or developer, not a list; use roles: [Developer].",
            ),
            (
                {"email": ALICE, "role": "admin", "roles": ["Admin"]},
                f"{ALICE}: give roles or the legacy role, not both.",
            ),
            ({"email": ALICE}, f"{ALICE}: no roles; give some, such as roles: [Developer]."),
            (
                {"email": ALICE, "roles": {"name": "Admin"}},
                f"{ALICE}: roles: a mapping is not a list of role names or IDs such as [Developer].",
            ),
            (
                {"email": ALICE, "roles": ["Admin", ""]},
                f"{ALICE}: roles: an entry is blank; name a role or leave the entry out.",
            ),
        ],
    )
    def test_a_wrong_entry_is_named(self, raw, message):
        with pytest.raises(OptionError) as rejected:
            _options.roster([{"email": BOB, "role": "admin"}, raw], None, None, None, "people")
        assert str(rejected.value) == message

    def test_all_mistakes_of_all_entries_are_told(self):
        entries = [ALICE, {"email": "bob", "role": "Owner"}, {"email": CAROL, "rolle": 1, "comment": ""}]
        with pytest.raises(OptionError) as rejected:
            _options.roster(entries, [DAVE, "eve"], None, None)
        assert list(rejected.value.mistakes) == [
            f"invitations[0]: '{ALICE}' is a bare address; write email: {ALICE}.",
            "invitations[1].email: 'bob' is not one email address such as alice@example.com.",
            "invitations[1]: role is the legacy role, admin or developer, not 'Owner'; use roles: [Owner].",
            f"{CAROL}: unknown key 'rolle'; an entry takes email, role, roles, comment.",
            f"{DAVE}: no roles; give some, such as roles: [Developer].",
            "emails: 'eve' is not one email address such as alice@example.com.",
        ]

    def test_a_wrong_key_is_told_where_roles_are_ignored(self):
        with pytest.raises(OptionError, match="unknown key ' role'"):
            _options.roster([{"email": ALICE, " role": "admin"}], None, None, None, need_roles=False)

    YAML = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ALICE, "admin", ""]),
        lambda value: (
            st.lists(value, max_size=3)
            | st.dictionaries(st.sampled_from(["email", "role", "roles", "Email", ""]) | st.text(), value, max_size=4)
        ),
        max_leaves=10,
    )

    @given(st.lists(YAML, max_size=3), st.lists(YAML, max_size=3), YAML, YAML, st.booleans())
    def test_any_roster_is_accepted_or_rejected(self, entries, emails, role, roles, need_roles):
        people, message = [], ""
        try:
            people = _options.roster(entries, emails, role, roles, need_roles=need_roles)
        except OptionError as error:
            message = str(error)
        assert message.isprintable()
        assert all(person.email == _options.email(person.email) for person in people)
        assert all((person.role is None) == bool(person.roles) for person in people if need_roles)


@pytest.mark.parametrize(
    ("written", "people", "most"),
    [
        ("5", 3, 5),
        ("5", 1000, 5),
        ("0", 1000, 0),
        (" 25% ", 100, 25),
        ("25 %", 103, 25),
        ("25%", 3, 1),
        ("25%", 0, 1),
        ("1%", 199, 1),
        ("100%", 7, 7),
        ("0%", 7, 0),
    ],
)
def test_limit(written, people, most):
    assert _options.limit(written).most(people) == most


@pytest.mark.parametrize("written", ["5", "25%", "0", "100%"])
def test_limit_is_shown_as_written(written):
    assert str(_options.limit(written)) == written


@pytest.mark.parametrize(
    "written", ["", "-1", "1.5", "1.5%", "101%", "-5%", "%", "five", "5 people", "25%%", "\u0665", "1e3", "9" * 5000]
)
def test_wrong_limit_is_rejected(written):
    with pytest.raises(
        OptionError, match=r"^purge_limit: '.* is neither a count such as 5 nor a percentage such as 25%\.$"
    ):
        _options.limit(written)


@pytest.mark.parametrize("written", ["0s", "30s", "90m", "1d12h", "7d", "7d13h", "1d1h1m1s"])
def test_duration_is_shown_as_users_write_it(written):
    shown = _options.show_duration(_options.duration(written, "renew_before"))
    assert shown == {"90m": "1h30m"}.get(written, written)


@pytest.mark.parametrize(("number", "taken"), [(0.001, 0.001), (1, 1), (30.0, 30.0), (1e9, 1e6), (1e300, 1e6)])
def test_seconds(number, taken):
    assert _options.seconds(number, "api_timeout") == taken


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (-1.5, "-1.5"), (-1e20, f"-1{'0' * 20}"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")],
)
def test_seconds_must_be_finite_and_positive(number, shown):
    with pytest.raises(OptionError) as rejected:
        _options.seconds(number, "api_timeout")
    assert str(rejected.value) == f"api_timeout: {shown} is not a finite, positive number of seconds."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", timedelta(0)),
        ("0s", timedelta(0)),
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("2d", timedelta(days=2)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("1d4s", timedelta(days=1, seconds=4)),
        (" 2d ", timedelta(days=2)),
        ("007d", timedelta(days=7)),
        ("never", None),
    ],
)
def test_duration(written, meant):
    assert _options.duration(written, "renew_before") == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "1",
        "00",
        "-1d",
        "+1d",
        "1.5h",
        "1h 30m",
        "12h1d",
        "1h1h",
        "1w",
        "d",
        "2D",
        "Never",
        "never!",
        "\u0661d",
        "1000000000d",
        "999999999d24h",
        f"{'9' * 5000}s",
    ],
)
def test_wrong_duration_is_rejected(written):
    with pytest.raises(OptionError) as rejected:
        _options.duration(written, "renew_before")
    assert str(rejected.value).startswith(f"renew_before: '{written[:100]}")
    assert str(rejected.value).endswith("' is not a duration such as 36h, 2d, 90m or 1d12h, nor 'never'.")


@given(st.tuples(*(st.integers(0, 9999),) * 4))
def test_every_duration_says_what_it_means(numbers):
    days, hours, minutes, seconds = numbers
    meant = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert _options.duration(f"{days}d{hours}h{minutes}m{seconds}s", "renew_before") == meant


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("https://api.clickhouse.cloud", "https://api.clickhouse.cloud"),
        ("https://api.clickhouse.cloud/", "https://api.clickhouse.cloud"),
        ("https://api.clickhouse.cloud/v1", "https://api.clickhouse.cloud"),
        ("https://api.clickhouse.cloud//v1//", "https://api.clickhouse.cloud"),
        ("https://gateway.example.com/clickhouse/v1/", "https://gateway.example.com/clickhouse"),
        ("https://gateway.example.com/v1/clickhouse", "https://gateway.example.com/v1/clickhouse"),
        ("https://gateway.example.com/xv1", "https://gateway.example.com/xv1"),
        ("https://gateway.example.com:8443", "https://gateway.example.com:8443"),
        ("HTTPS://api.clickhouse.cloud", "https://api.clickhouse.cloud"),
        ("http://localhost:8766/v1", "http://localhost:8766"),
        ("http://LOCALHOST:8766", "http://LOCALHOST:8766"),
        ("http://127.0.0.1:8766", "http://127.0.0.1:8766"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8766/", "http://[::1]:8766"),
    ],
)
def test_api_url(written, normalised):
    assert _options.api_url(written) == normalised


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "not an http or https URL"),
        ("api.clickhouse.cloud", "not an http or https URL"),
        ("ftp://api.clickhouse.cloud", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https:///v1", "not an http or https URL"),
        ("https://:443", "not an http or https URL"),
        ("https://api.clickhouse.cloud:0", "not an http or https URL"),
        ("https://api.clickhouse.cloud/a b", "not an http or https URL"),
        ("https://\u00e4pi.example.com", "not an http or https URL"),
        ("https://api.clickhouse.cloud:port", "not a URL"),
        ("https://api.clickhouse.cloud:70000", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://api.clickhouse.cloud?x=1", "a query or a fragment"),
        ("https://api.clickhouse.cloud/v1#x", "a query or a fragment"),
        ("http://api.clickhouse.cloud", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("http://10.0.0.1", "plain http"),
        ("http://[::2]", "plain http"),
        ("http://0.0.0.0", "plain http"),
        ("https://me:hush@api.example.com", "must not hold credentials"),
        ("https://hush@api.example.com", "must not hold credentials"),
        ("http://hush@127.0.0.1", "must not hold credentials"),
    ],
)
def test_wrong_api_url_is_rejected(written, words):
    with pytest.raises(OptionError, match=f"^api_url: .*{words}") as rejected:
        _options.api_url(written)
    assert "hush" not in str(rejected.value)


PATHS = st.text("/v1ab", max_size=12).map(lambda text: f"/{text}")


@given(st.sampled_from(["https://api.example.com", "http://localhost:81", "https://[::1]:9"]), PATHS)
def test_normalising_an_api_url_twice_changes_nothing_more(origin, path):
    once = _options.api_url(origin + path)
    assert not once.endswith("/")
    assume(not once.endswith("/v1"))  # a gateway that has the API below a /v1 of its own
    assert _options.api_url(once) == once


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.sampled_from(["", "/v1", ":99x", "?q", "#f", " ", "\n"]))
@example("", "")
@example("[", "")
def test_a_rejected_api_url_never_shows_its_password(odd, end):
    written = f"https://me:hunter2-{odd}@api.example.com{end}"
    with pytest.raises(OptionError) as rejected:
        _options.api_url(written)
    assert "hunter2" not in str(rejected.value)


@pytest.mark.parametrize(
    "check",
    [
        _options.email,
        partial(_options.uuid, option="uuid"),
        partial(_options.duration, option="duration"),
        _options.limit,
        _options.api_url,
    ],
    ids=["email", "uuid", "duration", "limit", "api_url"],
)
@given(text=st.text())
def test_any_text_is_accepted_or_rejected(check, text):
    with contextlib.suppress(OptionError):
        check(text)
