# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings: what of the simulated organization's behaviour can be changed."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .operations import COLLECTIONS, PERMISSIONS
from .records import is_email

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHOICES: dict[str, tuple[object, ...]] = {
    "second_invitation": ("reject", "allow"),
    "second_invitation_status": (409, 400),
    "second_beside_expired": ("allow", "reject"),
    "organization_era": (
        "migrated_frozen",
        "migrated_rejects",
        "custom_roles_available",
        "legacy",
    ),
    "invitation_without_roles": ("accept", "reject"),
    "no_roles": ("empty", "missing", "null"),
    "error_request_id": ("sent", "missing"),
    "absent_status": (404, 400),
    "delete_again_status": (404, 400, 200),
    "malformed_id_status": (400, 404),
    "activity_actor": ("user_id", "other"),
    "member_invitation_status": (409, 400),
    "last_admin": ("reject", "allow"),
    "last_admin_status": (400, 403),
    "rate_limit_reset": ("whole", "exact", "epoch", "epoch_milliseconds", "absurd", "missing"),
    "timestamps": ("milliseconds", "offset", "nanoseconds", "missing", "garbage"),
    "date_header": ("sent", "missing", "garbage"),
    "email_case": ("lower", "as_sent"),
    "email_form": ("as_sent", "nfc", "nfd", "punycode"),
    "reused_connections": ("served", "closed", "reset", "silent"),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """One organization's behaviour. The README describes each setting.

    Raises ``ValueError``, with a sentence, for an invalid value.
    """

    second_invitation: str = "reject"
    second_invitation_status: int = 409
    second_beside_expired: str = "allow"
    list_expired: bool = True
    organization_era: str = "migrated_frozen"
    founder: str = "admin@example.com"
    invitation_without_roles: str = "accept"
    no_roles: str = "empty"
    error_request_id: str = "sent"
    absent_status: int = 404
    delete_again_status: int = 404
    malformed_id_status: int = 400
    member_invitation_status: int = 409
    last_admin: str = "reject"
    last_admin_status: int = 400
    stale_reads: int = 0
    read_lag: float = 0.0
    patch_stale_reads: int = 0
    patch_lag: float = 0.0
    permissions: str = ",".join(PERMISSIONS)
    activity_actor: str = "user_id"
    activities_days: float = 90.0
    view_key_reads: str = "invitations,members"
    invitation_lifetime: float = 7 * 24 * 3600.0
    rate_limit: str = "10/10"
    rate_limit_reset: str = "whole"
    timestamps: str = "milliseconds"
    clock_offset: float = 0.0
    date_header: str = "sent"
    date_offset: float = 0.0
    email_case: str = "lower"
    email_form: str = "as_sent"
    reused_connections: str = "served"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or value not in choices:
                raise ValueError(f"{name} is one of {', '.join(map(str, choices))}, not {value!r}.")
        for names, words, is_valid in _RULES:
            for name in names:
                if not is_valid(getattr(self, name)):
                    raise ValueError(f"{name} is {words}, not {getattr(self, name)!r}.")
        parse_rate_limit(self.rate_limit)

    def changed(self, settings: Mapping[str, Any]) -> Settings:
        """These settings with some of them changed; ``ValueError`` for an unknown one."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in settings:
            if name not in known:
                raise ValueError(f"There is no setting {name!r}; the settings are {', '.join(known)}.")
        return dataclasses.replace(self, **settings)


def is_seconds(value: object) -> bool:
    """Whether a value can be a duration: a number, not negative, at most some decades."""
    return is_offset(value) and value >= 0  # type: ignore[operator]


def is_offset(value: object) -> bool:
    """Whether a value can be a difference of two times: a number, at most some decades."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e9 <= value <= 1e9


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_some(value: object, of: tuple[str, ...]) -> bool:
    return isinstance(value, str) and {*value.split(",")} <= {"", *of}


_RULES: tuple[tuple[tuple[str, ...], str, Callable[[object], bool]], ...] = (
    (
        ("list_expired",),
        "true or false",
        lambda value: isinstance(value, bool),
    ),
    (
        ("founder",),
        "an email address, or empty",
        lambda value: value == "" or (isinstance(value, str) and is_email(value)),
    ),
    (("permissions",), f"some of {','.join(PERMISSIONS)}", lambda value: _is_some(value, PERMISSIONS)),
    (("view_key_reads",), f"some of {','.join(COLLECTIONS)}", lambda value: _is_some(value, COLLECTIONS)),
    (("stale_reads", "patch_stale_reads"), "a whole number", _is_count),
    (("read_lag", "patch_lag", "invitation_lifetime"), "a number of seconds", is_seconds),
    (("activities_days",), "a number of days", is_seconds),
    (("clock_offset", "date_offset"), "a number of seconds, negative or not", is_offset),
)


class RateLimit(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    seconds: float


def parse_rate_limit(value: object) -> RateLimit | None:
    """The limit written ``10/10``, or ``None`` for ``0``, no limit.

    Without seconds it is for ten seconds, as the real API's.
    """
    match = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9}(?:\.\d{1,9})?))?", str(value))
    if not match or (match[2] and float(match[2]) == 0):
        raise ValueError(f"rate_limit is requests/seconds such as 10/10, or 0 for no limit, not {value!r}.")
    requests, seconds = int(match[1]), float(match[2] or 10)
    return RateLimit(requests, seconds) if requests else None
