"""LG3100 to LG3119: drafts, which are trainings that nobody signs."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG3100",
        "a sweep file says something else than which parameters to try",
        "A misspelled table would be tried without a word, with the wrong parameters.",
        "Write `[grid]` with a list for each parameter, `[[try]]` tables, and `random = N` to try only N of the grid.",
    ),
    Finding(
        "LG3101",
        "a parameter is not one that lockgate.toml could hold",
        "A draft is promoted by writing its parameters into lockgate.toml: what cannot stand there is not tried.",
        "Give `--set NAME=VALUE`: a text, a finite number, true or false, or a list of these.",
    ),
    Finding(
        "LG3102",
        "there is no draft with this number",
        "Numbers are given by `lockgate try`; `lockgate gc` removes drafts.",
        "Look at `lockgate try --list`.",
    ),
    Finding(
        "LG3103",
        "something has changed since the draft",
        "A run of other code, other rows, other packages or other settings would bear the draft's name, and not be "
        "what was looked at.",
        "Try it again with `lockgate try`; or `lockgate try --take N` writes its code into a folder, to compare.",
    ),
    Finding(
        "LG3104",
        "a draft that ended with a finding is not promoted",
        "Its training would end so again.",
        "Mend what the finding says, then `lockgate try`.",
    ),
    Finding(
        "LG3105",
        "a draft's files are not as Lockgate writes them",
        "Drafts are not signed. What is not in form, or lies behind a link, is not read, and not believed.",
        "Nothing depends on it: remove the folder below `.lockgate/state/drafts`, and try again.",
    ),
    Finding(
        "LG3106",
        "a part of the estimator was written in the notebook itself",
        "A function or class of a notebook's cell has no file: the jail, like any other process, cannot find it.",
        "Write it into a file of the project, such as `steps.py`, import it from there in the notebook, draft again.",
    ),
    Finding(
        "LG3107",
        "this is no estimator that can be drafted",
        "A draft fits an unfitted scikit-learn estimator on the project's rows, in the jail.",
        "Give an object with fit, such as a Pipeline; for anything else write `train.py`, and call draft() without it.",
    ),
    Finding(
        "LG3108",
        "the parameters could not be written into lockgate.toml",
        "The file is edited by lines, so that comments stay. Where the result would not say exactly what it should, "
        "nothing is written.",
        "Write `[train.params]` as a table of its own, a line for each parameter (`C = 0.5`), not inside another table "
        "and not with dots; then `lockgate try --promote N` once more, or `lockgate run`.",
    ),
    Finding(
        "LG3109",
        "every draft ended with a finding",
        "There is nothing to compare.",
        "The table names the finding of each; mend the first one.",
    ),
    Finding(
        "LG3110",
        "a draft of a notebook's estimator is not promoted as it is",
        "A run trains with the project's code, which people can read and which is captured by digest; an object of a "
        "notebook is neither.",
        "`lockgate try --take N` writes a train.py that makes the same estimator. Look at it, then copy it.",
    ),
    Finding(
        "LG3111",
        "the notebook's estimator cannot be opened in the jail",
        "It is opened with the packages of the project's lock, and with nothing of the notebook's process.",
        "Use the versions of the lock in the notebook, and let classes of your own lie in files of the project.",
    ),
    Finding(
        "LG3112",
        "what was trained does not answer for the validation rows",
        "Rows that come later are other rows than those of training: a category that was not there before must not be "
        "an error.",
        'Let the model take them, for instance `OneHotEncoder(handle_unknown="ignore")`, and try again.',
    ),
    Finding(
        "LG3113",
        "a draft's answers cannot be judged",
        "Metrics need a finite answer of a known class for each validation row.",
        "Look at what the message says: a class that the training rows do not have needs more rows, or another split.",
    ),
)
