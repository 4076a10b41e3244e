"""The Kubernetes launcher, against an API over real TLS whose pods are real processes: the honest run, and each way in
which cluster, network or pod fail or lie.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError
from lockgate.export.kubernetes.pods import Input, job
from lockgate.export.kubernetes.roles import Rights
from lockgate.export.kubernetes.rules import level_of, refusals
from lockgate.sandbox._kubernetes import training
from lockgate.sandbox._kubernetes.access import Access
from lockgate.sandbox._kubernetes.api import Api
from lockgate.sandbox._kubernetes.run import Patience, PodResult
from lockgate.sandbox.pod_request import Request
from lockgate.sandbox.settings import Limits
from tests.support.kubernetes import SPEC, Objects
from tests.support.kubernetes_api import Cluster, Fault, kubernetes_api

LIMITS = Limits(wall_seconds=20, output_bytes=1 << 20, talk_bytes=1 << 16)
PATIENCE = Patience(start=0.3, end=10, gone=0.3, ask=0.01, cuts=3)
ROWS = b"a,b\n1,2\n"
QUICK = "print('hello')"
TRAIN = """
import os, sys
rows = open(os.environ["LOCKGATE_DATA"] + "/rows.csv").read()
open(os.environ["LOCKGATE_OUT"] + "/model.bin", "w").write(rows.upper() * 5000)
print("said", sys.stdin.read())
print("warned", file=sys.stderr)
"""


@dataclass
class House:
    """A cluster and a launcher."""

    cluster: Cluster
    access: Access
    folder: Path
    count: int = 0

    def run(self, program: str = QUICK, *, seconds: int = 20, **change: Any) -> PodResult:
        """Run a program in a pod; `change` overrides the input's content, the Job or the limits."""
        self.count += 1
        digest = hashlib.sha256(ROWS).hexdigest()
        request = Request(("python", "-c", program), stdin="42", inputs={"rows.csv": digest}, seconds=seconds)
        submitted = job(
            SPEC, "train", name=f"train-{self.count}", command=request.words(), inputs=[Input("rows.csv", digest)]
        )
        out = self.folder / f"out-{self.count}"
        out.mkdir()
        launcher = training.KubernetesTraining(
            Api(self.access, timeout=10, sleep=lambda _: None),
            check=change.get("check", refusals),
            most=level_of(submitted),
            patience=change.get("patience", PATIENCE),
        )
        return launcher.run(
            change.get("job", submitted),
            limits=change.get("limits", LIMITS),
            out_dir=out,
            inputs={digest: change.get("rows", ROWS)},
        )

    def refused(self, fault: Fault, program: str = QUICK, **change: Any) -> LockgateError:
        """The error of a run in which something goes wrong; nothing of it is left in the cluster."""
        self.cluster.fault = fault
        with pytest.raises(LockgateError) as refusal:
            self.run(program, **change)
        if not fault.clings:
            assert self.cluster.objects == {}
        return refusal.value


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One API server for all tests here."""
    folder = tmp_path_factory.mktemp("kubernetes")
    with kubernetes_api(folder) as (cluster, access):
        yield House(cluster, access, folder)


@pytest.fixture
def house(running: House) -> Iterator[House]:
    """The cluster, without faults and empty."""
    running.cluster.fault = Fault()
    running.cluster.requests.clear()
    yield running
    running.cluster.fault = Fault()
    running.cluster.end()


def pod_spec(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """An admission that changes the pod's spec."""
    return Fault(admit=lambda pod: change(pod["spec"]))


def status(**found: Any) -> Fault:
    """A pod that never runs, with this status."""
    return Fault(runs=False, later=lambda pod: pod.update(status=found))


def waiting(reason: str) -> Fault:
    """A container that waits."""
    return status(phase="Pending", containerStatuses=[{"state": {"waiting": {"reason": reason, "message": "m"}}}])


def test_the_honest_run(house: House) -> None:
    """Inputs arrive, words and files come back whole, the report says what was seen and what is believed, and the
    cluster is as empty as before.
    """
    result = house.run(TRAIN)
    assert (result.exit_code, result.late) == (0, False)
    assert sorted(result.talk.decode().splitlines()) == ["said 42", "warned"]
    assert result.files["model.bin"].read_bytes() == ROWS.upper() * 5000
    assert [(probe.name, probe.holds) for probe in result.report.probes] == [
        ("pod-as-submitted", True),
        ("pod-by-the-rules", True),
    ]
    assert result.report.limits["runtime_class"] == "gvisor: the cluster's word"
    assert house.cluster.objects == {}


