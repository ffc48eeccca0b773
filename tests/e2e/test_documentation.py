# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages tell the truth: what they print is run, and what they claim is tried."""

from __future__ import annotations

import ast
import doctest
import json
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import trustme
import yaml
from ansible_collections.clickhouse.cloud.plugins.module_utils import _client, _module, _plan
from component.harness import Runner, SkippingClock, run_module
from e2e import runs
from simulator import Simulator

# It takes long, and is about the pages more than about ansible-core.
pytestmark = pytest.mark.extra

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/docsite/rst"
MODULES = ("invitation", "invitation_info", "invitations")


def blocks(page, language):
    """The code blocks of a page in one language, whether it is Markdown or reStructuredText."""
    text = page.read_text()
    if page.suffix == ".md":
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = re.findall(rf"^\.\. code-block:: {re.escape(language)}\n\n((?: +.*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(block).strip("\n") + "\n" for block in found]


def table(page, header):
    """The rows of the tables of a page that have this header, each a list of its cells' text."""
    if page.suffix == ".md":
        rows = re.search(rf"^\| {re.escape(header)} .*\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)[1]
        return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows.splitlines()]
    found = []
    for text in page.read_text().split(".. list-table::")[1:]:
        rows = re.findall(r"^   \* - (.+\n(?:     .+\n)*)", text, re.MULTILINE)
        first, *rows = [[" ".join(cell.split()) for cell in row.split("\n     - ")] for row in rows]
        found += rows if first[0] == header else []
    return found


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
        keep = runs.keeping(tmp_path, names)
        plays = [{"hosts": "localhost", "gather_facts": False, **play, "tasks": [*tasks, keep] if names else tasks}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))
        output = run(f"ansible-playbook play.yml {arguments}", status, **(environment or {}))
        return dict(zip(names, runs.kept(tmp_path))) if names else output

    return play


@pytest.fixture(scope="module")
def ansible_doc():
    """What ansible-doc shows of the modules."""
    names = [f"clickhouse.cloud.{module}" for module in MODULES]
    output = subprocess.run(["ansible-doc", "--json", *names], check=True, capture_output=True, text=True).stdout
    return {name.rpartition(".")[2]: plugin for name, plugin in json.loads(output).items()}


@pytest.fixture(scope="module")
def documented(ansible_doc):
    """The documentation of the modules."""
    return {module: plugin["doc"] for module, plugin in ansible_doc.items()}


@pytest.fixture(scope="module")
def examples(ansible_doc):
    """The tasks that are the modules' examples."""
    return {module: yaml.safe_load(plugin["examples"]) for module, plugin in ansible_doc.items()}


@pytest.fixture
def task(simulator, monkeypatch):
    """Run a module without starting Ansible, and without waiting between retries."""
    for name in simulator.environment:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_module, "time", SkippingClock())
    return Runner(simulator)


GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md"), *GUIDES.glob("*.rst")})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\((?!mailto:|#)([^)#]+)", page.read_text())
    # Galaxy shows no other files than README.md, so that for a release links are made absolute.
    here = f"{GALAXY['repository']}/blob/main/"
    paths = [ROOT / link.removeprefix(here) if link.startswith(here) else page.parent / link for link in links]
    inside = [path for path, link in zip(paths, links, strict=True) if link.startswith(here) or "://" not in link]
    assert [path for path in inside if not path.exists()] == []


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
    requirements, vault = [example for example in examples if isinstance(example, dict)]
    assert requirements == yaml.safe_load((ROOT / "examples/awx/collections/requirements.yml").read_text())
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


def test_the_commands_of_the_readme_can_be_run():
    lines = [command for command, _output in commands(README)]
    tried = [command for command, _output in commands(GUIDES / "guide_adhoc.rst")]
    assert {line for line in lines if line.startswith("ansible ")} <= set(tried)
    makefile = (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in lines if line.startswith("make ")]
    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)
    playbooks = re.findall(r"^ansible-playbook clickhouse\.cloud\.(\w+)", "\n".join(lines), re.MULTILINE)
    assert playbooks
    assert all((ROOT / f"playbooks/{name}.yml").is_file() for name in playbooks)


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


def test_the_actions_of_the_readme_are_those_of_the_modules():
    assert [row[0].strip("`") for row in table(README, "`action`")] == list(_plan.ACTIONS)


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


# --- The modules' own documentation -----------------------------------------------------------------------------------

