"""Each rule for manifests, broken alone: one changed field, and exactly that rule says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lockgate.export.kubernetes import pod_rules
from lockgate.export.kubernetes.rules import broken
from tests.support.kubernetes import SPEC, Objects

Mutant = Callable[[Objects], Any]


def put(place: Callable[[Objects], dict[str, Any]], **fields: Any) -> Mutant:
    """Set fields."""
    return lambda objects: place(objects).update(fields)


def cut(place: Callable[[Objects], dict[str, Any]], field: str) -> Mutant:
    """Take a field away."""
    return lambda objects: place(objects).pop(field)


def pod(objects: Objects) -> dict[str, Any]:
    """The train pod's spec."""
    return objects.pod


def context(objects: Objects) -> dict[str, Any]:
    """The train pod's security context."""
    found: dict[str, Any] = objects.pod["securityContext"]
    return found


def container(objects: Objects) -> dict[str, Any]:
    """The train container."""
    return objects.container


def own(objects: Objects) -> dict[str, Any]:
    """The train container's security context."""
    found: dict[str, Any] = objects.container["securityContext"]
    return found


def volume(**source: Any) -> Mutant:
    """One more volume."""
    return lambda objects: objects.pod["volumes"].append({"name": "more", **source})


def of(kind: str, name: str, *path: str, namespace: str | None = None) -> Callable[[Objects], dict[str, Any]]:
    """A place in one object."""

    def place(objects: Objects) -> dict[str, Any]:
        found = objects.one(kind, name, namespace)
        for step in path:
            found = found[step]
        return found

    return place


def annotated(objects: Objects) -> None:
    """AppArmor as it was said before there was a field for it."""
    template = objects.one("Job", "train")["spec"]["template"]
    template["metadata"]["annotations"] = {"container.apparmor.security.beta.kubernetes.io/train": "unconfined"}


def another_policy(namespace: str, **spec: Any) -> Mutant:
    """One more policy in a namespace."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "more", "namespace": namespace},
        "spec": spec,
    }
    return lambda objects: objects.all.append(policy)


def another(kind: str, version: str, **body: Any) -> Mutant:
    """One more object."""
    metadata = {"name": "more", "namespace": "lockgate"}
    return lambda objects: objects.all.append({"apiVersion": version, "kind": kind, "metadata": metadata, **body})


def launcher_in_the_house_of_keys(objects: Objects) -> None:
    """The launcher's right to make Jobs, granted where the keys are."""
    for kind in ("Role", "RoleBinding"):
        objects.one(kind, "launch", "lockgate-train")["metadata"]["namespace"] = "lockgate"


def rights_for_the_jailed(objects: Objects) -> None:
    """The jailed account itself may make Jobs."""
    subject = {"kind": "ServiceAccount", "name": "train", "namespace": "lockgate-train"}
    objects.one("RoleBinding", "launch", "lockgate-train")["subjects"].append(subject)


