"""What `Project.monitor` gives: every model that answers, for people, for `--json` and for a notebook. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from lockgate.core.moments import rfc3339
from lockgate.core.shown import block
from lockgate.core.shown_html import Part, Shown, Words
from lockgate.project.monitor_lines import Line, model_lines
from lockgate.project.monitor_values import ModelWatch, commands
from lockgate.project.monitor_views import models_as_html

NOTHING = "nothing is live"


@dataclass(frozen=True, repr=False)
class MonitorPage(Shown):
    """All that answer, as far as it is sealed.

    `absent`: why the log of predictions tells nothing at all; "" where it was read. `size`: its entries.
    """

    models: tuple[ModelWatch, ...]
    time: datetime
    size: int = 0
    absent: str = ""

    @property
    def next(self) -> tuple[str, ...]:
        """What a person runs next."""
        found = [command for one in self.models for command in commands(one)]
        if found:
            return tuple(found)
        return ("lockgate status",) if self.models else ("lockgate deploy latest --env dev",)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "models": [one.as_json() for one in self.models],
            "time": rfc3339(self.time),
            "log_size": self.size,
            "absent": self.absent or None,
            "next": list(self.next),
        }

    def lines(self) -> Iterator[Line]:
        """The page for a terminal: a mark and a text for each line."""
        if self.absent:
            yield "warn", self.absent
        if not self.models:
            yield "plain", NOTHING
        for number, one in enumerate(self.models):
            if number:
                yield "plain", ""
            yield from model_lines(one, self.time)

    def view(self) -> Iterator[Part]:
        """For plain Python: the lines of the terminal."""
        yield Words(block(text for _, text in self.lines()))

    def _repr_html_(self) -> str:
        return models_as_html(self.models, self.time) or f"<p>{escape(self.absent or NOTHING)}</p>"
