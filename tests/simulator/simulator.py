# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The class that tests use: a running simulator, its state, and what happens outside the API."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

from . import api, control
from .cloud import KEY, VIEW_KEY, Cloud
from .faults import Faults
from .records import ORGANIZATION_ID
from .server import Server
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

SECRET = "4b1dSimulatedSecretThatOpensNothing0000000"
VIEW_SECRET = "4b1dSimulatedSecretThatOnlyViews0000000000"


class Simulator:
    """The API of one organization, on a port of 127.0.0.1: a free one unless ``port`` is given.

    Use it as a context manager: a thread of this process serves the API inside the block.
    ``tls`` are the files of a certificate and its key. The settings are those of ``Settings``.
    ``OSError`` if the port is in use, ``ValueError`` for an invalid setting.
    """

    def __init__(self, *, port: int = 0, tls: tuple[str, str] | None = None, **settings: object) -> None:
        self.key = KEY
        self.secret = SECRET
        self.view_key = VIEW_KEY
        self.view_secret = VIEW_SECRET
        self.organization_id = ORGANIZATION_ID
        self._settings = Settings().changed(settings)
        self.cloud = Cloud(self._settings)
        self.faults = Faults()
        self.app = api.create_app(self.cloud, {KEY: SECRET, VIEW_KEY: VIEW_SECRET})
        self.app.register_blueprint(control.create_blueprint(self))
        self._server = Server(self.app, self.cloud, self.faults, port, tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulator", daemon=True)

    def __enter__(self) -> Simulator:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point the collection to this simulator."""
        return {
            "CLICKHOUSE_CLOUD_API_URL": self.url,
            "CLICKHOUSE_CLOUD_API_KEY": self.key,
            "CLICKHOUSE_CLOUD_API_SECRET": self.secret,
            "CLICKHOUSE_CLOUD_ORGANIZATION_ID": self.organization_id,
        }

    def reset(self, **settings: object) -> None:
        """Starts again with a new organization, without faults, late writes and logged requests.

        The settings are those given to ``Simulator``, changed by these.
        """
        fresh = self._settings.changed(settings)
        self.faults.forget()
        self.cloud.reset(fresh)
        self._server.requests.clear()

    def configure(self, **settings: object) -> None:
        """Changes some settings, and keeps the organization as it is."""
        self.cloud.configure(settings)

    def invite(
        self,
        email: str,
        role: str | None = None,
        role_names: Sequence[str] = (),
        expired: bool = False,
        created_ago: float | None = None,
        expires_in: float | None = None,
    ) -> dict[str, Any]:
        """Adds an invitation, whatever the rules say; sends no email.

        ``created_ago`` and ``expires_in`` are seconds from now and may be negative.
        """
        return self.cloud.record(
            self.cloud.set_up_invitation(email, role, role_names, expired, created_ago, expires_in)
        )

    def seed(self, invitations: int, members: int = 0) -> None:
        """Adds that many invited people and members, all with the role Member; sends no email."""
        self.cloud.seed(invitations, members)

    def accept(self, email: str) -> dict[str, Any]:
        """The person joins by their newest live invitation; ``LookupError`` if there is none."""
        return self.cloud.record(self.cloud.accept(email))

    def expire(self, email: str) -> dict[str, Any]:
        """The person's newest invitation expires; ``LookupError`` if there is none."""
        return self.cloud.record(self.cloud.expire(email))

    def add_member(
        self, email: str, role: str = "developer", role_names: Sequence[str] = (), account: str = ""
    ) -> dict[str, Any]:
        """A person joins without an invitation; a member gets these roles.

        Another ``account``, such as ``sso``, is another member with the same email and a user ID of its own.
        """
        return self.cloud.record(self.cloud.add_member(email, role, role_names, account))

    def sign_on(self, email: str, role: str = "developer", role_names: Sequence[str] = ()) -> dict[str, Any]:
        """A person signs in through single sign-on: joins, or joins again, unless they are a member.

        The roles are those of somebody who joins so. A person who was removed comes back with the same ID.
        """
        return self.cloud.record(self.cloud.sign_on(email, role, role_names))

    def provision(self, email: str, role_names: Sequence[str] = ("Member",)) -> dict[str, Any]:
        """An identity provider makes a member by SCIM, also beside one whose email has another case."""
        return self.add_member(email, role_names=role_names, account="scim")

    def invite_by_domain(self, email: str) -> dict[str, Any]:
        """The organization invites a person by itself, since the domain of their email is approved."""
        return self.invite(email, role_names=["Member"])

    def update_member(self, email: str, role: str | None = None, role_names: Sequence[str] = ()) -> dict[str, Any]:
        """Somebody replaces a member's roles, by none if none are given; ``LookupError`` if there is no such member."""
        return self.cloud.record(self.cloud.update_member_of(email, role, role_names))

    def remove_member(self, email: str) -> dict[str, Any]:
        """Somebody removes a member, or they leave; ``LookupError`` if there is no such member."""
        return self.cloud.record(self.cloud.remove_member_of(email))

    def add_role(self, name: str, type: str = "custom") -> dict[str, Any]:
        """Adds a role; two may have one name."""
        return self.cloud.record(self.cloud.add_role(name, type))

    def add_key(
        self,
        name: str,
        role_names: Sequence[str] = (),
        state: str = "enabled",
        created_ago: float = 0.0,
        expires_in: float | None = None,
        used_ago: float | None = None,
        sources: Sequence[str] = ("0.0.0.0/0",),
    ) -> dict[str, Any]:
        """Adds an API key, with which nobody can authenticate. Times are seconds from now and may be negative."""
        times = (created_ago, expires_in, used_ago)
        return self.cloud.record(self.cloud.add_key(name, role_names, state, *times, sources))

    def order_fault(
        self,
        kind: str,
        *,
        operation: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        **parameters: object,
    ) -> None:
        """Orders a fault of a kind of ``faults.KINDS``; ``ValueError`` for an invalid one."""
        self.faults.order(kind, operation, times, skip, **parameters)

    @property
    def invitations(self) -> list[dict[str, Any]]:
        """All invitations, expired ones too, oldest first."""
        return list(self.cloud.everything()["invitations"])

    @property
    def members(self) -> list[dict[str, Any]]:
        """All members, oldest first."""
        return list(self.cloud.everything()["members"])

    @property
    def roles(self) -> list[dict[str, Any]]:
        """All roles, the system roles first."""
        return list(self.cloud.everything()["roles"])

    @property
    def keys(self) -> list[dict[str, Any]]:
        """All API keys, the simulator's own two first."""
        return list(self.cloud.everything()["keys"])

    @property
    def emails(self) -> list[dict[str, Any]]:
        """The emails sent, oldest first; ``time`` is in seconds since the epoch."""
        return list(self.cloud.everything()["emails"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests that arrived, oldest first."""
        return [dataclasses.asdict(request) for request in list(self._server.requests)]

    @property
    def waiting_faults(self) -> list[dict[str, Any]]:
        """The faults that have still to fire."""
        return self.faults.waiting()

    @property
    def state(self) -> dict[str, Any]:
        """Everything about the organization, as ``/control/state`` shows it."""
        return {
            **self.cloud.everything(),
            "settings": dataclasses.asdict(self.cloud.settings),
            "requests": self.requests,
            "faults": self.waiting_faults,
        }