# The examples of a module | who gets an email, in this order | who is invited in the end.
EXAMPLES = {
    "invitation": (["alice", "bob", "carol"], ["bob", "carol"]),
    "invitation_info": ([], []),
    "invitations": (["alice", "bob", "alice", "carol"], ["bob", "alice"]),
}


@pytest.mark.parametrize(("module", "emails", "invited"), [(name, *rest) for name, rest in EXAMPLES.items()])
def test_the_examples_run(play, simulator, examples, module, emails, invited):
    variables = {
        "vault_clickhouse_key": simulator.key,
        "vault_clickhouse_secret": simulator.secret,
        "clickhouse_organization_id": simulator.organization_id,
    }
    play(examples[module], arguments="--check --diff", vars=variables)
    assert simulator.emails == simulator.invitations == []
    play(examples[module], arguments="--diff", vars=variables)
    assert [each["email"] for each in simulator.emails] == [f"{name}@example.com" for name in emails]
    assert [each["email"] for each in simulator.invitations] == [f"{name}@example.com" for name in invited]


def test_the_examples_of_looking_tell_who_is_there(play, simulator, examples):
    simulator.invite("alice@example.com", role="developer")
    simulator.add_member("bob@example.com")
    *_others, people = examples["invitation_info"]
    told = play([{**people, "register": "people"}])["people"]
    assert [each["email"] for each in told["invitations"]] == ["alice@example.com"]
    assert [each["email"] for each in told["members"]] == ["bob@example.com"]


@pytest.mark.parametrize("module", MODULES)
def test_everything_is_documented(documented, module):
    doc = documented[module]
    assert doc["short_description"]
    attributes = {"check_mode", "diff_mode", "idempotent", "platform", "action_group"}
    assert set(doc["attributes"]) == attributes
    assert all(doc["attributes"][name]["description"] and doc["attributes"][name]["support"] for name in attributes)
    # Of two fragments that say something of an attribute, the first one listed wins.
    assert doc["attributes"]["diff_mode"]["support"] == ("N/A" if module == "invitation_info" else "full")
    for option in options_of(doc):
        assert option["description"]
        assert option["type"]


def options_of(doc):
    """All options, those inside others too."""
    for option in doc["options"].values():
        yield option
        yield from options_of({"options": option.get("suboptions", {})})


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


@pytest.mark.parametrize(
    ("found", "wanted", "action", "emails"),
    table(GUIDES / "guide_lifecycle.rst", "Found"),
    ids=lambda cell: cell.replace("``", ""),
)
def test_every_case_of_the_lifecycle_guide(task, simulator, found, wanted, action, emails):
    state, _separator, renew_before = wanted.replace("``", "").partition(", renew_before: ")
    options = {"email": "alice@example.com", "state": state, "roles": ["Developer"]}
    options |= {"renew_before": renew_before} if renew_before else {}
    FOUND[found](simulator, "alice@example.com")
    predicted = task("invitation", **options, check=True)
    assert simulator.emails == []
    result = task("invitation", **options)
    assert f"``{result['action']}``" + (", with a warning" if result["warnings"] else "") == action
    assert len(simulator.emails) == int(emails)
    assert all(predicted[key] == result[key] for key in ("action", "changed", "diff"))


def test_the_lifecycle_guide_sends_an_invitation_again(run, task, simulator):
    page = GUIDES / "guide_lifecycle.rst"
    simulator.invite("alice@example.com", **THESE, created_ago=2 * HOUR, expires_in=7 * DAY - 2 * HOUR)
    ((command, _output),) = commands(page)
    run(command)
    assert len(simulator.emails) == 1
    for each in yaml.safe_load(blocks(page, "yaml")[0]):
        if "clickhouse.cloud.invitation" in each:
            task("invitation", **each["clickhouse.cloud.invitation"])
    assert len(simulator.emails) == 2


# --- Ad hoc commands ------------------------------------------------------------------------------------------------


def test_the_ad_hoc_commands(run, simulator, tmp_path):
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


# --- Troubleshooting ------------------------------------------------------------------------------------------------


DOWN = {"times": None, "body": "envelope"}
SECONDS = {"api_retry_timeout": 0.1}


