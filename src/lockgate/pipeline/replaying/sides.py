"""Both models of a replay, the rows that each is asked, and which of them count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.load import LoadDecision
from lockgate.audit.workplace import Workplace
from lockgate.contract.sources import SourceFile, capture
from lockgate.contract.spec import ACCEPTED
from lockgate.errors import Refused
from lockgate.pipeline.replaying.origin import (
    TRAIN,
    check_fits,
    heldout_of,
    never_saw,
    other_contract,
    part_of,
    same_contract,
)
from lockgate.pipeline.replaying.rows import counted
from lockgate.pipeline.replaying.spec import Rows, Wanted
from lockgate.pipeline.scoring.choose import Chosen
from lockgate.pipeline.scoring.judge import check_any, judge
from lockgate.pipeline.scoring.spec import Form
from lockgate.serve import evidence
from lockgate.serve.evidence import Closed
from lockgate.serve.run import python_of
from lockgate.validate.examine import Examined


@dataclass(frozen=True)
class Table:
    """Accepted rows, as a jail wrote them. `names`: their fields, where each row has its number; None: it has none."""

    path: Path
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Side:
    """One of the two models, its verified bytes, and the rows that it is asked."""

    chosen: Chosen
    closed: Closed
    table: Table


def sides_of(
    place: Workplace, decisions: Sequence[LoadDecision], wanted: Wanted, scratch: Path
) -> tuple[SourceFile, list[Side]]:
    """Where the rows come from; both models in the order of `decisions`: live, then the candidate.

    Raises Refused LG561, LG564, LG674; what reading a file raises; VerificationFailed as `evidence.read`.
    """
    both = [Chosen(each.registration, each.rung) for each in decisions]
    closed = [evidence.read(each.registration, place.ledger, place.registry) for each in both]
    live, candidate = (each.registration for each in both)
    check_fits(candidate, closed[1].spec, live, closed[0].spec)
    same = same_contract(place, candidate, live)
    if wanted.source is None:
        if not same:
            raise other_contract(place, candidate, live)
        path = heldout_of(place, candidate)
        source = capture(path.parent, path.name, scratch / "source", "parquet")
        tables = [Table(source.path)] * 2
    else:
        source = capture(wanted.source.parent, wanted.source.name, scratch / "source")
        judging = _Judging(place, source, wanted.form, scratch)
        theirs = judging.accepted(both[1], closed[1])
        tables = [theirs if same else judging.accepted(both[0], closed[0]), theirs]
    return source, [Side(*each) for each in zip(both, closed, tables, strict=True)]


def rows_of(place: Workplace, sides: Sequence[Side], source: SourceFile) -> tuple[Rows, tuple[str, ...]]:
    """The rows that count, and the models of which nobody here knows what they were trained on.

    Raises Refused LG213, LG564.
    """
    trained, unsure = [], []
    for side in sides:
        registration = side.chosen.registration
        if never_saw(place, registration, source.digest):
            continue
        path = part_of(place, registration, TRAIN)
        if path is None:
            unsure.append(registration.ref)
        else:
            trained.append(path)
    live = sides[0]
    rows = counted(live.table.path, live.table.names, live.closed.spec.label, trained)
    if not rows.labels:
        raise Refused(
            "LG564",
            f"no row of the replay is new to both models: of {rows.rows:,}, {rows.trained:,} were trained on",
            seen={"rows": rows.rows, "trained": rows.trained, "repeated": rows.repeated},
            next="lockgate deploy REF --env ENV --replay FILE   # rows that came later",
        )
    return rows, tuple(unsure)


class _Judging:
    """The rows of a file judged by contracts: with their labels, or without where the first contract finds none."""

    def __init__(self, place: Workplace, source: SourceFile, form: Form, scratch: Path) -> None:
        self._place, self._source, self._form, self._scratch = place, source, form, scratch
        self._labelled: bool | None = None

    def accepted(self, chosen: Chosen, closed: Closed) -> Table:
        """The rows that this model's contract accepts. Raises Refused LG674 when it accepts none."""
        found = self._judged(chosen, closed, labelled=self._labelled is not False)
        if not found.reckoning.accepted and self._labelled is None:
            found = self._judged(chosen, closed, labelled=False)
            self._labelled = False
        check_any(found, chosen.registration, self._source.name)
        self._labelled = self._labelled is not False
        fields = [one for one in found.table.columns if one.kind != "other" and (self._labelled or not one.label)]
        return Table(found.files[ACCEPTED], tuple(one.name for one in fields))

    def _judged(self, chosen: Chosen, closed: Closed, *, labelled: bool) -> Examined:
        place, registration = self._place, chosen.registration
        validated = place.ledger.get(registration.inputs["validate"])
        folder = self._scratch / f"{registration.version}-{'labelled' if labelled else 'bare'}"
        folder.mkdir()
        python = python_of(place, registration)
        return judge(closed, validated, self._source, self._form, python, folder, labelled=labelled)
