# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import requests
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client, _module
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Client
from clock import Clock
from runner import result_of, run_module

from .records import KEY, NOW, ORGANIZATION, SECRET, SETTINGS
from .scripted import Api


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No test sees the variables of the person who runs it."""
    for name in os.environ:
        if name.startswith("CLICKHOUSE") or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that waits for nobody, and jitter that takes the longest."""
    clock = Clock(NOW.timestamp())
    monkeypatch.setattr(_module, "time", clock)
    monkeypatch.setattr(_client, "random", SimpleNamespace(uniform=lambda _shortest, longest: longest))
    return clock


@pytest.fixture
def api(clock, monkeypatch):
    """The scripted API, in place of the wire. What a test expects has to come."""
    api = Api(clock)
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", api.send)
    yield api
    assert not api.script, "these calls did not come"


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture
def client_with(api, settings):
    """A client of the scripted API with other settings."""
    return lambda **changes: Client(settings._replace(**changes), api.clock)


@pytest.fixture
def client(client_with):
    return client_with()


@pytest.fixture
def cloud(client):
    return CloudApi(client, ORGANIZATION)


class Runner:
    """Runs a module. ``printed`` and ``logged`` are what it printed and logged last."""

    printed = logged = ""

    def __call__(self, module, options, *, check_mode=False, diff=False, no_log=False):
        modes = {"_ansible_check_mode": check_mode, "_ansible_diff": diff, "_ansible_no_log": no_log}
        self.printed, self.logged = run_module(module, {**options, **modes})
        return result_of(self.printed)


@pytest.fixture
def run(api):  # noqa: ARG001
    return Runner()


@pytest.fixture
def credentials():
    return {"api_key": KEY, "api_secret": SECRET, "organization_id": ORGANIZATION}
