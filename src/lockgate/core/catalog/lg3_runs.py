"""LG370 to LG389: further inputs of training, its limits and devices, attachments, reproduction."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG370",
        "an input is not the file that was named",
        "Who can write to an `[[input]]`'s source does not decide what training reads: its digest does.",
        "Get the right file. If the change is meant, change `sha256` of the `[[input]]` in lockgate.toml.",
    ),
    Finding(
        "LG371",
        "the source of an input is not one file",
        "A digest is that of a single file.",
        "Write an `[[input]]` for each file.",
    ),
    Finding(
        "LG372",
        "an input was not signed by ingest",
        "Training reads what ingest fetched, checked and signed, and nothing that lies in the folder.",
        "Run `lockgate ingest`, or `lockgate run`.",
    ),
    Finding(
        "LG373",
        "an input holds the rows that only the judge may see",
        "A model that has seen the held-out rows looks better than it is.",
        "Remove the `[[input]]`. Only equal bytes are noticed: the same rows in another form are yours to notice.",
    ),
    Finding(
        "LG374",
        "the run could not be reproduced",
        "The same rows, code, packages, parameters and seeds gave another model, and its metrics are not within the "
        "tolerance either: something that was not recorded decides.",
        "Seed every generator ($LOCKGATE_SEED), look at what the message says has changed, or give a `--tolerance`.",
    ),
    Finding(
        "LG375",
        "training was killed by a bus error: /dev/shm is most likely full",
        "Workers of data loaders share memory through /dev/shm, and a write to a full one is a signal, not an error.",
        "Raise `[train] shm` in lockgate.toml, or use fewer workers.",
    ),
    Finding(
        "LG376",
        "training wanted too many open files",
        "The jail bounds the open files of each process.",
        "Close what is not needed, or raise `[train] descriptors` in lockgate.toml.",
    ),
    Finding(
        "LG377",
        "training asked the kernel for something that the jail refuses",
        "The filter answers calls that training does not need (namespaces, tracing, mounts, sockets) with an error.",
        "The message has file and line. Numerical code does not need such a call: look for a setting that avoids it.",
    ),
    Finding(
        "LG378",
        "there is no GPU that training could use",
        "`[train] gpu = true` asks for one, and a run on the processor would be recorded as something that it is not.",
        "Install the driver, or set `gpu = false`.",
    ),
    Finding(
        "LG379",
        "a jail with a GPU is weaker than the policy asks for",
        "A GPU's driver takes commands from untrusted code that no filter looks into.",
        "Set `min_jail_level = 2` where that is acceptable and sign the policy, or set `gpu = false`.",
    ),
    Finding(
        "LG380",
        "a run cannot be repeated",
        "Its statement does not name all inputs, or one of them is not stored any more.",
        "Restore `.lockgate/data`; for statements of older versions train anew.",
    ),
    Finding(
        "LG381",
        "no training run is meant by this",
        "A run is named by a registered model, or by the digest of its train statement.",
        "`lockgate models` lists models, `lockgate log show` statements.",
    ),
    Finding(
        "LG382",
        "attachments are written into a new folder only",
        "They are untrusted files with names that training chose: beside yours, one could pass for yours.",
        "Name a folder that is not there yet.",
    ),
)
