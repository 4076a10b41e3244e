"""LG9050 and LG9051: which file of an MLflow folder is the model."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG9050",
        "a folder was given, and no model is found in it",
        "A folder is taken as an MLflow model or run, whose `MLmodel` names the file. What else lies in one is not "
        "guessed at.",
        "Name the model's file itself: `lockgate scan FOLDER` lists what is in it.",
    ),
    Finding(
        "LG9051",
        "the MLflow run has several models",
        "Which one is meant is never guessed.",
        "Name the folder of one of them, in which its `MLmodel` lies.",
    ),
)