def test_the_role_is_exactly_what_a_run_needs(house: House) -> None:
    """Each request of a run is within the exported Role, and each right of the Role is used by it."""
    house.run()
    rights = Rights(Objects().all)
    used = {right_of(request) for request in house.cluster.requests}
    for verb, group, resource in used:
        assert rights.may(("lockgate", "train"), verb, resource, "lockgate-train", group=group), (verb, resource)
    granted = {
        (verb, group, resource)
        for grant in rights.grants(("lockgate", "train"))
        for verb in grant.verbs
        for group in grant.groups
        for resource in grant.resources
    }
    assert granted == used


def right_of(request: str) -> tuple[str, str, str]:
    """The right that the API would ask for."""
    method, _, path = request.partition(" ")
    parts = path.split("/")
    group, rest = ("", parts[5:]) if parts[1] == "api" else (parts[2], parts[6:])
    verb = {"POST": "create", "DELETE": "delete"}.get(method) or ("list" if len(rest) == 1 else "get")
    return verb, group, "/".join([rest[0], *rest[2:]])


def test_a_program_that_fails_is_told_with_its_code(house: House) -> None:
    """Its exit code and its words are a result, not an error of the cluster; a command that is not there is 127."""
    assert house.run("import sys; print('why'); sys.exit(7)").exit_code == 7
    assert house.run("import os; os.kill(os.getpid(), 9)").exit_code == 137


def test_the_pods_own_deadline_ends_the_target(house: House) -> None:
    """Late is told apart from failed, and what it wrote before is there."""
    result = house.run("import time; print('begun', flush=True); time.sleep(60)", seconds=1)
    assert (result.late, result.talk) == (True, b"begun\n")


def test_a_cut_log_is_read_again_from_its_beginning(house: House) -> None:
    """Two breaks in mid-stream, and not a byte is missing or doubled."""
    house.cluster.fault = Fault(cuts=[100, 20_000])
    result = house.run(TRAIN)
    assert result.files["model.bin"].read_bytes() == ROWS.upper() * 5000
    assert len([each for each in house.cluster.requests if each.endswith("/log")]) == 3


def test_words_that_look_like_ours_are_only_words(house: House) -> None:
    """A target cannot speak for the pod: what it prints is carried, however it looks."""
    result = house.run("print('LG1 0 WAAAAAA=')")
    assert result.talk == b"LG1 0 WAAAAAA=\n"


def test_talk_is_bounded(house: House) -> None:
    """A target that floods its log gets as many bytes as were allowed."""
    limits = replace(LIMITS, talk_bytes=1000)
    assert len(house.run("print('x' * 100_000)", limits=limits).talk) == 1000


