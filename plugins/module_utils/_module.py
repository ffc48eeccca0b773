# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way from a task to the API and back: options and credentials in, exit_json or fail_json out."""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus
from urllib.request import getproxies

from ansible.module_utils.basic import AnsibleModule, _load_params, missing_required_lib
from ansible.module_utils.common.parameters import remove_values

from . import _api, _client, _errors, _options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_API_URL = "https://api.clickhouse.cloud"

# The second name of each is what the Terraform provider for ClickHouse Cloud reads.
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

# Seconds of waiting in all from which on a result says so.
LONG_WAIT = 10.0


def create_module(options: Mapping[str, Any], selects: Sequence[str] = (), **constraints: object) -> AnsibleModule:
    """Make the module, with the options that every module has. It ends if an option that selects people is null."""
    module = AnsibleModule(argument_spec={**COMMON_OPTIONS, **options}, supports_check_mode=True, **constraints)
    try:
        # In module.params, an option that was left out is null, too.
        _options.reject_nulls(_load_params(), selects)
    except _options.OptionError as error:
        module.fail_json(msg=str(error), error=_fault(str(error)))
    return module


def run(module: AnsibleModule, task: Callable[[AnsibleModule, _api.CloudApi], dict[str, Any]]) -> None:
    """Run a task and end the module with what it returns, or with its failure."""
    # Everything loaded so far stays until the end: spare the last garbage collection 35 ms of searching it.
    gc.freeze()
    client: _client.Client | None = None
    try:
        settings, organization_id = _settings(module)
        client = _client.Client(settings, time)
        result = task(module, _api.CloudApi(client, organization_id))
    except _options.OptionError as error:
        result = {"failed": True, "msg": str(error), "error": _fault(str(error))}
    except _errors.ApiError as error:
        result = {"failed": True, "msg": str(error), "error": error.as_result()}
    except Exception as error:  # noqa: BLE001  # pylint: disable=broad-except
        msg = f"Unforeseen {type(error).__name__} in the module itself; please report it with what led to it."
        result = {
            "failed": True,
            "msg": msg,
            "error": _fault(type(error).__name__),
            "exception": traceback.format_exc(),
        }
    for warning in result.pop("warnings", ()):
        # ansible-core 2.19 and newer mask what is returned, but not warnings.
        module.warn(remove_values(warning, module.no_log_values))
    if client:
        result["api"] = client.as_result()
        if client.waited >= LONG_WAIT:
            module.warn(
                f"Waited {client.waited:.0f} s in all for ClickHouse Cloud, which was throttling, late or out of reach."
            )
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _settings(module: AnsibleModule) -> tuple[_client.Settings, str | None]:
    """Find and check what every module needs; also the organization's ID, if it was given. Without requests, it ends.

    :raises OptionError: for what is missing or malformed.
    """
    _require_requests(module)
    found = {option: _find(module, option) for option in (*ENVIRONMENT, "ca_path")}
    key, key_origin = found["api_key"]
    secret, secret_origin = found["api_secret"]
    url, _url_origin = found["api_url"]
    ca_path, _ca_origin = found["ca_path"]
    _mask(module, key, secret, url)

    missing = [option for option in ("api_key", "api_secret") if not found[option][0]]
    if missing:
        places = " and ".join(f"{option} ({' or '.join(ENVIRONMENT[option])})" for option in missing)
        raise _options.OptionError(
            f"Missing: {places}; set it as an option of the task, or as an environment variable on the host that runs"
            " the module."
        )
    if ca_path and not os.access(ca_path, os.R_OK):
        raise _options.OptionError(f"ca_path: nothing can be read at {ca_path} on the host that runs the module.")
    organization_id, origin = found["organization_id"]
    settings = _client.Settings(
        api_key=key,
        api_secret=secret,
        api_url=_options.api_url(url or DEFAULT_API_URL),
        timeout=_options.seconds(module.params["api_timeout"], "api_timeout"),
        retry_timeout=_options.seconds(module.params["api_retry_timeout"], "api_retry_timeout"),
        verify=module.params["validate_certs"] and (ca_path or True),
        key_origin=key_origin,
        secret_origin=secret_origin,
    )
    return settings, _options.uuid(organization_id, f"organization_id, from {origin}") if organization_id else None


def _require_requests(module: AnsibleModule) -> None:
    """End the module if requests is missing or too old."""
    wanted = f"requests >= {'.'.join(map(str, _client.OLDEST_REQUESTS))}"
    if _client.REQUESTS_IMPORT_ERROR:
        msg = missing_required_lib(wanted)
        module.fail_json(msg=msg, error=_fault("requests is missing"), exception=_client.REQUESTS_IMPORT_ERROR)
    if _client.requests_version() < _client.OLDEST_REQUESTS:
        msg = f"The Python library requests is too old; install {wanted} for {sys.executable}, which runs the module."
        module.fail_json(msg=msg, error=_fault("requests is too old"))


def _find(module: AnsibleModule, option: str) -> tuple[str, str]:
    """Find an option's value and where it came from. Blank is unset: job schedulers render unfilled fields so."""
    value = (module.params[option] or "").strip()
    if value:
        return value, f"the option {option}"
    for name in ENVIRONMENT.get(option, ()):
        value = os.environ.get(name, "").strip()
        if value:
            return value, f"the environment variable {name}"
    return "", ""


def _mask(module: AnsibleModule, key: str, secret: str, url: str) -> None:
    """Have Ansible mask the credentials in whatever the module returns, in whichever way they came in."""
    token = base64.b64encode(f"{key}:{secret}".encode(errors=_client.ANY_TEXT)).decode().rstrip("=")
    module.no_log_values.update((token, *_spellings(key), *_spellings(secret)))
    if "@" in url:
        module.no_log_values.add(url)
    for proxy in getproxies().values():
        module.no_log_values.update(_proxy_passwords(proxy))
    # A blank option would have Ansible mask every blank.
    module.no_log_values = {value for value in module.no_log_values if value.strip()}


def _spellings(value: str) -> set[str]:
    """A credential as it is, and as servers and libraries may repeat it."""
    texts = (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value))
    quoted = (quote(value, safe, errors=_client.ANY_TEXT) for safe in ("/", ""))
    spellings = {value, *quoted, quote_plus(value, errors=_client.ANY_TEXT), *(text[1:-1] for text in texts)}
    # A reason is printed on one line, without a dot at its end.
    return spellings | {_errors.printable(spelling) or "" for spelling in spellings}


def _proxy_passwords(proxy: str) -> set[str]:
    """The password in a proxy's address, also as errors quote it who take a part of it for the host's name."""
    user, _colon, password = proxy.rpartition("@")[0].split("//", 1)[-1].partition(":")
    return {password, f"{user}:{re.split('[/?#]', password)[0]}"} if password else set()


def _fault(reason: str) -> dict[str, Any]:
    """The ``error`` of a failure that no call led to."""
    return _errors.ApiError(reason, reason).as_result()
