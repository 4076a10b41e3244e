"""`init --data` on files as people have them: what is found, and that exactly the announced rows break the contract."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.project.scaffold import differs
from tests.support.scaffolded import Scaffolded, rows_of, scaffolded


def _number(row: int, chance: Random) -> str:
    del row
    return f"{chance.uniform(0, 900):.2f}"


def _comma(row: int, chance: Random) -> str:
    return _number(row, chance).replace(".", ",")


def _german(row: int, chance: Random) -> str:
    del row
    return f"{chance.uniform(0, 9000):,.2f}".translate(str.maketrans(",.", ".,"))


def _american(row: int, chance: Random) -> str:
    del row
    return f'"{chance.uniform(0, 9000):,.2f}"'


def _yes(row: int, chance: Random) -> str:
    del row
    return chance.choice(["yes", "no"])


def _day(form: str) -> Callable[[int, Random], str]:
    def cell(row: int, chance: Random) -> str:
        del row
        day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(2019, 2024)
        return form.format(d=day, m=month, y=year)

    return cell


def _sometimes(every: int, odd: str, usual: Callable[[int, Random], str]) -> Callable[[int, Random], str]:
    return lambda row, chance: odd if row % every == 7 % every else usual(row, chance)


@dataclass(frozen=True)
class Ugly:
    """A file, its label, what is found in it; `kinds` and `roles` by column; `breaks`: rows by column."""

    data: bytes
    label: str
    settings: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    name: str = "d.csv"


def _lines() -> bytes:
    chance = Random(1)
    records = [
        {
            "paid": chance.uniform(0, 9),
            "klass": chance.choice("ab"),
            "2nd try": chance.random() < 0.5,
            "y": row % 3 == 0,
        }
        for row in range(200)
    ]
    records[5]["paid"] = "much"
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _typed() -> bytes:
    """A Parquet file as a database or a notebook writes it."""
    chance, rows = Random(2), range(300)
    columns: dict[str, Any] = {
        "seen_at": pa.array([datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=row) for row in rows]),
        "day": pa.array([date(2020, 1, 1) + timedelta(days=row) for row in rows]),
        "endless": pa.array([math.inf if row == 9 else chance.random() for row in rows]),
        "paid": pa.array([Decimal(row) / 4 for row in rows], pa.decimal128(10, 2)),
        "share": pa.array([math.nan if row % 150 == 0 else chance.random() for row in rows]),
        "plan": pa.array([chance.choice("SML") for _ in rows]).dictionary_encode(),
        "tags": pa.array([["a"]] * 300),
        "y": pa.array([row % 2 for row in rows], pa.int8()),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


UGLY = {
    "parquet": Ugly(
        _typed(),
        "y",
        {},
        {"seen_at": "datetime", "day": "date", "paid": "float", "share": "float", "plan": "string", "tags": "other"},
        {"seen_at": "time", "day": "moment", "tags": "out", "plan": "category"},
        {"share": 2, "endless": 1},
        "d.parquet",
    ),
    "german": Ugly(
        rows_of(
            "Kundennr;Anmeldung;Größe (cm);Umsatz €;Gekündigt?",
            lambda row, _: 1000 + row // 3,
            _sometimes(150, "31.02.2023", _day("{d:02}.{m:02}.{y}")),
            lambda row, _: "" if row % 50 == 0 else 150 + row % 40,
            _sometimes(100, "k.A.", _german),
            lambda _, chance: chance.choice(["ja", "nein"]),
            delimiter=";",
            encoding="cp1252",
            end="\r\n",
        ),
        "Gekündigt?",
        {"encoding": "cp1252", "delimiter": ";", "null": ["", "k.A."], "dates": "%d.%m.%Y", "numbers": "1.234,56"},
        {"Umsatz €": "float", "Anmeldung": "date", "Größe (cm)": "int"},
        {"Anmeldung": "time", "Kundennr": "out"},
        {"Anmeldung": 2},
    ),
    "american": Ugly(
        rows_of(
            "Order Date,Total Price (USD),class,Returned",
            _day("{m}/{d}/{y} 3:04 PM"),
            _sometimes(150, "on request", _american),
            lambda _, chance: chance.choice(["economy", "business"]),
            _yes,
        ),
        "Returned",
        {"dates": "%-m/%-d/%Y %-I:%M %p", "numbers": "1,234.56"},
        {"Order Date": "datetime", "Total Price (USD)": "float", "class": "string"},
        {"Order Date": "time", "class": "category"},
        {"Total Price (USD)": 2},
    ),
    "tabs": Ugly(
        rows_of("a\tb\ty", _comma, _number, _yes, delimiter="\t"),
        "y",
        {"delimiter": "\t"},
        {"a": "string", "b": "float"},
    ),
    "pipes, utf-8 with a mark": Ugly(
        b"\xef\xbb\xbf" + rows_of("x|y", _number, lambda _, chance: chance.choice(["0", "1"]), delimiter="|"),
        "y",
        {"delimiter": "|"},
        {"x": "float", "y": "int"},
    ),
    "utf-16": Ugly(rows_of("x,y", _number, _yes, encoding="utf-16"), "y", {"encoding": "utf-16"}, {"x": "float"}),
    "every cell in quotes": Ugly(
        rows_of('"x","y"', lambda row, chance: '""' if row % 10 == 0 else f'"{_number(row, chance)}"', '"no"')
        + b'"7.5","yes"\n' * 30,
        "y",
        {"null": ["", '""']},
        {"x": "float", "y": "bool"},
    ),
    "spellings of none": Ugly(
        rows_of(
            "age,land,income,y",
            _sometimes(20, "?", lambda _, chance: str(chance.randint(18, 90))),
            lambda _, chance: chance.choice(["NA", "DE", "AT"]),
            _sometimes(15, "-", _number),
            _yes,
        ),
        "y",
        {"null": ["", "-", "?"]},
        {"age": "int", "land": "string", "income": "float"},
    ),
    "bad cells among numbers": Ugly(
        rows_of("x,z,y", _sometimes(200, "12 €", _number), _sometimes(8, "unbekannt", _number), _yes, count=400),
        "y",
        {},
        {"x": "float", "z": "string"},
        {},
        {"x": 2},
    ),
    "rows without a label": Ugly(
        rows_of("x,y", _number, lambda row, chance: "" if row % 5 == 0 else _yes(row, chance)),
        "y",
        {},
        {"y": "bool"},
        {},
        {"y": 60},
    ),
    "text, ids and codes": Ugly(
        rows_of(
            "id,ticket,zip,review,constant,empty,y",
            lambda row, _: f"{row:08x}-4a1b",
            lambda row, _: row + 1,
            lambda _, chance: f"{chance.randint(0, 300):05d}",
            lambda row, chance: (
                f'"the {chance.choice(["food", "room"])} was {chance.choice(["good", "bad"])} no {row}"'
            ),
            "x",
            "",
            _yes,
        ),
        "y",
        {},
        {"zip": "string", "review": "string"},
        {"id": "out", "ticket": "out", "zip": "category", "review": "text", "constant": "out", "empty": "out"},
    ),
    "whom a row belongs to": Ugly(
        rows_of("customer_id,x,y", lambda row, _: f"C{row // 4:04d}", _number, _yes),
        "y",
        {},
        {},
        {"customer_id": "group"},
    ),
    "a day or a month": Ugly(
        rows_of(
            "when,x,y", lambda _, chance: f"{chance.randint(1, 12):02}/{chance.randint(1, 12):02}/2024", _number, _yes
        ),
        "y",
        {},
        {"when": "string"},
        {"when": "out"},
    ),
    "two spellings of dates": Ugly(
        rows_of("born,seen,x,y", _day("{d:02}.{m:02}.{y}"), _day("{d:02}.{m:02}.{y} 14:05"), _number, _yes),
        "y",
        {"dates": "%d.%m.%Y | %d.%m.%Y %H:%M"},
        {"born": "date", "seen": "datetime"},
        {"born": "moment", "seen": "time"},
    ),
    "names that are words of Python": Ugly(
        rows_of("date,str,model_x,json,2nd,x y,X-Y,n,cell,y", _day("{y}-{m:02}-{d:02}"), *[_number] * 8, _yes), "y"
    ),
    "decimals with a comma and with a point": Ugly(
        rows_of("p;q;y", _comma, lambda _, chance: chance.choice(["0.125", "0.250", "1.500"]), _yes, delimiter=";"),
        "y",
        {"delimiter": ";"},
        {"p": "string", "q": "float"},
        {"p": "out"},
    ),
    "json lines": Ugly(
        _lines(), "y", {}, {"paid": "float", "klass": "string", "2nd try": "bool"}, {}, {"paid": 1}, "d.jsonl"
    ),
}


@pytest.fixture(name="made", params=list(UGLY))
def _made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Ugly, Scaffolded]:
    ugly = UGLY[request.param]
    return ugly, scaffolded(tmp_path, ugly.data, ugly.label, ugly.name)


def test_what_is_found_and_what_breaks(made: tuple[Ugly, Scaffolded]) -> None:
    """How the file is read, each column's kind and part; and exactly the announced rows break the contract."""
    ugly, found = made
    assert ugly.settings == found.reading.as_json()
    assert ugly.kinds == {name: found.facts(name)["kind"] for name in ugly.kinds}
    assert ugly.roles == {name: found.role(name) for name in ugly.roles}
    assert ugly.breaks == found.announced()
    refused, by_column = found.refused()
    assert found.announced() == by_column
    assert found.inferred.least <= refused <= found.inferred.most


