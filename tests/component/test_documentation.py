# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules document of themselves. That results are as documented, the harness checks in every run."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from component.documented import check_documented, returned, schema

ANN, BOB = "ann@example.com", "bob@example.com"
ROOT = Path(__file__).resolve().parents[2]
MODULES = ("invitation", "invitation_info", "invitations")
VALUES = [(module, name) for module in MODULES for name in returned(module)]


def fields(value):
    """The fields of a documented record, or of the records of a documented list."""
    return set(value.get("contains", ()))


def records(sample):
    return sample if isinstance(sample, list) else [sample]


def test_every_module_is_in_the_action_group_once():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert runtime["action_groups"]["all"] == sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
    assert tuple(runtime["action_groups"]["all"]) == MODULES


@pytest.mark.parametrize(("module", "name"), VALUES)
def test_a_sample_is_true(module, name):
    value = returned(module)[name]
    jsonschema.validate(value["sample"], schema(value))
    assert value["sample"] not in (None, [], {})
    if fields(value):
        for record in records(value["sample"]):
            assert set(record) in (fields(value), fields(value) - {"error"})


def test_every_documented_field_is_returned(run, simulator):
    simulator.add_member("eve@example.com", role_names=["Billing"])
    simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", skip=2)
    results = {
        "invitation": [run.present(ANN), run.present("eve@example.com"), run.present("not an address")],
        "invitations": [run.roster(BOB, "cat@example.com", "eve@example.com")],
        "invitation_info": [run.info(members=True), run.info(organization_id="nonsense")],
    }
    for module, told in results.items():
        for name, value in returned(module).items():
            found = [record for result in told for record in records(result.get(name)) if record is not None]
            assert found, (module, name)
            if fields(value):
                assert {field for record in found for field in record} == fields(value), (module, name)


def test_what_is_not_documented_is_noticed(run):
    result = run.info()
    for odd in ({"odd": 1}, {"invitations": {}}, {"api": {**result["api"], "odd": 1}}, {"members": []}):
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            check_documented("invitation_info", {}, {**result, **odd})
    del result["api"]
    with pytest.raises(AssertionError):
        check_documented("invitation_info", {}, result)
