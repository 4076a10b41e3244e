"""A plain torch checkpoint becomes safetensors without torch and without executing anything of it."""

from __future__ import annotations

import gzip
import io
import pickletools
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from lockgate.errors import Refused
from lockgate.register.jail import convert_forms, torch_tensors
from lockgate.register.jail.convert_tensors import convert
from lockgate.register.jail.safetensors_file import check_safetensors
from lockgate.register.jail.torch_pickle import INSTRUCTIONS, Storage, View
from tests.support import checkpoints as made
from tests.support.hostile import opcodes as op
from tests.support.hostile import zips
from tests.support.hostile.corpus import hostile
from tests.support.hostile.zips import Member

FLOATS = np.arange(12, dtype="<f4")
WHOLE = {"0": FLOATS.tobytes()}
MOST = 1 << 20


def _converted(tmp_path: Path, data: bytes, most: int = MOST) -> tuple[dict[str, Any], Path]:
    source, result = tmp_path / "source", tmp_path / "result"
    source.write_bytes(data)
    return convert(source, result, most), result


def _refused(tmp_path: Path, data: bytes, most: int = MOST) -> Refused:
    with pytest.raises(Refused) as raised:
        _converted(tmp_path, data, most)
    assert raised.value.next
    return raised.value


def test_a_state_dict_is_what_the_library_would_have_written(tmp_path: Path) -> None:
    """Names, types, shapes and bytes are the source's; the file is byte for byte that of the safetensors library."""
    value = made.ordered(
        {
            "line.weight": made.tensor(made.storage("0", "FloatStorage", 12), 0, (3, 4), (4, 1)),
            "line.bias": made.row("1", 2),
            "seen": made.tensor(made.storage("2", "LongStorage", 1), 0, (), ()),
            "half": made.row("3", 2, "f2"),
        }
    )
    storages = {**WHOLE, "1": b"\0\0\x80?\0\0\0@", "2": (7).to_bytes(8, "little"), "3": b"\0\x3c\0\x40"}
    said, result = _converted(tmp_path, made.archive(value, storages))
    expected = {
        "line.weight": FLOATS.reshape(3, 4),
        "line.bias": np.array([1, 2], "<f4"),
        "seen": np.array(7, "<i8"),
        "half": np.array([1, 2], "<f2"),
    }
    assert result.read_bytes() == safetensors.numpy.save(expected, {"format": "pt"})
    assert (said["tensors"], said["equal"], said["bytes"]) == (4, 4, 68)
    with result.open("rb") as stream:
        assert check_safetensors(stream, result.stat().st_size)["tensors"] == 4


def test_views_become_contiguous(tmp_path: Path) -> None:
    """Transposed, shifted, repeated, empty: each tensor has its own elements, in order."""
    inside = made.storage("0", "FloatStorage", 12)
    value = made.plain(
        {
            "turned": made.tensor(inside, 0, (4, 3), (1, 4)),
            "shifted": made.tensor(inside, 5, (2,), (3,)),
            "repeated": made.tensor(inside, 3, (2, 2), (0, 1)),
            "empty": made.tensor(inside, 0, (0, 5), (5, 1)),
        }
    )
    said, result = _converted(tmp_path, made.archive(value, WHOLE))
    got = safetensors.numpy.load(result.read_bytes())
    assert got["turned"].tolist() == FLOATS.reshape(3, 4).T.tolist()
    assert got["shifted"].tolist() == [5, 8]
    assert got["repeated"].tolist() == [[3, 4], [3, 4]]
    assert got["empty"].shape == (0, 5)
    assert said["shared"]["groups"] == 1


