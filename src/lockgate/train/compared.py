"""What a control without the doubtful rows shows: compared.json read, the judge's fact `control`, and words. Pure.

    {"screen", "left_out", "rows"}                                   always; the screen's digest, its doubtful rows
    + "why"                                                          no control could be made, or compared
    + "model", "metrics", "headline", "difference", "flagged", "kept", "control_kept", "unseen", "by_rule", "without"

as `train.jail.control` says, and the digest of the control's graph, which is not kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lockgate.core.catalog.lg3_control import UNMADE
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact
from lockgate.core.screen import DOUBTFUL
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError
from lockgate.train.metric_form import check_metrics
from lockgate.train.spec import Doubts

COMPARED = "compared.json"
FINDINGS = frozenset({"LG303", "LG333", "LG399"})
_BARE = {"flagged", "without"}
_FULL = _BARE | {"metrics", "headline", "difference", "kept", "control_kept", "unseen", "by_rule"}
_SHARES = ("kept", "control_kept")
_PART = {"rows", "changed", *_SHARES}
_LEAST_UNSEEN = 20


def read(data: bytes, doubts: Doubts, *, control: bool) -> dict[str, Any]:
    """The jail's compared.json about these rows. Raises ValueError when it is not in form."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != (_FULL if control else _BARE):
        raise ValueError("compared.json has other fields")
    flagged, without = value["flagged"], value["without"]
    if not isinstance(flagged, dict) or flagged.get("rows") != doubts.rows:
        raise ValueError("flagged are other rows than those that the split made")
    if without is not None:
        keys = {"rows", "metrics", "difference"} if control else {"rows", "metrics"}
        if not isinstance(without, dict) or set(without) != keys or type(without["rows"]) is not int:
            raise ValueError(f"without has exactly {', '.join(sorted(keys))}")
        for each in keys - {"rows"}:
            check_metrics(without[each])
    if control:
        _check_pair(value, doubts)
    return value


def _check_pair(value: Mapping[str, Any], doubts: Doubts) -> None:
    flagged, rules = value["flagged"], value["by_rule"]
    if set(flagged) != {"rows", "changed", "elsewhere"}:
        raise ValueError("flagged has exactly rows, changed and elsewhere")
    for metrics in (value["metrics"], value["difference"]):
        check_metrics(metrics)
    if value["headline"] not in value["difference"]:
        raise ValueError("the headline is none of the differences")
    check_metrics({key: flagged[key] for key in ("changed", "elsewhere") if flagged[key] is not None})
    _check_part(_whole(value), doubts.rows)
    if value["unseen"] is not None:
        _check_part(value["unseen"], doubts.rows - doubts.left_out)
    if not isinstance(rules, dict) or not set(rules) <= set(DOUBTFUL):
        raise ValueError("by_rule names rules of the screen")
    for part in rules.values():
        _check_part(part, doubts.rows)


def _check_part(part: object, most: int) -> None:
    if not isinstance(part, dict) or set(part) != _PART:
        raise ValueError("a part has exactly rows, changed, kept and control_kept")
    if type(part["rows"]) is not int or not 0 < part["rows"] <= most:
        raise ValueError("a part is not of rows that are there")
    check_metrics({"changed": part["changed"]})
    shares = (part["changed"]["value"], part["kept"], part["control_kept"])
    if not all(isinstance(each, int | float) and math.isfinite(each) and 0 <= each <= 1 for each in shares):
        raise ValueError("a part's shares are from 0 to 1")


def fact(doubts: Doubts, more: Mapping[str, Any]) -> dict[str, Any]:
    """The judge's fact `control`. `more`: what was compared, or {"why"}."""
    return {"screen": doubts.screen, "left_out": doubts.left_out, "rows": doubts.rows, **more}


def made(compared: Mapping[str, Any], model: Digest | None) -> dict[str, Any]:
    """What was compared, with the control's digest; None where nothing was left out."""
    return {**compared, **({} if model is None else {"model": model})}


def unmade(why: str) -> dict[str, Any]:
    """That there is no control. `why` has no word of the training code's, whose talk may quote a row."""
    return {"why": why}


def failed(error: LockgateError) -> str:
    """Why a training without the doubtful rows failed, for a statement that everybody may read."""
    return f"training without the doubtful rows ended with {error.finding}"


def reasons(found: Mapping[str, Any], told: str = "") -> tuple[Reason, ...]:
    """What a person should know of the fact `control`. `told`: the failure in its own words."""
    if "why" in found:
        message = f"what the doubtful rows do to the model is not known: {told or found['why']}"
        seen = {"left_out": found["left_out"], "why": found["why"]}
        return (Reason(UNMADE, Level.WARN, message, seen, f"lockgate explain {UNMADE}"),)
    if "model" not in found or not _steered(found):
        return ()
    part = _telling(found)
    message = (
        f"the doubtful rows steer the model: of {part['rows']:,} it gives {part['kept']:.0%} the doubted label, and "
        f"without having seen them {part['control_kept']:.0%}"
    )
    seen = {"rows": part["rows"], "changed": part["changed"]["value"], "left_out": found["left_out"]}
    return (Reason("LG334", Level.WARN, message, seen, "lockgate review --screen"),)


def _whole(found: Mapping[str, Any]) -> dict[str, Any]:
    flagged = found["flagged"]
    return {**{key: flagged[key] for key in ("rows", "changed")}, **{key: found[key] for key in _SHARES}}


def _telling(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The doubtful rows that were held out, where they are some: what training saw it may know by heart."""
    unseen: Mapping[str, Any] | None = found["unseen"]
    return unseen if unseen is not None and unseen["rows"] >= _LEAST_UNSEEN else _whole(found)


def _steered(found: Mapping[str, Any]) -> bool:
    """Whether the answers to the doubtful rows change more than those to the others do, beyond chance."""
    elsewhere, part = found["flagged"]["elsewhere"], _telling(found)
    least, most = part["changed"]["low"], 1.0 if elsewhere is None else elsewhere["high"]
    follows = part["kept"] > part["control_kept"]
    return follows and isinstance(least, int | float) and isinstance(most, int | float) and least > most
