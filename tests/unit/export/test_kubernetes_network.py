"""Reachability from NetworkPolicies: the documented semantics, and a slow oracle that asks port by port."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.export.kubernetes.network import EVERYTHING, Endpoint, matches, open_between
from lockgate.export.kubernetes.policy_form import flaws

A = Endpoint("a", "one", {"app": "a"}, {"team": "x"})
B = Endpoint("b", "one", {"app": "b"}, {"team": "x"}, ports={"http": ("TCP", 8080)})
C = Endpoint("c", "two", {"app": "b"}, {"team": "y"})
OUT = Endpoint("out", address="203.0.113.7")
ALL = ["SCTP/all", "TCP/all", "UDP/all"]


def policy(namespace: str, selector: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A policy in a namespace."""
    return {
        "metadata": {"namespace": namespace},
        "spec": {"podSelector": selector or {}, **spec},
    }


def ports(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint) -> list[str]:
    """What is open, in words."""
    assert [flaw for each in policies for flaw in flaws(each)] == []
    return [str(span) for span in open_between(policies, source, target)]


def app(name: str) -> dict[str, Any]:
    """A selector by label."""
    return {"matchLabels": {"app": name}}


def test_without_policies_everybody_reaches_everybody() -> None:
    """Nothing is closed until a policy selects a pod; a policy of another namespace selects none."""
    elsewhere = policy("two", policyTypes=["Ingress", "Egress"])
    assert ports([], A, B) == ALL
    assert ports([elsewhere], A, B) == ALL
    assert ports([elsewhere], A, C) == []


def test_default_deny_closes_both_ways() -> None:
    """An empty selector selects every pod, and no rule is no way: not to DNS, not outside, and from nobody."""
    wall = policy("one", policyTypes=["Ingress", "Egress"])
    assert [ports([wall], A, other) for other in (B, C, OUT)] == [[], [], []]
    assert [ports([wall], other, A) for other in (B, C, OUT)] == [[], [], []]


def test_without_types_a_policy_is_about_ingress() -> None:
    """`policyTypes` left out means Ingress, and Egress too only where there are egress rules."""
    assert ports([policy("one")], A, OUT) == ALL
    assert ports([policy("one")], OUT, A) == []
    assert ports([policy("one", egress=[])], A, OUT) == ALL
    assert ports([policy("one", egress=[{"ports": [{"port": 53}]}])], A, OUT) == ["TCP/53"]


def test_both_sides_must_agree() -> None:
    """A way out ends at a target that lets nobody in, and the other way round."""
    out = policy("one", app("a"), policyTypes=["Egress"], egress=[{"ports": [{"port": 1, "endPort": 10}]}])
    into = policy("two", app("b"), policyTypes=["Ingress"], ingress=[{"ports": [{"port": 8, "endPort": 20}]}])
    assert ports([out], A, C) == ["TCP/1-10"]
    assert ports([out, into], A, C) == ["TCP/8-10"]
    assert ports([out, into], B, C) == ["TCP/8-20"]


def test_policies_add_up() -> None:
    """What any policy allows is allowed: an allow beside a default deny opens that, and a deny takes nothing back."""
    wall = policy("one", policyTypes=["Egress"])
    dns = policy("one", app("a"), policyTypes=["Egress"], egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])
    assert ports([wall, dns], A, OUT) == ["UDP/53"]
    assert ports([wall, dns], B, OUT) == []


def test_selectors_of_one_peer_must_both_hold() -> None:
    """Namespace and pod selector in one peer are one condition; in two peers they are two ways."""
    team, label = {"namespaceSelector": {"matchLabels": {"team": "y"}}}, {"podSelector": app("b")}
    one = policy("one", app("a"), ingress=[{"from": [{**team, **label}]}])
    two = policy("one", app("a"), ingress=[{"from": [team, label]}])
    assert [ports([one], source, A) != [] for source in (B, C)] == [False, True]
    assert [ports([two], source, A) != [] for source in (B, C)] == [True, True]


