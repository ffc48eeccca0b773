# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Ansible runs, in an environment that holds nothing of the developer's own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess

import yaml

# What curl, requests and OpenSSL let the environment say about a connection.
AMBIENT = {"all_proxy", "curl_ca_bundle", "http_proxy", "https_proxy", "netrc", "no_proxy", "requests_ca_bundle"}


RESULTS = "results.json"

# The Python that runs the modules, if it is not Ansible's own.
INTERPRETER = os.environ.get("CLICKHOUSE_CLOUD_TEST_INTERPRETER")


def inherited():
    """This process's environment, less what the modules could find in it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLICKHOUSE_", "SSL_CERT_")) and name.lower() not in AMBIENT
    }


def environment(folder, variables):
    """What is inherited, with the folder for a home, and variables."""
    return {
        **inherited(),
        "ANSIBLE_HOME": str(folder / ".ansible"),
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_PIPELINING": "true",
        "HOME": str(folder),
        **variables,
    }


@contextlib.contextmanager
def started(folder, command, variables=None):
    """Have Ansible run in a folder that is its home, too."""
    program, *arguments = command
    # First, since of two extra variables of a name the last one counts.
    interpreter = ["-e", f"ansible_python_interpreter={INTERPRETER}"] if INTERPRETER else []
    process = subprocess.Popen(
        [program, *interpreter, *arguments],
        cwd=folder,
        env=environment(folder, variables or {}),
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(folder, command, variables=None, status=0):
    """Run Ansible, and return what it printed to both streams."""
    with started(folder, command, variables) as process:
        output, _nothing = process.communicate(timeout=120)
    assert process.returncode == status, output
    return output


def play(folder, tasks, arguments=(), environment=None, **variables):
    """Run tasks, none of which ends the play, and return the result of each, and what Ansible printed."""
    tasks = [{**task, "register": f"result_{number}", "ignore_errors": True} for number, task in enumerate(tasks)]
    keep = keeping(folder, [task["register"] for task in tasks])
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [*tasks, keep]}]
    (folder / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    (folder / "variables.json").write_text(json.dumps(variables))
    output = run(folder, ["ansible-playbook", "play.yml", "-e", "@variables.json", *arguments], environment)
    return kept(folder), output


def keeping(folder, names):
    """A task that keeps registered results, in check mode too."""
    results = [f"{{{{ {name} }}}}" for name in names]
    copy = {"content": results, "dest": str(folder / RESULTS), "mode": "0600"}
    return {"ansible.builtin.copy": copy, "check_mode": False}


def kept(folder):
    """The results that were kept, in the order of their names."""
    return json.loads((folder / RESULTS).read_text())
