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
from cast import ALICE, BOB, CAROL, DAVE
from hypothesis import assume, example, given
from hypothesis import strategies as st

UUID = "4c1a2c0e-7f0f-4dc7-9d3e-0a5c7a1f9b11"


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        (" Alice@Example.COM\n", "alice@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("alice@Mu\u0308nchen.example.com", "alice@xn--mnchen-3ya.example.com"),
        ("alice@XN--MNCHEN-3YA.example.com", "alice@xn--mnchen-3ya.example.com"),
        ("m\u00fcnchen@example.com", "m\u00fcnchen@example.com"),
        ("alice@a..b.\u00fc.example.com", "alice@a..b.\u00fc.example.com"),
        ("alice@xn--b\u00fccher.example.com", "alice@xn--b\u00fccher.example.com"),
        ("alice@" + "\u00fc" * 64 + ".example.com",) * 2,
        (" ALICE" + "e\u0301" * 255, "alice" + "e\u0301" * 255),
        ("alice\uff20example.com",) * 2,
        ("Not An Address", "not an address"),
        ("", ""),
    ],
)
def test_normalized_email(written, normalised):
    assert _options.normalize_email(written) == normalised


# Short enough to be normalised in any form.
ODD_EMAILS = st.text(max_size=60) | st.from_regex(
    r"[a-zA-Z\u00c4\u0130\u0301]{1,5}@[xX][nN]--[a-z0-9-]{1,12}\.[a-z\u00e9]{2}", fullmatch=True
)


@given(ODD_EMAILS)
@example("\u0130@example.com")
def test_normalizing_an_email_twice_changes_nothing_more(written):
    once = _options.normalize_email(written)
    assert _options.normalize_email(once) == once


@given(ODD_EMAILS)
def test_composed_and_decomposed_text_is_one_email(written):
    composed, decomposed = (normalize(form, written) for form in ("NFC", "NFD"))
    assert _options.normalize_email(composed) == _options.normalize_email(decomposed)


@given(st.text())
def test_an_accepted_email_is_a_normalised_address(written):
    with contextlib.suppress(OptionError):
        address = _options.email(written)
        assert _options.is_address(address)
        assert _options.email(address) == address


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@Example.COM\n", "alice@example.com"),
        ("first.last+tag@mail.example.com", "first.last+tag@mail.example.com"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
        ("it\u2019s@example.com", "it\u2019s@example.com"),
        ("a..b@docomo.example", "a..b@docomo.example"),
        (".o'neil_!#&/=^|~-.@example.com", ".o'neil_!#&/=^|~-.@example.com"),
        ("x@a_b.example.com", "x@a_b.example.com"),
        ("x@-a-.example.com", "x@-a-.example.com"),
        ("a@192.0.2.1", "a@192.0.2.1"),
        ("jose\u0301@ex\u00e4mple.com", "jos\u00e9@xn--exmple-cua.com"),
        ("a@\u4f8b\u5b50.\u30c6\u30b9\u30c8", "a@xn--fsqu00a.xn--zckzah"),
        (f"{'a' * 242}@example.com",) * 2,
        ("Bob <Bob@example.com>", "bob@example.com"),
        ("Bob<bob@example.com>", "bob@example.com"),
        ('"Smith, Bob" <bob@example.com>', "bob@example.com"),
        ("Bob O'Hara (Data) <bob@example.com>", "bob@example.com"),
    ],
)
def test_email(written, normalised):
    assert _options.email(written) == normalised


