# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix: a fault at a call of a task.

For each: the outcome, the access that the organization gives in the end, how many emails went out, and that a run
without the fault does the rest, and one after that nothing. By default each fault happens at a read and at each write,
and each call of each task meets the faults of ``USUAL``; ``extra`` has the full product.
"""

from __future__ import annotations

import gc
import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from cast import ALICE, BOB, CAROL, DAVE, EVE
from component.harness import (
    CREATE,
    DELETE,
    GET,
    KEYS,
    LIST,
    MEMBERS,
    ORGANIZATIONS,
    REMOVE,
    ROLES,
    UPDATE,
    assert_no_email_twice,
    settle,
)
from component.invariants import access, check_consistent
from simulator.faults import BODIES

# A short api_timeout can end a request while a socket is made or a finalizer runs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INVITATION_ID = "the ID of Alice's invitation"
METHODS = {CREATE: "POST", DELETE: "DELETE", UPDATE: "PATCH", REMOVE: "DELETE"}


@dataclass
class Task:
    """A task with its calls and, without a fault, its outcome, in an organization with these people."""

    module: str
    options: dict[str, Any]
    calls: list[str]
    actions: dict[str, str] = field(default_factory=dict)
    emails: list[str] = field(default_factory=list)
    invitations: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)

    @property
    def reads_only(self) -> bool:
        """Whether it writes nothing."""
        return self.module.endswith("_info")


ADMIN = {"role": "admin"}
TASKS = {
    "invitation, created": Task(
        "invitation",
        {"email": ALICE, "roles": ["Billing"], "organization_id": ...},
        [ORGANIZATIONS, LIST, ROLES, MEMBERS, CREATE],
        {ALICE: "created"},
        [ALICE],
    ),
    "invitation, deleted": Task(
        "invitation",
        {"email": ALICE, "state": "absent"},
        [LIST, DELETE],
        {ALICE: "deleted"},
        invitations={ALICE: ADMIN},
    ),
    "invitation, deleted by ID": Task(
        "invitation",
        {"invitation_id": INVITATION_ID, "state": "absent"},
        [GET, DELETE],
        {ALICE: "deleted"},
        invitations={ALICE: ADMIN},
    ),
    "invitation, replaced": Task(
        "invitation",
        {"email": ALICE, "roles": ["Billing"]},
        [LIST, ROLES, DELETE, CREATE],
        {ALICE: "replaced"},
        [ALICE],
        {ALICE: ADMIN},
    ),
    "invitation, renewed": Task(
        "invitation",
        {"email": ALICE, "role": "admin"},
        [LIST, MEMBERS, DELETE, CREATE],
        {ALICE: "renewed"},
        [ALICE],
        {ALICE: {"role": "admin", "expired": True}},
    ),
    "invitations, purged": Task(
        "invitations",
        {
            "invitations": [{"email": ALICE}, {"email": BOB, "roles": ["Member"]}, {"email": CAROL}],
            "roles": ["Billing"],
            "purge": True,
            "organization_id": ...,
        },
        [ORGANIZATIONS, LIST, ROLES, MEMBERS, DELETE, CREATE],
        {ALICE: "created", BOB: "replaced", CAROL: "created", DAVE: "deleted"},
        [ALICE, BOB, CAROL],
        {BOB: ADMIN, DAVE: {"role": "developer"}},
    ),
    "membership, updated": Task(
        "membership",
        {"email": ALICE, "roles": ["Billing"], "organization_id": ...},
        [ORGANIZATIONS, LIST, MEMBERS, ROLES, UPDATE],
        {ALICE: "updated"},
        members={ALICE: ["Member"]},
    ),
    "membership, removed": Task(
        "membership",
        {"email": ALICE, "state": "absent"},
        [LIST, MEMBERS, REMOVE, DELETE],
        {ALICE: "removed"},
        invitations={ALICE: ADMIN},
        members={ALICE: ["Member"]},
    ),
    "memberships, purged": Task(
        "memberships",
        {
            "memberships": [{"email": ALICE}, {"email": BOB, "role": "admin"}],
            "roles": ["Billing"],
            "purge": True,
            "purge_limit": "100%",
        },
        [LIST, MEMBERS, ROLES, CREATE, UPDATE, REMOVE, DELETE],
        {ALICE: "created", BOB: "updated", CAROL: "deleted", DAVE: "removed", EVE: "removed"},
        [ALICE],
        {CAROL: ADMIN},
        {BOB: ["Member"], DAVE: ["Member"], EVE: ["Admin"]},
    ),
    "invitation_info": Task("invitation_info", {"members": True}, [LIST, MEMBERS], invitations={ALICE: ADMIN}),
    "membership_info": Task(
        "membership_info", {}, [LIST, MEMBERS], invitations={ALICE: ADMIN}, members={BOB: ["Member"]}
    ),
    "role_info": Task("role_info", {}, [ROLES]),
    "api_key_info": Task("api_key_info", {}, [KEYS]),
}

OK, FAILS = "ok", "fails"


class Fault(NamedTuple):
    """A fault and the outcome of a task when it happens once: ``OK`` if the task succeeds all the same.

    ``create`` holds for updates, too, ``delete`` for invitations and members. None: not tried, since the response has
    to be believed. ``slow``: tried at few calls. ``alike``: one of many of a kind.
    """

    kind: str
    parameters: dict[str, Any]
    read: str | None
    create: str | None
    delete: str | None
    slow: bool = False
    alike: bool = False


def applied_or_not(name, kind, parameters, read, create, delete, slow=False):
    """The two faults of a kind: the call takes effect and its response goes wrong, or it does not arrive.

    ``create`` and ``delete`` have the outcomes of both.
    """
    return {
        f"{name}, applied": Fault(kind, {**parameters, "applied": True}, read, create[0], delete[0], slow),
        name: Fault(kind, {**parameters, "applied": False}, read, create[1], delete[1], slow),
    }


REJECTIONS = (400, 409, 418, 424)


def is_envelope(body):
    """Whether a response looks like ClickHouse Cloud's and has no error, which is all that a DELETE returns."""
    try:
        fields = {"requestId": "1"} if body is None else json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(fields, dict) or fields.get("error"):
        return False
    return "requestId" in fields or fields.get("status") == 200


