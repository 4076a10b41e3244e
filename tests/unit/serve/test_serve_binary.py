"""The binary tensor data extension: every byte is accounted for, in both directions."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.serve.calls import binary, inputs
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head, Peer, Reply
from tests.support.calls import desk

PATH = "/v2/models/flights/infer"


def texts(*values: bytes) -> bytes:
    """BYTES elements."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def described(name: str, datatype: str, size: int, rows: int = 2) -> dict[str, Any]:
    """A tensor whose elements are bytes."""
    return {"name": name, "shape": [rows], "datatype": datatype, "parameters": {"binary_data_size": size}}


def body(said: dict[str, Any], *parts: bytes) -> tuple[bytes, dict[str, Any]]:
    """A mixed body and its headers."""
    written = json.dumps(said).encode()
    headers: dict[str, Any] = {
        "content_type": "application/octet-stream",
        "inference_header_content_length": str(len(written)),
    }
    return b"".join((written, *parts)), headers


def mixed(**more: Any) -> tuple[bytes, dict[str, Any]]:
    """Two rows: two tensors as bytes around one as JSON."""
    distance, carrier = struct.pack("<2d", 200.0, 2000.0), texts(b"UA", b"AA")
    stops = {"name": "stops", "shape": [2], "datatype": "INT64", "data": [0, 1]}
    tensors = [described("distance", "FP64", len(distance)), stops, described("carrier", "BYTES", len(carrier))]
    return body({"inputs": tensors, **more}, distance, carrier)


def unpacked(reply: Reply) -> tuple[dict[str, Any], bytes]:
    """JSON and bytes of a mixed reply."""
    length = int(dict(reply.headers)["Inference-Header-Content-Length"])
    return json.loads(reply.body[:length]), reply.body[length:]


def test_binary_and_json_tensors_in_one_request() -> None:
    """They become the same records as their JSON would; asked for nothing binary, the answer is JSON."""
    data, headers = mixed()
    house = desk()
    found = house.send("POST", PATH, data, **headers)
    assert (found.status, found.media) == (200, "application/json")
    assert json.loads(found.body)["outputs"][0]["data"] == [False, True]
    assert list(house.service.asked[0].given.canonical) == [
        b'{"carrier":"UA","distance":200.0,"stops":0}',
        b'{"carrier":"AA","distance":2000.0,"stops":1}',
    ]


def test_outputs_as_bytes_where_asked() -> None:
    """For all outputs by one parameter, or each by its own; what is not asked for as bytes stays JSON."""
    data, headers = mixed(parameters={"binary_data_output": True})
    found = desk().send("POST", PATH, data, **headers)
    assert found.media == "application/octet-stream"
    said, rest = unpacked(found)
    assert [one["parameters"]["binary_data_size"] for one in said["outputs"]] == [2, 32, 20]
    assert rest == b"\0\1" + struct.pack("<4d", 0.99, 0.01, 0.9, 0.1) + texts(b"lgr1.0", b"lgr1.1")
    outputs = [{"name": "scores"}, {"name": "label", "parameters": {"binary_data": False}}]
    data, headers = mixed(parameters={"binary_data_output": True}, outputs=outputs)
    said, rest = unpacked(desk().send("POST", PATH, data, **headers))
    assert said["outputs"][0]["data"] == [False, True]
    assert "data" not in said["outputs"][1]
    assert len(rest) == 32


