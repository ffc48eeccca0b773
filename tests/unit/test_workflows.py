# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What a workflow makes or fetches before it names it, and changelog fragments, of which a release has none.
NOT_IN_GIT = ("artifact/", "build/", ".venv/", "changelogs/fragments")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_files_and_make_targets_that_a_workflow_names_exist(workflow):
    text = re.sub(r"^ *(?:uses:|#).*|https?://\S+", "", workflow.read_text(), flags=re.MULTILINE)
    paths = re.findall(r"(?<![\w./$}-])\.?[a-z][\w-]*(?:/[\w.*-]+)+|\b[\w-]+\.(?:md|py|txt|ya?ml)\b", text)
    assert [path for path in paths if not path.startswith(NOT_IN_GIT) and not (ROOT / path).exists()] == []
    targets = re.findall(r"^\w+(?=:)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake (\w+)", text)) <= set(targets)
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    named = re.findall(r"nox .*--session ([\w ]+)$", text, re.MULTILINE)
    assert {session for line in named for session in line.split()} <= set(sessions)
