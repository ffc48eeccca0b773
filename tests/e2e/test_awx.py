# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The project of examples/awx, run as AWX runs it: with ansible-runner, in a private data directory."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml
from e2e import runs
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "examples/awx"
GUIDE = (ROOT / "docs/docsite/rst/guide_awx.rst").read_text()
SURVEYS = sorted(PROJECT.glob("survey_*.yml"))
# Inventories as AWX hands them to a job: what a script prints.
HOSTS = {
    "all": {
        "hosts": ["db1.example.com", "db2.example.com"],
        "vars": {"ansible_become": True, "ansible_connection": "ssh", "ansible_python_interpreter": "/nowhere/python"},
    },
    "_meta": {"hostvars": {"db1.example.com": {"remote_tower_id": 1}, "db2.example.com": {"remote_tower_id": 2}}},
}
NO_HOSTS = {"all": {"hosts": []}, "_meta": {"hostvars": {}}}
# What setup.yml gives the host of its inventory.
LOCALHOST = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
ONE_HOST = {"all": {"hosts": ["localhost"]}, "_meta": {"hostvars": {"localhost": LOCALHOST}}}
INVENTORY = "#! /usr/bin/env python3\nprint({!r})\n"

CREDENTIAL_TYPE = yaml.safe_load((PROJECT / "credential_type.yml").read_text())

# AWX refuses to change these as soon as there is a credential, so that a change here would reach nobody.
SETTLED_FIELDS = [
    ("api_key", "API key ID", False),
    ("api_secret", "API key secret", True),
    ("organization_id", "Organization ID", False),
    ("api_url", "API URL", False),
]

# What AWX takes, as its API checks it.
CREDENTIAL_TYPE_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "kind", "inputs", "injectors"],
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["cloud", "net"]},
        "inputs": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        # AWX fills in a type that is missing, and setup.yml would find it changed.
                        "required": ["id", "label", "type"],
                        "properties": {
                            "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                            "label": {"type": "string"},
                            "type": {"enum": ["string", "boolean"]},
                            "secret": {"type": "boolean"},
                            "help_text": {"type": "string"},
                        },
                        "dependentSchemas": {"secret": {"properties": {"type": {"const": "string"}}}},
                    },
                },
                "required": {"type": "array", "items": {"enum": ["api_key", "api_secret"]}},
            },
        },
        "injectors": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "env": {
                    "type": "object",
                    "additionalProperties": False,
                    "patternProperties": {"^CLICKHOUSE_[A-Z_]+$": {"type": "string", "pattern": "^[\\x00-\\x7F]*$"}},
                },
            },
        },
    },
}
SURVEY_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "spec"],
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "spec": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["question_name", "variable", "type", "required"],
                "properties": {
                    "question_name": {"type": "string"},
                    "question_description": {"type": "string"},
                    "variable": {"type": "string", "pattern": "^clickhouse_cloud_[a-z_]+$"},
                    "type": {"enum": ["text", "textarea", "multiplechoice"]},
                    "required": {"type": "boolean"},
                    "default": {"type": "string"},
                    "min": {"type": "integer"},
                    "max": {"type": "integer"},
                    "choices": {"type": "array", "items": {"type": "string"}},
                },
                "if": {"properties": {"type": {"const": "multiplechoice"}}},
                "then": {"required": ["choices"]},
            },
        },
    },
}

