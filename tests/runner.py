# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whole modules in this process, as Ansible runs them."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
from typing import TYPE_CHECKING, Any
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from ansible.module_utils.common.parameters import PASS_VARS

if TYPE_CHECKING:
    from types import ModuleType

MODULES = "ansible_collections.clickhouse.cloud.plugins.modules"


def run_module(module: ModuleType | str, arguments: dict[str, Any]) -> tuple[str, str]:
    """Run a module, given itself or by its name; return what it prints, its arguments included, and what it logs."""
    if isinstance(module, str):
        module = importlib.import_module(f"{MODULES}.{module}")
    if "inject_invocation" in PASS_VARS:  # older releases of ansible-core always return the arguments
        arguments = {**arguments, "_ansible_inject_invocation": True}
    output, logged = io.StringIO(), []
    # Left by an earlier run in this process.
    warnings._global_warnings.clear()
    with (
        mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()),
        mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
        mock.patch.object(basic.AnsibleModule, "log", lambda _module, *parts, **_rest: logged.extend(parts)),
        # This process goes on, and its garbage is to be collected.
        mock.patch.object(gc, "freeze"),
        _as_on_a_host(),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    return output.getvalue(), str(logged)


def _as_on_a_host() -> contextlib.AbstractContextManager[object]:
    """Have modules warn as on a host, although tests of filters load what only a controller has."""
    try:
        internal = importlib.import_module("ansible.module_utils._internal")
    except ImportError:  # ansible-core < 2.18
        return contextlib.nullcontext()
    return mock.patch.object(internal, "is_controller", False, create=True)


def result_of(output: str) -> dict[str, Any]:
    """The result that a module printed, less its arguments, its warnings as texts."""
    result = json.loads(output)
    result.pop("invocation", None)
    if "warnings" in result:
        # ansible-core >= 2.19 returns events.
        texts = [each if isinstance(each, str) else each["event"]["msg"] for each in result["warnings"]]
        result["warnings"] = texts
    return result
