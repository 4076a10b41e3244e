"""threats.levers: what a policy takes away shows, by how much it takes; what `init` writes is never called broken."""

from __future__ import annotations

import pytest

from lockgate.core.screen import RULES
from lockgate.threats.levers import LEVERS, levers
from lockgate.trust.policy import Policy, default_policy
from tests.support.threats import under

DEFAULT = Policy.from_text(default_policy())
EXTERNAL, INTERNAL = (f"[environment.prod.abuse.{kind}]\n" for kind in ("external", "internal"))
RUNGS = '\n[[environment.prod.ladder.rung]]\nname = "unseen"\nshare = "{share}"\nrows = {rows}\n'
LADDER = (
    RUNGS.replace("{share}", "0 %").replace("{rows}", "2000")
    + RUNGS.replace("unseen", "some")
    + RUNGS.replace("unseen", "many").replace("{share}", "25 %").replace("{rows}", "9000")
)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_nothing_is_off_by_default(environment: str) -> None:
    """A fresh project is told what it lacks; nobody switched anything off."""
    found = levers(DEFAULT.environment(environment))
    assert list(LEVERS) == list(found)
    assert not [name for name, lever in found.items() if lever.state in ("off", "weak")]
    lacking = {name for name, lever in found.items() if lever.state == "none"}
    assert {"abuse", "min_witnesses"} <= lacking
    assert ({"approvals", "ladder", "separation"} <= lacking) == (environment == "dev")