# Bodies that stand for the others.
TRIED_AT_EVERY_WRITE = {"html", "empty", "object", "no_result", "mistyped"}

# Bodies that are valid as an empty list.
BELIEVABLE = {"result_list", "bom", "utf16"}

FAULTS = {
    # Transient.
    **{
        name: fault
        for status, body in (
            (408, "empty"),
            (500, "envelope"),
            (502, "html"),
            (503, "empty"),
            (504, "html"),
            (520, "html"),
        )
        for name, fault in applied_or_not(
            str(status), "status", {"status": status, "body": body}, OK, (OK, OK), (OK, OK)
        ).items()
    },
    "429": Fault("rate_limited", {"headers": {}}, OK, OK, OK),
    "429, a second": Fault("rate_limited", {"headers": {"X-RateLimit-Reset": "1"}}, OK, OK, OK),
    "429, html": Fault("rate_limited", {"body": "html"}, OK, OK, OK),
    "429 for too long": Fault("rate_limited", {"headers": {"X-RateLimit-Reset": "86400"}}, FAILS, FAILS, FAILS),
    **applied_or_not("end", "disconnect", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("reset", "disconnect", {"reset": True}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut", "cut", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut in the headers", "cut_headers", {}, OK, (OK, OK), (OK, OK)),
    **applied_or_not("cut by a reset", "cut", {"reset": True}, OK, (OK, OK), (OK, OK)),
    **{
        f"late by {reads} lists, {response}": Fault("late", {"reads": reads, "response": response}, None, OK, OK)
        for reads in (1, 3)
        for response in ("lost", 502)
    },
    # Slow: given up after api_timeout, and retried.
    "delay": Fault("delay", {"seconds": 60.0}, OK, OK, OK, slow=True),
    "dripping headers": Fault("drip_headers", {"interval": 0.02}, OK, OK, OK, slow=True),
    "dripping body": Fault("drip_body", {"interval": 0.02}, OK, OK, OK, slow=True),
    **applied_or_not("interim answers", "interim", {}, OK, (OK, OK), (OK, OK), slow=True),
    **applied_or_not("endless", "endless", {"rate": 1_000_000}, OK, (OK, OK), (OK, OK), slow=True),
    # Rejected, unless the recheck finds the desired state.
    **{
        name: fault
        for status in REJECTIONS
        for name, fault in applied_or_not(
            str(status), "status", {"status": status, "body": "envelope"}, FAILS, (OK, FAILS), (OK, FAILS)
        ).items()
    },
    "401": Fault("status", {"status": 401, "body": "envelope"}, FAILS, FAILS, FAILS),
    "403": Fault("status", {"status": 403, "body": "envelope"}, FAILS, FAILS, FAILS),
    "403 of a gateway": Fault("status", {"status": 403, "body": "html"}, FAILS, FAILS, FAILS),
    "404": Fault("status", {"status": 404, "body": "envelope"}, FAILS, FAILS, None),
    "404 of a gateway": Fault("status", {"status": 404, "body": "html"}, FAILS, FAILS, FAILS),
    # Ambiguous, but not transient.
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
            f"unknown status {status}", "status", {"status": status}, FAILS, (OK, FAILS), (OK, FAILS)
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
            alike=content not in TRIED_AT_EVERY_WRITE,
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
            alike=content not in TRIED_AT_EVERY_WRITE,
        )
        for content, body in BODIES.items()
    },
    "a status as list": Fault("body", {"content": b'{"status": [], "result": {}}'}, FAILS, OK, OK),
    "odd records": Fault("odd_records", {}, OK, None, None),
}


