"""BentoML with a typed asynchronous api. `python bentoml_app.py MODEL PORT`."""

import os
import sys
from typing import Any

import bentoml  # type: ignore[import-not-found]  # in an environment of its own
import numpy as np
import onnxruntime as ort

os.environ.setdefault("BENCH_MODEL", sys.argv[1] if len(sys.argv) > 1 else "")


@bentoml.service(workers=1, traffic={"timeout": 30}, logging={"access": {"enabled": False}})
class Onnx:
    """The model."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["BENCH_MODEL"], options)

    @bentoml.api  # type: ignore[untyped-decorator]
    async def predict(self, inputs: list[list[float]]) -> dict[str, Any]:
        """Label and scores of each row."""
        labels, scores = self.session.run(None, {"X": np.asarray(inputs, np.float64)})
        return {"labels": labels.tolist(), "scores": scores.tolist()}


if __name__ == "__main__":
    port = sys.argv[2]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", "serve", "bentoml_app:Onnx", "--port", port])  # noqa: S606
