"""LG7030 to LG7033: evidence that is checked away from the project, by us or by strangers."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7030",
        "No stranger could check this proof",
        "In a mirror, predictions are sealed by a key of this machine, which no roles file names. A proof leads to it, "
        "and from there to no root: whoever is not this machine's user would have nothing to hold it against.",
        "Verify the receipt on this machine with `lockgate verify RECEIPT`; give out the evidence about the model with "
        "`lockgate export evidence`, in the project itself.",
    ),
    Finding(
        "LG7031",
        "The file is no evidence in the form that evidence has",
        "An archive is a ZIP of one form, in which index.json lists each file with its digest; a proof is a C2SP "
        "tlog-proof. In any other form something could lie that one reader sees and another does not.",
        "Get the file again from whoever exported it; compare its SHA-256 with the one that they saw.",
    ),
    Finding(
        "LG7032",
        "The archive is not evidence of what it says",
        "A file in it is not the one that the signed log names, or one that the log names is missing. Somebody changed "
        "the archive after it was exported, or made it by hand.",
        "Believe nothing in it. Get it again, by another way, from the project's owner.",
    ),
    Finding(
        "LG7033",
        "Something that the proof needs is not beside it",
        "A proof shows that an entry stands in a signed log. Whose signature that is, the roles files say; what the "
        "entry is, the leaf says. Without them there is nothing to hold the proof against.",
        "Keep the folder that `lockgate log prove WHAT --out DIR` wrote together, or name the files with --leaf.",
    ),
)
