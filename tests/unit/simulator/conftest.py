# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import jsonschema
import pytest
import requests
import yaml
from simulator import Simulator

FORMATS = jsonschema.FormatChecker(["email", "uuid"])


@FORMATS.checks("date-time", raises=ValueError)
def is_timestamp(text):
    return datetime.fromisoformat(text).tzinfo is not None


class Api:
    """Calls the API, and checks every response against the simulator's OpenAPI description."""

    def __init__(self, simulator, description):
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (simulator.key, simulator.secret)
        self.schemas = {
            operation["operationId"]: operation["responses"]["200"]["content"]["application/json"]["schema"]
            for path in description["paths"].values()
            for method, operation in path.items()
            if method != "parameters"
        }
        self.components = description["components"]

    def close(self):
        self.session.close()

    def validate(self, response, operation):
        """The body of a response, which must be as described."""
        failure = {"$ref": "#/components/schemas/Failure"}
        schema = self.schemas[operation] if response.status_code == 200 else failure
        body = response.json()
        jsonschema.Draft202012Validator({"components": self.components, **schema}, format_checker=FORMATS).validate(
            body
        )
        assert body["status"] == response.status_code
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        return body

    def raw(self, method, path="", **arguments):
        """The response to a call below the organization, unchecked."""
        url = f"{self.simulator.url}/v1/organizations/{self.simulator.organization_id}{path}"
        arguments.setdefault("timeout", 5)
        return self.session.request(method, url, allow_redirects=False, **arguments)

    def call(self, method, path, operation, status=200, **arguments):
        """The result of a call, or the error's words where another status is expected."""
        response = self.raw(method, path, **arguments)
        body = self.validate(response, operation)
        assert response.status_code == status, body
        return body.get("result") if status == 200 else body["error"]

    def list(self, status=200):
        return self.call("GET", "/invitations", "list_invitations", status)

    def create(self, email, status=200, **fields):
        fields = fields or {"role": "developer"}
        return self.call("POST", "/invitations", "create_invitation", status, json={"email": email, **fields})

    def get(self, invitation_id, status=200):
        return self.call("GET", f"/invitations/{invitation_id}", "get_invitation", status)

    def delete(self, invitation_id, status=200):
        return self.call("DELETE", f"/invitations/{invitation_id}", "delete_invitation", status)

    def members(self, status=200):
        return self.call("GET", "/members", "list_members", status)

    def member(self, user_id, status=200):
        return self.call("GET", f"/members/{user_id}", "get_member", status)

    def update(self, user_id, status=200, **fields):
        return self.call("PATCH", f"/members/{user_id}", "update_member", status, json=fields)

    def remove(self, user_id, status=200):
        return self.call("DELETE", f"/members/{user_id}", "remove_member", status)

    def roles(self, status=200):
        return self.call("GET", "/roles", "list_roles", status)

    def keys(self, status=200):
        return self.call("GET", "/keys", "list_keys", status)

    def key(self, key_id, status=200):
        return self.call("GET", f"/keys/{key_id}", "get_key", status)

    def activities(self, status=200):
        return self.call("GET", "/activities", "list_activities", status)

    def role_id(self, name):
        return next(role["id"] for role in self.simulator.roles if role["name"] == name)


@pytest.fixture(scope="session")
def running_simulator():
    # Nobody to tell apart from the people of a test; roles of both kinds, which agree.
    with Simulator(founder="", organization_era="custom_roles_available") as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator):
    running_simulator.reset(rate_limit="0")
    return running_simulator


@pytest.fixture(scope="session")
def description(running_simulator):
    """The OpenAPI description as served, read once, since that takes a tenth of a second."""
    with requests.Session() as session:
        session.trust_env = False
        return yaml.safe_load(session.get(f"{running_simulator.url}/control/openapi").content)


@pytest.fixture
def api(simulator, description):
    api = Api(simulator, description)
    yield api
    api.close()
