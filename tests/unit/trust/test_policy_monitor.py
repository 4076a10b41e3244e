"""`[environment.NAME.monitor]`: what is read, what is refused, what is called looser, and where an alarm may go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockgate.errors import Usage
from lockgate.project.policies import compare, describe_monitor
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.policy_monitor import MonitorPolicy, differences

TEXT = "version = 1\n[environment.prod]\n[environment.prod.monitor]\n{}\n"
HOOK = "https://hooks.example/lockgate/"


def _read(settings: str = "") -> MonitorPolicy:
    return Policy.from_text(TEXT.format(settings)).environment("prod").monitor


def test_it_is_on_by_itself() -> None:
    """One false alarm in a hundred lives, a band of 0.05 sd, told and no more; also in what `init` writes."""
    assert _read() == MonitorPolicy(0.01, 0.05, "tell", 0.0, "lifetime", 2000.0, ())
    assert Policy.from_text(default_policy()).environment("prod").monitor == MonitorPolicy()


def test_each_setting_is_read() -> None:
    """And told by `policy show`."""
    found = _read(
        'false_alarms = 0.05\nband = 0\non_alarm = "abstain"\nabstain_below = 0.2\ntest = "restart"\nrun_length = 500\n'
        f'webhooks = ["{HOOK}", "http://127.0.0.1:9000/"]'
    )
    assert found == MonitorPolicy(0.05, 0.0, "abstain", 0.2, "restart", 500.0, (HOOK, "http://127.0.0.1:9000/"))
    assert dict(describe_monitor(Policy.from_text(TEXT.format('on_alarm = "rollback"')).environment("prod"))) == {
        "false_alarms": "0.01",
        "band": "0.05",
        "on_alarm": "rollback",
        "test": "lifetime",
        "run_length": "2000",
        "webhooks": "none",
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("false_alarms = 0", "false_alarms is at least 1e-09"),
        ("false_alarms = 0.3", "false_alarms"),
        ("band = 0.06", "band"),
        ('on_alarm = "page"', "on_alarm"),
        ('on_alarm = "abstain"', "abstain needs abstain_below"),
        ("abstain_below = 0.1", 'abstain_below is for on_alarm = "abstain"'),
        ('webhooks = ["http://hooks.example/"]', "https://HOST/PATH/"),
        ('webhooks = ["https://me@hooks.example/"]', "https://HOST/PATH/"),
        ('webhooks = ["https://hooks.example"]', "https://HOST/PATH/"),
        ('webhooks = ["https://hooks.example/a/../"]', "https://HOST/PATH/"),
        ('webhooks = ["https://hooks.example/?to="]', "https://HOST/PATH/"),
        ("run_length = 1", "run_length"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(settings: str, words: str) -> None:
    """LG840, file and line."""
    with pytest.raises(Usage) as caught:
        _read(settings)
    assert caught.value.finding == "LG840"
    assert caught.value.message.startswith("policy.toml:4: ")
    assert words in caught.value.message


LOOSER = [
    ({"false_alarms": 0.001}, "monitor false_alarms"),
    ({"band": 0.05}, "monitor band"),
    ({"on_alarm": "tell"}, "monitor on_alarm rollback"),
    ({"webhooks": (HOOK, "https://other.example/")}, "monitor webhooks"),
]


@pytest.mark.parametrize(("change", "what"), LOOSER)
def test_what_is_looser_one_way_is_stricter_the_other(change: dict[str, object], what: str) -> None:
    """Fewer alarms, less that follows, more that leaves."""
    old = MonitorPolicy(band=0.01, on_alarm="rollback", webhooks=(HOOK,))
    new = replace(old, **change)  # type: ignore[arg-type]
    assert [(one.what, one.direction) for one in differences(old, new)] == [(what, "looser")]
    assert [(one.what, one.direction) for one in differences(new, old)] == [(what, "stricter")]


def test_one_action_for_another_is_both() -> None:
    """Nobody is better off: each is told. The margin counts between two that abstain, the run length of `restart`."""
    back, abstain = MonitorPolicy(on_alarm="rollback"), MonitorPolicy(on_alarm="abstain", abstain_below=0.1)
    assert [one.direction for one in differences(back, abstain)] == ["looser", "stricter"]
    less = replace(abstain, abstain_below=0.05)
    assert [(one.what, one.direction) for one in differences(abstain, less)] == [("monitor abstain_below", "looser")]
    restart = MonitorPolicy(test="restart")
    assert [one.direction for one in differences(restart, replace(restart, run_length=9e3))] == ["looser"]
    assert [one.direction for one in differences(MonitorPolicy(), restart)] == ["stricter"]
    assert [*differences(MonitorPolicy(), MonitorPolicy(run_length=9e3))] == []


def test_policy_diff_names_it() -> None:
    """By environment."""
    before, after = (Policy.from_text(TEXT.format(one)) for one in ('on_alarm = "rollback"', ""))
    assert [str(one) for one in compare(before, after)] == ["looser   prod: monitor on_alarm rollback done -> not done"]


ALLOWED = [
    "https://hooks.example/lockgate/",
    "https://hooks.example/lockgate/a?key=1",
    "https://hooks.example:443/lockgate/b",
]
ELSEWHERE = [
    "https://hooks.example/lockgat",
    "https://hooks.example/",
    "https://hooks.example.evil.example/lockgate/",
    "https://hooks.example@evil.example/lockgate/",
    "https://evil.example/https://hooks.example/lockgate/",
    "http://hooks.example/lockgate/",
    "https://hooks.example:8443/lockgate/",
    "https://hooks.example/lockgate/../admin",
    "https://hooks.example/lockgate/%2e%2e/admin",
    "https://hooks.example/lockgate\\@evil.example/",
    "https://HOOKS.example/lockgate/\n",
    "file:///lockgate/",
    "",
]


def test_an_alarm_goes_below_what_is_allowed_and_nowhere_else() -> None:
    """The same scheme, host and port, and a path below; no spelling that a library may read in another way."""
    policy = MonitorPolicy(webhooks=(HOOK,))
    assert [url for url in ALLOWED if not policy.allows(url)] == []
    assert [url for url in ELSEWHERE if policy.allows(url)] == []
    assert not MonitorPolicy().allows(HOOK)
    word = MonitorPolicy(webhooks=("https://hooks.example/lock",))
    assert (word.allows("https://hooks.example/lock/x"), word.allows("https://hooks.example/locksmith")) == (
        True,
        False,
    )
