# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation is executed: commands and outputs of the pages, examples of the modules, the table of actions.

A page is read from top to bottom. A YAML block whose first line is a comment with a file name is written to that file.
A comment such as ``.. simulator: accept {"email": "alice@example.com"}`` is a call of the simulator. Each command that
begins with ``ansible`` is run and its output compared, where ``...`` stands for anything.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from ansible_collections.clickhouse.cloud.plugins.module_utils import _module
from clock import Clock
from component.harness import Runner
from e2e import runs

# Slow, and about the pages more than about ansible-core.
pytestmark = pytest.mark.extra

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/docsite/rst"
README = ROOT / "README.md"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))

MARKDOWN = re.compile(r"^```(?P<language>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RST = re.compile(
    r"^\.\. (?:code-block:: (?P<language>\S+)\n\n(?P<text>(?:(?: +.*)?\n)+)"
    r"|simulator: (?P<call>\w+) (?P<arguments>.*))",
    re.MULTILINE,
)
# Installing and key management need a network or a terminal.
NOT_RUN = re.compile(r"ansible-(galaxy|vault|builder) |.* --ask-vault-pass")


def parts(page):
    """The code blocks of a page, each with its language, and the calls of the simulator, in order."""
    pattern = MARKDOWN if page.suffix == ".md" else RST
    for found in pattern.finditer(page.read_text()):
        values = found.groupdict()
        if values.get("call"):
            yield values["call"], json.loads(values["arguments"])
        else:
            yield values["language"], textwrap.dedent(values["text"]).strip("\n") + "\n"


def blocks(page, language):
    """The code blocks of a page in one language."""
    return [text for kind, text in parts(page) if kind == language]


def table(page, header):
    """The rows of the tables of a page that have this header, each a list of its cells' text."""
    found = []
    for text in page.read_text().split(".. list-table::")[1:]:
        rows = re.findall(r"^   \* - (.+\n(?:     .+\n)*)", text, re.MULTILINE)
        first, *rows = [[" ".join(cell.split()) for cell in row.split("\n     - ")] for row in rows]
        found += rows if first[0] == header else []
    return found


def commands(text):
    """The commands of a console block, each with the output printed below it."""
    return re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)


def matches(printed, output):
    """Whether an output is as printed, where ``...`` stands for anything."""
    return doctest.OutputChecker().check_output(printed.rstrip() + "\n", output.rstrip() + "\n", doctest.ELLIPSIS)


@pytest.fixture
def run(simulator, tmp_path):
    """Run a command line in a shell, as a page prints it, and return what it printed to both streams."""

    def run(command, status=0, **environment):
        if runs.INTERPRETER and command.startswith(("ansible ", "ansible-playbook ")):
            command += f" -e ansible_python_interpreter={runs.INTERPRETER}"
        result = subprocess.run(
            ["bash", "-c", command],
            check=False,
            cwd=tmp_path,
            env=runs.environment(tmp_path, {**simulator.environment, **environment}),
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        assert result.returncode == status, result.stdout
        return result.stdout

    return run


@pytest.fixture
def play(run, tmp_path):
    """Run tasks in a play of their own."""

    def play(tasks, arguments="", environment=None, **play):
        plays = [{"hosts": "localhost", "gather_facts": False, **play, "tasks": tasks}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
        return run(f"ansible-playbook play.yml {arguments}", **(environment or {}))

    return play


@pytest.fixture(scope="module")
def ansible_doc():
    """What ansible-doc shows of the modules."""
    names = [f"clickhouse.cloud.{module}" for module in MODULES]
    output = subprocess.run(["ansible-doc", "--json", *names], check=True, capture_output=True, text=True).stdout
    return {name.rpartition(".")[2]: plugin for name, plugin in json.loads(output).items()}


@pytest.fixture
def task(simulator, monkeypatch):
    """Run a module without starting Ansible, and without waiting."""
    for name in simulator.environment:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_module, "time", Clock())
    return Runner(simulator)


# --- pages ------------------------------------------------------------------------------------------------------------

GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md"), *GUIDES.glob("*.rst")})
EXECUTED = [README, *(GUIDES / f"guide_{name}.rst" for name in ("quickstart", "access_list", "report", "credentials"))]


REPOSITORY, SITE = f"{GALAXY['repository']}/blob/main/", GALAXY["documentation"]


def sources(page):
    """The files of the repository to which a page links, by itself or by the documentation site."""
    modules, guides = "plugins/modules/{}.py", "docs/docsite/rst/{}.rst"
    places = {r"(\w+)_module\.html": modules, r"docsite/(\w+)\.html": guides, r"()": ""}
    for link in re.findall(r"\]\((?!mailto:|#)([^)#]+)", page.read_text()):
        if link.startswith(SITE):
            found = [(re.fullmatch(at, link.removeprefix(SITE)), source) for at, source in places.items()]
            yield ROOT / next((source.format(match[1]) for match, source in found if match), link)
        elif link.startswith(REPOSITORY) or "://" not in link:
            yield ROOT / link.removeprefix(REPOSITORY) if link.startswith(REPOSITORY) else page.parent / link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_and_its_site_lead_somewhere(page):
    assert [path for path in sources(page) if not path.exists()] == []


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md"])
def test_page_that_galaxy_shows_has_no_relative_links(name):
    assert re.findall(r"\]\((?!https://)[^)]*\)", (ROOT / name).read_text()) == []


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_commands_of_the_page_print_what_it_shows(run, simulator, tmp_path, page):
    executed = 0
    for kind, content in parts(page):
        if isinstance(content, dict):
            getattr(simulator, kind)(**content)
            continue
        name = re.match(r"# (\S+\.yml)\n", content)
        if name and "/" not in name[1]:
            (tmp_path / name[1]).write_text(content)
        for command, printed in commands(content) if kind == "console" else []:
            if command.startswith("ansible") and not NOT_RUN.match(command):
                output = run(command)
                executed += 1
                assert not printed.strip() or matches(printed, output), f"{command}\n{output}"
    assert executed


def test_make_targets_of_the_readme_exist():
    lines = [command for block in blocks(README, "console") for command, _output in commands(block)]
    targets = [line.split()[1] for line in lines if line.startswith("make ")]
    makefile = (ROOT / "Makefile").read_text()
    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)