@pytest.mark.parametrize(
    ("lever", "text", "state", "why"),
    [
        ("screen", '[environment.prod.levels]\nscreen = "off"', "off", "sets screen to off"),
        ("screen", '[environment.prod.screen]\nlabels = "off"', "weak", "leaves out of the poisoning screen: labels"),
        ("screen", '[environment.prod.screen]\nlabels = "enforce"', "on", ""),
        ("screen", "[environment.prod.screen]\n" + "\n".join(f'{name} = "off"' for name in RULES), "off", "leaves out"),
        ("screen", "", "on", "only warns of poisoned rows"),
        ("min_jail_level", "min_jail_level = 2", "weak", "level 2 of 3"),
        ("min_jail_level", "min_jail_level = 3", "on", ""),
        ("min_jail_level", '[environment.prod.levels]\nmin_jail_level = "warn"', "weak", "enforce -> warn"),
        ("approvals", 'enforce = "warn"', "weak", "weight of approvals: enforce -> warn"),
        ("refuse_tainted", 'enforce = "warn"', "weak", "weight of refuse_tainted: enforce -> warn"),
        ("refuse_tainted", 'enforce = "off"', "off", "sets refuse_tainted to off"),
        ("approvals", '[environment.prod.automatic]\nmetric = "roc_auc"\nworse = 0.1\nevery = "7 d"', "weak", "never"),
        ("max_quarantined_share", "max_quarantined_share = 1.0", "weak", "0.02 -> 1"),
        ("max_quarantined_share", "max_quarantined_share = 0.01", "on", ""),
        ("max_denied_attempts", "max_denied_attempts = 99", "weak", "0 -> 99"),
        ("metrics", '[environment.prod.levels]\nmetrics = "off"', "off", "sets metrics to off"),
        ("approvals", "approvals = 0", "none", "asks for no approval"),
        ("approvals", "approvals = 2", "on", ""),
        ("approvals", '[environment.prod.levels]\napprovals = "off"', "off", "sets approvals to off"),
        ("separation", 'separation = "off"', "none", "does not ask for separation"),
        ("separation", 'separation = "enforce"', "on", ""),
        ("refuse_tainted", "refuse_tainted = false", "off", "rests on revoked evidence"),
        ("require", 'require = ["train"]', "weak", "does not require ingest"),
        ("ladder", "", "none", "live at once"),
        ("abuse", "", "none", "only observes"),
        ("abuse", f'{EXTERNAL}respond = "limit"\n{INTERNAL}respond = "limit"', "on", ""),
        ("abuse", f'{EXTERNAL}respond = "limit"\n{INTERNAL}quiet = "slow"', "on", "refuses nobody"),
        ("abuse", f'{EXTERNAL}respond = "limit"', "weak", "only observes internal clients"),
        ("abuse", f'{INTERNAL}respond = "limit"', "weak", "only observes external clients"),
        (
            "abuse",
            f'[environment.prod.serve]\nshared_budgets = "open"\n{EXTERNAL}quiet = "slow"\n{INTERNAL}quiet = "slow"',
            "weak",
            "shared_budgets: closed -> open",
        ),
        ("monitor", "[environment.prod.monitor]\nfalse_alarms = 1e-8", "weak", "false_alarms: 0.01 -> 1e-08"),
        ("monitor", '[environment.prod.monitor]\nwebhooks = ["https://a.example/"]', "on", "told, and no more"),
        ("ladder", RUNGS.format(rows=1, share="0 %"), "weak", "rung shadow rows: 2000 -> 1 (and 2 more)"),
        ("ladder", LADDER.format(rows=2000, share="5 %"), "on", ""),
        ("ladder", LADDER.format(rows=2000, share="20 %"), "weak", "rung canary share: 0.05 -> 0.2"),
        ("ladder", LADDER.format(rows=200, share="5 %"), "weak", "rung canary rows: 2000 -> 200"),
        (
            "ladder",
            f'[environment.prod.ladder]\nchecks = ["latency"]{LADDER}'.format(rows=2000, share="5 %"),
            "weak",
            "check",
        ),
        ("monitor", '[environment.prod.monitor]\non_alarm = "rollback"', "on", ""),
        ("monitor", "", "on", "is told, and no more"),
        ("record", '[environment.prod.serve]\nrecord = "written"', "weak", "written, not synced"),
        ("record", '[environment.prod.serve]\nunrecorded = "answer"', "off", "cannot record"),
        ("record", '[environment.prod.serve]\nrecord = "sealed"', "on", ""),
        ("stale", '[environment.prod.serve]\nstale = "alarm"', "off", "cannot be seen"),
        ("stale", '[environment.prod.serve]\nmax_staleness = "24 h"', "weak", "max_staleness: 60 s -> 86400 s"),
        ("stale", '[environment.prod.serve]\nmax_staleness = "60 s"', "on", ""),
        ("max_age_days", "", "none", "no max_age_days"),
        ("max_age_days", "max_age_days = 30", "on", ""),
    ],
)
def test_how_a_lever_stands(lever: str, text: str, state: str, why: str) -> None:
    """On, weaker than by default, never asked for, or off; in words."""
    found = under(text)[lever]
    assert (found.state, why in found.why, bool(found.why)) == (state, True, bool(why)), found


def test_a_ladder_of_dev_is_held_to_ours() -> None:
    """By default dev has none, so that any would be stricter: a single row on a single step is weak all the same."""
    assert under("", "dev")["ladder"].state == "none"
    assert under(RUNGS.format(rows=1, share="0 %").replace("prod", "dev"), "dev")["ladder"].state == "weak"
    assert under(LADDER.format(rows=2000, share="5 %").replace("prod", "dev"), "dev")["ladder"].state == "on"


def test_where_it_is_mended() -> None:
    """The table of policy.toml in which the lever stands."""
    found = under('[environment.prod.levels]\nscreen = "off"')
    assert found["screen"].next("prod") == "edit policy.toml: [environment.prod.levels], then lockgate policy sign"
    assert found["ladder"].next("prod") == "edit policy.toml: [environment.prod.ladder], then lockgate policy sign"
    assert found["record"].next("prod") == "edit policy.toml: [environment.prod.serve], then lockgate policy sign"
    assert under("approvals = 0")["approvals"].next("prod").startswith("edit policy.toml: [environment.prod], then")
