# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that finds mistakes in the variables of the role ``access``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils import _options
from ..plugin_utils._addresses import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

DOCUMENTATION = r"""
name: access_mistakes
short_description: Find mistakes in the variables of the role access
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Finds names that no entry point of the role knows, required variables that are missing, and values of a wrong type.
  - The role uses it before the first request. Empty text counts as not given, since an AWX survey sends it for a
    question without an answer.
positional: specs, entry_point, names
options:
  _input:
    description: The variables of the entry point, by name.
    type: dict
    required: true
  specs:
    description: The argument specs of the role, by entry point.
    type: dict
    required: true
  entry_point:
    description: The entry point that runs.
    type: str
    required: true
  names:
    description: The names of all variables that begin as those of the role.
    type: list
    elements: str
    default: []
  cut_off:
    description: What Ansible has cut off extra variables of the command line.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what is wrong with a variable
  ansible.builtin.debug:
    msg: "{{ {'clickhouse_cloud_emails': ''} | clickhouse.cloud.access_mistakes(specs, 'invite') | join(' ') }}"
  vars:
    specs:
      invite:
        options:
          clickhouse_cloud_emails:
            type: list
            elements: str
            required: true
"""

RETURN = r"""
_value:
  description: A sentence for each mistake.
  type: list
  elements: str
  sample: [Set clickhouse_cloud_emails to at least one email address.]
"""

_PREFIX = "clickhouse_cloud_"
# The next job of a workflow in AWX finds what a job has published among its variables.
_PUBLISHED = (f"{_PREFIX}report", f"{_PREFIX}result")
# At the command line, Ansible takes whatever follows the first blank of -e NAME=TEXT for something else than the text.
_CUT_OFF = (
    "Ansible did not read '{}' as an extra variable. Put an @ before the name of a file, as in -e @team.yml, and"
    " quotation marks around text with blanks, as in"
    """ -e 'clickhouse_cloud_emails="alice@example.com bob@example.com"'."""
)
_REQUIRED = {
    f"{_PREFIX}emails": "at least one email address",
    f"{_PREFIX}export_path": "the file to write, such as team.yml",
    f"{_PREFIX}memberships": (
        "the access list, such as [{email: alice@example.com, roles: [Admin]}]. It usually stands in a file: at the"
        " command line, give it by -e @team.yml; in AWX, edit team.yml in the project's repository"
    ),
}
_DURATIONS = tuple(f"{_PREFIX}{name}" for name in ("expires_within", "renew_before", "unused_for"))
_KINDS = {"bool": "true or false", "float": "a number", "list": "a list", "path": "a path", "str": "text"}
REPORT_FORMATS = (".html", ".csv", ".md", ".json")


def access_mistakes(
    variables: Mapping[str, Any],
    specs: Mapping[str, Any],
    entry_point: str,
    names: Iterable[str] = (),
    cut_off: str = "",
) -> list[str]:
    """Find mistakes. The documentation above says what it takes and returns."""
    if cut_off:
        return [_CUT_OFF.format(cut_off)]
    known = {name for spec in specs.values() for name in spec["options"]}.union(_PUBLISHED)
    unknown = [_unknown(name, known) for name in sorted(names) if name not in known]
    values = {name: _plain(value) for name, value in variables.items()}
    return unknown or list(_mistakes(values, specs[entry_point]["options"]))


def _unknown(name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and which one is near. The prefix would make all names alike."""
    words = {other.removeprefix(_PREFIX): other for other in known}
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), words, 1)
    return f"unknown variable {name}; did you mean {words[near[0]]}?" if near else f"unknown variable {name}."


def _mistakes(values: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the mistakes in the variables of an entry point."""
    given = {name: value for name, value in values.items() if not _is_blank(value)}
    for name, option in options.items():
        if option.get("required") and name not in given:
            yield f"Set {name} to {_REQUIRED[name]}."
        elif name in given:
            yield from _wrong_type(name, given[name], option)
            yield from _wrong_duration(name, given[name])
    excluded = f"{_PREFIX}purge_exclude"
    if excluded in values and not given.get(excluded):
        yield f"{excluded} is empty, so it would protect nobody. Name people, or remove the variable."
    legacy = given.get(f"{_PREFIX}role", "admin")
    if legacy not in ("admin", "developer"):
        yield f"{_PREFIX}role: {legacy!r:.100} is neither admin nor developer. Other roles go into {_PREFIX}roles."
    path = given.get(f"{_PREFIX}report_path", REPORT_FORMATS[0])
    if not str(path).endswith(REPORT_FORMATS):
        yield f"{_PREFIX}report_path must end in .html, .csv, .md or .json."
    if entries := given.get(f"{_PREFIX}memberships"):
        yield from _still_listed(given.get(f"{_PREFIX}emails", []), entries)


def _wrong_type(name: str, value: object, option: Mapping[str, Any]) -> Iterator[str]:
    """Say that a value has a wrong type. A raw option takes what its default is, true or false or a number."""
    kind = option["type"]
    if kind == "raw":
        kind = "bool" if isinstance(option["default"], bool) else "float"
    # Text could be a list of texts, but not of entries.
    is_text = isinstance(value, str) and option.get("elements") == "raw"
    if is_text or ArgumentSpecValidator({name: {"type": kind}}).validate({name: value}).error_messages:
        yield f"{name}: {value!r:.100} is not {_KINDS[kind]}."


def _wrong_duration(name: str, value: object) -> Iterator[str]:
    """Say that a value is not a duration, of an option that takes one."""
    if name in _DURATIONS:
        try:
            _options.duration(str(value), name)
        except _options.OptionError as error:
            yield str(error)


def _still_listed(emails: str | list[object], entries: object) -> Iterator[str]:
    """Say which leavers are still on the access list."""
    listed = {
        email
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        for email in addresses([entry.get("email")])
    }
    for email in sorted(listed.intersection(addresses(emails)))[: _options.SENTENCES_IN_MESSAGE]:
        yield (
            f"{email} is still in {_PREFIX}memberships, so the next roster would invite them again. Take them off the"
            " list first."
        )


def _is_blank(value: object) -> bool:
    """Whether it is null, text or a list in which nothing stands."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_blank, value))
    return value is None or (isinstance(value, str) and not value.strip(" ,;\t\r\n"))


def _plain(value: object) -> object:
    """The value of types that Python itself has. Up to ansible-core 2.18, vaulted text has one of its own."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file, by name."""
        return {"access_mistakes": access_mistakes}
