# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ClickHouse Cloud's HTTP API that is simulated: a Flask application."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import json
import math
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from .cloud import Cloud, Rejection
from .operations import ROUTES
from .responses import JSON, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The server sets it on a request that was admitted before and is applied late.
ADMITTED = "simulator.admitted"


def create_app(cloud: Cloud, keys: Mapping[str, str]) -> Flask:
    """The API of one organization, behind its keys with their secrets. Every response is JSON."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.register_blueprint(_api(cloud))

    @app.before_request
    def admit() -> Response | None:
        if not request.path.startswith("/v1/") or request.environ.get(ADMITTED):
            return None
        given = _credentials(request.headers.get("Authorization", ""))
        key = next(
            (key for key, secret in keys.items() if hmac.compare_digest(given, f"{key}:{secret}".encode())), None
        )
        if key is None:
            return failure(401, "UNAUTHORIZED: Key is not found")
        seconds = cloud.admit(key)
        if seconds is not None:
            response = failure(429, "TOO_MANY_REQUESTS")
            reset = _reset(seconds, cloud.settings.rate_limit_reset)
            if reset:
                response.headers["X-RateLimit-Reset"] = reset
            return response
        endpoint = request.endpoint or ""
        cloud.check_permission(key, endpoint.rpartition(".")[2])
        return None

    def failure(status: int, error: str) -> Response:
        has_id = cloud.settings.error_request_id == "sent"
        return Response(envelope(status, error=error, has_id=has_id), status, content_type=JSON)

    @app.errorhandler(Rejection)
    def reject(rejection: Rejection) -> Response:
        return failure(rejection.status, rejection.words)

    @app.errorhandler(HTTPException)
    def reject_http(error: HTTPException) -> Response:
        status = error.code or 500
        response = failure(status, error.name.upper().replace(" ", "_"))
        if "Allow" in error.get_response().headers:
            response.headers["Allow"] = error.get_response().headers["Allow"]
        return response

    return app


def _api(cloud: Cloud) -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/v1")

    @api.before_request
    def check_organization() -> None:
        # Removed, so that no view has to take it.
        organization_id = (request.view_args or {}).pop("organization_id", None)
        if organization_id is not None:
            cloud.check_organization(organization_id)

    for operation, (method, path, _permission) in ROUTES.items():
        view = _view(getattr(cloud, operation), takes_body=method in ("POST", "PATCH"))
        api.add_url_rule(path, operation, view, methods=[method])
    return api


def _view(call: Callable[..., list[str] | str | None], *, takes_body: bool) -> Callable[..., Response]:
    """The view of a call of the API: ``call`` is a method of ``Cloud`` that takes the IDs in the path, and the body."""

    def view(**ids: str) -> Response:
        result = call(*ids.values(), _body()) if takes_body else call(*ids.values())
        return _success(f"[{', '.join(result)}]" if isinstance(result, list) else result)

    return view


def parse_json(data: bytes) -> object:
    """Parses strict JSON: UTF-8, no NaN. ``ValueError`` for anything else."""
    try:
        text: object = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _body() -> object:
    try:
        return parse_json(request.get_data())
    except ValueError:
        raise Rejection(400, "The body is not valid JSON") from None


def _credentials(header: str) -> bytes:
    """The key and the secret of a request, with a colon between; empty for none."""
    scheme, _separator, credentials = header.partition(" ")
    with contextlib.suppress(binascii.Error, ValueError):
        return base64.b64decode(credentials.strip(), validate=True) if scheme.lower() == "basic" else b""
    return b""


def _reset(seconds: float, style: str) -> str:
    """The value of ``X-RateLimit-Reset``, ``seconds`` before the limit ends; empty for no header."""
    end = time.time() + seconds
    return {
        "whole": f"{math.ceil(seconds)}",
        "exact": f"{seconds:.3f}",
        "epoch": f"{math.ceil(end)}",
        "epoch_milliseconds": f"{math.ceil(end * 1000)}",
        "absurd": "1e300",
        "missing": "",
    }[style]


def _success(result: str | None) -> Response:
    return Response(envelope(200, result=result), content_type=JSON)
