# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that writes a value as one harmless cell of a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = r"""
name: access_cell
short_description: Write a value as one cell of a CSV or Markdown table
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Writes text that people chose, such as their name, so that it stays one cell and does nothing. A spreadsheet program
    runs no formula in it, whatever it takes for a separator. Markdown shows no link, picture or HTML of it.
positional: format
options:
  _input:
    description: The value. A list becomes text with commas, null becomes empty.
    type: raw
    required: true
  format:
    description: The format of the table.
    type: str
    choices: [csv, md]
    required: true
"""

EXAMPLES = r"""
- name: Show a name that a spreadsheet program would run
  ansible.builtin.debug:
    msg: "{{ '=1+1' | clickhouse.cloud.access_cell('csv') }}"
"""

RETURN = r"""
_value:
  description: The cell.
  type: str
  sample: '"''=1+1"'
"""

# Where a cell begins with what spreadsheet programs take for a formula. What separates cells is their user's setting.
# The other four are full-width: a program in a language with such letters takes them for the same.
_BEGINNINGS = "=+@\\-\uff1d\uff0b\uff20\uff0d"
_FORMULA = re.compile(rf"(?<![\w.{_BEGINNINGS}])(?=[{_BEGINNINGS}])")
_ADDRESS = re.compile(r"[\w.+%-]+@[\w.-]+")
# Not what only sentences have: a full stop, and a colon before a blank.
_PUNCTUATION = re.compile(r"[^\w \-,;:.()%'\"=?]|_|:(?! )|(?<=www)\.", re.IGNORECASE)


def access_cell(value: Any, format: str) -> str:  # noqa: ANN401
    """Write a value as a cell. The documentation above says what it takes and returns."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = "" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    if format == "csv":
        defused = _FORMULA.sub("'", text).replace('"', '""')
        return f'"{defused}"'
    text = " ".join(text.split())
    # An address as code: GitHub makes a link of any other.
    return f"`{text}`" if _ADDRESS.fullmatch(text) else _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", text)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file, by name."""
        return {"access_cell": access_cell}