def test_a_pod_selector_alone_stays_in_the_namespace() -> None:
    """And a namespace selector alone takes every pod there; an empty one every namespace, but nobody outside."""
    near = policy("one", app("a"), ingress=[{"from": [{"podSelector": {}}]}])
    anywhere = policy("one", app("a"), ingress=[{"from": [{"namespaceSelector": {}}]}])
    assert [ports([near], source, A) != [] for source in (B, C, OUT)] == [True, False, False]
    assert [ports([anywhere], source, A) != [] for source in (B, C, OUT)] == [True, True, False]


def test_blocks_and_their_holes() -> None:
    """An ipBlock takes addresses but for its exceptions; a pod whose address nobody knows may lie in it."""
    block = {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"]}}
    out = policy("one", app("a"), policyTypes=["Egress"], egress=[{"to": [block]}])
    assert ports([out], A, OUT) == []
    assert ports([out], A, Endpoint("next", address="203.0.113.8")) == ALL
    assert ports([out], A, Endpoint("six", address="2001:db8::1")) == []
    assert ports([out], A, C) == ALL


def test_names_of_ports_are_the_targets() -> None:
    """A named port is what the target's container calls so; a target without that name is not reached."""
    into = policy("one", ingress=[{"ports": [{"port": "http"}]}])
    assert ports([into], C, B) == ["TCP/8080"]
    assert ports([into], C, A) == []


def test_neighbouring_spans_are_one() -> None:
    """Ports that touch are told as one span."""
    rule = {"ports": [{"port": 2, "endPort": 3}, {"port": 1}, {"port": 4}, {"port": 9}]}
    assert ports([policy("one", ingress=[rule])], C, A) == ["TCP/1-4", "TCP/9"]


@pytest.mark.parametrize(
    ("expected", "expression"),
    [
        (True, {"key": "app", "operator": "In", "values": ["a", "b"]}),
        (False, {"key": "app", "operator": "NotIn", "values": ["a"]}),
        (True, {"key": "none", "operator": "NotIn", "values": ["a"]}),
        (True, {"key": "app", "operator": "Exists"}),
        (True, {"key": "none", "operator": "DoesNotExist"}),
        (False, {"key": "app", "operator": "DoesNotExist"}),
    ],
)
def test_expressions(expected: bool, expression: dict[str, Any]) -> None:
    """The four operators, where NotIn fits a pod without the label too."""
    assert matches({"matchExpressions": [expression]}, {"app": "a"}) is expected


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {}, "policyType": ["Egress"]},
        {"podSelector": {}, "policyTypes": ["egress"]},
        {"podSelector": {"matchLabel": {}}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}},
        {"podSelector": {}, "ingress": [{"to": []}]},
        {"podSelector": {}, "ingress": [{"from": [{}]}]},
        {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
        {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "everywhere"}}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": 0}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": 9, "endPort": 8}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": "http", "endPort": 8}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": True}]}]},
        {"podSelector": {}, "ingress": ["all"]},
        {"podSelector": {}, "ingress": {}},
        None,
    ],
)
def test_a_policy_that_is_not_understood_whole_is_refused(spec: object) -> None:
    """A typo in a policy is a flaw: where it is read as something else, something is open."""
    assert len(flaws({"spec": spec})) == 1


# --- the oracle: one port at a time, and only what the documentation says ---------------------------

