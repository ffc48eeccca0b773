# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: what a user wrote, validated and normalised. Pure; mistakes raise OptionError."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeVar

    _Written = TypeVar("_Written")
    _Checked = TypeVar("_Checked")

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_DURATION = re.compile(r"0|(?=.)(?:(\d{1,7})d)?(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1", re.ASCII)
_LIMIT = re.compile(r"(\d{1,9})(\s*%)?", re.ASCII)

# An address, or one in angle brackets after a name, which contains no @, so that no other address can hide in it.
_WORD = r'[^\s"<>@,;]+'
_MAILBOX = re.compile(rf'(?:"[^"@\n]*"|{_WORD}(?:[ \t]+{_WORD}){{0,9}})[ \t]*<([^\s<>]+)>(?=[\s,;]|\Z)|([^\s,;]+)')
# Letters, marks and symbols that nobody sees. Python calls them printable.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
# No separators, quotes around it, placeholders or patterns; a domain of several names.
_NEVER = r'\s"(),:;<>\[\]\\*?%{}$@'
_QUOTES = (
    "'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2039\u203a\u00ab\u00bb"
    "\u300c\u300d\u300e\u300f"
)
_ADDRESS = re.compile(rf"(?![{_QUOTES}])[^{_NEVER}]+@[^{_NEVER}.]+(?:\.[^{_NEVER}.]+)+(?<![{_QUOTES}])")

# RFC 5321, 4.5.3.1: a path (256) less its angle brackets.
LONGEST_EMAIL = 254

SENTENCES_IN_MESSAGE = 5
LONGEST_SHOWN = 100

# Eleven days. With more, timers and sockets overflow.
LONGEST_TIME = 1e6

LEGACY_ROLES = ("admin", "developer")


