"""LG383 to LG389: graph and estimator on the held-out rows, and what `check` finds before a training."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG383",
        "the conversion changes the judged metric",
        "On the rows that training never saw, the metric of the ONNX graph is another than the estimator's own, or so "
        "are its answers once outliers are left out. As a warning: more than a tenth of the rows differ. Graphs take "
        "numbers in 64 bits; support vector machines and what other tools convert count in 32. That is no error of the "
        "conversion, and still makes another model when the rows are many.",
        "Put a StandardScaler before the step that counts in 32 bits, or look which feature needs more (a timestamp, a "
        "large identifier) and leave it out; `[train] parity_metric` is the limit.",
    ),
    Finding(
        "LG384",
        "graph and estimator were not compared on the held-out rows",
        "The estimator could not be saved, or not be asked again in another jail. That the conversion is right is "
        "known of the training rows only; the judge's metrics are of the graph itself, and hold.",
        "Define classes and functions at the top level of train.py, so that joblib can save them; or raise `[train] "
        "out` or `memory`, whichever the message names.",
    ),
    Finding(
        "LG385",
        "the locked environment is not there yet",
        "`check` builds nothing. It tries the training in the environment that the lock file describes, which is made "
        "once, by the first command that needs it.",
        "Run `lockgate jail -- python -V`: it makes the environment. Then run `lockgate check` again.",
    ),
    Finding(
        "LG386",
        "the disk has too little room for this training",
        "A run stores the training and the held-out rows beside the accepted ones, and what the jail gives out, up to "
        "`[train] out`. A full disk would end the run, after the training.",
        "Make room, or lower `[train] out`.",
    ),
    Finding(
        "LG387",
        "there are no rows to try the training with",
        "`check` takes the accepted rows of the newest validate statement, or reads the project's own files, judges "
        "them by the contract and keeps nothing. Here there are neither.",
        "Run `lockgate ingest` and `lockgate validate`, then `lockgate check` again.",
    ),
    Finding(
        "LG388",
        "training would take longer than [train] time allows",
        "The time is an estimate from two small trainings, and the lower end of it is beyond the limit already.",
        "Raise `[train] time` and `cpu`, or train less.",
    ),
    Finding(
        "LG389",
        "the model would be larger than what the jail gives out",
        "The size is an estimate from two small trainings: some models grow with their rows.",
        "Raise `[train] out`, or bound the model: the depth of its trees, how many there are.",
    ),
)
