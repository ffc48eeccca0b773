# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages tell the truth: what they print is run, and what they claim is tried."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/docsite/rst"
MODULES = ("invitation", "invitation_info", "invitations")


def blocks(page, language):
    """The code blocks of a page in one language, whether it is Markdown or reStructuredText."""
    text = page.read_text()
    if page.suffix == ".md":
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?: +.*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(block).strip("\n") + "\n" for block in found]


def table(page, header):
    """The rows of the one table of a page that has this header, each a list of its cells' text."""
    if page.suffix == ".md":
        rows = re.search(rf"^\| {re.escape(header)} .*\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)[1]
        return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows.splitlines()]
    rows = re.findall(r"^ +\* - (.*\n(?: +- .*\n)+)", page.read_text(), re.MULTILINE)
    rows = [[cell.strip() for cell in re.split(r"\n +- ", row)] for row in rows]
    start = next(index for index, row in enumerate(rows) if row[0] == header)
    return [row for row in rows[start + 1 :] if len(row) == len(rows[start])]


def commands(page):
    """The commands of a page, each with the output printed below it."""
    text = "".join(blocks(page, "console"))
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)


def looks_like(printed, output):
    """Whether output is as printed, where ``...`` stands for anything, and each run has IDs and times of its own."""
    for varying in (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"):
        printed, output = re.sub(varying, "<>", printed), re.sub(varying, "<>", output)
    return doctest.OutputChecker().check_output(printed.rstrip() + "\n", output.rstrip() + "\n", doctest.ELLIPSIS)


@pytest.fixture
def simulator():
    with Simulator(rate_limit="0") as simulator:
        yield simulator


@pytest.fixture
def run(simulator, tmp_path):
    """Run a command line in a shell, as a page prints it, and return what it printed to both streams."""

    def run(command, status=0, **environment):
        interpreter = os.environ.get("CLICKHOUSE_CLOUD_TEST_INTERPRETER")
        if interpreter and command.startswith(("ansible ", "ansible-playbook ")):
            command += f" -e ansible_python_interpreter={interpreter}"
        result = subprocess.run(
            ["bash", "-c", command],
            check=False,
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_HOME": str(tmp_path / ".ansible"),
                "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_PIPELINING": "true",
                "HOME": str(tmp_path),
                **simulator.environment,
                **environment,
            },
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert result.returncode == status, result.stdout
        return result.stdout

    return run


@pytest.fixture
def play(run, tmp_path):
    """Run tasks, and return the results that they registered, by name."""

    def play(tasks, status=0, arguments="", environment=None, **play):
        names = [task["register"] for task in tasks if "register" in task]
        results = {name: f"{{{{ {name} }}}}" for name in names}
        keep = {"ansible.builtin.copy": {"content": results, "dest": str(tmp_path / "results.json"), "mode": "0600"}}
        plays = [{"hosts": "localhost", "gather_facts": False, **play, "tasks": [*tasks, keep] if names else tasks}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))
        output = run(f"ansible-playbook play.yml {arguments}", status, **(environment or {}))
        return json.loads((tmp_path / "results.json").read_text()) if names else output

    return play


@pytest.fixture(scope="module")
def documented():
    """What ansible-doc knows of the modules."""
    names = [f"clickhouse.cloud.{module}" for module in MODULES]
    output = subprocess.run(["ansible-doc", "--json", *names], check=True, capture_output=True, text=True).stdout
    return {name.rpartition(".")[2]: plugin["doc"] for name, plugin in json.loads(output).items()}


PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md"), *GUIDES.glob("*.rst")})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", GUIDES / "guide_lifecycle.rst"], ids=lambda page: page.name)
def test_the_picture_of_the_life_is_the_same_everywhere(page):
    (picture,) = blocks(page, "text")
    assert textwrap.dedent(picture).strip() == textwrap.dedent(blocks(ROOT / "README.md", "text")[0]).strip()


# --- README ---------------------------------------------------------------------------------------------------------


README = ROOT / "README.md"


