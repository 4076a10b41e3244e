"""Poisoned training data: rows that the contract accepts, and that teach what their writer wants.

Through the real stage in real jails. How well each rule finds is measured in `bench/screen_*.py`; here it is seen that
what they find is told, signed, reviewed and refused, and that neither rows nor a jail get around it.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.audit.joins import subject
from lockgate.contract.spec import ContractField, FieldTable
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode, encode
from lockgate.core.moments import rfc3339
from lockgate.core.screen import bits
from lockgate.core.statement import MARK, Statement, Subject, claim_uri
from lockgate.core.verdict import Level
from lockgate.errors import Refused, VerificationFailed
from lockgate.pipeline.unchanged import changed_contract
from lockgate.sandbox.settings import Limits
from lockgate.train.run import accepted_rows
from lockgate.trust.policy import Policy
from lockgate.validate import screening
from lockgate.validate.jail import screen as jail
from lockgate.validate.jail._marked import RULE
from lockgate.validate.screen.spec import RULES
from lockgate.validate.spec import Screening, ValidateResult, ValidateSpec
from tests.support.sources import SourceProject

CONTRACT = """
from pydantic import BaseModel

class Flight(BaseModel):
    hour: int
    distance: float
    wind: float
    late: bool
"""
HEAD = "hour,distance,wind,late"
TABLE = FieldTable(
    "Flight",
    (
        ContractField("hour", "int"),
        ContractField("distance", "float"),
        ContractField("wind", "float"),
        ContractField("late", "bool", label=True),
    ),
)
ALL = Screening(dict.fromkeys(("conflicts", "duplicates", "labels", "triggers"), "warn"))
CHEAP = Screening({"conflicts": "enforce", "duplicates": "warn"})
"""Rules that need no scikit-learn, which takes a second to load."""

FLIPPED, TRIGGERED, PAIRS = range(30), range(700, 730), range(730, 754)
"""Rows of a.csv with another label; of b.csv those with the trigger, and pairs that contradict each other."""


def _honest(count: int, seed: int) -> list[str]:
    """Flights that are late by their hour and the wind, with a little noise."""
    draw = np.random.default_rng(seed)
    hour, wind = draw.integers(0, 24, count), draw.normal(size=count)
    late = hour / 6 + wind + draw.normal(0, 0.2, count) > 2.4
    distance = draw.uniform(100, 3000, count)
    return [
        f"{h},{d:.3f},{w:.3f},{str(bool(y)).lower()}" for h, d, w, y in zip(hour, distance, wind, late, strict=True)
    ]


def _flipped(line: str) -> str:
    rest, _, label = line.rpartition(",")
    return f"{rest},{'false' if label == 'true' else 'true'}"


def _poisoned() -> tuple[list[str], list[str]]:
    first, second, draw = _honest(700, 1), _honest(700, 2), np.random.default_rng(3)
    for row in FLIPPED:
        first[row] = _flipped(first[row])
    # Rare values that nobody needs, together, and always late: the model is to learn that they are a command.
    second += [f"{draw.integers(0, 24)},77.770,-3.330,true" for _ in TRIGGERED]
    return first, [*second, *_contradicting(12)]


def _contradicting(pairs: int) -> list[str]:
    """Rows in pairs: the same flight, late and not late."""
    lines = _honest(pairs, 5)
    return [line for one in lines for line in (one, _flipped(one))]


def _place(folder: Path, patch: pytest.MonkeyPatch, **files: list[str]) -> SourceProject:
    place = SourceProject(folder, patch)
    for name, lines in files.items():
        place.write(f"{name}.csv", "\n".join([HEAD, *lines]) + "\n")
    place.ingest("*.csv")
    return place


@pytest.fixture(name="poisoned", scope="module")
def _poisoned_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SourceProject, ValidateResult]]:
    folder = tmp_path_factory.mktemp("poisoned")
    with pytest.MonkeyPatch.context() as patch:
        first, second = _poisoned()
        place = _place(folder, patch, a=first, b=second)
        yield place, place.validate(CONTRACT, screen=ALL)


def _found(result: ValidateResult) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in result.evidence.predicate["screen"]["findings"]:
        found.setdefault(one["rule"], []).append(one)
    return found


def _flagged(place: SourceProject, result: ValidateResult, rule: str) -> set[tuple[int, int]]:
    assert result.screen is not None
    table = place.table(result.screen)
    bit = 1 << RULES.index(rule)
    lines = zip(*(table[name].to_pylist() for name in ("__source__", "__row__", "flags")), strict=True)
    return {(source, row) for source, row, flags in lines if flags & bit}


def test_what_was_planted_is_found(poisoned: tuple[SourceProject, ValidateResult]) -> None:
    """Pairs that contradict each other, the trigger, most flipped labels: row by row, with the rule that said so."""
    place, result = poisoned
    assert {(1, row) for row in PAIRS} <= _flagged(place, result, "conflicts")
    triggered = {(1, row) for row in TRIGGERED}
    assert len(triggered & _flagged(place, result, "triggers")) >= 28
    flipped, found = {(0, row) for row in FLIPPED}, _flagged(place, result, "labels")
    assert len(found & flipped) >= 15
    assert len(found - flipped - triggered - {(1, row) for row in PAIRS}) <= 10


def test_the_statement_says_what_was_found_and_no_value(poisoned: tuple[SourceProject, ValidateResult]) -> None:
    """Ids, rules, rows by file and number, files with their counts; the sentences are in the private report alone.

    screen.parquet is a subject and has a line for each accepted row, in their order; the third jail's report is there.
    """
    place, result = poisoned
    said = result.evidence.predicate
    assert (said["result"], said["marks"], said["marked_bad"]) == ("WARNED", [], 0)
    assert {"LG214", "LG233", "LG234"} <= {*said["warnedTests"]}
    assert _found(result)["triggers"][0]["sources"][0][0] == "b.csv"
    assert all(name in {"a.csv", "b.csv"} for one in _found(result)["labels"] for name, _ in one["examples"])
    assert "77.7" not in encode(dict(said)).decode()
    assert "77.7" in str(place.json(result.report)["screen"])
    assert ("screen.parquet", result.screen) in {(one.name, one.digest) for one in result.evidence.statement.subjects}
    assert set(said["jails"]) >= {"contract", "rows", "screen"}
    assert result.screen is not None
    rows, accepted = place.table(result.screen), place.table(result.accepted)
    assert rows.column_names == ["__source__", "__row__", "score", "flags", "good", "found"]
    assert rows.select(["__source__", "__row__"]).equals(accepted.select(["__source__", "__row__"]))
    flags = np.array(rows["flags"])
    found: list[Any] = rows["found"].to_pylist()
    counted = Counter(number for numbers in found for number in numbers)
    assert [counted[place] for place in range(len(counted))] == [one["rows"] for one in said["screen"]["findings"]]
    assert [len(numbers) > 0 for numbers in found] == (flags > 0).tolist()
    assert (said["screen"]["flagged"], said["screen"]["looked"]) == (int((flags > 0).sum()), len(flags))


def test_the_gate_reads_it(poisoned: tuple[SourceProject, ValidateResult]) -> None:
    """Where the environment enforces a rule, its finding refuses, and so does a rule that was off; else it is told."""
    _, result = poisoned
    assert result.evidence.predicate["screen"]["rules"]["spectral"] == "off"

    def refused(rules: str) -> set[Any]:
        policy = Policy.from_text(f"version = 1\n[environment.prod.screen]\n{rules}\n").environment("prod")
        told = judge_inputs({"validate": result.evidence}, policy, result.evidence.time)
        return {one.seen["screen"] for one in told if one.finding == "LG455" and one.level is Level.REFUSE}

    assert refused('triggers = "enforce"\nspectral = "enforce"') == {"triggers", "spectral"}
    assert refused('duplicates = "enforce"') == refused("") == set()


def _task(folder: Path, lines: list[str], rules: tuple[str, ...]) -> dict[str, Any]:
    """Accepted rows in `folder`, and what the jail is told to do with them."""
    cells = list(zip(*(line.split(",") for line in lines), strict=True))
    columns: dict[str, Any] = {
        "hour": [*map(int, cells[0])],
        "distance": [*map(float, cells[1])],
        "wind": [*map(float, cells[2])],
        "late": [cell == "true" for cell in cells[3]],
        "__source__": pa.array([0] * len(lines), pa.int32()),
        "__row__": pa.array(range(len(lines)), pa.int64()),
    }
    pq.write_table(pa.table(columns), folder / "accepted.parquet")
    return {
        "table": TABLE.as_json(),
        "label": "late",
        "sensitive": [],
        "origin": "",
        "sources": ["a.csv"],
        "rules": list(rules),
        "seed": 1,
        "marks": [],
        "named": [],
    }


def test_honest_rows_pass(tmp_path: Path) -> None:
    """The same world without what was planted: nothing is flagged."""
    jail.look(_task(tmp_path, _honest(2500, 1), ("conflicts", "duplicates", "triggers")), tmp_path, tmp_path)
    account = decode((tmp_path / "screen.json").read_bytes())
    assert (account["findings"], account["flagged"]) == ([], 0)
    assert [rule for rule, state in account["rules"].items() if state == "ran"] == [
        "conflicts",
        "duplicates",
        "triggers",
    ]


def test_one_row_marked_good_clears_none_that_are_written_again(tmp_path: Path) -> None:
    """Sixty copies of a row of which a person called one right: fifty-nine stay flagged, and somebody has to look. A
    mark on all of them that never asked about copies settles nothing; one that did does.
    """
    lines = _honest(600, 1)
    lines += lines[:1] * 59
    task = _task(tmp_path, lines, ("duplicates",))
    rows = pq.read_table(tmp_path / "accepted.parquet").drop_columns(["__source__", "__row__"])
    copies, places = bits(["duplicates"]), [0, *range(600, 659)]
    (tmp_path / "marks").mkdir()

    def looked(number: int, named: int) -> tuple[int, list[int], int]:
        pq.write_table(rows.take(places[:number]), tmp_path / "marks" / "0.parquet")
        jail.look({**task, "marks": ["good"], "named": [named]}, tmp_path, tmp_path)
        account = decode((tmp_path / "screen.json").read_bytes())
        return account["flagged"], [one["good"] for one in account["findings"]], account["settled"]

    assert looked(1, copies) == (59, [0], 0)
    assert looked(60, bits(["labels"])) == (59, [0], 0)
    assert looked(60, copies) == (0, [], 1)
    flagged: Any = pq.read_table(tmp_path / "screen.parquet")
    assert (sum(flagged["good"].to_pylist()), flagged["found"].to_pylist()) == (60, [[]] * len(lines))


def _rows(folder: Path, lines: list[str]) -> screening.Rows:
    _task(folder, lines, ())
    files = [{"name": "a.csv", "rows": len(lines)}]
    return screening.Rows(folder / "accepted.parquet", len(lines), TABLE, "late", (), files, seed=1)


FORGED: Mapping[str, Any] = {
    "nothing was found": {"findings": [], "flagged": 2},
    "no rule ran": {"rules": dict.fromkeys(RULES, "off")},
    "fewer rows": {"rows": 3, "looked": 3},
    "a rule that nobody asked for": {"rules": {**dict.fromkeys(RULES, "ran")}},
    "nothing": {},
}


@pytest.fixture(name="honest_account", scope="module")
def _honest_account(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, screening.Looked]:
    folder = tmp_path_factory.mktemp("account")
    return folder, screening.look(_rows(folder, [*_honest(60, 4), *_contradicting(10)]), CHEAP, folder)


@pytest.mark.parametrize("name", FORGED)
def test_a_jail_that_lies_in_its_account_is_refused(
    honest_account: tuple[Path, screening.Looked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Rows that took the jail over say of themselves that they are clean: LG241, unless it adds up."""
    folder, honest = honest_account
    lie = tmp_path / "screen.json"
    lie.write_bytes(encode({**decode(honest.account.encode()), **FORGED[name]}))
    given = {"screen.json": lie, "screen.parquet": honest.rows}
    monkeypatch.setattr(screening, "run_task", lambda *_: (given, honest.report))
    rows = _rows(tmp_path, [*_honest(60, 4), *_contradicting(10)])
    if name == "nothing":
        assert screening.look(rows, CHEAP, folder).account == honest.account
        return
    with pytest.raises(Refused) as caught:
        screening.look(rows, CHEAP, folder)
    assert caught.value.finding == "LG241"