def test_nested_values_are_named_by_their_path_and_numbers_are_told(tmp_path: Path) -> None:
    """An optimiser's tensors come along under their path; its settings have no place in the result, and are named."""
    state = made.plain({"exp_avg": made.row("0", 12), "step": op.binary(3)})
    value = made.plain({"optimizer": made.plain({"state": state}), "epoch": op.binary(7)})
    said, result = _converted(tmp_path, made.archive(value, WHOLE))
    assert list(safetensors.numpy.load(result.read_bytes())) == ["optimizer.state.exp_avg"]
    assert said["dropped"] == {"values": 2, "shown": ["optimizer.state.step", "epoch"]}


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two conversions give one file: its digest says what it was made of."""
    data = made.archive(made.plain({"b": made.row("0", 12), "a": made.row("1", 1)}), {**WHOLE, "1": b"\0" * 4})
    (tmp_path / "again").mkdir()
    assert _converted(tmp_path, data)[1].read_bytes() == _converted(tmp_path / "again", data)[1].read_bytes()


def test_the_form_of_before_2020_is_read_too(tmp_path: Path) -> None:
    """One stream of pickles and storages: the same tensors."""
    value = made.ordered({"a": made.tensor(made.old_storage("7", "FloatStorage", 12), 0, (12,), (1,))})
    said, result = _converted(tmp_path, made.stream(value, {"7": (12, FLOATS.tobytes())}))
    assert said["form"] == convert_forms.LEGACY
    assert safetensors.numpy.load(result.read_bytes())["a"].tolist() == FLOATS.tolist()


_SPREAD = made.storage("0", "FloatStorage", 12)
HOSTILE: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("beyond its storage", lambda: made.archive(made.tensor(_SPREAD, 0, (13,), (1,)), WHOLE), "beyond its storage"),
    ("beyond by its strides", lambda: made.archive(made.tensor(_SPREAD, 0, (2, 2), (11, 2)), WHOLE), "beyond"),
    ("beyond by its offset", lambda: made.archive(made.tensor(_SPREAD, 12, (1,), (1,)), WHOLE), "beyond its storage"),
    ("a huge stride", lambda: made.archive(made.tensor(_SPREAD, 0, (2,), (2**62,)), WHOLE), "beyond its storage"),
    ("a stride beyond 64 bits", lambda: made.archive(made.tensor(_SPREAD, 0, (2,), (2**64,)), WHOLE), "whole numbers"),
    ("backwards", lambda: made.archive(made.tensor(_SPREAD, 11, (2,), (-1,)), WHOLE), "whole numbers"),
    ("one number, a million times", lambda: made.archive(made.tensor(_SPREAD, 0, (2**30,), (0,)), WHOLE), "limit"),
    ("many dimensions", lambda: made.archive(made.tensor(_SPREAD, 0, (1,) * 65, (1,) * 65), WHOLE), "whole numbers"),
    ("shape and strides of two lengths", lambda: made.archive(made.tensor(_SPREAD, 0, (2,), (1, 1)), WHOLE), "as many"),
    ("a storage that is not there", lambda: made.archive(made.row("9", 1), WHOLE), "no storage '9'"),
    ("a storage of another size", lambda: made.archive(made.row("0", 11), WHOLE), "another size"),
    ("two sizes of one storage", lambda: made.archive(_two_sizes(), WHOLE), "different things"),
    ("compressed", lambda: made.archive(made.row("0", 12), WHOLE, method=zipfile.ZIP_DEFLATED), "compressed"),
    ("two pickles", lambda: made.archive(made.row("0", 12), WHOLE, more=[("n/data.pkl", b"")]), "exactly one"),
    ("another folder", lambda: made.archive(made.row("0", 12), WHOLE, more=[("n/x", b"")]), "one folder"),
    ("a cut archive", lambda: made.archive(made.row("0", 12), WHOLE)[:-30], ""),
    (
        "a broken storage",
        lambda: made.archive(made.row("0", 12), WHOLE).replace(FLOATS.tobytes(), b"\1" * 48),
        "damaged",
    ),
    ("a broken pickle", lambda: made.archive(b"a", WHOLE), "broken"),
    ("no end of its own depth", lambda: made.archive(_circle(), WHOLE), "nested"),
    ("lists that double", lambda: made.archive(_doubling(), WHOLE), "values"),
    ("a memo of four thousand million", lambda: made.archive(b"Nr\xff\xff\xff\xff", WHOLE), ""),
    ("two tensors of one name", lambda: made.archive(_one_name(), WHOLE), "have the name"),
    ("a name that steers a terminal", lambda: made.archive(made.plain({"\x1b[2J": made.row("0", 12)}), WHOLE), "signs"),
    ("an old file cut off", lambda: made.stream(made.row("7", 12), {"7": (12, b"\0" * 40)}), "ends with the file"),
    ("an old file with more", lambda: made.stream(made.row("7", 1), {"7": (1, b"\0" * 5)}), "belong to no storage"),
    ("an old file of other counts", lambda: made.stream(made.row("7", 1), {"7": (2**40, b"\0" * 4)}), "another size"),
)


def _two_sizes() -> bytes:
    return made.plain({"a": made.row("0", 12), "b": made.row("0", 6)})


def _circle() -> bytes:
    return b"]q\0h\0a"


def _doubling() -> bytes:
    lists = b"]q\0"
    for place in range(30):
        lists += b"]" + b"h" + bytes((place,)) + b"a" + b"h" + bytes((place,)) + b"aq" + bytes((place + 1,))
    return lists


def _one_name() -> bytes:
    return made.plain({"a.b": made.row("0", 12), "a": made.plain({"b": made.row("0", 12)})})


@pytest.mark.parametrize(("data", "words"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_checkpoint_that_contradicts_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Callable[[], bytes], words: str
) -> None:
    """LG483 with what is wrong; no memory beyond the file's own size is asked for, no traceback."""
    monkeypatch.setattr(torch_tensors, "MOST_VALUES", 10_000)
    error = _refused(tmp_path, data())
    assert error.finding in ("LG483", "LG481")
    assert words in error.message