WRONG = [
    "",
    " ",
    "alice",
    "alice@",
    "@example.com",
    "alice@example",
    "alice@example.",
    "alice@.com",
    "alice@example..com",
    "alice@bob@example.com",
    "alice bob@example.com",
    "alice@exam ple.com",
    "'alice@example.com'",
    "'alice@example.com",
    "`alice@example.com`",
    '"alice@example.com"',
    "\u201calice@example.com\u201d",
    "\u00abalice@example.com",
    "alice@example.com\u2019",
    "\u300calice@example.com\u300d",
    "\u2032alice@example.com\u2032",
    "alice@example.com,bob@example.com",
    "alice@example.com bob@example.com",
    "alice@example.com;",
    "alice@example.com\\n",
    "<alice@example.com>",
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
    "(alice)@example.com",
    "*@example.com",
    "********-lead@example.com",
    "alic?@example.com",
    "%MAIL%@example.com",
    "${BOT}@example.com",
    "{bot}@example.com",
    "alice@{{domain}}.example.com",
    "al\x00ice@example.com",
    "alice\x7f@example.com",
    "alice\x9b@example.com",
    "alice@example.com\nBcc: bob@example.com",
    "alice\u200b@example.com",
    "alice\u3164@example.com",
    "alice\ufe0f@example.com",
    "alice\u2800@example.com",
    "alice\U0001d159@example.com",
    "alice\U00016fe4@example.com",
    "alice@exam\u00adple.com",
    "alice@exam\u200bple.com",
    "\u202ealice@example.com",
    "alice\u2028@example.com",
    "alice\u00a0@example.com",
    "alice\ud800@example.com",
    "alice\uff20example.com",
    "alice@bob\uff20example.com",
    "alice@\uff0a.example.com",
    "alice@\u00a8.example.com",
    f"{'a' * 243}@example.com",
    "a@" + 6 * ("\u00fc" * 40 + ".") + "com",
]


@pytest.mark.parametrize("written", WRONG)
def test_wrong_email_is_rejected(written):
    with pytest.raises(OptionError) as rejected:
        _options.email(written, "the option")
    assert str(rejected.value).startswith(f"the option: {written!r}"[:100])
    assert str(rejected.value).endswith(" is not a single valid email address such as alice@example.com.")


def test_rejected_email_is_shown_in_short():
    with pytest.raises(OptionError) as rejected:
        _options.email("a" * 500)
    shown = f"'{'a' * 100}…'"
    assert str(rejected.value) == f"email: {shown} is not a single valid email address such as alice@example.com."


@pytest.mark.parametrize("letters", ["\u4e2d" * 16_000, "e" + "\u0301" * 32_000], ids=["one label", "marks"])
def test_text_longer_than_an_address_is_not_normalised(monkeypatch, letters):
    monkeypatch.setattr(_options, "normalize", lambda *_arguments: pytest.fail("this takes quadratic time"))
    for address in (f"a@{letters}.example.com", f"{letters}@example.com"):
        assert _options.normalize_email(address) == address
        assert not _options.is_address(address)


# Each of 100 kB. With quadratic time, any of them takes minutes.
LONG_TEXTS = {
    "letters": "a" * 100_000,
    "words": "a " * 50_000,
    "words far apart": ("a" + " " * 5_000) * 20,
    "blanks": "a" + " " * 100_000,
    "quotes": '"a ' * 33_000,
    "open quote": '"' + "a " * 50_000,
    "open brackets": "a <" * 33_000,
    "brackets": "<a>" * 33_000,
    "name and bracket": "a " * 50_000 + "<a",
    "at signs": "a@" * 50_000,
    "dots": "a@" + "a." * 50_000,
    "separators": ",;\n" * 33_000,
    "marks in no order": "a" + "\u0300\u0316" * 50_000,
    "addresses": f"{ALICE}, Bob <{BOB}>\n" * 3_000,
}


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_long_text_is_accepted_or_rejected_in_linear_time(text):
    for check in (
        _options.email,
        lambda text: _options.emails([text]),
        lambda text: _options.emails(text.split(" ")),
        lambda text: _options.api_url(f"https://{text}"),
    ):
        with contextlib.suppress(OptionError):
            check(text)


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ([], []),
        (["", "\t", "\n ,; "], []),
        (["", f" {ALICE} ", BOB.upper()], [ALICE, BOB]),
        ([f"{ALICE} {BOB}"], [ALICE, BOB]),
        ([f"{ALICE},{BOB};\n\n{CAROL}\n", DAVE], [ALICE, BOB, CAROL, DAVE]),
        ([f"Bob Smith <{BOB}>; {ALICE}"], [BOB, ALICE]),
        ([f"{ALICE} Bob <{BOB}>\nCarol <{CAROL}>"], [ALICE, BOB, CAROL]),
        ([f'"Smith, Bob" <{BOB}>, {ALICE}'], [BOB, ALICE]),
        (['"Smith', f' Bob" <{BOB}>', ALICE], [BOB, ALICE]),  # text that Ansible split at its comma
    ],
)
def test_emails_in_text_are_found(written, addresses):
    assert _options.emails(written) == addresses


