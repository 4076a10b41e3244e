"""The form of `policy.toml`, made from the table of rules, and what its values mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lockgate.core.strict import Document, Item, Key, Named, Table, nearest, one_of, whole
from lockgate.errors import Usage
from lockgate.trust.policy_abuse import TABLE as ABUSE
from lockgate.trust.policy_abuse import abuse_of
from lockgate.trust.policy_automatic import TABLE as AUTOMATIC
from lockgate.trust.policy_automatic import automatic_of
from lockgate.trust.policy_control import control_of
from lockgate.trust.policy_ladder import TABLE as LADDER
from lockgate.trust.policy_ladder import ladder_of
from lockgate.trust.policy_monitor import TABLE as MONITOR
from lockgate.trust.policy_monitor import monitor_of
from lockgate.trust.policy_rules import MOST_VERSIONS, RULES
from lockgate.trust.policy_screen import screen_of
from lockgate.trust.policy_serving import TABLE as SERVE
from lockgate.trust.policy_serving import serving_of
from lockgate.trust.policy_values import BETTER, Bounds, Licences, Parity, SliceFloor
from lockgate.trust.policy_witness import TABLE as WITNESS

WEIGHT: Final = one_of("off", "warn", "enforce")


def _environment() -> Table:
    items: dict[str, Item] = {"enforce": Key(WEIGHT, None, "What a broken rule does. dev: warn; elsewhere: enforce.")}
    for rule in RULES.values():
        items |= rule.settings
    items["separation"] = Key(WEIGHT, None, "Several roles in one hand. dev: off; elsewhere: warn.")
    items["levels"] = Table(
        {name: Key(WEIGHT, None) for name in RULES if name != "separation"},
        "The weight of single rules, where it differs from `enforce`.",
    )
    items |= {"serve": SERVE, "ladder": LADDER, "monitor": MONITOR, "abuse": ABUSE, "automatic": AUTOMATIC}
    return Table(items)


SCHEMA: Final = Table(
    {
        "version": Key(whole(1, MOST_VERSIONS), help="Rises by one or more with every change, by at most 1000."),
        "environment": Named(_environment(), "One table per environment."),
        "witness": WITNESS,
    }
)


def settings(name: str, document: Document) -> dict[str, Any]:
    """The settings of the environment `name`, as values. Raises Usage LG840 with file and line."""
    values = dict(document.values["environment"][name])
    is_dev = name == "dev"
    values["enforce"] = values["enforce"] or ("warn" if is_dev else "enforce")
    values["separation"] = values["separation"] or ("off" if is_dev else "warn")
    if values["approvals"] is None:
        values["approvals"] = 0 if is_dev else 1
    for key in ("levels", "signers", "max_age_days_of"):
        values[key] = {inner: value for inner, value in values[key].items() if value is not None}
    for key in ("metrics", "robustness"):
        values[key] = {metric: Bounds.of(each) for metric, each in values[key].items()}
    values["slices"] = {metric: SliceFloor(Bounds.of(each), each["rows"]) for metric, each in values["slices"].items()}
    values["parity"] = {metric: _parity(name, metric, each, document) for metric, each in values["parity"].items()}
    values["control"] = control_of(values["control"])
    found = values["licences"]
    values["licences"] = Licences(found["allowed"], found["refused"], found["max_unknown"])
    values["screen"] = screen_of(values["screen"])
    values["serve"] = serving_of(values["serve"])
    values["ladder"] = ladder_of(name, values["ladder"], document)
    values["monitor"] = monitor_of(name, values["monitor"], document)
    values["abuse"] = abuse_of(values["abuse"])
    values["automatic"] = automatic_of(name, values["automatic"], document, values["approvals"])
    return values


def _parity(environment: str, metric: str, values: Mapping[str, Any], document: Document) -> Parity:
    better = values["better"] or BETTER.get(metric)
    if better is None:
        where = document.where("environment", environment, "parity", metric)
        near = nearest(metric, list(BETTER))
        hint = f": did you mean {near}?" if near else ': say better = "higher" or "lower"'
        raise Usage(
            "LG840",
            f"{where}: nobody knows which way {metric} is better{hint}",
            seen={"metric": metric, "known": sorted(BETTER)},
            next=f"edit {document.filename}",
        )
    return Parity(better, values["worse"], values["same_rows"])
