# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""On random organizations: what check mode predicts comes true, and doing it again changes nothing."""

from __future__ import annotations

from collections import Counter

from component.harness import refused_by_the_server
from component.honesty import check_honest
from component.worlds import wishes, worlds
from hypothesis import given


def predicted_part(result):
    """What check mode has to tell in advance."""
    told = {key: result.get(key) for key in ("action", "changed", "diff", "warnings", "summary", "members", "member")}
    changes = [(change["email"], change["action"]) for change in result.get("changes", ())]
    return {**told, "changes": changes}


@given(world=worlds, wish=wishes)
def test_check_mode_predicts_what_comes(run, simulator, world, wish):
    world.build(simulator)
    options = wish.options_in(simulator)
    before = simulator.state
    predicted = run(wish.module, check=True, **options)
    assert simulator.state["invitations"] == before["invitations"]
    assert simulator.emails == []

    real = run(wish.module, **options)
    if predicted.get("failed"):
        assert predicted["error"]["status"] is None  # a wish that contradicts itself
        assert (real["msg"], real["error"]) == (predicted["msg"], predicted["error"])
        assert simulator.emails == []
        return
    check_honest(simulator, real, before, options.get("email"))
    if not refused_by_the_server(simulator):
        assert not real.get("failed")
        assert predicted_part(real) == predicted_part(predicted)


@given(world=worlds, wish=wishes)
def test_three_runs_send_at_most_one_email_to_anybody(run, simulator, world, wish):
    world.build(simulator)
    options = wish.options_in(simulator)
    first, *later = (run(wish.module, **options) for _time in range(3))
    for result in later:
        assert result.get("failed") == first.get("failed")
        assert not result.get("changed")
    sent = Counter(email["email"].lower() for email in simulator.emails)
    assert all(number == 1 for number in sent.values())
