# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: what a user wrote, validated and normalised. Pure; mistakes raise OptionError."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from unicodedata import category, normalize
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    _Written = TypeVar("_Written")
    _Checked = TypeVar("_Checked")

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_DURATION = re.compile(
    r"0|(?=.)(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?", re.ASCII
)
_LIMIT = re.compile(r"(\d{1,9})(\s*%)?", re.ASCII)

# An address as people paste it: Bob <bob@example.com>, bob@example.com <bob@example.com>, or bob@example.com.
# The name must not hold an @, so that no other address can hide in it.
_WORD = r'[^\s"<>@,;]+'
_NAMED = rf'(?:"[^"@\n]*"|{_WORD}(?:[ \t]+{_WORD}){{0,9}})[ \t]*<(?P<named>[^\s<>]+)>(?=[\s,;]|\Z)'
_TWICE = r"""["']?(?P<twice>[^\s"<>,;]+?)["']?[ \t]*<(?P=twice)>(?=[\s,;]|\Z)"""
_BARE = r"(?P<bare>[^\s,;]+)"
_MAILBOX = re.compile(f"{_NAMED}|{_TWICE}|{_BARE}", re.IGNORECASE)

# RFC 5322, 3.2.3: atext.
_ATEXT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~")
_LABEL_ASCII = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
# RFC 5892, 2.1 and 2.6: letters, digits and marks, and the exceptions that are none of them.
_LETTERS = frozenset(("Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"))
_LABEL_EXCEPTIONS = frozenset("\u00b7\u0375\u05f3\u05f4\u06fd\u06fe\u0f0b\u3007\u30fb")
# Letters and marks that nobody sees.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

# In octets. RFC 5321, 4.5.3.1: local part, and path (256) less its angle brackets. RFC 1035, 2.3.4: label.
LONGEST_LOCAL_PART = 64
LONGEST_EMAIL = 254
LONGEST_LABEL = 63

SENTENCES_IN_MESSAGE = 5
LONGEST_SHOWN = 100

# Eleven days. With more, timers and sockets overflow.
LONGEST_TIME = 1e6

ENTRY_KEYS = ("email", "role", "roles", "comment")
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
    """The form in which email addresses are compared: stripped, in lower case, NFC, labels of the domain in Unicode.

    ``José@XN--MNCHEN-3YA.example.com`` becomes ``josé@münchen.example.com``. It never raises, whatever the text.
    """
    text = normalize("NFC", text.strip().lower())
    local, at, domain = text.rpartition("@")
    return local + at + ".".join(map(_unicode_label, domain.split(".")))


def _unicode_label(label: str) -> str:
    """Decode a label such as ``xn--mnchen-3ya``; one that does not decode to a label stays as it is."""
    if label.startswith("xn--") and len(label) <= LONGEST_LABEL:
        with contextlib.suppress(ValueError):
            decoded = label[4:].encode("ascii").decode("punycode")
            if _is_label(decoded) and not decoded.isascii() and decoded == normalize("NFC", decoded.lower()):
                return decoded
    return label


def email(value: object, option: str = "email") -> str:
    """Validate and normalise one email address, written as such or as mail clients do: ``Bob <bob@example.com>``.

    :raises OptionError: unless it is one address.
    """
    mailbox = _MAILBOX.fullmatch(value.strip()) if isinstance(value, str) else None
    address = normalize_email(_address_of(mailbox)) if mailbox else ""
    if not _is_address(address):
        raise OptionError(f"{option}: {_shown(value)} is not one email address such as alice@example.com.")
    return address


def emails(values: Iterable[object], option: str = "emails") -> list[str]:
    """Validate and normalise email addresses. A value may be text with several, between blanks, commas or semicolons.

    :raises OptionError: with all mistakes.
    """
    return each(lambda address: email(address, option), _addresses(values))


def excluded(values: Iterable[object]) -> frozenset[str]:
    """Validate the emails of ``purge_exclude``. A blank one is an error: it may be a variable left unfilled.

    :raises OptionError: with all mistakes.
    """
    values = list(values)
    if any(map(_is_blank, values)):
        raise OptionError("purge_exclude: an entry is blank; name a person or leave the entry out.")
    return frozenset(emails(values, "purge_exclude"))


def _addresses(values: Iterable[object]) -> list[str]:
    """The addresses as written, without blank ones. Ansible splits text at commas, also within ``"Smith, Bob" <…>``."""
    text = ",".join(str(value) for value in values if value is not None)
    return [_address_of(mailbox) for mailbox in _MAILBOX.finditer(text)]


