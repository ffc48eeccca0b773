# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import requests
from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from ansible.module_utils.common.parameters import PASS_VARS
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client, _module
from ansible_collections.clickhouse.cloud.plugins.module_utils._api import CloudApi
from ansible_collections.clickhouse.cloud.plugins.module_utils._client import Client
from clock import Clock

from .records import KEY, NOW, ORGANIZATION, SECRET, SETTINGS
from .scripted import Api

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core < 2.19

    @contextlib.contextmanager
    def patch_module_args(args):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode())
            yield


@pytest.fixture(autouse=True)
def as_on_a_host(monkeypatch):
    """Modules warn as on a host, although tests of filters load what only a controller has."""
    with contextlib.suppress(ImportError):  # ansible-core < 2.18
        internal = importlib.import_module("ansible.module_utils._internal")
        monkeypatch.setattr(internal, "is_controller", False, raising=False)


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


def _text_of(warning):
    """The text of a warning, which ansible-core >= 2.19 returns as an event."""
    return warning if isinstance(warning, str) else warning["event"]["msg"]


class Runner:
    """Runs a module as Ansible does, and returns what it prints, less the arguments it was given."""

    def __init__(self, capsys):
        self.capsys = capsys
        self.printed = ""

    def __call__(self, module, options, *, check_mode=False, diff=False, no_log=False):
        warnings._global_warnings.clear()
        arguments = {**options, "_ansible_check_mode": check_mode, "_ansible_diff": diff, "_ansible_no_log": no_log}
        if "inject_invocation" in PASS_VARS:  # older releases always return the arguments
            arguments["_ansible_inject_invocation"] = True
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            module.main()
        self.printed = self.capsys.readouterr().out
        result = json.loads(self.printed)
        assert ended.value.code == (1 if result.get("failed") else 0)
        result.pop("invocation", None)
        if "warnings" in result:
            result["warnings"] = [_text_of(warning) for warning in result["warnings"]]
        return result


@pytest.fixture
def freeze(monkeypatch):
    """What stands in for gc.freeze: this process lives on, and its garbage is to be collected."""
    freeze = Mock()
    monkeypatch.setattr(gc, "freeze", freeze)
    return freeze


@pytest.fixture
def run(api, capsys, freeze):  # noqa: ARG001
    return Runner(capsys)


@pytest.fixture
def credentials():
    return {"api_key": KEY, "api_secret": SECRET, "organization_id": ORGANIZATION}
