"""Everything that the two logs have about a model, a client, a dataset or a day.

Statements are read from the verified log of events. Of predictions the newest are read back from their log; how many
there are of which kind is counted by the index, which this user made from the verified log, and said to be that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.entries import registrations
from lockgate.audit.index.ask import DAY, Count, Filter, Key, counted, labelled, places
from lockgate.audit.index.lookup import lying
from lockgate.audit.index.row import row_of
from lockgate.audit.refs import resolve
from lockgate.core.shown_html import Shown
from lockgate.errors import Usage
from lockgate.project import asked_statements as about
from lockgate.project.indexed import index_here
from lockgate.project.prediction_log import log_here
from lockgate.project.pseudonyms import Names, names_here
from lockgate.project.who_served import NONE_HERE, counted_by, pseudonym_of, read_back

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.index.store import Progress
    from lockgate.core.digest import Digest
    from lockgate.core.record_kinds import AnyRecord
    from lockgate.project.folder import Folder

EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Question:
    """What both logs are asked about; each that is given narrows it. `limit`: the longest list, newest first.

    `model`: a REF. `client`: a name or a pseudonym. `dataset`: see `asked_statements.dataset`. `day`: UTC.
    """

    model: str = ""
    client: str = ""
    dataset: str = ""
    day: date | None = None
    limit: int = 20


@dataclass(frozen=True, repr=False)
class Told(Shown):
    """The answer.

    Attributes:
        models: the refs of the models that predictions were looked for; None: of any.
        statements: about it, oldest first.
        groups: the records, by day, kind, environment, rung, model and finding, with the counts of each, oldest first.
        newest: records that were read back from the log, with their places.
        labels: told of predictions by these models; None where no model was asked for.
        absent: why nothing is known of predictions. `stranger`: what is to be said of a client that nobody here knows.
    """

    question: Question
    models: tuple[str, ...] | None
    statements: tuple[Evidence, ...]
    groups: tuple[tuple[Key, Count], ...] = ()
    newest: tuple[tuple[int, AnyRecord], ...] = ()
    refs: Mapping[Digest, str] | None = None
    names: Names | None = None
    labels: int | None = None
    counted_by: str = ""
    absent: str = ""
    stranger: str = ""
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Count | None:
        """All records together; None where there are none."""
        found: Count | None = None
        for _, one in self.groups:
            found = found.plus(one) if found else one
        return found


def asked_about(project: Folder, question: Question, progress: Progress | None = None) -> Told:
    """Read both logs.

    1. The event log verifies; what is asked for is there.
    2. The statements about it.
    3. The log of predictions verifies; its index says which records are about it.
    4. The newest of them are read back from the log.

    Raises Usage LG7052, and as `resolve`; Refused LG775 for a name that nobody here can tell; VerificationFailed.
    """
    # 1.
    ledger = project.ledger()
    statements = ledger.statements()
    names = names_here(project, ledger.root)
    client = pseudonym_of(question.client, names) if question.client else ""
    ingests = about.dataset(question.dataset, statements) if question.dataset else ()
    models = _models(question, ingests, statements)
    # 2.
    chosen = _chosen(question, client, ingests, models, statements)
    refs = {one.manifest: one.ref for one in registrations(statements)}
    said = None if models is None else tuple(one.ref for one in models)
    stranger = names.stranger(question.client) if question.client else ""
    told = Told(question, said, chosen, refs=refs, names=names, stranger=stranger)
    # 3.
    log = log_here(project, ledger)
    if log is None:
        return replace(told, absent=NONE_HERE)
    manifests = None if models is None else tuple(one.manifest for one in models)
    index = index_here(project, ledger, log, progress=progress)
    wanted = Filter(manifests, client, **_times(question.day))
    groups = tuple(sorted(counted(index, wanted).items()))
    # 4.
    newest = tuple(read_back(log, places(index, wanted, question.limit)))
    _check(wanted, newest)
    labels = None if models is None else labelled(index, wanted)
    by = counted_by(index) if index.segments else ""
    notes = (*index.notes, *(names.beyond(question.client) if client != question.client else ()))
    return replace(told, groups=groups, newest=newest, labels=labels, counted_by=by, notes=notes)


def day_of(number: int) -> date:
    """The day with this number since 1970."""
    return EPOCH + timedelta(days=number)


def moment_of(time: int) -> datetime:
    """A record's time."""
    return datetime.fromtimestamp(time / 1000, UTC)


def _models(
    question: Question, ingests: Sequence[Evidence], statements: Sequence[Evidence]
) -> tuple[Registration, ...] | None:
    """Those whose predictions are asked for; None: any."""
    found: tuple[Registration, ...] | None = None
    if question.model:
        found = (resolve(question.model, statements, "dev"),)
    if question.dataset:
        trained = about.trained_on(ingests, statements)
        own = {one.manifest for one in trained}
        found = tuple(trained) if found is None else tuple(one for one in found if one.manifest in own)
    return found


def _chosen(
    question: Question,
    client: str,
    ingests: Sequence[Evidence],
    models: Sequence[Registration] | None,
    statements: Sequence[Evidence],
) -> tuple[Evidence, ...]:
    wanted = {one.index for one in statements}
    if models is not None:
        of_models = set[int]().union(*(about.about_model(one, statements) for one in models))
        wanted &= of_models if question.model else of_models | about.about_dataset(ingests, statements)
    if question.client:
        wanted &= about.of_client({question.client, client}, statements)
    if question.day is not None:
        wanted &= about.of_day(question.day, statements)
    return tuple(one for one in statements if one.index in wanted)


def _times(day: date | None) -> Mapping[str, Any]:
    if day is None:
        return {}
    first = (day - EPOCH).days * DAY
    if first < 0:
        raise Usage("LG776", "no record is from before 1970", seen={"day": str(day)}, next="lockgate log show")
    return {"since": first, "until": first + DAY - 1}


def _check(wanted: Filter, newest: Sequence[tuple[int, AnyRecord]]) -> None:
    """Each record is about what was asked: the index only said so. Raises VerificationFailed LG7050."""
    for place, record in newest:
        if not wanted.has(row_of(record.encode())):
            raise lying(place)
