"""LG3xx: train, the locked environment, the judge."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG301",
        "the training code is not there",
        "What is not captured cannot run in the jail, and a run of half the code would prove nothing.",
        "Correct `[train] function`, `script` or `code` in lockgate.toml.",
    ),
    Finding(
        "LG302",
        "there are no accepted rows to train on",
        "Training rests on rows that the contract accepted, and on nothing else.",
        "Run `lockgate ingest` and `lockgate validate` first; both must pass and belong together.",
    ),
    Finding(
        "LG303",
        "the label cannot be learned",
        "A label that is missing, null in some rows, not finite or a point in time gives no model.",
        "Name the right field in `[data] label`, and make it required in the contract.",
    ),
    Finding(
        "LG304",
        "the rows cannot be split",
        "Without rows that training never saw nobody can judge the model.",
        "Correct `[data] time` or `group`, or `[train] holdout`, or give more data.",
    ),
    Finding(
        "LG305",
        "a file of the training code cannot be captured",
        "A link, a file that is too large or a folder in disguise could be something else when it runs.",
        "Put regular files in place, or narrow `[train] code`.",
    ),
    Finding(
        "LG306",
        "the jail that splits the rows was stopped",
        "It met a limit, or ended without an answer.",
        "Raise `[train] memory`, or give fewer rows.",
    ),
    Finding(
        "LG310",
        "the training code raised an error",
        "Its own words, with file and line, stand in the message; the whole traceback is in the talk.",
        "Mend the code. `lockgate jail --shell` opens the very jail it runs in. A timestamp is int64 microseconds in "
        "train(); what is made of it belongs into features.py.",
    ),
    Finding(
        "LG311",
        "train() did not return a fitted model for the label",
        "What is no fitted scikit-learn estimator, or predicts another kind of thing than the label is, "
        "cannot be served. So it is with a classifier that was fitted on something made of the label: of its classes 0 "
        'and 1 nobody can tell which is "yes".',
        "Return the fitted classifier or regressor, or the Pipeline that ends in one, fitted on data[LABEL] itself. "
        "XGBoost takes no texts: write `LABEL: bool` in the contract where the texts are yes and no, else "
        '`VotingClassifier([("m", XGBClassifier())], voting="soft")` of scikit-learn, which keeps them.',
    ),
    Finding(
        "LG312",
        "the model does not convert to ONNX, or does not run",
        "Only a graph without code is registered and served.",
        "Use a step that converts: the message names the one that does not. Own functions belong into features.py. "
        "A script's own graph has two outputs for classes, the label (rows) and then probabilities (rows, classes) "
        "in the order of the sorted labels, and one, (rows, 1), for a number.",
    ),
    Finding(
        "LG313",
        "the ONNX model disagrees with the estimator",
        "A conversion can be wrong without a word; what would be served is not what was trained. Rows that differ "
        "because part of the graph counts in 32 bits are told apart, and do not count.",
        "Look at the worst row, and at the step that the message names: use another. `[train] parity` is the limit.",
    ),
    Finding(
        "LG314",
        "a step that is known to answer wrongly when it is asked again",
        "XGBoost 3.2 cuts categories that are not ASCII in wrong places, without a word, and takes one for another.",
        "Encode the categories in the pipeline: OrdinalEncoder or OneHotEncoder inside a ColumnTransformer.",
    ),
    Finding(
        "LG315",
        "the script wrote no model",
        "A script's model is `$LOCKGATE_OUT/model.onnx` or `$LOCKGATE_OUT/model.joblib`, a regular file.",
        "Write one of the two at the end of the script, at `$LOCKGATE_OUT`.",
    ),
    Finding(
        "LG316",
        "the model's features are not the contract's fields",
        "A feature made in the training code only is missing when the model serves; the label among the "
        "features is the answer given away.",
        "Fit on a DataFrame with the contract's fields; make derived features inside the Pipeline or in "
        "features.py. A text vectorizer takes its column by name, in a ColumnTransformer.",
    ),
    Finding(
        "LG317",
        "training ran out of memory",
        "The jail has a limit, so that training cannot take the machine down.",
        "Raise `[train] memory` in lockgate.toml, or train on less.",
    ),
    Finding(
        "LG318",
        "training took too long",
        "The jail has a limit of wall-clock and of CPU time.",
        "Look for a loop that does not end, or raise `[train] time` and `cpu`.",
    ),
    Finding(
        "LG319",
        "training wrote too much",
        "The jail's file systems are bounded in size and in number of files.",
        "Write less, or raise `[train] out`, `tmp` or `inodes`.",
    ),
    Finding(
        "LG320",
        "the candidate cannot be judged",
        "A model that does not load, fails, answers with something that is not a finite number, or meets"
        " an unknown class would do so in service too.",
        "The message says which of these; mend the training code, and handle values that training did not have.",
    ),
    Finding(
        "LG321",
        "training printed too much",
        "What the jail says is bounded, so that it cannot fill the disk.",
        "Let the code print less.",
    ),
    Finding(
        "LG322",
        "training wanted too many processes",
        "The jail bounds processes and threads, so that a fork bomb ends.",
        "Set `n_jobs` lower, or raise `[train] tasks`.",
    ),
    Finding(
        "LG323",
        "training ended without a model",
        "The process was killed by a signal, or left with an exit code and no word.",
        "`lockgate jail --shell` opens the very jail it runs in.",
    ),
    Finding(
        "LG324",
        "what a jail wrote is not in form",
        "The files that come out of a jail are untrusted and read strictly.",
        "Training code must leave `io.json`, `fit.json` and `model.onnx` in `$LOCKGATE_OUT` alone unless"
        " it is a script.",
    ),
    Finding(
        "LG325",
        "the training code tried what the jail denies",
        "Training needs no network and no file outside the jail. An experiment tracker that phones home "
        "looks like this, and so does theft.",
        "Look at the package, file and line. Known trackers are in their offline mode already; bring files in by "
        "`[[input]]`; remove what you did not mean to run.",
    ),
    Finding(
        "LG326",
        "a validate statement names no accepted rows",
        "It was not written by Lockgate, or not by this version.",
        "`lockgate verify --all` names every statement that does not hold.",
    ),
    Finding(
        "LG327",
        "the jail that judges was stopped",
        "It met a limit, or ended without an answer.",
        "Raise `[train] memory`: the judge has the same.",
    ),
    Finding(
        "LG328",
        "the lock file changed during the run",
        "The statement would name another lock than the environment was made from.",
        "Run again.",
    ),
    Finding(
        "LG330",
        "the policy refuses a run with denied attempts",
        "Here denied attempts are more than a note.",
        "See LG325 for the attempts; `max_denied_attempts` in policy.toml says how many are allowed, and its weight.",
    ),
    Finding(
        "LG340",
        "there is no lock file that can be read",
        "Without a lock anybody who can publish a package decides what runs in training.",
        "Make it: `lockgate lock`, from requirements.in or pyproject.toml.",
    ),
    Finding(
        "LG341",
        "a locked package has no hash",
        "A version can be published again with other bytes; a SHA-256 cannot.",
        "Lock again with hashes.",
    ),
    Finding(
        "LG342",
        "a line of the lock is not an exact version",
        "An address, a path, an option or a floating version would let something decide later what is installed.",
        "Lock again; addresses belong into pip's configuration.",
    ),
    Finding(
        "LG343",
        "a wheel is not the one that was locked",
        "Its bytes differ from the lock: a package was replaced, or the lock is of another index.",
        "Do not install it. Find out which of the two is right, then lock again.",
    ),
    Finding(
        "LG344",
        "a package has no wheel for this machine",
        "Source distributions run code while they are built, and are not taken.",
        "Lock a version that has wheels, or let `lockgate lock --build NAME` build its pinned source without network.",
    ),
    Finding(
        "LG345",
        "something in the environment runs at every start of Python",
        "A `.pth` file with code, `sitecustomize` or `usercustomize` would run in every jail before our own code.",
        "Remove the package that brings it, then lock again.",
    ),
    Finding(
        "LG346",
        "the locked environment was changed",
        "Its files are not those that were installed from the lock.",
        "Find out who changed it. Then remove the folder that the message names: it is built anew.",
    ),
    Finding(
        "LG347",
        "the locked environment could not be installed",
        "uv could not reach the index, or found no such version there.",
        "Look at what uv said; pip's configured index and proxies are used.",
    ),
    Finding(
        "LG348",
        "an installed package cannot be traced to one wheel",
        "Each wheel's digest goes into the evidence.",
        "Empty Lockgate's wheel store, which the message names, or lock again.",
    ),
    Finding(
        "LG349",
        "a file of a package is younger than this project takes",
        "Malicious releases are mostly found within days; `[environment] min_age` lets others meet them first.",
        "Wait, or lock a version that is old enough.",
    ),
    Finding(
        "LG350",
        "the requirements cannot be locked",
        "No versions meet everything that is asked for, by the project or by what converts and serves its models; or a "
        "package came from another index than the one that it is assigned to.",
        "Loosen the requirement that the message names.",
    ),
    Finding(
        "LG351",
        "the requirements cannot be read",
        "Each line is one package with its bounds. An option or an address would decide where packages come from.",
        "Correct the line; indexes belong into `[environment.indexes]`.",
    ),
    Finding(
        "LG352",
        "a package stands where something else is looked for",
        "A file called like Lockgate, the interpreter or a module of its library would be run in its place.",
        "Remove the package. Tell its makers, if it is no attack.",
    ),
    Finding(
        "LG353",
        "a wheel's archive is unsafe",
        "Its directory names a file outside of itself, a link, or one file twice: readers would differ on its content.",
        "Do not use the package.",
    ),
    Finding(
        "LG354",
        "two packages bring different files of one name",
        "Which of the two would run would depend on the order of installation.",
        "Remove one of them.",
    ),
    Finding(
        "LG355",
        "a source distribution cannot be built",
        "It is built in a jail without network, by build tools that the lock pins.",
        "Add what the message misses to the requirements, lock, then build again.",
    ),
    Finding(
        "LG356",
        "the database of known vulnerabilities cannot be used",
        "It is not the zip archive that OSV exports for Python packages, or it could not be read within its limits.",
        "Download it again, or correct `[environment] osv`.",
    ),
    Finding(
        "LG357",
        "the lock is not what the requirements ask for",
        "Somebody changed one of the two without the other.",
        "Run `lockgate lock` and review what changes.",
    ),
    Finding(
        "LG358",
        "a package of the environment has known vulnerabilities",
        "Somebody else knows how to misuse it.",
        "Upgrade it: `lockgate lock --upgrade-package NAME`. Where it cannot be met, raise `max_vulnerabilities`.",
    ),
    Finding(
        "LG359",
        "nobody has looked for known vulnerabilities lately",
        "The policy asks for a database of known vulnerabilities of a certain age.",
        "Download a new one for `[environment] osv`, then run again.",
    ),
    Finding(
        "LG399",
        "the work in a jail stopped on something that nobody foresaw",
        "The message says what was raised; nothing was signed.",
        "Report it, with the message.",
    ),
)
