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


def inputs(distance: list[float], shape: list[int]) -> list[Any]:
    """Two tensors, as JSON."""
    first = triton.InferInput("distance", shape, "FP64")
    first.set_data_from_numpy(np.array(distance, np.float64).reshape(shape), binary_data=False)
    second = triton.InferInput("carrier", shape, "BYTES")
    second.set_data_from_numpy(np.array(["UA"] * len(distance), np.object_).reshape(shape), binary_data=False)
    return [first, second]


def test_health_and_metadata(client: Any, key: dict[str, str]) -> None:
    """Live, ready, what the server and the model are."""
    assert client.is_server_live(headers=key)
    assert client.is_server_ready(headers=key)
    assert client.is_model_ready("flights", headers=key)
    assert client.is_model_ready("flights", "1", headers=key)
    assert not client.is_model_ready("flights", "2", headers=key)
    assert client.get_server_metadata(headers=key)["name"] == "lockgate"
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


def test_only_the_output_asked_for(client: Any, key: dict[str, str]) -> None:
    """`outputs` selects."""
    wanted = [triton.InferRequestedOutput("label", binary_data=False)]
    found = client.infer("flights", inputs([1.0], [1]), model_version="1", outputs=wanted, headers=key)
    assert [one["name"] for one in found.get_response()["outputs"]] == ["label"]


def test_refusals_are_errors_that_the_client_can_show(client: Any, key: dict[str, str]) -> None:
    """The contract, a missing key, another model, binary tensors: their exception carries our sentence."""
    with pytest.raises(triton.InferenceServerException, match="contract refuses"):
        client.infer("flights", inputs([1e30], [1]), headers=key)
    with pytest.raises(triton.InferenceServerException, match="API key"):
        client.infer("flights", inputs([1.0], [1]))
    with pytest.raises(triton.InferenceServerException, match="not live"):
        client.infer("phishing", inputs([1.0], [1]), headers=key)
    binary = triton.InferInput("distance", [1], "FP64")
    binary.set_data_from_numpy(np.array([1.0]), binary_data=True)
    with pytest.raises(triton.InferenceServerException, match="binary"):
        client.infer("flights", [binary], headers=key)


def test_nothing_can_be_unloaded(client: Any, key: dict[str, str]) -> None:
    """The repository calls of other servers do not exist here."""
    with pytest.raises(triton.InferenceServerException):
        client.unload_model("flights", headers=key)
    assert client.is_model_ready("flights", headers=key)
