"""LG3130 to LG3149: what training code that comes from somebody's own disk meets in the jail."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG3130",
        "the training code reads a file that is not in its jail",
        "Training sees the accepted training rows, the captured code and the inputs that lockgate.toml names, and "
        "nothing else of the disk: what it reads is known by digest, and held-out rows are not within its reach.",
        "A function uses the `data` that it is given. A script (`[train] script`) reads `train.parquet` in the folder "
        '`$LOCKGATE_DATA`: `pd.read_parquet(os.environ["LOCKGATE_DATA"] + "/train.parquet")`, and needs no split of '
        "its own, for the rows to judge by are kept apart already. Any other file is named by an `[[input]]` in "
        "lockgate.toml, and lies in the same folder.",
    ),
    Finding(
        "LG3131",
        "the training code writes where its jail lets nothing be written",
        "The captured code is read-only, and what is to leave the jail has one door.",
        'A script writes its model to `os.environ["LOCKGATE_OUT"]`, as model.joblib, model.onnx, model.json or '
        "model.ubj (XGBoost) or model.txt (LightGBM); other files there are kept as attachments. A function returns "
        "its model. Scratch files go below `/tmp`.",
    ),
)
