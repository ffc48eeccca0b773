# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes a real organization, and compares it with the simulator: ``make contract LIVE=1 EMAIL=…``."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.clickhouse.cloud.plugins.module_utils import _module, _options
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Settings
from ansible_collections.clickhouse.cloud.plugins.module_utils._errors import ApiError
from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Invitation
from simulator import Simulator

from .observations import MAX_LAG, POLL_INTERVAL, Behaviour, CannotObserve, Organization, observe
from .report import compare, describe, redacted, table
from .transport import MAX_EMAILS, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Clock
    from ansible_collections.clickhouse.cloud.plugins.module_utils._records import Member

EXAMPLE = "make contract LIVE=1 EMAIL=you+contract@example.com"
REPORT = Path("build/contract.json")
# In seconds. The transport may wait for the rate limit before it sends.
TIMEOUT = 40.0
RETRY_TIMEOUT = 20.0


def main(arguments: list[str], environment: Mapping[str, str], clock: Clock = time) -> str | None:
    """Run the command line; a sentence if it failed."""
    parser = argparse.ArgumentParser(prog="contract", description=__doc__)
    parser.add_argument("--email", default="", help="an address of your own, without access to the organization")
    parser.add_argument("--report", type=Path, default=REPORT, help="where to write what was observed")
    options = parser.parse_args(arguments)
    secrets: set[str] = set()
    failures: list[str] = []
    try:
        email = email_to_invite(options.email)
        settings, organization_id = connection(environment)
        view = second_key(settings, environment)
        secrets = spellings(settings) | (spellings(view) if view else set())
        with contextlib.closing(Transport(email, clock)) as transport:
            organization = Organization(transport, settings, organization_id, view)
            members = organization.api.members()
            refuse_if_known(email, members, organization.api.invitations())
            print(
                f"Inviting {email} at most {MAX_EMAILS} times, and revoking each invitation, for about half a minute."
            )
            try:
                behaviours = list(observe(organization, members))
            finally:
                failures = clean_up(organization)
        simulated = observe_simulator()
    except (ApiError, CannotObserve, _options.OptionError) as error:
        failures.insert(0, str(error))
    except KeyboardInterrupt:
        failures.insert(0, "Interrupted.")
    else:
        report = compare(behaviours, simulated)
        report["calls"] = [describe(exchange) for exchange in transport.exchanges]
        text = redacted(json.dumps(report, indent=2), *secrets, email)
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(f"{text}\n")
        print(table(json.loads(text)["behaviours"]))
        print(f"\nWritten to {options.report}; to rehearse: make simulator SETTINGS={options.report}")
    return redacted("\n".join(failures), *secrets) or None


def email_to_invite(text: str) -> str:
    """The address to invite, which must be as good in upper case."""
    if not text.strip():
        raise _options.OptionError(f"EMAIL is missing: name an address of your own without access, as in {EXAMPLE}.")
    email = _options.email(text, "EMAIL")
    if not email.isascii():
        raise _options.OptionError("EMAIL: the address is to be ASCII, because it is also sent in upper case.")
    return email


def connection(environment: Mapping[str, str]) -> tuple[Settings, str | None]:
    """How to reach the API, and the organization's ID if it is given, by the variables that modules take."""
    found = {}
    for option, names in _module.ENVIRONMENT.items():
        given = ((environment.get(name, "").strip(), name) for name in names)
        found[option] = next((pair for pair in given if pair[0]), ("", names[0]))
    missing = [name for value, name in (found["api_key"], found["api_secret"]) if not value]
    if missing:
        raise _options.OptionError(f"Missing: {' and '.join(missing)}; export it.")
    (key, key_name), (secret, secret_name) = found["api_key"], found["api_secret"]
    settings = Settings(
        api_key=key,
        api_secret=secret,
        api_url=_options.api_url(found["api_url"][0] or _module.DEFAULT_API_URL),
        timeout=TIMEOUT,
        retry_timeout=RETRY_TIMEOUT,
        verify=True,
        key_advice=f"check {key_name} and {secret_name}",
    )
    organization_id, name = found["organization_id"]
    return settings, _options.uuid(organization_id, name) if organization_id else None


def second_key(settings: Settings, environment: Mapping[str, str]) -> Settings | None:
    """The same with a key that may only view, None if none is given."""
    given = {name: environment.get(name, "").strip() for name in ("VIEW_KEY", "VIEW_SECRET")}
    missing = [name for name, value in given.items() if not value]
    if len(missing) == 1:
        raise _options.OptionError(f"Missing: {missing[0]}; export it, or neither.")
    if missing:
        return None
    return settings._replace(
        api_key=given["VIEW_KEY"],
        api_secret=given["VIEW_SECRET"],
        key_advice="check VIEW_KEY and VIEW_SECRET",
    )


def spellings(settings: Settings) -> set[str]:
    """Key and secret as they are sent, and as servers and libraries may repeat them."""
    token = base64.b64encode(f"{settings.api_key}:{settings.api_secret}".encode()).decode().rstrip("=")
    return {token, *_module._spellings(settings.api_key), *_module._spellings(settings.api_secret)}


def refuse_if_known(email: str, members: list[Member], invitations: list[Invitation]) -> None:
    """Refuse an address that has something to lose.

    :raises CannotObserve: if this person is a member or is invited.
    """
    for people, state in ((members, "has access to"), (invitations, "is invited to")):
        if any(person.email == email for person in people):
            raise CannotObserve(f"{email} {state} the organization; take another address. Nothing was changed.")


def clean_up(organization: Organization) -> list[str]:
    """Revoke every invitation of the person; in sentences, what may be left.

    An invitation whose response was lost may appear in the list later only.
    """
    transport = organization.transport
    start = transport.clock.monotonic()
    failures: list[str] = []
    try:
        failures += revoke(organization, transport.created_ids - transport.deleted_ids)
        while not failures:
            invitations = organization.api.invitations()
            found = {each.id or "" for each in invitations if each.email == transport.email} - transport.deleted_ids
            failures += revoke(organization, found)
            if failures:
                break
            if found or not transport.is_ambiguous:
                print(f"No invitation of {transport.email} is left.")
                return []
            if transport.clock.monotonic() - start > MAX_LAG:
                failures.append("The response to one invitation was lost, and no list shows it.")
            transport.clock.sleep(POLL_INTERVAL)
    except (ApiError, KeyboardInterrupt) as error:
        failures.append(str(error) or "Interrupted.")
    return [*failures, f"Check in the console that no invitation of {transport.email} is left."]


def revoke(organization: Organization, invitation_ids: set[str]) -> list[str]:
    """Revoke invitations; in sentences, what failed."""
    failures = []
    for invitation_id in invitation_ids:
        try:
            organization.api.delete_invitation(Invitation(organization.transport.email, id=invitation_id))
        except ApiError as error:  # noqa: PERF203
            failures.append(str(error))
    return failures


def observe_simulator(settings: Mapping[str, Any] | None = None, clock: Clock = time) -> list[Behaviour]:
    """Observe a simulator, where nobody needs to wait."""
    with (
        Simulator(rate_limit="0", **(settings or {})) as simulator,
        contextlib.closing(Transport("contract@example.com", clock, window=0.0)) as transport,
    ):
        connected, organization_id = connection(simulator.environment)
        view = connected._replace(api_key=simulator.view_key, api_secret=simulator.view_secret)
        organization = Organization(transport, connected, organization_id, view)
        return list(observe(organization, organization.api.members()))


if __name__ == "__main__":
    # A canceled job cleans up, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:], os.environ))