def test_the_tasks_of_the_readme_run(play, run, simulator, tmp_path):
    examples = [yaml.safe_load(block) for block in blocks(README, "yaml")]
    tasks = [task for example in examples if isinstance(example, list) for task in example if "hosts" not in task]
    play(tasks)
    assert {invitation["email"] for invitation in simulator.invitations} == {
        "alice@example.com",
        "bob@example.com",
        "carol@example.com",
    }
    assert {name.removeprefix("clickhouse.cloud.") for task in tasks for name in task} >= set(MODULES)

    (plays,) = [example for example in examples if isinstance(example, list) and "hosts" in example[0]]
    (vault,) = [example for example in examples if isinstance(example, dict)]
    values = dict(zip(vault, (simulator.key, simulator.secret), strict=True))
    folder = tmp_path / "group_vars/all"
    folder.mkdir(parents=True)
    (folder / "clickhouse.yml").write_text(yaml.safe_dump(values))
    (tmp_path / "password").write_text("a password")
    run(re.search(r"`(ansible-vault [^`]+)`", README.read_text())[1] + " --vault-password-file password")
    (tmp_path / "site.yml").write_text(yaml.safe_dump(plays))
    simulator.reset()
    run(
        "ansible-playbook site.yml --vault-password-file password",
        CLICKHOUSE_CLOUD_API_KEY="",
        CLICKHOUSE_CLOUD_API_SECRET="",
    )
    assert [invitation["email"] for invitation in simulator.invitations] == ["bob@example.com"]


def test_the_commands_of_the_readme_run(run, simulator):
    lines = [command for command, _output in commands(README)]
    one_liners = [line for line in lines if line.startswith(("ansible ", "ansible-playbook "))]
    assert len(one_liners) == 4
    for line in one_liners:
        run(line)
    assert len(simulator.emails) == 1
    assert simulator.invitations == []
    makefile = (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in lines if line.startswith("make ")]
    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_options_of_the_readme_are_those_of_the_modules(documented):
    own, common = table(README, "option | of"), table(README, "option | environment")
    shared = {row[0].strip("`"): row for row in common}
    for module, doc in documented.items():
        names = {row[0].strip("`") for row in own if row[1] in (f"`{module}`", *["both"] * (module != MODULES[1]))}
        assert names | set(shared) == set(doc["options"])
    for name, of, default, _meaning in own:
        modules = ["invitation", "invitations"] if of == "both" else [of.strip("`")]
        for module in modules:
            value = documented[module]["options"][name.strip("`")].get("default")
            assert default.strip("`") == ("" if value is None else json.dumps(value).strip('"'))
    options = documented["invitation"]["options"]
    for name, (_name, variables, default) in shared.items():
        text = " ".join(options[name]["description"])
        assert re.findall(r"E\((\w+)\)", text) == re.findall(r"`(\w+)`", variables)
        value = options[name].get("default")
        assert value is None or default.startswith(f"`{json.dumps(value)}`")


def test_the_actions_of_the_readme_are_those_of_the_modules(documented, play):
    result = play([{"clickhouse.cloud.invitations": {"emails": [], "state": "absent"}, "register": "roster"}])
    assert {row[0].strip("`") for row in table(README, "`action`")} | {"failed"} == set(result["roster"]["summary"])


def test_what_ansible_prints_of_credentials(play, run):
    by_option = {"name": "Look", "clickhouse.cloud.invitation_info": {"api_secret": "{{ secret }}"}}
    literal = {"name": "Look", "clickhouse.cloud.invitation_info": {"api_secret": "LITERAL"}}
    by_keyword = {**by_option, "environment": {"CLICKHOUSE_CLOUD_API_KEY": "KEYWORD"}, "no_log": True}
    shown = {"ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"}
    tried = [{**task, "ignore_errors": True} for task in (by_option, literal, by_keyword)]
    quiet = play(tried[:1], arguments="-vvvv", environment=shown, vars={"secret": "VARIABLE"})
    assert "VARIABLE" not in quiet
    loud = play(tried, arguments="-vvvv", environment=shown, vars={"secret": "VARIABLE"})
    assert "api_secret=LITERAL" in loud
    assert "CLICKHOUSE_CLOUD_API_KEY=KEYWORD" in loud
    version = tuple(map(int, re.search(r"core (\d+)\.(\d+)", run("ansible --version")).groups()))
    below = {"clickhouse.cloud.invitation_info": {"emails": []}, "ignore_errors": True}
    above = {"clickhouse.cloud.invitation_info": {"api_secret": "LITERAL"}, "ignore_errors": True}
    assert ("api_secret: LITERAL" in play([above, below], environment={"CLICKHOUSE_CLOUD_API_SECRET": "wrong"})) == (
        version >= (2, 19)
    )


