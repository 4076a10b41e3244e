"""LG48x: convert."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG480",
        "convert cannot read or write what it was given",
        "The source is no regular file or too large, or the result's name is taken or promises another form.",
        "Name a new file: it ends in .safetensors for tensors and in .onnx for a model that predicts.",
    ),
    Finding(
        "LG481",
        "a file that is not converted",
        "It is of no form that is known here, is done already, or holds a program rather than weights (TorchScript).",
        "Save the weights where the model was made: `torch.save(model.state_dict(), ...)`, or export it to ONNX there.",
    ),
    Finding(
        "LG482",
        "the conversion was stopped",
        "Its jail ended by a limit or a crash, or gave nothing in form. A hostile file does that, and a huge one.",
        "Look at what is said beside it. Convert a file that is too large where it was made.",
    ),
    Finding(
        "LG483",
        "a torch checkpoint that contradicts itself",
        "A tensor reaches beyond its storage, a member is there twice or compressed, bytes belong to nothing.",
        "Save it again with torch, or get it again from where it comes from.",
    ),
    Finding(
        "LG484",
        "this file has to be executed to be converted, and no environment was named",
        "A pickle is a program for the libraries that wrote it. It runs in a jail, but it needs those libraries.",
        "Run it in a project whose requirements.lock has them, or name a virtual environment: --python VENV.",
    ),
    Finding(
        "LG485",
        "the file tries what no model needs",
        "Reading it would run programs or code of its own, or it tried to reach the network or files outside the jail.",
        "Do not use it. Tell whoever gave it to you; the finding names what it tried.",
    ),
    Finding(
        "LG486",
        "the converted model does not say what its source says",
        "On the sample inputs more answers differ beyond the tolerance than may be, so nothing was written.",
        "Give real rows: --sample FILE. If it stays, the conversion is wrong: see `lockgate explain LG312`.",
    ),
    Finding(
        "LG487",
        "nothing that predicts came out of the file",
        "It needs a library or a class that the environment does not have, raised an error, or holds no model.",
        "Name the environment in which it was saved, or save its parts: a state_dict, or the fitted Pipeline.",
    ),
    Finding(
        "LG488",
        "the model's inputs are not known, or the sample does not fit it",
        "The file does not say how many columns the model takes or of which kind, or the rows given are others.",
        "Give rows as the model takes them: --sample rows.parquet (or .csv), with the columns it was fitted on.",
    ),
    Finding(
        "LG489",
        "the conversion stopped on something that nobody foresaw",
        "The file led our own code or a library into an error that we have no words for. Nothing was written.",
        "Report it, with the file if you may: see SECURITY.md.",
    ),
)