# What the modules of awx.awx take, of what setup.yml may want of them.
AWX_OPTIONS = {
    "credential": {
        "credential_type": {"required": True},
        "inputs": {"type": "dict", "no_log": True},
        "name": {"required": True},
        "organization": {},
        "update_secrets": {"type": "bool", "default": True, "no_log": False},
    },
    "credential_type": {
        "injectors": {"type": "dict"},
        "inputs": {"type": "dict"},
        "kind": {"choices": ["cloud", "net"]},
        "name": {"required": True},
        "state": {"choices": ["present", "absent", "exists"], "default": "present"},
    },
    "execution_environment": {
        "credential": {},
        "image": {"required": True},
        "name": {"required": True},
        "organization": {},
        "pull": {"choices": ["always", "missing", "never"], "default": "missing"},
    },
    "host": {
        "description": {},
        "inventory": {"required": True},
        "name": {"required": True},
        "variables": {"type": "dict"},
    },
    "inventory": {"description": {}, "name": {"required": True}, "organization": {"required": True}},
    "job_template": {
        "allow_simultaneous": {"type": "bool"},
        "ask_job_type_on_launch": {"type": "bool"},
        "credentials": {"type": "list", "elements": "str"},
        "description": {},
        "diff_mode": {"type": "bool"},
        "execution_environment": {},
        "instance_groups": {"type": "list", "elements": "str"},
        "inventory": {},
        "name": {"required": True},
        "organization": {},
        "playbook": {},
        "project": {},
        "survey_enabled": {"type": "bool"},
        "survey_spec": {"type": "dict"},
    },
    "project": {
        "credential": {},
        "name": {"required": True},
        "organization": {},
        "scm_branch": {},
        "scm_delete_on_update": {"type": "bool"},
        "scm_type": {"choices": ["manual", "git", "svn", "insights", "archive"]},
        "scm_update_on_launch": {"type": "bool"},
        "scm_url": {},
        "update_project": {"type": "bool", "default": False},
    },
}
AWX_OPTIONS["workflow_job_template"] = {
    "allow_simultaneous": {"type": "bool"},
    "description": {},
    "name": {"required": True},
    "organization": {},
    "workflow_nodes": {"type": "list", "elements": "dict"},
}
# A stand-in for AWX and the modules of awx.awx. It rejects what they reject: a look-up of what is not there, also in
# check mode; an execution environment of another organization; a node's job type that its template does not ask for.
AWX_MODULE = """#!/usr/bin/python
import json
import os
from ansible.module_utils.basic import AnsibleModule

KIND = {kind!r}
module = AnsibleModule(argument_spec={options!r}, supports_check_mode=True)
with open(os.environ["CALLS"], "a+") as file:
    file.seek(0)
    calls = [json.loads(line) for line in file]


def find(kind, name):
    found = [(number, given) for number, (each, given) in enumerate(calls, 1) if each == kind]
    return [(number, given) for number, given in found if name in (given["name"], str(number))]


def look_up(kind, name):
    if not find(kind, name):
        module.fail_json(msg=f"The {{kind}} {{name}} was not found on the AWX server")
    return find(kind, name)[-1][1]


given = module.params
for kind in ("credential_type", "inventory", "project", "execution_environment"):
    if given.get(kind) and not (KIND == kind):
        look_up(kind, given[kind])
for name in given.get("credentials") or ():
    look_up("credential", name)
for node in given.get("workflow_nodes") or ():
    template = node["unified_job_template"]
    if template["type"] == "job_template":
        if node.get("job_type") and not look_up("job_template", template["name"])["ask_job_type_on_launch"]:
            module.fail_json(msg="job_type: Field is not configured to prompt on launch.")
there = find(KIND, given["name"])
if KIND == "execution_environment" and there and there[-1][1]["organization"] != given["organization"]:
    module.fail_json(msg=f"Unable to update execution_environment {{given['name']}}, see response")
if KIND == os.environ.get("FAILS"):
    module.fail_json(msg="Project update failed")
if not module.check_mode:
    with open(os.environ["CALLS"], "a") as file:
        file.write(json.dumps([KIND, given]) + "\\n")
number = {{"id": there[0][0]}} if there else {{}} if module.check_mode else {{"id": len(calls) + 1}}
module.exit_json(changed=not there, **number)
"""


def inject(**fields):
    """The environment that AWX makes of a credential: a field left empty is one that the templates do not know."""
    filled = {name: value for name, value in fields.items() if value}
    templates = CREDENTIAL_TYPE["injectors"]["env"]
    sandbox = ImmutableSandboxedEnvironment()
    return {name: sandbox.from_string(template).render(**filled) for name, template in templates.items()}