SELECTORS = st.sampled_from([{}, app("a"), app("b"), {"matchExpressions": [{"key": "app", "operator": "Exists"}]}])
SPACES = st.sampled_from([{}, {"matchLabels": {"team": "x"}}, {"matchLabels": {"team": "y"}}])
BLOCKS = st.sampled_from(
    [{"cidr": "0.0.0.0/0"}, {"cidr": "0.0.0.0/0", "except": ["203.0.113.0/24"]}, {"cidr": "203.0.113.0/24"}]
)
PEERS = st.one_of(
    st.builds(lambda s: {"podSelector": s}, SELECTORS),
    st.builds(lambda s: {"namespaceSelector": s}, SPACES),
    st.builds(lambda n, p: {"namespaceSelector": n, "podSelector": p}, SPACES, SELECTORS),
    st.builds(lambda b: {"ipBlock": b}, BLOCKS),
)
PORTS = st.one_of(
    st.builds(lambda p: {"protocol": p}, st.sampled_from(["TCP", "UDP"])),
    st.builds(lambda a, b: {"port": min(a, b), "endPort": max(a, b)}, st.integers(1, 6), st.integers(1, 6)),
    st.builds(lambda p, n: {"protocol": p, "port": n}, st.sampled_from(["TCP", "UDP"]), st.integers(1, 6)),
)


def rules(side: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rules of one direction."""
    rule = st.fixed_dictionaries({}, optional={side: st.lists(PEERS, max_size=2), "ports": st.lists(PORTS, max_size=2)})
    return st.lists(rule, max_size=2)


POLICIES = st.lists(
    st.builds(
        policy,
        st.sampled_from(["one", "two"]),
        SELECTORS,
        policyTypes=st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        ingress=rules("from"),
        egress=rules("to"),
    ),
    max_size=4,
)


def selected(selector: dict[str, Any], labels: Any) -> bool:
    """A selector of those above."""
    return all(key in labels for each in selector.get("matchExpressions", []) for key in [each["key"]]) and (
        {**labels, **selector.get("matchLabels", {})} == dict(labels)
    )


def counts(peer: dict[str, Any], home: str, other: Endpoint) -> bool:
    """Whether a peer means `other`."""
    if "ipBlock" in peer:
        holes = "except" in peer["ipBlock"]
        return other.namespace != "" or not holes  # OUT lies in each block, and in each hole
    return (
        other.namespace != ""
        and ("namespaceSelector" in peer or other.namespace == home)
        and selected(peer.get("namespaceSelector", {}), other.namespace_labels)
        and selected(peer.get("podSelector", {}), other.labels)
    )


def passes(rule: dict[str, Any], side: str, home: str, other: Endpoint, protocol: str, port: int) -> bool:
    """Whether a rule allows one port."""
    here = not rule.get(side) or any(counts(peer, home, other) for peer in rule[side])
    there = not rule.get("ports") or any(
        each.get("protocol", "TCP") == protocol
        and ("port" not in each or each["port"] <= port <= each.get("endPort", each["port"]))
        for each in rule["ports"]
    )
    return here and there


def oracle(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint, protocol: str, port: int) -> bool:
    """Whether `source` reaches one port of `target`."""
    for pod, other, direction, side in ((source, target, "egress", "to"), (target, source, "ingress", "from")):
        about = [
            each
            for each in policies
            if each["metadata"]["namespace"] == pod.namespace
            and direction.capitalize() in each["spec"]["policyTypes"]
            and selected(each["spec"]["podSelector"], pod.labels)
        ]
        allowed = [
            rule
            for each in about
            for rule in each["spec"][direction]
            if passes(rule, side, pod.namespace, other, protocol, port)
        ]
        if about and not allowed:
            return False
    return True


@given(POLICIES)
def test_the_spans_are_what_the_oracle_says(policies: list[dict[str, Any]]) -> None:
    """For any policies, each pair and each port: open in the spans exactly where the slow rules say so."""
    for source, target in ((A, B), (B, A), (A, C), (C, A), (A, OUT), (OUT, C)):
        spans = open_between(policies, source, target)
        for protocol in ("TCP", "UDP"):
            for port in (1, 3, 6, 7):
                said = any(s.protocol == protocol and s.first <= port <= s.last for s in spans)
                assert oracle(policies, source, target, protocol, port) is said


def test_everything_is_every_port_of_every_protocol() -> None:
    """What is open without policies is told whole."""
    assert [(span.first, span.last) for span in EVERYTHING] == [(1, 65535)] * 3
