"""Tensors of an ONNX file, and of the file beside it: data of just the right size, and every byte accounted for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.register.jail import onnx_external, onnx_tensors
from lockgate.register.jail.onnx_file import check_onnx
from tests.support.onnx_files import finding, model_of, product, refusal


class Folder:
    """Files beside a model, and what was read of them."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("_dot_", "."): data for name, data in files.items()}
        self.reads: list[tuple[int, int]] = []

    def size(self, name: str) -> int | None:
        """As `Beside`."""
        return len(self.files[name]) if name in self.files else None

    def read(self, name: str, begin: int, end: int) -> bytes:
        """As `Beside`, and it is noted."""
        self.reads.append((begin, end))
        return self.files[name][begin:end]


def _with(tensor: TensorProto) -> onnx.ModelProto:
    model = product()
    model.graph.initializer.append(tensor)
    return model


def _tensor(kind: int, dims: list[int], **fields: Any) -> TensorProto:
    return TensorProto(name="t", data_type=kind, dims=dims, **fields)


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor(1, [2, 2], raw_data=b"\0" * 16),
        _tensor(1, [2], float_data=[1, 2]),
        _tensor(14, [1], float_data=[1, 2]),  # complex
        _tensor(15, [1], double_data=[1, 2]),
        _tensor(16, [3], int32_data=[1, 2, 3]),  # bfloat16
        _tensor(22, [3], raw_data=b"\0\0"),  # int4
        _tensor(22, [3], int32_data=[1, 2]),
        _tensor(7, [2], int64_data=[-1, 2]),
        _tensor(13, [1], uint64_data=[1]),
        _tensor(8, [2], string_data=[b"a", b"\xff"]),
        _tensor(1, [0, 3]),
        _tensor(1, [], raw_data=b"\0" * 4),
        _tensor(1, [2], raw_data=b"\0" * 8, metadata_props=[{"key": "a", "value": "b\nc"}]),
    ],
)
def test_a_tensor_with_its_data_passes(tensor: TensorProto) -> None:
    """Raw and typed, packed types, texts, nothing at all: the positive control of what follows."""
    assert finding(_with(tensor)) == ""


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (_tensor(1, [2, 2], raw_data=b"\0" * 15), "LG415"),
        (_tensor(1, [2, 2], raw_data=b"\0" * 17), "LG415"),
        (_tensor(1, [2]), "LG415"),
        (_tensor(1, [2], float_data=[1]), "LG415"),
        (_tensor(1, [2], float_data=[1, 2, 3]), "LG415"),
        (_tensor(1, [2], float_data=[1, 2], raw_data=b"\0" * 8), "LG415"),
        (_tensor(1, [2], float_data=[1, 2], int32_data=[1]), "LG415"),
        (_tensor(1, [2], int32_data=[1, 2]), "LG415"),
        (_tensor(8, [2], raw_data=b"\0" * 2), "LG415"),
        (_tensor(8, [2], string_data=[b"a"]), "LG415"),
        (_tensor(99, [1], raw_data=b"\0"), "LG415"),
        (_tensor(0, [1], raw_data=b"\0"), "LG415"),
        (_tensor(1, [0], raw_data=b"hidden"), "LG415"),
        (_tensor(1, [0], int32_data=[1]), "LG415"),
        (_tensor(1, [-1], raw_data=b""), "LG415"),
        (_tensor(1, [0, 1 << 40]), "LG416"),
        (_tensor(1, [1 << 40]), "LG416"),
        (_tensor(1, [1] * 33, raw_data=b"\0" * 4), "LG416"),
    ],
)
def test_data_that_do_not_fit_are_refused(tensor: TensorProto, expected: str) -> None:
    """One byte more or less, two places, another type's place, sizes that are none, and nothing where data must be."""
    no = refusal(_with(tensor))
    assert no is not None
    assert (no.finding, no.seen["tensor"]) == (expected, "t")


def test_two_weights_of_one_name_are_refused() -> None:
    """Which of them counts, each reader decides in its own way."""
    assert finding(_with(_tensor(1, [1], float_data=[1]))) == ""
    assert finding(_with(TensorProto(name="w", data_type=1, dims=[1], float_data=[1]))) == "LG415"


def _sparse(dims: list[int], indices: list[int], values: list[float]) -> onnx.ModelProto:
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array(values, np.float32), "s"),
        numpy_helper.from_array(np.array(indices, np.int64), "i"),
        dims,
    )
    return model_of([helper.make_node("Constant", [], ["y"], sparse_value=sparse)])


def test_a_sparse_tensor_is_bounded_by_what_it_expands_to() -> None:
    """Few bytes may say that almost everything is zero, of any size: LG422."""
    assert finding(_sparse([100, 100], [3, 9999], [1, 2])) == ""
    assert finding(_sparse([1 << 20, 1 << 20], [3, 9999], [1, 2])) == "LG416"
    assert finding(_sparse([1 << 15, 1 << 15], [3, 9999], [1, 2])) == "LG422"
    assert finding(_sparse([100, 100], [3, 10000], [1, 2])) == "LG415"
    assert finding(_sparse([100, 100], [3], [1, 2])) == "LG415"
    assert finding(_sparse([], [], [])) == "LG415"


def _external(*spans: tuple[int, int], location: str = "model.onnx.data", **more: str) -> onnx.ModelProto:
    """Weights of bytes, each (offset, length), in one file beside the model."""
    model = product()
    for index, (offset, length) in enumerate(spans):
        tensor = model.graph.initializer.add(name=f"w{index}", data_type=TensorProto.UINT8, dims=[length])
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": location, "offset": str(offset), "length": str(length), **more}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
    return model


