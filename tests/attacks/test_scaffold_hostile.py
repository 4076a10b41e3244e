"""`init --data` on a file that somebody else made: names, cells and settings come into programs as texts only.

Threats: supply-chain attacks; data poisoning.
"""

from __future__ import annotations

import ast
import json
import tomllib
import zipfile
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.project.scaffold.jail.sniffing import looked_at
from lockgate.project.scaffold.naming import field_names, is_name
from tests.support.scaffolded import Scaffolded, rows_of, scaffolded

EVIL = (
    'x"); import os; os.system("id") #',
    "'''\nimport os\n'''",
    '"""\nimport os\n"""',
    "\\",
    "{__import__('os')}",
    "a\u2028import os",
    "\u202egnorw",
    "\x1b[2K",
    "__class__",
    "model_config",
    "class",
    "",
    "\u0251lpha",
    "\ufb01eld",
)
ALLOWED = {
    "contract.py": {"Expr", "Import", "ImportFrom", "ClassDef"},
    "train.py": {"Expr", "ImportFrom", "Assign", "FunctionDef"},
}
IMPORTED = {"datetime", "typing", "pydantic"}


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _made(folder: Path, name: str = "d.csv") -> Scaffolded:
    """Names, cells and label of a stranger who means harm."""
    header = ",".join([*map(_quoted, EVIL), _quoted('y"\n[serve]\nx = "')])
    cells = [
        lambda row, _, text=text, many=3 + 30 * (place % 2): _quoted(f"{text}{row % many}")
        for place, text in enumerate(EVIL)
    ]
    return scaffolded(
        folder,
        rows_of(header, *cells, lambda row, _: _quoted(EVIL[row % 2])),
        'y"\n[serve]\nx = "',
        name,
    )


def test_a_stranger_s_names_and_cells_write_no_code(tmp_path: Path) -> None:
    """The programs have the statements that ours have, import what ours import, and call nothing but Field and ours."""
    found = _made(tmp_path)
    for file, allowed in ALLOWED.items():
        tree = ast.parse(found.inferred.files[file])
        assert {type(node).__name__ for node in tree.body} <= allowed
    tree = ast.parse(found.inferred.files["contract.py"])
    assert {node.module for node in tree.body if isinstance(node, ast.ImportFrom)} <= IMPORTED
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called <= {"Field", "ConfigDict"}
    record = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    assert {type(node).__name__ for node in record.body} == {"Expr", "Assign", "AnnAssign"}
    names = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert all(text in names for text in EVIL if not is_name(text) and found.role(text) not in ("out", "label"))
    assert found.refused()[0] == 0


def test_a_stranger_s_names_set_nothing(tmp_path: Path) -> None:
    """lockgate.toml has the tables and keys that it always has, whatever file and label are called."""
    found = _made(tmp_path, 'd"]\n[serve]\nx = ["é.csv')
    said = tomllib.loads(found.inferred.files["lockgate.toml"])
    assert set(said) == {"project", "data", "train"}
    assert said["data"]["sources"] == ['data/d"]\n[serve]\nx = ["é.csv']
    assert set(said["data"]) <= {"sources", "contract", "label", "null"}
    assert set(said["train"]) == {"function", "holdout", "params"}
    json.dumps(found.inferred.as_json())


def test_nothing_that_steers_a_terminal_is_said(tmp_path: Path) -> None:
    """Notes and comments of a stranger's file can be printed: no line breaks, escapes or turned writing."""
    found = _made(tmp_path)
    assert all(note.isprintable() for note in found.inferred.notes)
    for text in found.inferred.files.values():
        assert all(line.isprintable() for line in text.split("\n"))


def test_names_of_fields_are_names_and_differ() -> None:
    """Every column gets a field's name, no two the same, none a word of Python, Pydantic or the contract itself."""
    columns = [*EVIL, "dt", "Field", "json", "copy", "a b", "a-b", "a_b", "größe", "9", "%", "model_x", "Record", "int"]
    found = field_names(columns)
    assert set(found) == set(columns)
    assert len(set(found.values())) == len(columns)
    assert all(is_name(name) for name in found.values())
    assert (found["größe"], found["a b"], found["a_b"], found["9"]) == ("groesse", "a_b_2", "a_b", "n_9")


@pytest.mark.parametrize("inside", ["xl/workbook.xml", "content.xml"])
def test_a_spreadsheet_is_named_for_what_it_is(tmp_path: Path, inside: str) -> None:
    """XLSX and ODS are LG9021 with the way out; a zip archive of another kind is refused as one."""
    path = tmp_path / "a;rm -rf.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inside, "x")
        archive.writestr("mimetype", "x")
    with pytest.raises(Refused) as caught:
        looked_at(path, path.name)
    assert caught.value.finding == "LG9021"
    assert ";" not in caught.value.next.partition("csv; then")[0].replace("File, ", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.csv", "x")
    with pytest.raises(Refused) as other:
        looked_at(path, path.name)
    assert other.value.finding == "LG106"


def test_a_table_without_names_is_refused(tmp_path: Path) -> None:
    """A first line of numbers above numbers is LG9022; years as names, and names above numbers, are names."""
    path = tmp_path / "d.csv"
    path.write_text("5.1,3.5,1.4,Iris-setosa\n4.9,3.0,1.4,Iris-setosa\n")
    with pytest.raises(Refused) as caught:
        looked_at(path, "d.csv")
    assert caught.value.finding == "LG9022"
    for header in ("2019,2020,2021,kind", "a,b,c,d"):
        path.write_text(f"{header}\n4.9,3.0,1.4,Iris-setosa\n")
        assert looked_at(path, "d.csv")["kind"] == "csv"