def redacted(environment):
    """What AWX keeps of the environment that it made of a credential: what comes of secret fields is redacted."""
    hidden = inject(**{field["id"]: "*" for field in CREDENTIAL_TYPE["inputs"]["fields"] if field.get("secret")})
    # A credential type for the variables of Terraform would have a secret field for this one.
    hidden["CLICKHOUSE_TOKEN_SECRET"] = "*"
    return {name: hidden.get(name) or value for name, value in environment.items()}


def block(language):
    """The guide's code block in one language."""
    (text,) = re.findall(rf"^[.][.] code-block:: {re.escape(language)}\n\n((?:(?: +.*)?\n)+)", GUIDE, re.MULTILINE)
    return textwrap.dedent(text).strip()


def rejects_answer(question, answer):
    """Whether AWX rejects a launch with this answer to a question of a survey, as far as its types are used."""
    if question["type"] == "multiplechoice":
        return answer not in question["choices"]
    return not question["min"] <= len(answer) <= question["max"]


class AnswersDumper(yaml.SafeDumper):
    """Marks all text as untrusted, as AWX does with what a user filled in at the launch of a job."""


AnswersDumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


# AWX hands a job's private data directory over to an execution node, runs it there, and processes what comes back.
STREAM = """
import json, subprocess, sys, tempfile, ansible_runner
controller, node, parameters = json.loads(sys.stdin.readline())
there, back, kept = tempfile.TemporaryFile(), tempfile.TemporaryFile(), []
ansible_runner.run(streamer="transmit", _output=there, private_data_dir=controller, **parameters)
there.seek(0)
# As AWX starts it on its nodes: with --delete, which removes the node's copy at the end. It ends as the job does.
worker = [sys.executable, "-m", "ansible_runner", "worker", f"--private-data-dir={node}", "--delete"]
subprocess.run(worker, check=False, stdin=there, stdout=back)
back.seek(0)
ansible_runner.run(
    streamer="process",
    _input=back,
    private_data_dir=controller,
    ident=parameters["ident"],
    quiet=True,
    event_handler=lambda event: kept.append(event),
    status_handler=lambda status, runner_config: kept.append(status),
)
json.dump(kept, sys.stdout)
"""


