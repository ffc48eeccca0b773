# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the simulated organization's behaviour can be switched."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHOICES: dict[str, tuple[object, ...]] = {
    "second_invitation": ("reject", "allow"),
    "second_invitation_status": (409, 400),
    "second_beside_expired": ("allow", "reject"),
    "organization_era": (
        "custom_roles_available",
        "legacy",
        "migrated_rejects",
        "migrated_frozen",
    ),
    "member_invitation_status": (409, 400),
    "rate_limit_reset": ("whole", "exact"),
    "timestamps": ("milliseconds", "offset", "nanoseconds", "missing", "garbage"),
    "email_case": ("lower", "as_sent"),
}
_FLAGS = ("list_expired", "members_forbidden", "roles_forbidden", "forbidden")
_SECONDS = ("read_lag", "invitation_lifetime")


@dataclasses.dataclass(frozen=True)
class Settings:
    """One organization's behaviour. The README says what each setting means.

    Raises ``ValueError``, with a sentence, for a value that is not among a setting's own.
    """

    second_invitation: str = "reject"
    second_invitation_status: int = 409
    second_beside_expired: str = "allow"
    list_expired: bool = True
    organization_era: str = "custom_roles_available"
    member_invitation_status: int = 409
    stale_reads: int = 0
    read_lag: float = 0.0
    members_forbidden: bool = False
    roles_forbidden: bool = False
    forbidden: bool = False
    invitation_lifetime: float = 7 * 24 * 3600.0
    rate_limit: str = "10/10"
    rate_limit_reset: str = "whole"
    timestamps: str = "milliseconds"
    email_case: str = "lower"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or value not in choices:
                raise ValueError(f"{name} is one of {', '.join(map(str, choices))}, not {value!r}.")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is true or false, not {getattr(self, name)!r}.")
        for name in _SECONDS:
            if not is_seconds(getattr(self, name)):
                raise ValueError(f"{name} is a number of seconds, not {getattr(self, name)!r}.")
        reads = self.stale_reads
        if isinstance(reads, bool) or not isinstance(reads, int) or reads < 0:
            raise ValueError(f"stale_reads is a whole number, not {reads!r}.")
        parse_rate_limit(self.rate_limit)

    def changed(self, settings: Mapping[str, Any]) -> Settings:
        """These settings with some of them changed; ``ValueError`` for one that does not exist."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in settings:
            if name not in known:
                raise ValueError(f"There is no setting {name!r}; the settings are {', '.join(known)}.")
        return dataclasses.replace(self, **settings)


def is_seconds(value: object) -> bool:
    """Whether a value can be a span of time: a number, not negative, at most some decades."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1e9


class RateLimit(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    seconds: float


def parse_rate_limit(value: object) -> RateLimit | None:
    """The limit written ``10/10``, or ``None`` for ``0``, no limit.

    Without seconds it is for the ten seconds of the real API.
    """
    match = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9}(?:\.\d{1,9})?))?", str(value))
    if not match or (match[2] and float(match[2]) == 0):
        raise ValueError(f"rate_limit is requests/seconds such as 10/10, or 0 for no limit, not {value!r}.")
    requests, seconds = int(match[1]), float(match[2] or 10)
    return RateLimit(requests, seconds) if requests else None
