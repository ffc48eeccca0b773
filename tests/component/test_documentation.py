# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RETURN sections of the modules. The harness validates every result against them."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from cast import ALICE, BOB, DAVE
from component.documented import check_documented, returned, schema
from component.harness import CREATE, UPDATE

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "api_key_info",
    "invitation",
    "invitation_info",
    "invitations",
    "membership",
    "membership_info",
    "memberships",
    "role_info",
)
VALUES = [(module, name) for module in MODULES for name in returned(module)]


def fields(value):
    """The fields of a documented record, or of the records of a documented list."""
    return set(value.get("contains", ()))


def records(sample):
    return sample if isinstance(sample, list) else [sample]


def test_every_module_is_in_the_action_group():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert runtime["action_groups"]["all"] == sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
    assert tuple(runtime["action_groups"]["all"]) == MODULES


@pytest.mark.parametrize(("module", "name"), VALUES)
def test_sample_is_as_documented(module, name):
    value = returned(module)[name]
    jsonschema.validate(value["sample"], schema(value))
    assert value["sample"] not in (None, [], {})
    if fields(value):
        for record in records(value["sample"]):
            assert set(record) in (fields(value), fields(value) - {"error"})


@pytest.mark.parametrize("name", ["api", "diff", "invitation", "member"])
def test_value_of_several_modules_has_the_same_fields(name):
    documented = [returned(module)[name]["contains"] for module in MODULES if name in returned(module)]
    assert documented.count(documented[0]) == len(documented) > 1


def test_every_documented_field_is_returned(run, simulator):
    simulator.add_member(BOB, role_names=["Billing"])
    simulator.order_fault("status", operation=CREATE, status=400, body="envelope", skip=2)
    simulator.order_fault("status", operation=UPDATE, status=409, body="envelope", times=2)
    role, wrong = {"role": "developer"}, {"organization_id": "nonsense"}
    tasks = {
        "invitation": [{"email": ALICE, **role}, {"email": BOB, **role}, {"email": "not an address", **role}],
        "invitations": [{"emails": ["carol@example.com", DAVE, BOB], **role}],
        "invitation_info": [{"members": True}, wrong],
        "membership": [{"email": "fay@example.com", **role}, {"email": BOB, **role}],
        "memberships": [{"emails": ["gus@example.com", BOB], "role": "admin"}, {"emails": ["no"], **role}],
        "membership_info": [{}, wrong],
        "api_key_info": [{}, wrong],
        "role_info": [{}, wrong],
    }
    results = {module: [run(module, **options) for options in each] for module, each in tasks.items()}
    for module, told in results.items():
        for name, value in returned(module).items():
            found = [record for result in told for record in records(result.get(name)) if record is not None]
            assert found, (module, name)
            if fields(value):
                assert {field for record in found for field in record} == fields(value), (module, name)


def test_undocumented_value_is_an_error(run):
    result = run("invitation_info")
    for odd in ({"odd": 1}, {"invitations": {}}, {"api": {**result["api"], "odd": 1}}, {"members": []}):
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            check_documented("invitation_info", {}, {**result, **odd})
    del result["api"]
    with pytest.raises(AssertionError):
        check_documented("invitation_info", {}, result)