role = of("Role", "launch", "rules", namespace="lockgate-train")
POD: list[tuple[str, str, Mutant]] = [
    ("host-process", "pod", put(context, windowsOptions={"hostProcess": True})),
    ("host-process", "container", put(own, windowsOptions={"hostProcess": True})),
    ("host-namespaces", "network", put(pod, hostNetwork=True)),
    ("host-namespaces", "pid", put(pod, hostPID=True)),
    ("host-namespaces", "ipc", put(pod, hostIPC=True)),
    ("privileged", "container", put(own, privileged=True)),
    ("capabilities-added", "net", put(own, capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})),
    ("capabilities-added", "admin", put(own, capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
    ("capabilities-dropped", "some", put(own, capabilities={"drop": ["NET_RAW"]})),
    ("capabilities-dropped", "none", cut(own, "capabilities")),
    ("host-path", "root", volume(hostPath={"path": "/"})),
    ("host-ports", "port", put(container, ports=[{"containerPort": 80, "hostPort": 80}])),
    ("apparmor", "field", put(own, appArmorProfile={"type": "Unconfined"})),
    ("apparmor", "annotation", annotated),
    ("selinux", "type", put(own, seLinuxOptions={"type": "spc_t"})),
    ("selinux", "role", put(context, seLinuxOptions={"role": "sysadm_r"})),
    ("proc-mount", "unmasked", put(own, procMount="Unmasked")),
    ("sysctls", "kernel", put(context, sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
    ("seccomp", "unconfined", put(own, seccompProfile={"type": "Unconfined"})),
    ("seccomp", "unsaid", cut(context, "seccompProfile")),
    ("volume-types", "nfs", volume(nfs={"server": "files.example", "path": "/"})),
    ("volume-types", "token", volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]})),
    ("privilege-escalation", "on", put(own, allowPrivilegeEscalation=True)),
    ("privilege-escalation", "unsaid", cut(own, "allowPrivilegeEscalation")),
    ("run-as-non-root", "unsaid", cut(context, "runAsNonRoot")),
    ("run-as-non-root", "container", put(own, runAsNonRoot=False)),
    ("run-as-user", "pod", put(context, runAsUser=0)),
    ("run-as-user", "container", put(own, runAsUser=0)),
    ("run-as-group", "pod", put(context, runAsGroup=0)),
    ("run-as-group", "more", put(context, supplementalGroups=[0])),
    ("image-digest", "tag", put(container, image="registry.example/lockgate:1.0")),
    ("image-digest", "latest", put(container, image="lockgate")),
    ("read-only-root", "off", put(own, readOnlyRootFilesystem=False)),
    ("no-token", "unsaid", cut(pod, "automountServiceAccountToken")),
    ("service-links", "unsaid", cut(pod, "enableServiceLinks")),
    ("service-account", "default", put(pod, serviceAccountName="default")),
    ("limits", "memory", lambda o: o.container["resources"]["limits"].pop("memory")),
    ("limits", "disk", lambda o: o.container["resources"]["limits"].pop("ephemeral-storage")),
    ("limits", "zero", lambda o: o.container["resources"]["limits"].update(cpu="0")),
    ("requests", "cpu", lambda o: o.container["resources"]["requests"].pop("cpu")),
    ("empty-dir-size", "unbounded", volume(emptyDir={})),
    ("claims-read-only", "writable", volume(persistentVolumeClaim={"claimName": "data"})),
    ("environment", "key", lambda o: o.container["env"].append({"name": "K", "valueFrom": {"secretKeyRef": {}}})),
    ("environment", "all", put(container, envFrom=[{"secretRef": {"name": "lockgate-key-trainer"}}])),
    ("no-keys", "key in a jail", volume(secret={"secretName": "lockgate-key-trainer"})),
    ("no-late-containers", "later", lambda o: o.pod.update(ephemeralContainers=[{**o.container, "name": "late"}])),
    ("deadline", "unsaid", cut(pod, "activeDeadlineSeconds")),
    ("restart", "failure", put(pod, restartPolicy="OnFailure")),
    ("grace", "hour", put(pod, terminationGracePeriodSeconds=3600)),
    ("own-processes", "shared", put(pod, shareProcessNamespace=True)),
    ("form", "unknown", put(pod, hostAliases=[])),
    ("form", "probe", put(container, livenessProbe={"tcpSocket": {"host": "10.0.0.1", "port": 1}})),
    ("form", "text for a truth", put(context, runAsNonRoot="true")),
    ("form", "number for a truth", put(pod, hostNetwork=0)),
    ("form", "no container", put(pod, containers=[])),
    ("form", "list for a map", put(pod, securityContext=[])),
]
OBJECT: list[tuple[str, str, Mutant]] = [
    ("kinds", "secret", another("Secret", "v1", data={"key": "a2V5"})),
    ("kinds", "cluster role", another("ClusterRole", "rbac.authorization.k8s.io/v1", rules=[])),
    ("kinds", "list", another("List", "v1", items=[])),
    ("kinds", "old version", put(of("Job", "train"), apiVersion="batch/v1beta1")),
    ("named", "nowhere", cut(of("Job", "train", "metadata"), "namespace")),
    ("named", "labels", put(of("Namespace", "lockgate", "metadata"), labels=["restricted"])),
    (
        "pod-security",
        "baseline",
        lambda o: o.one("Namespace", "lockgate")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    (
        "pod-security-version",
        "unsaid",
        cut(of("Namespace", "lockgate", "metadata", "labels"), "pod-security.kubernetes.io/warn-version"),
    ),
    ("account-token", "unsaid", cut(of("ServiceAccount", "ingest"), "automountServiceAccountToken")),
    ("account-secrets", "any", cut(of("ServiceAccount", "ingest", "metadata"), "annotations")),
    ("rights", "all verbs", lambda o: o.one("Role", "launch")["rules"][1].update(verbs=["*"])),
    ("rights", "all kinds", lambda o: o.one("Role", "launch")["rules"][1].update(resources=["*"])),
    ("rights", "exec", lambda o: o.one("Role", "launch")["rules"][1].update(resources=["pods/exec"], verbs=["get"])),
    ("rights", "secrets", lambda o: o.one("Role", "launch")["rules"][1].update(resources=["secrets"])),
    ("rights", "patch", lambda o: o.one("Role", "launch")["rules"][0]["verbs"].append("patch")),
    ("binding-role", "cluster", put(of("RoleBinding", "launch", "roleRef"), kind="ClusterRole", name="edit")),
    ("binding-subject", "group", lambda o: o.one("RoleBinding", "launch")["subjects"][0].update(kind="Group")),
    ("policy-form", "typo", put(of("NetworkPolicy", "ingest", "spec"), policyType=["Egress"])),
    ("policy-form", "block", lambda o: rule_of(o, "ingest")["to"][0]["ipBlock"].update(cidr="10.1.0.0/33")),
    ("service", "node port", put(of("Service", "gateway", "spec"), type="NodePort")),
    ("service", "outside", put(of("Service", "gateway", "spec"), externalIPs=["203.0.113.1"])),
    ("job-retries", "six", cut(of("Job", "train", "spec"), "backoffLimit")),
    ("job-count", "many", put(of("Job", "train", "spec"), parallelism=4)),
    ("job-deadline", "unsaid", cut(of("Job", "train", "spec"), "activeDeadlineSeconds")),
    ("job-kept", "for ever", cut(of("Job", "train", "spec"), "ttlSecondsAfterFinished")),
]
SET: list[tuple[str, str, Mutant]] = [
    ("unique", "twice", lambda o: o.all.append(o.one("Service", "gateway"))),
    ("namespaces", "unsaid", lambda o: o.drop("Namespace", "lockgate-train")),
    ("default-deny", "dropped", lambda o: o.drop("NetworkPolicy", "default-deny", "lockgate")),
    ("default-deny", "jails", lambda o: o.drop("NetworkPolicy", "default-deny", "lockgate-train")),
    ("default-deny", "one way", put(of("NetworkPolicy", "default-deny", "spec"), policyTypes=["Ingress"])),
    ("accounts", "pod", put(pod, serviceAccountName="trainer")),
    ("accounts", "subject", lambda o: o.one("RoleBinding", "launch")["subjects"][0].update(name="somebody")),
    ("jail-network", "dns", another_policy("lockgate-train", podSelector={}, egress=[{"ports": [{"port": 53}]}])),
    ("jail-network", "way in", another_policy("lockgate-judge", podSelector={}, ingress=[{}])),
    ("jail-rights", "launches", rights_for_the_jailed),
    ("keys-apart", "launches beside keys", launcher_in_the_house_of_keys),
]
ALL = [*POD, *OBJECT, *SET]


def rule_of(objects: Objects, policy: str) -> dict[str, Any]:
    """A policy's first way out."""
    rule: dict[str, Any] = objects.one("NetworkPolicy", policy)["spec"]["egress"][0]
    return rule


def test_what_is_rendered_breaks_no_rule() -> None:
    """Positive control: the set that Lockgate itself writes keeps every rule."""
    assert broken(Objects().all) == []


@pytest.mark.parametrize(("rule", "mutant"), [pytest.param(r, m, id=f"{r}: {n}") for r, n, m in ALL])
def test_one_change_breaks_exactly_its_rule(rule: str, mutant: Mutant) -> None:
    """A manifest that is worse in one place is refused, and the rule of that place is named, no other."""
    objects = Objects()
    mutant(objects)
    assert {each.rule for each in broken(objects.all)} == {rule}


def test_every_rule_of_a_pod_has_a_mutant() -> None:
    """No rule is there that was never seen to refuse."""
    assert {rule.name for rule in pod_rules.RULES} - {rule for rule, _, _ in ALL} == set()


@pytest.mark.parametrize("rule", pod_rules.RULES, ids=lambda rule: rule.name)
def test_without_a_rule_its_mutant_passes(rule: pod_rules.PodRule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule is needed: with it taken out, no other rule for pods refuses its mutants.

    Two have a second line, which looks at all objects together: an account that is not there, a key within reach.
    """
    monkeypatch.setattr(pod_rules, "RULES", tuple(each for each in pod_rules.RULES if each is not rule))
    for name, _, mutant in ALL:
        if name == rule.name:
            objects = Objects()
            mutant(objects)
            assert {each.rule for each in broken(objects.all)} <= {"accounts", "keys-apart"}


@pytest.mark.parametrize("field", ["initContainers", "ephemeralContainers"])
def test_other_containers_are_held_against_the_rules_too(field: str) -> None:
    """A container that starts first, or is added later, is a container."""
    objects = Objects()
    objects.pod[field] = [{**objects.container, "securityContext": {"privileged": True}}]
    assert {"privileged", "privilege-escalation"} <= {each.rule for each in broken(objects.all)}


def test_the_rules_hold_without_options() -> None:
    """The smallest set keeps them too, and so does one with a claim and without gVisor."""
    small = replace(SPEC, callers=(), ingest_ways=(), api_ways=())
    assert broken(Objects(small).all) == []
    assert broken(Objects(replace(SPEC, claim="blobs", runtime_class="")).all) == []
