"""export.metrics: Prometheus' text format, as its own parser would read it."""

from __future__ import annotations

from lockgate.core.exposition import Family, Sample, text
from lockgate.export import metrics

REPORT = {"paths": {"compiled": 97, "cells": 2, "records": 1}, "accepted": 98, "quarantined": 2}


def test_the_three_ways_and_both_verdicts_are_counted() -> None:
    """Each way is a sample of its own, so that a fall of the compiled share can raise an alarm."""
    lines = metrics.rows(REPORT, "flights").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'lockgate_validate_rows{project="flights",path="compiled"} 97',
        'lockgate_validate_rows{project="flights",path="cells"} 2',
        'lockgate_validate_rows{project="flights",path="records"} 1',
        'lockgate_validate_verdicts{project="flights",verdict="accepted"} 98',
        'lockgate_validate_verdicts{project="flights",verdict="quarantined"} 2',
    ]
    assert [line.split()[1:3] for line in lines if line.startswith("#")] == [
        ["HELP", "lockgate_validate_rows"],
        ["TYPE", "lockgate_validate_rows"],
        ["HELP", "lockgate_validate_verdicts"],
        ["TYPE", "lockgate_validate_verdicts"],
    ]


def test_a_label_cannot_end_its_line() -> None:
    """Quotes, backslashes and line ends in a label are escaped as the format says."""
    family = Family("m", "gauge", "h", [Sample(1, {"a": 'x"\\\n'})])
    assert text([family]).splitlines()[2] == 'm{a="x\\"\\\\\\n"} 1'
