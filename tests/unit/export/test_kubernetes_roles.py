"""Rights from roles and bindings, and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.export.kubernetes.roles import Rights

GROUP = "rbac.authorization.k8s.io"
ME = ("jobs", "launcher")


def account(namespace: str, name: str) -> dict[str, Any]:
    """A ServiceAccount."""
    return {"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def rights(*rules: dict[str, Any], cluster: bool = False, subject: dict[str, Any] | None = None) -> Rights:
    """The rights of the launcher's account in `jobs`, or in the whole cluster; keys are in `keys`."""
    kind = "ClusterRole" if cluster else "Role"
    binding = "ClusterRoleBinding" if cluster else "RoleBinding"
    home = {} if cluster else {"namespace": "jobs"}
    mine = {"kind": "ServiceAccount", "namespace": "jobs", "name": "launcher"}
    return Rights(
        [
            account("jobs", "launcher"),
            account("jobs", "train"),
            account("keys", "signer"),
            {"kind": kind, "metadata": {"name": "r", **home}, "rules": list(rules)},
            {
                "kind": binding,
                "metadata": {"name": "b", **home},
                "roleRef": {"kind": kind, "name": "r"},
                "subjects": [subject or mine],
            },
        ]
    )


def rule(group: str, resource: str, *verbs: str, **more: Any) -> dict[str, Any]:
    """One rule."""
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), **more}


def test_a_role_holds_in_its_namespace_alone() -> None:
    """What is granted in `jobs` is not granted in `keys`, and what is not granted is refused."""
    found = rights(rule("batch", "jobs", "create"))
    assert found.may(ME, "create", "jobs", "jobs", group="batch") is True
    assert found.may(ME, "create", "jobs", "keys", group="batch") is False
    assert found.may(ME, "delete", "jobs", "jobs", group="batch") is False
    assert found.may(ME, "create", "jobs", "jobs", group="apps") is False
    assert found.may(("jobs", "train"), "create", "jobs", "jobs", group="batch") is False


def test_a_cluster_role_by_a_role_binding_holds_in_the_bindings_namespace() -> None:
    """The role is the cluster's, the right is the namespace's."""
    objects = [
        account("jobs", "launcher"),
        account("keys", "signer"),
        {"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [rule("", "secrets", "get")]},
        {
            "kind": "RoleBinding",
            "metadata": {"name": "b", "namespace": "keys"},
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "jobs", "name": "launcher"}],
        },
    ]
    assert rights_in(objects, "keys") is True
    assert rights_in(objects, "jobs") is False


def rights_in(objects: list[dict[str, Any]], namespace: str) -> bool:
    """Whether the launcher may read Secrets there."""
    return Rights(objects).may(ME, "get", "secrets", namespace)


def test_resource_names_bound_a_right() -> None:
    """A right for one name is no right for another one, nor for a request that names none."""
    found = rights(rule("", "pods", "get", resourceNames=["mine"]))
    assert found.may(ME, "get", "pods", "jobs", name="mine") is True
    assert found.may(ME, "get", "pods", "jobs", name="other") is False
    assert found.may(ME, "get", "pods", "jobs") is False
    assert found.may(ME, "get", "pods", "jobs", name=None) is True


@pytest.mark.parametrize(
    ("expected", "granted", "asked"),
    [
        (True, "*", "pods/exec"),
        (True, "pods/exec", "pods/exec"),
        (True, "*/exec", "pods/exec"),
        (False, "pods", "pods/exec"),
        (False, "pods/*", "pods/exec"),
        (False, "pods/log", "pods"),
    ],
)
def test_subresources_are_rights_of_their_own(expected: bool, granted: str, asked: str) -> None:
    """A right on pods is none to enter them; a star covers all, as the API reads it."""
    assert rights(rule("", granted, "get")).may(ME, "get", asked, "jobs") is expected


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "Group", "name": "system:serviceaccounts"},
        {"kind": "Group", "name": "system:serviceaccounts:jobs"},
        {"kind": "Group", "name": "system:authenticated"},
        {"kind": "User", "name": "system:serviceaccount:jobs:launcher"},
    ],
)
def test_groups_and_user_names_of_an_account_count(subject: dict[str, Any]) -> None:
    """An account has what its groups have, and what its long name has."""
    assert rights(rule("", "pods", "get"), subject=subject).may(ME, "get", "pods", "jobs") is True


