# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments, layers of tests, linters, documentation.

What follows `--` goes to pytest, or to the session's command: nox -s e2e -- -k roster
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from collections.abc import Iterator

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.envdir = "build/venv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = ["quick"]

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
# The collection where Ansible looks for collections: a link to this checkout, so that coverage is that of its plugins/.
LINK = BUILD / "link/ansible_collections/clickhouse/cloud"
PYENV = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.*/bin"))

# uv trusts the certificates that the machine trusts, as pip does.
os.environ.setdefault("UV_SYSTEM_CERTS", "1")
# nox, uv and ansible-test find Pythons on PATH; pyenv puts those there that are activated.
os.environ["PATH"] = os.pathsep.join(
    map(str, [ROOT / ".venv/bin", Path(sys.executable).parent, *PYENV, os.environ["PATH"]])
)

# Releases of ansible-core, each with the controller's Pythons; the oldest first.
CORES = {
    "2.16": ["3.10", "3.11", "3.12"],
    "2.17": ["3.10", "3.11"],
    "2.18": ["3.11"],
    "2.19": ["3.11"],
    "2.20": ["3.12", "3.13", "3.14"],
    "2.21": ["3.12", "3.13", "3.14"],
    "devel": ["3.14"],
}
CELLS = [
    nox.param(python, core, id=f"{core}-{python}", tags=[core]) for core, pythons in CORES.items() for python in pythons
]
DEVEL = "ansible-core @ https://github.com/ansible/ansible/archive/devel.tar.gz"
DEMO = ["ansible-playbook", "examples/demo.yml", "-e", "demo_report=build/report.html"]

