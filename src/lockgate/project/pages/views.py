"""What the status and the pages of models show of themselves (`core.shown_html`). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockgate.core.control_words import control_line
from lockgate.core.digest import short
from lockgate.core.parity_words import parity_line
from lockgate.core.robustness_words import robustness_line
from lockgate.core.shown_html import MARKS, Heading, Next, Part, Table, Words
from lockgate.pipeline.views import metrics_table, verdict_table
from lockgate.project.growth import soon

if TYPE_CHECKING:
    from lockgate.project.pages import ModelLine, ModelPage, StatusPage


def status_view(page: StatusPage) -> Iterator[Part]:
    """Where everything stands: stages, what is live, what somebody has to look at, what to do next."""
    yield Heading(f"{page.name} · separation: {page.separation}")
    several = any(stage.model for stage in page.stages)
    head = ("", *(("model",) if several else ()), "stage", "stands")
    yield Table(
        [head, *((MARKS[s.mark], *((s.model,) if several else ()), s.name, s.text) for s in page.stages)],
    )
    for line in (*page.live, *page.cosigned, *([f"predictions  {page.growth.line()}"] if page.growth else [])):
        yield Words(line)
    noted = [(MARKS["warn"], word, line) for word, line in page.noted]
    noted += [(MARKS["warn"], "ends", end.line()) for end in soon(page.ends)]
    if noted:
        yield Table(noted, head=False)
    if page.policy:
        yield Words(page.policy)
    yield Next(page.next)


def models_view(models: tuple[ModelLine, ...]) -> Iterator[Part]:
    """The registered models, oldest first."""
    if not models:
        yield Words("no model is registered")
        yield Next(("lockgate run",))
        return
    rows = [(m.ref, short(m.manifest), m.registered, m.stands) for m in models]
    yield Table([("model", "manifest", "registered", "stands"), *rows])
    yield Next((f"lockgate show {models[-1].ref}",))


def model_view(page: ModelPage) -> Iterator[Part]:
    """One model's page."""
    yield Heading(page.ref)
    yield Words(f"{page.task}, registered {page.registered}, {page.stands}")
    yield Table([("stage", "what"), *page.history])
    yield metrics_table(page.metrics, {}, "")
    said = {"robustness": page.robustness, "attacked": page.attacked}
    for line in (
        parity_line({"parity": page.parity}) if page.parity else "",
        control_line({"control": page.control}),
        robustness_line(said) if page.attacked else "",
    ):
        if line:
            yield Words(line)
    if page.slices:
        rows = [
            (f"{part['field']} = {part['value']}", f"{part['rows']:,}", _figures(part["metrics"]))
            for part in page.slices
        ]
        yield Table([("slice", "rows", "metrics"), *rows])
    yield verdict_table(page.verdicts)
    files = [(each["name"], f"{each['size']:,}", short(each["digest"])) for each in page.files]
    yield Table([("signed file", "bytes", "digest"), *files])
    yield Next(page.following)


def _figures(metrics: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{name} {metric['value']:.3f}" for name, metric in list(metrics.items())[:2])