def test_excluded_people():
    assert _options.excluded([f"{ALICE}, {BOB.upper()}"]) == {ALICE, BOB}
    assert _options.excluded([]) == frozenset()


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_excluded_person_is_rejected(blank):
    with pytest.raises(OptionError, match=r"^purge_exclude: an entry is blank; name a person"):
        _options.excluded([ALICE, blank])


@pytest.mark.parametrize("pattern", ["*@example.com", "${BOT}@example.com", "bot-?@example.com", "%@example.com"])
def test_pattern_among_excluded_people_is_rejected(pattern):
    with pytest.raises(OptionError, match=r"^purge_exclude: .* is not a single valid email address"):
        _options.excluded([ALICE, pattern])


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
        f"emails: {each!r} is not a single valid email address such as alice@example.com." for each in wrong
    ]


@pytest.mark.parametrize(("count", "ending"), [(1, []), (5, []), (6, ["And 1 more."]), (30, ["And 25 more."])])
def test_five_of_several_mistakes_are_named(count, ending):
    addresses = [f"person{number}" for number in range(count)]
    named = [
        f"emails: {each!r} is not a single valid email address such as alice@example.com." for each in addresses[:5]
    ]
    with pytest.raises(OptionError) as rejected:
        _options.emails([ALICE, *addresses, BOB])
    assert str(rejected.value) == " ".join(named + ending)


@pytest.mark.parametrize("written", [UUID, UUID.upper(), f"  {UUID}\n"])
def test_uuid(written):
    assert _options.uuid(written, "organization_id") == UUID


@pytest.mark.parametrize(
    "written", ["5", UUID[:-1], f"{UUID}0", UUID.replace("-", ""), f"{{{UUID}}}", UUID.replace("4", "g"), f"../{UUID}"]
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
            "emails: it is null and matches nobody; check the variable it comes from, or leave the option out.",
        ),
    ],
)
def test_null_is_rejected_by_name(given, message):
    with pytest.raises(OptionError) as rejected:
        _options.reject_nulls(given, ("emails", "user_id"))
    assert str(rejected.value) == message


def test_options_that_are_given_or_left_out_are_no_nulls():
    _options.reject_nulls({"emails": [], "role": None}, ("emails", "user_id"))


class TestEntry:
    @pytest.mark.parametrize(
        ("role", "roles", "expected"),
        [
            ("developer", None, Entry(ALICE, "developer")),
            (None, ["Admin", "Billing"], Entry(ALICE, None, ("Admin", "Billing"))),
            (None, [" Admin ", "two\nlines", "Admin."], Entry(ALICE, None, (" Admin ", "two\nlines", "Admin."))),
        ],
    )
    def test_it_has_role_or_roles_as_written(self, role, roles, expected):
        assert _options.entry({"email": f" {ALICE.upper()}", "role": role, "roles": roles}) == expected

    @pytest.mark.parametrize(
        ("role", "roles", "message"),
        [
            (None, None, "no roles given; add, for example, roles: [Developer]."),
            (None, [], "no roles given; add, for example, roles: [Developer]."),
            ("developer", ["Admin"], "give roles or the legacy role, not both."),
            ("developer", [], "give roles or the legacy role, not both."),
            (None, [""], "roles: an entry is blank; name a role or leave the entry out."),
            (None, ["Admin", "\n"], "roles: an entry is blank; name a role or leave the entry out."),
            ("Owner", None, "role is the legacy role, admin or developer, not 'Owner'; use roles."),
            ("\u200bOps", None, "role is the legacy role, admin or developer, not '\\u200bOps'; use roles."),
        ],
    )
    def test_mistake_is_named_with_the_person(self, role, roles, message):
        with pytest.raises(OptionError) as rejected:
            _options.entry({"email": ALICE, "role": role, "roles": roles})
        assert str(rejected.value) == f"{ALICE}: {message}"


def listed(email, role=None, roles=None):
    """An entry of a roster as Ansible passes it on."""
    return {"email": email, "role": role, "roles": roles, "comment": None}