def test_json_in_and_bytes_out() -> None:
    """The answer's form does not depend on the question's."""
    tensors = [{"name": "distance", "shape": [1], "datatype": "FP64", "data": [1.0]}]
    tensors += [{"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]}]
    tensors += [{"name": "stops", "shape": [1], "datatype": "INT8", "data": [1]}]
    said, rest = unpacked(desk().send("POST", PATH, {"inputs": tensors, "parameters": {"binary_data_output": True}}))
    assert said["outputs"][0] == {
        "name": "label",
        "datatype": "BOOL",
        "shape": [1],
        "parameters": {"binary_data_size": 1},
    }
    assert rest[:1] == b"\0"


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("BOOL", b"\0\1", [False, True]),
        ("INT8", b"\xff\x7f", [-1, 127]),
        ("UINT8", b"\xff\x00", [255, 0]),
        ("INT16", b"\x00\x80\x01\x00", [-32768, 1]),
        ("UINT16", b"\xff\xff\x01\x00", [65535, 1]),
        ("INT32", b"\xff\xff\xff\xff\x02\x00\x00\x00", [-1, 2]),
        ("UINT32", b"\xff\xff\xff\xff\x02\x00\x00\x00", [4294967295, 2]),
        ("INT64", b"\xff" * 8 + b"\x03" + b"\0" * 7, [-1, 3]),
        ("UINT64", b"\xff" * 8 + b"\x03" + b"\0" * 7, [18446744073709551615, 3]),
        ("FP32", b"\x00\x00\x80\x3f\x00\x00\x20\xc1", [1.0, -10.0]),
        ("FP64", b"\x00\x00\x00\x00\x00\x00\xf0\x3f" + b"\x00" * 8, [1.0, 0.0]),
        ("BYTES", b"\x02\0\0\0\xc3\xa4\0\0\0\0", ["ä", ""]),
    ],
)
def test_each_datatype_is_little_endian(datatype: str, data: bytes, expected: list[Any]) -> None:
    """Bytes written down by hand, read as plain Python values, and written back the same."""
    found = list(binary.read("x", datatype, 2, memoryview(data)))
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]
    assert binary.write(datatype, expected) == data


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP32", struct.pack("<2f", 1.0, float("nan"))),
        ("FP32", struct.pack("<2f", 1.0, float("-inf"))),
        ("FP64", struct.pack("<2d", float("inf"), 1.0)),
        ("FP64", bytes(15)),
        ("FP64", bytes(17)),
        ("FP64", bytes(8)),
        ("BOOL", b"\0\2"),
        ("INT64", b""),
        ("BYTES", b""),
        ("BYTES", texts(b"a")),
        ("BYTES", texts(b"a", b"b", b"c")),
        ("BYTES", texts(b"a", b"b") + b"x"),
        ("BYTES", texts(b"a", b"\xff")),
        ("BYTES", texts(b"a", "\ud800".encode("utf-8", "surrogatepass"))),
        ("BYTES", texts(b"a") + b"\xff\xff\xff\xff"),
        ("BYTES", texts(b"a") + b"\x01\0\0"),
    ],
)
def test_bytes_that_are_no_tensor_are_refused(datatype: str, data: bytes) -> None:
    """Wrong sizes, NaN and infinities, other truth values, texts cut short, left over or not UTF-8."""
    with pytest.raises(Declined) as caught:
        binary.read("x", datatype, 2, memoryview(data))
    assert (caught.value.status, caught.value.finding) == (400, "LG655")


@given(st.sampled_from(sorted(inputs.DATATYPES)), st.integers(1, 4), st.binary(max_size=40))
def test_what_is_read_is_written_the_same(datatype: str, rows: int, data: bytes) -> None:
    """One accepted spelling: any bytes are refused, or give `rows` elements that are spelled in just these bytes."""
    try:
        found = binary.read("x", datatype, rows, memoryview(data))
    except Declined:
        return
    assert len(found) == rows
    assert binary.write(datatype, found) == data


@given(st.data())
def test_a_damaged_body_is_refused_or_answered(data: st.DataObject) -> None:
    """Bytes changed, cut out or put in anywhere, and a wrong length of the JSON: 200 or a 4xx, never a fault."""
    sent, headers = mixed(parameters={"binary_data_output": True})
    place = data.draw(st.integers(0, len(sent)))
    damaged = sent[:place] + data.draw(st.binary(max_size=3)) + sent[place + data.draw(st.integers(0, 3)) :]
    length = int(headers["inference_header_content_length"]) + data.draw(st.integers(-2, 2))
    found = desk().send("POST", PATH, damaged, **headers | {"inference_header_content_length": str(length)})
    assert found.status == 200 or 400 <= found.status < 500


@pytest.mark.parametrize("said", ["0", "-1", "+2", " 2", "2 ", "٢", "1e1", "", "101", "9" * 5000, "2,2"])
def test_the_length_of_the_json_is_a_plain_number_within_the_body(said: str) -> None:
    """One spelling, one meaning; nothing huge is parsed."""
    head = Head("POST", "/", {"inference-header-content-length": said}, Peer())
    with pytest.raises(Declined) as caught:
        binary.split(head, b"x" * 100)
    assert (caught.value.status, caught.value.finding) == (400, "LG655")


@pytest.mark.parametrize(
    ("tensors", "parts"),
    [
        ([described("distance", "FP64", 16)], [bytes(15)]),
        ([described("distance", "FP64", 16)], [bytes(17)]),
        ([described("distance", "FP64", 15)], [bytes(16)]),
        ([described("distance", "FP64", -16)], [bytes(16)]),
        ([described("distance", "FP64", -16), described("stops", "FP64", 48)], [bytes(32)]),
        ([described("distance", "FP64", 10**30)], [bytes(16)]),
        ([described("distance", "FP64", 16), described("stops", "FP64", 16)], [bytes(16)]),
        ([{"name": "distance", "shape": [1], "datatype": "FP64", "data": [1.0]}], [b"x"]),
        ([described("distance", "FP64", 16) | {"data": [1.0, 2.0]}], [bytes(16)]),
        ([described("distance", "FP64", True)], [bytes(1)]),
    ],
)
def test_no_byte_is_left_over_or_borrowed(tensors: list[dict[str, Any]], parts: list[bytes]) -> None:
    """What the JSON announces is exactly what follows."""
    data, headers = body({"inputs": tensors}, *parts)
    house = desk()
    found = house.send("POST", PATH, data, **headers)
    assert found.status == 400
    assert house.admission.charged == []


def test_a_huge_announcement_allocates_nothing() -> None:
    """Rows are bounded before an element is looked at."""
    data, headers = body({"inputs": [described("distance", "BYTES", 0, rows=10**15)]})
    assert desk().send("POST", PATH, data, **headers).status == 413
