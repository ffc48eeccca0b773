# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""On random organizations: the prediction of check mode comes true, and a second run changes nothing."""

from __future__ import annotations

import re
from collections import Counter

from component.harness import rejected_by_the_api, settle
from component.invariants import access, check_consistent
from component.strategies import organizations, tasks
from hypothesis import given
from hypothesis import strategies as st

FAILED_BEFORE_WRITING = (None, 403)


def predicted_part(result):
    """The part of a result that check mode must predict."""
    told = {key: result.get(key) for key in ("action", "changed", "diff", "summary", "members", "state")}
    changes = [(change["email"], change["action"]) for change in result.get("changes", ())]
    warnings = [each for each in result["warnings"] if "could not be verified" not in each]
    return {**told, "changes": changes, "warnings": [each for each in warnings if not each.startswith("Spent ")]}


@given(organization=organizations, task=tasks, resend=st.booleans())
def test_prediction_of_check_mode_comes_true(run, simulator, organization, task, resend):
    organization.build(simulator)
    run.clock.passed = 0.0
    options = task.options_in(simulator)
    if "purge" not in options:
        options["resend"] = resend
    before = simulator.state
    predicted = run(task.module, check=True, **options)
    real = run(task.module, **options)
    if predicted.get("failed"):
        assert predicted["error"]["status"] in FAILED_BEFORE_WRITING
        assert without_ids(real["msg"]) == without_ids(predicted["msg"])
        assert access(simulator.state) == access(before)
        assert simulator.emails == []
        return
    check_consistent(simulator, real, before, options)
    if not rejected_by_the_api(simulator):
        assert not real.get("failed"), real["msg"]
        assert predicted_part(real) == predicted_part(predicted)


@given(organization=organizations, task=tasks)
def test_second_run_changes_nothing_and_three_send_at_most_one_email(run, simulator, organization, task):
    organization.build(simulator)
    options = task.options_in(simulator)
    first = run(task.module, **options)
    settle(simulator, reads=20)
    later = [run(task.module, **options) for _run in range(2)]
    for result in later:
        assert result.get("failed") == first.get("failed")
        assert not result.get("changed")
    sent = Counter(email["email"].lower() for email in simulator.emails)
    assert all(number == 1 for number in sent.values())


def without_ids(msg):
    """A message without the IDs of requests, which differ."""
    return re.sub(r"request ID [0-9a-f-]+", "request ID", msg)
