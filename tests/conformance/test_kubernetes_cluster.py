"""The launcher against a real cluster, where one is given: KUBECONFIG, and LOCKGATE_TEST_IMAGE by digest.

What `lockgate export kubernetes` writes for that image must have been applied, with `runtime_class` as the cluster has
it in LOCKGATE_TEST_RUNTIME_CLASS (default: the node's own).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.export.kubernetes.pods import job
from lockgate.export.kubernetes.rules import level_of, refusals
from lockgate.sandbox._kubernetes.access import read_kubeconfig
from lockgate.sandbox._kubernetes.api import Api
from lockgate.sandbox._kubernetes.training import KubernetesTraining
from lockgate.sandbox.pod_request import Request
from lockgate.sandbox.settings import Limits
from tests.support.kubernetes import SPEC

pytestmark = pytest.mark.skipif(
    not (os.environ.get("KUBECONFIG") and os.environ.get("LOCKGATE_TEST_IMAGE")),
    reason="no cluster here: set KUBECONFIG and LOCKGATE_TEST_IMAGE",
)
LOOK = """
import os, socket
for what in (lambda: open("/written", "w"), lambda: socket.create_connection(("1.1.1.1", 53), 3),
             lambda: socket.getaddrinfo("kubernetes.default.svc", 443)):
    try:
        what()
        print("open")
    except OSError:
        print("refused")
print(os.getuid(), os.path.exists("/var/run/secrets/kubernetes.io"))
"""


def test_a_real_pod_reaches_nothing(tmp_path: Path) -> None:
    """Its file system cannot be written, no address and no name is reached, no token is there, and it is not root."""
    access = read_kubeconfig(Path(os.environ["KUBECONFIG"]).read_text(), read=lambda path: Path(path).read_bytes())
    limits = Limits(memory=256 << 20, wall_seconds=120, output_bytes=1 << 20)
    spec = replace(
        SPEC,
        image=os.environ["LOCKGATE_TEST_IMAGE"],
        runtime_class=os.environ.get("LOCKGATE_TEST_RUNTIME_CLASS", ""),
        cores=1,
        limits=limits,
    )
    command = Request(("python", "-c", LOOK), seconds=60).words()
    submitted = job(spec, "train", name=f"train-{secrets.token_hex(4)}", command=command)
    launcher = KubernetesTraining(Api(access), check=refusals, most=level_of(submitted))
    result = launcher.run(submitted, limits=limits, out_dir=tmp_path)
    assert result.talk.decode().splitlines() == ["refused", "refused", "refused", "65532 False"]
