# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user writes, checked and normalised. Pure: each function returns a value or raises OptionError."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._api import is_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    _Written = TypeVar("_Written")
    _Checked = TypeVar("_Checked")

_ATOM = r"[^\s@.,;:<>()\[\]\\\"\x00-\x1f\x7f]+"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})+")
_DURATION = re.compile(
    r"0|(?=.)(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?", re.ASCII
)

SENTENCES_IN_MESSAGE = 5

# RFC 5321, 4.5.3.1: a path of 256 octets, less its angle brackets.
LONGEST_EMAIL = 254

# Eleven days. With more, timers and sockets overflow.
LONGEST_TIME = 1e6


class OptionError(ValueError):
    """What the user wrote cannot be done; the text names the option and says what it takes."""


def each(check: Callable[[_Written], _Checked], values: Iterable[_Written]) -> list[_Checked]:
    """Check each value of a list.

    :raises OptionError: with what is wrong with all of them, so that whoever wrote them can correct them at once.
    """
    checked, mistakes = [], []
    for value in values:
        try:
            checked.append(check(value))
        except OptionError as error:  # noqa: PERF203
            mistakes.append(str(error))
    if mistakes:
        raise OptionError(" ".join(bounded(mistakes, SENTENCES_IN_MESSAGE, "And {} more.")))
    return checked


def bounded(sentences: Sequence[str], most: int, rest: str) -> list[str]:
    """The first of many sentences, and one on the ``rest`` where there is any, with their number for ``{}``."""
    more = len(sentences) - most
    return [*sentences[:most], rest.format(more)] if more > 0 else list(sentences)


def email(value: str, option: str = "email") -> str:
    """Normalise an email address to what the API stores: without surrounding blanks, in lower case."""
    address = value.strip().lower()
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address) or not address.isprintable():
        raise OptionError(f"{option}: {value!r} is not one email address such as alice@example.com.")
    return address


def emails(values: list[str]) -> list[str]:
    """Normalise a list of email addresses, without the blank ones."""
    return each(lambda value: email(value, "emails"), filter(str.strip, values))


def uuid(value: str, option: str) -> str:
    """Normalise a UUID to lower case."""
    text = value.strip()
    if not is_uuid(text):
        raise OptionError(f"{option}: {value!r} is not a UUID such as 4c1a2c0e-7f0f-4dc7-9d3e-0a5c7a1f9b11.")
    return text.lower()


def role_names(values: list[str], option: str = "roles") -> tuple[str, ...]:
    """Check a list of role names or IDs. A blank one may be a variable left unfilled, so it is not dropped."""
    names = tuple(value.strip() for value in values)
    if not names:
        raise OptionError(f"{option}: the list is empty; name at least one role.")
    if not all(names):
        raise OptionError(f"{option}: an entry is blank; name a role or leave the entry out.")
    return names


def seconds(value: float, option: str) -> float:
    """Check a number of seconds: finite and positive."""
    if not math.isfinite(value) or value <= 0:
        raise OptionError(f"{option}: {value} is not a finite, positive number of seconds.")
    return min(value, LONGEST_TIME)


def duration(value: str, option: str) -> timedelta | None:
    """Parse a duration such as C(1d12h); None for C(never)."""
    text = value.strip()
    if text == "never":
        return None
    match = _DURATION.fullmatch(text)
    with contextlib.suppress(OverflowError, ValueError):
        if match:
            return timedelta(**{unit: int(number) for unit, number in match.groupdict("0").items()})
    raise OptionError(f"{option}: {value!r} is not a duration such as 36h, 2d, 90m or 1d12h, nor 'never'.")


def api_url(value: str) -> str:
    """Normalise the API's address to one without a trailing slash or ``/v1``.

    What is refused is not repeated: it may hold a password.
    """
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise OptionError("api_url: it is not a URL.") from None
    if "@" in parts.netloc:
        raise OptionError("api_url: it must not hold credentials; use api_key and api_secret.")
    if parts.scheme not in ("http", "https") or not host or port == 0 or not re.fullmatch(r"[!-~]+", value):
        raise OptionError("api_url: it is not an http or https URL such as https://api.clickhouse.cloud.")
    if parts.query or parts.fragment:
        raise OptionError("api_url: it must not hold a query or a fragment.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise OptionError(
            "api_url: plain http would show the key to the network and is only for the local host; use https."
        )
    path = re.sub(r"/+(v1/*)?$", "", parts.path)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