class Job:
    """One run of a playbook of the project, as AWX has ansible-runner run it."""

    def __init__(self, folder, playbook, credential, arguments, files, inventory, answers):
        self.folder = folder
        self.credential = credential
        self.controller, self.node = controller, node = folder / "controller", folder / "node"
        shutil.copytree(PROJECT, controller / "project")
        collection = controller / "requirements_collections/ansible_collections/clickhouse/cloud"
        collection.parent.mkdir(parents=True)
        collection.symlink_to(ROOT)
        if runs.INTERPRETER:
            answers = {**answers, "ansible_python_interpreter": runs.INTERPRETER}
        files = {
            "inventory/hosts": INVENTORY.format(json.dumps(inventory)),
            "env/cmdline": f"-u root {arguments}",
            "env/extravars": yaml.dump(answers, Dumper=AnswersDumper),
            "env/settings": json.dumps({"suppress_ansible_output": True, "suppress_output_file": True}),
            **{f"project/{name}": content for name, content in files.items()},
        }
        for name, content in files.items():
            (controller / name).parent.mkdir(exist_ok=True)
            (controller / name).write_text(content)
        (controller / "inventory/hosts").chmod(0o700)
        parameters = {
            "ident": "1",
            "playbook": playbook,
            "suppress_env_files": True,
            "fact_cache_type": "",
            "envvars": {
                "ANSIBLE_COLLECTIONS_PATH": str(node / "requirements_collections"),
                "ANSIBLE_FORCE_COLOR": "True",
                "ANSIBLE_HOME": str(folder / "home"),
                "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
                **credential,
            },
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", STREAM],
            env=runs.inherited(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.process.stdin.write(json.dumps([str(controller), str(node), parameters]) + "\n")
        self.process.stdin.flush()

    def finish(self, status="successful"):
        """Wait for the end, and return what was published for the next node of a workflow."""
        kept = json.loads(self.process.communicate(timeout=60)[0])
        assert self.process.returncode == 0
        events = [each for each in kept if "event" in each]
        self.stdout = re.sub("\x1b[^m]*m", "", "\n".join(event["stdout"] for event in events))
        statuses = [each for each in kept if "status" in each]
        assert [each["status"] for each in statuses] == ["starting", "running", status], self.stdout
        self.find_secrets(events, statuses)
        stats = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
        return stats[-1].get("artifact_data", {}) if stats else {}

    def find_secrets(self, events, statuses):
        """Look for the credential in all files of the job, before and after AWX removes them, and in what AWX keeps."""
        key, secret = (
            self.credential[f"CLICKHOUSE_CLOUD_API_{name}"] or self.credential.get(f"CLICKHOUSE_TOKEN_{name}")
            for name in ("KEY", "SECRET")
        )
        secrets = list(filter(None, (key, secret, base64.b64encode(f"{key}:{secret}".encode()).decode())))
        # The environment is how AWX gives the credential to a job. ansible-runner writes it to this file, and cannot be
        # told not to.
        command = self.controller / "artifacts/1/command"
        written = json.loads(command.read_text())
        assert {name: written["env"].pop(name) for name in self.credential} == self.credential
        assert [each for each in secrets if each in json.dumps(written)] == []
        assert self.files_with(secrets) == [command]
        # When the job has ended, AWX removes its folder, and the node has.
        shutil.rmtree(self.controller)
        assert not self.node.exists()
        assert self.files_with(secrets) == []
        environment = {**statuses[0].pop("env"), **redacted(self.credential)}
        kept = json.dumps([events, statuses])
        assert [each for each in secrets if each in kept] == []
        assert [each for each in secrets if each in json.dumps(environment)] == [key]

    def files_with(self, secrets):
        """The files of the job that hold one of the secrets."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in files if any(each.encode() in path.read_bytes() for each in secrets)]


@pytest.fixture
def credential(simulator):
    return inject(api_key=simulator.key, api_secret=simulator.secret, organization_id="", api_url=simulator.url)


@pytest.fixture
def start(tmp_path, credential):
    """Start a job, with the arguments that AWX makes of a job template's settings, and the answers to a survey."""
    jobs = []

    def start(playbook, arguments="", credential=credential, files=(), inventory=None, **answers):
        folder = tmp_path / f"awx_{len(jobs)}"
        jobs.append(Job(folder, playbook, credential, arguments, dict(files), inventory or ONE_HOST, answers))
        return jobs[-1]

    yield start
    for job in jobs:
        job.process.kill()
        job.process.wait()


# --- what AWX takes ---------------------------------------------------------------------------------------------------


def test_credential_type_is_as_awx_takes_it():
    jsonschema.validate(CREDENTIAL_TYPE, CREDENTIAL_TYPE_SCHEMA)
    fields = {field["id"]: field for field in CREDENTIAL_TYPE["inputs"]["fields"]}
    assert len(fields) == len(CREDENTIAL_TYPE["inputs"]["fields"])
    assert "tower" not in fields
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    templates = CREDENTIAL_TYPE["injectors"]["env"].values()
    assert [sandbox.from_string(template).render({name: name for name in fields}) for template in templates] == [
        *fields
    ]


def test_inputs_of_the_credential_type_are_settled():
    fields = CREDENTIAL_TYPE["inputs"]["fields"]
    assert [(field["id"], field["label"], field.get("secret", False)) for field in fields] == SETTLED_FIELDS
    assert [field["id"] for field in fields if "help_text" in field] == [
        name for name, _label, _secret in SETTLED_FIELDS
    ]
    assert CREDENTIAL_TYPE["inputs"]["required"] == ["api_key", "api_secret"]


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda survey: survey.stem)
def test_survey_is_as_awx_takes_it(survey):
    content = yaml.safe_load(survey.read_text())
    jsonschema.validate(content, SURVEY_SCHEMA)
    variables = [question["variable"] for question in content["spec"]]
    assert len(set(variables)) == len(variables)
    specs = yaml.safe_load((ROOT / "roles/access/meta/argument_specs.yml").read_text())["argument_specs"]
    assert set(variables) <= set(specs[survey.stem.removeprefix("survey_")]["options"])
    for question in content["spec"]:
        # AWX takes the default for a question that is not answered, unless it is required.
        assert rejects_answer(question, question["default"]) == question["required"]


def test_execution_environment_is_as_ansible_builder_takes_it(tmp_path):
    command = ["ansible-builder", "create", "--file", PROJECT / "execution-environment.yml", "--context", tmp_path]
    command += ["--output-filename", "Containerfile"]
    result = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    requirements = yaml.safe_load((tmp_path / "_build/requirements.yml").read_text())
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert [collection["name"] for collection in requirements["collections"]] == [f"{galaxy['repository']}.git"]
    # Of the stages, the one that installs collections from git.
    (stage,) = [each for each in (tmp_path / "Containerfile").read_text().split("\nFROM ") if "git-core" in each]
    assert stage.index("install -y git-core") < stage.index("ansible-galaxy collection install")


def test_ansible_builder_finds_that_the_collection_needs_requests(tmp_path):
    collection = tmp_path / "ansible_collections/clickhouse/cloud"
    collection.parent.mkdir(parents=True)
    collection.symlink_to(ROOT)
    command = ["ansible-builder", "introspect", "--user-pip=/dev/null", tmp_path]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "requests>=2.28.0" in output


# --- jobs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "inventory"),
    [
        ("--become --forks=5 --limit db2.example.com -vvvvv --diff", HOSTS),
        ("", ONE_HOST),
        pytest.param("", NO_HOSTS, marks=pytest.mark.extra),
    ],
    ids=["limit", "one-host", "no-hosts"],
)
def test_job_invites_the_people_of_the_survey(start, simulator, arguments, inventory):
    job = start(
        "invite.yml",
        arguments,
        inventory=inventory,
        clickhouse_cloud_emails="Alice <Alice@example.com>, bob@example.com\n\n  carol@example.com\n",
        clickhouse_cloud_roles="Org API reader\nBilling",
        clickhouse_cloud_resend="no",
        # What a survey with a question for it submits if it is left empty.
        clickhouse_cloud_renew_before="",
    )
    people = ["alice@example.com", "bob@example.com", "carol@example.com"]
    assert job.finish()["clickhouse_cloud_result"]["changes"] == dict.fromkeys(people, "created")
    assert [email["email"] for email in simulator.emails] == people
    assert {role["roleName"] for role in simulator.invitations[0]["assignedRoles"]} == {"Billing", "Org API reader"}


