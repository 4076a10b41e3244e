"""The launcher: one Job in, its words and files out, nothing left behind."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.sandbox._kubernetes.api import Api
from lockgate.sandbox._kubernetes.run import Check, Manifest, Patience, PodResult, PodRun, Tools
from lockgate.sandbox.settings import Limits

__all__ = ["KubernetesTraining", "Patience", "PodResult"]

MOST_CONFIG_MAP = 900 << 10


class KubernetesTraining:
    """A jailed pod per run.

    `check` holds a Job, and each pod that is read back, against the rules of the export. `most` is the level that the
    report may claim: what the runtime class really is, the cluster alone knows.
    """

    def __init__(
        self,
        api: Api,
        *,
        check: Check,
        most: int,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tools = Tools(api, check, most, patience or Patience(), clock, sleep)

    def run(
        self,
        job: Manifest,
        *,
        limits: Limits,
        out_dir: Path,
        inputs: Mapping[str, bytes] | None = None,
        talk: Callable[[bytes], None] = lambda _: None,
    ) -> PodResult:
        """Run a Job's pod to its end. `inputs`, by the hex digits of their digest, go into a ConfigMap of its name.

        1. The Job keeps the rules.  2. The ConfigMap and the Job are submitted.  3. The pod, once the cluster has made
        it, is read back: it is the one submitted, and keeps the rules.  4. Its log is read to the last frame.  5. The
        pod is read back again.  6. Whatever happened: the Job is deleted, and this returns when its pod is gone.

        Raises Refused LG930 (1), Usage LG939 (2), Refused LG935 and Unavailable LG934 (the API), Refused LG936 (3, 5),
        Unavailable LG937 (the pod), LG938 (the log).
        """
        broken = list(self._tools.check(job))
        if broken:
            message = f"the Job breaks a rule: {'; '.join(broken[:3])}"
            raise Refused("LG930", message, seen={"broken": broken}, next="lockgate explain LG930")
        run = PodRun(self._tools, job)
        made: list[str] = []
        try:
            if inputs is not None:
                self._submit(run.config_maps, _config_map(job["metadata"], inputs), made)
            run.uid = self._submit(run.jobs, job, made)
            run.wait()
            result = run.collect(limits, out_dir, talk)
        except BaseException:
            # The first error is the one to tell; what stays behind ends at its deadline, and is cleared away after it.
            with suppress(LockgateError):
                self._clear(run, made)
            raise
        self._clear(run, made)
        return result

    def _submit(self, path: str, manifest: Manifest, made: list[str]) -> str:
        """Make an object; gives its uid. An answer that does not come may be that of an object that was made."""
        made.append(path)
        try:
            answer = self._tools.api.create(path, manifest)
        except Refused:
            made.remove(path)
            raise
        metadata = answer.get("metadata")
        return str(metadata.get("uid", "")) if isinstance(metadata, dict) else ""

    def _clear(self, run: PodRun, made: list[str]) -> None:
        for path in reversed(made):
            self._tools.api.delete(f"{path}/{run.name}", uid=run.uid if path == run.jobs else "")
        tools = self._tools
        deadline = tools.clock() + tools.patience.gone
        while run.uid and run.pods():
            if tools.clock() > deadline:
                message = f"the pod of {run.name} is still there after its Job was deleted"
                next_ = f"kubectl delete pod -l job-name={run.name} -n {run.namespace}"
                raise Unavailable("LG937", message, seen={"job": run.name}, next=next_)
            tools.sleep(tools.patience.ask)


def _config_map(job: Mapping[str, Any], inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """Raises Usage LG939."""
    size = sum(map(len, inputs.values()))
    if size > MOST_CONFIG_MAP:
        raise Usage(
            "LG939",
            f"{size} bytes of input do not fit into a ConfigMap",
            seen={"bytes": size, "most": MOST_CONFIG_MAP},
            next="edit lockgate.toml: [kubernetes] claim",
        )
    data = {digest: base64.b64encode(content).decode() for digest, content in inputs.items()}
    metadata = {"name": job["name"], "namespace": job["namespace"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "binaryData": data}