class Trouble:
    """Gets the modules into trouble in every way that the guide on failures has a row for."""

    def __init__(self, task, simulator, monkeypatch, folder):
        self.task = task
        self.simulator = simulator
        self.monkeypatch = monkeypatch
        self.folder = folder

    def without_a_key(self):
        return self.task.info(api_key=...)

    def fault_and_invite(self, kind, operation="create_invitation", parameters=None, **options):
        self.simulator.order_fault(kind, operation=operation, **(parameters or {}))
        return self.task.present(**options)

    def fault_and_list(self, kind, parameters=None, **options):
        self.simulator.order_fault(kind, times=None, **(parameters or {}))
        return self.task.info(**{**SECONDS, **options})

    def configure_and_invite(self, settings, **options):
        self.simulator.configure(**settings)
        return self.task.present(**options)

    def roles_of_one_name(self):
        self.simulator.add_role("Reader")
        self.simulator.add_role("reader")
        return self.task.present(roles=["READER"])

    def role_of_older_organizations(self, count):
        self.simulator.invite("ann@example.com", role="admin")
        developer = next(role for role in self.simulator.roles if role["name"] == "Developer")
        content = json.dumps({"status": 200, "result": [developer] * count}).encode()
        self.simulator.order_fault("body", operation="list_roles", content=content)
        return self.task.present(role="developer")

    def replace(self, times):
        self.simulator.invite("ann@example.com", role_names=["Billing"])
        refusal = {"status": 400, "body": "envelope", "times": times}
        return self.fault_and_invite("status", parameters=refusal, roles=["Developer"])

    def invited_by_someone_else_meanwhile(self):
        self.simulator.order_fault(
            "race", operation="create_invitation", action="invite", email="ann@example.com", role_names=["Billing"]
        )
        return self.fault_and_invite("disconnect", roles=["Developer"])

    def put_back_in_vain(self):
        self.simulator.order_fault("status", operation="create_invitation", status=400, body="envelope", times=2)
        return self.replace_in_vain()

    def replace_in_vain(self):
        self.simulator.invite("ann@example.com", role_names=["Billing"])
        lost = {"status": 503, "times": None}
        return self.fault_and_invite("status", parameters=lost, roles=["Developer"])

    def refused_for_someone_else(self):
        self.simulator.order_fault(
            "race", operation="create_invitation", action="invite", email="ann@example.com", role_names=["Billing"]
        )
        return self.task.present(roles=["Developer"])

    def revoke_in_vain(self):
        self.simulator.invite("ann@example.com", **THESE)
        self.simulator.order_fault("status", operation="delete_invitation", status=503, times=None)
        return self.task.absent()

    def renew_in_vain(self):
        self.simulator.invite("ann@example.com", **THESE, expired=True)
        self.simulator.order_fault("status", operation="delete_invitation", status=400, body="envelope")
        return self.fault_and_invite("status", parameters={"status": 400, "body": "envelope"})

    def listed_although_gone(self):
        invitation = self.simulator.invite("ann@example.com", **THESE)
        self.simulator.configure(read_lag=3600.0)
        self.simulator.cloud.delete_invitation(invitation["id"])
        return self.task.absent()

    def two_to_revoke(self):
        self.simulator.invite("ann@example.com", role_names=["Billing"])
        self.simulator.invite("ann@example.com", role_names=["Admin"])
        self.simulator.order_fault("status", operation="delete_invitation", status=400, body="envelope", skip=1)
        return self.task.absent()

    def two_organizations(self):
        content = json.dumps({"status": 200, "result": [{"id": OTHER_ORGANIZATION}, {"id": THIRD_ORGANIZATION}]})
        self.simulator.order_fault("body", operation="list_organizations", content=content.encode())
        return self.task.info(organization_id=...)

    def roster_of(self, number):
        self.simulator.order_fault("status", operation="create_invitation", status=400, **DOWN)
        return self.task.roster(*(f"person{each}@example.com" for each in range(number)))

    def roster_of_members(self, number):
        for each in range(number):
            self.simulator.add_member(f"person{each}@example.com", role_names=["Billing"])
        return self.task.roster(*(f"person{each}@example.com" for each in range(number)), roles=["Developer"])

    def roster_without_permission(self):
        self.simulator.order_fault("status", operation="create_invitation", status=403, **DOWN)
        return self.task.roster("ann@example.com", "bob@example.com")

    def untrusted(self, name="127.0.0.1", **options):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "bundle")
        certificate = authority.issue_cert(name)
        certificate.private_key_and_cert_chain_pem.write_to_path(self.folder / "certificate")
        with Simulator(tls=(str(self.folder / "certificate"), None)) as simulator:
            return self.task.info(api_url=simulator.url, **options)

    def without_tls(self):
        return self.task.info(api_url=self.simulator.url.replace("http:", "https:"))

    def without_a_bundle(self):
        self.monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        return self.task.info(api_url="https://api.example.com")

    def behind_a_proxy(self, user=""):
        self.monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:1")
        return self.task.info(api_url="https://api.example.com", **SECONDS)

    def requests_is(self, name, value):
        self.monkeypatch.setattr(_client, name, value)
        output, _log = run_module("invitation_info", {})
        return {"warnings": [], **json.loads(output)}

    def member_with_other_roles(self):
        self.simulator.add_member("ann@example.com", role_names=["Billing"])
        return self.task.present(roles=["Developer"])

    def roles_that_cannot_be_compared(self):
        self.simulator.invite("ann@example.com", role="admin")
        return self.configure_and_invite({"organization_era": "migrated_frozen"})

    def invited(self, *people, **options):
        for person in people:
            self.simulator.invite("ann@example.com", **person)
        return self.task.present(roles=["Developer"], **options)

    def after_a_long_wait(self):
        self.simulator.order_fault("status", headers={"Retry-After": "60"})
        return self.task.info()


