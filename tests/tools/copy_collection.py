# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the collection's sources, those that git tracks and those that it does not ignore.

Usage: ``python tests/tools/copy_collection.py TARGET``, in the root of the checkout. What was at TARGET is removed.

The copy is a git repository of its own: tools that ask git for the files below build/ would otherwise be told none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def copy_collection(target: Path) -> None:
    """Copy the sources to the target folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    shutil.rmtree(target, ignore_errors=True)
    for source in filter(Path.is_file, map(Path, names)):
        (target / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / source)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", target], check=True)


if __name__ == "__main__":
    copy_collection(Path(sys.argv[1]))
