# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fault injection: everything that goes wrong between a client and the API.

A fault is ordered for one operation or for any. It skips ``skip`` matching calls, then fires at
``times`` of them (``None``: at all), and then is forgotten. Of several faults that match a call only
the oldest counts, also while it still skips calls. Races are apart: every race that matches fires.

With ``applied=True`` the API applies the call before its response goes wrong; otherwise the call
never arrives. The classes below are the kinds, their fields the parameters.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from .cloud import Cloud, Rejection
from .operations import LISTS, OPERATIONS, WRITES
from .responses import BODIES, JSON, Response, envelope, make_response, mistyped
from .settings import is_seconds

# Narrower than Python can say: _TYPES checks them.
HttpStatus = int
HeaderText = str


class Exchange(Protocol):
    """One request and what a fault can do to it. ``server.py`` implements it."""

    operation: str | None
    cloud: Cloud

    def apply(self) -> Response:
        """Has the API apply the call."""

    def apply_later(self, *, seconds: float | None, reads: int | None) -> None:
        """Has the API apply the call after so many seconds, or after so many lists."""

    def person(self) -> str | None:
        """The email of the person whom the call is about, if there is one."""

    def send(self, response: Response) -> None:
        """Responds, and keeps the connection."""

    def start(self, response: Response, *, length: int | None = None, interval: float = 0.0) -> None:
        """Sends the head of a response alone; the connection will be closed after the call."""

    def send_bytes(self, data: bytes, *, interval: float = 0.0) -> None:
        """Sends bytes as they are; the connection will be closed after the call.

        With an ``interval`` they go one by one, so many seconds apart.
        """

    def close(self, *, reset: bool) -> None:
        """Closes the connection, by RST or by FIN."""

    def pause(self, seconds: float) -> None:
        """Waits; ends the call if the simulator stops in the meantime."""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 999


def _is_header_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and all(ord(letter) < 256 for letter in value)


# The values that a parameter takes, by its annotation.
_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", _is_whole),
    "int | None": ("a whole number or nothing", lambda value: value is None or _is_whole(value)),
    "float": ("a number of seconds", is_seconds),
    "float | None": ("a number of seconds or nothing", lambda value: value is None or is_seconds(value)),
    "str": ("a text", lambda value: isinstance(value, str)),
    "str | None": ("a text or nothing", lambda value: value is None or isinstance(value, str)),
    "str | bytes": ("a text or bytes", lambda value: isinstance(value, (str, bytes))),
    "Sequence[object]": ("a list", lambda value: isinstance(value, (list, tuple))),
    "Sequence[str]": (
        "a list of texts",
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value),
    ),
    "HttpStatus": ("an HTTP status from 200 to 999", _is_status),
    "str | HttpStatus": (
        "a text or an HTTP status from 200 to 999",
        lambda value: isinstance(value, str) or _is_status(value),
    ),
    "HeaderText": ("a text that fits in a header", _is_header_text),
    "Mapping[HeaderText, HeaderText]": (
        "a mapping of texts that fit in headers",
        lambda value: isinstance(value, Mapping) and all(map(_is_header_text, [*value, *value.values()])),
    ),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A kind of fault; raises ``ValueError`` for an invalid parameter."""

    operations: ClassVar[Sequence[str]] = OPERATIONS

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            words, fits = _TYPES[str(field.type)]
            if not fits(value):
                raise ValueError(f"{field.name} is {words}, not {value!r}.")

    def inject(self, exchange: Exchange) -> None:
        """Does to an exchange what the kind is about."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class _Status(Fault):
    """Another status, from the API (``envelope``) or from a gateway in front of it.

    ``body`` is ``html``, ``json`` (another system's JSON), ``empty``, ``envelope``, or a text to send as it is.
    """

    status: HttpStatus = 503
    body: str = "html"
    headers: Mapping[HeaderText, HeaderText] = dataclasses.field(default_factory=dict)
    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        exchange.send(make_response(self.status, self.body, self.headers))


@dataclasses.dataclass(frozen=True)
class _RateLimited(Fault):
    """429 with these headers."""

    headers: Mapping[HeaderText, HeaderText] = dataclasses.field(default_factory=lambda: {"X-RateLimit-Reset": "1"})
    body: str = "envelope"

    def inject(self, exchange: Exchange) -> None:
        exchange.send(make_response(429, self.body, self.headers))