OTHER_ORGANIZATION = "11111111-1111-4111-8111-111111111111"
THIRD_ORGANIZATION = "22222222-2222-4222-8222-222222222222"
SAYS = {
    "Missing: api_key (CLICKHOUSE_CLOUD_API_KEY or CLICKHOUSE_TOKEN_KEY)": lambda be: be.without_a_key(),
    "email: ... is not one email address": lambda be: be.task.present("ann"),
    "...: ... is a bare address; write email: ...": lambda be: be.task("invitations", invitations=["ann@example.com"]),
    "...: ... is not an entry": lambda be: be.task("invitations", invitations=["ann"]),
    "...: the entry is empty": lambda be: be.task("invitations", invitations=[None]),
    "...: unknown key ...; write ...": lambda be: be.task.roster({" Email": "ann@example.com"}),
    "...: role is the legacy role, admin or developer, not ...": (
        lambda be: be.task.roster({"email": "ann@example.com", "role": "Developer"})
    ),
    "...: ... is not a list of role names or IDs": (
        lambda be: be.task.roster({"email": "ann@example.com", "roles": {"name": "Developer"}})
    ),
    "purge_limit: ... is neither a count such as 5 nor a percentage such as 25%": (
        lambda be: be.task.roster("ann@example.com", purge_limit="150%")
    ),
    "purge_exclude: an entry is blank": lambda be: be.task(
        "memberships", emails=["ann@example.com"], purge_exclude=[""], state="present"
    ),
    "emails: it is null": lambda be: be.task.info(emails=None),
    "invitation_id: it is empty": lambda be: be.task.info(invitation_id=None),
    "organization_id, from ...: ... is not a UUID": lambda be: be.task.info(organization_id="ours"),
    "invitation_id: ... is not a UUID": lambda be: be.task.info(invitation_id="7"),
    "renew_before: ... is not a duration": lambda be: be.task.present(renew_before="soon"),
    "api_timeout: ... is not a finite, positive number of seconds": lambda be: be.task.info(api_timeout=0),
    "api_retry_timeout: ... is not a finite, positive number of seconds": lambda be: be.task.info(api_retry_timeout=0),
    "api_url: it is not a URL": lambda be: be.task.info(api_url="https://[::1"),
    "api_url: it is not an http or https URL": lambda be: be.task.info(api_url="api.clickhouse.cloud"),
    "api_url: it must not hold a query or a fragment": lambda be: be.task.info(api_url="https://example.com?page=1"),
    "api_url: plain http would show the key to the network": lambda be: be.task.info(api_url="http://example.com"),
    "api_url: it must not hold credentials": lambda be: be.task.info(api_url="https://me:us@example.com"),
    "ca_path: nothing can be read at ...": lambda be: be.task.info(ca_path="/nowhere"),
    "...: roles: the organization has no role ...; its roles are: ...": lambda be: be.task.present(roles=["Pilot"]),
    "...: role: the organization has no system role ...; use roles, of ...": lambda be: be.role_of_older_organizations(
        0
    ),
    "...: role: the organization has more than one system role ...; use roles, of ...": (
        lambda be: be.role_of_older_organizations(2)
    ),
    "...: roles: ... is the name of several roles: ...": lambda be: be.roles_of_one_name(),
    "...: give exactly one of role and roles": lambda be: be.task("invitations", emails=["ann@example.com"]),
    "...: roles: the list is empty": lambda be: be.task.present(roles=[]),
    "...: roles: an entry is blank": lambda be: be.task.present(roles=["Developer", ""]),
    "... is listed twice with different roles: ...": lambda be: be.task.roster(
        {"email": "ann@example.com", "role": "admin"}, {"email": "Ann@example.com", "role": "developer"}
    ),
    "purge: the roster is empty": lambda be: be.task.roster(purge=True),
    "purge: it goes with state=present only": lambda be: be.task.roster("ann@example.com", state="absent", purge=True),
    "Failed to import the required Python library (requests >= 2.28)": lambda be: be.requests_is(
        "REQUESTS_IMPORT_ERROR", "no module named requests"
    ),
    "The Python library requests is too old": lambda be: be.requests_is("requests_version", lambda: (2, 27)),
    "ClickHouse Cloud rejected the API key (401, ...)": lambda be: be.task.info(api_secret="wrong"),
    "the API key lacks a permission (403, ...)": lambda be: be.configure_and_invite({"forbidden": True}),
    "something on the way rejected the request, not ClickHouse Cloud (403, ...)": lambda be: be.fault_and_list(
        "status", {"status": 403}
    ),
    "... organizations instead of one": lambda be: be.two_organizations(),
    "ClickHouse Cloud found no such organization (404, ...)": lambda be: be.task.info(
        organization_id=OTHER_ORGANIZATION
    ),
    "ClickHouse Cloud rejected the request (400, ...)": lambda be: be.fault_and_invite(
        "status", parameters={"status": 400, "body": "envelope"}
    ),
    "this organization has moved to custom roles: use roles instead of role": lambda be: be.configure_and_invite(
        {"organization_era": "migrated_rejects"}
    ),
    "... was invited with other roles (...) than asked for (...)": lambda be: be.invited_by_someone_else_meanwhile(),
    "ClickHouse Cloud's rate limit for the API key is reached, wait ... s (429, ...)": lambda be: be.fault_and_list(
        "rate_limited", {"headers": {"X-RateLimit-Reset": "600"}}
    ),
    "ClickHouse Cloud or a gateway in front of it returned an error (503, ...)": lambda be: be.fault_and_list("status"),
    "the response has an unknown status (...)": lambda be: be.fault_and_list("status", {"status": 700}),
    "the earlier invitation of ..., with ..., was put back, which sent an email": lambda be: be.replace(2),
    "... has no invitation now: the earlier invitation of ..., with ..., was revoked and could not be put back": (
        lambda be: be.replace(None)
    ),
    "the earlier invitation of ..., with ..., was revoked, and whether it could be put back is not known": (
        lambda be: be.put_back_in_vain()
    ),
    "... has an invitation with other roles (...), which someone else sent meanwhile": (
        lambda be: be.refused_for_someone_else()
    ),
    "whether ... was invited is not known: run this again, it looks first": lambda be: be.fault_and_invite(
        "status", parameters={"status": 503, "times": None}
    ),
    "the expired invitation of ... could not be revoked before (...)": lambda be: be.renew_in_vain(),
    "... of the ... invitations of ... were revoked": lambda be: be.two_to_revoke(),
    "whether ... is still invited is not known: run this again, it looks first": lambda be: be.revoke_in_vain(),
    "The list of invitations is late: it still has some that are gone": lambda be: be.listed_although_gone(),
    "the earlier invitation of ..., with ..., was revoked": lambda be: be.replace_in_vain(),
    "Not attempted after an earlier failure": lambda be: be.roster_without_permission(),
    "... of ... people failed.": lambda be: be.roster_of(2),
    "The rest is in changes.": lambda be: be.roster_of(6),
    "tried ... times in ... s, without any response": lambda be: be.task.info(api_url="https://127.0.0.1:1"),
    "tried ... times in ... s, api_retry_timeout allows no more": lambda be: be.fault_and_list(
        "status", api_retry_timeout=2
    ),
    "no complete response from ... within ... s": lambda be: be.fault_and_list("delay", api_timeout=0.1),
    "cannot resolve ...": lambda be: be.task.info(api_url="https://nowhere.invalid", **SECONDS),
    "... refused the connection": lambda be: be.task.info(api_url="https://127.0.0.1:1", **SECONDS),
    "the address cannot be used": lambda be: be.task.info(api_url="https://example..com"),
    "no connection to ...": lambda be: be.task.info(api_url="https://255.255.255.255", **SECONDS),
    "the connection to ... broke": lambda be: be.fault_and_list("disconnect"),
    "the certificate of ... is not trusted": lambda be: be.untrusted(),
    "the certificate of ... is for another host": lambda be: be.untrusted(
        "localhost", ca_path=str(be.folder / "bundle")
    ),
    "nothing in ca_path, ..., vouches for it": lambda be: be.untrusted(ca_path=str(be.folder)),
    "no secure connection to ...": lambda be: be.without_tls(),
    "the request could not be made": lambda be: be.without_a_bundle(),
    "the proxy did not let the request through": lambda be: be.behind_a_proxy(),
    "the response is not one of ClickHouse Cloud's": lambda be: be.fault_and_list("body"),
    "the response is a redirect, which is not followed": lambda be: be.fault_and_list("redirect"),
    "the response is only a part of the list": lambda be: be.fault_and_list(
        "body", {"content": b'{"status": 200, "result": [], "nextPage": 2}'}
    ),
    "the response cannot be read": lambda be: be.fault_and_list("endless"),
    "... has joined already, with other roles (...) than those asked for (...)": (
        lambda be: be.member_with_other_roles()
    ),
    "The API key may not list members": lambda be: be.configure_and_invite({"members_forbidden": True}),
    "The roles of the invitation of ... cannot be compared with those asked for": (
        lambda be: be.roles_that_cannot_be_compared()
    ),
    "... has another invitation, with other roles (...); unless it is meant": lambda be: be.invited(THESE, OTHER),
    "... has another invitation, with ...; it is to be revoked, too": (
        lambda be: be.invited({**THESE, "created_ago": 500_000.0, "expires_in": 3600.0}, OTHER, renew_before="1d")
    ),
    "renew_before (...) is ignored for ...": lambda be: be.invited(THESE, renew_before="30d"),
    "Waited ... s in all for ClickHouse Cloud": lambda be: be.after_a_long_wait(),
    "ClickHouse Cloud's clock, by the Date of its responses, is ... that of the host that runs the module": (
        lambda be: be.fault_and_list(
            "status", {"status": 200, "body": '{"result": []}', "headers": {"Date": "Mon, 23 Nov 2020 12:00:00 GMT"}}
        )
    ),
    "The password of the proxy has fewer than ... characters": lambda be: be.behind_a_proxy("me:a@"),
    "... more warnings are left out": lambda be: be.roster_of_members(21),
}


