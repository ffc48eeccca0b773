# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, proxies and parallel jobs in real Ansible runs. Their rules are in unit tests of the client."""

from __future__ import annotations

import contextlib
import json

import pytest
import trustme
from e2e.runs import play, started
from simulator import Simulator

# requests decides what these try, whatever ansible-core it runs under.
pytestmark = pytest.mark.extra

INFO = "clickhouse.cloud.invitation_info"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def simulator(certificate):
    with Simulator(tls=(certificate, None), rate_limit="0") as simulator:
        yield simulator


@pytest.fixture
def bundle(authority, tmp_path):
    """The bundle of the CA that issued the simulator's certificate."""
    authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
    return str(tmp_path / "bundle.pem")


@pytest.fixture
def messages_of(simulator, tmp_path):
    """Run one task for each case in one play: its options and its environment. Returns messages, None for a success."""

    def messages_of(cases):
        common = {
            "api_key": simulator.key,
            "api_secret": simulator.secret,
            "api_url": simulator.url,
            "organization_id": simulator.organization_id,
            "api_retry_timeout": 0.1,
        }
        tasks = [
            {"name": name, INFO: {**common, **options}, "environment": environment}
            for name, (options, environment) in cases.items()
        ]
        results, output = play(tmp_path, tasks)
        for hidden in (simulator.key, simulator.secret, "pass-through"):
            assert hidden not in output
            assert hidden not in json.dumps(results)
        return {name: result["msg"] if result["failed"] else None for name, result in zip(cases, results, strict=True)}

    return messages_of


def test_trust_is_decided_by_options_then_by_the_environment(simulator, messages_of, bundle, tmp_path):
    other = str(tmp_path / "other.pem")
    trustme.CA().cert_pem.write_to_path(other)
    trusted = {
        "ca_path over a variable": ({"ca_path": bundle}, {"REQUESTS_CA_BUNDLE": other}),
        "validate_certs over ca_path": ({"validate_certs": False, "ca_path": other}, {}),
        "variable if ca_path is empty": ({"ca_path": ""}, {"REQUESTS_CA_BUNDLE": bundle}),
    }
    untrusted = {
        "nothing": ({}, {}),
        "other ca_path over a variable": ({"ca_path": other}, {"REQUESTS_CA_BUNDLE": bundle}),
    }
    messages = messages_of({**trusted, **untrusted})
    assert {name: messages[name] for name in trusted} == dict.fromkeys(trusted)
    assert len(simulator.requests) == len(trusted)
    for name in untrusted:
        assert f"the certificate of {simulator.url.removeprefix('https://')} is not trusted (" in messages[name]
    assert "no CA that this host trusts issued it" in messages["nothing"]
    assert f"no CA in ca_path ({other}) issued it" in messages["other ca_path over a variable"]


def test_parallel_jobs_on_one_key_all_succeed(tmp_path):
    jobs = {
        "alice": ("clickhouse.cloud.invitation", {"email": "alice@example.com", "roles": ["Developer"]}),
        "bob": ("clickhouse.cloud.invitation", {"email": "bob@example.com", "role": "developer"}),
        "roster": (
            "clickhouse.cloud.invitations",
            {"emails": ["carol@example.com", "dave@example.com"], "roles": ["Billing"]},
        ),
        "info": (INFO, {"members": True}),
    }
    with Simulator(rate_limit="5/2") as simulator, contextlib.ExitStack() as processes:
        running = {}
        for name, (module, options) in jobs.items():
            folder = tmp_path / name
            folder.mkdir()
            command = ["ansible", "localhost", "-m", module, "-a", json.dumps(options)]
            running[name] = processes.enter_context(started(folder, command, simulator.environment))
        output = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
        assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(jobs, 0), output
        people = [f"{name}@example.com" for name in ("alice", "bob", "carol", "dave")]
        assert sorted(email["email"] for email in simulator.emails) == people
        assert 429 in [request["status"] for request in simulator.requests]
