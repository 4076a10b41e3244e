"""MLServer with a custom ONNX runtime, in process. `python mlserver_app.py MODEL PORT`."""

import asyncio
import os
import sys

import numpy as np
import onnxruntime as ort
from mlserver import (  # type: ignore[import-not-found]  # in an environment of its own
    MLModel,
    MLServer,
    ModelSettings,
    Settings,
)
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]


class Onnx(MLModel):  # type: ignore[misc]
    """The model."""

    async def load(self) -> bool:
        """Its session."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["BENCH_MODEL"], options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One request."""
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float64)
        labels, scores = self.session.run(None, {"X": rows})
        outputs = [NumpyCodec.encode_output("labels", labels), NumpyCodec.encode_output("scores", scores)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


async def main() -> None:
    """Serve."""
    port = int(sys.argv[2])
    os.environ["BENCH_MODEL"] = sys.argv[1]
    settings = Settings(
        http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=0, debug=False, host="127.0.0.1"
    )
    server = MLServer(settings)
    await server.start([ModelSettings(name="m", implementation=Onnx)])


if __name__ == "__main__":
    asyncio.run(main())