def test_start_page_shows_the_playbook_of_the_readme():
    start = ROOT / "docs/site/index.rst"
    assert blocks(start, "yaml+jinja") == blocks(README, "yaml")


HOUR, DAY = 3600.0, 86400.0
THESE, OTHER = {"role_names": ["Developer"]}, {"role_names": ["Billing"]}
EXPIRES_SOON = {**THESE, "created_ago": 6 * DAY, "expires_in": 12 * HOUR}
FOUND = {
    "nothing": lambda _simulator, _email: None,
    "an invitation with these roles": lambda simulator, email: simulator.invite(email, **THESE),
    "an invitation with other roles": lambda simulator, email: simulator.invite(email, **OTHER),
    "an invitation that expires in 12 hours": lambda simulator, email: simulator.invite(email, **EXPIRES_SOON),
    "an expired invitation": lambda simulator, email: simulator.invite(email, **THESE, expired=True),
    "joined": lambda simulator, email: simulator.add_member(email, **THESE),
    "joined with these roles": lambda simulator, email: simulator.add_member(email, **THESE),
    "joined with other roles": lambda simulator, email: simulator.add_member(email, **OTHER),
}


@pytest.mark.parametrize(
    ("found", "desired", "action"),
    table(GUIDES / "guide_decisions.rst", "The person has"),
    ids=lambda cell: cell.replace("``", ""),
)
def test_action_of_the_guide_is_taken(task, simulator, found, desired, action):
    state, _comma, more = desired.replace("``", "").partition(", ")
    options = {"email": "alice@example.com", "state": state, **(yaml.safe_load(more) or {})}
    FOUND[found](simulator, "alice@example.com")
    result = task("membership", **options, roles=["Developer"])
    assert f"``{result['action']}``" == action
    assert len(simulator.emails) == (result["action"] in ("created", "replaced", "renewed"))


# --- messages ---------------------------------------------------------------------------------------------------------


