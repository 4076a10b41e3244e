"""Where `init --data` keeps files: each under a name of its own, the very bytes that were looked at, no link used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lockgate.contract.sources import SourceFile, capture
from lockgate.errors import Refused, Usage
from lockgate.project.scaffold.placing import Place, found, placed, renamed, write
from tests.support.scaffolded import rows_of
from tests.support.shell import Shell


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _captured(files: Sequence[Path], into: Path) -> list[SourceFile]:
    into.mkdir()
    return [capture(file.parent, file.name, into / str(place)) for place, file in enumerate(files)]


def test_each_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Two files of one name are kept as two; what is in data/ already is neither written over nor taken for another."""
    root = tmp_path / "p"
    files = [_file(tmp_path / folder / "d.csv", folder) for folder in ("a", "b", "c")]
    _file(root / "data" / "d.csv", "an older one")
    _file(root / "data" / "d-2.csv", "b")
    places = placed(files, sources := _captured(files, tmp_path / "held"), root)
    assert (Place("data/d-3.csv", True), Place("data/d-2.csv", False), Place("data/d-4.csv", True)) == places
    assert [line.split("data/")[1].partition(":")[0] for line in renamed(files, places)] == ["d-3.csv", "d-4.csv"]
    for file in files:
        file.write_text("changed since")
    write(
        root,
        {},
        {place.name: source.path for place, source in zip(places, sources, strict=True) if place.copied},
        "init",
    )
    kept = {file.name: file.read_text() for file in (root / "data").iterdir()}
    assert kept == {"d.csv": "an older one", "d-2.csv": "b", "d-3.csv": "a", "d-4.csv": "c"}


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    """A link and its target are one file, read once, and it is said; a file inside the project stays where it lies."""
    root = tmp_path / "p"
    real = _file(tmp_path / "b" / "x.csv", "x")
    (tmp_path / "b" / "latest.csv").symlink_to("x.csv")
    files, notes = found(tmp_path / "b" / "*.csv")
    assert [real.resolve()] == files
    assert "read once" in notes[0]
    inside = _file(root / "raw" / "y.csv", "y")
    (root / "z.csv").symlink_to(real)
    (root / "big").symlink_to(tmp_path / "b")
    files = [inside, found(root / "z.csv")[0][0], root / "big" / "x.csv"]
    places = placed(files, _captured(files, tmp_path / "held"), root)
    assert [place.name for place in places] == ["raw/y.csv", "data/x.csv", "big/x.csv"]
    assert [place.copied for place in places] == [False, True, False]
    with pytest.raises(Usage) as caught:
        found(tmp_path / "b" / "nothing*.csv")
    assert caught.value.finding == "LG959"


@pytest.mark.parametrize("name", ["train.py", "sample.json", "requirements.in", "data"])
def test_nothing_is_written_by_a_link(tmp_path: Path, name: str) -> None:
    """A link that leads nowhere, or a folder by a link: LG9024 before anything is written; a file is kept."""
    root, outside = tmp_path / "p", tmp_path / "outside"
    root.mkdir()
    if name == "data":
        outside.mkdir()
    (root / name).symlink_to(outside)
    given = _file(tmp_path / "d.csv", "x")
    texts = dict.fromkeys(("contract.py", "train.py", "sample.json", "requirements.in"), "ours")
    with pytest.raises(Refused) as caught:
        write(root, texts, {"data/d.csv": given}, "init")
    assert ("LG9024", name, "init") == (caught.value.finding, caught.value.seen["link"], caught.value.next)
    assert [name] == [entry.name for entry in root.iterdir()]
    assert not outside.is_file()
    assert not (outside / "d.csv").exists()
    (root / name).unlink()
    assert set(texts) == set(write(root, texts, {"data/d.csv": given}, "init"))
    assert write(root, dict.fromkeys(texts, "again"), {}, "init") == []
    assert (root / "train.py").read_text() == "ours"


def test_data_that_is_no_folder(tmp_path: Path) -> None:
    """A file called data is LG949, and stays."""
    _file(tmp_path / "p" / "data", "mine")
    with pytest.raises(Refused) as caught:
        write(tmp_path / "p", {"train.py": "ours"}, {"data/d.csv": _file(tmp_path / "d.csv", "x")}, "init")
    assert caught.value.finding == "LG949"
    assert not (tmp_path / "p" / "train.py").exists()


def test_what_is_looked_at_is_what_is_kept(tmp_path: Path) -> None:
    """A link whose target's folder holds a namesake, and two files of one name: contract, counts and files agree."""
    shell, chance = Shell(tmp_path), lambda _, chance: chance.choice("ab")
    for name, first, rows in (("b/x.csv", 0, 200), ("b/l.csv", 900, 70), ("c/x.csv", 40, 100)):
        _file(tmp_path / name, "")
        (tmp_path / name).write_bytes(rows_of("n,y", lambda row, _, first=first: first + row % 50, chance, count=rows))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "l.csv").symlink_to("../b/x.csv")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / ".gitignore").symlink_to(tmp_path / "ignored")
    done = shell("init", "p", "--data", "[ac]/*.csv", "--label", "y", "--json")
    assert done.code == 0, done.err
    assert (done.json["data"]["rows"], done.json["data"]["accepted"]) == (300, 300)
    assert "seen: 0 to 89" in (tmp_path / "p" / "contract.py").read_text()
    kept = {file.name: file.read_bytes() for file in (tmp_path / "p" / "data").iterdir()}
    sources = {"x.csv": tmp_path / "b" / "x.csv", "x-2.csv": tmp_path / "c" / "x.csv"}
    assert {name: file.read_bytes() for name, file in sources.items()} == kept
    assert 'sources = ["data/x.csv", "data/x-2.csv"]' in (tmp_path / "p" / "lockgate.toml").read_text()
    assert "c/x.csv is kept as data/x-2.csv" in done.err
    assert not (tmp_path / "ignored").exists()
    assert ".gitignore is a link" in done.err
