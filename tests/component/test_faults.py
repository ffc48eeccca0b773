# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix: every fault at every call of every module.

For each: the outcome, what the server holds in the end, how many emails went out, and that a run without the fault
does what is left to do, and one after that nothing.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
from component.harness import assert_no_email_twice
from component.honesty import check_honest, ids
from simulator.faults import BODIES

ANN, BOB, CAT, DAN = (f"{name}@example.com" for name in ("ann", "bob", "cat", "dan"))
INVITATION_ID = "the ID of Ann's invitation"

ORGANIZATIONS, ROLES, MEMBERS = "list_organizations", "list_roles", "list_members"
LIST, GET, CREATE, DELETE = "list_invitations", "get_invitation", "create_invitation", "delete_invitation"


class Task(NamedTuple):
    """A task, what is there before, and what comes of it if nothing fails."""

    module: str
    options: dict[str, Any]
    calls: list[str]
    actions: dict[str, str]
    emails: list[str]
    there: dict[str, dict[str, Any]]


TASKS = {
    "present": Task(
        "invitation",
        {"email": ANN, "roles": ["Billing"], "organization_id": ...},
        [ORGANIZATIONS, ROLES, LIST, MEMBERS, CREATE],
        {ANN: "created"},
        [ANN],
        {},
    ),
    "absent": Task(
        "invitation",
        {"email": ANN, "state": "absent"},
        [LIST, DELETE],
        {ANN: "deleted"},
        [],
        {ANN: {"role": "admin"}},
    ),
    "absent by ID": Task(
        "invitation",
        {"invitation_id": INVITATION_ID, "state": "absent"},
        [GET, DELETE],
        {ANN: "deleted"},
        [],
        {ANN: {"role": "admin"}},
    ),
    "replace": Task(
        "invitation",
        {"email": ANN, "roles": ["Billing"]},
        [ROLES, LIST, DELETE, CREATE],
        {ANN: "replaced"},
        [ANN],
        {ANN: {"role": "admin"}},
    ),
    "replace by the older role": Task(
        "invitation",
        {"email": ANN, "role": "developer"},
        [LIST, ROLES, DELETE, CREATE],
        {ANN: "replaced"},
        [ANN],
        {ANN: {"role": "admin"}},
    ),
    "renew": Task(
        "invitation",
        {"email": ANN, "role": "admin"},
        [LIST, MEMBERS, DELETE, CREATE],
        {ANN: "renewed"},
        [ANN],
        {ANN: {"role": "admin", "expired": True}},
    ),
    "renew ahead": Task(
        "invitation",
        {"email": ANN, "role": "admin", "renew_before": "2d"},
        [LIST, DELETE, CREATE],
        {ANN: "renewed"},
        [ANN],
        {ANN: {"role": "admin", "expires_in": 24 * 3600.0}},
    ),
    "roster": Task(
        "invitations",
        {
            "invitations": [{"email": ANN}, {"email": BOB, "roles": ["Member"]}, {"email": CAT}],
            "roles": ["Billing"],
            "purge": True,
            "organization_id": ...,
        },
        [ORGANIZATIONS, ROLES, LIST, MEMBERS, DELETE, CREATE],
        {ANN: "created", BOB: "replaced", CAT: "created", DAN: "deleted"},
        [ANN, BOB, CAT],
        {BOB: {"role": "admin"}, DAN: {"role": "developer"}},
    ),
    "roster absent": Task(
        "invitations",
        {"emails": [ANN, BOB], "state": "absent"},
        [LIST, DELETE],
        {ANN: "deleted", BOB: "deleted"},
        [],
        {ANN: {"role": "admin"}, BOB: {"role": "admin"}},
    ),
    "list": Task("invitation_info", {"members": True}, [LIST, MEMBERS], {}, [], {ANN: {"role": "admin"}}),
    "get": Task(
        "invitation_info",
        {"invitation_id": INVITATION_ID, "organization_id": ...},
        [ORGANIZATIONS, GET],
        {},
        [],
        {ANN: {"role": "admin"}},
    ),
}

