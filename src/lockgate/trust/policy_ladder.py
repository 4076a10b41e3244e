"""What a policy says of the steps by which a new model comes to people: its form in `policy.toml`, its values. Pure.

    [environment.prod.ladder]
    false_stops = 0.01

    [[environment.prod.ladder.rung]]
    name = "canary"
    share = "5 %"
    rows = 2000

A model that follows a live one stands on each rung in turn, and is live after the last. Without a rung it is live at
once, and so is the first model of an environment: there is nothing to compare it with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from lockgate.core.strict import Document, Key, Many, Table, flag, list_of, number, one_of, share, text, whole
from lockgate.errors import Usage
from lockgate.trust.policy_values import span

Sticky = Literal["client", "key", "request"]
Climb = Literal["deployer", "authorised"]

CHECKS: Final = ("errors", "latency", "disagreement", "outputs", "risk")
LIVE: Final = "live"
MOST_RUNGS: Final = 16
MOST_FALSE_STOPS: Final = 0.2
LEAST_FALSE_STOPS: Final = 1e-9
"""Below, no evidence would ever be enough, and in the end its logarithm is none that can be written."""
MOST_ROWS: Final = 10**9
LONGEST_WAIT: Final = 366 * 86400.0
LONGEST_AUTHORISATION: Final = 366.0
_NAME: Final = r"[a-z][a-z0-9-]{0,31}"
_WAIT: Final = 7 * 86400.0


@dataclass(frozen=True)
class Rung:
    """One step.

    Attributes:
        share: of the traffic that the new model answers, 0 <= share < 1. On 0 it answers beside the live one, unseen.
        rows: least pairs (share 0) or least rows that the new model answered (share > 0) on this rung, where for each
            request at most 20 count: one request of 2,000 rows is one witness.
        labels: least rows of them whose label came.
        wait: seconds. After them the rung holds: only a person moves it.
        pairs: share of the rows that one model answered and the other is asked too.
    """

    name: str
    share: float
    rows: int = 2000
    labels: int = 0
    wait: float = _WAIT
    pairs: float = 1.0


@dataclass(frozen=True)
class LadderPolicy:
    """The steps of one environment and what is asked on them. No rungs: no ladder, straight to live.

    Attributes:
        sticky: what a row's model is chosen by. `key`: the header Lockgate-Key, without one the client. With `client`
            and `key` each model has callers of its own, who differ.
        false_stops: the most ladders of a model that is no worse that an alarm ends, over all checks and rungs.
        checks: which of CHECKS are asked.
        errors_margin, latency_margin, outputs_margin, risk_margin: by how much it may be worse, or other, unstopped.
        scale: for regression, the unit of the label in which differences count.
        climb: who moves up: a deployer each time, or the guard under a deployer's signed authorisation.
        longest_authorisation: days.
        replay: whether replayed rows may stand in for pairs on a rung with share 0.
    """

    rungs: tuple[Rung, ...] = ()
    sticky: Sticky = "request"
    false_stops: float = 0.01
    checks: tuple[str, ...] = CHECKS
    errors_margin: float = 0.0
    latency_quantile: float = 0.95
    latency_margin: float = 0.10
    most_disagreement: float = 0.10
    outputs_margin: float = 0.05
    risk_margin: float = 0.0
    scale: float | None = None
    climb: Climb = "deployer"
    longest_authorisation: float = 30.0
    replay: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The rungs' names, from below; `live` is not among them."""
        return tuple(rung.name for rung in self.rungs)

    def rung(self, name: str) -> Rung:
        """The rung of this name. Raises KeyError; `live` is none."""
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise KeyError(name)

    def next(self, rung: str | None) -> str:
        """The name of the step after `rung`, after None the first; `live` in the end. Raises KeyError."""
        order = (*self.names, LIVE)
        return order[0 if rung is None else self.rungs.index(self.rung(rung)) + 1]


_RUNG: Final = Table(
    {
        "name": Key(text(form=_NAME, expects="a name of small letters, digits and hyphens"), help="Its name."),
        "share": Key(share(), help="The share of the traffic that the new model answers; 0: beside the live one."),
        "rows": Key(
            whole(1, MOST_ROWS),
            2000,
            "Least pairs (share 0), or rows that the new model answered; at most 20 for each request count.",
        ),
        "labels": Key(whole(0, MOST_ROWS), 0, "Least rows of them whose label came."),
        "wait": Key(span(60, LONGEST_WAIT), _WAIT, "Longest wait; then the rung holds until a person moves it."),
        "pairs": Key(
            share(), None, "The share of rows that both models are asked. All on a rung with share 0, else none."
        ),
    },
    "One step; its share is above that of the step before. `live` follows by itself.",
)