def test_members_that_lie_within_each_other_are_read_no_more_often_than_the_file_is_long(tmp_path: Path) -> None:
    """Each member holds the next one, header and all: a small file would speak for a large one."""
    inner = Member("m/data/9", b"\0" * 4000)
    nested, places = [inner], [0]
    for place in range(8, -1, -1):
        nested.append(Member(f"m/data/{place}", zips._local(nested[-1])))
    whole = zips._local(nested[-1])
    places = [len(whole) - len(zips._local(one)) for one in nested]
    value = made.plain({str(one.name): made.row(str(one.name)[7:], len(one.data), "u1") for one in nested})
    first = Member("m/data.pkl", made.pickled(value))
    central = b"".join(zips._central(one, place) for one, place in zip(nested, places, strict=True))
    central += zips._central(first, len(whole))
    before = whole + zips._local(first)
    data = before + central + zips.end(len(nested) + 1, len(central), len(before))
    assert "larger than the file" in _refused(tmp_path, data).message


@pytest.mark.parametrize("spelled", op.ENCODINGS, ids=lambda one: one.__name__)
def test_a_gadget_in_data_pkl_is_never_called(tmp_path: Path, spelled: op.Encoding) -> None:
    """Whatever the spelling: the name is refused before anything could be called, and nothing is written."""
    held = io.BytesIO()
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r},'w').close()"
    with zipfile.ZipFile(held, "w") as written:
        written.writestr("m/data.pkl", spelled("builtins", "exec", (code,)))
    assert _outcome(tmp_path, held.getvalue()) in ("LG483", "LG485", "not plain")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    assert not canary.exists()


def _outcome(tmp_path: Path, data: bytes) -> str:
    try:
        said, _ = _converted(tmp_path, data)
    except Refused as error:
        return error.finding
    return "converted" if "equal" in said else "not plain"


