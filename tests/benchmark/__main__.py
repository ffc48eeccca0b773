# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every comparison and print the ratios: ``python -m benchmark``. The chart is written below build/."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from simulator import Simulator

from benchmark.contests import Contestant, Ways, cheapest, fastest

mpl.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW_PEOPLE = (10, 50, 200)
KNOWN_PEOPLE = (100, 1000, 5000, 20000, 40000)
MEMBERS = (50, 1000, 5000, 20000, 40000)
UPDATES = 50
CHART = Path(__file__).resolve().parents[2] / "build" / "benchmark.png"

# The least that there can be: what a module does with requests alone.
BARE = "bare module"

# The colour of this collection's modules in the chart.
OURS = "#d94"

Times = dict[str, float]


def people(count: int, kind: str = "person") -> list[str]:
    """Email addresses of so many people, the ones that the simulator seeds: invited persons, or members."""
    return [f"{kind}{number:05}@example.com" for number in range(1, count + 1)]


def show(
    title: str,
    times: Mapping[str, float],
    goals: Mapping[str, tuple[float, float]] | None = None,
    others: Mapping[str, float] | None = None,
) -> None:
    """Print times, beside each goal the ratio that was reached, and other ratios."""
    print(f"\n{title}")
    for name, seconds in times.items():
        print(f"  {name:42} {seconds:8.3f} s")
    for goal, (reached, wanted) in (goals or {}).items():
        print(f"  {goal:42} {reached:8.2f}    to reach: {wanted:g}")
    for name, ratio in (others or {}).items():
        print(f"  {name:42} {ratio:8.2f}")
    sys.stdout.flush()


def one_unchanged(simulator: Simulator, ways: Ways) -> Times:
    """One unchanged invitation and one unchanged member, beside the least that a task can do."""
    simulator.reset()
    simulator.invite("person00001@example.com", role="developer")
    simulator.add_member("person00002@example.com", role_names=["Developer"])
    contestants = [
        Contestant("ping", ways.ping()),
        Contestant("uri GET", ways.uri_get()),
        Contestant(BARE, ways.bare_module()),
        Contestant("invitation", ways.invitation("person00001@example.com")),
        Contestant("membership", ways.membership("person00002@example.com")),
    ]
    times = fastest(contestants, simulator.environment, turns=30)
    goals = {
        "invitation / ping": (times["invitation"] / times["ping"], 1.12),
        "invitation / uri GET": (times["invitation"] / times["uri GET"], 1.0),
        "membership / ping": (times["membership"] / times["ping"], 1.15),
    }
    others = {f"{BARE} / ping": times[BARE] / times["ping"]}
    show("One unchanged person", times, goals, others)
    return times


def new_people(simulator: Simulator, ways: Ways) -> dict[int, Times]:
    """A team that nobody has invited yet."""
    results = {}
    for count in NEW_PEOPLE:
        emails = people(count)
        contestants = [
            Contestant("ping", ways.ping(), runs=4),
            Contestant("invitations", ways.roster(emails), simulator.reset, runs=4),
            Contestant(BARE, ways.bare_module(emails), simulator.reset, runs=4),
            Contestant("clickhousectl, a loop in a shell", ways.command_line_loop(emails), simulator.reset, runs=2),
            Contestant("uri, a loop", ways.uri_loop(emails), simulator.reset),
            Contestant("invitation, a loop", ways.invitation_loop(emails), simulator.reset),
        ]
        results[count] = times = fastest(contestants, simulator.environment, turns=3 if count < max(NEW_PEOPLE) else 2)
        goals = {
            "uri, a loop / invitations": (times["uri, a loop"] / times["invitations"], 18.0),
            "invitations / ping": (times["invitations"] / times["ping"], 1.25),
        }
        others = {f"uri, a loop / {BARE}": times["uri, a loop"] / times[BARE]}
        show(f"{count} new people", times, goals if count == 50 else None, others)
    return results


def known_people(simulator: Simulator, ways: Ways) -> dict[int, float]:
    """A team that is invited already, in organizations of its size. With few people, the memory is Ansible's own."""

    def seed(count: int) -> None:
        simulator.reset()
        simulator.seed(count)

    contestants = [
        Contestant(str(count), ways.roster(people(count), role="Member"), partial(seed, count))
        for count in KNOWN_PEOPLE
    ]
    costs = cheapest(contestants, simulator.environment, turns=8)
    times = {count: costs[str(count)].seconds for count in KNOWN_PEOPLE}
    memory = {count: costs[str(count)].memory for count in KNOWN_PEOPLE}
    goals = {"5,000 people, seconds more than 100": (times[5000] - times[100], 0.5)}
    others = {"growth of time, linear is 1": growth(times), "growth of memory, linear is 1": growth(memory)}
    sizes = {f"{count:,} people, {memory[count]:.0f} MiB": times[count] for count in times}
    show("Known people", sizes, goals, others)
    return times


