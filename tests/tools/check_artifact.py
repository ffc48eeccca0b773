# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the collection's artifact is small and holds what users need, nothing else.

Usage: ``python tests/tools/check_artifact.py ARTIFACT``
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

MAX_BYTES = 200_000
CONTENTS = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
}


def main(artifact: Path) -> str | None:
    """Return what is wrong with the artifact, if anything is."""
    size = artifact.stat().st_size
    if size >= MAX_BYTES:
        return f"{artifact} has {size} bytes; fewer than {MAX_BYTES} are allowed."
    with tarfile.open(artifact) as archive:
        unexpected = [name for name in archive.getnames() if name.split("/")[0] not in CONTENTS]
    if unexpected:
        return f"{artifact} holds what no user needs; add to build_ignore in galaxy.yml: {', '.join(unexpected)}"
    print(f"{artifact}: {size} bytes")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
