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
      - Where it is not set or empty, the first non-empty of the environment variables E(CLICKHOUSE_CLOUD_API_KEY) and
        E(CLICKHOUSE_TOKEN_KEY) is taken.
      - Required, as an option or in the environment.
    type: str
  api_secret:
    description:
      - Secret of the API key.
      - Where it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_API_SECRET) and
        E(CLICKHOUSE_TOKEN_SECRET) is taken.
      - Required, as an option or in the environment.
    type: str
  organization_id:
    description:
      - ID of the organization to work on.
      - Where it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_ORGANIZATION_ID) and
        E(CLICKHOUSE_ORG_ID) is taken, and failing that the organization of the API key, which costs one request.
    type: str
  api_url:
    description:
      - Address of the API, with or without a trailing V(/v1) or V(/). Plain V(http) is only taken for the local host.
      - Where it is not set or empty, the first non-empty of E(CLICKHOUSE_CLOUD_API_URL) and E(CLICKHOUSE_API_URL) is
        taken, and failing that V(https://api.clickhouse.cloud).
    type: str
  api_timeout:
    description:
      - Longest wait for one HTTP answer, in seconds.
    type: float
    default: 30
  api_retry_timeout:
    description:
      - Longest time in seconds that one call is retried before the task fails.
    type: float
    default: 120
  validate_certs:
    description:
      - Whether to verify the API's certificate.
    type: bool
    default: true
  ca_path:
    description:
      - CA bundle to trust, on the host that runs the module, instead of its default CAs.
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

    # What a module that writes has besides.
    WRITING = r"""
options:
  renew_before:
    description:
      - Send an invitation anew once it has expired or expires within this time, a duration such as V(36h), V(2d),
        V(90m) or V(1d12h).
      - V(0s), or V(0), sends it anew once it has expired.
      - V(never) leaves an expired invitation as it is, so that a person who does not answer is not written to again
        and again.
      - Ignored, with a warning, for an invitation whose whole lifetime is not longer than this, since every run would
        send an email.
    type: str
    default: 0s
attributes:
  idempotent:
    details:
      - Time counts as a change. An invitation that expires between two runs is sent anew, unless
        O(renew_before=never).
notes:
  - Let only one task at a time write for an organization, for example with C(run_once). Two at the same moment may
    both invite a person.
"""