@dataclasses.dataclass(frozen=True)
class _Redirect(Fault):
    """A redirect, by default to another path of the simulator."""

    location: HeaderText = "/elsewhere"
    status: HttpStatus = 302
    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        exchange.send(make_response(self.status, "html", {"Location": self.location}))


@dataclasses.dataclass(frozen=True)
class _NoContent(Fault):
    """204, without a body."""

    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        exchange.send(Response(204, b"", {}))


@dataclasses.dataclass(frozen=True)
class _Disconnect(Fault):
    """No response: the connection ends, by RST with ``reset``, otherwise by FIN."""

    applied: bool = False
    reset: bool = False

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        exchange.close(reset=self.reset)


@dataclasses.dataclass(frozen=True)
class _Cut(Fault):
    """Headers that announce the whole body, half of it, then the connection ends."""

    applied: bool = False
    reset: bool = False

    def inject(self, exchange: Exchange) -> None:
        response = _right_response(exchange, self.applied)
        exchange.start(response)
        exchange.send_bytes(response.body[: len(response.body) // 2])
        exchange.close(reset=self.reset)


@dataclasses.dataclass(frozen=True)
class _CutHeaders(Fault):
    """The status and half of the headers, then the connection ends."""

    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        head = _right_response(exchange, self.applied).head(close=True)
        exchange.send_bytes(head[: len(head) // 2])
        exchange.close(reset=False)


@dataclasses.dataclass(frozen=True)
class _CutJson(Fault):
    """A complete response whose JSON ends in the middle."""

    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        response = _right_response(exchange, self.applied)
        exchange.send(dataclasses.replace(response, body=response.body[: len(response.body) // 2]))


@dataclasses.dataclass(frozen=True)
class _Delay(Fault):
    """The right response, ``seconds`` after the call was applied."""

    seconds: float = 1.0

    def inject(self, exchange: Exchange) -> None:
        response = exchange.apply()
        exchange.pause(self.seconds)
        exchange.send(response)


@dataclasses.dataclass(frozen=True)
class _DripHeaders(Fault):
    """The right response, its headers one byte every ``interval`` seconds."""

    interval: float = 0.1

    def inject(self, exchange: Exchange) -> None:
        response = exchange.apply()
        exchange.start(response, interval=self.interval)
        exchange.send_bytes(response.body)


@dataclasses.dataclass(frozen=True)
class _DripBody(Fault):
    """The right response, its body one byte every ``interval`` seconds."""

    interval: float = 0.1

    def inject(self, exchange: Exchange) -> None:
        response = exchange.apply()
        exchange.start(response)
        exchange.send_bytes(response.body, interval=self.interval)


@dataclasses.dataclass(frozen=True)
class _Interim(Fault):
    """One interim response, ``100 Continue``, after another every ``interval`` seconds, and no other."""

    interval: float = 0.01
    applied: bool = False

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        while True:
            exchange.send_bytes(Response(100, b"", {}).head())
            exchange.pause(self.interval)


@dataclasses.dataclass(frozen=True)
class _Endless(Fault):
    """A body without end, until the client closes: ``chunked``, or of an enormous ``length``.

    ``rate`` is in bytes a second, roughly.
    """

    framing: str = "chunked"
    rate: int = 100_000_000
    applied: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.framing not in ("chunked", "length"):
            raise ValueError(f"framing is chunked or length, not {self.framing!r}.")
        if not self.rate:
            raise ValueError("rate is a number of bytes a second, not 0.")

    def inject(self, exchange: Exchange) -> None:
        if self.applied:
            exchange.apply()
        first, block = b'{"status": 200, "result": [{"email": "', b"a" * min(65_536, self.rate)
        seconds = len(block) / self.rate
        headers = {"Content-Type": JSON}
        if self.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            first, block = (b"%x\r\n%s\r\n" % (len(data), data) for data in (first, block))
        exchange.start(Response(200, b"", headers), length=10**15)
        exchange.send_bytes(first)
        while True:
            exchange.send_bytes(block)
            exchange.pause(seconds)


@dataclasses.dataclass(frozen=True)
class _Body(Fault):
    """A right status with a wrong body: one of ``BODIES``, or bytes to send as they are."""

    content: str | bytes = "html"
    status: HttpStatus = 200
    applied: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.content, str) and self.content not in BODIES:
            raise ValueError(f"content is one of {', '.join(BODIES)}, not {self.content!r}.")

    def inject(self, exchange: Exchange) -> None:
        true = _right_response(exchange, self.applied)
        content = BODIES[self.content] if isinstance(self.content, str) else self.content
        exchange.send(Response(self.status, mistyped(true.body) if content is None else content))


@dataclasses.dataclass(frozen=True)
class _OddRecords(Fault):
    """Odd items among the good ones of a list: one before each of them, the rest at the end."""

    operations = LISTS
    records: Sequence[object] = (
        None,
        "text",
        7,
        [],
        {},
        {"id": None, "userId": None, "email": None},
        {"email": "nobody@example.com", "name": "Without an ID"},
        {"id": "00000000-0000-4000-8000-0000000000dd", "userId": "without-email"},
        {
            "id": 7,
            "userId": 7,
            "email": ["nobody@example.com"],
            "name": {},
            "type": 7,
            "role": 7,
            "assignedRoles": "Admin",
            "createdAt": 7,
            "expireAt": False,
            "joinedAt": [],
        },
    )

    def inject(self, exchange: Exchange) -> None:
        response = exchange.apply()
        body = json.loads(response.body)
        good = body.get("result", [])
        mixed = [item for pair in zip(self.records, good, strict=False) for item in pair]
        mixed += [*self.records[len(good) :], *good[len(self.records) :]]
        exchange.send(dataclasses.replace(response, body=json.dumps({**body, "result": mixed}).encode()))


@dataclasses.dataclass(frozen=True)
class _Late(Fault):
    """A write that is applied only after ``seconds``, or after ``reads`` lists of invitations or of members.

    It is subject to the rules at that time. ``response`` is a status, or ``lost`` for none.
    """

    operations = WRITES
    seconds: float | None = None
    reads: int | None = None
    response: str | HttpStatus = "lost"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.seconds is None) == (self.reads is None):
            raise ValueError("A late write takes exactly one of seconds and reads.")
        if self.reads == 0:
            raise ValueError("reads is a number of lists, at least 1, not 0.")
        if isinstance(self.response, str) and self.response != "lost":
            raise ValueError(f"response is lost or a status, not {self.response!r}.")

    def inject(self, exchange: Exchange) -> None:
        exchange.apply_later(seconds=self.seconds, reads=self.reads)
        if isinstance(self.response, int):
            exchange.send(make_response(self.response, "html", {}))
        else:
            exchange.close(reset=False)


@dataclasses.dataclass(frozen=True)
class Race(Fault):
    """Somebody else acts at this call, ``before`` or ``after`` it is applied.

    ``action`` is a key of ``ACTIONS``; ``email`` is by default the person whom the call is about.
    An action that the rules reject does not happen.
    """

    action: str = "accept"
    moment: str = "before"
    email: str | None = None
    role: str | None = None
    role_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in ACTIONS:
            raise ValueError(f"action is one of {', '.join(ACTIONS)}, not {self.action!r}.")
        if self.role not in (None, "admin", "developer"):
            raise ValueError(f"role is admin or developer, not {self.role!r}.")
        if self.moment not in ("before", "after"):
            raise ValueError(f"moment is before or after, not {self.moment!r}.")

    def inject(self, exchange: Exchange) -> None:
        """Does what somebody else does."""
        email = self.email or exchange.person()
        if email is not None:
            with contextlib.suppress(LookupError, Rejection, ValueError):
                ACTIONS[self.action](exchange.cloud, email, self)


def _invite(cloud: Cloud, email: str, race: Race) -> None:
    body: dict[str, object] = {"email": email}
    if race.role_names:
        body["assignedRoleIds"] = list(cloud.role_ids(race.role_names))
    else:
        body["role"] = race.role or "developer"
    cloud.create_invitation(body)


def _join(cloud: Cloud, email: str, race: Race) -> None:
    cloud.sign_on(email, race.role or "developer", race.role_names, at_once=False)


def _update(cloud: Cloud, email: str, race: Race) -> None:
    cloud.update_member_of(email, race.role, race.role_names, at_once=False)


# What somebody else can do in a race.
ACTIONS: dict[str, Callable[[Cloud, str, Race], object]] = {
    "accept": lambda cloud, email, _race: cloud.accept(email, at_once=False),
    "delete": lambda cloud, email, _race: cloud.revoke(email, at_once=False),
    "invite": _invite,
    "expire": lambda cloud, email, _race: cloud.expire(email),
    "add_member": _join,
    "update_member": _update,
    "remove_member": lambda cloud, email, _race: cloud.remove_member_of(email, at_once=False),
}

KINDS: dict[str, type[Fault]] = {
    "status": _Status,
    "rate_limited": _RateLimited,
    "redirect": _Redirect,
    "no_content": _NoContent,
    "disconnect": _Disconnect,
    "cut": _Cut,
    "cut_headers": _CutHeaders,
    "cut_json": _CutJson,
    "delay": _Delay,
    "drip_headers": _DripHeaders,
    "drip_body": _DripBody,
    "interim": _Interim,
    "endless": _Endless,
    "body": _Body,
    "odd_records": _OddRecords,
    "late": _Late,
    "race": Race,
}


@dataclasses.dataclass
class Order:
    """A fault as it was ordered, and how often it has still to fire."""

    kind: str
    operation: str | None
    times: int | None
    skip: int
    fault: Fault

    def matches(self, operation: str | None) -> bool:
        """Whether it is for a call."""
        if self.operation is not None:
            return self.operation == operation
        return self.fault.operations is OPERATIONS or operation in self.fault.operations

    def due(self) -> bool:
        """Counts one matching call: whether the fault fires at it."""
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The faults that have still to fire. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []

    def forget(self) -> None:
        """Cancels all faults."""
        with self._lock:
            self._orders.clear()

    def order(
        self,
        kind: str,
        operation: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        **parameters: object,
    ) -> None:
        """Orders a fault; ``ValueError``, with a sentence, for an invalid one."""
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"There is no fault {kind!r}; the kinds are {', '.join(KINDS)}.")
        kind_class = KINDS[kind]
        if operation is not None and operation not in kind_class.operations:
            raise ValueError(f"A fault {kind} is for {', '.join(kind_class.operations)}, not {operation!r}.")
        if times is not None and not (_is_whole(times) and times):
            raise ValueError(f"times is a whole number, at least 1, or nothing, not {times!r}.")
        if not _is_whole(skip):
            raise ValueError(f"skip is a whole number, not {skip!r}.")
        fields = [field.name for field in dataclasses.fields(kind_class)]
        for name in parameters:
            if name not in fields:
                raise ValueError(f"A fault {kind} has no parameter {name!r}; it has {', '.join(fields)}.")
        with self._lock:
            self._orders.append(Order(kind, operation, times, skip, kind_class(**parameters)))

    def due(self, operation: str | None) -> tuple[list[Race], Fault | None]:
        """What happens at a call: its races, and its fault."""
        with self._lock:
            matching = [order for order in self._orders if order.matches(operation)]
            races = [o for o in matching if isinstance(o.fault, Race)]
            first = next((o for o in matching if not isinstance(o.fault, Race)), None)
            due_races = [o.fault for o in races if o.due() and isinstance(o.fault, Race)]
            fault = first.fault if first and first.due() else None
            self._orders = [order for order in self._orders if order.times != 0]
            return due_races, fault

    def waiting(self) -> list[dict[str, Any]]:
        """The faults that have still to fire."""
        with self._lock:
            return [
                {
                    "kind": order.kind,
                    "operation": order.operation,
                    "times": order.times,
                    "skip": order.skip,
                }
                for order in self._orders
            ]


def _right_response(exchange: Exchange, applied: bool) -> Response:
    """The response of the API or, for a write that must not arrive, an imitation of its success."""
    if applied or exchange.operation not in WRITES:
        return exchange.apply()
    made_up = str(uuid.uuid4())
    record = json.dumps({"id": made_up, "userId": made_up, "email": "somebody@example.com"})
    return Response(200, envelope(200, result=record))