def test_each_sample_is_a_record(made: tuple[Ugly, Scaffolded]) -> None:
    """sample.json's records, with any answer, are accepted as JSON, under the columns' own names."""
    ugly, found = made
    answer = "ja" if ugly.label == "Gekündigt?" else 1 if found.facts(ugly.label)["kind"] == "int" else True
    kept = {part.source for part in found.inferred.parts if part.kept}
    records = [{key: value for key, value in record.items() if key in kept} for record in found.profile["sample"]]
    assert len(records) == 3
    for record in records:
        found.model.model_validate_json(json.dumps({**record, ugly.label: answer}))


def test_what_breaks_is_said_beside_the_field(tmp_path: Path) -> None:
    """The comment names the count and an example as it stands in the file; the notes say it too."""
    found = scaffolded(tmp_path, UGLY["german"].data, "Gekündigt?")
    text = found.inferred.files["contract.py"]
    assert "# 2 of 300 rows break this, for example '31.02.2023': they are quarantined\n    Anmeldung: dt.date" in text
    assert any("refused: Anmeldung: 2 of 300 rows" in note for note in found.inferred.notes)
    typed = scaffolded(tmp_path, UGLY["parquet"].data, "y", "t.parquet").inferred.files["contract.py"]
    assert "# 1 of 300 rows break this, for example 'infinity'" in typed
    mixed = scaffolded(tmp_path, UGLY["bad cells among numbers"].data, "y", "m.csv").inferred.files["contract.py"]
    assert "# not float: 50 of 400 rows are none, for example 'unbekannt'; with float here they would be" in mixed


