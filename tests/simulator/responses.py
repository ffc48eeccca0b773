# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP responses, right and wrong ones."""

from __future__ import annotations

import dataclasses
import json
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json; charset=utf-8"

# HTTP's own statuses, and those of Cloudflare, which stands in front of many APIs.
_PHRASES = {known.value: known.phrase for known in HTTPStatus} | {
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    530: "Origin DNS Error",
}


@dataclasses.dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"Content-Type": JSON})

    def head(self, *, close: bool = False, length: int | None = None, date: str | None = None) -> bytes:
        """Status line and headers.

        ``length`` replaces the true Content-Length, ``date`` the Date unless ``headers`` has one.
        """
        headers = {**({"Date": date} if date and self.status >= 200 else {}), **self.headers}
        if "Transfer-Encoding" not in headers and self.status >= 200 and self.status != 204:
            headers["Content-Length"] = str(len(self.body) if length is None else length)
        if close:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status: int) -> str:
    return _PHRASES.get(status, "Unknown")


def envelope(status: int, *, result: str | None = None, error: str | None = None, has_id: bool = True) -> bytes:
    """The envelope, which is the body of every response of the API; ``result`` is JSON text."""
    fields: dict[str, object] = {"status": status}
    if has_id:
        fields["requestId"] = str(uuid.uuid4())
    if error is not None:
        fields["error"] = error
    text = json.dumps(fields)
    if result is not None:
        text = f'{text[:-1]}, "result": {result}}}'
    return text.encode()


_HTML = b"<html><head><title>Something went wrong</title></head><body><h1>Sorry</h1></body></html>"
_DEPTH = 100_000

# Wrong bodies by name. None stands for one that is made of the right body.
BODIES: dict[str, bytes | None] = {
    "html": _HTML,
    "empty": b"",
    "blank": b" \r\n",
    "null": b"null",
    "true": b"true",
    "number": b"42",
    "string": b'"text"',
    "list": b"[]",
    "object": b"{}",
    "not_json": b"{'status': 200}",
    "nan": b'{"status": NaN, "result": Infinity}',
    "huge_number": b'{"status": 200, "result": ' + b"9" * 10_000 + b"}",
    "invalid_utf8": b'{"status": 200, "result": "\xff\xfe\xc3"}',
    "utf16": '{"status": 200, "result": []}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"status": 200, "result": []}',
    "lone_surrogate": b'{"status": 200, "result": {"id": "\\ud800", "email": "\\udfff@example.com"}}',
    "deep": b"[" * _DEPTH + b"]" * _DEPTH,
    "deep_result": b'{"status": 200, "result": ' + b"[" * _DEPTH + b"]" * _DEPTH + b"}",
    "no_result": envelope(200),
    "result_null": envelope(200, result="null"),
    "result_number": envelope(200, result="42"),
    "result_string": envelope(200, result='"text"'),
    "result_list": envelope(200, result="[]"),
    "result_object": envelope(200, result="{}"),
    "result_odd_list": envelope(200, result='[null, 7, "text", [], {}]'),
    "error_object": b'{"status": 200, "error": {"message": ["odd"]}, "requestId": 7}',
    "mistyped": None,
}


def make_response(status: int, body: str, headers: Mapping[str, str]) -> Response:
    """A response with a body of a kind: ``envelope``, ``empty``, ``html``, ``json``, or the text itself."""
    if body == "envelope":
        phrase = _phrase(status)
        return Response(status, envelope(status, error=phrase), {"Content-Type": JSON, **headers})
    if body == "empty":
        return Response(status, b"", headers)
    if body == "html":
        return Response(status, _HTML, {"Content-Type": "text/html", **headers})
    if body == "json":
        return Response(status, json.dumps({"message": _phrase(status)}).encode(), {"Content-Type": JSON, **headers})
    return Response(status, body.encode(), {"Content-Type": "text/plain; charset=utf-8", **headers})


def mistyped(body: bytes) -> bytes:
    """The body of a response with another type for every field of its records."""
    fields = json.loads(body)
    result = fields.get("result")
    records = result if isinstance(result, list) else [result or {"id": "", "email": ""}]
    odd = [{name: [7] if isinstance(v, str) else "text" for name, v in r.items()} for r in records]
    fields["result"] = odd if isinstance(result, list) else odd[0]
    return json.dumps(fields).encode()