def _state(**values: Sequence[int] | int) -> bytes:
    """BUILD with these attributes."""
    spelled = {name: made.spelled(value) for name, value in values.items()}
    return made.plain(spelled) + op.BUILD


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (op.line_global("torch._utils", "_rebuild_tensor_v2") + op.NONE + op.BUILD, "LG483"),
        (op.line_global("collections", "OrderedDict") + op.EMPTY_DICT + op.BUILD, "LG483"),
        (op.line_global("torch", "FloatStorage") + op.EMPTY_TUPLE + op.REDUCE, "LG483"),
        (op.line_global("collections", "OrderedDict") + op.EMPTY_TUPLE + op.NEWOBJ, "not plain"),
        (made.row("0", 12) + _state(shape=(4096,), strides=(-1,)), "LG483"),
        (made.row("0", 12) + op.NONE + _state(shape=(4096,))[:-1] + b"\x86" + op.BUILD, "LG483"),
        (made.tensor(made.storage("0", "FloatStorage", 12) + _state(count=99), 0, (99,), (1,)), "LG483"),
        (op.line_global("torch", "float32") + _state(name=()), "LG483"),
        (op.line_global("torch", "Size") + op.EMPTY_TUPLE + op.REDUCE + _state(a=()), "LG483"),
        (made.row("0", 12) + op.binary(1) + b"a", "LG483"),
        (made.row("0", 12) + op.binary("shape") + op.EMPTY_TUPLE + b"s", "LG483"),
    ],
    ids=[
        *("a function is changed", "a class is changed", "a type is called", "a function is made anew"),
        *("a tensor is changed", "a tensor's slots are set", "a storage is changed", "a type is changed"),
        *("a size is changed", "a tensor is appended to", "a tensor has items"),
    ],
)
def test_stand_ins_take_nothing(tmp_path: Path, value: bytes, outcome: str) -> None:
    """What stands for torch's names can be called as torch's own would be, and never changes."""
    assert _outcome(tmp_path, made.archive(value, WHOLE)) == outcome


@pytest.mark.parametrize("name", sorted({one.name for one in pickletools.opcodes} - INSTRUCTIONS))
def test_an_instruction_that_torch_does_not_write_is_named(tmp_path: Path, name: str) -> None:
    """Nothing of such a file is built; it counts as a program."""
    code = next(one.code for one in pickletools.opcodes if one.name == name)
    rest = b"\0" * 8 if name not in ("INT", "FLOAT", "LONG", "GET", "PUT") else b"1\n"
    rest = {"STRING": b"''\n", "INST": b"os\nsystem\n", "EXT1": b"\1", "EXT2": b"\1\0"}.get(name, rest + b"\n")
    said, _ = _converted(tmp_path, made.archive(code.encode("latin-1") + rest, WHOLE))
    assert said["why"] == f"the instruction {name}"


@pytest.mark.parametrize("change", [{"offset": -1}, {"strides": (-1,)}, {"shape": (-4,)}, {"shape": (13,)}])
def test_bounds_hold_of_a_view_that_nothing_else_checked(change: dict[str, Any]) -> None:
    """Every index of a view is inside its storage, whoever made the view; an honest one gives its elements."""
    storage = Storage("0", "float32", 12)
    given: dict[str, Any] = {"offset": 4, "shape": (4,), "strides": (2,), **change}
    with pytest.raises(Refused, match="beyond its storage"):
        torch_tensors.contiguous(View(storage, "float32", **given), FLOATS.tobytes())
    # torch gives a dimension of one element any stride at all.
    honest = View(storage, "float32", 4, (1, 4), (2**62, 2))
    assert torch_tensors.contiguous(honest, FLOATS.tobytes()) == FLOATS[4::2].tobytes()


@pytest.mark.parametrize(
    ("kind", "marks", "expected"),
    [
        ("c8", ("conj",), [1 - 2j, 3 + 4j]),
        ("c8", ("neg",), [-1 - 2j, -3 + 4j]),
        ("c8", ("neg", "conj"), [-1 + 2j, -3 - 4j]),
        ("f4", ("neg",), [-1, -2, -3, 4]),
    ],
)
def test_a_view_that_is_only_marked_as_negated_comes_out_negated(
    tmp_path: Path, kind: str, marks: tuple[str, ...], expected: list[complex]
) -> None:
    """`x.conj()` is x's storage and a mark: the values are those that torch would compute with."""
    data = np.array([1 + 2j, 3 - 4j], "c8").tobytes()
    count = len(data) // int(kind[1])
    value = made.plain({"a": made.tensor(made.storage("0", made.STORAGES[kind], count), 0, (count,), (1,), marks)})
    _, result = _converted(tmp_path, made.archive(value, {"0": data}))
    assert result.read_bytes()[-16:] == np.array(expected, kind).tobytes()


