"""What the jail that attacks wrote, read; the judge's facts `robustness` and `attacked`; what a person is told. Pure.

    robustness  {"clean_accuracy", "robust_accuracy_D", "hours_to_evade"} or {"change_D"}; beside a live model "drop_D"
    attacked    what was asked (`Robustness.as_json`), "seed", and "why" nothing was tried, or else
                "rows", "of", "seconds", "tried", "found", "live": [{"ref", "manifest", "judge", "environments",
                "why" or "tried", "facts", "drop"}]

`tried`: one entry for each attack: on how many rows it ran and failed, its queries, its flips within each distance.
`found`: queries until a flip within the middle distance, by whichever attack came first. `drop`: by distance, how much
less robust than this live model. What was tried is signed beside what was found: a fact without its attacks is a claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.contract.findings import clean
from lockgate.core.encoding import decode_exact
from lockgate.core.robustness_words import CHANGE
from lockgate.core.verdict import Level, Reason
from lockgate.train.metric_form import check_interval
from lockgate.train.robustness_spec import ATTACKS, LEAST_ROWS, Attacked, Live, Robustness, fact

ATTACKED, UNTRIED = "attacked.json", "LG398"
FINDINGS = frozenset({"LG303", "LG394", "LG399"})
_MADE = {"facts", "tried", "found"}
_TRIED = {"attack", "status", "rows", "failed", "queries", "flips"}
_FOUND = {"within", "median", "tenth", "most"}
_MOST_WORDS = 300


def read(data: bytes, asked: Robustness, lives: int, heldout: int) -> dict[str, Any]:
    """The jail's attacked.json about the candidate and so many live models. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"rows", "of", "seconds", "models", "drops"}:
        raise ValueError("attacked.json has exactly rows, of, seconds, models and drops")
    counts, models, drops = (value["rows"], value["of"]), value["models"], value["drops"]
    if any(type(count) is not int for count in counts) or not 0 <= counts[0] <= min(counts[1], asked.rows):
        raise ValueError("rows are no number of held-out rows")
    if counts[1] != heldout or not isinstance(value["seconds"], int | float) or value["seconds"] < 0:
        raise ValueError("attacked.json is about other rows, or took no time that there is")
    if not isinstance(models, list) or len(models) != 1 + lives or not isinstance(drops, list) or len(drops) != lives:
        raise ValueError("attacked.json is about other models")
    for model in models:
        _check_model(model, asked, counts[0])
    for drop in drops:
        if drop is not None:
            _check_intervals(drop, [f"{each:g}" for each in asked.distances], whole=True)
    return value


def _check_model(model: object, asked: Robustness, rows: int) -> None:
    if isinstance(model, dict) and set(model) == {"why"} and isinstance(model["why"], str):
        model["why"] = clean(model["why"], _MOST_WORDS)
        return
    if not isinstance(model, dict) or set(model) != _MADE or not isinstance(model["tried"], list):
        raise ValueError("a model has exactly facts, tried and found, or why")
    names = ["clean_accuracy", "hours_to_evade"]
    names += [fact(kind, each) for kind in ("robust_accuracy", "change") for each in asked.distances]
    _check_intervals(model["facts"], names)
    if not 1 <= len(model["tried"]) <= len(ATTACKS):
        raise ValueError("nothing was tried")
    for each in model["tried"]:
        _check_tried(each, asked, rows)
    _check_found(model["found"])


def _check_tried(each: object, asked: Robustness, rows: int) -> None:
    if not isinstance(each, dict) or set(each) != _TRIED or each["attack"] not in (*asked.attacks, CHANGE):
        raise ValueError("an attack has exactly " + ", ".join(sorted(_TRIED)))
    counts = [each[key] for key in ("rows", "failed", "queries")]
    flips = each["flips"]
    if not isinstance(each["status"], str) or not isinstance(flips, dict) or len(flips) > len(asked.distances):
        raise ValueError("status or flips are not in form")
    if any(type(count) is not int or count < 0 for count in (*counts, *flips.values())):
        raise ValueError("an attack's counts are not in form")
    if counts[0] + counts[1] > rows or not set(flips) <= {f"{one:g}" for one in asked.distances}:
        raise ValueError("an attack is about other rows or distances")
    each["status"] = clean(each["status"], _MOST_WORDS)