OK, FAILS = "ok", "fails"


class Fault(NamedTuple):
    """A fault and what becomes of a task when it happens once: ``OK`` if the task gets round it.

    None: not tried, since there the answer is one that has to be believed.
    """

    kind: str
    parameters: dict[str, Any]
    read: str | None
    create: str | None
    delete: str | None
    slow: bool = False

    @property
    def applied(self) -> bool:
        """Whether a write may have been carried out although the answer went wrong."""
        return bool(self.parameters.get("applied")) or self.kind in (
            "late",
            "delay",
            "drip_headers",
            "drip_body",
            "body",
        )


def applied_or_not(name, kind, parameters, read, create, delete, slow=False):
    """The two faults of a kind: the call arrives and its answer goes wrong, or it does not arrive.

    Of ``create`` and ``delete``, each has the outcomes of both.
    """
    return {
        f"{name}, applied": Fault(kind, {**parameters, "applied": True}, read, create[0], delete[0], slow),
        name: Fault(kind, {**parameters, "applied": False}, read, create[1], delete[1], slow),
    }


REFUSALS = (400, 409, 418, 424)


def is_envelope(body):
    """Whether an answer looks like one of ClickHouse Cloud's, and tells of no error: all that a DELETE answers."""
    return body is None or (b"requestId" in body and b"error" not in body)


# A body that is valid as a list. Whether nobody is invited, or the server lies, nobody can tell.
BELIEVABLE = {"result_list", "bom", "utf16"}