@pytest.mark.parametrize("row", table(GUIDES / "guide_failures.rst", "It says"), ids=lambda row: row[0].strip("`"))
def test_every_message_of_the_guide_on_failures(task, simulator, monkeypatch, tmp_path, row):
    text = row[0].strip("`")
    result = SAYS[text](Trouble(task, simulator, monkeypatch, tmp_path))
    said = [result.get("msg", ""), *result["warnings"]]
    pattern = ".+".join(re.escape(part) for part in text.split("..."))
    assert any(re.search(pattern, sentence) for sentence in said), said


# What no row brings about. The last ones are words within a message that has a row.
NOT_IN_THE_GUIDE = {
    "Unexpected ...: this is a bug in the collection. Please report it, and how to reproduce it.",
    "does not tell how long it lives in all",
    "the response was cut off",
    "check any proxy, firewall or IP access list and, if there is none, ...",
    "check the proxy variables where the module runs, and api_url",
}


def sentences_of_the_code():
    """What the modules can say, or parts of it: literals of four words or more that are not docstrings."""
    for path in sorted((ROOT / "plugins/module_utils").glob("*.py")):
        tree = ast.parse(path.read_text())
        statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in statements | inside or not isinstance(node, (ast.Constant, ast.JoinedStr)):
                continue
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in parts)
            text = re.sub(r"\{\w+\}", "...", text)
            if len(re.findall(r"\b[a-z]{2,}\b", text, re.IGNORECASE)) >= 4 and " " in text:
                yield text


