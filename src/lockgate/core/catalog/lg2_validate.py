"""LG2xx: validate."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG201",
        "nothing was ingested yet",
        "Validation judges only a snapshot that the ingester signed.",
        "Run `lockgate ingest`.",
    ),
    Finding(
        "LG202",
        "the ingest statement is malformed",
        "A statement that names no snapshot and manifest proves nothing about rows.",
        "Run `lockgate ingest` again; `lockgate log verify` checks the rest.",
    ),
    Finding(
        "LG203",
        "more rows are quarantined than the policy allows",
        "A jump in refused rows means that the source changed, by accident or by an attack.",
        "Look at the commonest reasons in the report; mend data or contract, or change the policy and sign it.",
    ),
    Finding(
        "LG204",
        "the contract accepts no row",
        "Contract and data do not mean the same columns.",
        "Compare the contract's field names with the columns in the report.",
    ),
    Finding(
        "LG205",
        "the contract file is missing",
        "Without a contract nothing says what a record is.",
        "Set `[data] contract` to a file inside the project, such as `contract.py:Flight`.",
    ),
    Finding(
        "LG206",
        "the contract has a syntax error",
        "Code that does not parse judges nothing.",
        "Edit the line that the finding names.",
    ),
    Finding(
        "LG207",
        "importing the contract failed",
        "The contract runs in a jail without network, with requirements.lock and the captured code only.",
        "Edit the line that the finding names, or add the missing package to requirements.lock.",
    ),
    Finding(
        "LG208",
        "the contract's class was not found",
        "Which of several models is a record cannot be guessed.",
        "Write the class after the file: `contract.py:Flight`.",
    ),
    Finding(
        "LG209",
        "the contract is not a Pydantic v2 model with fields",
        "Lockgate uses the very model that you use elsewhere; it must name its fields.",
        "Write `class Name(pydantic.BaseModel)` with one annotated field per column.",
    ),
    Finding(
        "LG210",
        "the label is not a field of the contract",
        "The label is validated like every other column.",
        "Set `[data] label`, or add the field.",
    ),
    Finding(
        "LG211",
        "code of the contract reads the label, undeclared",
        "A request has no label: the code would fail, or decide differently, when the model serves.",
        "Put `@lockgate.label_only` above the validator or computed field; it is left out at inference.",
    ),
    Finding(
        "LG212",
        "judging the rows was stopped",
        "The contract is code and runs with limits; here it broke one, or failed in a way nobody foresaw.",
        "Look at the contract: an endless loop, much memory, or a call that ends the process.",
    ),
    Finding(
        "LG213",
        "the counts do not add up",
        "The jail that runs the contract could drop, invent or double rows; a second one, without it, counts.",
        "Look at the contract's code: it may have interfered with Lockgate's own in the jail.",
    ),
    Finding(
        "LG215",
        "the contract's own code failed on some rows",
        "Pydantic turns ValueError into a verdict; another error is the contract's fault, and the row is quarantined.",
        "Raise ValueError where a value is to be refused.",
    ),
    Finding(
        "LG216",
        "the output folder holds something else",
        "Lockgate overwrites only what it wrote itself.",
        "Give `--out` a new or empty folder.",
    ),
    Finding(
        "LG217",
        "a field cannot be given to a model",
        "Nested values, lists and decimals are kept as JSON text; a model takes numbers, texts, booleans and times.",
        "Add a `computed_field` that makes one of these of it.",
    ),
    Finding(
        "LG218",
        "a field has a name that Lockgate needs",
        "`__source__` and `__row__` say where each row comes from.",
        "Rename the field.",
    ),
    Finding(
        "LG219",
        "the code cannot be captured",
        "The jail gets copies by digest, bounded in number and size, and follows no links.",
        "Narrow `[train] code` to the files that are needed.",
    ),
    Finding(
        "LG220",
        "model and contract do not fit",
        "The model was trained on a field that this contract does not give at inference.",
        "Run `lockgate run` with the present contract and deploy the result.",
    ),
    Finding(
        "LG221",
        "a sensitive field does not exist",
        "A misspelled name would leave the real field's values in the quarantine.",
        "Correct `[data] sensitive` in lockgate.toml.",
    ),
    Finding(
        "LG222",
        "the cluster cannot be used just now",
        "Rows that no worker looked at have no verdict; nothing was written.",
        "Look at the scheduler and its workers, then run again, or run without `--cluster`.",
    ),
    Finding(
        "LG223",
        "what answers is not the cluster",
        "Whoever speaks as the scheduler could decide which rows are good, and run code in the jail that asks.",
        "Give scheduler, workers and yourself certificates of one authority; the scheduler's must name its host.",
    ),
    Finding(
        "LG224",
        "a cluster is reached by mutual TLS only",
        "Dask's messages are pickles: over plain tcp, anybody on the network can run code on every machine.",
        "Give `--cluster tls://HOST:PORT`, `--cluster-ca`, `--cluster-cert`, `--cluster-key` and `--cluster-share`.",
    ),
    Finding(
        "LG225",
        "Dask is not installed",
        "The package that talks to a cluster is an extra: most people need one machine.",
        "Run `pip install 'lockgate[cluster]'`.",
    ),
    Finding(
        "LG226",
        "a worker's answer cannot be used",
        "Other versions, or another snapshot, could give another verdict; it would not be the one that was asked for.",
        "Install the same lock on all machines, and mount the share under one path; the finding says which it is.",
    ),
    Finding(
        "LG227",
        "the contract leaves open what a request may hold",
        "A model answers any number, also one far from all that it was trained on; a bound stops it at the edge.",
        'Add the lines that the note names: `ge` and `le` on each number, `allow_inf_nan=False`, `extra="forbid"`.',
    ),
)
