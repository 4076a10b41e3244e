"""A project whose gateway kept payloads: three requests, two customers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockgate.core.encoding import encode
from lockgate.errors import LockgateError
from lockgate.project import Project
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.payloads import Keeping
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.spec import ServePolicy
from lockgate.trust import pin
from lockgate.trust._edgefile import parse_edge_secrets
from lockgate.trust._payloadfile import handed_secrets
from tests.support.project import POLICY, SignedProject
from tests.support.recording import ADA, SERVED, Bench
from tests.support.sealed_predictions import seal_predictions

KEPT = ServePolicy(record="written", payload_days=30)
SUBJECT = "customer"
TOML = """[project]
name = "flights"
[data]
sources = ["x.csv"]
contract = "contract.py:Flight"
label = "delay"
"""


class Kept:
    """A project, and what its gateway kept: three requests of two customers, one of nobody."""

    def __init__(self, project: SignedProject) -> None:
        self.made = project
        self.project = Project(project.root, now=project.clock)
        self.folder = project.home / "state" / "payloads"
        self.folder.mkdir(parents=True)
        self.bench = Bench(project.home / "state")
        self.keys = pin.key_folder(project.created.project_id)
        secrets = parse_edge_secrets(handed_secrets(self.keys, SUBJECT))

        async def scene(recorder: SpoolRecorder) -> list[str]:
            rows: list[dict[str, Any]] = [{SUBJECT: "c-1", "x": 1}, {SUBJECT: "c-2", "x": 2}, {SUBJECT: "c-1", "x": 3}]
            entries = [
                Entry(SERVED, ADA, [encode(rows[0])], [b'{"value":1}']),
                Entry(SERVED, ADA, [encode(row) for row in rows[1:]], [b'{"value":2}', b'{"value":3}']),
                Entry(SERVED, ADA, [b'{"x":4}'], [b'{"value":4}']),
            ]
            return [token for own in recorder.write(entries) for token in own]

        keeping = Keeping(secrets.payload, secrets.subject_field)
        kept = {"payloads": self.folder, "keeping": keeping, "key": secrets.pseudonym, "policy": KEPT}
        self.receipts = self.bench.play(scene, **kept)
        seal_predictions(project, self.bench.spools)

    def finding(self, receipt: str) -> str:
        """What reading the payload of this prediction comes to."""
        try:
            self.project.payload(receipt)
        except LockgateError as error:
            return error.finding
        return ""

    def files(self) -> dict[Path, bytes]:
        """All that is kept."""
        return {path: path.read_bytes() for path in self.folder.iterdir()}


def made_project(root: Path, policy: str = POLICY) -> Kept:
    """A pinned project in `root`, with what its gateway kept. The caller is at home in a folder of its own."""
    root.mkdir()
    (root / "lockgate.toml").write_text(TOML)
    project = SignedProject(root, policy=policy)
    pin.pin(project.created.project_id, root, project.clock())
    return Kept(project)
