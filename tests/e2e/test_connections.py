# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""To whom the modules talk, through whom, whom they trust, and what others get to see."""

from __future__ import annotations

import contextlib
import json

import pytest
import trustme
from component.servers import Proxy, Recorder, token
from e2e.runs import play, started
from simulator import Simulator

# What they try, requests decides, whatever ansible-core it runs under.
pytestmark = pytest.mark.extra

INFO = "clickhouse.cloud.invitation_info"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
NO_CHECK = "name the CA bundle to trust in ca_path or, where that risk is understood, set validate_certs to false"


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
    """The one that the simulator's certificate is checked with."""
    authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
    return str(tmp_path / "bundle.pem")


@pytest.fixture
def try_all(simulator, tmp_path):
    """Run one task for each case in one play: its options and its environment. Returns the results."""

    def try_all(cases):
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
        results, _output = play(tmp_path, tasks)
        return dict(zip(cases, results, strict=True))

    return try_all


def outcomes(results):
    """Of each result the sentence of its failure, or None."""
    return {name: result["msg"] if result["failed"] else None for name, result in results.items()}


# --- whom they trust -------------------------------------------------------------------------------------------------


def test_the_options_decide_whom_to_trust(simulator, try_all, bundle, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    everywhere = dict.fromkeys(BUNDLES, bundle) | {"SSL_CERT_DIR": str(tmp_path)}
    elsewhere = dict.fromkeys(BUNDLES, str(other)) | {"SSL_CERT_DIR": "/nowhere"}
    trusted = {
        "ca_path": ({"ca_path": bundle}, {}),
        "ca_path over variables": ({"ca_path": bundle}, elsewhere),
        "ca_path over variables that name nothing": ({"ca_path": bundle}, dict.fromkeys(BUNDLES, "/nowhere")),
        "no validate_certs": ({"validate_certs": False}, {}),
        "no validate_certs over variables": ({"validate_certs": False}, elsewhere),
        "no validate_certs over ca_path": ({"validate_certs": False, "ca_path": str(other)}, elsewhere),
        "REQUESTS_CA_BUNDLE without options": ({}, {"REQUESTS_CA_BUNDLE": bundle}),
        "CURL_CA_BUNDLE with a blank ca_path": ({"ca_path": ""}, {"CURL_CA_BUNDLE": bundle}),
    }
    untrusted = {
        "nothing": ({}, {}),
        "blank ca_path": ({"ca_path": " "}, {}),
        "variables": ({}, elsewhere),
        "another ca_path over variables": ({"ca_path": str(other)}, everywhere),
    }
    host = simulator.url.removeprefix("https://")
    other_host = host.replace("127.0.0.1", "localhost")
    of_another_host = {other_host: ({"ca_path": bundle, "api_url": f"https://{other_host}"}, {})}
    said = outcomes(try_all({**trusted, **untrusted, **of_another_host}))
    assert {name: said[name] for name in trusted} == dict.fromkeys(trusted)
    for name in (*untrusted, *of_another_host):
        assert f"the certificate of {name if name == other_host else host} is not trusted (" in said[name]
        assert said[name].endswith(f"; {NO_CHECK}.")
    assert len(simulator.requests) == len(trusted)


def test_only_this_host_is_talked_to_without_encryption(simulator, try_all):
    with Recorder(lambda _request: (200, {"result": []})) as plain:
        port = plain.server_port
        here = [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")]
        away = [
            "http://api.example.com",
            "http://192.0.2.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
        ]
        hidden = ["https://me:hush-hush@127.0.0.1", "https://hush-hush@127.0.0.1", "http://me:hush-hush@127.0.0.1"]
        results = try_all({url: ({"api_url": url}, {}) for url in (*here, *away, *hidden)})
        said = outcomes(results)
        assert [said[url] for url in here] == [None] * len(here)
        assert len(plain.requests) == len(here)
    for url in away:
        assert said[url].startswith("api_url: plain http would show the key to the network and is only for the local")
    for url in hidden:
        assert said[url] == "api_url: it must not hold credentials; use api_key and api_secret."
        assert "hush-hush" not in json.dumps(results[url])
    assert simulator.requests == []


def test_redirects_are_not_followed(simulator, try_all, bundle):
    with Recorder(lambda _request: (200, {"result": []})) as elsewhere:
        places = {"elsewhere": elsewhere.url, "here": f"{simulator.url}/v1/organizations"}
        cases = {}
        for status in (301, 302, 303, 307, 308):
            for name, place in places.items():
                simulator.order_fault("redirect", location=place, status=status)
                cases[f"{status} {name}"] = ({"ca_path": bundle}, {})
        results = try_all(cases)
        assert elsewhere.requests == []
    assert [request["operation"] for request in simulator.requests] == ["list_invitations"] * len(cases)
    for name, result in results.items():
        assert result["error"]["status"] == int(name.split()[0])
        assert "the response is a redirect, which is not followed (" in result["msg"]


def test_no_netrc_replaces_the_key(simulator, try_all, bundle, tmp_path):
    lines = "default login {0} password {0}\nmachine 127.0.0.1 login {0} password {0}\n"
    (tmp_path / ".netrc").write_text(lines.format("home"))
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / "netrc").write_text(lines.format("variable"))
    (tmp_path / "netrc").chmod(0o600)
    with Recorder(lambda _request: (200, {"result": []})) as plain:
        encrypted = {"ca_path": bundle}
        results = try_all(
            {
                "home": (encrypted, {}),
                "variable": (encrypted, {"NETRC": str(tmp_path / "netrc")}),
                "home, plain": ({"api_url": plain.url}, {}),
                "variable, plain": ({"api_url": plain.url}, {"NETRC": str(tmp_path / "netrc")}),
            }
        )
    assert outcomes(results) == dict.fromkeys(results)
    assert [request.authorization for request in plain.requests] == [
        f"Basic {token(simulator.key, simulator.secret)}"
    ] * 2


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_proxies_tunnel_what_they_cannot_read(simulator, try_all, bundle):
    with Proxy() as proxy, Proxy("403 Forbidden") as wrong:
        trusting = {"ca_path": bundle}
        through = {
            name: (trusting, {name: f"http://{proxy.address}"})
            for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        }
        through |= {
            "without a scheme": (trusting, {"HTTPS_PROXY": proxy.address}),
            "with a user": (trusting, {"HTTPS_PROXY": f"http://me:pass-through@{proxy.address}"}),
            "not verified": ({"validate_certs": False}, {"HTTPS_PROXY": f"http://{proxy.address}"}),
            "HTTPS_PROXY over ALL_PROXY": (
                trusting,
                {"HTTPS_PROXY": f"http://{proxy.address}", "ALL_PROXY": f"http://{wrong.address}"},
            ),
            "NO_PROXY of others": (
                trusting,
                {"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": "127.0.0.2,example.com"},
            ),
        }
        past = {
            f"{name}={value}": (trusting, {"HTTPS_PROXY": f"http://{wrong.address}", name: value})
            for name, value in (("NO_PROXY", "127.0.0.1"), ("no_proxy", "example.com,127.0.0.0/8"), ("NO_PROXY", "*"))
        }
        results = try_all({**through, **past})
        assert outcomes(results) == dict.fromkeys(results)
        assert proxy.tunnels == [f"CONNECT {simulator.url.removeprefix('https://')}"] * len(through)
        assert wrong.tunnels == []
        assert proxy.received.count(b"Proxy-Authorization: Basic bWU6cGFzcy10aHJvdWdo") == 1
        for hidden in (simulator.key, simulator.secret, token(simulator.key, simulator.secret), "/v1/"):
            assert hidden.encode() not in proxy.received


def test_proxies_are_not_asked_for_what_is_not_encrypted(try_all):
    with Proxy() as proxy, Recorder(lambda _request: (200, {"result": []})) as plain:
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY")
        results = try_all({name: ({"api_url": plain.url}, {name: f"http://{proxy.address}"}) for name in names})
        assert outcomes(results) == dict.fromkeys(results)
        assert bytes(proxy.received) == b""
        assert len(plain.requests) == len(names)


def test_proxies_that_refuse_are_named(simulator, try_all, bundle):
    with Proxy("407 Proxy Authentication Required") as wary, Proxy("502 Bad Gateway") as broken:
        trusting = {"ca_path": bundle}
        refusals = {
            "407": (trusting, {"HTTPS_PROXY": f"http://me:pass-through@{wary.address}"}),
            "502": (trusting, {"ALL_PROXY": f"http://{broken.address}"}),
            "not there": (trusting, {"https_proxy": "http://127.0.0.1:1"}),
        }
        unusable = {"no port": (trusting, {"HTTPS_PROXY": "http://me:pass-through@127.0.0.1:99999"})}
        results = try_all({**refusals, **unusable})
        said = outcomes(results)
        assert "the address cannot be used (" in said["no port"]
        assert "; check api_url and any proxy on the way." in said["no port"]
        assert "pass-through" not in json.dumps(results)
        ends = {"407": ".", "502": "; tried", "not there": "; tried"}
        for name in refusals:
            assert "the proxy did not let the request through (" in said[name]
            assert f"; check the proxy variables where the module runs{ends[name]}" in said[name]
        assert "407 Proxy Authentication Required" in said["407"]
        assert "502 Bad Gateway" in said["502"]
        for hidden in (simulator.key, simulator.secret, token(simulator.key, simulator.secret)):
            assert hidden.encode() not in wary.received + broken.received
    assert simulator.requests == []


def test_the_certificate_behind_a_proxy_is_verified_too(simulator, try_all):
    with Proxy() as proxy:
        (result,) = try_all({"": ({}, {"HTTPS_PROXY": f"http://{proxy.address}"})}).values()
        assert "is not trusted (" in result["msg"]
        assert len(proxy.tunnels) == 1
    assert simulator.requests == []


# --- several at once -------------------------------------------------------------------------------------------------


def test_several_processes_on_one_key_all_get_through(tmp_path):
    jobs = {
        "ann": ("clickhouse.cloud.invitation", {"email": "ann@example.com", "roles": ["Developer"]}),
        "bob": ("clickhouse.cloud.invitation", {"email": "bob@example.com", "role": "developer"}),
        "roster": (
            "clickhouse.cloud.invitations",
            {"emails": ["cid@example.com", "dan@example.com"], "roles": ["Billing"]},
        ),
        "other roster": (
            "clickhouse.cloud.invitations",
            {"emails": ["eve@example.com", "fay@example.com"], "role": "admin"},
        ),
        "look": (INFO, {"members": True}),
    }
    with Simulator(rate_limit="5/2") as simulator, contextlib.ExitStack() as processes:
        running = {}
        for name, (module, options) in jobs.items():
            folder = tmp_path / name
            folder.mkdir()
            command = ["ansible", "localhost", "-m", module, "-a", json.dumps(options)]
            running[name] = processes.enter_context(started(folder, command, simulator.environment))
        said = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
        assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(jobs, 0), said
        people = [f"{name}@example.com" for name in ("ann", "bob", "cid", "dan", "eve", "fay")]
        assert sorted(email["email"] for email in simulator.emails) == people
        assert sorted(invitation["email"] for invitation in simulator.invitations) == people
        assert 429 in [request["status"] for request in simulator.requests]
    assert all(" | CHANGED => " in said[name] for name in jobs if name != "look")
    assert " | SUCCESS => " in said["look"]
