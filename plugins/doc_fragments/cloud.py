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
      - Key ID of a ClickHouse Cloud API key, which needs the permission C(control-plane:organization:manage).
      - If it is not set or empty, the first non-empty of the environment variables E(CLICKHOUSE_CLOUD_API_KEY) and
        E(CLICKHOUSE_TOKEN_KEY) is taken.
      - Required, as an option or in the environment.
    type: str
  api_secret:
    description:
      - Secret of the API key.
      - If it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_API_SECRET) and
        E(CLICKHOUSE_TOKEN_SECRET) is taken.
      - Required, as an option or in the environment.
    type: str
  organization_id:
    description:
      - ID of the organization to work on.
      - If it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_ORGANIZATION_ID) and
        E(CLICKHOUSE_ORG_ID) is taken, and failing that the organization of the API key, which costs one request.
    type: str
  api_url:
    description:
      - Address of the API, with or without a trailing V(/v1) or V(/). Plain V(http) is only taken for the local host.
      - If it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_API_URL) and E(CLICKHOUSE_API_URL) is
        taken, and failing that V(https://api.clickhouse.cloud).
    type: str
  api_timeout:
    description:
      - Longest wait for one HTTP response, in seconds.
    type: float
    default: 30
  api_retry_timeout:
    description:
      - Longest time in seconds that one call is retried before the task fails.
      - An address where nothing listens, or a name that is not resolved, is retried for at most ten seconds until the
        API has responded once.
    type: float
    default: 120
  validate_certs:
    description:
      - Whether to verify the API's certificate.
    type: bool
    default: true
  ca_path:
    description:
      - CA bundle to trust, on the host that runs the module, instead of its default CAs. A directory needs
        C(openssl rehash).
    type: path
requirements:
  - python >= 3.9
  - requests >= 2.28
notes:
  - The environment is that of the host which runs the module. For runs on localhost it is the simplest way to pass
    the key.
  - ClickHouse Cloud takes 10 requests in 10 seconds for each API key. Modules wait as long as it asks them to, within
    O(api_retry_timeout).
"""

    # Options of the modules that write.
    WRITING = r"""
options:
  renew_before:
    description:
      - Resend an invitation that has expired or expires within this time, a duration such as V(36h), V(2d), V(90m) or
        V(1d12h). V(0) is V(0s).
      - V(never) leaves an expired invitation alone, so that a person who does not answer is not emailed again and
        again.
      - Ignored, with a warning, if an invitation's whole lifetime is not longer than this, since every run would send
        an email.
    type: str
    default: 0s
  resend:
    description:
      - Also resend an invitation that is live and as desired, because the email got lost. Every run sends an email.
      - Members are left alone.
    type: bool
    default: false
attributes:
  idempotent:
    details:
      - Time counts as a change. An invitation that expires between two runs is resent, unless O(renew_before=never).
      - With O(resend=true) every run sends an email.
notes:
  - Run one task at a time for an organization, for example with C(run_once). Two at the same moment may both invite a
    person.
"""

    # Options of the modules for one person.
    PERSON = r"""
options:
  role:
    description:
      - Legacy role, for an organization without custom roles. The API calls it deprecated; prefer O(roles).
      - O(state=present) takes exactly one of O(role) and O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles. A role is found by its ID, then by its exact name, then by its name
        ignoring case if only one role has it.
      - An element may hold several names, one a line.
      - Names cost one more request than IDs.
    type: list
    elements: str
"""

    # Options of the modules for a roster.
    ROSTER = r"""
options:
  emails:
    description:
      - Short for entries of the roster without roles of their own. An element may hold several addresses, separated by
        whitespace, commas or semicolons. Blank ones are dropped.
    type: list
    elements: str
  role:
    description:
      - Legacy role for entries that have no roles of their own, in an organization without custom roles. The API calls
        it deprecated; prefer O(roles).
    type: str
    choices: [admin, developer]
  roles:
    description:
      - Names or IDs of system or custom roles for entries that have no roles of their own. A role is found by its ID,
        then by its exact name, then by its name ignoring case if only one role has it.
      - An element may hold several names, one a line.
      - Names cost one more request for the whole roster than IDs.
    type: list
    elements: str
"""