def test_the_guide_on_failures_brings_about_whatever_the_modules_say(task, simulator, monkeypatch, tmp_path):
    said = set()
    for cause in SAYS.values():
        with monkeypatch.context() as patch:
            result = cause(Trouble(task, simulator, patch, tmp_path))
        said |= {result.get("msg", ""), *result["warnings"]}
        simulator.reset()
    text = "\n".join(said)
    patterns = {each: ".*".join(map(re.escape, each.split("..."))) for each in sentences_of_the_code()}
    assert len(patterns) > 40
    assert {each for each, pattern in patterns.items() if not re.search(pattern, text)} == NOT_IN_THE_GUIDE


def test_the_guide_on_failures_has_every_message_tried_here():
    assert {row[0].strip("`") for row in table(GUIDES / "guide_failures.rst", "It says")} == set(SAYS)


@pytest.fixture
def rescues():
    """The tasks of the guide on failures: those for one person, and those for a roster."""
    return list(map(yaml.safe_load, blocks(GUIDES / "guide_failures.rst", "yaml+jinja")))


def test_the_playbooks_of_the_guide_on_failures(play, simulator, rescues):
    defaults = {"group/clickhouse.cloud.all": {"api_retry_timeout": 1}}
    for tasks in rescues:
        simulator.order_fault("status", operation="create_invitation", status=400, body="envelope")
        simulator.order_fault("rate_limited", headers={"X-RateLimit-Reset": "600"}, operation="list_roles")
        play(tasks, module_defaults=defaults)
        assert "ClickHouse Cloud rejected the request (400, " in play(tasks, module_defaults=defaults, status=2)