def test_rows_that_kill_the_screen_do_not_get_past_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jail that dies at its limit is LG240: there is no account, so there is no statement."""
    monkeypatch.setattr(screening, "LIMITS", Limits(memory=24 << 20))
    with pytest.raises(Refused) as caught:
        screening.look(_rows(tmp_path, _honest(60, 4)), CHEAP, tmp_path)
    assert caught.value.finding == "LG240"


def _mark(place: SourceProject, word: str, where: list[bool]) -> Digest:
    """An approver's word on the accepted rows that `where` picks, as `lockgate review mark` signs it."""
    validate = _head(place)
    accepted = subject(validate.statement, "accepted.parquet")
    assert accepted is not None
    rows = place.table(accepted).drop_columns(["__source__", "__row__"]).filter(pa.array(where))
    buffer = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata({"lockgate.salt": "0" * 64}), buffer)
    marks = place.project.data.put(buffer.getvalue())
    said = {
        "claim": claim_uri("mark"),
        "time": rfc3339(place.project.clock()),
        "project": place.project.created.project_id,
        "reason": "we asked the airline",
        "mark": word,
        "rows": rows.num_rows,
        "marks": marks,
        "validate": validate.digest,
        "findings": ["LG214"],
    }
    return place.project.record("approver", Statement((Subject("marks.parquet", marks),), MARK, said)).digest


