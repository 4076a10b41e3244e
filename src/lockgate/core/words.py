"""The eight words that a user meets, and the six of a threat, each explained once; `lockgate explain` prints them."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "project": "A folder with lockgate.toml, a contract, a train.py and data. `lockgate init` makes one; its evidence "
    "is kept in `.lockgate`, its keys outside it. Its id is the fingerprint of its first root key.",
    "contract": "A Pydantic model of one record. Lockgate uses it unchanged: each row of the training data is judged "
    "by it, and so is each request, there without the label. A row that it refuses is quarantined with the reason.",
    "run": "One passage of data through ingest, validate, train, judge and register. It ends with a registered model "
    "and deploys nothing. What has not changed is not done again, and is said to be cached.",
    "model": "What a run registers: the network as ONNX, the contract, the code, the lock and the baseline, signed "
    "together and stored under the digest of their manifest. Named `name@version`.",
    "policy": "What must hold before something happens, per environment: `dev` warns, `prod` enforces. It is signed, "
    "its version only rises, and every verdict names the digest of the policy that it was made under.",
    "key": "What a role signs with. There are eleven roles below the root, and on one machine `lockgate init` makes "
    "all the keys. They lie outside the project, in a folder named by its id. (A client's API key is a secret of "
    "another kind: `lockgate clients add`.)",
    "receipt": "The token that comes with each prediction. With it `lockgate verify RECEIPT` proves what answered, "
    "when, and that nobody has changed the record since.",
    "finding": "Something that a rule says about a row, a file, a request or a model. It has a permanent id such as "
    "LG203; `lockgate explain LG203` says what it means and what to do.",
}

STATUSES: dict[str, str] = {
    "HELD": "Each control of the threat has its fresh statement in the log, and each of its drills was stopped, at "
    "least in part. What stays open stands beside it.",
    "STALE": "All was shown once; something of it is too old, or of another version of Lockgate or of the policy.",
    "UNPROVEN": "A statement or the result of a drill is missing, or the policy asks for no such control.",
    "BROKEN": "An attack was not stopped, a control was switched off, or a statement shows that it did not hold.",
    "ACCEPTED": "It is not held, and an approver signed to take the risk until a date: `lockgate waive LT14`.",
    "OUT": "Out of scope by design, or of a part of the project that was never used: nothing is claimed.",
}
"""How a threat can stand (`lockgate threats`)."""
