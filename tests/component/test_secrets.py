# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""No result, warning or log line has the credentials, even if a server repeats them, whatever they look like."""

from __future__ import annotations

import json
import os

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from component.harness import run_module
from component.servers import SHAPES, Hostile, spellings

VARIABLES = {"api_key": "CLICKHOUSE_CLOUD_API_KEY", "api_secret": "CLICKHOUSE_TOKEN_SECRET"}


@pytest.fixture(scope="module")
def hostile():
    with Hostile() as hostile:
        yield hostile


WRITTEN = {"invitations": ["deleted", "failed"], "memberships": ["failed", "deleted", "failed"]}
WAYS = ("options", "environment", "blank options")


def cases():
    """The writing modules with every shape of credentials, the others with some, each in one of the ways."""
    for number, shape in enumerate(SHAPES):
        infos = ("invitation_info", "membership_info", "role_info", "api_key_info")
        for turn, module in enumerate((*WRITTEN, infos[number % len(infos)])):
            yield module, shape, WAYS[(number + turn) % len(WAYS)]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("module", "shape", "way"), list(cases()))
def test_credentials_that_a_server_repeats_are_masked(hostile, monkeypatch, module, shape, way):
    credentials = dict(zip(VARIABLES, SHAPES[shape], strict=True))
    if way != "options":
        for option, name in VARIABLES.items():
            monkeypatch.setenv(name, credentials[option])
    given = {"options": credentials, "environment": {}, "blank options": dict.fromkeys(VARIABLES, " ")}[way]
    options = {**hostile.tasks[module], **given, "_ansible_diff": True}
    if "inject_invocation" in PASS_VARS:  # older releases always return the arguments
        options["_ansible_inject_invocation"] = True
    output, log = run_module(module, options)
    result = json.loads(output)
    if module in WRITTEN:
        assert [change["action"] for change in result["changes"]] == WRITTEN[module]
        assert result["diff"]["before"]
    # Options are logged before the environment is read.
    logs = log if way == "options" or not any(each in str(hostile.task) for each in SHAPES[shape]) else ""
    for words in (output, json.dumps(result, ensure_ascii=False), logs, *texts(result)):
        assert [spelling for spelling in spellings(*SHAPES[shape]) if spelling in words] == []


@pytest.mark.parametrize("option", VARIABLES)
def test_credential_that_is_no_text_is_rejected_by_the_api_and_not_shown(simulator, monkeypatch, option):
    credentials = dict(zip(VARIABLES, (simulator.key, simulator.secret), strict=True))
    monkeypatch.setenv(VARIABLES[option], os.fsdecode(b"hush\xff\xfe"))
    options = {"api_url": simulator.url, "organization_id": simulator.organization_id, **credentials, option: ""}
    output, _log = run_module("invitation_info", options)
    result = json.loads(output)
    assert result["error"]["status"] == 401
    assert f"from the environment variable {VARIABLES[option]}" in result["msg"]
    assert "hush" not in output


def texts(value):
    """All texts of a parsed result."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [str(value)]