USUAL = ("503, applied", "403")


def outcome_of(task, call, fault):
    """The outcome of a task when the fault happens once at this call."""
    status = fault.parameters.get("status")
    # What a gateway says is not the API's.
    rejected = status in (*REJECTIONS, 403, 404) and fault.parameters["body"] == "envelope"
    replaced = task.invitations.get(ALICE) if task.module == "invitation" and task.emails else None
    if call == CREATE and replaced and not replaced.get("expired"):
        # A live invitation was revoked: the API is asked once more.
        return OK if rejected and status != 403 else fault.create
    if status == 400 and ((call == UPDATE and task.module == "memberships") or (call == CREATE and replaced)):
        # The ID of the role was rejected, and the legacy role is not.
        return OK
    if call in (CREATE, UPDATE):
        return fault.create
    if call in (DELETE, REMOVE):
        # An expired invitation blocks nobody.
        return OK if rejected and replaced and replaced.get("expired") and fault.delete else fault.delete
    special = {
        # An invitation that is not found by its ID is looked up in the list.
        (404, GET): OK,
        (403, MEMBERS): OK if task.module in ("invitation", "invitations") else FAILS,
        # Odd records among good ones are skipped, but alone they are no list.
        ("odd_records", ORGANIZATIONS): FAILS,
        ("odd_records", GET): None,
        ("odd_records", LIST): OK if task.invitations and not task.options.get("purge") else FAILS,
        ("odd_records", MEMBERS): FAILS if task.options.get("purge") else OK,
        # An empty list cannot be mistyped.
        ("mistyped", LIST): FAILS if task.invitations else None,
        ("mistyped", MEMBERS): FAILS if task.members else None,
    }
    if fault.parameters.get("body") == "html" and call != GET:
        # A gateway's rejection says nothing of what the key may do.
        return fault.read
    detail = fault.parameters.get("content") or status or fault.kind
    return special.get((detail, call), fault.read)


def cells():
    """The product of tasks, calls and faults; ``extra`` without a selection of them."""
    first_task = {call: name for name, task in reversed(TASKS.items()) for call in task.calls}
    reads, writes = [ORGANIZATIONS, ROLES, KEYS, LIST, MEMBERS, GET], list(METHODS)
    for number, (fault_name, fault) in enumerate(FAULTS.items()):
        a_read, a_write = reads[number % len(reads)], writes[number % len(writes)]
        tried_at = {a_read, a_write} if fault.alike or fault.slow else {a_read, *writes}
        for (task_name, task), call in ((each, call) for each in TASKS.items() for call in each[1].calls):
            if outcome_of(task, call, fault):
                selected = fault_name in USUAL or (call in tried_at and first_task[call] == task_name)
                marks = [] if selected else [pytest.mark.extra]
                yield pytest.param(task, call, fault, id=f"{task_name}-{call}-{fault_name}", marks=marks)