def known_members(simulator: Simulator, ways: Ways) -> dict[int, float]:
    """An unchanged access list, in organizations of its size; 50 people also by hand, and one after another."""

    def seed(count: int) -> None:
        simulator.reset()
        simulator.seed(0, members=count)

    contestants = [
        Contestant(str(count), ways.access_list(people(count, "member")), partial(seed, count), runs=2)
        for count in MEMBERS
    ]
    by_hand = [
        Contestant("uri, both lists", ways.uri_lists(), partial(seed, 50), runs=2),
        Contestant("membership, a loop", ways.membership_loop(people(50, "member"), "Member"), partial(seed, 50)),
    ]
    costs = cheapest([*contestants, *by_hand], simulator.environment, turns=3)
    times = {count: costs[str(count)].seconds for count in MEMBERS}
    sizes = {f"{count:,} people, {costs[str(count)].memory:.0f} MiB": times[count] for count in times}
    others = {f"{each.name} / memberships": costs[each.name].seconds / times[50] for each in by_hand}
    show("Unchanged members", sizes, others={"growth of time, linear is 1": growth(times), **others})
    return times


def role_updates(simulator: Simulator, ways: Ways) -> None:
    """New roles for 50 members."""

    def seed() -> None:
        simulator.reset()
        simulator.seed(0, members=UPDATES)

    seed()
    emails, ids = people(UPDATES, "member"), [member["userId"] for member in simulator.members]
    contestants = [
        Contestant("memberships", ways.access_list(emails, "Billing"), seed, runs=4),
        Contestant("uri, a loop", ways.uri_update_loop(ids, "Billing"), seed),
        Contestant("membership, a loop", ways.membership_loop(emails, "Billing"), seed),
    ]
    times = fastest(contestants, simulator.environment, turns=3)
    goals = {"uri, a loop / memberships": (times["uri, a loop"] / times["memberships"], 15.0)}
    show(f"New roles for {UPDATES} members", times, goals)


def growth(costs: Mapping[int, float]) -> float:
    """What one of the people 20,001 to 40,000 costs beside one of the people 5,001 to 20,000.

    As much, so that it is 1, where the cost is linear; where it is quadratic, 2.4 times as much.
    """
    return ((costs[40000] - costs[20000]) / 20000) / ((costs[20000] - costs[5000]) / 15000)


def under_a_limit(simulator: Simulator, ways: Ways) -> None:
    """60 new people at 10 requests a second."""
    reset = partial(simulator.reset, rate_limit="10/1", rate_limit_reset="exact")
    contestant = Contestant("invitations", ways.roster(people(60)), reset)
    seconds = fastest([contestant], simulator.environment, turns=3)["invitations"]
    show("60 new people under a limit of 10 a second", {"invitations": seconds}, {"/ 6.2 s": (seconds / 6.2, 1.2)})


def draw(one: Times, new: Mapping[int, Times], known: Mapping[int, float], members: Mapping[int, float]) -> None:
    """Write the chart."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    left.bar(list(one), [seconds / one["ping"] for seconds in one.values()], color=["#999", "#777", "#777", OURS, OURS])
    left.set(title="One unchanged person", ylabel="time, ping = 1")
    for name, color in zip(next(iter(new.values())), ("#999", OURS, "#a7c", "#5a5", "#48c", "#333")):
        middle.plot(list(new), [times[name] for times in new.values()], marker="o", color=color, label=name)
    middle.set(title="New people", xlabel="people", ylabel="seconds", xscale="log", yscale="log")
    middle.set_xticks(list(new), [f"{count}" for count in new])
    middle.minorticks_off()
    middle.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    right.plot(list(known), list(known.values()), marker="o", color=OURS, label="invitations")
    right.plot(list(members), list(members.values()), marker="s", color="#48c", label="memberships")
    right.legend()
    right.set(title="Unchanged people", xlabel="people", ylabel="seconds", ylim=0, xticks=range(0, 40001, 10000))
    CHART.parent.mkdir(exist_ok=True)
    figure.savefig(CHART, dpi=110)
    print(f"\nThe chart is {CHART}")


def main() -> None:
    """Run every comparison."""
    with Simulator(rate_limit="0") as simulator, tempfile.TemporaryDirectory() as folder:
        ways = Ways(simulator, Path(folder))
        one = one_unchanged(simulator, ways)
        new = new_people(simulator, ways)
        known = known_people(simulator, ways)
        members = known_members(simulator, ways)
        role_updates(simulator, ways)
        under_a_limit(simulator, ways)
    draw(one, new, known, members)


if __name__ == "__main__":
    main()
