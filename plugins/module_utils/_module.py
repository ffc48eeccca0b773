# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AnsibleModule in, exit_json or fail_json out. This module util is private to the collection.

It finds the settings in the options and the environment, runs a task, and masks credentials in what it returns.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import sys
import time
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from ansible.module_utils.basic import AnsibleModule, _load_params, missing_required_lib
from ansible.module_utils.common.parameters import remove_values

from . import _api, _client, _errors, _options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DEFAULT_API_URL = "https://api.clickhouse.cloud"

# The second name of each is what the Terraform provider for ClickHouse Cloud reads; key and secret, what it read in
# earlier releases.
ENVIRONMENT = {
    "api_key": ("CLICKHOUSE_CLOUD_API_KEY", "CLICKHOUSE_TOKEN_KEY"),
    "api_secret": ("CLICKHOUSE_CLOUD_API_SECRET", "CLICKHOUSE_TOKEN_SECRET"),
    "organization_id": ("CLICKHOUSE_CLOUD_ORGANIZATION_ID", "CLICKHOUSE_ORG_ID"),
    "api_url": ("CLICKHOUSE_CLOUD_API_URL", "CLICKHOUSE_API_URL"),
}

COMMON_OPTIONS: dict[str, dict[str, Any]] = {
    "api_key": {"type": "str", "no_log": True},
    "api_secret": {"type": "str", "no_log": True},
    "organization_id": {"type": "str"},
    "api_url": {"type": "str"},
    "api_timeout": {"type": "float", "default": 30},
    "api_retry_timeout": {"type": "float", "default": 120},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
}

ROLE_OPTIONS: dict[str, dict[str, Any]] = {
    "role": {"type": "str", "choices": ["admin", "developer"]},
    "roles": {"type": "list", "elements": "str"},
}

# An entry of a roster. Its role has no choices, since empty text is none.
ENTRY_OPTIONS: dict[str, dict[str, Any]] = {
    "email": {"type": "str", "required": True},
    "role": {"type": "str"},
    "roles": {"type": "list", "elements": "str"},
    "comment": {"type": "str"},
}

WRITING_OPTIONS: dict[str, dict[str, Any]] = {
    "renew_before": {"type": "str", "default": "0s"},
    "resend": {"type": "bool", "default": False},
}

ROSTER_OPTIONS: dict[str, dict[str, Any]] = {
    "emails": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **ROLE_OPTIONS,
    "purge": {"type": "bool", "default": False},
    **WRITING_OPTIONS,
}

# A task warns if it waited this many seconds or more, not counting the rate limit.
LONG_WAIT = 10.0
LARGEST_CLOCK_OFFSET = timedelta(minutes=5)


def create_module(options: Mapping[str, Any], selects: Sequence[str] = (), **constraints: object) -> AnsibleModule:
    """Create the module, with the options that every module has.

    ``selects`` are its options that select people: a null for one of them ends the module.
    """
    module = AnsibleModule(argument_spec={**COMMON_OPTIONS, **options}, supports_check_mode=True, **constraints)
    # In module.params, an option that was left out is null, too.
    given = _load_params()
    try:
        _options.reject_nulls(given, selects)
    except _options.OptionError as error:
        module.fail_json(**_failure(str(error)))
    _unset_empty_roles([module.params], [given])
    for option in selects:
        _unset_empty_roles(module.params.get(option), given.get(option))
    return module


def _unset_empty_roles(entries: object, given: object) -> None:
    """Ansible makes ``[""]`` of empty text, which is not given. Who writes ``[""]`` left a variable unfilled."""
    if isinstance(entries, list) and isinstance(given, list):
        for entry, raw in zip(entries, given):
            if isinstance(raw, dict) and raw.get("roles") == "":
                entry["roles"] = None


def run(module: AnsibleModule, task: Callable[[AnsibleModule, _api.CloudApi], dict[str, Any]]) -> None:
    """Run a task, and end the module with its result or its failure."""
    # Everything loaded so far stays to the end: Python's last garbage collection need not search it, which takes 35 ms.
    gc.freeze()
    api: _api.CloudApi | None = None
    try:
        settings, organization_id = _settings(module)
        api = _api.CloudApi(_client.Client(settings, time), organization_id)
        result = task(module, api)
    except _options.OptionError as error:
        result = _failure(str(error))
    except _errors.ApiError as error:
        result = {"failed": True, "msg": str(error), "error": error.as_result()}
    except Exception as error:  # noqa: BLE001  # pylint: disable=broad-except
        kind = type(error).__name__
        msg = f"Unexpected {kind}: this is a bug in the collection. Please report it, and how to reproduce it."
        result = _failure(msg, kind, exception=_errors.mask_proxies(traceback.format_exc()))
    warnings = result.pop("warnings", [])
    if api:
        result["api"] = api.client.as_result()
        warnings = [*warnings, *_list_warnings(api), *_client_warnings(api.client)]
    # ansible-core 2.19 and newer mask what a module returns, but not its warnings, and print them in spite of no_log.
    for warning in () if module.no_log else warnings:
        module.warn(remove_values(warning, module.no_log_values))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _failure(msg: str, reason: str = "refused by the module", **more: str) -> dict[str, Any]:
    """The result of a task that failed before or beside any call of the API."""
    return {"failed": True, "msg": msg, "error": _errors.ApiError(msg, reason).as_result(), **more}