def test_job_that_only_checks_offboards_nobody(start, simulator):
    simulator.add_member("alice@example.com", role_names=["Developer"])
    answers = {"clickhouse_cloud_emails": "alice@example.com\n", "clickhouse_cloud_fail_if_not_found": "yes"}
    job = start("offboard.yml", "--check --diff", **answers)
    assert job.finish()["clickhouse_cloud_result"]["changes"] == {"alice@example.com": "removed"}
    assert "-alice@example.com: Developer" in job.stdout
    assert len(simulator.members) == 2


def test_credential_fields_left_empty_count_as_unset(start, simulator):
    empty = inject()
    assert set(empty.values()) == {""}
    others = {
        "CLICKHOUSE_TOKEN_KEY": simulator.key,
        "CLICKHOUSE_TOKEN_SECRET": simulator.secret,
        "CLICKHOUSE_API_URL": simulator.url,
        "CLICKHOUSE_ORG_ID": "",
    }
    job = start("report.yml", credential={**empty, **others})
    assert job.finish()["clickhouse_cloud_report"]["summary"]["member"] == 1


@pytest.mark.parametrize("wrong", ["key", pytest.param("secret", marks=pytest.mark.extra)])
def test_job_with_a_rejected_credential_does_not_show_it(start, simulator, wrong):
    filled = {"api_key": simulator.key, "api_secret": simulator.secret, "api_url": simulator.url}
    job = start("report.yml", "-vvvvv", credential=inject(**{**filled, f"api_{wrong}": "NotTheOneThatItShouldBe"}))
    job.finish("failed")
    assert "CLICKHOUSE_CLOUD_API_SECRET" in job.stdout


