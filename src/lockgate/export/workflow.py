"""A workflow of GitHub Actions that runs `lockgate run --deploy` on a schedule. Pure.

It runs on a runner of one's own: the log, the registry and the keys of the stages stay on it from run to run, as
`docs/where-things-live.md` says of CI. What GitHub holds is the schedule and one passphrase.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from lockgate.core.shown import visible
from lockgate.errors import Usage
from lockgate.export.kubernetes.text import as_yaml

CHECKOUT: Final = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
"""v4.2.2. A tag can be moved to other code by whoever owns it; these forty digits are one commit for good."""

SECRET: Final = "LOCKGATE_PASSPHRASE"  # noqa: S105 - a name
LOCK: Final = "lockgate.lock"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FILE: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}")
_CRON: Final = re.compile(r"[0-9*/, -]{9,64}")
_PASSPHRASE_FILE: Final = "${{ runner.temp }}/lockgate-passphrase"  # noqa: S105 - a path

_HEAD: Final = """\
# lockgate run --deploy, on a schedule. Written by: lockgate export github-actions
#
# runs-on      a runner of your own, labelled `lockgate`. The log, the registry and the keys of the stages stay on it:
#              a fresh machine each time would have none of them, and a copy of the log is refused as an old one.
#              Take no pull request of a stranger on it: what such a job runs could read the keys. This workflow has
#              no trigger but the schedule and a person.
# permissions  it reads the repository and writes nothing there. If you keep .lockgate/registry and .lockgate/log in
#              git, let the runner commit them with a deploy key of its own after the run; else leave .lockgate out.
# uses         pinned by commit: a tag can be moved. The comment in its name says which version that is.
# install      lockgate and all that it needs, from hashes, by the index that the runner is set up for.
# secrets      one passphrase, of the keys on the runner (lockgate trust protect ROLE). It is handed over in a file that
#              only the runner's user reads, and that goes when the job ends. Jails see neither.
# concurrency  one at a time; a second one waits. Lockgate's own lock refuses it as well (LG807).
# exit status  0 also where nothing is new; 1 where the policy says no, or somebody still has to approve.
"""


@dataclass(frozen=True)
class WorkflowSpec:
    """One workflow. `folder`: the project's, within the repository; `cron`: five fields, UTC; `lock`: within it."""

    name: str
    environment: str
    cron: str
    folder: str = "."
    lock: str = LOCK
    minutes: int = 720

    @property
    def file(self) -> str:
        """Where it belongs in the repository."""
        return f".github/workflows/lockgate-{self.environment}.yml"


def workflow(spec: WorkflowSpec) -> str:
    """The workflow's text. Raises Usage LG557 for what could be read as an expression, as YAML or by a shell."""
    name, environment = _said(spec.name, _NAME), _said(spec.environment, _NAME)
    folder = "." if spec.folder == "." else _said(spec.folder, _FILE)
    lock = _said(spec.lock, _FILE)
    job = {
        "name": f"run and deploy to {environment}",
        "runs-on": ["self-hosted", "lockgate"],
        "timeout-minutes": spec.minutes,
        "permissions": {"contents": "read"},
        "defaults": {"run": {"shell": "bash", "working-directory": folder}},
        "steps": _steps(environment, lock),
    }
    document = {
        "name": f"lockgate {name} {environment}",
        "on": {"schedule": [{"cron": _said(spec.cron, _CRON)}], "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": f"lockgate-{name}", "cancel-in-progress": False},
        "jobs": {"lockgate": job},
    }
    return _HEAD + as_yaml([document])


def _steps(environment: str, lock: str) -> list[dict[str, Any]]:
    venv = '"$RUNNER_TEMP/lockgate-venv"'
    return [
        {
            "name": "code (actions/checkout v4.2.2)",
            "uses": CHECKOUT,
            # What git does not know stays: .lockgate/data and state, and all of .lockgate where it is not in git.
            "with": {"clean": False, "persist-credentials": False},
        },
        {
            "name": "lockgate, from its hashes",
            "run": f"python3 -m venv --clear {venv} && {venv}/bin/pip install --quiet --disable-pip-version-check"
            f" --require-hashes --only-binary :all: --requirement {lock}",
        },
        {
            "name": "passphrase",
            "env": {SECRET: f"${{{{ secrets.{SECRET} }}}}"},
            "run": f'umask 077 && printf %s "${SECRET}" > "$RUNNER_TEMP/lockgate-passphrase"',
        },
        {
            "name": "run and deploy",
            "env": {f"{SECRET}_FILE": _PASSPHRASE_FILE},
            "run": f"{venv}/bin/python -I -m lockgate run --deploy --env {environment} --json",
        },
        {
            "name": "passphrase away",
            "if": "always()",
            "run": 'rm -f "$RUNNER_TEMP/lockgate-passphrase"',
        },
    ]


def _said(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise Usage(
            "LG557",
            f'"{visible(text[:80])}" has other signs than a workflow can say safely',
            seen={"text": text[:80]},
            next="lockgate explain LG557",
        )
    return text
