"""LG845 and LG890 to LG899: models that travel, to a registry and back."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG845",
        "It is another model of the same project, or it is not said which one is meant",
        "A tag can be moved to any model that the project has registered, a draft too, and all of them verify.",
        "Pull from a repository that ends in the model's name, give --name, or name the digest. A mirror keeps its "
        "first model: take a new folder for another one.",
    ),
    Finding(
        "LG890",
        "It is not clear what is to be carried, or under which root",
        "A model has one tag, v<version>; and outside of a project only you can say whose root you trust: what came "
        "over the network cannot vouch for itself.",
        "Name the model, the repository and --root as the message says.",
    ),
    Finding(
        "LG891",
        "The model's tag is another model there",
        "Any registry lets a tag be moved. Lockgate never moves one: who pulled v7 yesterday would get something else "
        "today.",
        "Push into a repository of this model's own; find out who pushed the other one.",
    ),
    Finding(
        "LG892",
        "What the tag `log` names is not a whole event log",
        "Only the whole log shows that a model is registered, and that nothing was revoked since.",
        "Push again from the project. If it comes back: somebody else writes into this repository.",
    ),
    Finding(
        "LG893",
        "The registry lacks what the event log names",
        "A push that was not completed looks like this, and so does evidence that somebody took out.",
        "Run `lockgate push REF REMOTE` in the project: it completes what is missing and reads it back.",
    ),
    Finding(
        "LG894",
        "The event log has too many files for one manifest",
        "OCI registries take manifests of at most 4 MiB: about fifteen thousand statements.",
        "Carry the folder .lockgate itself; it verifies wherever it lies.",
    ),
    Finding(
        "LG895",
        "The marker of a mirror is malformed",
        "It says which models a mirror must hold; without it nobody can say whether one is missing.",
        "Pull into a new folder with `lockgate pull REMOTE --root FP --dir DIR`.",
    ),
    Finding(
        "LG896",
        "This mirror does not hold that model",
        "A mirror has the whole event log, and the files of the models that were pulled into it.",
        "Pull the model; the message names the command.",
    ),
    Finding(
        "LG897",
        "The repository holds no model that this root's event log registers",
        "A tag proves nothing. A model of another project, or one that nobody registered, is not this project's.",
        "Ask who pushed it. If it is yours, push it from the project; a push is whole when its log is there.",
    ),
    Finding(
        "LG898",
        "The registry gave no event log that verifies for too long",
        "A machine that cannot ask any more does not learn of a revocation. After a while it must not answer.",
        "Reach the registry again and start again. `serve --stale-after HOURS` says how long is too long.",
    ),
    Finding(
        "LG899",
        "The repository's event log knows more than the one here",
        "Pushing an older log over a newer one would hide what was deployed or revoked since.",
        "Run `lockgate pull REMOTE` in the project, then push again.",
    ),
)