def test_failures_of_the_guide_that_no_request_led_to(play, rescues):
    """Ansible's own failures have no error, and those before any request have no status."""
    person, roster = rescues
    options = person[0]["block"][0]["clickhouse.cloud.invitation"]
    del options["email"]
    assert '"msg": "state is present but all of the following are missing: email"' in play(person, status=2)
    options["email"] = "nobody"
    assert "email: 'nobody' is not one email address such as alice@example.com." in play(person, status=2)
    options = roster[0]["block"][0]["clickhouse.cloud.invitations"]
    options["emails"] = ["nobody"]
    assert "emails: 'nobody' is not one email address such as alice@example.com." in play(roster, status=2)
    options["state"] = "gone"
    assert "value of state must be one of: present, absent, got: gone" in play(roster, status=2)


def test_the_rescue_of_a_roster_looks_at_everybodys_failure(play, simulator, rescues):
    _person, tasks = rescues
    defaults = {"group/clickhouse.cloud.all": {"api_retry_timeout": 1}}
    trouble = {"operation": "create_invitation", "status": 503, "body": "envelope"}
    refusal = {**trouble, "status": 400}
    simulator.order_fault("status", **trouble)
    simulator.order_fault("status", **refusal)
    assert "ClickHouse Cloud rejected the request (400, " in play(tasks, module_defaults=defaults, status=2)
    simulator.reset()
    simulator.order_fault("status", times=2, **trouble)
    play(tasks, module_defaults=defaults)


# --- A team as a roster ---------------------------------------------------------------------------------------------