class OptionError(ValueError):
    """An option has an invalid value. The message names the option, or the person, and what to write instead.

    ``mistakes`` has a sentence for each mistake; the message has the first five, and how many more there are.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__(" ".join(bounded(mistakes, SENTENCES_IN_MESSAGE, "And {} more.")))
        self.mistakes = mistakes


def each(check: Callable[[_Written], _Checked], values: Iterable[_Written]) -> list[_Checked]:
    """Check each value of a list.

    :raises OptionError: with the mistakes of all of them, so that they can be corrected at once.
    """
    checked: list[_Checked] = []
    mistakes: list[str] = []
    for value in values:
        try:
            checked.append(check(value))
        except OptionError as error:  # noqa: PERF203
            mistakes += error.mistakes
    if mistakes:
        raise OptionError(*mistakes)
    return checked


def bounded(sentences: Sequence[str], most: int, rest: str) -> list[str]:
    """The first of many sentences, and one on the ``rest`` where there is any, with their number for ``{}``."""
    more = len(sentences) - most
    return [*sentences[:most], rest.format(more)] if more > 0 else list(sentences)


# --- people ----------------------------------------------------------------------------------------------------------


def normalize_email(text: str) -> str:
    """The form in which email addresses are compared: stripped, in lower case, NFC, the domain as DNS has it.

    ``José@München.example.com`` becomes ``josé@xn--mnchen-3ya.example.com``. It never raises, whatever the text. A text
    that is too long for an address is only stripped and put in lower case: the rest can take quadratic time.
    """
    text = text.strip().lower()
    if len(text) > LONGEST_EMAIL:
        return text
    local, at, domain = normalize("NFC", text).rpartition("@")
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode() if at else domain
    return local + at + domain


def is_address(text: str) -> bool:
    """Whether a normalised text is an address that ``email()`` accepts. Only certain mistakes are none.

    The API judges the rest: ``a..b@docomo.example`` and ``x@a_b.example.com`` exist.
    """
    return len(text) <= LONGEST_EMAIL and is_visible(text) and _ADDRESS.fullmatch(text) is not None


def is_visible(text: str) -> bool:
    """Whether each character is one that people see, or a blank."""
    return text.isprintable() and not _INVISIBLE.search(text)


def email(value: str, option: str = "email") -> str:
    """Validate and normalise one email address, written as such or as mail clients do: ``Bob <bob@example.com>``.

    :raises OptionError: unless it is one address.
    """
    mailbox = _MAILBOX.fullmatch(value.strip())
    written = (mailbox[1] or mailbox[2]) if mailbox else ""
    address = normalize_email(written)
    # Normalising drops some invisible characters, and encodes a quote at the end.
    if not (is_visible(written) and written == written.strip(_QUOTES) and is_address(address)):
        raise OptionError(f"{option}: {_shown(value)} is not a single valid email address such as alice@example.com.")
    return address


def emails(values: Iterable[str], option: str = "emails") -> list[str]:
    """Validate and normalise email addresses. A value may be text with several, between blanks, commas or semicolons.

    :raises OptionError: with all mistakes.
    """
    return each(lambda address: email(address, option), _addresses(values))


def excluded(values: Sequence[str]) -> frozenset[str]:
    """Validate the emails of ``purge_exclude``. A blank one is an error: it may be a variable left unfilled.

    :raises OptionError: with all mistakes.
    """
    if not all(value.strip() for value in values):
        raise OptionError("purge_exclude: an entry is blank; name a person or leave the entry out.")
    return frozenset(emails(values, "purge_exclude"))


def _addresses(values: Iterable[str]) -> list[str]:
    """The addresses as written, without blank ones. Ansible splits text at commas, also within ``"Smith, Bob" <…>``."""
    return [mailbox[1] or mailbox[2] for mailbox in _MAILBOX.finditer(",".join(values))]


@dataclass(frozen=True)
class Entry:
    """One person of a roster, with the legacy ``role`` or else the names or IDs of ``roles``, as written."""

    email: str
    role: str | None = None
    roles: tuple[str, ...] = ()


def entry(options: Mapping[str, Any]) -> Entry:
    """Validate the one person of a task: its ``email``, ``role`` and ``roles``.

    :raises OptionError: also unless exactly one of ``role`` and ``roles`` is given.
    """
    return _entry(email(options["email"]), options["role"], options["roles"])


def roster(options: Mapping[str, Any], entries: str, need_roles: bool) -> list[Entry]:
    """Validate the roster of a task: the option with its ``entries``, and ``emails``.

    The task's ``role`` or ``roles`` are for people without their own.

    A null or empty ``role``, or null ``roles``, of an entry counts as not given. Equal entries count once. Without
    ``need_roles``, all roles are ignored.

    :raises OptionError: with all mistakes.
    """

    def check(person: tuple[str, str, str | None, Sequence[str] | None]) -> Entry:
        place, address, own_role, own_roles = person
        who = email(address, place)
        if not need_roles:
            return Entry(who)
        own = own_role or own_roles is not None
        return _entry(who, own_role, own_roles) if own else _entry(who, options["role"], options["roles"])

    people = [
        (f"{entries}[{number}].email", given["email"], (given.get("role") or "").strip(), given.get("roles"))
        for number, given in enumerate(options[entries] or ())
    ]
    people += [("emails", address, None, None) for address in _addresses(options["emails"] or ())]
    return list(dict.fromkeys(each(check, people)))


def _entry(who: str, role: str | None, roles: Sequence[str] | None) -> Entry:
    """Validate the legacy role or else the roles of a person."""
    if not role and not roles:
        raise OptionError(f"{who}: no roles given; add, for example, roles: [Developer].")
    if role and roles is not None:
        raise OptionError(f"{who}: give roles or the legacy role, not both.")
    if not all(name.strip() for name in roles or ()):
        raise OptionError(f"{who}: roles: an entry is blank; name a role or leave the entry out.")
    if role and role not in LEGACY_ROLES:
        raise OptionError(f"{who}: role is the legacy role, admin or developer, not {_shown(role)}; use roles.")
    return Entry(who, role or None, tuple(roles or ()))


def reject_nulls(given: Mapping[str, object], options: Iterable[str]) -> None:
    """Reject a null for an option that selects people: to Ansible it is the same as an option left out.

    :raises OptionError: naming each such option.
    """
    mistakes = [_null(option) for option in options if option in given and given[option] is None]
    if mistakes:
        raise OptionError(*mistakes)


def _null(option: str) -> str:
    if option.endswith("_id"):
        return f"{option}: it is empty. A record that check mode only predicts has no ID; use its email instead."
    return f"{option}: it is null and matches nobody; check the variable it comes from, or leave the option out."


def is_uuid(value: object) -> bool:
    """Whether it is the text of a UUID, case-insensitively."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def uuid(value: str, option: str) -> str:
    """Normalise a UUID to lower case."""
    text = value.strip()
    if not text:
        raise OptionError(_null(option))
    if not is_uuid(text):
        raise OptionError(f"{option}: {_shown(value)} is not a UUID such as 4c1a2c0e-7f0f-4dc7-9d3e-0a5c7a1f9b11.")
    return text.lower()


