#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_key_info
short_description: List the API keys of a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Lists the API keys of a ClickHouse Cloud organization, in one request. The API does not return secrets.
  - An API key keeps its access when the person who created it leaves. The API does not say who created a key.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.attributes.info_module
  - clickhouse.cloud.attributes
notes:
  - The API key needs the permission C(control-plane:organization:view-api-keys).
seealso:
  - module: clickhouse.cloud.membership_info
  - module: clickhouse.cloud.role_info
"""

EXAMPLES = r"""
- name: List the API keys
  clickhouse.cloud.api_key_info:
  register: organization

- name: Show the keys that never expire
  ansible.builtin.debug:
    msg: "{{ organization.api_keys | rejectattr('expire_at') | map(attribute='name') }}"
"""

RETURN = r"""
api_keys:
  description:
    - The API keys, sorted by name. Fields that the API does not send are V(null).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 7c1b8a52-2f0e-4b7e-9a53-5a8b7b0a6c11
      name: Ansible
      state: enabled
      assigned_roles:
        - role_id: 0d5cbd44-6ea1-4bb0-9f0e-1b2fd8a0f8f4
          role_name: Admin
          role_type: system
      role_names: [Admin]
      key_suffix: a1B2
      created_at: "2026-01-12T12:00:00.000Z"
      expire_at: null
      used_at: "2026-11-23T12:00:00.000Z"
      expired: false
      ip_access_list:
        - source: 192.0.2.0/24
          description: CI runners
  contains:
    id:
      description: ID of the key. This is not the key ID that authenticates.
      type: str
    name:
      description: Name of the key.
      type: str
    state:
      description: V(enabled) or V(disabled).
      type: str
    assigned_roles:
      description: System and custom roles, with C(role_id), C(role_name) and C(role_type).
      type: list
      elements: dict
    role_names:
      description:
        - Names of the roles, or the legacy roles if the API does not send others.
        - A name that would not identify its role is followed by the role's ID.
      type: list
      elements: str
    key_suffix:
      description: Last four characters of the key ID that authenticates.
      type: str
    created_at:
      description: When the key was created, as returned by the API.
      type: str
    expire_at:
      description: When the key expires, as returned by the API. V(null) if it never does.
      type: str
    used_at:
      description: When the key was last used, to the minute, as returned by the API. V(null) if it never was.
      type: str
    expired:
      description: Whether the key has expired, by the clocks of both the API and the host that runs the module.
      type: bool
    ip_access_list:
      description: Addresses from which the key is accepted.
      type: list
      elements: dict
      contains:
        source:
          description: IP address or CIDR block.
          type: str
        description:
          description: Its description.
          type: str
api:
  description: Number of API requests that the task sent, and how long it waited.
  returned: when the connection settings are valid
  type: dict
  sample:
    requests: 3
    retries: 0
    waited: 0.0
  contains:
    requests:
      description: Requests sent, including retries.
      type: int
    retries:
      description: Retries among them.
      type: int
    waited:
      description: Seconds waited before retries.
      type: float
error:
  description: Structured details for C(rescue) blocks; RV(ignore:msg) has the explanation.
  returned: failure
  type: dict
  sample:
    status: 403
    reason: FORBIDDEN
    request_id: 0d4bb0f2-54b5-4a4e-a4a4-5b8a4d5a9b8e
    method: GET
    path: /v1/organizations/3d6f0a51-64a9-4a7e-8a57-3b7a5b0a3c10/keys
  contains:
    status:
      description: HTTP status, V(null) if there was no response.
      type: int
    reason:
      description: The API's error text, or the exception's.
      type: str
    request_id:
      description: Request ID to quote to ClickHouse support.
      type: str
    method:
      description: HTTP method of the failed request.
      type: str
    path:
      description: Path of the failed request.
      type: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils import _module, _roles

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api


def read(_ansible: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Read the API keys, and return the result."""
    keys = sorted(api.api_keys(), key=lambda key: ((key.name or "").casefold(), key.id))
    now, alike = api.client.now(), _roles.alike(keys)
    return {
        "changed": False,
        "api_keys": [{**key.as_result(now), "role_names": _roles.labels(key, alike)} for key in keys],
    }


def main() -> None:
    """Run the module."""
    _module.run(_module.create_module({}), read)


if __name__ == "__main__":
    main()
