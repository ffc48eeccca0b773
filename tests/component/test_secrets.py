# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the credentials look like, and whoever repeats them, no result, warning or line of a log holds them."""

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


@pytest.mark.parametrize("way", ["options", "environment", "blank options"])
@pytest.mark.parametrize("shape", SHAPES)
def test_they_are_masked(hostile, monkeypatch, shape, way):
    credentials = dict(zip(VARIABLES, SHAPES[shape], strict=True))
    if way != "options":
        for option, name in VARIABLES.items():
            monkeypatch.setenv(name, credentials[option])
    given = {"options": credentials, "environment": {}, "blank options": dict.fromkeys(VARIABLES, " ")}[way]
    options = {**hostile.task, **given, "_ansible_diff": True}
    if "inject_invocation" in PASS_VARS:  # older releases always return the arguments
        options["_ansible_inject_invocation"] = True
    output, log = run_module("invitations", options)
    result = json.loads(output)
    assert [change["action"] for change in result["changes"]] == ["deleted", "failed"]
    assert (len(result["diff"]), len(result["warnings"])) == (2, 1)
    # What the user wrote is logged before anything is looked for in the environment.
    logs = log if way == "options" or not any(each in str(hostile.task) for each in SHAPES[shape]) else ""
    for words in (output, json.dumps(result, ensure_ascii=False), logs, *texts(result)):
        assert [spelling for spelling in spellings(*SHAPES[shape]) if spelling in words] == []


@pytest.mark.parametrize("option", VARIABLES)
def test_what_is_no_text_is_for_the_api_to_refuse(simulator, monkeypatch, option):
    credentials = dict(zip(VARIABLES, (simulator.key, simulator.secret), strict=True))
    monkeypatch.setenv(VARIABLES[option], os.fsdecode(b"hush\xff\xfe"))
    options = {"api_url": simulator.url, "organization_id": simulator.organization_id, **credentials, option: ""}
    output, _log = run_module("invitation_info", options)
    result = json.loads(output)
    assert result["error"]["status"] == 401
    assert f"from the environment variable {VARIABLES[option]}" in result["msg"]
    assert "hush" not in output


def texts(value):
    """All texts of a result, as they are once it was read."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [str(value)]
