"""What `status` does not ask in a project in which nothing is served, and that it asks everywhere else."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from lockgate.core.encoding import encode
from lockgate.project import Project, alarm_lines, glance, ladder_facts, retention, suspected, unseen
from lockgate.project.admitting import EDGE_SECRETS
from lockgate.project.served_state import CLIENTS
from lockgate.serve.client_file import FILE
from lockgate.trust import pin
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.suspected_house import TOML

NOT_FOR_STATUS = (
    "asyncio",
    "numpy",
    "onnxruntime",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "sklearn",
    "ssl",
    "lockgate.audit.ladder.checks",
    "lockgate.project.alarm_lines",
    "lockgate.project.ladder_facts",
    "lockgate.project.reports",
    "lockgate.project.retention",
    "lockgate.project.suspected",
    "lockgate.project.unseen",
    "lockgate.serve.spec",
    "lockgate.supervise",
)
"""None of these has anything to say of a project in which nothing was deployed."""
MOST_MODULES = 400
"""All that is loaded then, the standard library's as well. It was 507, and twice the time."""


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """With signed statements, none of a deployment."""
    project = signed_project(tmp_path, monkeypatch)
    (project.root / "lockgate.toml").write_text(TOML)
    pin.pin(project.created.project_id, project.root, project.clock())
    return project


def _loaded(root: Path, *arguments: str) -> set[str]:
    program = (
        "import sys\nfrom lockgate.cli.main import run\n"
        f"run({[*arguments]!r})\n"
        "print('loaded:', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.rpartition("loaded:")[2].split())


def test_status_loads_what_it_needs(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of what is served, trained or read: that costs as much again. Help needs no evidence at all."""
    project.candidate()
    register_here(project, monkeypatch)
    found = _loaded(project.root, "status")
    assert found & {"lockgate.project.pages"}
    assert not found & {*NOT_FOR_STATUS}
    assert len(found) <= MOST_MODULES
    assert not _loaded(project.root, "--help") & {*NOT_FOR_STATUS, "lockgate.project", "cryptography"}


def test_what_is_not_asked_says_nothing(project: SignedProject) -> None:
    """Each answer that is given without asking is the one that asking gives."""
    here = Project(project.root, now=project.clock)
    ledger, now = here.ledger(), here.now()
    assert glance.open_alarms(ledger.statements(), now) == alarm_lines.open_alarms(ledger.statements(), now) == ()
    assert glance.kept(here, ledger) == retention.reasons(here, ledger) == ()
    assert glance.unseen(here, ledger) == unseen.unseen(here, ledger) == ()
    assert glance.suspected(here, ledger) == suspected.review_line(here, ledger) == ""


def _kept(asked: list[str], name: str, *_: object) -> tuple[str, ...]:
    asked.append(name)
    return ()


def _asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked = list[str]()
    for module, name in (
        (alarm_lines, "open_alarms"),
        (ladder_facts, "looks_if_it_can"),
        (retention, "reasons"),
        (suspected, "review_line"),
        (unseen, "unseen"),
    ):
        monkeypatch.setattr(module, name, partial(_kept, asked, name))
    return asked


@pytest.mark.parametrize("place", ["state/payloads", "state/feedback", "state/erasing"])
def test_what_is_kept_of_people_is_asked_for(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Wherever something may lie, in whatever state: a link that leads nowhere as well."""
    asked, here = _asked(monkeypatch), Project(project.root, now=project.clock)
    glance.kept(here, here.ledger())
    assert asked == []
    (project.home / place).parent.mkdir(parents=True, exist_ok=True)
    (project.home / place).symlink_to("nowhere")
    glance.kept(here, here.ledger())
    assert asked == ["reasons"]


@pytest.mark.parametrize("place", ["clients", "key", "spool", "log"])
def test_clients_are_asked_for(project: SignedProject, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Where there is a client, a key of pseudonyms, a record that waits, or a log that cannot be read."""
    asked, here = _asked(monkeypatch), Project(project.root, now=project.clock)
    ledger = here.ledger()
    glance.suspected(here, ledger)
    assert asked == []
    file = {
        "clients": project.home / "state" / CLIENTS,
        "key": pin.key_folder(ledger.root) / EDGE_SECRETS,
        "spool": project.home / "state" / "spool" / "0123456789abcdef.spool",
        "log": project.home / "log" / "predictions" / "checkpoint",
    }[place]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode({}))
    glance.suspected(here, ledger)
    assert asked == ["review_line"]


def test_records_are_asked_for(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with one record, and nothing else of whoever served."""
    asked, here = _asked(monkeypatch), Project(project.root, now=project.clock)
    for size, expected in ((0, []), (1, ["review_line"])):
        monkeypatch.setattr(glance, "log_here", lambda *_, size=size: SimpleNamespace(size=size))
        glance.suspected(here, here.ledger())
        assert asked == expected


def test_the_registry_s_name_is_the_registry_s() -> None:
    """It is written twice, so that nothing is loaded where there is none."""
    assert CLIENTS == FILE