@pytest.mark.parametrize(("kind", "marks"), [("f4", ("conj",)), ("i8", ("neg",)), ("f4", ("view_of",))])
def test_a_mark_that_is_not_known_of_a_type_is_named(tmp_path: Path, kind: str, marks: tuple[str, ...]) -> None:
    """Its values are not guessed: the file counts as a program."""
    value = made.tensor(made.storage("0", made.STORAGES[kind], 1), 0, (1,), (1,), marks)
    said, _ = _converted(tmp_path, made.archive(value, {"0": b"\0" * int(kind[1])}))
    assert "marks" in said["why"] or "marked" in said["why"]


@pytest.mark.nightly
def test_no_file_of_the_hostile_corpus_yields_a_tensor(tmp_path: Path) -> None:
    """Each is refused with a finding, or only named as what would have to be executed; none ends in another error."""
    said = {_outcome(tmp_path, one.data) for one in hostile()}
    assert said <= {"LG481", "LG483", "not plain"}
    assert list(tmp_path.iterdir()) == [tmp_path / "source"]


@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Any byte of a checkpoint may be any other: tensors of the right form come out, or a finding, never an error."""
    value = made.ordered(
        {"a": made.tensor(made.storage("0", "FloatStorage", 12), 0, (4, 3), (1, 4)), "b": op.binary(1)}
    )
    honest = data.draw(st.sampled_from([made.archive(value, WHOLE), _OLD]))
    changed = bytearray(honest)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("changed")
    outcome = _outcome(folder, bytes(changed))
    assert outcome in ("LG481", "LG483", "not plain", "converted")
    if outcome == "converted":
        with (folder / "result").open("rb") as stream:
            check_safetensors(stream, (folder / "result").stat().st_size)


_OLD = made.stream(
    made.ordered({"a": made.tensor(made.old_storage("7", "FloatStorage", 12), 0, (12,), (1,))}),
    {"7": (12, FLOATS.tobytes())},
)


def test_torchscript_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """It is a program: its weights are to be saved where it was made."""
    error = _refused(tmp_path, made.archive(made.row("0", 12), WHOLE, more=[("m/code/x.py", b"")]))
    assert (error.finding, "state_dict" in error.next) == ("LG481", True)


@pytest.mark.parametrize(
    ("first", "form"),
    [
        (op.second("own.models", "Model", ()), convert_forms.PICKLE),
        (op.text("own.models", "Model", ()), convert_forms.PICKLE),
        (b"\x78\x9c1234", convert_forms.JOBLIB),
        (b"\x89HDF\r\n\x1a\n", convert_forms.HDF5),
        (b"tree\nversion=v4", convert_forms.LIGHTGBM),
        (b'{"learner": {}}', convert_forms.XGBOOST),
        (b"{L\0\0\0\0\0\0\0\x07learner", convert_forms.XGBOOST),
    ],
)
def test_what_has_to_be_executed_is_only_named(tmp_path: Path, first: bytes, form: str) -> None:
    """The form is told by content, whatever the file is called; nothing is written."""
    said, result = _converted(tmp_path, first)
    assert said == {"form": form, "why": ""}
    assert not result.exists()


@pytest.mark.parametrize("spelled", op.ENCODINGS, ids=lambda one: one.__name__)
def test_what_calls_programs_is_refused_before_it_is_executed(tmp_path: Path, spelled: op.Encoding) -> None:
    """Named with what it calls, also when it is compressed (control: a model of somebody's own is left to the jail)."""
    for data in (spelled("posix", "system", ("true",)), gzip.compress(spelled("posix", "system", ("true",)))):
        error = _refused(tmp_path, data)
        assert (error.finding, error.seen["calls"]) == ("LG485", ["posix.system"])


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\3\4", b"\x08\x07onnx", b"\2\0\0\0\0\0\0\0{}"])
def test_what_is_no_model_file_or_done_already_is_refused(tmp_path: Path, data: bytes) -> None:
    """LG481 with the first bytes, or with the hint that nothing is to be done."""
    assert _refused(tmp_path, data).finding == "LG481"


def test_reading_beyond_a_storage_needs_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the last index is what refuses: numpy itself would read what lies behind."""
    monkeypatch.setattr(torch_tensors, "malformed", lambda *_, **__: AssertionError("checked"))
    with pytest.raises(AssertionError, match="checked"):
        _converted(tmp_path, made.archive(made.tensor(_SPREAD, 0, (13,), (1,)), WHOLE))