def _address_of(mailbox: re.Match[str]) -> str:
    return mailbox["named"] or mailbox["twice"] or mailbox["bare"]


def _is_address(address: str) -> bool:
    """Whether it is an address by RFC 5321, 5322 and 6531, its local part without quotes, its domain one of names."""
    local, _at, domain = address.rpartition("@")
    labels = domain.split(".")
    return (
        all(map(_is_atom, local.split(".")))
        # Of an address pasted from code or a spreadsheet.
        and local[0] not in "'`"
        and len(labels) > 1
        and all(map(_is_label, labels))
        and not labels[-1].isdecimal()
        and not _INVISIBLE.search(address)
        # A ligature or a full-width letter is another character, and nobody's.
        and normalize("NFKC", address) == address
        and len(local.encode()) <= LONGEST_LOCAL_PART
        and len(local.encode()) + 1 + len(".".join(map(_ascii_label, labels))) <= LONGEST_EMAIL
    )


def _is_atom(text: str) -> bool:
    return _is_word(text, _ATEXT)


def _is_label(text: str) -> bool:
    fits = _is_word(text, _LABEL_ASCII, _LABEL_EXCEPTIONS) and text[0] != "-" != text[-1]
    return fits and len(_ascii_label(text)) <= LONGEST_LABEL


def _is_word(text: str, ascii_characters: frozenset[str], exceptions: frozenset[str] = frozenset()) -> bool:
    """Whether it has only these ASCII characters and letters, digits and marks of any script, and no mark first."""
    return (
        bool(text)
        and category(text[0])[0] != "M"
        and all(
            character in ascii_characters
            if character.isascii()
            else category(character) in _LETTERS or character in exceptions
            for character in text
        )
    )


def _ascii_label(label: str) -> str:
    """The label as DNS has it: ``xn--mnchen-3ya`` for ``münchen``."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def role_names(values: object, option: str = "roles") -> tuple[str, ...]:
    """Validate names or IDs of roles: a list whose elements may hold line breaks, or text with commas or line breaks.

    Blank lines are dropped. A blank element is an error, because it may be a variable left unfilled.

    :raises OptionError: also where nothing is left.
    """
    if isinstance(values, str):
        values = [name for name in re.split(r"[,\r\n]", values) if name.strip()]
    elif isinstance(values, (int, float)):
        values = [values]
    if not isinstance(values, (list, tuple)) or any(isinstance(value, (dict, list)) for value in values):
        raise OptionError(f"{option}: {_shown(values)} is not a list of role names or IDs such as [Developer].")
    if not values:
        raise OptionError(f"{option}: the list is empty; name at least one role.")
    if any(map(_is_blank, values)):
        raise OptionError(f"{option}: an entry is blank; name a role or leave the entry out.")
    lines = (line.strip() for value in values for line in str(value).splitlines())
    return tuple(filter(None, lines))


@dataclass(frozen=True)
class Entry:
    """One person of a roster, with the legacy ``role`` or else the names or IDs of ``roles``."""

    email: str
    role: str | None = None
    roles: tuple[str, ...] = ()


def entry(options: Mapping[str, object]) -> Entry:
    """Validate the one person of a task: its ``email``, ``role`` and ``roles``.

    :raises OptionError: also unless exactly one of ``role`` and ``roles`` is given. An empty ``role`` is not given.
    """
    address = email(options["email"])
    return Entry(address, *_access(address, options["role"], options["roles"]))


def roster(
    entries: Iterable[object] | None,
    emails: Iterable[object] | None,
    role: object,
    roles: object,
    option: str = "invitations",
    need_roles: bool = True,
) -> list[Entry]:
    """Validate a roster: the entries of an option, and ``emails``. The task's roles are for entries without their own.

    A null or empty ``role`` or ``roles`` of an entry counts as not given. Equal entries count once. Without
    ``need_roles``, all roles are ignored.

    :raises OptionError: with all mistakes.
    """
    task = {"role": role, "roles": roles}
    readers = [partial(_read, raw, f"{option}[{number}]", task, need_roles) for number, raw in enumerate(entries or ())]
    readers += [partial(_read_listed, address, task, need_roles) for address in _addresses(emails or ())]
    return list(dict.fromkeys(each(lambda read: read(), readers)))


def _read_listed(address: str, task: Mapping[str, object], need_roles: bool) -> Entry:
    """Validate an address of ``emails``, with the task's roles."""
    person = email(address, "emails")
    return Entry(person, *(_access(person, **task) if need_roles else ()))


