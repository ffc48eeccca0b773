# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import math
from datetime import timedelta
from functools import partial

import pytest
from ansible_collections.clickhouse.cloud.plugins.module_utils import _options
from ansible_collections.clickhouse.cloud.plugins.module_utils._options import OptionError
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ..records import ALICE, BOB

UUID = "4c1a2c0e-7f0f-4dc7-9d3e-0a5c7a1f9b11"


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@Example.COM\n", "alice@example.com"),
        ("first.last+tag@mail.example.com", "first.last+tag@mail.example.com"),
        ("o'neil_{x}!#$%&*/=?^`|~-@example.com", "o'neil_{x}!#$%&*/=?^`|~-@example.com"),
        ("Grüße@bücher.example.com", "grüße@bücher.example.com"),
        ("a@1.2.example.com", "a@1.2.example.com"),
        (f"{'a' * 242}@example.com", f"{'a' * 242}@example.com"),
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
        "alice@example.com,bob@example.com",
        "alice@example.com;",
        "<alice@example.com>",
        "Alice <alice@example.com>",
        '"alice"@example.com',
        "alice@[127.0.0.1]",
        "mailto:alice@example.com",
        "al\x00ice@example.com",
        "alice\x7f@example.com",
        "alice@example.com\nBcc: bob@example.com",
        "alice\u200b@example.com",
        "\u202ealice@example.com",
        f"{'a' * 243}@example.com",
    ],
)
def test_not_an_email(written):
    with pytest.raises(OptionError) as refused:
        _options.email(written, "the option")
    assert str(refused.value) == f"the option: {written!r} is not one email address such as alice@example.com."


def test_emails_without_the_blank_ones():
    assert _options.emails(["", f" {ALICE} ", "\t", BOB.upper()]) == [ALICE, BOB]


@pytest.mark.parametrize(("count", "ending"), [(1, []), (5, []), (6, ["And 1 more."]), (30, ["And 25 more."])])
def test_five_of_several_mistakes_are_named(count, ending):
    addresses = [f"person{number}" for number in range(count)]
    named = [f"emails: {each!r} is not one email address such as alice@example.com." for each in addresses[:5]]
    with pytest.raises(OptionError) as refused:
        _options.emails([ALICE, *addresses, BOB])
    assert str(refused.value) == " ".join(named + ending)


@pytest.mark.parametrize("written", [UUID, UUID.upper(), f"  {UUID}\n"])
def test_uuid(written):
    assert _options.uuid(written, "organization_id") == UUID


@pytest.mark.parametrize(
    "written",
    ["", " ", "5", UUID[:-1], f"{UUID}0", UUID.replace("-", ""), f"{{{UUID}}}", UUID.replace("4", "g"), f"../{UUID}"],
)
def test_not_a_uuid(written):
    with pytest.raises(OptionError) as refused:
        _options.uuid(written, "organization_id")
    assert str(refused.value).startswith(f"organization_id: {written!r} is not a UUID such as ")


def test_role_names():
    assert _options.role_names([" Admin ", "Data team"]) == ("Admin", "Data team")


@pytest.mark.parametrize(
    ("written", "words"),
    [([], "the list is empty"), (["Admin", ""], "an entry is blank"), ([" "], "an entry is blank")],
)
def test_no_role_names(written, words):
    with pytest.raises(OptionError, match=f"^roles: {words}"):
        _options.role_names(written)


@pytest.mark.parametrize(("number", "taken"), [(0.001, 0.001), (1, 1), (30.0, 30.0), (1e9, 1e6), (1e300, 1e6)])
def test_seconds(number, taken):
    assert _options.seconds(number, "api_timeout") == taken


@pytest.mark.parametrize("number", [0, -0.0, -1, math.nan, math.inf, -math.inf])
def test_no_seconds(number):
    with pytest.raises(OptionError, match=rf"^api_timeout: {number} is not a finite, positive number of seconds"):
        _options.seconds(number, "api_timeout")


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
def test_not_a_duration(written):
    with pytest.raises(OptionError) as refused:
        _options.duration(written, "renew_before")
    assert str(refused.value).startswith(f"renew_before: {written!r} is not a duration such as 36h, 2d, ")


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
        ("http://localhost:8123/v1", "http://localhost:8123"),
        ("http://LOCALHOST:8123", "http://LOCALHOST:8123"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8123/", "http://[::1]:8123"),
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
def test_not_an_api_url(written, words):
    with pytest.raises(OptionError, match=f"^api_url: .*{words}") as refused:
        _options.api_url(written)
    assert "hush" not in str(refused.value)


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
def test_a_refused_api_url_never_shows_its_password(odd, end):
    written = f"https://me:hunter2-{odd}@api.example.com{end}"
    with pytest.raises(OptionError) as refused:
        _options.api_url(written)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "check",
    [
        _options.email,
        partial(_options.uuid, option="uuid"),
        partial(_options.duration, option="duration"),
        _options.api_url,
    ],
    ids=["email", "uuid", "duration", "api_url"],
)
@given(text=st.text())
def test_any_text_is_taken_or_refused(check, text):
    with contextlib.suppress(OptionError):
        check(text)
