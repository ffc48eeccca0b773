# Copyright: Contributors to the clickhouse.cloud collection
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that every module has."""

    DOCUMENTATION = r"""
options:
  api_key:
    description:
      - Key ID of a ClickHouse Cloud API key. Required, as an option or in the environment.
      - If unset or empty, falls back to E(CLICKHOUSE_CLOUD_API_KEY), then E(CLICKHOUSE_TOKEN_KEY).
    type: str
  api_secret:
    description:
      - Secret of the API key. Required, as an option or in the environment.
      - If unset or empty, falls back to E(CLICKHOUSE_CLOUD_API_SECRET), then E(CLICKHOUSE_TOKEN_SECRET).
    type: str
  organization_id:
    description:
      - ID of the organization to work on.
      - If unset or empty, falls back to E(CLICKHOUSE_CLOUD_ORGANIZATION_ID), then E(CLICKHOUSE_ORG_ID), otherwise the
        key's own organization (one more request).
    type: str
  api_url:
    description:
      - Base URL of the API, with or without a trailing V(/v1) or V(/). Plain V(http) is accepted for loopback addresses
        only.
      - If unset or empty, falls back to E(CLICKHOUSE_CLOUD_API_URL), then E(CLICKHOUSE_API_URL), otherwise
        V(https://api.clickhouse.cloud).
    type: str
  api_timeout:
    description:
      - Timeout for one HTTP response, in seconds.
    type: float
    default: 30
  api_retry_timeout:
    description:
      - How long, in seconds, to retry one API call.
      - Until the API has responded once, refused connections and unresolved names are retried for ten seconds at most.
    type: float
    default: 120
  validate_certs:
    description:
      - Whether to verify the API's certificate.
    type: bool
    default: true
  ca_path:
    description:
      - CA bundle to trust instead of the default CAs, on the host that runs the module. A directory needs
        C(openssl rehash).
    type: path
requirements:
  - python >= 3.9
  - requests >= 2.28
notes:
  - Environment variables are those of the host that runs the module. On localhost, environment variables are the
    simplest way to pass the key.
  - ClickHouse Cloud limits each API key to 10 requests per 10 seconds. Modules wait as long as the API tells them to,
    within O(api_retry_timeout).
"""

    # Options of the modules that write.
    WRITING = r"""
options:
  renew_before:
    description:
      - Resend an invitation that has expired or will expire within this duration, such as V(36h), V(2d), V(90m) or
        V(1d12h). With the default, only expired invitations are resent. V(0) means V(0s).
      - V(never) leaves expired invitations alone, so that a person who does not answer is not emailed again and again.
      - Ignored, with a warning, if the invitation's whole lifetime is not longer than this, because every run would
        send an email.
    type: str
    default: 0s
  resend:
    description:
      - Resend even a valid, matching invitation, for example because the email got lost. Every run sends an email.
      - Members are not affected.
    type: bool
    default: false
attributes:
  idempotent:
    details:
      - An invitation that expires between two runs is resent, unless O(renew_before=never).
      - With O(resend=true), every run sends an email.
notes:
  - The API key needs the permissions C(control-plane:organization:view) and C(control-plane:organization:manage). For
    check mode, the first is enough if every role in the task is already assigned to somebody.
  - Run one task at a time per organization, for example with C(run_once). Concurrent tasks may both invite a person.
"""

    # Options of the modules for one person.
    PERSON = r"""
options:
  role:
    description:
      - Legacy role, for an organization without custom roles. Deprecated by the API; prefer O(roles).
      - O(state=present) requires exactly one of O(role) and O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles. A role is found by its ID, then by its exact name, then by its name
        ignoring case if only one role matches.
      - An element may contain several names, one per line.
    type: list
    elements: str
"""

    # Options of the modules for a roster.
    ROSTER = r"""
options:
  emails:
    description:
      - Shorthand for roster entries without their own roles. An element may contain several addresses, separated by
        whitespace, commas or semicolons. Empty elements are ignored.
    type: list
    elements: str
  role:
    description:
      - Legacy role for entries without their own roles, in an organization without custom roles. Deprecated by the API;
        prefer O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles for entries without their own roles. A role is found by its ID, then by
        its exact name, then by its name ignoring case if only one role matches.
      - An element may contain several names, one per line.
    type: list
    elements: str
"""
