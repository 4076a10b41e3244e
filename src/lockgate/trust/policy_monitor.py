"""What a policy says of watching a model that answers: its form in `policy.toml`, its values, their order. Pure.

    [environment.prod.monitor]
    false_alarms = 0.01
    on_alarm = "rollback"
    webhooks = ["https://hooks.example/lockgate/"]

What is watched is in the model's own plan; where it is sent to is in lockgate.toml, within what stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from lockgate.core.strict import Document, Key, Kind, Table, list_of, number, one_of
from lockgate.errors import Usage
from lockgate.trust.policy_order import Difference, Direction

OnAlarm = Literal["tell", "abstain", "rollback"]
Test = Literal["lifetime", "restart"]

MOST_FALSE_ALARMS: Final = 0.2
LEAST_FALSE_ALARMS: Final = 1e-9
WIDEST_BAND: Final = 0.05
MOST_RUN_LENGTH: Final = 1e9
LEAST_RUN_LENGTH: Final = 10.0

_PLACE: Final = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?(/[!-~]*)")
_LOOPBACK: Final = re.compile(r"localhost|\[::1\]|127(?:\.[0-9]{1,3}){3}")
_DISGUISED: Final = re.compile(r"%(?:2[ef]|5c)", re.IGNORECASE)
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True)
class MonitorPolicy:
    """What holds for the alarms of one environment.

    Attributes:
        false_alarms: the most models, of those that nothing has changed for, that ever alarm in one life of the test.
        band: of `lifetime`, in standard deviations: what is no farther off alarms nobody. 0: every difference does.
        on_alarm: beside that it is told: nothing; margins below `abstain_below` get no label; the guard goes back.
        test: `lifetime` alarms once in a life at most so often; `restart` once in `run_length` thousand rows.
        webhooks: where an alarm may be sent to: addresses that begin so.
    """

    false_alarms: float = 0.01
    band: float = WIDEST_BAND
    on_alarm: OnAlarm = "tell"
    abstain_below: float = 0.0
    test: Test = "lifetime"
    run_length: float = 2000.0
    webhooks: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether an alarm may be sent to `url`: the same scheme, host and port as one of `webhooks`, and below it."""
        place = _place(url)
        return place is not None and any(_below(place, _place(allowed)) for allowed in self.webhooks)


def _webhook() -> Kind:
    def read(value: object) -> str:
        if not isinstance(value, str) or _place(value) is None or "?" in value:
            raise ValueError
        return value

    return Kind(
        "the beginning of an address, https://HOST/PATH/; http only to this machine",
        read,
        {"type": "string"},
    )


TABLE: Final = Table(
    {
        "false_alarms": Key(
            number(0, MOST_FALSE_ALARMS),
            0.01,
            "How many of the models for which nothing changes may ever alarm, over the whole life of the test.",
        ),
        "band": Key(
            number(0, WIDEST_BAND),
            WIDEST_BAND,
            "Of `lifetime`: what differs by no more, in standard deviations, alarms nobody.",
        ),
        "on_alarm": Key(
            one_of(*get_args(OnAlarm)),
            "tell",
            "What follows an alarm beside that it is told: nothing, answers of small margin without label, or the "
            "guard goes back to the model before.",
        ),
        "abstain_below": Key(
            number(0, 1), 0.0, "While an alarm stands, no label where the two best scores are nearer than this."
        ),
        "test": Key(
            one_of(*get_args(Test)),
            "lifetime",
            "`lifetime`: at most false_alarms, ever. `restart`: sooner, and false ones come back after run_length.",
        ),
        "run_length": Key(
            number(LEAST_RUN_LENGTH, MOST_RUN_LENGTH),
            2000.0,
            "Of `restart`, in windows of 1,000 rows: on average a false alarm takes at least half of it.",
        ),
        "webhooks": Key(list_of(_webhook()), (), "Where an alarm may be sent to: addresses that begin so."),
    },
    "How a model that answers is watched, and what follows an alarm.",
)