FAULTS = {
    # What passes is waited for.
    **{
        name: fault
        for status, body in ((500, "envelope"), (502, "html"), (503, "empty"), (504, "html"))
        for name, fault in applied_or_not(
            str(status), "status", {"status": status, "body": body}, OK, (OK, OK), (OK, OK)
        ).items()
    },
    **{
        f"429, {headers or 'no headers'}": Fault("rate_limited", {"headers": headers}, OK, OK, OK)
        for headers in (
            {},
            {"X-RateLimit-Reset": "1"},
            {"X-RateLimit-Reset": "0"},
            {"X-RateLimit-Reset": "2.5"},
            {"X-RateLimit-Reset": "-3"},
            {"X-RateLimit-Reset": "soon"},
            {"X-RateLimit-Reset": "inf"},
            {"X-RateLimit-Reset": "nan"},
            {"X-RateLimit-Reset": ""},
            {"Retry-After": "2"},
            {"Retry-After": "Mon, 23 Nov 2026 12:00:00 GMT"},
            {"Retry-After": "Thu, 99 Nov 2026 99:99:99 GMT", "X-RateLimit-Reset": "1"},
        )
    },
    "429, html": Fault("rate_limited", {"body": "html"}, OK, OK, OK),
    "429 for too long": Fault("rate_limited", {"headers": {"X-RateLimit-Reset": "86400"}}, FAILS, FAILS, FAILS),
    **applied_or_not("end", "disconnect", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("reset", "disconnect", {"reset": True}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut", "cut", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut in the headers", "cut_headers", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut by a reset", "cut", {"reset": True}, OK, (OK, OK), (OK, OK)),
    **{
        f"late by {reads} lists, {answer}": Fault("late", {"reads": reads, "answer": answer}, None, OK, OK)
        for reads in (1, 3)
        for answer in ("lost", 502)
    },
    # What takes too long is given up and tried again.
    "delay": Fault("delay", {"seconds": 60.0}, OK, OK, OK, slow=True),
    "dripping headers": Fault("drip_headers", {"interval": 0.02}, OK, OK, OK, slow=True),
    "dripping body": Fault("drip_body", {"interval": 0.02}, OK, OK, OK, slow=True),
    **applied_or_not("interim answers", "interim", {}, OK, (OK, OK), (OK, OK), slow=True),
    **applied_or_not("endless", "endless", {"rate": 1_000_000}, OK, (OK, OK), (OK, OK), slow=True),
    # What is refused stays so, unless what was asked for turns out to be there.
    **{
        name: fault
        for status in REFUSALS
        for name, fault in applied_or_not(
            str(status), "status", {"status": status, "body": "envelope"}, FAILS, (OK, FAILS), (OK, FAILS)
        ).items()
    },
    "401": Fault("status", {"status": 401, "body": "envelope"}, FAILS, FAILS, FAILS),
    "403": Fault("status", {"status": 403, "body": "envelope"}, FAILS, FAILS, FAILS),
    "404": Fault("status", {"status": 404, "body": "envelope"}, FAILS, FAILS, None),
    # Nonsense is never taken for an answer; what a write has done is looked up.
    **{
        name: fault
        for status in (301, 302, 307, 308)
        for name, fault in applied_or_not(
            f"redirect {status}", "redirect", {"status": status}, FAILS, (OK, FAILS), (OK, FAILS)
        ).items()
    },
    **{
        name: fault
        for status in (299, 505, 600, 999)
        for name, fault in applied_or_not(
            f"unknown status {status}",
            "status",
            {"status": status},
            FAILS,
            (OK, FAILS),
            (OK, FAILS),
        ).items()
    },
    **applied_or_not("204", "no_content", {}, FAILS, (OK, FAILS), (OK, FAILS)),
    **applied_or_not("cut JSON", "cut_json", {}, FAILS, (OK, FAILS), (OK, FAILS)),
    **{
        f"body {content}": Fault(
            "body",
            {"content": content},
            None if content in BELIEVABLE else FAILS,
            OK,
            OK,
        )
        for content in BODIES
    },
    **{
        f"body {content}, not applied": Fault(
            "body",
            {"content": content, "applied": False},
            None,
            FAILS,
            None if is_envelope(body) else FAILS,
        )
        for content, body in BODIES.items()
    },
    "a status as list": Fault("body", {"content": b'{"status": [], "result": {}}'}, FAILS, OK, OK),
    "odd records": Fault("odd_records", {}, OK, None, None),
}


def outcome_of(task, call, fault):
    """What becomes of a task when the fault happens once at this call."""
    refused = fault.parameters.get("status") in (*REFUSALS, 404)
    (there,) = task.there.values() if task.module == "invitation" and task.emails and task.there else (None,)
    if call == CREATE and there and not there.get("expired"):
        # Where something live has made room, the API is asked once more, and to put it back may be what is wished for.
        same = "renew_before" in task.options
        renewed = same and (fault.kind == "rate_limited" or fault.parameters.get("status") in (401, 403))
        return OK if refused or renewed else fault.create
    if call == CREATE:
        return fault.create
    if call == DELETE:
        # What has expired is in nobody's way.
        return OK if refused and there and there.get("expired") and fault.delete else fault.delete
    special = {
        # What is not found by its ID is looked for in the list; who may not list members can invite all the same.
        (400, GET): OK,
        (404, GET): OK,
        (403, MEMBERS): FAILS if task.module == "invitation_info" else OK,
        # Odd records among good ones are stepped over, but alone they are no list.
        ("odd_records", ORGANIZATIONS): FAILS,
        ("odd_records", GET): None,
        ("odd_records", LIST): OK if task.there else FAILS,
        # Where nothing is, nothing is mistyped.
        ("mistyped", LIST): FAILS if task.there else None,
        ("mistyped", MEMBERS): None,
    }
    detail = fault.parameters.get("content") or fault.parameters.get("status") or fault.kind
    return special.get((detail, call), fault.read)


ALL_CELLS = [
    (task_name, call, fault_name)
    for task_name, task in TASKS.items()
    for call in task.calls
    for fault_name, fault in FAULTS.items()
    if outcome_of(task, call, fault)
]


def pairwise(cells):
    """A selection of the cells that has every pair of a task, a call and a fault at least once."""
    chosen, covered = set(), set()
    for new_pairs in (3, 2, 1):
        for cell in cells:
            pairs = set(itertools.combinations(cell, 2))
            if len(pairs - covered) >= new_pairs:
                chosen.add(cell)
                covered |= pairs
    return chosen


PAIRWISE = pairwise(ALL_CELLS)
CELLS = [
    pytest.param(
        TASKS[task],
        call,
        FAULTS[fault],
        id=f"{task}-{call}-{fault}",
        marks=[] if (task, call, fault) in PAIRWISE else [pytest.mark.extra],
    )
    for task, call, fault in ALL_CELLS
]


def prepare(simulator, task):
    """Set up what is there before a task, and complete its options."""
    for email, invitation in task.there.items():
        simulator.invite(email, **invitation)
    if task.options.get("invitation_id") != INVITATION_ID:
        return task.options
    return {**task.options, "invitation_id": simulator.invitations[0]["id"]}


def actions_of(task, result):
    """The action for each person for whom something was done."""
    if task.module == "invitation":
        return {ANN: result.get("action", "failed")}
    if task.module == "invitation_info":
        return {}
    return {change["email"]: change["action"] for change in result.get("changes", ())}


def finish(run, simulator, task, options):
    """Without faults the rest is done, and after that there is nothing left to do."""
    for _time in range(4):
        simulator.cloud.list_invitations()  # a late write happens
    before = simulator.state
    result = run(task.module, **options)
    assert "failed" not in result, result
    check_honest(simulator, result, before, ANN)
    again = run(task.module, **options)
    assert not again["changed"]
    assert "failed" not in again


@pytest.mark.parametrize(("task", "call", "fault"), CELLS)
def test_a_fault_at_a_call(run, simulator, task, call, fault):
    options = prepare(simulator, task)
    before = simulator.state
    simulator.order_fault(fault.kind, operation=call, **fault.parameters)
    result = run(task.module, **options, api_timeout=0.1 if fault.slow else 30)
    assert simulator.waiting_faults == []

    refused = fault.parameters.get("status") in REFUSALS and call in (CREATE, DELETE)
    if outcome_of(task, call, fault) == OK:
        assert "failed" not in result, result["msg"]
        for email, action in actions_of(task, result).items():
            # What was carried out although it was refused may as well be somebody else's doing.
            assert action == task.actions[email] or (refused and action in ("unchanged", "absent"))
        assert [email["email"] for email in simulator.emails] == task.emails
    else:
        assert result["failed"]
        assert result["error"]["method"] == {CREATE: "POST", DELETE: "DELETE"}.get(call, "GET")
        assert result["error"]["path"].startswith("/v1/organizations")
        if call not in (CREATE, DELETE):
            assert simulator.emails == []
            assert ids(simulator.state) == ids(before)
            return
    if task.module != "invitation_info" and not refused:
        check_honest(simulator, result, before, ANN)
    if call in (CREATE, DELETE):
        finish(run, simulator, task, options)
        assert_no_email_twice(simulator)


OUTAGES = {
    name: FAULTS[name]
    for name in (
        "503",
        "503, applied",
        "end",
        "end, applied",
        "cut, applied",
        "cut JSON, applied",
        "401",
        "429, no headers",
    )
}
WRITING_TASKS = {name: task for name, task in TASKS.items() if task.module != "invitation_info"}


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("task", WRITING_TASKS.values(), ids=WRITING_TASKS)
def test_everything_fails_from_some_call_on(run, simulator, task, fault):
    """Wherever the API goes down, the result is true, and the next run does the rest without a second email."""
    for calls_before in range(20):
        simulator.reset()
        options = prepare(simulator, task)
        before = simulator.state
        simulator.order_fault(fault.kind, times=None, skip=calls_before, **fault.parameters)
        result = run(task.module, **options, api_retry_timeout=20)
        reached = len(simulator.requests) > calls_before
        assert result.get("failed", False) == reached
        assert len(simulator.requests) < calls_before + 40
        simulator.faults.forget()
        check_honest(simulator, result, before, ANN)
        if not result.get("failed"):
            assert actions_of(task, result) == task.actions
            break
        assert result["error"]["path"].startswith("/v1/organizations")
        finish(run, simulator, task, options)
        assert_no_email_twice(simulator)
    else:
        pytest.fail("The task never got through.")