def _check_found(found: object) -> None:
    if found is None:
        return
    if not isinstance(found, dict) or set(found) != _FOUND:
        raise ValueError("found has exactly " + ", ".join(sorted(_FOUND)))
    if any(one is not None and not isinstance(one, int | float) for one in found.values()):
        raise ValueError("found is not in form")


def _check_intervals(found: object, names: Sequence[str], *, whole: bool = False) -> None:
    if not isinstance(found, dict) or not set(found) <= set(names) or (whole and set(found) != set(names)):
        raise ValueError("facts have other names")
    for name, each in found.items():
        check_interval(name, each)


def stated(value: Mapping[str, Any], asked: Robustness, seed: int, lives: Sequence[Live]) -> Attacked:
    """The judge's facts of what `read` read, and what a person should know of it."""
    model, others = value["models"][0], value["models"][1:]
    said: dict[str, Any] = {**asked.as_json(), "seed": seed, **{key: value[key] for key in ("of", "seconds")}}
    said["asked"], said["rows"] = said["rows"], value["rows"]
    if "why" in model:
        return untried(model["why"], asked, seed)
    listed = []
    for live, other, drop in zip(lives, others, value["drops"], strict=True):
        about = {"why": other["why"]} if "why" in other else {"tried": other["tried"], "facts": other["facts"]}
        if drop is not None:
            about["drop"] = drop
        elif "why" not in about:
            about["why"] = "an attack failed, on it or on the candidate"
        listed.append({**live.as_json(), **about})
    said |= {"tried": model["tried"], "found": model["found"], "live": listed}
    facts = dict(model["facts"])
    first = listed[0].get("drop") if listed else None
    facts |= {fact("drop", float(distance)): each for distance, each in (first or {}).items()}
    return Attacked(facts, said, (*_few(value), *_failed(model), *_not_beside(listed)))


def untried(why: str, asked: Robustness, seed: int, *, finding: str = UNTRIED, told: str = "") -> Attacked:
    """That nothing was tried. `told`: the reason in words that no statement should have."""
    message = f"the candidate was not attacked: {told or why}"
    reason = Reason(finding, Level.WARN, message, {"why": why}, f"lockgate explain {finding}")
    return Attacked({}, {**asked.as_json(), "seed": seed, "why": why}, (reason,))


def _few(value: Mapping[str, Any]) -> tuple[Reason, ...]:
    if value["rows"] >= LEAST_ROWS:
        return ()
    message = f"{value['rows']:,} rows were attacked, of {value['of']:,} held-out ones: too few to know much"
    seen = {"rows": value["rows"], "heldout": value["of"], "wanted": LEAST_ROWS}
    return (Reason("LG396", Level.NOTE, message, seen, "give more rows, or raise [train] holdout"),)


def _failed(model: Mapping[str, Any]) -> tuple[Reason, ...]:
    found = [each for each in model["tried"] if each["status"] != "ran"]
    if not found:
        return ()
    message = f"the attack {found[0]['attack']} was not tried: {found[0]['status'].removeprefix('failed: ')}"
    if not any(name.startswith(("robust_accuracy", "change")) for name in model["facts"]):
        message = f"{message}; so it is not stated how robust the model is"
    seen = {each["attack"]: each["status"] for each in found}
    return (Reason("LG397", Level.WARN, message, seen, "lockgate explain LG397"),)


def _not_beside(listed: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            "LG409",
            Level.WARN,
            f"{one['ref']}, live in {', '.join(one['environments'])}, was not attacked beside it: {one['why']}",
            {"live": one["ref"], "why": one["why"]},
            "lockgate explain LG409",
        )
        for one in listed
        if "why" in one
    )