_MORE: Final[Mapping[str, Direction]] = {
    "false_alarms": "stricter",
    "band": "looser",
    "abstain_below": "stricter",
    "run_length": "looser",
}
"""What a larger value makes of it: more that alarms, and more that follows, is stricter."""


def monitor_of(environment: str, values: Mapping[str, Any], document: Document) -> MonitorPolicy:
    """From the table's values. Raises Usage LG840 with file and line, and what to write."""
    found = MonitorPolicy(**{**values, "webhooks": tuple(values["webhooks"])})
    for key, flaw in _flaws(found):
        raise Usage(
            "LG840",
            f"{document.where('environment', environment, 'monitor', key)}: {flaw}",
            seen={"environment": environment, key: getattr(found, key)},
            next=f"edit {document.filename}",
        )
    return found


def differences(old: MonitorPolicy, new: MonitorPolicy) -> Iterator[Difference]:
    """What became looser and what stricter: less that alarms, less that follows, more that leaves is looser."""
    for name, more in _MORE.items():
        was, now = getattr(old, name), getattr(new, name)
        if was != now and _decides(name, old, new):
            way: Direction = more if now > was else _other(more)
            yield Difference(f"monitor {name}", f"{was:g}", f"{now:g}", way)
    yield from _followed(old, new)
    if old.test != new.test:
        yield Difference("monitor test", old.test, new.test, "stricter" if new.test == "restart" else "looser")
    for url in (each for each in new.webhooks if each not in old.webhooks):
        yield Difference("monitor webhooks", "-", f"+ {url}", "looser")
    for url in (each for each in old.webhooks if each not in new.webhooks):
        yield Difference("monitor webhooks", url, "gone", "stricter")


def _decides(name: str, old: MonitorPolicy, new: MonitorPolicy) -> bool:
    if name == "run_length":
        return old.test == new.test == "restart"
    return name != "abstain_below" or old.on_alarm == new.on_alarm == "abstain"


def _followed(old: MonitorPolicy, new: MonitorPolicy) -> Iterator[Difference]:
    """Going back and abstaining are two things: one for the other is less of this and more of that."""
    if old.on_alarm == new.on_alarm:
        return
    if old.on_alarm != "tell":
        yield Difference(f"monitor on_alarm {old.on_alarm}", "done", "not done", "looser")
    if new.on_alarm != "tell":
        yield Difference(f"monitor on_alarm {new.on_alarm}", "not done", "done", "stricter")


def _flaws(monitor: MonitorPolicy) -> Iterator[tuple[str, str]]:
    if monitor.false_alarms < LEAST_FALSE_ALARMS:
        yield "false_alarms", f"false_alarms is at least {LEAST_FALSE_ALARMS:g}: with less nothing ever alarms"
    if monitor.on_alarm == "abstain" and monitor.abstain_below == 0:
        yield "on_alarm", "abstain needs abstain_below, the margin below which there is no label: write more than 0"
    if monitor.on_alarm != "abstain" and monitor.abstain_below > 0:
        yield "abstain_below", 'abstain_below is for on_alarm = "abstain": write that, or take it out'


def _place(url: str) -> tuple[str, str, int, str] | None:
    """Scheme, host, port and path of an address that can be compared by its letters; None of any other one."""
    found = _PLACE.fullmatch(url)
    if found is None:
        return None
    scheme, host, port, path = found.groups()
    parts = path.partition("?")[0].split("/")
    if _DISGUISED.search(path) or "\\" in path or "#" in path or ".." in parts or "." in parts:
        return None
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        return None
    return scheme, host, int(port) if port else _PORTS[scheme], path


def _below(place: tuple[str, str, int, str], allowed: tuple[str, str, int, str] | None) -> bool:
    """A path lies below another one at the end of a part of it, not in the midst of a word."""
    if allowed is None or place[:3] != allowed[:3]:
        return False
    path, prefix = place[3], allowed[3]
    return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix) :][:1] in ("", "/", "?"))


def _other(way: Direction) -> Direction:
    return "looser" if way == "stricter" else "stricter"