# --- The life of an invitation ------------------------------------------------------------------------------------


HOUR, DAY = 3600.0, 86400.0
THESE, OTHER = {"role_names": ["Developer"]}, {"role_names": ["Billing"]}
FOUND = {
    "nothing": lambda _simulator, _email: None,
    "an invitation with these roles": lambda simulator, email: simulator.invite(email, **THESE),
    "an invitation with other roles": lambda simulator, email: simulator.invite(email, **OTHER),
    "an invitation that expires in 12 hours": lambda simulator, email: simulator.invite(
        email, **THESE, created_ago=6 * DAY, expires_in=12 * HOUR
    ),
    "an invitation that lives for 12 hours in all": lambda simulator, email: simulator.invite(
        email, **THESE, created_ago=0, expires_in=12 * HOUR
    ),
    "an invitation that has expired": lambda simulator, email: simulator.invite(email, **THESE, expired=True),
    "two invitations, one with these roles": lambda simulator, email: (
        simulator.invite(email, **THESE),
        simulator.invite(email, **OTHER),
    ),
    "two invitations with other roles": lambda simulator, email: (
        simulator.invite(email, **OTHER),
        simulator.invite(email, role_names=["Admin"]),
    ),
    "a member with these roles": lambda simulator, email: simulator.add_member(email, **THESE),
    "a member with other roles": lambda simulator, email: simulator.add_member(email, **OTHER),
}


def test_every_case_of_the_lifecycle_guide(play, simulator):
    rows = table(GUIDES / "guide_lifecycle.rst", "Found")
    wanted = []
    for number, (found, state, _action, _emails) in enumerate(rows):
        email = f"person{number:02}@example.com"
        FOUND[found](simulator, email)
        state, _, renew_before = state.replace("``", "").partition(", renew_before: ")
        options = {"email": email, "state": state, "roles": ["Developer"]}
        wanted.append(options | ({"renew_before": renew_before} if renew_before else {}))
    assert {row[0] for row in rows} == set(FOUND)
    task = {
        "clickhouse.cloud.invitation": {
            "email": "{{ item.email }}",
            "state": "{{ item.state }}",
            "roles": "{{ item.roles }}",
            "renew_before": "{{ item.renew_before | default(omit) }}",
        },
        "loop": wanted,
        "register": "done",
    }
    results = play([task])["done"]["results"]
    sent = [email["email"] for email in simulator.emails]
    for row, options, result in zip(rows, wanted, results, strict=True):
        action = f"``{result['action']}``" + (", with a warning" if result.get("warnings") else "")
        assert [*row[:2], action, str(sent.count(options["email"]))] == row


def test_the_lifecycle_guide_sends_an_invitation_again(play, run, simulator):
    page = GUIDES / "guide_lifecycle.rst"
    ((command, _output),) = commands(page)
    simulator.invite("alice@example.com", **THESE, created_ago=2 * HOUR, expires_in=7 * DAY - 2 * HOUR)
    run(command)
    assert len(simulator.emails) == 1
    tasks = yaml.safe_load(blocks(page, "yaml")[0])
    play([task for task in tasks if "ansible.builtin.pause" not in task])
    assert len(simulator.emails) == 2


# --- One-liners -----------------------------------------------------------------------------------------------------


def test_the_one_liners(run, simulator, tmp_path):
    page = GUIDES / "guide_adhoc.rst"
    (tmp_path / ".vault-password").write_text("a password")
    (variables,) = blocks(page, "yaml")
    values = dict(zip(yaml.safe_load(variables), (simulator.key, simulator.secret), strict=True))
    (tmp_path / "clickhouse.yml").write_text(yaml.safe_dump(values))
    run(re.search(r"``(ansible-vault [^`]+)``", page.read_text())[1])
    lines = [(command, printed) for command, printed in commands(page) if not command.startswith(("export", "read"))]
    assert len(lines) > 15
    for command, printed in lines:
        output = run(command)
        assert not printed.strip() or looks_like(printed, output), command
    assert sorted(invitation["email"] for invitation in simulator.invitations) == [
        "dave@example.com",
        "erin@example.com",
    ]
    assert len(simulator.emails) == 7