def prepare(simulator, task):
    """Set up the people of a task, and complete its options."""
    if "'role'" in str(task.options):
        simulator.configure(organization_era="custom_roles_available")
    for email, invitation in task.invitations.items():
        simulator.invite(email, **invitation)
    for email, roles in task.members.items():
        simulator.add_member(email, role_names=roles)
    if task.options.get("invitation_id") != INVITATION_ID:
        return task.options
    return {**task.options, "invitation_id": simulator.invitations[0]["id"]}


def actions_of(task, result):
    """The action for each person for whom something was done."""
    if "changes" in result:
        return {change["email"]: change["action"] for change in result["changes"]}
    return {ALICE: result.get("action", "failed")} if task.actions else {}


def finish(run, simulator, task, options):
    """Check that a run without faults does the rest, and one after that nothing."""
    settle(simulator)
    before = simulator.state
    result = run(task.module, **options)
    assert "failed" not in result, result
    check_consistent(simulator, result, before, {"email": ALICE, **options})
    again = run(task.module, **options)
    assert not again["changed"]
    assert "failed" not in again


@pytest.fixture
def no_garbage_collection():
    """At the end of a deep recursion, a finalizer of garbage from other tests could fail."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize(("task", "call", "fault"), list(cells()))
def test_fault_at_a_call(run, simulator, task, call, fault):
    options = prepare(simulator, task)
    before = simulator.state
    simulator.order_fault(fault.kind, operation=call, **fault.parameters)
    result = run(task.module, **options, api_timeout=0.1 if fault.slow else 30)
    assert simulator.waiting_faults == []

    rejected = fault.parameters.get("status") in REJECTIONS and call in METHODS
    if outcome_of(task, call, fault) == OK:
        assert "failed" not in result, result["msg"]
        for email, action in actions_of(task, result).items():
            # A call that took effect although it was rejected may as well be somebody else's.
            assert action == task.actions[email] or (rejected and action in ("unchanged", "absent", "deleted"))
        assert sorted(email["email"] for email in simulator.emails) == task.emails
    else:
        assert result["failed"]
        if fault.kind != "odd_records":
            assert result["error"]["method"] == METHODS.get(call, "GET")
            assert result["error"]["path"].startswith("/v1/organizations")
        if call not in METHODS:
            assert simulator.emails == []
            assert access(simulator.state) == access(before)
            return
    if not task.reads_only and not rejected:
        check_consistent(simulator, result, before, {"email": ALICE, **options})
    if call in METHODS:
        finish(run, simulator, task, options)
        assert_no_email_twice(simulator)


OUTAGES = ("503", "503, applied", "end", "end, applied", "cut, applied", "cut JSON, applied", "401", "429")
WRITING_TASKS = {name: task for name, task in TASKS.items() if not task.reads_only}


def outages():
    """The product of writing tasks and outages; ``extra`` but for one of each."""
    for number, (name, task) in enumerate(WRITING_TASKS.items()):
        for fault_name in OUTAGES:
            marks = [] if fault_name == OUTAGES[number % len(OUTAGES)] else [pytest.mark.extra]
            yield pytest.param(task, FAULTS[fault_name], id=f"{name}-{fault_name}", marks=marks)


@pytest.mark.parametrize(("task", "fault"), list(outages()))
def test_outage_from_some_call_on(run, simulator, task, fault):
    """Wherever the API goes down, the result is true, and the next run does the rest without a second email."""
    for calls_before in range(20):
        simulator.reset()
        options = prepare(simulator, task)
        before = simulator.state
        simulator.order_fault(fault.kind, times=None, skip=calls_before, **fault.parameters)
        result = run(task.module, **options, api_retry_timeout=20)
        reached = len(simulator.requests) > calls_before
        # An update that cannot be verified is a warning.
        assert result.get("failed", False) == reached or "could not be verified" in str(result["warnings"])
        assert len(simulator.requests) < calls_before + 40
        simulator.faults.forget()
        check_consistent(simulator, result, before, {"email": ALICE, **options})
        if not result.get("failed"):
            assert actions_of(task, result) == task.actions
            if not reached:
                break
        else:
            assert result["error"]["path"].startswith("/v1/organizations")
        finish(run, simulator, task, options)
        assert_no_email_twice(simulator)
    else:
        pytest.fail("The task never got through.")
