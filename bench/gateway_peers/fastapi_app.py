"""FastAPI, uvicorn, onnxruntime in process: what most people write first. `python fastapi_app.py MODEL PORT`."""

import sys
from typing import Any

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI  # type: ignore[import-not-found]  # in an environment of its own
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options)
app = FastAPI()


class Request(BaseModel):
    """Rows of numbers."""

    inputs: list[list[float]]


@app.post("/predict")  # type: ignore[untyped-decorator]
def predict(request: Request) -> dict[str, Any]:
    """Label and scores of each row."""
    labels, scores = session.run(None, {"X": np.asarray(request.inputs, np.float64)})
    return {"labels": labels.tolist(), "scores": scores.tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
