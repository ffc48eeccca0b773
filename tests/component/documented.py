# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's RETURN as a schema, to validate results."""

from __future__ import annotations

import functools
import importlib

import jsonschema
import yaml

MODULES = "ansible_collections.clickhouse.cloud.plugins.modules"
TYPES = {"bool": "boolean", "dict": "object", "float": "number", "int": "integer", "list": "array", "str": "string"}
# Values that every module of Ansible may return.
COMMON = {name: {} for name in ("changed", "deprecations", "exception", "failed", "invocation", "msg", "warnings")}


@functools.cache
def returned(module):
    """The RETURN of a module."""
    return yaml.safe_load(importlib.import_module(f"{MODULES}.{module}").RETURN)


def schema(value):
    """The JSON schema of a documented value. Texts and records may be null; other values only if documented so."""
    kinds = [TYPES[value["type"]]]
    if value["type"] in ("dict", "str") or "V(null)" in value["description"]:
        kinds.append("null")
    fields = {"type": kinds}
    inner = value.get("contains", {})
    record = {"properties": {name: schema(each) for name, each in inner.items()}, "additionalProperties": not inner}
    if value["type"] == "list":
        return {**fields, "items": {"type": TYPES[value["elements"]], **record}}
    return {**fields, **record} if value["type"] == "dict" else fields


@functools.cache
def validator(module):
    """A validator that accepts documented values only."""
    values = {name: schema(value) for name, value in returned(module).items()}
    return jsonschema.Draft202012Validator({"properties": {**COMMON, **values}, "additionalProperties": False})


def check_documented(module, options, result):
    """Check that a result has every documented value, under the documented condition, and nothing else."""
    validator(module).validate(result)
    failed = result.get("failed", False)
    conditions = {
        "always": True,
        "success": not failed,
        "failure": failed,
        "with C(--diff)": None if failed else True,
        "with O(members=true)": not failed and bool(options.get("members")),
        # A failure may have come earlier or later.
        "when the connection settings are valid": None if failed else True,
        "when the plan was made": None if failed else True,
    }
    for name, value in returned(module).items():
        expected = conditions[value["returned"]]
        assert expected is None or (name in result) == expected, name
