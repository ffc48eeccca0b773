# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the collection's artifact is small, and holds all that users need and nothing else.

Usage: ``python tests/tools/check_artifact.py ARTIFACT``
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

MAX_BYTES = 200_000
# Files, and folders with whatever is in them.
CONTENTS = {
    "CHANGELOG.md",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "changelogs/changelog.yaml",
    "docs/docsite",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def main(artifact: Path) -> str | None:
    """Return what is wrong with the artifact, if anything is."""
    size = artifact.stat().st_size
    if size >= MAX_BYTES:
        return f"{artifact} has {size} bytes; fewer than {MAX_BYTES} are allowed."
    with tarfile.open(artifact) as archive:
        names = [Path(member.name) for member in archive if not member.isdir()]
    parents = {str(path) for name in names for path in (name, *name.parents)}
    if missing := CONTENTS - parents:
        return f"{artifact} lacks {', '.join(sorted(missing))}"
    if unexpected := [str(name) for name in names if CONTENTS.isdisjoint(map(str, (name, *name.parents)))]:
        return f"{artifact} holds what no user needs; add to build_ignore in galaxy.yml: {', '.join(unexpected)}"
    print(f"{artifact}: {size} bytes")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
