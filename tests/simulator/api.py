# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ClickHouse Cloud's HTTP API that is simulated, as a Flask application."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from .cloud import Cloud, Rejection
from .faults import JSON, envelope

# Set by the server on a request that was admitted once, and is carried out late.
ADMITTED = "simulator.admitted"


def create_app(cloud: Cloud, key: str, secret: str) -> Flask:
    """The API of one organization, behind one key. Every answer is JSON."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.register_blueprint(_api(cloud))

    @app.before_request
    def admit() -> Response | None:
        if not request.path.startswith("/v1/") or request.environ.get(ADMITTED):
            return None
        if not _is_authorized(request.headers.get("Authorization", ""), key, secret):
            return _failure(401, "UNAUTHORIZED: The API key or its secret is wrong")
        over = cloud.admit(key)
        if over is not None:
            whole = cloud.settings.rate_limit_reset == "whole"
            response = _failure(429, "TOO_MANY_REQUESTS")
            response.headers["X-RateLimit-Reset"] = str(math.ceil(over)) if whole else f"{over:.3f}"
            return response
        endpoint = request.endpoint or ""
        cloud.check_permission(endpoint.rpartition(".")[2])
        return None

    @app.errorhandler(Rejection)
    def reject(rejection: Rejection) -> Response:
        return _failure(rejection.status, rejection.words)

    @app.errorhandler(HTTPException)
    def reject_http(error: HTTPException) -> Response:
        status = error.code or 500
        response = _failure(status, error.name.upper().replace(" ", "_"))
        if "Allow" in error.get_response().headers:
            response.headers["Allow"] = error.get_response().headers["Allow"]
        return response

    return app


def _api(cloud: Cloud) -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/v1")
    organization = "/organizations/<organization_id>"

    @api.before_request
    def check_organization() -> None:
        # Taken out, so that no view needs to name it.
        organization_id = (request.view_args or {}).pop("organization_id", None)
        if organization_id is not None:
            cloud.check_organization(organization_id)

    @api.get("/organizations")
    def list_organizations() -> Response:
        return _success(_list(cloud.list_organizations()))

    @api.get(f"{organization}/invitations")
    def list_invitations() -> Response:
        return _success(_list(cloud.list_invitations()))

    @api.post(f"{organization}/invitations")
    def create_invitation() -> Response:
        return _success(cloud.create_invitation(_body()))

    @api.get(f"{organization}/invitations/<invitation_id>")
    def get_invitation(invitation_id: str) -> Response:
        return _success(cloud.get_invitation(invitation_id))

    @api.delete(f"{organization}/invitations/<invitation_id>")
    def delete_invitation(invitation_id: str) -> Response:
        cloud.delete_invitation(invitation_id)
        return _success(None)

    @api.get(f"{organization}/members")
    def list_members() -> Response:
        return _success(_list(cloud.list_members()))

    @api.get(f"{organization}/roles")
    def list_roles() -> Response:
        return _success(_list(cloud.list_roles()))

    return api


def parse_json(data: bytes) -> object:
    """JSON as it is defined: UTF-8, no NaN. ``ValueError`` for anything else."""
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


def _is_authorized(header: str, key: str, secret: str) -> bool:
    scheme, _separator, credentials = header.partition(" ")
    try:
        given = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, f"{key}:{secret}".encode())


def _list(texts: list[str]) -> str:
    return f"[{', '.join(texts)}]"


def _success(result: str | None) -> Response:
    return Response(envelope(200, result=result), content_type=JSON)


def _failure(status: int, error: str) -> Response:
    return Response(envelope(status, error=error), status, content_type=JSON)