def test_weights_beside_the_model_are_accounted_for_to_the_last_byte() -> None:
    """In any order, with gaps of zeros for alignment; only the gaps are read, and what may be a shape."""
    folder = Folder(model_dot_onnx_dot_data=b"a" * 4096 + b"\0" * 10 + b"c" * 3000)
    facts = check_onnx(_external((4106, 3000), (0, 4096)).SerializeToString(), beside=folder)
    assert facts["external"] == {"model.onnx.data": 7106}
    assert facts["inputs"] == ["x"]
    assert folder.reads == [(4096, 4106)]


@pytest.mark.parametrize(
    ("spans", "data"),
    [
        ([(0, 4), (3, 4)], b"a" * 7),  # shared
        ([(0, 4), (0, 4)], b"a" * 4),  # the same
        ([(0, 8)], b"a" * 7),  # beyond the end
        ([(8, 0)], b"a" * 7),
        ([(0, 4)], b"a" * 5),  # a byte left over
        ([(0, 4), (5, 4)], b"aaaaxbbbb"),  # a gap that is not zero
        ([(1, 4)], b"xaaaa"),
        ([(0, 4), (4 + (64 << 10) + 1, 4)], b"a" * 4 + b"\0" * ((64 << 10) + 1) + b"b" * 4),  # a gap too long
        ([(0, 0)], b"a"),
    ],
)
def test_ranges_that_do_not_make_up_the_file_are_refused(spans: list[tuple[int, int]], data: bytes) -> None:
    """LG423, with the offset in the file beside it."""
    no = refusal(_external(*spans), Folder(model_dot_onnx_dot_data=data))
    assert no is not None
    assert no.finding == "LG423"
    assert isinstance(no.seen["offset"], int)


@pytest.mark.parametrize(
    "location",
    [
        "../w",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "",
        ".",
        "..",
        ".hidden",
        "a\0b",
        "C:w",
        "w ",
        "w.",
        "~w",
        "a" * 256,
        "nowhere",
    ],
)
def test_a_location_is_a_plain_name_of_a_file_that_is_there(location: str) -> None:
    """LG414 for anything else, whatever lies there."""
    folder = Folder()
    folder.files = {location: b"aaaa"} if location != "nowhere" else {}
    assert finding(_external((0, 4), location="w.data"), Folder(w_dot_data=b"aaaa")) == ""
    assert finding(_external((0, 4), location=location), folder) in ("LG414", "LG411")


def _twice(model: onnx.ModelProto) -> None:
    model.graph.initializer[1].external_data.add(key="location", value="other")


def _silent(model: onnx.ModelProto) -> None:
    model.graph.initializer[1].ClearField("data_location")


def _both(model: onnx.ModelProto) -> None:
    model.graph.initializer[1].raw_data = b"aaaa"


def _in_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=model.graph.initializer[1]))


@pytest.mark.parametrize(
    ("edit", "expected"), [(_twice, "LG414"), (_silent, "LG414"), (_both, "LG415"), (_in_attribute, "LG414")]
)
def test_what_is_said_of_a_place_is_said_once_and_where_it_may_be(
    edit: Callable[[onnx.ModelProto], None], expected: str
) -> None:
    """Two locations, one that does not count, data here and there, and a place within a node."""
    model = _external((0, 4))
    edit(model)
    assert finding(model, Folder(model_dot_onnx_dot_data=b"aaaa")) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"checksum": "0"}, ""),
        ({"basepath": "/"}, "LG414"),
        ({"length": "5"}, "LG423"),
        ({"offset": "-1"}, "LG423"),
        ({"offset": "00"}, "LG423"),
        ({"offset": "\u0660"}, "LG423"),
        ({"offset": "9" * 30}, "LG423"),
    ],
)
def test_what_is_said_of_a_place_is_known(entry: dict[str, str], expected: str) -> None:
    """Keys of the format, numbers in one spelling."""
    assert finding(_external((0, 4), **entry), Folder(model_dot_onnx_dot_data=b"aaaa")) == expected


def test_a_tensor_is_as_long_as_its_sizes_say_also_where_the_file_would_take_more() -> None:
    """One byte more than there are numbers of one byte: it is nobody's. Small tensors are read, large are not."""
    for size in (4, 4000):
        model, longer = _external((0, size)), _external((0, size), length=str(size + 1))
        assert finding(model, Folder(model_dot_onnx_dot_data=b"a" * size)) == ""
        assert finding(longer, Folder(model_dot_onnx_dot_data=b"a" * (size + 1))) == "LG423"


def test_without_a_folder_nothing_lies_outside() -> None:
    """LG414: bytes alone have no neighbours."""
    assert finding(_external((0, 4))) == "LG414"


def test_files_beside_a_model_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their number and their size."""
    folder = Folder(model_dot_onnx_dot_data=b"aaaa")
    assert finding(_external((0, 4)), folder) == ""
    for limit in ("MAX_DATA_BYTES", "_MOST_FILES"):
        with monkeypatch.context() as patch:
            patch.setattr(onnx_external, limit, 0)
            assert finding(_external((0, 4)), folder) == "LG416"


def test_a_small_constant_beside_the_model_counts_as_a_shape() -> None:
    """What a graph expands to is told from it, though it lies elsewhere."""

    def model(size: int) -> tuple[onnx.ModelProto, Folder]:
        made = model_of([helper.make_node("ConstantOfShape", ["s"], ["y"])])
        tensor = made.graph.initializer.add(name="s", data_type=TensorProto.INT64, dims=[2])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="s")
        return made, Folder(s=np.array([size, 1 << 20], np.int64).tobytes())

    assert finding(*model(2)) == ""
    assert finding(*model(1 << 20)) == "LG422"
    assert onnx_tensors.bytes_of(TensorProto.INT4, 3) == 1