def sentences_of_the_code():
    """The texts in the code, less docstrings; ``...`` stands for what is inserted."""
    for path in sorted((ROOT / "plugins/module_utils").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                values = [str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values]
                yield "".join(values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"\{\w*\}", "...", node.value)


@pytest.mark.parametrize("row", table(GUIDES / "guide_failures.rst", "It says"), ids=lambda row: row[0].strip("`"))
def test_message_of_the_guide_is_one_of_the_code(row):
    texts = list(sentences_of_the_code())
    pieces = [piece.strip(" ,;:()") for piece in row[0].strip("`").split("...")]
    missing = [piece for piece in pieces if piece and not any(piece in text for text in texts)]
    assert missing == []


def test_rescue_of_the_guide_goes_on_only_if_the_api_is_down(run, simulator, tmp_path):
    page = GUIDES / "guide_failures.rst"
    (playbook,) = [block for block in blocks(page, "yaml+jinja") if "rescue:" in block]
    (tmp_path / "rescue.yml").write_text(playbook)
    simulator.order_fault("rate_limited", headers={"X-RateLimit-Reset": "600"}, operation="list_roles")
    run("ansible-playbook rescue.yml")
    simulator.order_fault("status", operation="list_roles", status=400, body="envelope")
    assert "ClickHouse Cloud rejected the request" in run("ansible-playbook rescue.yml", status=2)


# --- credentials ------------------------------------------------------------------------------------------------------


def test_ansible_prints_credentials_in_the_cases_of_the_guide_alone(play, run, tmp_path):
    module = "clickhouse.cloud.role_info"
    by_option = {"name": "List roles", module: {"api_secret": "{{ secret }}"}, "ignore_errors": True}
    literal = {"name": "List roles", module: {"api_secret": "LITERAL"}, "ignore_errors": True}
    by_keyword = {**by_option, "environment": {"CLICKHOUSE_CLOUD_API_KEY": "{{ key }}"}, "no_log": True}
    shown = {"ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"}
    variables = "-vvvv -e @secrets.yml"
    (tmp_path / "secrets.yml").write_text("{secret: VARIABLE, key: KEYWORD}")
    assert "VARIABLE" not in play([by_option], variables, shown)
    output = play([literal, by_keyword], variables, shown)
    assert "api_secret=LITERAL" in output
    assert "CLICKHOUSE_CLOUD_API_KEY=KEYWORD" in output
    # Since ansible-core 2.19, for tasks that fail, with lines of the task before.
    before = {"name": "List roles", "when": False, module: {"api_secret": "LITERAL"}}
    assert "api_secret: LITERAL" in play([before, {**by_option, "no_log": True}])
    assert "LITERAL" in run(f"ansible localhost -m {module} -a api_secret=LITERAL", status=2)
    assert "LITERAL" in run(f"ansible localhost -m {module} -a 'api_secret=\"LITERAL'", status=4)


# --- modules ----------------------------------------------------------------------------------------------------------

# The examples of a module | people who get an email, in this order | people who are invited at the end.
EXAMPLES = {
    "invitation": (["alice", "bob", "bob", "carol"], ["bob", "carol"]),
    "invitations": (["alice", "bob", "alice"], ["bob", "alice"]),
    "membership": (["alice"], ["alice"]),
    "memberships": (["alice", "bob"], ["alice", "bob"]),
}


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_module_run(play, simulator, ansible_doc, module):
    emails, invited = EXAMPLES.get(module, ([], []))
    variables = {
        "vault_clickhouse_key": simulator.key,
        "vault_clickhouse_secret": simulator.secret,
        "clickhouse_organization_id": simulator.organization_id,
    }
    if module == "memberships":
        simulator.reset(founder="break-glass@example.com")
    tasks = yaml.safe_load(ansible_doc[module]["examples"])
    play(tasks, "--check --diff", vars=variables)
    assert simulator.emails == simulator.invitations == []
    play(tasks, "--diff", vars=variables)
    assert [each["email"] for each in simulator.emails] == [f"{name}@example.com" for name in emails]
    assert [each["email"] for each in simulator.invitations] == [f"{name}@example.com" for name in invited]


@pytest.mark.parametrize("module", MODULES)
def test_every_option_and_attribute_of_the_module_is_documented(ansible_doc, module):
    doc = ansible_doc[module]["doc"]
    assert doc["short_description"]
    attributes = {"check_mode", "diff_mode", "idempotent", "platform", "action_group"}
    assert set(doc["attributes"]) == attributes
    assert all(doc["attributes"][name]["description"] and doc["attributes"][name]["support"] for name in attributes)
    # Of two fragments that describe an attribute, the first one listed wins.
    assert doc["attributes"]["diff_mode"]["support"] == ("N/A" if module.endswith("_info") else "full")
    assert all(option["description"] and option["type"] for option in doc["options"].values())


# --- migration, simulator ---------------------------------------------------------------------------------------------


def test_task_of_the_migration_guide_does_what_the_uri_task_did(play, simulator):
    page = GUIDES / "guide_migration.rst"
    before, after = blocks(page, "yaml+jinja")
    before = before.replace("https://api.clickhouse.cloud", simulator.url)
    variables = {
        "api_key": simulator.key,
        "api_secret": simulator.secret,
        "organization_id": simulator.organization_id,
    }
    play(yaml.safe_load(before), vars=variables)
    assert len(simulator.emails) == 1
    nothing = dict.fromkeys(simulator.environment, "")
    address = {"CLICKHOUSE_CLOUD_API_URL": simulator.url}
    assert "changed=0" in play(yaml.safe_load(after), environment=nothing | address, vars=variables)


def test_commands_of_the_simulator_guide_print_what_it_shows(run, simulator):
    page = GUIDES / "guide_simulator.rst"
    (start, printed), *lines = [pair for block in blocks(page, "console") for pair in commands(block)]
    assert start == "make simulator"
    shown = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if line)
    assert list(shown) == list(simulator.environment)
    assert shown | {"CLICKHOUSE_CLOUD_API_URL": simulator.url} == simulator.environment
    for command, printed in lines:
        output = run(command)
        assert not printed.strip() or matches(printed, output), command
    control = {f"{method} {rule.rule}" for rule in simulator.app.url_map.iter_rules() for method in rule.methods}
    assert {row[0].strip("`") for row in table(page, "Call")} <= control
