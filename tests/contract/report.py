# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: what was observed beside what the simulator assumes."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from simulator.settings import Settings

if TYPE_CHECKING:
    from .observations import Behaviour
    from .transport import Exchange

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def compare(observed: list[Behaviour], simulated: list[Behaviour]) -> dict[str, Any]:
    """Make the report; ``settings`` has what a simulator takes to behave as observed."""
    assumed = {**{behaviour.name: behaviour.observed for behaviour in simulated}, **vars(Settings())}
    settings: dict[str, Any] = {}
    behaviours = []
    for name, value, words in observed:
        equal = "-" if None in (value, assumed[name]) else "yes" if value == assumed[name] else "no"
        row = {"behaviour": name, "observed": value, "simulator": assumed[name], "equal": equal}
        behaviours.append({**row, "words": _UUID.sub("UUID", words)})
        if value is not None and is_setting(name, value):
            settings[name] = value
    return {"settings": settings, "behaviours": behaviours}


def is_setting(name: str, value: object) -> bool:
    """Whether a simulator can be set so."""
    try:
        Settings().changed({name: value})
    except ValueError:
        return False
    return True


def describe(exchange: Exchange) -> dict[str, Any]:
    """An exchange as it is reported."""
    body = exchange.body if isinstance(exchange.body, dict) else {}
    request = f"{exchange.method} {_UUID.sub('UUID', exchange.path)}"
    return {"request": request, "status": exchange.status, "request_id": body.get("requestId")}


def redacted(text: str, *hidden: str) -> str:
    """The text with three asterisks in place of each hidden text, ignoring case."""
    longest_first = sorted(hidden, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first)) or "(?!)"
    return re.sub(pattern, "***", text, flags=re.IGNORECASE)


def table(behaviours: list[dict[str, Any]]) -> str:
    """The behaviours as a Markdown table, aligned."""
    header = list(behaviours[0])
    rows = [list(map(cell, row.values())) for row in behaviours]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def cell(value: object) -> str:
    """One line of a table's cell."""
    text = "not observed" if value is None else str(value).replace("|", "/")
    return textwrap.shorten(text, 60, placeholder=" …")
