"""LG4xx: register."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG401",
        "a statement to rest on is missing",
        "A model without ingest, validate, train or judge statement has no history that anyone could check.",
        "Run the stage that the refusal names; `lockgate run` does all of them.",
    ),
    Finding(
        "LG402",
        "the candidate was left behind",
        "An earlier stage ran again or was rolled back: the candidate rests on rows or files that no longer count.",
        "`lockgate run` goes on from the statements in force; `lockgate status` shows what is stale.",
    ),
    Finding(
        "LG403",
        "validation or judging did not pass",
        "A candidate that failed is evidence, not a model.",
        "Read the statement that the refusal names, mend data, contract or training, and run again.",
    ),
    Finding(
        "LG404",
        "the statements do not make a closure",
        "A model is signed with its code, environment and baseline; a statement that names them badly proves little.",
        "Run training again with this version of Lockgate.",
    ),
    Finding(
        "LG405",
        "no lock file pins the environment",
        "The installed packages decide how the contract judges a request; unpinned, the same model means other things.",
        "Add requirements.lock with hashes to the project, then `lockgate run`.",
    ),
    Finding(
        "LG410",
        "a file is something else in disguise",
        "A pickle or an archive under the name of a model runs code, or hides what it holds, when it is opened.",
        "For a pickle, joblib file, torch checkpoint or Keras file that you need: `lockgate convert FILE OUT` makes "
        "ONNX or safetensors of it, in a jail. Where it reaches for programs, files or the network, do not open it "
        "at all. A pickle never enters the registry.",
    ),
    Finding(
        "LG411",
        "the model is not wholly ONNX",
        "Bytes that no parser accounts for can carry anything.",
        "Export the model again; do not edit or append to the file.",
    ),
    Finding(
        "LG412",
        "an operator is not on the list",
        "Operators outside the standard are native code that somebody else brings along.",
        "Export with standard operators only (`ai.onnx`, `ai.onnx.ml`).",
    ),
    Finding(
        "LG413",
        "the model defines code of its own",
        "Model-local functions and training graphs hide operators from whoever reads the graph.",
        "Inline the functions when exporting.",
    ),
    Finding(
        "LG414",
        "the model refers to data that are not wholly its own",
        "A path inside a model makes the loader read files of the attacker's choice. Data may lie in a plain file "
        "beside the model, under a name that is one of no other form (`model.onnx.data`), if the model accounts for "
        "every byte.",
        "Keep the data file beside the model, or export with all weights inside the file. A registered model has one "
        "data file at most, `model.onnx.data` (docs/how-to/large-models.md).",
    ),
    Finding(
        "LG415",
        "the model's graph is malformed",
        "What the checker refuses, a runtime may interpret in its own way.",
        "Export the model again; look at the reason that the scan gives.",
    ),
    Finding(
        "LG416",
        "the model is over a limit",
        "Huge counts, sizes and nesting exhaust whoever loads the file.",
        "Make the model smaller.",
    ),
    Finding(
        "LG417",
        "the model's version is unknown",
        "An operator set that this environment does not know cannot be checked here.",
        "Export for a version that the project's `onnx` package knows, or lock a newer one.",
    ),
    Finding(
        "LG418",
        "a JSON file does not fit",
        "Readers differ on what is not strict JSON (NaN, a key twice, bytes behind the end). Of a model that was made "
        "here, io.json tells the gateway what to feed the graph; one that does not fit it misleads.",
        "Write the file again with a strict writer (`json.dumps(..., allow_nan=False)`). io.json is not edited: run "
        "training again.",
    ),
    Finding(
        "LG419",
        "a source file is not plain text",
        "Control characters hide code from whoever reviews it, and other encodings are read in more than one way.",
        "Save the file as UTF-8, or leave it out: of `[train] code`, or of the folder.",
    ),
    Finding(
        "LG420",
        "the scan did not finish",
        "A file that makes its parser crash, hang or run out of memory is not proved harmless.",
        "Look at the file; export it again.",
    ),
    Finding(
        "LG421",
        "the scan's report cannot be believed",
        "The scan meets hostile bytes; a report about other files than it was given means that it was taken over.",
        "`lockgate doctor`, then look at the candidate's files with care.",
    ),
    Finding(
        "LG430",
        "the policy refuses the registration",
        "An enforced rule of this environment's policy is not met.",
        "The refusal names each reason; mend it, or change policy.toml, raise its version and sign it.",
    ),
    Finding(
        "LG431",
        "a required statement is missing",
        "The policy lists the statements that a model must rest on.",
        "Run the stage, or change `require` in policy.toml.",
    ),
    Finding(
        "LG432",
        "too many rows were refused",
        "When the contract refuses much of the data, the rest may not be what was meant.",
        "Mend the data or the contract, or raise `max_quarantined_share`.",
    ),
    Finding(
        "LG433",
        "the jail was too weak",
        "Training or judging ran with less isolation than the policy asks for, or its proof is missing.",
        "`lockgate doctor` says what this machine can isolate and how to mend it.",
    ),
    Finding(
        "LG434",
        "a metric is out of bounds",
        "The judge measured less than the policy asks for, or did not measure it at all.",
        "Train a better model, or change the bounds under `metrics` in policy.toml.",
    ),
    Finding(
        "LG435",
        "a statement is too old",
        "Data and dependencies age; an old proof says little about today.",
        "`lockgate run` makes fresh ones, or raise `max_age_days`.",
    ),
    Finding(
        "LG436",
        "it rests on revoked evidence",
        "Somebody with the revoker's key took back data or a statement that this model was made from.",
        "Train again without it.",
    ),
    Finding(
        "LG437",
        "the training code tried to get out",
        "It asked for the network, or for files that the jail does not give; it got neither.",
        "Read the attempts in the train statement and take the call out, often an experiment tracker.",
    ),
    Finding(
        "LG440",
        "the name cannot name a model",
        "Names become tags in a registry and words on a command line.",
        "Use lower-case letters, digits, and `.`, `_`, `-` between them; not `latest` or `live`.",
    ),
    Finding(
        "LG441",
        "the card's own words are no plain text",
        "The card travels with the model and is read by people: what nobody sees in it can mislead them.",
        "Save the file that `[project] card` names as UTF-8 without control characters, at most 64 KiB.",
    ),
    Finding(
        "LG443",
        "what a registration rests on does not hold",
        "A statement is missing, by another role, too young, or about something else: the model's history is broken.",
        "`lockgate log verify`; restore `.lockgate` from a backup, or register again.",
    ),
    Finding(
        "LG444",
        "the registry's bytes are not those registered",
        "Somebody or something changed the files after they were signed.",
        "`lockgate verify --all` names them; restore them from a backup or another registry.",
    ),
)