def test_workflow_applies_the_list_in_the_repository_and_reports(start, simulator):
    """AWX gives the later nodes of a workflow, as extra variables, what a job published."""
    team = "clickhouse_cloud_memberships: [{email: admin@example.com, roles: [Admin]}, {email: alice@example.com}]\n"
    team += "clickhouse_cloud_roles: [Developer]\nclickhouse_cloud_purge: true\n"
    files = {"team.yml": team}
    simulator.invite("zoe@example.com", role="developer")
    before = start("report.yml", files=files).finish()
    assert before["clickhouse_cloud_report"]["summary"]["differs"] == 2
    job = start("roster.yml", "--limit db2.example.com", files=files, inventory=HOSTS, **before)
    after = job.finish()
    changes = {"alice@example.com": "created", "zoe@example.com": "deleted"}
    assert after["clickhouse_cloud_result"]["changes"] == changes
    report = start("report.yml", files=files, **before, **after).finish()["clickhouse_cloud_report"]
    people = [(person["email"], person["state"]) for person in report["people"]]
    assert people == [("admin@example.com", "member"), ("alice@example.com", "invited")]
    assert report["summary"]["differs"] == 0


@pytest.mark.parametrize(
    ("playbook", "team", "words"),
    [
        ("roster.yml", None, "in AWX, edit team.yml in the project's repository"),
        ("offboard.yml", "[{email: alice@example.com}]", "alice@example.com is still in clickhouse_cloud_memberships"),
    ],
    ids=["empty", "still-listed"],
)
def test_job_fails_if_the_list_in_the_repository_does_not_fit(start, simulator, playbook, team, words):
    files = {"team.yml": f"clickhouse_cloud_memberships: {team}\n"} if team else {}
    answers = {} if playbook == "roster.yml" else {"clickhouse_cloud_emails": "alice@example.com"}
    job = start(playbook, files=files, **answers)
    result = job.finish("failed")["clickhouse_cloud_result"]
    assert words in result["msg"]
    assert simulator.requests == []


def test_limit_that_matches_nothing_fails_the_job(start, simulator):
    simulator.add_member("alice@example.com", role_names=["Developer"])
    job = start("offboard.yml", "--limit db2.example.com", clickhouse_cloud_emails="alice@example.com")
    assert job.finish("failed") == {}
    assert "leaves us with no hosts to target" in job.stdout


def test_playbook_of_the_guide_invites_a_colleague(start, simulator):
    playbook = block("yaml+jinja")
    assert "gather_facts: false" in playbook
    job = start("colleague.yml", files={"colleague.yml": playbook}, email="alice@example.com")
    job.finish()
    assert [email["email"] for email in simulator.emails] == ["alice@example.com"]
    assert re.search(r'"msg": \[\s+"alice@example.com"\s+\]', job.stdout)


def test_notification_of_the_guide_sends_the_sentence_of_the_result():
    body = ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(block("jinja"))
    result = {"clickhouse_cloud_result": {"msg": "1 invited: alice@example.com."}}
    assert body.render(job={"artifacts": result}) == "1 invited: alice@example.com."
    assert body.render(job={"artifacts": {}}) == ""


@pytest.mark.extra
def test_jobs_at_once_share_the_limit_of_one_key(start, simulator):
    simulator.configure(rate_limit="10/1")
    crowds = [[f"{letter}{number}@example.com" for number in range(8)] for letter in "ab"]
    jobs = [
        start("invite.yml", clickhouse_cloud_emails="\n".join(crowd), clickhouse_cloud_roles="Developer")
        for crowd in crowds
    ]
    for crowd, job in zip(crowds, jobs):
        assert job.finish()["clickhouse_cloud_result"]["changes"] == dict.fromkeys(crowd, "created")
    assert sorted(email["email"] for email in simulator.emails) == [*crowds[0], *crowds[1]]
    assert 429 in [request["status"] for request in simulator.requests]


# --- setting up -------------------------------------------------------------------------------------------------------


