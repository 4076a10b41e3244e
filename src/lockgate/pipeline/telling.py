"""Who listens to a run when nobody was named: in a notebook its lines on stderr, in plain Python nobody."""

from __future__ import annotations

import sys

from lockgate.core.digest import short
from lockgate.core.shown import visible
from lockgate.pipeline.done import Nobody, Observer, StageDone


class Teller:
    """An observer that writes a line for each stage, as the command line does where there is no terminal."""

    def say(self, text: str) -> None:
        """A line of talk."""
        _line(f"  {text}")

    def begins(self, stage: str) -> None:
        """Nothing: a notebook shows by itself that a cell is at work."""

    def done(self, stage: StageDone) -> None:
        """A stage's line, and what it has to say."""
        took = "cached: nothing changed" if stage.cached else f"{stage.seconds:.1f} s"
        digest = f"   {short(stage.digest)}" if stage.digest else ""
        _line(f"✓ {stage.name:<9} {stage.summary}{digest}   {took}")
        for reason in stage.reasons:
            _line(f"! {reason.finding}  {reason.message}")


def default_observer() -> Observer:
    """For a call without an observer."""
    return Teller() if in_notebook() else Nobody()


def in_notebook() -> bool:
    """Whether this interpreter is the kernel of a notebook. Imports nothing to find out."""
    return "ipykernel" in sys.modules and "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def _line(text: str) -> None:
    sys.stderr.write(visible(text) + "\n")
