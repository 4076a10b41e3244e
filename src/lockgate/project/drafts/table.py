"""Drafts as one table: what differs, what came of it, which is best. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lockgate.core.shown_html import Listed, Next, Part, Table, Words
from lockgate.project.drafts.record import LEADING, NOT_CONVERTED, Draft, interval, plain
from lockgate.trust.policy_values import BETTER

_MOST_NOTE = 60


class Drafts(Listed[Draft]):
    """Drafts, in their order. Shows itself as a table."""

    __slots__ = ()

    @property
    def best(self) -> Draft | None:
        """The one with the best leading metric among those of the newest one's rows; None where all ended otherwise."""
        found: Draft | None = None
        for one in self.comparable:
            if found is None or one.better_than(found):
                found = one
        return found

    @property
    def comparable(self) -> tuple[Draft, ...]:
        """Those that were judged on the same validation rows as the newest, by the same metric."""
        good = [one for one in self if one.ok and one.leading]
        return tuple(one for one in good if (one.parts, one.leading) == (good[-1].parts, good[-1].leading))

    @property
    def ready(self) -> Draft | None:
        """The best of those that have the newest one's code and packages: it may be promoted as things stand."""
        newest = self.comparable[-1:]
        same = Drafts(one for one in self.comparable for new in newest if _made_of(one) == _made_of(new))
        return same.best if len(same) < len(self) else self.best

    def view(self) -> Iterable[Part]:
        """The table, and what it does not say."""
        if not self:
            yield Words("There is no draft.")
            yield Next(("lockgate try",))
            return
        yield Table(rows_of(self))
        yield from map(Words, words_of(self))
        if self.ready is not None:
            yield Next((next_of(self.ready),))


def _made_of(one: Draft) -> tuple[object, ...]:
    return (dict(one.files), one.lock, dict(one.settings))


def next_of(best: Draft) -> str:
    """The command that goes on with a draft."""
    return f"lockgate try --take {best.number}" if best.notebook else f"lockgate try --promote {best.number}"


def rows_of(drafts: Drafts, *, ranked: bool = False) -> list[tuple[str, ...]]:
    """Head and rows: one for each draft, by number; `ranked`: the best first, then those that cannot be compared."""
    names = _metrics(drafts)
    vary = varying(drafts)
    best = drafts.best
    head = ("", "draft", "parameters", *names, "s", "notes")
    return [head, *(_row(one, names, vary, drafts, best) for one in (_ranked(drafts) if ranked else drafts))]


def _ranked(drafts: Drafts) -> Sequence[Draft]:
    same = drafts.comparable
    lower = bool(same) and BETTER.get(same[0].leading) == "lower"
    ordered = sorted(same, key=lambda one: one.metrics[one.leading]["value"], reverse=not lower)
    return [*ordered, *(one for one in reversed(drafts) if one not in same)]


def words_of(drafts: Drafts) -> list[str]:
    """What the figures are worth."""
    best = drafts.best
    if best is None:
        return []
    count = len(drafts.comparable)
    chosen = (
        f"* the best of {count} on the same {best.rows:,} validation rows: chosen among them, its figure flatters."
        if count > 1
        else f"Judged on {best.rows:,} validation rows."
    )
    unseen = f"No draft has seen the {best.heldout:,} held-out rows: `lockgate run` judges on those."
    return [chosen, f"{unseen} Not signed, no evidence; {NOT_CONVERTED} (`lockgate check` tries it)."]


def varying(drafts: Sequence[Draft]) -> list[str]:
    """The parameters in which the drafts differ, or which differ from lockgate.toml."""
    names = dict.fromkeys(name for one in drafts for name in one.params)
    first = drafts[0].params if drafts else {}
    return [
        name for name in names if any(name in one.changed or one.params.get(name) != first.get(name) for one in drafts)
    ]


def said(draft: Draft, names: Sequence[str]) -> str:
    """The parameters `names` of a draft in a line."""
    found = [f"{name}={plain(draft.params[name])}" for name in names if name in draft.params]
    return " ".join(found) or "as in lockgate.toml"


def _metrics(drafts: Sequence[Draft]) -> list[str]:
    tasks = dict.fromkeys(one.task for one in drafts if one.task)
    return list(dict.fromkeys(name for task in tasks for name in LEADING[task] if _has(drafts, name)))


def _has(drafts: Sequence[Draft], name: str) -> bool:
    return any(name in one.metrics for one in drafts)


def _row(one: Draft, names: Sequence[str], vary: Sequence[str], drafts: Drafts, best: Draft | None) -> tuple[str, ...]:
    cells = []
    for name in names:
        metric = one.metrics.get(name)
        cells.append("" if metric is None else interval(metric) if name == one.leading else f"{metric['value']:.3f}")
    mark = "*" if one is best and len(drafts.comparable) > 1 else ""
    took = one.seconds if one.took is None else one.took
    words = said(one, vary) if not one.notebook else _short(one.estimator)
    return (mark, str(one.number), words, *cells, f"{took:.1f}", _short("; ".join(_notes(one, drafts))))


def _notes(one: Draft, drafts: Drafts) -> Iterable[str]:
    if one.ok and one not in drafts.comparable:
        yield "other rows"
    elif one.ok and _made_of(one) != _made_of(drafts.comparable[-1]):
        yield "other code" if one.files != drafts.comparable[-1].files else "other settings or packages"
    if one.notebook:
        yield "from a notebook"
    yield from one.warnings


def _short(text: str) -> str:
    return text if len(text) <= _MOST_NOTE else text[: _MOST_NOTE - 3] + "..."
