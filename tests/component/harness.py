# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whole modules in this process, with real HTTP to a simulator, and holds what every result has to keep."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import itertools
import json
import time
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from component.documented import MODULES, check_documented
from component.servers import token

ERROR_FIELDS = {"status", "reason", "request_id", "method", "path"}


class SkippingClock:
    """Stands in for the module ``time``: sleeping takes no time, and yet it has passed."""

    def __init__(self):
        self.slept = []

    def sleep(self, seconds):
        assert seconds >= 0
        self.slept.append(seconds)

    def monotonic(self):
        return time.monotonic() + sum(self.slept)

    def time(self):
        return time.time()


class Runner:
    """Runs modules against a simulator with its credentials, unless others are given."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.common = {
            "api_url": simulator.url,
            "api_key": simulator.key,
            "api_secret": simulator.secret,
            "organization_id": simulator.organization_id,
        }

    def __call__(self, module, *, check=False, **options):
        """The result of a module as Ansible gets it, its warnings as texts. Always with ``--diff``."""
        arguments = {**self.common, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        output, log = run_module(module, {name: value for name, value in arguments.items() if value is not ...})
        key, secret = self.simulator.key, self.simulator.secret
        for credential in (key, secret, token(key, secret)):
            assert credential not in output
            assert credential not in log
        result = json.loads(output)
        result["warnings"] = [warning_text(warning) for warning in result.get("warnings", [])]
        check_result(result)
        check_documented(module, options, result)
        return result

    def present(self, email="ann@example.com", **options):
        """Have a person invited, as a developer unless other roles are given."""
        if not options.keys() & {"role", "roles"}:
            options["role"] = "developer"
        return self("invitation", email=email, **options)

    def absent(self, email="ann@example.com", **options):
        return self("invitation", email=email, state="absent", **options)

    def roster(self, *people, **options):
        """Keep a roster of emails, or of dicts."""
        people = [person if isinstance(person, dict) else {"email": person} for person in people]
        if not options.keys() & {"role", "roles", "state"}:
            options["role"] = "developer"
        return self("invitations", invitations=people, **options)

    def info(self, **options):
        return self("invitation_info", **options)


def run_module(module, arguments):
    """What a module prints, and what it logs."""
    output = io.StringIO()
    logged = []
    payload = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    # Whatever ran before in this process.
    warnings._global_warnings.clear()
    with (
        mock.patch.object(basic, "_ANSIBLE_ARGS", payload),
        mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
        # This process lives on, and its garbage is to be collected.
        mock.patch.object(gc, "freeze"),
        mock.patch.object(basic.AnsibleModule, "log", lambda _module, *parts, **_rest: logged.extend(parts)),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        importlib.import_module(f"{MODULES}.{module}").main()
    return output.getvalue(), str(logged)


def warning_text(warning):
    """A warning's text, which ansible-core 2.19 and newer wrap."""
    return warning if isinstance(warning, str) else warning["event"]["msg"]


def check_result(result):
    """What holds for every result, whatever happened."""
    assert "exception" not in result, result["exception"]
    if not result.get("failed"):
        assert "msg" not in result
        assert "error" not in result
        return
    check_failure(result["msg"], result["error"])
    for change in result.get("changes", ()):
        assert (change["action"] == "failed") == ("error" in change)
        if "error" in change:
            error = dict(change["error"])
            check_failure(error.pop("msg"), error)


def check_failure(msg, error):
    """A failure tells in words that can be read, and in data, what went wrong."""
    assert msg.isprintable(), msg
    assert 20 < len(msg) < 2000, msg
    assert msg.endswith("."), msg
    assert not msg.endswith(".."), msg
    assert "Unexpected" not in msg
    assert set(error) == ERROR_FIELDS
    assert isinstance(error["reason"], str)
    assert error["reason"]


def held(simulator, email):
    """IDs of the invitations that somebody has in truth, oldest first."""
    return [invitation["id"] for invitation in simulator.invitations if invitation["email"].lower() == email]


def emails_to(simulator, email="ann@example.com"):
    """How many emails somebody got."""
    return sum(each["email"].lower() == email for each in simulator.emails)


def calls(simulator, start=0):
    """The operations called, in order."""
    return [request["operation"] for request in itertools.islice(simulator.requests, start, None)]


def refused_by_the_server(simulator, since=0):
    """Whether somebody could not be invited, for a reason that the server alone knows."""
    return any(
        call["operation"] == "create_invitation" and call["status"] != 200 for call in simulator.requests[since:]
    )


def settle(simulator):
    """Let time pass until every write has happened and shows."""
    for _time in range(6):
        simulator.cloud.list_invitations()
        simulator.cloud.list_members()


def assert_no_email_twice(simulator):
    """Nobody got two emails for the same roles."""
    sent = [(email["email"].lower(), *sorted(email["role_ids"])) for email in simulator.emails]
    assert len(set(sent)) == len(sent), sent
