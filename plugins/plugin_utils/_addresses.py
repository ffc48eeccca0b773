# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private to the collection: what its filters do with email addresses."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ..module_utils import _options

if TYPE_CHECKING:
    from collections.abc import Iterable


def addresses(values: str | Iterable[object] | None) -> list[str]:
    """The addresses in a list or text, normalised. If one of them is none, none: that is for the module to reject."""
    texts = [values] if isinstance(values, str) else [str(value) for value in values or () if value is not None]
    try:
        return _options.emails(texts)
    except _options.OptionError:
        return []


def nearest(email: str, others: Iterable[str]) -> str | None:
    """Find the address that differs least, either in its local part or in its domain."""
    local, _at, domain = email.rpartition("@")
    pairs = [other.rpartition("@")[::2] for other in others]
    same_domain = difflib.get_close_matches(local, [pair[0] for pair in pairs if pair[1] == domain], 1)
    same_local = difflib.get_close_matches(domain, [pair[1] for pair in pairs if pair[0] == local], 1)
    found = [f"{near}@{domain}" for near in same_domain] + [f"{local}@{near}" for near in same_local]
    return found[0] if found else None
