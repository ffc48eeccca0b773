# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

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
def test_it_serves_until_it_is_interrupted(ending):
    with start("--port", "0", "--rate-limit", "2/60", "--seed", "3") as process:
        environment = exports(process)
        url = environment["CLICKHOUSE_CLOUD_API_URL"]
        auth = (environment["CLICKHOUSE_CLOUD_API_KEY"], environment["CLICKHOUSE_CLOUD_API_SECRET"])
        path = f"{url}/v1/organizations/{environment['CLICKHOUSE_CLOUD_ORGANIZATION_ID']}/invitations"
        with requests.Session() as session:
            session.trust_env = False
            answers = [session.get(path, auth=auth, timeout=5) for _time in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert [i["email"] for i in answers[0].json()["result"]] == [
                "person00001@example.com",
                "person00002@example.com",
                "person00003@example.com",
            ]
            process.send_signal(ending)
            assert process.communicate(timeout=5) == ("", "")
    assert process.returncode == 0


def test_a_taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        with start("--port", port) as process:
            out, err = process.communicate(timeout=5)
    assert process.returncode != 0
    assert out == ""
    assert port in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--rate-limit", "ten"], "rate_limit"), (["--port", "70000"], "70000"), (["--port", "-1"], "-1")],
)
def test_bad_arguments(arguments, words):
    with start(*arguments) as process:
        out, err = process.communicate(timeout=5)
    assert process.returncode != 0
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1