def _read(raw: object, place: str, task: Mapping[str, object], need_roles: bool) -> Entry:
    """Validate an entry of a roster. Its own roles win over the task's, whichever of the two they are."""
    if not isinstance(raw, dict):
        raise OptionError(_not_an_entry(raw, place))
    mistakes: list[str] = []
    # A header such as "Email" or " role", with the key that it is meant to be.
    unknown = {key: re.sub(r"\W", "", str(key)).lower() for key in raw if key not in ENTRY_KEYS}
    who = place
    try:
        who = email(raw.get("email"), f"{place}.email")
    except OptionError as error:
        if "email" not in unknown.values():
            mistakes += error.mistakes
    mistakes += [_unknown_key(who, *pair) for pair in unknown.items()]
    access: tuple[str | None, tuple[str, ...]] = (None, ())
    if need_roles and not unknown:
        own = {key: None if _is_blank(raw.get(key)) else raw[key] for key in ("role", "roles")}
        try:
            access = _access(who, **(own if any(value is not None for value in own.values()) else task))
        except OptionError as error:
            mistakes += error.mistakes
    if mistakes:
        raise OptionError(*mistakes)
    return Entry(who, *access)


def _not_an_entry(raw: object, place: str) -> str:
    if _is_blank(raw):
        return f"{place}: the entry is empty; remove it, or write email: alice@example.com."
    with contextlib.suppress(OptionError):
        return f"{place}: {_shown(raw)} is a bare address; write email: {email(raw)}."
    return f"{place}: {_shown(raw)} is not an entry; write email: alice@example.com."


def _unknown_key(who: str, key: object, meant: str) -> str:
    advice = f"write {meant}" if meant in ENTRY_KEYS else f"an entry takes {', '.join(ENTRY_KEYS)}"
    return f"{who}: unknown key {_shown(key)}; {advice}."


def _access(who: str, role: object, roles: object) -> tuple[str | None, tuple[str, ...]]:
    """Validate the legacy role or else the roles of a person."""
    role = role.strip() if isinstance(role, str) else role
    if _is_blank(role) and roles is None:
        raise OptionError(f"{who}: no roles; give some, such as roles: [Developer].")
    if not _is_blank(role) and roles is not None:
        raise OptionError(f"{who}: give roles or the legacy role, not both.")
    if roles is not None:
        return None, role_names(roles, f"{who}: roles")
    if isinstance(role, str) and role in LEGACY_ROLES:
        return role, ()
    example = role if isinstance(role, str) and re.fullmatch(r"[\w .-]{1,64}", role) else "Developer"
    raise OptionError(
        f"{who}: role is the legacy role, admin or developer, not {_shown(role)}; use roles: [{example}]."
    )


def _is_blank(value: object) -> bool:
    """Whether it is null, blank text, or a list of nothing else."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_blank, value))
    return value is None or (isinstance(value, str) and not value.strip())


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
    return f"{option}: it is null, which selects nobody; check the variable it comes from, or leave the option out."


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
    if not math.isfinite(value) or value <= 0:
        written = f"{value:f}".rstrip("0").rstrip(".")
        raise OptionError(f"{option}: {written} is not a finite, positive number of seconds.")
    return min(value, LONGEST_TIME)


def duration(value: str, option: str) -> timedelta | None:
    """Parse a duration such as ``1d12h``; None for ``never``."""
    text = value.strip()
    if text == "never":
        return None
    match = _DURATION.fullmatch(text)
    with contextlib.suppress(OverflowError, ValueError):
        if match:
            return timedelta(**{unit: int(number) for unit, number in match.groupdict("0").items()})
    raise OptionError(f"{option}: {_shown(value)} is not a duration such as 36h, 2d, 90m or 1d12h, nor 'never'.")


def show_duration(time: timedelta) -> str:
    """Write a duration as users do, in whole seconds, such as ``1d12h``."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = {"d": days, "h": hours, "m": minutes, "s": seconds}
    return "".join(f"{number}{unit}" for unit, number in units.items() if number) or "0s"


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


def _shown(value: object) -> str:
    """A rejected value as messages repeat it."""
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…")
    kinds = {type(None): "null", dict: "a mapping", list: "a list"}
    return kinds.get(type(value)) or str(value)[:LONGEST_SHOWN]