@pytest.mark.parametrize(
    ("finding", "words", "fault"),
    [
        ("LG936", "hostNetwork", pod_spec(lambda spec: spec.update(hostNetwork=True))),
        ("LG936", "securityContext", pod_spec(lambda spec: spec["containers"][0].pop("securityContext"))),
        ("LG936", "runtimeClassName", pod_spec(lambda spec: spec.pop("runtimeClassName"))),
        ("LG936", "containers", pod_spec(lambda spec: spec["containers"].append(spec["containers"][0]))),
        ("LG936", "initContainers", pod_spec(lambda spec: spec.update(initContainers=[{"name": "i"}]))),
        ("LG936", "volumes", pod_spec(lambda spec: spec["volumes"].append({"name": "h", "hostPath": {"path": "/"}}))),
        ("LG936", "image", pod_spec(lambda spec: spec["containers"][0].update(image="evil.example/x:1"))),
        ("LG936", "serviceAccountName", pod_spec(lambda spec: spec.update(serviceAccountName="default"))),
        ("LG936", "lifecycle", pod_spec(lambda spec: spec["containers"][0].update(lifecycle={"postStart": {}}))),
        ("LG936", "env", pod_spec(lambda spec: spec["containers"][0]["env"].append({"name": "LD_PRELOAD"}))),
        ("LG936", "resources", pod_spec(lambda spec: spec["containers"][0]["resources"]["limits"].pop("memory"))),
        ("LG936", "spec", Fault(later=lambda pod: pod.update(spec=[]))),
        ("LG937", "Unschedulable", status(
            phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
        )),
        ("LG937", "did not start", Fault(runs=False)),
        ("LG937", "ImagePullBackOff: m", waiting("ImagePullBackOff")),
        ("LG937", "CreateContainerConfigError", waiting("CreateContainerConfigError")),
        ("LG937", "Evicted: disk", status(phase="Failed", reason="Evicted", message="disk")),
        ("LG938", "missing", Fault(mangle=lambda data: b"".join(data.splitlines(keepends=True)[1:]))),
        ("LG938", "cut off", Fault(mangle=lambda data: data.replace(b"=", b"").replace(b"A", b""))),
        ("LG938", "too long", Fault(mangle=lambda data: data.replace(b"\n", b"") * 2000)),
        ("LG938", "breaks off", Fault(cuts=[5, 5, 5, 5, 5])),
        ("LG938", "breaks off", Fault(answers={("GET", "log"): [500] * 9})),
        ("LG935", "401", Fault(answers={("POST", "jobs"): [401]})),
        ("LG935", "403", Fault(answers={("POST", "jobs"): [403]})),
        ("LG935", "409", Fault(answers={("POST", "jobs"): [409]})),
        ("LG935", "422", Fault(answers={("POST", "configmaps"): [422]})),
        ("LG934", "cannot now", Fault(answers={("GET", "pods"): [503] * 4})),
        ("LG934", "cannot now", Fault(answers={("POST", "jobs"): [429] * 4})),
        ("LG934", "does not answer", Fault(created_unseen=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_goes_wrong_is_named(house: House, finding: str, words: str, fault: Fault) -> None:
    """A weakened pod, one that does not run, a log with a hole, an API that says no: each has its finding, with the
    reason in the cluster's words; and Job, ConfigMap and pod are gone.
    """
    error = house.refused(fault)
    assert (error.finding, words in error.message) == (finding, True), error.message
    assert error.next


@pytest.mark.parametrize(
    ("words", "terminated"),
    [
        ("OOMKilled, exit code 137", {"exitCode": 137, "reason": "OOMKilled"}),
        ("DeadlineExceeded", None),
    ],
)
def test_a_pod_that_is_ended_in_mid_run_is_told(house: House, words: str, terminated: dict[str, Any] | None) -> None:
    """Out of memory, or past the deadline: the log breaks off, and the reason is the cluster's, not ours."""

    def end(pod: dict[str, Any]) -> None:
        if "/log" in str(house.cluster.requests):
            states = [{"state": {"terminated": terminated}}] if terminated else []
            reason = {} if terminated else {"reason": "DeadlineExceeded"}
            pod["status"] = {"phase": "Failed", "containerStatuses": states, **reason}

    error = house.refused(Fault(later=end, cuts=[1, 1, 1, 1, 1]))
    assert (error.finding, words in error.message) == ("LG937", True), error.message


def test_a_pod_that_is_changed_while_it_runs_is_refused(house: House) -> None:
    """A container that was added after the first look is seen at the last one: what came out is not kept."""

    def add(pod: dict[str, Any]) -> None:
        if "/log" in str(house.cluster.requests):
            pod["spec"]["ephemeralContainers"] = [{"name": "debug"}]

    assert house.refused(Fault(later=add)).finding == "LG936"


def test_an_input_that_is_not_the_submitted_one_is_refused_in_the_pod(house: House) -> None:
    """The pod hashes what it is shown, and runs nothing when it is something else."""
    error = house.refused(Fault(), "open('ran', 'w')", rows=b"other rows")
    assert (error.finding, "rows.csv" in error.message) == ("LG936", True)
    assert not (house.folder / f"train-{house.count}" / "ran").exists()


def test_output_beyond_its_limit_is_refused(house: House) -> None:
    """A model that is larger than allowed does not come in."""
    program = "import os; open(os.environ['LOCKGATE_OUT'] + '/m', 'wb').write(bytes(2000))"
    error = house.refused(Fault(), program, limits=replace(LIMITS, output_bytes=1000))
    assert (error.finding, "more output" in error.message) == ("LG938", True)


def test_what_is_not_a_plain_file_stays_in_the_pod(house: House) -> None:
    """A link in /out is not followed: nothing of the pod's own files leaves by it."""
    result = house.run("import os; os.symlink('/etc/passwd', os.environ['LOCKGATE_OUT'] + '/m')")
    assert (dict(result.files), list(result.skipped)) == ({}, ["m"])


def test_a_job_that_breaks_a_rule_is_not_submitted(house: House) -> None:
    """The rules come first: the cluster hears nothing."""
    error = house.refused(Fault(), check=lambda _: ["privileged: Job x: privileged"])
    assert (error.finding, house.cluster.requests) == ("LG930", [])


def test_without_its_check_a_weak_pod_would_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is what refuses: with it and the rules off, the weakened pod runs to its end."""
    monkeypatch.setattr("lockgate.sandbox._kubernetes.run.differences", lambda *_: [])
    house.cluster.fault = pod_spec(lambda spec: spec.update(hostNetwork=True))
    assert house.run(check=lambda _: []).exit_code == 0
    assert house.refused(pod_spec(lambda spec: spec.update(hostNetwork=True))).finding == "LG936"


def test_inputs_that_do_not_fit_are_refused_before_anything(house: House) -> None:
    """More than a ConfigMap holds is a matter for the configuration."""
    error = house.refused(Fault(), rows=bytes(901 << 10))
    assert (error.finding, house.cluster.requests) == ("LG939", [])


def test_a_pod_that_does_not_go_is_told(house: House) -> None:
    """A run is over when its pod is gone; one that stays is named with the command that removes it."""
    error = house.refused(Fault(clings=True))
    assert (error.finding, "still there" in error.message) == ("LG937", True)


def test_a_busy_cluster_is_asked_again(house: House) -> None:
    """429 and 503 now and then are no failure."""
    house.cluster.fault = Fault(answers={("GET", "pods"): [503, 429], ("POST", "jobs"): [429]})
    assert house.run().exit_code == 0


def test_somebody_elses_job_of_that_name_is_left_alone(house: House) -> None:
    """A name that is taken is a refusal, and what stands there is not deleted."""
    path = "/apis/batch/v1/namespaces/lockgate-train/jobs"
    house.cluster.objects[f"{path}/train-{house.count + 1}"] = {"kind": "X", "metadata": {"uid": "theirs"}}
    with pytest.raises(LockgateError) as refusal:
        house.run()
    assert refusal.value.finding == "LG935"
    assert [each["metadata"]["uid"] for each in house.cluster.objects.values()] == ["theirs"]


def another_pod(house: House, uid: str) -> Fault:
    """A second pod with the label of the run's Job, owned by the Job of that uid, or by the run's own."""

    def add(pod: dict[str, Any]) -> None:
        other = copy.deepcopy(pod)
        other["metadata"]["name"] = "another"
        other["metadata"]["ownerReferences"][0]["uid"] = uid or pod["metadata"]["ownerReferences"][0]["uid"]
        house.cluster.objects["/api/v1/namespaces/lockgate-train/pods/another"] = other

    return Fault(admit=add)


def test_a_pod_that_only_wears_the_label_is_not_ours(house: House) -> None:
    """Whose pod it is, its owner says: a stranger's words are not read as the run's."""
    house.cluster.fault = another_pod(house, "somebody else's")
    assert house.run().talk == b"hello\n"


def test_two_pods_for_one_job_are_refused(house: House) -> None:
    """Of two, one would run unwatched."""
    assert house.refused(another_pod(house, "")).finding == "LG936"


def test_a_job_that_took_the_name_is_not_deleted(house: House) -> None:
    """Only the very Job that was made is deleted: another one of its name stays, and the run says so."""
    path = f"/apis/batch/v1/namespaces/lockgate-train/jobs/train-{house.count + 1}"
    theirs = {"kind": "Job", "metadata": {"uid": "theirs"}}
    house.cluster.fault = Fault(admit=lambda _: house.cluster.objects.update({path: theirs}))
    with pytest.raises(LockgateError) as refusal:
        house.run()
    assert refusal.value.finding == "LG935"
    assert house.cluster.objects[path] is theirs


def test_nothing_that_the_target_started_outlives_it(house: House) -> None:
    """A process that the target left behind is ended before its files are read."""
    program = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    number = int(house.run(program).talk)
    assert not Path(f"/proc/{number}").exists() or "(zombie)" in Path(f"/proc/{number}/status").read_text()


def test_a_stranger_who_answers_is_not_the_cluster(house: House, tmp_path: Path) -> None:
    """A certificate of another authority, or for another name, ends the call before the token is sent."""
    with kubernetes_api(tmp_path) as (other, access):
        for wrong in (replace(access, ca=house.access.ca), replace(access, server_name="cluster.example")):
            with pytest.raises(LockgateError) as refusal:
                Api(wrong).get("/version")
            assert (refusal.value.finding, refusal.value.exit_code) == ("LG934", 3)
        assert other.requests == []
