# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random organizations, wishes and schedules of faults, with one writer whose lost writes settle in time.

What a result says is what the server holds. Nobody gets an email twice. The next run, without faults, does what is left
to do, and the one after that nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from component.harness import assert_no_email_twice, refused_by_the_server, settle
from component.honesty import check_honest
from component.worlds import wishes, worlds
from hypothesis import given
from hypothesis import strategies as st
from simulator.faults import BODIES, LISTS, OPERATIONS, WRITES


class Order(NamedTuple):
    """A fault that is to happen some time or other."""

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
# No bodies that have to be believed: an empty list of invitations, or the end of one that lives on.
bodies = st.sampled_from(sorted(set(BODIES) - {"result_list", "bom", "utf16"}))

faults = st.one_of(
    orders("status", status=st.sampled_from([500, 502, 503, 504]), applied=either),
    orders("status", status=st.sampled_from([400, 401, 403, 409, 424])),
    orders("rate_limited", headers=st.sampled_from([{}, {"X-RateLimit-Reset": "0"}, {"Retry-After": "7"}])),
    orders("disconnect", applied=either, reset=either),
    orders("cut", applied=either, reset=either),
    orders("cut_headers", applied=either),
    orders("cut_json", applied=either),
    orders("redirect", applied=either),
    orders("no_content", applied=either),
    orders("body", content=bodies),
    orders("body", ["create_invitation"], content=bodies, applied=st.just(False)),
    orders("odd_records", [None, *LISTS]),
    orders("late", [None, *WRITES], reads=st.integers(1, 2), response=st.sampled_from(["lost", 502, 504])),
    orders("delay", times=1, seconds=st.just(60.0)),
)


@given(world=worlds, wish=wishes, stale_reads=st.integers(0, 1), schedule=st.lists(faults, min_size=1, max_size=5))
def test_whatever_fails_and_when(run, simulator, world, wish, stale_reads, schedule):
    world.build(simulator)
    simulator.configure(stale_reads=stale_reads)
    options, email = wish.options_in(simulator), wish.options.get("email")
    for order in schedule:
        simulator.order_fault(
            order.kind, operation=order.operation, times=order.times, skip=order.skip, **order.parameters
        )
    before = simulator.state
    impatient = any(order.kind == "delay" for order in schedule)
    result = run(wish.module, **options, api_retry_timeout=30, api_timeout=0.2 if impatient else 30)
    check_honest(simulator, result, before, email)

    simulator.faults.forget()
    settle(simulator)
    before = simulator.state
    result = run(wish.module, **options)
    check_honest(simulator, result, before, email)
    if refused_by_the_server(simulator, since=len(before["requests"])) or contradicts_itself(result):
        return
    assert not result.get("failed"), result["msg"]

    settle(simulator)
    before = simulator.state
    again = run(wish.module, **options)
    assert not again.get("failed")
    assert not again["changed"]
    assert simulator.state["invitations"] == before["invitations"]
    assert_no_email_twice(simulator)


def contradicts_itself(result):
    """Whether it is the wish that failed, before anything was sent."""
    return result.get("failed") and result["error"]["method"] is None
