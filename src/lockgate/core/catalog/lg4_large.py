"""LG407, LG426, LG427: models that are too large, and models that somebody else serves."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG407",
        "too few persons let the imported model be used there",
        "Lockgate trained and judged nothing of it: all that can stand for it there is the word of persons, as many as "
        "the policy asks for, and at least one.",
        "`lockgate approve REF --env ENV`, by persons other than who imported it where separation is enforced.",
    ),
    Finding(
        "LG426",
        "this machine has too little memory for the model",
        "A worker that runs out of memory is ended amid a request. What it needs follows from the registered sizes, "
        "before anything is loaded.",
        "Serve it on a machine with more memory, or train a smaller model.",
    ),
    Finding(
        "LG427",
        "the model is larger than training may give out",
        "model.onnx is one protobuf message, which ends at 2 GiB and is refused above 1.5 GiB; larger tensors lie in "
        "model.onnx.data beside it, and both must leave the jail within `[train] out`.",
        "Keep large tensors in model.onnx.data (docs/how-to/large-models.md), or raise `[train] out`; `lockgate check` "
        "tells it before the training.",
    ),
)
