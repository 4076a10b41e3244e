"""LG46x: import."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG460",
        "the name is taken, by a model that was made here or by one that was imported",
        "One name would mean a model with a whole history and one of whose making nothing is known.",
        "Give the import another `--name`, or the project another [project] name.",
    ),
    Finding(
        "LG461",
        "an import needs a person's word",
        "The files under a name were never seen before, or are others, or come from another signer than before.",
        "Ask whoever made the model for its digest, another way than the files came; then run the command with it.",
    ),
    Finding(
        "LG462",
        "the files do not have the digest that was given",
        "What lies there is not what somebody vouched for.",
        "Get the files again from where they come from. The digest binds every name and every byte.",
    ),
    Finding(
        "LG463",
        "a file of a form that does not enter",
        "Taken are ONNX with its data, safetensors, NumPy arrays (npy, npz), JSON and texts, each under a name that "
        "says so. Any other form may run code when read; a pointer of Git LFS is not the model at all.",
        "Leave the file out, rename a text so that its name says so, or convert it: `lockgate convert FILE OUT`. For a "
        "pointer, `git lfs pull` fetches the file.",
    ),
    Finding(
        "LG464",
        "the model brings code",
        "Custom code (`auto_map`, `trust_remote_code`, Python files) runs with the rights of whoever loads the model.",
        "Take a model whose architecture the library has built in. Code belongs into train.py, which runs in the jail. "
        "A pickle that MLflow would load: `lockgate convert FOLDER OUT.onnx` makes a file that cannot run code; to "
        "serve it, make it an `[[input]]` that train() loads inside the jail, as docs/how-to/import-a-model.md shows.",
    ),
    Finding(
        "LG465",
        "not a well-formed safetensors file",
        "A header that leaves bytes out, or names some twice, hides something or makes readers disagree.",
        "Write the file again with the safetensors library, where it was made.",
    ),
    Finding(
        "LG466",
        "the imported model is revoked",
        "Somebody who may do so signed that it must not be used any more.",
        "Use another model. `lockgate log show` has the revocation and its reason.",
    ),
    Finding(
        "LG467",
        "nothing to import, or more than may be",
        "An import without files proves nothing; one without end fills the disk.",
        "Name the folder of the model itself, and leave out what is not part of it.",
    ),
    Finding(
        "LG468",
        "an imported model cannot be deployed",
        "It has no contract, no judge's numbers and no evidence of its training: no policy could say yes to it.",
        "Train with it: name one of its files by an [[input]] in lockgate.toml, and deploy what comes out. Or load it "
        "with another server: `lockgate verify REF --env ENV --materialize DIR` (docs/how-to/large-models.md).",
    ),
    Finding(
        "LG469",
        "no such imported file",
        "A source `import:NAME@VERSION/FILE` names a file of an import, by the very names that it was imported under.",
        "`lockgate models` lists the imports; `lockgate verify NAME@VERSION` their files.",
    ),
)