def test_the_story_of_the_guide_on_rosters(run, simulator, tmp_path):
    page = GUIDES / "guide_roster.rst"
    (team,) = blocks(page, "yaml")
    roster, *from_files, in_batches = blocks(page, "yaml+jinja")
    first, next_ = blocks(page, "text")
    (tmp_path / "team.yml").write_text(team)
    (tmp_path / "roster.yml").write_text(roster)
    check, *runs = re.findall(r"``(ansible-playbook [^`]+)``", page.read_text())
    run(check)
    assert simulator.emails == []
    assert first in run(runs[0])
    assert "changed=0" in run(runs[0])
    assert len(simulator.emails) == 3
    simulator.accept("alice@example.com")
    (tmp_path / "team.yml").write_text(re.sub(r"  - email: carol.*\n.*\n", "", team))
    assert next_ in run(runs[1])
    assert len(simulator.emails) == 3
    ((report, _printed),) = commands(page)
    assert re.search(r"alice@example\.com +member", run(report))

    everybody = [{"email": f"person{number}@example.com"} for number in range(30)]
    (tmp_path / "many.yml").write_text(
        yaml.safe_dump(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "vars": {"team": everybody},
                    "tasks": yaml.safe_load(in_batches),
                }
            ]
        )
    )
    run("ansible-playbook many.yml")
    assert len(simulator.emails) == 33

    (tmp_path / "people.txt").write_text("Dave <dave@example.com>\n\nerin@example.com\n")
    (tmp_path / "people.json").write_text(json.dumps([{"email": "erin@example.com"}, {"email": "fay@example.com"}]))
    tasks = [task for block in from_files for task in yaml.safe_load(block)]
    (tmp_path / "files.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run("ansible-playbook files.yml")
    assert [email["email"] for email in simulator.emails[33:]] == [
        f"{name}@example.com" for name in ("dave", "erin", "fay")
    ]


# --- Moving here, and the simulator -----------------------------------------------------------------------------------


def test_the_guide_on_moving_here(play, simulator, documented):
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
    assert "changed=0" in play(yaml.safe_load(after), vars=variables, environment=nothing | address)
    for option, provider, own in table(page, "Option"):
        text = " ".join(documented["invitation"]["options"][option.rpartition(":")[2].strip("`")]["description"])
        assert re.findall(r"E\((\w+)\)", text) == [own.strip("`"), provider.strip("`")]


def test_the_guide_on_the_simulator(run, simulator):
    page = GUIDES / "guide_simulator.rst"
    (start, printed), *lines = commands(page)
    assert start == "make simulator"
    shown = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if line)
    assert list(shown) == list(simulator.environment)
    assert shown | {"CLICKHOUSE_CLOUD_API_URL": simulator.url} == simulator.environment
    for command, printed in lines:
        output = run(command)
        assert not printed.strip() or looks_like(printed, output), command
    assert [email["email"] for email in simulator.emails] == ["alice@example.com", "bob@example.com"]
    control = {f"{method} {rule.rule}" for rule in simulator.app.url_map.iter_rules() for method in rule.methods}
    assert {row[0].strip("`") for row in table(page, "Call")} <= control


# --- AWX and execution environments -----------------------------------------------------------------------------------

AWX = GUIDES / "guide_awx.rst"


def test_guide_on_awx_names_the_variables_of_the_playbooks():
    rows = {row[0].strip("`"): " ".join(row[1:]) for row in table(AWX, "Playbook")}
    named = {name: set(re.findall(r"``(clickhouse_cloud_\w+)``", cells)) for name, cells in rows.items()}
    texts = {f"clickhouse.cloud.{path.stem}": path.read_text() for path in (ROOT / "playbooks").glob("*.yml")}
    taken = {name: set(re.findall(r"^ +(clickhouse_cloud_\w+):\n", text, re.MULTILINE)) for name, text in texts.items()}
    # Every playbook takes this one, so that a sentence below the table names it.
    everywhere = {"clickhouse_cloud_api_retry_timeout"}
    published = {"clickhouse_cloud_report", "clickhouse_cloud_result"}
    assert {name: variables | everywhere for name, variables in named.items()} == {
        name: variables - published for name, variables in taken.items()
    }


def test_guide_on_awx_names_what_is_published(run, simulator):
    command = next(
        command for command in re.findall(r"\$ (ansible-playbook .*\\\n.*)", AWX.read_text()) if "invite" in command
    )
    assert "--check --diff" in command
    stats = {}
    for line in (command, "ansible-playbook clickhouse.cloud.report"):
        output = run(line, ANSIBLE_SHOW_CUSTOM_STATS="true")
        stats.update(json.loads(re.search(r"^\tRUN: (.*)$", output, re.MULTILINE)[1]))
    assert stats["clickhouse_cloud_result"]["changes"] == {"alice@example.com": "created"}
    assert simulator.emails == []
    named = {key for row in table(AWX, "Key") for key in re.findall(r"``(\w+)``", row[0])}
    assert named == {*stats["clickhouse_cloud_result"], *stats["clickhouse_cloud_report"]}


def test_guide_on_awx_installs_the_collection_from_its_repository():
    (requirements,) = blocks(AWX, "yaml")
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    (collection,) = yaml.safe_load(requirements)["collections"]
    assert collection["name"] == f"{galaxy['repository']}.git"


def test_guide_on_organizations_prints_the_example():
    page = GUIDES / "guide_organizations.rst"
    text = page.read_text().replace("\n   ", "\n")
    for name in ("hosts.yml", "access.yml"):
        content = (ROOT / "examples/organizations" / name).read_text()
        printed = [line for line in content.splitlines() if line and line != "---" and not line.startswith("#")]
        assert [line for line in printed if line not in text.splitlines()] == []
