# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""On random organizations, with random faults and races: the result is true, and the next run does the rest."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from component.harness import CREATE, LIST, MEMBERS, assert_no_email_twice, rejected_by_the_api, settle
from component.invariants import access, check_consistent
from component.strategies import PEOPLE, organizations, tasks
from hypothesis import given
from hypothesis import strategies as st
from simulator.faults import ACTIONS, BODIES, LISTS, OPERATIONS, WRITES

# A short api_timeout can end a request while a socket is made or a finalizer runs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Order(NamedTuple):
    """A fault that is to happen at some call."""

    kind: str
    operation: str | None
    times: int
    skip: int
    parameters: dict[str, Any]


def orders(kind, operations=(None, *OPERATIONS), times=3, **parameters):
    """Orders of one kind of fault."""
    return st.builds(
        Order,
        st.just(kind),
        st.sampled_from(operations),
        st.integers(1, times),
        st.integers(0, 5),
        st.fixed_dictionaries(parameters),
    )


either = st.booleans()
# Without bodies that have to be believed: empty lists.
bodies = st.sampled_from(sorted(set(BODIES) - {"result_list", "bom", "utf16"}))
faults = st.one_of(
    orders("status", status=st.sampled_from([500, 502, 503, 504]), applied=either),
    orders("status", status=st.sampled_from([400, 401, 403, 409, 424]), body=st.just("envelope")),
    orders("rate_limited", headers=st.sampled_from([{}, {"X-RateLimit-Reset": "0"}, {"Retry-After": "7"}])),
    orders("disconnect", applied=either, reset=either),
    orders("cut", applied=either, reset=either),
    orders("cut_headers", applied=either),
    orders("cut_json", applied=either),
    orders("redirect", applied=either),
    orders("no_content", applied=either),
    orders("body", content=bodies),
    orders("body", [CREATE], content=bodies, applied=st.just(False)),
    orders("odd_records", [None, *LISTS]),
    orders("late", [None, *WRITES], reads=st.integers(1, 2), response=st.sampled_from(["lost", 502, 504])),
    orders("delay", times=1, seconds=st.just(60.0)),
)
races = orders(
    "race",
    [LIST, MEMBERS, *WRITES],
    action=st.sampled_from(sorted(ACTIONS)),
    email=st.sampled_from([None, *PEOPLE]),
    moment=st.sampled_from(["before", "after"]),
    role_names=st.sampled_from([["Admin"], ["Developer"], ["Billing", "Developer"]]),
).filter(lambda race: race.parameters["email"] or race.operation not in (LIST, MEMBERS))
# Seconds by which reads lag behind writes, and reads that are stale whatever the time.
stale = st.sampled_from([{}, {"stale_reads": 1}, {"read_lag": 0.5}, {"read_lag": 2.0}])


@given(organizations, tasks, stale, st.lists(faults, min_size=1, max_size=5))
def test_next_run_does_the_rest_after_any_faults(run, simulator, lagging, organization, task, settings, schedule):
    options = build(simulator, lagging, organization, task, settings)
    before = simulator.state
    result = run(task.module, **options, **disturb(simulator, schedule))
    check_consistent(simulator, result, before, options)
    if next_run_does_the_rest(run, simulator, task, options):
        assert_no_email_twice(simulator)


@given(organizations, tasks, stale, st.lists(st.one_of(races, races, faults), min_size=1, max_size=4))
def test_next_run_does_the_rest_after_faults_and_races(run, simulator, lagging, organization, task, settings, schedule):
    options = build(simulator, lagging, organization, task, settings)
    run(task.module, **options, **disturb(simulator, schedule))
    next_run_does_the_rest(run, simulator, task, options)


@given(organizations, tasks, either)
def test_prediction_of_check_mode_comes_true(run, simulator, lagging, organization, task, resend):
    options = build(simulator, lagging, organization, task, {})
    if "purge" not in options:
        options["resend"] = resend
    before = simulator.state
    predicted = run(task.module, check=True, **options)
    real = run(task.module, **options)
    if predicted.get("failed"):
        assert re.sub("request ID [0-9a-f-]+", "", real["msg"]) == re.sub("request ID [0-9a-f-]+", "", predicted["msg"])
        assert access(simulator.state) == access(before)
        assert simulator.emails == []
        return
    check_consistent(simulator, real, before, options)
    if not rejected_by_the_api(simulator):
        assert not real.get("failed"), real["msg"]
        assert predicted_part(real) == predicted_part(predicted)


def build(simulator, lagging, organization, task, settings):
    """Make the simulator this organization, and return the options of the task in it."""
    lagging(0)
    organization.build(simulator)
    simulator.configure(**settings)
    return task.options_in(simulator)


def disturb(simulator, schedule):
    """Order the faults of a schedule, and return options that do not wait for long."""
    for each in schedule:
        simulator.order_fault(each.kind, operation=each.operation, times=each.times, skip=each.skip, **each.parameters)
    impatient = any(each.kind == "delay" for each in schedule)
    return {"api_retry_timeout": 30, "api_timeout": 0.2 if impatient else 30}


def next_run_does_the_rest(run, simulator, task, options):
    """Check that a run without faults does the rest, and one after that nothing. False if the task is rejected."""
    simulator.faults.forget()
    settle(simulator, reads=20, clock=run.clock)
    before = simulator.state
    result = run(task.module, **options)
    check_consistent(simulator, result, before, options)
    refused = result.get("failed") and result["error"]["method"] is None
    if refused or rejected_by_the_api(simulator, since=len(before["requests"])):
        return False
    assert not result.get("failed"), result["msg"]

    settle(simulator, reads=20, clock=run.clock)
    before = simulator.state
    again = run(task.module, **options)
    assert not again.get("failed")
    assert not again["changed"]
    assert access(simulator.state) == access(before)
    return True


def predicted_part(result):
    """The part of a result that check mode must predict."""
    told = {key: result.get(key) for key in ("action", "changed", "diff", "summary", "members", "state")}
    changes = [(change["email"], change["action"]) for change in result.get("changes", ())]
    warnings = [each for each in result["warnings"] if "could not be verified" not in each and "Spent" not in each]
    return {**told, "changes": changes, "warnings": warnings}
