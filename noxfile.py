#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///

"""Tasks in environments of their own: `nox --session tests`; `nox --list` names them.

`.ci/run` stays what every change has to pass. This is for those who know nox.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"


@nox.session
def lint(session):
    """Run every hook of .pre-commit-config.yaml."""
    session.install("pre-commit")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session):
    """Run the tests, on each Python that is here: `nox --session tests-3.13 -- -k dense`."""
    session.install("-e", ".[all,test]")
    session.run("pytest", *session.posargs)


@nox.session
def docs(session):
    """Build the documentation."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-j", "auto", "-W", "-n", "--keep-going", "docs", "build/docs")
    session.run("python", "docs/check_site.py", "build/docs")


@nox.session(default=False)
def release(session):
    """Check the files in dist/, the metadata and the repository before they are published."""
    session.install(*nox.project.load_toml()["dependency-groups"]["release"])
    files = sorted(str(path) for path in Path("dist").iterdir())
    wheels = [path for path in files if path.endswith(".whl")]
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", *wheels)
    session.run("check-manifest")
    session.run("pyroma", "--min", "9", ".")  # 10 with an address and a home page, once known
    session.run("sp-repo-review", ".")
    session.run("zizmor", "--offline", ".github")


if __name__ == "__main__":
    nox.main()
