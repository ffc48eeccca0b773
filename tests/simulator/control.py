# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control path: changes to the organization from outside the API."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from .api import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from .simulator import Simulator

_OPENAPI = Path(__file__).with_name("openapi.yaml")


def create_blueprint(simulator: Simulator) -> Blueprint:
    """``/control``: no authentication, no rate limit, no faults; JSON objects both ways."""
    control = Blueprint("control", __name__, url_prefix="/control")

    actions: dict[str, Callable[..., Any]] = {
        "reset": simulator.reset,
        "settings": simulator.configure,
        "invite": simulator.invite,
        "accept": simulator.accept,
        "expire": simulator.expire,
        "members": simulator.add_member,
        "sign_on": simulator.sign_on,
        "provision": simulator.provision,
        "invite_by_domain": simulator.invite_by_domain,
        "update_member": simulator.update_member,
        "remove_member": simulator.remove_member,
        "roles": simulator.add_role,
        "keys": simulator.add_key,
        "faults": simulator.order_fault,
    }
    for name, action in actions.items():
        control.add_url_rule(f"/{name}", name, _view(action), methods=["POST"])

    @control.get("/state")
    def state() -> Response:
        return jsonify(simulator.state)

    @control.get("/openapi")
    def openapi() -> Response:
        return Response(_OPENAPI.read_bytes(), content_type="application/yaml")

    return control


def _view(action: Callable[..., Any]) -> Callable[[], tuple[Response, int]]:
    """Calls a method of the simulator with the fields of the body."""

    def view() -> tuple[Response, int]:
        try:
            fields = parse_json(request.get_data() or b"{}")
        except ValueError:
            return _failure(400, "The body is not valid JSON.")
        if not isinstance(fields, dict):
            return _failure(400, "The body must be an object.")
        try:
            inspect.signature(action).bind(**fields)
        except TypeError as error:
            return _failure(400, f"The fields of the body are wrong: {error}.")
        try:
            result = action(**fields)
        except LookupError as error:
            return _failure(404, str(error.args[0]))
        except ValueError as error:
            return _failure(400, str(error))
        return jsonify(result or {}), 200

    return view


def _failure(status: int, sentence: str) -> tuple[Response, int]:
    return jsonify({"error": sentence}), status
