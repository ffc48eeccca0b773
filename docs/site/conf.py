# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the documentation site of the pages that antsibull-docs writes, for ``make docs``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from docutils import nodes

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

GALAXY = yaml.safe_load(Path(__file__).parents[2].joinpath("galaxy.yml").read_text())

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
version = release = GALAXY["version"]
author = GALAXY["authors"][0]
project_copyright = author

extensions = ["sphinx_antsibull_ext"]
# An index over all collections' variables, of which a module has none.
exclude_patterns = ["environment_variables.rst"]
default_role = "any"
highlight_language = "yaml+jinja"
nitpicky = True
pygments_style = "ansible"

html_theme = "sphinx_ansible_theme"
html_theme_options = {
    "display_version": False,
    "documentation_home_url": GALAXY["homepage"],
    "show_rtd_ethical_ads": False,
    "topbar_links": {"Repository": GALAXY["repository"], "Issues": GALAXY["issues"]},
}
html_title = html_short_title = project
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False

# Labels of Ansible's own pages to which antsibull-docs refers. To resolve them by intersphinx takes a network.
ANSIBLE_DOCS = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_LABELS = {
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}


def link_to_ansible(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    """Make a reference to one of Ansible's own pages a plain link."""
    if node["reftype"] != "ref" or node["reftarget"] not in ANSIBLE_LABELS:
        return None
    return nodes.reference("", "", text, refuri=ANSIBLE_DOCS + ANSIBLE_LABELS[node["reftarget"]], internal=False)


def correct_titles(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Make ``clickhouse.cloud.membership module -- ...`` of a title short, and ``Clickhouse.Cloud`` lower case."""
    text = source[0].replace(project.title(), project)
    source[0] = re.sub(rf"^{re.escape(project)}\.(\w+) \w+ -- ", r"\1 -- ", text, flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Have Sphinx ask for what it cannot resolve, and for the titles of each page."""
    app.connect("missing-reference", link_to_ansible)
    app.connect("source-read", correct_titles)