# --- policies --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """How many people may lose access: a number, or a percentage of all who have it."""

    number: int
    percentage: bool = False

    def most(self, people: int) -> int:
        """How many that is of so many people: a percentage is rounded down, but above 0% never to less than one."""
        if self.percentage and self.number:
            return max(1, people * self.number // 100)
        return self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.percentage else str(self.number)


def limit(value: str) -> Limit:
    """Parse ``purge_limit``: a count such as ``5``, or a percentage such as ``25%``."""
    match = _LIMIT.fullmatch(value.strip())
    if not match or (match[2] and int(match[1]) > 100):
        raise OptionError(f"purge_limit: {_shown(value)} is neither a count such as 5 nor a percentage such as 25%.")
    return Limit(int(match[1]), percentage=bool(match[2]))


def seconds(value: float, option: str) -> float:
    """Check a number of seconds: finite and positive."""
    if not 0 < value < math.inf:
        raise OptionError(f"{option}: {value:g} is not a finite, positive number of seconds.")
    return min(value, LONGEST_TIME)


def duration(value: str, option: str) -> timedelta | None:
    """Parse a duration such as ``1d12h``; None for ``never``."""
    text = value.strip()
    if text == "never":
        return None
    match = _DURATION.fullmatch(text)
    if not match:
        raise OptionError(f"{option}: {_shown(value)} is not a duration such as 36h, 2d, 90m or 1d12h, nor 'never'.")
    units = ("days", "hours", "minutes", "seconds")
    return timedelta(**{unit: int(number or 0) for unit, number in zip(units, match.groups())})


def show_duration(time: timedelta) -> str:
    """Write a duration as users do, in whole seconds, such as ``1d12h``."""
    hours, rest = divmod(time.seconds, 3600)
    units = {"d": time.days, "h": hours, "m": rest // 60, "s": rest % 60}
    return "".join(f"{number}{unit}" for unit, number in units.items() if number) or "0s"


def api_url(value: str) -> str:
    """Normalise the API's address to one without a trailing slash or ``/v1``.

    What is refused is not repeated: it may contain a password.
    """
    try:
        # It normalizes what is not ASCII, which can take quadratic time.
        parts = urlsplit(value if value.isascii() else "")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise OptionError("api_url: it is not a URL.") from None
    if "@" in parts.netloc:
        raise OptionError("api_url: it must not contain credentials; use api_key and api_secret.")
    if parts.scheme not in ("http", "https") or not host or port == 0 or not re.fullmatch(r"[!-~]+", value):
        raise OptionError("api_url: it is not an http or https URL such as https://api.clickhouse.cloud.")
    if parts.query or parts.fragment:
        raise OptionError("api_url: it must not contain a query or a fragment.")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise OptionError("api_url: plain http would show the key to the network, except to the local host; use https.")
    path = re.sub(r"/+(v1/*)?$", "", parts.path)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _shown(value: str) -> str:
    """A rejected value as messages repeat it."""
    return repr(value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…")
