"""Who may do what, and what follows from it, told from roles and bindings alone. Pure.

The semantics of `rbac.authorization.k8s.io/v1`: rights only add up. What a right is good for beyond its words is in
`reach`: whoever may create a pod gives it any account and any Secret of its namespace; whoever may run a command in a
pod has what the pod has; `escalate`, `bind` and `impersonate` are the rights to have more rights. Where the objects
cannot tell, the answer is the larger one: what admission would refuse counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.export.kubernetes.spec import Manifest

Account = tuple[str, str]
"""Namespace and name of a ServiceAccount."""

EVERYWHERE = ""
_RBAC = "rbac.authorization.k8s.io"
_MAKES_PODS = (
    ("", "pods"),
    ("", "replicationcontrollers"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
)
_ENTERS_PODS = (
    ("create", "pods/exec"),
    ("get", "pods/exec"),
    ("create", "pods/attach"),
    ("get", "pods/attach"),
    ("patch", "pods/ephemeralcontainers"),
    ("update", "pods/ephemeralcontainers"),
)
_CHANGES = ("create", "patch", "update")


@dataclass(frozen=True)
class Grant:
    """One rule, in the namespace where a binding puts it; "" is everywhere."""

    namespace: str
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def allows(self, verb: str, group: str, resource: str, namespace: str, name: str | None) -> bool:
        """`name` None asks about some object or other, "" about a request that names none."""
        return (
            self.namespace in (EVERYWHERE, namespace)
            and _has(self.verbs, verb)
            and _has(self.groups, group)
            and _covers(self.resources, resource)
            and (not self.names or name is None or name in self.names)
        )


@dataclass(frozen=True)
class Reach:
    """What an account can come to. `accounts`: those whose rights it can take; `secrets`: the namespaces whose
    Secrets it can read; `rules`: the namespaces in which it can give itself any right, "" for the whole cluster.
    """

    accounts: frozenset[Account]
    secrets: frozenset[str]
    rules: frozenset[str]


class Rights:
    """Roles and bindings of a set of objects."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self._roles = {_place(each): each.get("rules") or () for each in manifests if each["kind"] in _ROLES}
        self._bindings = [each for each in manifests if each["kind"] in ("RoleBinding", "ClusterRoleBinding")]
        names = [each["metadata"]["name"] for each in manifests if each["kind"] == "Namespace"]
        named = [each["metadata"].get("namespace", "") for each in manifests]
        self.namespaces = tuple(sorted({*names, *named} - {""}))
        accounts = {_account(each["metadata"]) for each in manifests if each["kind"] == "ServiceAccount"}
        self.accounts = tuple(sorted(accounts | {(namespace, "default") for namespace in self.namespaces}))

    def grants(self, account: Account) -> Iterator[Grant]:
        """Every grant that a binding gives an account, directly or through a group of accounts."""
        for binding in self._bindings:
            if any(_is_subject(subject, account) for subject in binding.get("subjects") or ()):
                namespace = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else EVERYWHERE
                ref = binding["roleRef"]
                home = namespace if ref["kind"] == "Role" else ""
                for rule in self._roles.get((ref["kind"], home, ref["name"]), ()):
                    yield _grant(namespace, rule)

    def may(
        self, account: Account, verb: str, resource: str, namespace: str, *, group: str = "", name: str | None = ""
    ) -> bool:
        """Whether the API would say yes. `resource` with its subresource, as in `pods/exec`."""
        return any(grant.allows(verb, group, resource, namespace, name) for grant in self.grants(account))

    def reach(self, account: Account) -> Reach:
        """What an account can come to, step by step, with the rights of all that it comes to."""
        found, left = {account}, [account]
        secrets: set[str] = set()
        rules: set[str] = set()
        while left:
            grants = tuple(self.grants(left.pop()))
            for namespace in (*self.namespaces, EVERYWHERE):
                power = _Power(grants, namespace)
                own = [each for each in self.accounts if namespace in (EVERYWHERE, each[0])]
                spaces = self.namespaces if namespace == EVERYWHERE else (namespace,)
                if power.rules:
                    rules.add(namespace)
                if power.rules or power.runs or power.reads:
                    secrets.update(spaces)
                taken = own if power.rules or power.runs or power.makes_tokens else []
                new = [each for each in taken if each not in found]
                found.update(new)
                left += new
        return Reach(frozenset(found - {account}), frozenset(secrets), frozenset(rules))


@dataclass(frozen=True)
class _Power:
    """What grants are good for in one namespace; in "", only those that hold everywhere count."""

    grants: tuple[Grant, ...]
    namespace: str

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        return any(each.allows(verb, group, resource, self.namespace, None) for each in self.grants)

    @property
    def rules(self) -> bool:
        return (
            any(
                self.may("escalate", kind, _RBAC) or self.may("bind", kind, _RBAC) for kind in ("roles", "clusterroles")
            )
            or any(self.may("impersonate", kind) for kind in ("users", "groups"))
            or any(self.may(verb, "nodes/proxy") for verb in ("create", "get"))
        )

    @property
    def runs(self) -> bool:
        makes = any(self.may("create", resource, group) for group, resource in _MAKES_PODS)
        changes = any(
            self.may(verb, resource, group)
            for verb in ("patch", "update")
            for group, resource in _MAKES_PODS
            if resource != "pods"
        )
        return makes or changes or any(self.may(verb, resource) for verb, resource in _ENTERS_PODS)

    @property
    def reads(self) -> bool:
        return any(self.may(verb, "secrets") for verb in ("get", "list", "watch"))

    @property
    def makes_tokens(self) -> bool:
        by_secret = self.reads and any(self.may(verb, "secrets") for verb in _CHANGES)
        return by_secret or self.may("create", "serviceaccounts/token") or self.may("impersonate", "serviceaccounts")


_ROLES = ("Role", "ClusterRole")


def _place(role: Manifest) -> tuple[str, str, str]:
    metadata = role["metadata"]
    return role["kind"], metadata.get("namespace", "") if role["kind"] == "Role" else "", metadata["name"]


def _account(metadata: Mapping[str, Any]) -> Account:
    return metadata.get("namespace", ""), metadata["name"]


def _is_subject(subject: Mapping[str, Any], account: Account) -> bool:
    namespace, name = account
    if subject.get("kind") == "ServiceAccount":
        return (subject.get("namespace"), subject.get("name")) == account
    if subject.get("kind") == "User":
        return subject.get("name") == f"system:serviceaccount:{namespace}:{name}"
    groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return subject.get("kind") == "Group" and subject.get("name") in groups


def _grant(namespace: str, rule: Mapping[str, Any]) -> Grant:
    parts = (tuple(rule.get(field) or ()) for field in ("apiGroups", "resources", "verbs", "resourceNames"))
    return Grant(namespace, *parts)


def _has(words: Iterable[str], word: str) -> bool:
    return any(each in ("*", word) for each in words)


def _covers(resources: Iterable[str], resource: str) -> bool:
    _, slash, below = resource.partition("/")
    return any(each in ("*", resource) or (bool(slash) and each == f"*/{below}") for each in resources)