LINTERS = {
    "ansible-lint": [["ansible-lint"]],
    "changelog": [["antsibull-changelog", "lint"]],
    "docs": [["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "."]],
    "mypy": [["mypy"]],
    "reuse": [["reuse", "lint"]],
    "ruff": [["ruff", "check"], ["ruff", "format", "--check"]],
    "yamllint": [["yamllint", "--strict", "."]],
    "zizmor": [["zizmor", "--offline", "--strict-collection", "--persona=pedantic", "--no-progress", ".github"]],
}

# What the artifact consists of, MANIFEST.json and FILES.json aside.
ARTIFACT = re.compile(
    r"(plugins|roles|playbooks|meta|docs/docsite|LICENSES)/.*|changelogs/changelog\.yaml|COPYING|REUSE\.toml"
    r"|(README|CHANGELOG|SECURITY)\.md|(MANIFEST|FILES)\.json"
)

# A session in the environment that all share but the matrix.
shared = nox.session(venv_backend="none", requires=["venv"])


def isolate(session: nox.Session) -> None:
    """Give commands a home of their own, in which the collection is installed."""
    home = BUILD / "home"
    home.mkdir(parents=True, exist_ok=True)
    LINK.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        LINK.symlink_to("../../../..")
    session.env.update(
        ANSIBLE_COLLECTIONS_PATH=str(BUILD / "link"),
        ANSIBLE_HOME=str(home / ".ansible"),
        ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        ANSIBLE_LOCALHOST_WARNING="false",
        HOME=str(home),
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONPATH=str(ROOT / "tests"),
    )


def folder_of(session: nox.Session, kind: str) -> Path:
    """A session's folder below build/."""
    folder = BUILD / kind / re.sub(r"[()]", " ", session.name).strip().replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest(session: nox.Session, folder: str, *arguments: str) -> None:
    """Run pytest on a folder of tests."""
    junit = folder_of(session, "reports") / f"{folder.replace('/', '-')}.xml"
    session.run("python", "-m", "pytest", "--quiet", f"--junit-xml={junit}", folder, *arguments)


@contextlib.contextmanager
def simulated(session: nox.Session) -> Iterator[dict[str, str]]:
    """Serve the simulator, without a rate limit, and give the environment variables that point to it."""
    python = nox.command.which("python", session.bin_paths)
    command = [python, "-m", "simulator", "--port", "0", "--rate-limit", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            exports = [simulator.stdout.readline() for _variable in range(4)] if simulator.stdout else []
            yield dict(line.removeprefix("export ").rstrip().split("=", 1) for line in exports)
        finally:
            simulator.terminate()


def copy_collection(target: Path) -> Path:
    """Copy the files that git knows or would add, for tools that follow no links and want a repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    target /= "ansible_collections/clickhouse/cloud"
    shutil.rmtree(target, ignore_errors=True)
    for source in filter(Path.is_file, map(Path, names)):
        (target / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / source)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", target], check=True)
    return target


def ansible_test(session: nox.Session, command: str, *options: str) -> None:
    """Run ansible-test on a copy of the collection, against a simulator."""
    folder = folder_of(session, "ansible-test")
    collection = copy_collection(folder / command)
    # ansible-test would download this script from a host that closed networks do not reach.
    cache = folder / "home/.ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    python = Path(nox.command.which("python", session.bin_paths))
    (pins,) = python.parents[1].glob("lib/*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"^ *pip='(.*)',$", pins.read_text(encoding="utf-8"), re.MULTILINE):
        shutil.copy2("tests/tools/get_pip.py", cache / f"get_pip_{version.replace('.', '_')}.py")
    with tempfile.TemporaryDirectory() as tmp, simulated(session) as environment, session.chdir(collection):
        # By a path without a space: ansible-test writes shebangs.
        venv = Path(tmp, "venv")
        venv.symlink_to(python.parents[1])
        # By a file, since ansible-test removes it from the environment. JSON is YAML, too.
        variables = {name.lower(): value for name, value in environment.items()}
        variables["ansible_python_interpreter"] = f"{venv}/bin/python"
        Path("tests/integration/integration_config.yml").write_text(json.dumps(variables), encoding="utf-8")
        program = [f"{venv}/bin/python", "-m", "ansible_test._util.target.cli.ansible_test_cli_stub"]
        session.run(*program, command, "--color", "no", *options, env={"HOME": str(folder / "home")}, external=True)
    for junit in collection.glob("tests/output/junit/*.xml"):
        shutil.copy2(junit, folder_of(session, "reports"))


def run_simulated(session: nox.Session, *command: str) -> None:
    """Run a command against a simulator, and fail if ansible-core announces what it will drop."""
    with simulated(session) as environment:
        output = str(session.run(*command, env=environment, silent=True))
    if "DEPRECATION WARNING" in output:
        session.error(output)


# --- environments -----------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def venv(session: nox.Session) -> None:
    """Make .venv, or make it anew if its requirements have changed."""
    wanted, installed = Path("requirements/dev.txt").read_bytes(), Path(".venv/dev.txt")
    if installed.exists() and installed.read_bytes() == wanted:
        return
    python = next(filter(shutil.which, ["python3.14", "python3.13", "python3.12", "python3.11"]), "python3")
    session.run("uv", "venv", "--quiet", "--clear", "--python", python, ".venv")
    session.run(
        *["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", ".venv"],
        *["--requirement", "requirements/dev.txt"],
    )
    Path(".venv/bin/nox").symlink_to(Path(sys.executable).with_name("nox"))
    installed.write_bytes(wanted)


@nox.session(venv_backend="none")
def requirements(session: nox.Session) -> None:
    """Pin the newest versions of the development dependencies."""
    with session.chdir("requirements"):
        for name, python in {"nox": "3.11", "demo": "3.11", "test": "3.10", "dev": "3.11", "target": "3.9"}.items():
            universal = [] if name == "target" else ["--universal"]
            session.run(
                *["uv", "pip", "compile", "--quiet", "--upgrade", "--no-annotate", *universal],
                *["--python-version", python, f"{name}.in", "--output-file", f"{name}.txt"],
            )


# --- tests ------------------------------------------------------------------------------------------------------------


@shared
def quick(session: nox.Session) -> None:
    """Lint with ruff, and run the unit tests of plugins and playbooks, but those that wait for sockets, in seconds."""
    session.run("ruff", "check", "--quiet")
    session.run("ruff", "format", "--check", "--quiet")
    session.run(
        *[
            "python",
            "-m",
            "pytest",
            "--quiet",
            "--hypothesis-profile=quick",
            "tests/unit/plugins",
            "tests/unit/playbooks",
        ],
        *["--ignore-glob=*_wire.py", *session.posargs],
    )


@shared
def unit(session: nox.Session) -> None:
    """One file of the plugins, the templates or the simulator at a time."""
    coverage = [] if session.posargs else ["--cov", "--cov-report=term-missing:skip-covered"]
    pytest(session, "tests/unit", "--numprocesses=auto", *coverage, *session.posargs)


@shared
def component(session: nox.Session) -> None:
    """Whole modules in one process, against the simulator."""
    pytest(session, "tests/component", "--numprocesses=auto", "-m", "not extra", *session.posargs)


@shared
def e2e(session: nox.Session) -> None:
    """ansible-playbook and ansible, against the simulator; every command of the documentation."""
    pytest(session, "tests/e2e", "--numprocesses=auto", "-m", "not extra", *session.posargs)


@shared
def contract(session: nox.Session) -> None:
    """What the simulator assumes about the API; the real one is asked by: -- --email you+contract@example.com."""
    isolate(session)
    if session.posargs:
        paths = os.pathsep.join([str(BUILD / "link"), "tests"])
        session.run("python", "-m", "contract", *session.posargs, env={"PYTHONPATH": paths})
    else:
        pytest(session, "tests/contract", "--numprocesses=auto")


@shared
def integration(session: nox.Session) -> None:
    """Each module's story, by ansible-test."""
    isolate(session)
    ansible_test(session, "integration", *session.posargs)


@shared
def sanity(session: nox.Session) -> None:
    """What ansible-core requires of a collection, by ansible-test."""
    isolate(session)
    ansible_test(session, "sanity", "--junit", "--exclude", "tests/", *session.posargs)


@shared
def molecule(session: nox.Session) -> None:
    """A team's access list, by molecule."""
    isolate(session)
    run_simulated(session, "molecule", "test", "--all", "--report")


@shared
def galaxy(session: nox.Session) -> None:
    """Build the artifact in build/galaxy, import it as Galaxy does, and run the demo with it."""
    isolate(session)
    folder = BUILD / "galaxy"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("ansible-galaxy", "collection", "build", "--output-path", str(folder))
    (artifact,) = folder.glob("*.tar.gz")
    with tarfile.open(artifact) as archive:
        names = [member.name for member in archive if not member.isdir()]
    if unexpected := [name for name in names if not ARTIFACT.fullmatch(name)]:
        session.error(f"no user needs these; add them to build_ignore in galaxy.yml: {', '.join(unexpected)}")
    with session.chdir(folder):
        log = str(session.run("python", "-m", "galaxy_importer.main", artifact.name, silent=True))
    if "completed successfully" not in log or re.search("^(WARNING|ERROR)", log, re.MULTILINE):
        session.error(log)
    session.env["ANSIBLE_COLLECTIONS_PATH"] = str(folder)
    session.run("ansible-galaxy", "collection", "install", "--offline", "-p", str(folder), str(artifact))
    run_simulated(session, *DEMO)
    session.log(f"checked {len(names)} files, {artifact.stat().st_size // 1000} kB")


@nox.session
@nox.parametrize("python,core", CELLS)
def matrix(session: nox.Session, core: str) -> None:
    """The tests on one ansible-core and one Python of the controller; -- unit e2e selects layers."""
    layers = session.posargs or ["unit", "component", "e2e", "integration", "sanity", "demo"]
    release = DEVEL if core == "devel" else f"ansible-core~={core}.0"
    session.install("--compile-bytecode", "--requirement", "requirements/test.txt", release)
    isolate(session)
    # Extra tests and property tests depend on ansible-core little: only the oldest and the newest run them all.
    extra = core in ("2.16", "2.21") and not session.posargs
    profile = f"--hypothesis-profile={'matrix' if extra else 'quick'}"
    selection = "" if extra else "not extra"
    if "unit" in layers:
        pytest(session, "tests/unit/plugins", "--numprocesses=auto", profile)
    if "component" in layers:
        pytest(session, "tests/component", "--numprocesses=auto", "-m", selection, profile)
    if "e2e" in layers:
        pytest(session, "tests/e2e", "--numprocesses=auto", "-m", selection)
    if "integration" in layers:
        ansible_test(session, "integration")
    if "sanity" in layers:
        ansible_test(session, "sanity", "--junit")
    if "demo" in layers:
        run_simulated(session, *DEMO)


@nox.session(python="3.9", requires=["venv"])
def managed_host(session: nox.Session) -> None:
    """The modules on the oldest Python and the oldest requests that are promised on the managed host."""
    session.install("--requirement", "requirements/target.txt")
    pytest(session, "tests/unit/plugins")
    session.env["CLICKHOUSE_CLOUD_TEST_INTERPRETER"] = str(Path(session.bin, "python"))
    controller = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "--quiet", "--numprocesses=auto", "tests/e2e"]
    session.run(*controller, *session.posargs, external=True)


# --- linters and documentation ----------------------------------------------------------------------------------------


@shared
@nox.parametrize("linter", list(LINTERS), ids=list(LINTERS))
def lint(session: nox.Session, linter: str) -> None:
    """One linter, or all of them."""
    isolate(session)
    # ansible-lint judges playbooks by the path of the collection.
    folder = copy_collection(BUILD / "lint") if linter == "ansible-lint" else ROOT
    with session.chdir(folder):
        output = [str(session.run(*command, *session.posargs, silent=True)) for command in LINTERS[linter]]
    files = re.search(r"\d+(?= (source )?files)", output[-1])
    session.log(f"checked {linter}" + (f" ({files[0]} files)" if files else ""))


@shared
def docs(session: nox.Session) -> None:
    """Build the documentation site in build/docs/html; every reference leads somewhere."""
    isolate(session)
    folder = BUILD / "docs"
    pages = folder / "rst"
    shutil.rmtree(folder, ignore_errors=True)
    # antsibull-docs writes into no folder that others may write to.
    pages.mkdir(parents=True, mode=0o755)
    session.run(
        *["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"],
        *["--dest-dir", str(pages), "clickhouse.cloud"],
    )
    # Its index of the collection gives way to a start page.
    index = (pages / "index.rst").read_text(encoding="utf-8")
    (pages / "collection.rst").write_text(f":orphan:\n\n{index}", encoding="utf-8")
    shutil.copy2("docs/site/index.rst", pages)
    shutil.copytree("docs/docsite/rst/images", pages / "docsite/images")
    session.run(
        *["sphinx-build", "--quiet", "--fail-on-warning", "-c", "docs/site", "-d", str(folder / "doctrees")],
        *[str(pages), str(folder / "html")],
    )
    session.log(f"checked {len(list(folder.glob('html/**/*.html')))} pages")


# antsibull-changelog lists the plugins by ansible-doc, which it looks for on PATH.
@shared
def release_notes(session: nox.Session) -> None:
    """Make the changelog of the version in galaxy.yml from its fragments."""
    isolate(session)
    session.run("antsibull-changelog", "release", "--update-existing")


# --- the simulator ----------------------------------------------------------------------------------------------------


@nox.session
def demo(session: nox.Session) -> None:
    """Run examples/demo.yml against a simulator of its own."""
    session.install("--requirement", "requirements/demo.txt")
    isolate(session)
    session.env.update(
        ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
        ANSIBLE_DISPLAY_OK_HOSTS="false",
        ANSIBLE_DISPLAY_SKIPPED_HOSTS="false",
    )
    with simulated(session) as environment:
        session.run(*DEMO, *session.posargs, env=environment)


@nox.session
def simulator(session: nox.Session) -> None:
    """Serve the simulator on 127.0.0.1: -- --port 8766 --rate-limit 10 --settings FILE."""
    session.install("--requirement", "requirements/demo.txt")
    isolate(session)
    session.run("python", "-m", "simulator", *session.posargs)


@shared
def bench(session: nox.Session) -> None:
    """Compare the collection's speed with what else a user would write, in a quarter of an hour."""
    isolate(session)
    session.run("python", "-m", "benchmark", *session.posargs)
