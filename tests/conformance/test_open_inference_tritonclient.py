"""A client that we did not write talks to our server: `tritonclient.http`, Open Inference Protocol v2 REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.serving import Serving, servable_project, serving

triton = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A served model."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("triton"), patch)
        project.make_live(patch)
        with serving(project) as found:
            yield found


@pytest.fixture
def client(up: Serving) -> Iterator[Any]:
    """Their client."""
    found = triton.InferenceServerClient(up.url.removeprefix("http://"))
    yield found
    found.close()


@pytest.fixture
def key(up: Serving) -> dict[str, str]:
    """The key as their client sends it."""
    return {"authorization": f"Bearer {up.key}"}


def inputs(distance: list[float], shape: list[int], *, binary: bool = False, datatype: str = "FP64") -> list[Any]:
    """Two tensors, as JSON or as bytes."""
    first = triton.InferInput("distance", shape, datatype)
    kind = np.float64 if datatype == "FP64" else np.float32
    first.set_data_from_numpy(np.array(distance, kind).reshape(shape), binary_data=binary)
    second = triton.InferInput("carrier", shape, "BYTES")
    second.set_data_from_numpy(np.array(["UA"] * len(distance), np.object_).reshape(shape), binary_data=binary)
    return [first, second]


def test_health_and_metadata(client: Any, key: dict[str, str]) -> None:
    """Live, ready, what the server and the model are."""
    assert client.is_server_live(headers=key)
    assert client.is_server_ready(headers=key)
    assert client.is_model_ready("flights", headers=key)
    assert client.is_model_ready("flights", "1", headers=key)
    assert not client.is_model_ready("flights", "2", headers=key)
    told = client.get_server_metadata(headers=key)
    assert (told["name"], told["extensions"]) == ("lockgate", ["binary_tensor_data"])
    said = client.get_model_metadata("flights", headers=key)
    assert [one["name"] for one in said["inputs"]] == ["distance", "carrier"]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_inference_gives_the_models_answer(client: Any, key: dict[str, str], shape: list[int]) -> None:
    """Labels, scores and receipts come back as tensors that their client understands."""
    found = client.infer("flights", inputs([200.0, 5000.0], shape), headers=key, request_id="7")
    assert found.as_numpy("label").tolist() == [False, True]
    assert found.as_numpy("scores").shape == (2, 2)
    assert found.get_response()["id"] == "7"
    assert len(found.as_numpy("receipt")) == 2


@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
def test_binary_tensors_both_ways_give_the_same_answer(client: Any, key: dict[str, str], datatype: str) -> None:
    """As their client sends and asks unless it is told otherwise: the answer is that of JSON tensors, bit by bit."""
    as_json = [triton.InferRequestedOutput(name, binary_data=False) for name in ("label", "scores", "receipt")]
    plain = client.infer("flights", inputs([200.0, 5000.5], [2]), headers=key, outputs=as_json)
    found = client.infer("flights", inputs([200.0, 5000.5], [2], binary=True, datatype=datatype), headers=key)
    assert all("data" not in one for one in found.get_response()["outputs"])
    assert found.as_numpy("label").tolist() == plain.as_numpy("label").tolist() == [False, True]
    assert found.as_numpy("scores").tobytes() == plain.as_numpy("scores").tobytes()
    assert found.as_numpy("scores").shape == (2, 2)
    assert [one.decode().partition(".")[0] for one in found.as_numpy("receipt")] == ["lgr2", "lgr2"]


def test_mixed_outputs(client: Any, key: dict[str, str]) -> None:
    """One as bytes, one as JSON, and the JSON request still has its way."""
    wanted = [triton.InferRequestedOutput("label", binary_data=False), triton.InferRequestedOutput("scores")]
    found = client.infer("flights", inputs([5000.0], [1, 1], binary=True), outputs=wanted, headers=key)
    assert found.as_numpy("label").tolist() == [True]
    assert found.as_numpy("scores").shape == (1, 2)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e30])
def test_binary_tensors_meet_the_same_contract(client: Any, key: dict[str, str], number: float) -> None:
    """NaN and infinities do not slip in as bytes; what the contract refuses it refuses here too."""
    with pytest.raises(triton.InferenceServerException, match=r"NaN and Infinity|contract refuses"):
        client.infer("flights", inputs([number], [1], binary=True), headers=key)


def test_what_is_compressed_or_not_followed_is_refused(client: Any, key: dict[str, str]) -> None:
    """Compressed requests, classification, priorities: their exception carries our sentence."""
    with pytest.raises(triton.InferenceServerException, match="compressed"):
        client.infer("flights", inputs([1.0], [1]), headers=dict(key), request_compression_algorithm="gzip")
    wanted = [triton.InferRequestedOutput("scores", class_count=1)]
    with pytest.raises(triton.InferenceServerException, match="classification"):
        client.infer("flights", inputs([1.0], [1]), headers=key, outputs=wanted)
    with pytest.raises(triton.InferenceServerException, match="priority"):
        client.infer("flights", inputs([1.0], [1]), headers=key, priority=1)


def test_only_the_output_asked_for(client: Any, key: dict[str, str]) -> None:
    """`outputs` selects."""
    wanted = [triton.InferRequestedOutput("label", binary_data=False)]
    found = client.infer("flights", inputs([1.0], [1]), model_version="1", outputs=wanted, headers=key)
    assert [one["name"] for one in found.get_response()["outputs"]] == ["label"]


def test_refusals_are_errors_that_the_client_can_show(client: Any, key: dict[str, str]) -> None:
    """The contract, a missing key, another model: their exception carries our sentence."""
    with pytest.raises(triton.InferenceServerException, match="contract refuses"):
        client.infer("flights", inputs([1e30], [1]), headers=key)
    with pytest.raises(triton.InferenceServerException, match="valid credential"):
        client.infer("flights", inputs([1.0], [1]))
    with pytest.raises(triton.InferenceServerException, match="not live"):
        client.infer("phishing", inputs([1.0], [1]), headers=key)


def test_nothing_can_be_unloaded(client: Any, key: dict[str, str]) -> None:
    """The repository calls of other servers do not exist here."""
    with pytest.raises(triton.InferenceServerException):
        client.unload_model("flights", headers=key)
    assert client.is_model_ready("flights", headers=key)


def test_the_document_of_the_served_model_has_its_contract(up: Serving) -> None:
    """What the contract worker compiled stands in the OpenAPI document."""
    made = up.send("GET", "/openapi.json").json()
    assert made["components"]["schemas"]["Record"] == {
        "type": "object",
        "properties": {
            "distance": {"type": "number", "minimum": 0.0, "maximum": 20000.0},
            "carrier": {"enum": ["AA", "UA"]},
        },
        "required": ["distance", "carrier"],
        "additionalProperties": False,
    }


def test_what_other_servers_answer_is_refused_over_the_network(up: Serving) -> None:
    """The probe table once more, through every process: always a 4xx, with Pydantic's errors where it judged."""
    good = b'{"distance": 200, "carrier": "UA"}'
    probes = {
        b'{"distance": 200}': 422,
        b'{"distance": 200, "carrier": "UA", "more": 1}': 422,
        b'{"distance": "far", "carrier": "UA"}': 422,
        b'{"distance": 1e30, "carrier": "UA"}': 422,
        b'{"distance": NaN, "carrier": "UA"}': 400,
        b'{"distance": 1, "distance": 2, "carrier": "UA"}': 400,
        b",".join([good] * 20_000): 413,
    }
    json = {"Content-Type": "application/json"}
    for record, status in probes.items():
        found = up.send("POST", "/predict", content=b'{"records": [' + record + b"]}", headers=json)
        assert found.status_code == status, record[:60]
        assert (status == 422) == bool(found.json()["errors"])
    assert up.send("POST", "/predict", key=None, content=b'{"records": []}', headers=json).status_code == 401
    assert up.send("POST", "/predict", content=b'{"records": [' + good + b"]}", headers=json).status_code == 200
