# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow every link within a site, down to the anchors. Links to other sites are left alone.

Usage: ``python tests/tools/check_links.py FOLDER``
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down where an element can be reached, and where it leads."""
        values = dict(attrs)
        self.anchors |= {values[name] or "" for name in ("id", "name") if name in values and tag != "input"}
        self.links += [values[name] or "" for name in ("href", "src") if name in values]


def main(folder: Path) -> str | None:
    """Return the links that lead nowhere, if there are any."""
    folder = folder.resolve()
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    followed, broken = 0, []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            followed += 1
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchors = pages[target].anchors if target in pages else {""}
            if not target.is_file() or not target.is_relative_to(folder) or unquote(url.fragment) not in anchors:
                broken.append(f"{path.relative_to(folder)}: {link}")
    if broken:
        return "\n".join(["These links lead nowhere:", *broken])
    if not followed:
        return f"{folder} has no links."
    print(f"{len(pages)} pages, {followed} links within them")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