def test_a_policy_that_lets_the_first_run_pass(tmp_path: Path) -> None:
    """Where a fifth has no label, dev allows that share and says why; prod and a clean file keep the default."""
    policy = scaffolded(tmp_path, UGLY["rows without a label"].data, "y").inferred.files["policy.toml"]
    assert 'max_quarantined_share = "22 %"  # 20% of the file' in policy
    assert 'max_quarantined_share = "2 %"' in policy
    clean = scaffolded(tmp_path, UGLY["utf-16"].data, "y", "c.csv").inferred.files["policy.toml"]
    assert 'max_quarantined_share = "10 %"' in clean


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("a;b;y", _comma, lambda row, _: f"1.{row % 9}25"), "doubt: b: 1.025 is read as 1025: or is it 1.025? See"),
        (("a;b;y", _german, lambda row, _: f"1.{row % 9}25.000"), ""),
        (
            ("a;b;y", lambda row, _: f"{row % 9} €", _number),
            "doubt: a: taken as text: amounts with a sign, for example",
        ),
        (("a;b;y", lambda row, _: f"${row}.50", _number), "left out: a: amounts with a sign, for example '$0.50'"),
        (("a;b;y", lambda row, _: f"{row % 40} km/h", _number), "doubt: a: taken as text: amounts with a sign"),
        (("a;b;y", _comma, _number), "left out: a: numbers, but not spelled 1234.56 as in other columns"),
        (("a;b;y", lambda row, _: f"{row} {'abc'[row % 3]}/5" if row % 3 else f"STON/O2. {row}", _number), "an id"),
        (("a;b;y", lambda row, _: "3,5" if row == 7 else f"{row}" if row % 3 else "STON/O2. 310", _number), ""),
        (("a;b;y", lambda row, _: f"{row % 9} rooms", lambda row, _: f"{row % 7}a"), ""),
    ],
)
def test_figures_that_are_no_numbers_or_could_be_others(tmp_path: Path, columns: Any, said: str) -> None:
    """What is read otherwise than it might be meant is said with an example; what can be meant in one way is not."""
    found = scaffolded(tmp_path, rows_of(*columns, _yes, delimiter=";"), "y").inferred
    lines = [note for note in found.notes if note.startswith(("doubt: ", "left out: "))]
    assert len(lines) == bool(said)
    assert all(said in line for line in lines)


