"""The files around the package agree with it: workflows, hooks, citation, supported versions."""

import re
import tomllib
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))

if not WORKFLOWS:
    pytest.skip("the repository is not here", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def pythons():
    """The versions that pyproject.toml names: ["3.11", "3.12", ...]."""
    found = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["project"]["classifiers"]), re.MULTILINE)
    assert PROJECT["project"]["requires-python"] == f">={found[0]}"
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_the_same_everywhere(path):
    """A tag can be moved to other code; a comment says which release the commit is."""
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    everywhere = "".join(workflow.read_text("utf-8") for workflow in WORKFLOWS)
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
        name = action.partition("@")[0]
        assert set(re.findall(rf"uses: ({name}@.*)", everywhere)) == {action}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_unless_a_job_says_more(path):
    text = path.read_text("utf-8")
    assert re.findall(r"^permissions:\n((?:  .*\n)+)", text, re.MULTILINE) == ["  contents: read\n"]
    assert "secrets." not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_tests_and_tasks_run_on_every_python_that_is_named():
    tests = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
    for text in (tests, (ROOT / "noxfile.py").read_text("utf-8")):
        listed = re.search(r"python[:=] ?\[(.*)\]|session\(python=\[(.*)\]\)", text)
        assert re.findall(r"3\.\d+", listed[0]) == pythons()


def test_hooks_lint_with_the_version_of_the_lint_extra():
    (pinned,) = (
        line.partition("==")[2].removesuffix("*")
        for line in PROJECT["project"]["optional-dependencies"]["lint"]
        if line.startswith("ruff")
    )
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.search(r"ruff-pre-commit\n +rev: v(\S+)", hooks)[1].startswith(pinned)


def test_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == minigrad.__version__
    assert f"license: {PROJECT['project']['license']}\n" in citation
