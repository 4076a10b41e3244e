"""mosec with dynamic batching, its documents' example with msgspec types. `python mosec_app.py MODEL PORT`."""

import os
import sys

import msgspec
import numpy as np
import onnxruntime as ort
from mosec import Server, Worker  # type: ignore[import-not-found]  # in an environment of its own

MODEL = os.environ.setdefault("BENCH_MODEL", sys.argv[1] if len(sys.argv) > 1 else "")
PORT = os.environ.setdefault("BENCH_PORT", sys.argv[2] if len(sys.argv) > 2 else "8000")
BATCH = int(os.environ.get("BENCH_BATCH", "64"))


class Request(msgspec.Struct):
    """Rows of numbers."""

    inputs: list[list[float]]


class Inference(Worker):  # type: ignore[misc]
    """One model."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(MODEL, options)
        self.decoder = msgspec.json.Decoder(Request)

    def deserialize(self, data: bytes) -> Request:
        """JSON."""
        return self.decoder.decode(data)

    def serialize(self, data: object) -> bytes:
        """JSON."""
        return msgspec.json.encode(data)

    def forward(self, data: list[Request]) -> list[dict[str, object]]:
        """A batch of requests as one call of the model."""
        rows = [row for request in data for row in request.inputs]
        labels, scores = self.session.run(None, {"X": np.asarray(rows, np.float64)})
        found, start = [], 0
        for request in data:
            end = start + len(request.inputs)
            found.append({"labels": labels[start:end].tolist(), "scores": scores[start:end].tolist()})
            start = end
        return found


if __name__ == "__main__":
    sys.argv[1:] = ["--port", PORT, "--timeout", "10000"]
    server = Server()
    server.append_worker(Inference, max_batch_size=BATCH, max_wait_time=2, num=1)
    server.run()