def test_a_row_without_a_label_teaches_nothing(tmp_path: Path) -> None:
    """A last line of sums is quarantined, and neither widens a bound nor makes a field one that may be missing."""
    data = rows_of(
        "day;name;x;y", _day("{y}-{m:02}-{d:02}"), lambda row, _: f"n{row % 30}", _number, _yes, delimiter=";"
    )
    found = scaffolded(tmp_path, data + b";sum;9000000;\n", "y")
    assert "None" not in found.inferred.files["contract.py"]
    assert "le=10_000)" in found.inferred.files["contract.py"]
    assert found.role("day") == "time"
    assert found.announced() == Counter(y=1)
    assert found.refused() == (1, Counter(y=1))
    assert (found.inferred.least, found.inferred.most) == (1, 1)


def test_a_number_that_may_mean_none_is_said(tmp_path: Path) -> None:
    """One far below all others, some of which are negative too, in the comment and on the terminal."""
    sensor = _sometimes(50, "-999", lambda _, chance: f"{chance.uniform(-5, 5):.3f}")
    found = scaffolded(tmp_path, rows_of("s,y", sensor, _yes), "y").inferred
    assert "-999 stands in 6 of 300 rows" in found.files["contract.py"]
    assert any(note.startswith("doubt: s: -999 stands in 6 rows") for note in found.notes)
    other = _sometimes(50, "-999.0", lambda _, chance: f"{chance.uniform(-5, 5):.3f}")
    spelled = scaffolded(tmp_path, rows_of("s,y", other, _yes), "y", "o.csv").inferred
    said = 'doubt: s: -999.0 stands in 6 rows: if it means that there is none, add "-999.0" to [data] null'
    assert said in spelled.notes
    usual = rows_of("s,y", lambda _, chance: chance.randint(-9, 5), _yes)
    assert not any("stands in" in note for note in scaffolded(tmp_path, usual, "y", "u.csv").inferred.notes)


def test_an_input_made_of_a_time_may_be_missing(tmp_path: Path) -> None:
    """The lines at the contract's end work as they stand, for a record without that time as well."""
    born = _sometimes(20, "", _day("{y}-{m:02}-{d:02}"))
    found = scaffolded(tmp_path, rows_of("birthday,x,y", born, _number, _yes), "y").inferred
    assert any(note.startswith("doubt: no input yet, and nothing is ordered by it: birthday") for note in found.notes)
    head, _, end = found.files["contract.py"].partition("    # @computed_field")
    text = f"{head}    @computed_field{end.replace('    # ', '    ')}"
    words: dict[str, Any] = {}
    exec(compile(f"from pydantic import computed_field\n{text}", "contract.py", "exec", dont_inherit=True), words)
    made = words["Record"].model_validate
    assert made({"birthday": "2001-07-09", "x": 1, "y": True}).birthday_month == 7
    assert made({"x": 1, "y": True}).birthday_month is None


def test_comments_can_be_read(tmp_path: Path) -> None:
    """Values with commas stand in quotation marks; no comment is longer than a line."""
    names = lambda row, _: f'"Name {row % 20}, {"long " * 6}"'  # noqa: E731 - a column of the table
    text = scaffolded(tmp_path, rows_of("who,y", names, _yes), "y").inferred.files["contract.py"]
    assert "seen: 'Name 0, long" in text
    assert max(map(len, text.split("\n"))) <= 120


def test_the_contract_names_no_other_file(tmp_path: Path) -> None:
    """A contract that names training code, even in a remark, is judged anew whenever that changes."""
    data = rows_of("Birth Day,x,id,y", _day("{y}-{m:02}-{d:02}"), _number, lambda row, _: row, _yes)
    text = scaffolded(tmp_path, data, "y", "train.csv").inferred.files["contract.py"]
    assert not set(re.findall(r"\w+", text)) & {"train", "features", "baseline"}


def test_counts_that_differ_are_told(tmp_path: Path) -> None:
    """Where the contract refuses another number of rows than its comments say, LG9023 names both, and the rule."""
    found = scaffolded(tmp_path, UGLY["german"].data, "Gekündigt?").inferred
    worst = [{"field": "Umsatz €", "rule": "float_parsing", "count": 7}]
    assert differs(found, 2, worst) == []
    assert "7 rows, where contract.py says 2 to 2 (7 x Umsatz €: float_parsing)" in differs(found, 7, worst)[0]
    assert "lockgate explain LG9023" in differs(found, 0, [])[0]