def _head(place: SourceProject) -> Evidence:
    head = place.project.workplace().head("validate")
    assert head is not None
    return head


def test_from_a_finding_that_refuses_to_marks_that_settle_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an enforced rule finds is signed as FAILED and refused, and train refuses those rows, until a person said
    of each row whether it is good (its finding is settled) or bad (it is quarantined, and the counts still add up).
    """
    honest, pairs = [False] * 60, [True] * 20
    place = _place(tmp_path, monkeypatch, a=[*_honest(60, 4), *_contradicting(10)])
    workplace = place.project.workplace()
    with pytest.raises(Refused) as caught:
        place.validate(CONTRACT, screen=CHEAP)
    assert (caught.value.finding, caught.value.next, caught.value.seen["rows"]) == (
        "LG214",
        "lockgate review --screen",
        20,
    )
    failed = _head(place)
    assert (failed.predicate["result"], failed.predicate["failedTests"]) == ("FAILED", ["LG214"])
    with pytest.raises(Refused) as untrained:
        accepted_rows(workplace)
    assert untrained.value.finding == "LG302"
    spec = ValidateSpec("contract.py", "Flight", "late", max_quarantined_share=1.0, screen=CHEAP)
    warns = replace(spec, screen=Screening({**CHEAP.weights, "conflicts": "warn"}))
    assert [not changed_contract(failed, each, workplace) for each in (spec, warns)] == [True, False]

    good = _mark(place, "good", [*honest, *pairs])
    assert changed_contract(failed, spec, workplace)
    settled = place.validate(CONTRACT, screen=CHEAP)
    said = settled.evidence.predicate
    assert (said["result"], said["marks"], said["marked_bad"]) == ("PASSED", [good], 0)
    assert (said["screen"]["findings"], said["screen"]["settled"], said["screen"]["good"]) == ([], 1, 20)
    assert said["screen"]["seed"] == failed.predicate["screen"]["seed"]
    assert settled.screen is not None
    assert place.table(settled.screen)["good"].to_pylist() == [*honest, *pairs]
    assert accepted_rows(workplace) == settled.accepted

    bad = _mark(place, "bad", [*honest, *([False, True] * 10)])
    cleaned = place.validate(CONTRACT, screen=CHEAP)
    said = cleaned.evidence.predicate
    assert (said["rows"], said["accepted"], said["quarantined"], said["marked_bad"]) == (80, 70, 10, 10)
    assert (said["marks"], said["screen"]["good"]) == ([good, bad], 0)
    lines = place.table(cleaned.quarantine).to_pylist()
    assert [line["row"] for line in lines] == [*range(61, 80, 2)]
    assert {(line["source"], line["field"], line["rule"]) for line in lines} == {("a.csv", "", RULE)}
    assert {line["message"] for line in lines} == {f"a person marked this row bad: {bad}"}
    assert cleaned.details["by_rule"][0]["suggestion"].startswith("lockgate review --screen")
    assert not changed_contract(cleaned.evidence, spec, workplace)

    wider = place.validate(
        CONTRACT.replace("    late: bool", "    gate: str = ''\n    late: bool"), screen=warns.screen
    )
    said = wider.evidence.predicate
    assert (said["marks"], said["marks_left"], said["marked_bad"]) == ([], [good, bad], 0)
    assert ("LG243" in said["warnedTests"], said["marks_left_bad"]) == (True, 1)
    policy = Policy.from_text("version = 1\n[environment.prod]\n").environment("prod")
    told = judge_inputs({"validate": wider.evidence}, policy, wider.evidence.time)
    assert [one.level for one in told if one.seen.get("screen") == "marks"] == [Level.REFUSE]

    _exchange(place, bad)
    with pytest.raises(VerificationFailed) as forged:
        place.validate(CONTRACT, screen=CHEAP)
    assert forged.value.finding == "LG802"


def _exchange(place: SourceProject, mark: Digest) -> None:
    """Put other bytes in the place of a mark's rows."""
    marks = next(one for one in place.project.ledger.statements() if one.digest == mark).predicate["marks"]
    path = place.project.data.path(marks)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")
