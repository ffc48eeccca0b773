# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from simulator.__main__ import read_settings

TESTS = Path(__file__).parents[2]


@contextlib.contextmanager
def start(*arguments):
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def exports(process):
    lines = [process.stdout.readline() for _time in range(4)]
    return dict(re.fullmatch(r"export (CLICKHOUSE_CLOUD_\w+)=([\w.:/-]+)\n", line).groups() for line in lines)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_it_is_interrupted(ending):
    with start("--port", "0", "--rate-limit", "2/60", "--seed", "3") as process:
        environment = exports(process)
        url = environment["CLICKHOUSE_CLOUD_API_URL"]
        auth = (environment["CLICKHOUSE_CLOUD_API_KEY"], environment["CLICKHOUSE_CLOUD_API_SECRET"])
        path = f"{url}/v1/organizations/{environment['CLICKHOUSE_CLOUD_ORGANIZATION_ID']}/invitations"
        with requests.Session() as session:
            session.trust_env = False
            responses = [session.get(path, auth=auth, timeout=30) for _time in range(3)]
            assert [response.status_code for response in responses] == [200, 200, 429]
            assert [i["email"] for i in responses[0].json()["result"]] == [
                "person00001@example.com",
                "person00002@example.com",
                "person00003@example.com",
            ]
            process.send_signal(ending)
            assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def error_of(*arguments):
    """The one line that the command prints as it fails."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert out == ""
    (line,) = err.splitlines()
    return line


def test_port_in_use_is_said_in_one_sentence(taken_port):
    assert error_of("--port", str(taken_port)) == (
        f"Port {taken_port} is in use: choose another one, or 0 for a free one, as in make simulator PORT=0."
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--rate-limit", "ten"], "rate_limit"), (["--port", "70000"], "70000"), (["--port", "-1"], "-1")],
)
def test_invalid_argument_is_said_in_one_sentence(arguments, words):
    assert words in error_of(*arguments)


def test_settings_are_read_from_a_file(tmp_path):
    (tmp_path / "contract.json").write_text('{"settings": {"list_expired": false}, "checks": []}')
    with start("--port", "0", "--settings", str(tmp_path / "contract.json")) as process:
        url = exports(process)["CLICKHOUSE_CLOUD_API_URL"]
        settings = requests.get(f"{url}/control/state", timeout=30).json()["settings"]
    assert (settings["list_expired"], settings["rate_limit"]) == (False, "10/10")


@pytest.mark.parametrize("setting", ["color", "port"])
def test_unknown_setting_in_a_file_is_said_in_one_sentence(tmp_path, setting):
    (tmp_path / "contract.json").write_text(json.dumps({"settings": {setting: 1}}))
    assert f"There is no setting {setting!r}" in error_of("--settings", str(tmp_path / "contract.json"))


def test_settings_file_may_be_a_plain_object(tmp_path):
    (tmp_path / "settings.json").write_text('{"stale_reads": 2}')
    assert read_settings(tmp_path / "settings.json") == {"stale_reads": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "Cannot read the settings file"),
        ("{", "is not valid JSON"),
        ("[]", "does not contain a JSON object"),
        ('{"settings": []}', "does not contain a JSON object"),
    ],
)
def test_invalid_settings_file_is_rejected_with_a_sentence(tmp_path, content, words):
    if content is not None:
        (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match=rf"{words}.*\.$"):
        read_settings(tmp_path / "settings.json")