def _list_warnings(api: _api.CloudApi) -> Iterator[str]:
    """Yield what the user should know of lists that have records which cannot be read."""
    for name, number in api.unreadable.items():
        if number:
            yield f"{number} records in ClickHouse Cloud's list of {name} cannot be read and are left out: report this."


def _client_warnings(client: _client.Client) -> Iterator[str]:
    """Yield what the user should know of the API's speed and clock."""
    waited = client.waited - client.throttled
    if waited >= LONG_WAIT:
        yield f"Spent {waited:.0f} s waiting for ClickHouse Cloud, which was slow or unreachable."
    offset = client.clock_offset or timedelta(0)
    if abs(offset) > LARGEST_CLOCK_OFFSET:
        yield (
            f"ClickHouse Cloud's clock, by the Date of its responses, is {_options.show_duration(abs(offset))}"
            f" {'ahead of' if offset > timedelta(0) else 'behind'} that of the host that runs the module. An invitation"
            " counts as expired only if it has expired by both; check them, and any gateway on the way."
        )


def _settings(module: AnsibleModule) -> tuple[_client.Settings, str | None]:
    """Find and check the settings that every module needs, and the organization's ID, None if it was not given.

    Ends the module if requests is missing or too old.

    :raises OptionError: if one is missing or malformed.
    """
    _require_requests(module)
    found = {option: _find(module, option) for option in (*ENVIRONMENT, "ca_path")}
    (key, key_origin), (secret, secret_origin) = found["api_key"], found["api_secret"]
    (url, _url_origin), (ca_path, _ca_path_origin) = found["api_url"], found["ca_path"]
    organization_id, origin = found["organization_id"]
    _mask(module, key, secret, url)
    missing = [option for option in ("api_key", "api_secret") if not found[option][0]]
    if missing:
        raise _options.OptionError(*map(_not_set, missing))
    if ca_path and not os.access(ca_path, os.R_OK):
        raise _options.OptionError(f"ca_path: nothing can be read at {ca_path} on the host that runs the module.")
    settings = _client.Settings(
        api_key=key,
        api_secret=secret,
        api_url=_options.api_url(url or DEFAULT_API_URL),
        timeout=_options.seconds(module.params["api_timeout"], "api_timeout"),
        retry_timeout=_options.seconds(module.params["api_retry_timeout"], "api_retry_timeout"),
        verify=module.params["validate_certs"] and (ca_path or True),
        key_advice=f"check the key, from {key_origin}, and its secret, from {secret_origin}",
    )
    return settings, _options.uuid(organization_id, f"organization_id, from {origin}") if organization_id else None


def _require_requests(module: AnsibleModule) -> None:
    """End the module if requests is missing or too old."""
    wanted = f"requests >= {'.'.join(map(str, _client.OLDEST_REQUESTS))}"
    missing = _client.REQUESTS_IMPORT_ERROR
    if missing:
        module.fail_json(**_failure(missing_required_lib(wanted), "requests is missing", exception=missing))
    if _client.requests_version() < _client.OLDEST_REQUESTS:
        msg = f"The Python library requests is too old; install {wanted} for {sys.executable}, which runs the module."
        module.fail_json(**_failure(msg, "requests is too old"))


def _not_set(option: str) -> str:
    place = f"{' or '.join(ENVIRONMENT[option])} in the environment of the host that runs the module"
    return f"{option} is not set: set the option, or {place}, without become."


def _find(module: AnsibleModule, option: str) -> tuple[str, str]:
    """Find an option's value and where it came from, both empty if it is not set.

    Blank counts as not set: job schedulers render an unfilled credential field as an empty string.
    """
    places = [(module.params[option], f"the option {option}")]
    places += [(os.environ.get(name), f"the environment variable {name}") for name in ENVIRONMENT.get(option, ())]
    return next(((value.strip(), origin) for value, origin in places if value and value.strip()), ("", ""))


def _mask(module: AnsibleModule, key: str, secret: str, url: str) -> None:
    """Have Ansible mask the credentials in results, wherever they came from and however an error repeats them.

    An error may quote the Authorization header (Basic, so Base64), or ``api_url`` with credentials.
    """
    token = base64.b64encode(f"{key}:{secret}".encode(errors=_client.ANY_TEXT)).decode().rstrip("=")
    module.no_log_values.update((token, *_spellings(key), *_spellings(secret)))
    if "@" in url:
        module.no_log_values.add(url)
    # A blank option would have Ansible mask every blank.
    module.no_log_values = {value for value in module.no_log_values if value.strip()}


def _spellings(value: str) -> set[str]:
    """Spell a credential as servers and libraries may repeat it, such as ``wörd+`` as ``w%C3%B6rd%2B`` in a URL."""
    texts = (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value))
    quoted = (quote(value, safe, errors=_client.ANY_TEXT) for safe in ("/", ""))
    spellings = {value, *quoted, quote_plus(value, errors=_client.ANY_TEXT), *(text[1:-1] for text in texts)}
    # An error's reason is one line, without a full stop at its end.
    return spellings | {_errors.printable(spelling) or "" for spelling in spellings}