TABLE: Final = Table(
    {
        "sticky": Key(
            one_of(*get_args(Sticky)),
            "request",
            "By what the model of a request is chosen: each anew, or its client, or the header Lockgate-Key. With the "
            "last two each model has callers of its own: of few callers a share is rough.",
        ),
        "false_stops": Key(
            number(0, MOST_FALSE_STOPS), 0.01, "How many of the models that are no worse may be stopped, at most."
        ),
        "checks": Key(list_of(one_of(*CHECKS), least=1), CHECKS, "What is checked on every rung."),
        "errors_margin": Key(number(0, 0.5), 0.0, "How many more of the requests may fail than with the live model."),
        "latency_quantile": Key(number(0.5, 0.999), 0.95, "The quantile of the answering time that is compared."),
        "latency_margin": Key(
            number(0, 10), 0.10, "How much slower it may be; two processes of one model differ, too."
        ),
        "most_disagreement": Key(share(), 0.10, "The share of pairs in which the two models may disagree."),
        "outputs_margin": Key(share(), 0.05, "How much the share of a class, or the mean in `scale`, may move."),
        "risk_margin": Key(number(0, 0.5), 0.0, "How much more loss on labelled rows it may have."),
        "scale": Key(number(0), None, "Regression: the unit of the label in which differences count."),
        "climb": Key(
            one_of(*get_args(Climb)),
            "deployer",
            "Who moves a model up: the deployer each time, or the guard under a deployer's signed authorisation.",
        ),
        "longest_authorisation": Key(number(0, LONGEST_AUTHORISATION), 30.0, "Days that such a one is good for."),
        "replay": Key(flag(), default=False, help="Replayed rows may stand in for pairs on a rung with share 0."),
        "rung": Many(_RUNG, "The steps, from below."),
    },
    "By which steps a new model comes to people. Without a rung it is live at once.",
)


def ladder_of(environment: str, values: Mapping[str, Any], document: Document) -> LadderPolicy:
    """From the table's values. Raises Usage LG840 with file and line, and what to write."""
    rest = {name: value for name, value in values.items() if name != "rung"}
    found = LadderPolicy(tuple(_rung(each) for each in values["rung"]), **rest)
    for path, flaw in (*_flaws(found), *_flaws_of_rungs(found)):
        where = document.where("environment", environment, "ladder", *path)
        raise Usage(
            "LG840",
            f"{where}: {flaw.replace('NAME', environment)}",
            seen={"environment": environment, "rungs": list(found.names)},
            next=f"edit {document.filename}",
        )
    return found


def _rung(values: Mapping[str, Any]) -> Rung:
    pairs = values["pairs"]
    return Rung(**{**values, "pairs": (0.0 if values["share"] else 1.0) if pairs is None else pairs})


_Flaw: TypeAlias = tuple[tuple[str | int, ...], str]


def _flaws(ladder: LadderPolicy) -> Iterator[_Flaw]:
    """What does not fit together in the settings: where, and what to write."""
    if not ladder.rungs and ladder != LadderPolicy():
        yield (), "a ladder without a rung does nothing: write [[environment.NAME.ladder.rung]], or take it out"
    if len(ladder.rungs) > MOST_RUNGS:
        yield ("rung", MOST_RUNGS), f"more than {MOST_RUNGS} rungs: take some out"
    if 0 < ladder.false_stops < LEAST_FALSE_STOPS:
        yield ("false_stops",), f"false_stops is at least {LEAST_FALSE_STOPS:g}: with less nothing ever stops a model"
    for name in ("false_stops", "longest_authorisation", "scale"):
        if getattr(ladder, name) == 0:
            yield (name,), f"{name} is above 0: write a small number, or take it out"
    if len({*ladder.checks}) < len(ladder.checks):
        yield ("checks",), "a check stands there twice: name each once"
    if ladder.replay and ladder.rungs and ladder.rungs[0].share > 0:
        yield ("replay",), "replayed rows stand in for pairs on a rung with share 0: write one, or false"


def _flaws_of_rungs(ladder: LadderPolicy) -> Iterator[_Flaw]:
    """What does not fit together in the rungs: where, and what to write."""
    for place, rung in enumerate(ladder.rungs):
        here = ("rung", place)
        if rung.name == LIVE:
            yield (*here, "name"), "live is no rung of its own, it follows the last one: take it out"
        if rung.name in ladder.names[:place]:
            yield (*here, "name"), f"a second rung called {rung.name}: give it a name of its own"
        if rung.share == 1:
            yield (*here, "share"), "a share of 1 is live, which follows the last rung: take the rung out"
        if place and rung.share <= ladder.rungs[place - 1].share:
            yield (*here, "share"), _not_rising(rung, ladder.rungs[place - 1])
        if rung.share == 0 and rung.pairs == 0:
            yield (*here, "pairs"), "nobody would ask the new model on this rung: write more than 0"
        if rung.labels and "risk" not in ladder.checks:
            yield (*here, "labels"), 'labels are for the check "risk": add it to checks, or write labels = 0'


def _not_rising(rung: Rung, before: Rung) -> str:
    if rung.share == 0:
        return f"{rung.name} has the share 0, so it can only be the first rung: move it up, or write a larger share"
    return (
        f"shares rise from rung to rung: {rung.name} has {rung.share:g}, {before.name} before it {before.share:g}; "
        "write a larger one"
    )
