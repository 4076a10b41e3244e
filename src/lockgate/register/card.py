"""The model card, README.md: what statements prove, and apart from it what a person says. Pure.

    ---                      metadata as Hugging Face reads it: licence, task, measured values
    # name
    generated                each fact with the statement that says it
    ## In the words of its makers
    > quoted                 the person's card.md: it cannot look like what is above

Source: https://huggingface.co/docs/hub/model-cards (metadata, `model-index`). The metadata are JSON, which is YAML too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import joins
from lockgate.core.control_words import control_line
from lockgate.core.digest import short
from lockgate.core.robustness_words import robustness_line
from lockgate.core.shown import json_line, shown, visible
from lockgate.register.mlbom import fit_of

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.register.spec import Words

FILENAME: Final = "README.md"
_PIPELINES: Final = {"regression": "tabular-regression"}
_HUB_LICENCES: Final = frozenset(
    {
        "afl-3.0",
        "agpl-3.0",
        "apache-2.0",
        "artistic-2.0",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsd-3-clause-clear",
        "bsl-1.0",
        "cc",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "ecl-2.0",
        "epl-1.0",
        "epl-2.0",
        "eupl-1.1",
        "eupl-1.2",
        "gfdl",
        "gpl",
        "gpl-2.0",
        "gpl-3.0",
        "isc",
        "lgpl",
        "lgpl-2.1",
        "lgpl-3.0",
        "lppl-1.3c",
        "mit",
        "mpl-2.0",
        "ms-pl",
        "ncsa",
        "odbl",
        "odc-by",
        "ofl-1.1",
        "osl-3.0",
        "pddl",
        "postgresql",
        "unlicense",
        "wtfpl",
        "zlib",
    }
)
"""What the Hub takes as `license`; anything else is `other`, with a name."""


def card(name: str, words: Words, heads: Mapping[str, Evidence]) -> str:
    """The card of the candidate that `heads` (ingest, validate, train, judge; joined) speak about."""
    lines = ["---", *_metadata(name, words, heads), "---", f"# {name}", ""]
    lines += ["Written by Lockgate from signed statements; nothing in this part was typed by a person.", ""]
    fit = fit_of(heads["train"])
    lines += [f"A model for {_cell(str(heads['judge'].predicate.get('task', 'no known task')))}"]
    lines[-1] += f": {_cell(str(fit['estimator']))}, as ONNX." if "estimator" in fit else ", as ONNX."
    lines += ["", "| what | statement | made by |", "|---|---|---|"]
    for claim in ("ingest", "validate", "train", "judge"):
        one = heads[claim]
        lines.append(f"| {claim} | {one.digest} | role {one.role}, log entry {one.index} |")
    metrics = _metrics(heads["judge"].predicate.get("metrics"))
    if metrics:
        lines += ["", "Judged on rows that training never saw:", "", "| metric | value | interval |", "|---|---|---|"]
        lines += metrics
    lines += _screened(heads["validate"])
    told = control_line(heads["judge"].predicate)
    lines += ["", f"Doubtful rows: {_cell(told)}."] if told else []
    lines += _attacked(heads["judge"].predicate)
    lines += _watched(heads)
    lines += ["", "| file | digest |", "|---|---|"]
    lines += [
        f"| {_cell(file)} | {short(digest)} |" for file, digest in joins.candidate(heads["train"].statement).items()
    ]
    return "\n".join([*lines, *_said(words)]) + "\n"


def _attacked(judge: Mapping[str, Any]) -> list[str]:
    told, facts = robustness_line(judge), _metrics(judge.get("robustness"))
    table = ["", "| under attack | value | interval |", "|---|---|---|", *facts] if facts else []
    return [*table, "", f"Attacks: {_cell(told)}."] if told else []


def _said(words: Words) -> list[str]:
    """The person's own words, every line quoted: none of them ends the quotation."""
    said = [" ".join(words.description.split())] if words.description else []
    said += ["", *words.card.strip().splitlines()] if said and words.card.strip() else words.card.strip().splitlines()
    for what, licence in (("model", words.licence), ("data", words.data_licence)):
        said += ["", f"Licence of the {what}: {licence}"] if licence else []
    if not said:
        return []
    quoted = [f"> {visible(line)}".rstrip() for line in said]
    return ["", "## In the words of its makers", "", "Nobody checked what stands here.", "", *quoted]


def _metadata(name: str, words: Words, heads: Mapping[str, Evidence]) -> list[str]:
    judged = heads["judge"].predicate
    pipeline = _PIPELINES.get(str(judged.get("task")), "tabular-classification")
    said: dict[str, Any] = {"library_name": "onnx", "pipeline_tag": pipeline, "tags": ["onnx", "lockgate"]}
    if words.licence:
        known = words.licence.lower()
        said |= {"license": known} if known in _HUB_LICENCES else {"license": "other", "license_name": words.licence}
    metrics = judged.get("metrics")
    values = {
        str(metric): found["value"]
        for metric, found in sorted(metrics.items() if isinstance(metrics, Mapping) else ())
        if isinstance(found, Mapping) and isinstance(found.get("value"), int | float)
    }
    if values:
        result = {
            "task": {"type": pipeline},
            "dataset": {"name": "rows held out by Lockgate", "type": "heldout"},
            "metrics": [{"type": metric, "value": value} for metric, value in values.items()],
        }
        said["model-index"] = [{"name": name, "results": [result]}]
    return [f"{key}: {json_line(value)}" for key, value in said.items()]


def _screened(validate: Evidence) -> list[str]:
    """What the poisoning screen said; nothing where no rule was on, or in a statement from before there were any."""
    screen = validate.predicate.get("screen")
    if not isinstance(screen, Mapping) or not isinstance(screen.get("rules"), Mapping):
        return []
    flagged, good, bad = screen.get("flagged"), screen.get("good"), validate.predicate.get("marked_bad")
    ran = [_cell(rule) for rule, state in screen["rules"].items() if state == "ran"]
    said = f"{flagged} rows flagged, by the rules {', '.join(ran)}" if ran else "no rule could look"
    said += f"; {good} that they would flag are marked good" if good else ""
    said += f"; {bad} were marked bad and are left out" if bad else ""
    counted = all(type(count) is int for count in (flagged, good, bad))
    return ["", f"Screened for poisoned rows: {said}."] if counted else []


def _watched(heads: Mapping[str, Evidence]) -> list[str]:
    if "watched" not in heads["validate"].predicate:
        return []  # A statement from before: its model has the card that it had.
    said = [
        what
        for what, claim in (("what it is asked", "validate"), ("what it answers", "judge"))
        if joins.fact_digest(heads[claim].statement, "monitor") is not None
    ]
    return ["", f"Watched for drift: {' and '.join(said) or 'nothing'}."]


def _metrics(metrics: object) -> list[str]:
    if not isinstance(metrics, Mapping):
        return []
    rows = []
    for metric, found in metrics.items():
        value = found.get("value") if isinstance(found, Mapping) else found
        low, high = (found.get("low"), found.get("high")) if isinstance(found, Mapping) else (None, None)
        if isinstance(value, int | float):
            interval = (
                f"{low:.4g} to {high:.4g}" if isinstance(low, int | float) and isinstance(high, int | float) else ""
            )
            rows.append(f"| {_cell(str(metric))} | {value:.4g} | {interval} |")
    return rows


def _cell(text: str) -> str:
    """A name that others gave, as one cell of a table: it ends no cell, no line, and is no mark-up."""
    return re.sub(r"[|<>`\[\]\\]", lambda one: f"&#{ord(one[0])};", shown(text))
