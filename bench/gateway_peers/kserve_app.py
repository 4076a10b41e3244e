"""KServe's Python server with a custom model. `python kserve_app.py MODEL PORT`."""

import sys
from typing import Any

import numpy as np
import onnxruntime as ort
from kserve import Model, ModelServer  # type: ignore[import-not-found]  # in an environment of its own


class Onnx(Model):  # type: ignore[misc]
    """The model."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(path, options)
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """One request of the version 1 protocol."""
        labels, scores = self.session.run(None, {"X": np.asarray(payload["instances"], np.float64)})
        return {"predictions": labels.tolist(), "scores": scores.tolist()}


if __name__ == "__main__":
    model, port = sys.argv[1], int(sys.argv[2])
    sys.argv[1:] = []
    ModelServer(http_port=port, grpc_port=port + 1, workers=1, enable_grpc=False, access_log_format=None).start(
        [Onnx("m", model)]
    )
