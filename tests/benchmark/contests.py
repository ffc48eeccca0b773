# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared: each contestant is one command that does the same job against the same simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator import Simulator

MEASURE = Path(__file__).with_name("measure.py")


@dataclass(frozen=True)
class Contestant:
    """A way to do a job: ``command`` is what is timed, ``prepare`` comes before each run.

    In each turn it has so many ``runs``: short ones need more to be once undisturbed.
    """

    name: str
    command: Sequence[str]
    prepare: Callable[[], object] = lambda: None
    runs: int = 1


class Cost(NamedTuple):
    """What a command took: seconds, and the most memory that one of its processes had, in MiB."""

    seconds: float
    memory: float


def fastest(contestants: Sequence[Contestant], environment: Mapping[str, str], turns: int) -> dict[str, float]:
    """Run all in turn, so often, and tell each one's fastest time in seconds: machines drift."""
    return {name: cost.seconds for name, cost in cheapest(contestants, environment, turns).items()}


def cheapest(contestants: Sequence[Contestant], environment: Mapping[str, str], turns: int) -> dict[str, Cost]:
    """Run all in turn, so often, and tell what each one's fastest run took."""
    costs: dict[str, Cost] = {}
    for _turn in range(turns):
        for contestant in (each for each in contestants for _time in range(each.runs)):
            contestant.prepare()
            cost = _run(contestant, os.environ | environment)
            costs[contestant.name] = min(cost, costs.get(contestant.name, cost))
    return costs


def _run(contestant: Contestant, environment: Mapping[str, str]) -> Cost:
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, str(MEASURE), *contestant.command]
        run = subprocess.run(command, check=False, env=environment, stdout=subprocess.PIPE, stderr=output, text=True)
        if run.returncode:
            output.seek(0)
            sys.exit(f"{contestant.name} failed:\n{output.read()}")
    seconds, kibibytes = json.loads(run.stdout)
    return Cost(seconds, kibibytes / 1024)


# A module can hardly do less that asks the API with requests: it checks nothing.
BARE_MODULE = """
import requests
from ansible.module_utils.basic import AnsibleModule

def main():
    options = {"url": {"type": "str"}, "user": {"type": "str"}, "password": {"type": "str", "no_log": True}}
    module = AnsibleModule(argument_spec={**options, "emails": {"type": "list", "elements": "str"}})
    session = requests.Session()
    session.auth = (module.params["user"], module.params["password"])
    url = module.params["url"]
    found = len(session.get(url, timeout=30).json()["result"])
    for email in module.params["emails"]:
        session.post(url, json={"email": email, "role": "developer"}, timeout=30).raise_for_status()
    module.exit_json(found=found)

if __name__ == "__main__":
    main()
"""


class Ways:
    """The ways to do the jobs, as commands."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        self._folder = folder
        self._headers = {
            "url_username": simulator.key,
            "url_password": simulator.secret,
            "force_basic_auth": True,
        }
        organization = f"{simulator.url}/v1/organizations/{simulator.organization_id}"
        self._invitations, self._members = f"{organization}/invitations", f"{organization}/members"

    def task(self, **task: object) -> list[str]:
        """A playbook with this one task."""
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
        descriptor, path = tempfile.mkstemp(suffix=".yml", dir=self._folder)
        with os.fdopen(descriptor, "w") as playbook:
            json.dump([play], playbook)
        return ["ansible-playbook", path]

    def ping(self) -> list[str]:
        """The least that a task can do."""
        return self.task(**{"ansible.builtin.ping": {}})

    def uri_get(self) -> list[str]:
        """List the invitations by hand."""
        return self.task(**{"ansible.builtin.uri": {"url": self._invitations, **self._headers}})

    def bare_module(self, emails: Sequence[str] = ()) -> list[str]:
        """List the invitations, and invite, with a module of its own beside the playbook, outside any collection."""
        library = self._folder / "library"
        library.mkdir(exist_ok=True)
        (library / "bare.py").write_text(BARE_MODULE)
        options = {"url": self._invitations, "user": self._simulator.key, "password": self._simulator.secret}
        return self.task(bare={**options, "emails": list(emails)})

    def uri_loop(self, emails: Sequence[str]) -> list[str]:
        """Invite by hand, without looking first."""
        body = {"email": "{{ item }}", "role": "developer"}
        options = {"url": self._invitations, "method": "POST", "body_format": "json", "body": body, **self._headers}
        return self.task(**{"ansible.builtin.uri": options, "loop": list(emails)})

    def invitation(self, email: str) -> list[str]:
        """Keep one person invited."""
        return self.task(**{"clickhouse.cloud.invitation": {"email": email, "role": "developer"}})

    def invitation_loop(self, emails: Sequence[str]) -> list[str]:
        """Keep one person after another invited."""
        options = {"email": "{{ item }}", "role": "developer"}
        return self.task(**{"clickhouse.cloud.invitation": options, "loop": list(emails)})

    def roster(self, emails: Sequence[str], role: str = "Developer") -> list[str]:
        """Keep everybody invited in one task."""
        options = {"emails": list(emails), "roles": [self._role_id(role)]}
        return self.task(**{"clickhouse.cloud.invitations": options})

    def membership(self, email: str) -> list[str]:
        """Keep one person's access."""
        options = {"email": email, "roles": [self._role_id("Developer")]}
        return self.task(**{"clickhouse.cloud.membership": options})

    def membership_loop(self, emails: Sequence[str], role: str) -> list[str]:
        """Keep the access of one person after another."""
        options = {"email": "{{ item }}", "roles": [self._role_id(role)]}
        return self.task(**{"clickhouse.cloud.membership": options, "loop": list(emails)})

    def access_list(self, emails: Sequence[str], role: str = "Member") -> list[str]:
        """Keep everybody's access in one task."""
        options = {"emails": list(emails), "roles": [self._role_id(role)]}
        return self.task(**{"clickhouse.cloud.memberships": options})

    def uri_lists(self) -> list[str]:
        """List invitations and members by hand."""
        urls = [self._invitations, self._members]
        return self.task(**{"ansible.builtin.uri": {"url": "{{ item }}", **self._headers}, "loop": urls})

    def uri_update_loop(self, user_ids: Sequence[str], role: str) -> list[str]:
        """Give members a role by hand."""
        options = {"url": self._members + "/{{ item }}", "method": "PATCH", "body_format": "json", **self._headers}
        body = {"assignedRoleIds": [self._role_id(role)]}
        return self.task(**{"ansible.builtin.uri": {**options, "body": body}, "loop": list(user_ids)})

    def command_line_loop(self, emails: Sequence[str]) -> list[str]:
        """Invite with the vendor's command, one person after another, without looking first."""
        create = f'clickhousectl cloud --url "{self._simulator.url}" invitation create --email "$email"'
        script = f'set -e; for email in "$@"; do {create} --role-id {self._role_id("Developer")} >/dev/null; done'
        return ["sh", "-c", script, "sh", *emails]

    def _role_id(self, name: str) -> str:
        return str(next(role["id"] for role in self._simulator.roles if role["name"] == name))