@pytest.mark.parametrize(
    "granted",
    [
        rule("", "pods", "create"),
        rule("batch", "jobs", "create"),
        rule("batch", "cronjobs", "patch"),
        rule("apps", "deployments", "update"),
        rule("", "pods/exec", "create"),
        rule("", "pods/exec", "get"),
        rule("", "pods/attach", "create"),
        rule("", "pods/ephemeralcontainers", "patch"),
        rule("*", "*", "*"),
    ],
    ids=str,
)
def test_whoever_runs_pods_has_all_of_the_namespace(granted: dict[str, Any]) -> None:
    """Making a pod, changing a template, or entering a pod, comes to every Secret and account of that namespace."""
    reach = rights(granted).reach(ME)
    assert reach.secrets == {"jobs"}
    assert reach.accounts == {("jobs", "train"), ("jobs", "default")}


def test_reading_secrets_is_no_more_than_that() -> None:
    """Get, list and watch read them; they make no account of one's own."""
    for verb in ("get", "list", "watch"):
        reach = rights(rule("", "secrets", verb)).reach(ME)
        assert (sorted(reach.secrets), sorted(reach.accounts)) == (["jobs"], [])


@pytest.mark.parametrize(
    "granted",
    [
        rule("", "serviceaccounts/token", "create"),
        rule("", "serviceaccounts", "impersonate"),
        rule("", "secrets", "get", "create"),
    ],
    ids=str,
)
def test_tokens_and_impersonation_become_other_accounts(granted: dict[str, Any]) -> None:
    """A token of an account, made, asked for or put on, is that account."""
    assert ("jobs", "train") in rights(granted).reach(ME).accounts


@pytest.mark.parametrize(
    "granted",
    [rule(GROUP, "roles", "escalate"), rule(GROUP, "roles", "bind"), rule(GROUP, "clusterroles", "bind")],
    ids=str,
)
def test_the_right_to_have_more_rights_is_every_right(granted: dict[str, Any]) -> None:
    """`escalate` and `bind` rule the namespace in which they hold."""
    assert rights(granted).reach(ME).rules == {"jobs"}


@pytest.mark.parametrize(
    "granted",
    [rule("", "users", "impersonate"), rule("", "groups", "impersonate"), rule("", "nodes/proxy", "get")],
    ids=str,
)
def test_some_rights_of_the_cluster_are_the_cluster(granted: dict[str, Any]) -> None:
    """Whoever can be anybody, or talk to the nodes, comes to every key."""
    reach = rights(granted, cluster=True).reach(ME)
    assert "" in reach.rules
    assert reach.secrets == {"jobs", "keys"}
    assert ("keys", "signer") in reach.accounts


def test_what_is_reached_is_followed() -> None:
    """An account that can be taken brings its own rights: the second step is seen too."""
    objects = [
        account("jobs", "launcher"),
        account("jobs", "helper"),
        account("keys", "signer"),
        {"kind": "Role", "metadata": {"name": "p", "namespace": "jobs"}, "rules": [rule("", "pods", "create")]},
        {"kind": "Role", "metadata": {"name": "s", "namespace": "keys"}, "rules": [rule("", "secrets", "get")]},
        binding("jobs", "p", "launcher"),
        binding("keys", "s", "helper"),
    ]
    assert Rights(objects).reach(ME).secrets == {"jobs", "keys"}
    assert Rights(objects[:-1]).reach(ME).secrets == {"jobs"}


def binding(namespace: str, role: str, name: str) -> dict[str, Any]:
    """A role for an account of `jobs`."""
    return {
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "namespace": "jobs", "name": name}],
    }


def test_harmless_rights_come_to_nothing() -> None:
    """Positive control: reading pods and their logs, and clearing Jobs away, is what it says."""
    found = rights(rule("", "pods", "get", "list"), rule("", "pods/log", "get"), rule("batch", "jobs", "delete", "get"))
    reach = found.reach(ME)
    assert (reach.accounts, reach.secrets, reach.rules) == (frozenset(), frozenset(), frozenset())
