"""LG337 and LG338: what training returned, on its way to ONNX."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG337",
        "a package that the conversion needs is not in the lock",
        "Training and conversion see only what the lock holds. The message names the package.",
        "Add the library to requirements.in, then `lockgate lock`: what its conversion needs comes with it.",
    ),
    Finding(
        "LG338",
        "a step of the model does not convert exactly",
        "Only steps whose graph is known to say what they say are converted; the others are named, with their path in "
        "the model, and never guessed. Known are scikit-learn's usual scalers, encoders, imputers, vectorizers, "
        "selections, linear models, trees, forests, boosting, neighbours, support vectors and networks, XGBoost and "
        "LightGBM. A class of your own is not, nor one derived from a known one.",
        "Use the substitute that the message names, or make the feature in features.py.",
    ),
)