def roster(entries, emails=None, role=None, roles=None, need_roles=True):
    """Validate the roster of the module ``invitations``."""
    options = {"invitations": entries, "emails": emails, "role": role, "roles": roles}
    return _options.roster(options, "invitations", need_roles=need_roles)


class TestRoster:
    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ((), Entry(ALICE, "admin")),
            (("developer",), Entry(ALICE, "developer")),
            ((" developer\n",), Entry(ALICE, "developer")),
            ((None, ["Billing"]), Entry(ALICE, None, ("Billing",))),
            (("", ["Billing"]), Entry(ALICE, None, ("Billing",))),
            ((" ", None), Entry(ALICE, "admin")),
        ],
    )
    def test_own_role_wins_and_an_empty_one_is_not_given(self, own, expected):
        assert roster([listed(f"Alice <{ALICE}>", *own)], None, "admin", None) == [expected]

    def test_emails_have_the_roles_of_the_task(self):
        people = roster([listed(ALICE, "admin")], [f"{BOB}\n{CAROL}", ""], None, ["Billing"])
        billing = (None, ("Billing",))
        assert people == [Entry(ALICE, "admin"), Entry(BOB, *billing), Entry(CAROL, *billing)]

    def test_equal_entries_count_once(self):
        twice = [listed(ALICE, None, ["Billing"]), listed(ALICE.upper(), "", ["Billing"])]
        people = roster([*twice, listed(ALICE, None, ["Admin"])], [ALICE], None, ["Admin"])
        assert people == [Entry(ALICE, None, ("Billing",)), Entry(ALICE, None, ("Admin",))]

    @pytest.mark.parametrize(("roles", "words"), [([""], "roles: an entry is blank"), ([], "no roles given")])
    def test_empty_roles_of_the_task_are_rejected_for_people_who_need_them(self, roles, words):
        own = listed(BOB, "admin")
        assert roster([own], [], None, roles) == [Entry(BOB, "admin")]
        with pytest.raises(OptionError, match=f"^{ALICE}: {words}"):
            roster([own], [ALICE], None, roles)

    def test_roles_are_ignored_where_none_are_needed(self):
        entries = [listed(ALICE, "Owner", []), listed(ALICE)]
        assert roster(entries, [BOB], need_roles=False) == [Entry(ALICE), Entry(BOB)]

    def test_empty_roster_has_nobody(self):
        assert roster(None) == []

    def test_all_mistakes_of_all_entries_are_told(self):
        entries = [listed("bob", "admin"), listed(CAROL, None, []), listed(BOB, "Owner"), listed(BOB, "admin")]
        with pytest.raises(OptionError) as rejected:
            roster(entries, [DAVE, "eve"])
        assert list(rejected.value.mistakes) == [
            "invitations[0].email: 'bob' is not a single valid email address such as alice@example.com.",
            f"{CAROL}: no roles given; add, for example, roles: [Developer].",
            f"{BOB}: role is the legacy role, admin or developer, not 'Owner'; use roles.",
            f"{DAVE}: no roles given; add, for example, roles: [Developer].",
            "emails: 'eve' is not a single valid email address such as alice@example.com.",
        ]

    def test_ten_thousand_mistakes_are_counted(self):
        entries = [listed(f"person{number}") for number in range(10_000)]
        with pytest.raises(OptionError, match=r" And 9995 more\.$") as rejected:
            roster(entries)
        assert len(str(rejected.value)) < 1000

    TEXT = st.text(max_size=9) | st.sampled_from([ALICE, "admin", "", " "])
    ROLES = st.none() | st.lists(TEXT, max_size=3)
    ENTRY = st.builds(listed, TEXT, st.none() | TEXT, ROLES)

    @given(st.lists(ENTRY, max_size=3), st.lists(TEXT, max_size=3), st.none() | TEXT, ROLES, st.booleans())
    def test_any_roster_is_accepted_or_rejected(self, entries, emails, role, roles, need_roles):
        people, message = [], ""
        try:
            people = roster(entries, emails, role, roles, need_roles=need_roles)
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
    ("number", "shown"), [(0, "0"), (-1.5, "-1.5"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")]
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
        ("https://me:hush@api.example.com", "must not contain credentials"),
        ("https://hush@api.example.com", "must not contain credentials"),
        ("http://hush@127.0.0.1", "must not contain credentials"),
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