@pytest.fixture
def set_up(tmp_path):
    """Run setup.yml with a stand-in for AWX, and return what it was asked for, and the output."""
    modules = tmp_path / "ansible_collections/awx/awx/plugins/modules"
    modules.mkdir(parents=True)
    for name, options in AWX_OPTIONS.items():
        (modules / f"{name}.py").write_text(AWX_MODULE.format(kind=name, options=options))

    calls = tmp_path / "calls"
    calls.touch()

    def set_up(*arguments, status=0, variables=None, **credential):
        before = len(calls.read_text().splitlines())
        result = subprocess.run(
            ["ansible-playbook", PROJECT / "setup.yml", "-vvv", "-e", json.dumps(variables or {}), *arguments],
            check=False,
            cwd=tmp_path,
            env={
                **runs.inherited(),
                "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
                "ANSIBLE_HOME": str(tmp_path / "home"),
                "ANSIBLE_PIPELINING": "true",
                "CALLS": str(calls),
                **credential,
            },
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert result.returncode == status, result.stdout
        return [json.loads(call) for call in calls.read_text().splitlines()[before:]], result.stdout

    return set_up


GIVEN = {"awx_project_url": "https://git.example.com/x.git", "awx_image": "registry.example.com/x:1"}
KEY = {"CLICKHOUSE_CLOUD_API_KEY": "the key", "CLICKHOUSE_CLOUD_API_SECRET": "the secret"}


def test_setup_creates_what_the_project_holds(set_up):
    calls, output = set_up(variables=GIVEN, **KEY)
    assert "the secret" not in output
    # The execution environment first: AWX rejects a second one of its name, before anything else is changed.
    assert [name for name, _given in calls][:6] == [
        "execution_environment",
        "credential_type",
        "inventory",
        "project",
        "host",
        "credential",
    ]
    done = {name: given for name, given in calls if name != "job_template"}
    assert done["credential_type"] == {**CREDENTIAL_TYPE, "state": "exists"}
    assert done["credential"]["inputs"] == {"api_key": "the key", "api_secret": "the secret"}
    assert done["credential"]["update_secrets"] is False
    assert (done["host"]["name"], done["host"]["variables"]) == ("localhost", LOCALHOST)
    assert "workflow_job_template" not in done
    assert (done["project"]["scm_url"], done["project"]["scm_branch"]) == (GIVEN["awx_project_url"], "")
    # A project whose first update failed is updated again, or its playbooks are not found.
    assert done["project"]["update_project"] is True
    assert done["execution_environment"]["image"] == GIVEN["awx_image"]
    assert {given["organization"] for _module, given in calls if "organization" in given} == {"Default"}
    templates = {given["playbook"].removesuffix(".yml"): given for name, given in calls if name == "job_template"}
    assert list(templates) == ["invite", "revoke", "offboard", "roster", "report"]
    for name, template in templates.items():
        survey = PROJECT / f"survey_{name}.yml"
        assert (PROJECT / template["playbook"]).is_file()
        assert template["name"] == f"ClickHouse Cloud: {name}"
        assert template["survey_enabled"] == survey.exists()
        assert template["survey_spec"] == (yaml.safe_load(survey.read_text()) if survey.exists() else None)
        assert template["allow_simultaneous"] == (name == "report")
        assert (template["credentials"], template["instance_groups"]) == (["6"], None)


@pytest.mark.extra
def test_setup_of_a_second_organization_has_names_of_its_own(set_up):
    variables = {
        **GIVEN,
        "awx_name": "Second",
        "awx_organization": "Other",
        "awx_image_credential": "Registry",
        "awx_instance_group": "one at a time",
        "awx_project_branch": "stable",
    }
    calls, _output = set_up(variables=variables, **KEY)
    for module, given in calls:
        if module == "job_template":
            assert given["name"].startswith("Second: ")
            assert (given["inventory"], given["project"], given["execution_environment"]) == ("Second",) * 3
            assert given["instance_groups"] == ["one at a time"]
        elif module not in ("credential_type", "host"):
            assert given["name"] == "Second"
    (image,) = [given for module, given in calls if module == "execution_environment"]
    assert image["credential"] == "Registry"
    assert {given["organization"] for _module, given in calls if "organization" in given} == {"Other"}


@pytest.mark.extra
def test_setup_says_where_awx_shows_why_a_project_failed(set_up):
    _calls, output = set_up(status=2, variables=GIVEN, FAILS="project", **KEY)
    assert "AWX could not create or update the project ClickHouse Cloud. The output of its last job, under" in output
    assert "awx.awx says: Project update failed" in output


def test_first_check_of_setup_asks_for_nothing_that_is_not_there(set_up):
    assert set_up("--check", variables=GIVEN, **KEY)[0] == []
    set_up(variables=GIVEN, **KEY)
    _calls, output = set_up("--check", variables={**GIVEN, "awx_approval": "yes"}, **KEY)
    assert output.count("(item=") == 5


def test_setup_with_a_name_of_another_organization_names_awx_name(set_up):
    set_up(variables=GIVEN, **KEY)
    calls, output = set_up(status=2, variables={**GIVEN, "awx_organization": "Other"}, **KEY)
    assert calls == []
    assert "If it belongs to another organization, set awx_name to another name." in output


def test_workflow_applies_the_list_only_after_an_approval(set_up):
    calls, _output = set_up(variables={**GIVEN, "awx_approval": "yes"}, **KEY)
    (workflow,) = [given for name, given in calls if name == "workflow_job_template"]
    assert workflow["allow_simultaneous"] is False
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    # A failed node that others follow does not fail a workflow.
    assert {link for node in nodes.values() for link in node.get("related", {})} == {"success_nodes"}
    after = {
        name: [node["identifier"] for node in node.get("related", {}).get("success_nodes", ())]
        for name, node in nodes.items()
    }
    assert after == {"plan": ["approval"], "approval": ["apply"], "apply": ["report"], "report": []}
    assert [(node["unified_job_template"]["type"], node.get("job_type")) for node in nodes.values()] == [
        ("job_template", "check"),
        ("workflow_approval", None),
        ("job_template", "run"),
        ("job_template", None),
    ]


def update(project, branch):
    """The tasks with which AWX updates a project, in its project_update.yml."""
    if project["scm_delete_on_update"]:
        yield {"ansible.builtin.command": {"argv": ["find", ".", "-delete"], "chdir": "checkout"}}
    git = {"repo": "{{ repository }}", "dest": "{{ playbook_dir }}/checkout", "version": branch or "HEAD"}
    yield {"ansible.builtin.git": git}


@pytest.mark.extra
def test_project_without_a_branch_leaves_the_one_that_was_named_before(set_up, tmp_path):
    calls, _output = set_up(variables=GIVEN, **KEY)
    (project,) = [given for name, given in calls if name == "project"]
    git = ["git", "-C", tmp_path / "repository", "-c", "user.name=A", "-c", "user.email=a@example.com"]
    for command in (
        ["git", "init", "-q", "-b", "main", tmp_path / "repository"],
        [*git, "commit", "-q", "--allow-empty", "-m", "main"],
        [*git, "branch", "dev"],
    ):
        subprocess.run(command, check=True)
    (tmp_path / "checkout").mkdir()
    tasks = [*update(project, "dev"), *update(project, project["scm_branch"])]
    runs.play(tmp_path, tasks, repository=f"file://{tmp_path}/repository")
    assert (tmp_path / "checkout/.git/HEAD").read_text() == "ref: refs/heads/main\n"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"awx_image": ""}, "Set awx_project_url to the address of the project's git repository and awx_image"),
        ({"_raw_params": "org"}, "Ansible did not read 'org' as an extra variable. Put quotation marks around text"),
    ],
    ids=["missing", "cut-off"],
)
def test_setup_rejects_what_it_cannot_use(set_up, variables, words):
    _calls, output = set_up(status=2, variables={**GIVEN, **variables}, **KEY)
    assert words in output


def test_setup_names_its_variables():
    setup = (PROJECT / "setup.yml").read_text()
    internal = {
        "awx_created_type",
        "awx_credential",
        "awx_credential_inputs",
        "awx_credential_type",
        "awx_execution_environment",
        "awx_inventory",
        "awx_project",
    }
    named = set(re.findall(r"^# (awx_\w+) ", setup, re.MULTILINE))
    assert named == set(re.findall(r"\bawx_\w+", setup)) - internal
