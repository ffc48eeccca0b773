#!/usr/bin/python
# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_info
short_description: List the roles of a ClickHouse Cloud organization
version_added: 1.0.0
author: Contributors to the clickhouse.cloud collection (!UNKNOWN)
description:
  - Lists the system and custom roles of a ClickHouse Cloud organization, in one request.
extends_documentation_fragment:
  - clickhouse.cloud.cloud
  - clickhouse.cloud.attributes.info_module
  - clickhouse.cloud.attributes
notes:
  - The API key needs the permission C(control-plane:organization:manage).
seealso:
  - module: clickhouse.cloud.membership
  - module: clickhouse.cloud.invitation
"""

EXAMPLES = r"""
- name: List the roles
  clickhouse.cloud.role_info:
  register: organization

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ organization.roles | map(attribute='role_name') }}"
"""

RETURN = r"""
roles:
  description:
    - The roles, sorted by name.
  returned: success
  type: list
  elements: dict
  sample:
    - role_id: 0d5cbd44-6ea1-4bb0-9f0e-1b2fd8a0f8f4
      role_name: Member
      role_type: system
  contains:
    role_id:
      description: ID of the role.
      type: str
    role_name:
      description: Name of the role.
      type: str
    role_type:
      description: V(system) or V(custom).
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
    path: /v1/organizations/3d6f0a51-64a9-4a7e-8a57-3b7a5b0a3c10/invitations
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

from ..module_utils import _module

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils import _api


def read(_ansible: AnsibleModule, api: _api.CloudApi) -> dict[str, Any]:
    """Read the roles, and return the result."""
    roles = sorted(api.roles(), key=lambda role: ((role.name or "").casefold(), role.id))
    return {"changed": False, "roles": [role.as_result() for role in roles]}


def main() -> None:
    """Run the module."""
    _module.run(_module.create_module({}), read)


if __name__ == "__main__":
    main()
