# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that are hard to recognise, and how a server may repeat them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

ODD = {
    "plain": "hush-hush-4711",
    "other letters": "Grüße-密碼-🔑",
    "two blanks": "two  blanks",
    "a line end": "one\nline\tand\u00a0more",
    "quotes": 'it\'s "quoted"',
    "backslashes": "back\\slash\\n",
    "reserved": "a+b/c=d&e?f#g%41 h",
    "a dot at the end": "ends-in-a-dot.",
    "short": "§7",
    "part of an address": "example.com",
    "a template": "{{ 6 * 7 }}",
}
# A key and a secret each.
SHAPES = dict(zip(ODD, zip([*list(ODD.values())[1:], "K-4712"], ODD.values())))


def token(key, secret):
    return base64.b64encode(f"{key}:{secret}".encode()).decode()


def spellings(key, secret):
    """The spellings in which the credentials could appear."""
    plain = [
        spelling
        for value in (key, secret)
        for spelling in (
            value,
            " ".join(value.split()),
            value.rstrip("."),
            quote(value),
            quote(value, safe=""),
            quote_plus(value),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            repr(value)[1:-1],
        )
    ]
    return list(dict.fromkeys([token(key, secret), token(key, secret).rstrip("="), *plain]))


def credentials_in(header):
    """The user and the password of an Authorization header."""
    scheme, _blank, token = (header or "").partition(" ")
    assert scheme == "Basic", header
    return tuple(base64.b64decode(token).decode().split(":", 1))
