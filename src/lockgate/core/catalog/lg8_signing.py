"""LG836, LG838, LG839, LG858, LG859: certificates on model signatures, and folders that do not hold still."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG836",
        "a certificate that leads to no root that you trust",
        "Anybody can write any name into a certificate; only an authority that you chose makes it mean something.",
        "Get the root of the signer's authority from the authority itself. If a certificate between is missing, "
        "whoever signs adds it: `lockgate sign DIR --key KEY --certificate CERT --chain FILE`.",
    ),
    Finding(
        "LG838",
        "a certificate outside its time",
        "A signature does not prove when it was made: a key that was stolen after its certificate had expired could "
        "sign as of any day.",
        "Sign again with a valid certificate. If you know by other means that the signature is old: --at DATE.",
    ),
    Finding(
        "LG839",
        "a certificate that is not for signing",
        "A certificate of a web server or of an authority says who holds its key, but not that it may sign models.",
        "Ask the authority for one with the key usage digitalSignature and the extended key usage codeSigning, for a "
        "P-256, P-384 or P-521 key.",
    ),
    Finding(
        "LG858",
        "a folder that changed while it was read",
        "Half of the signature would be about the files before, half about those after.",
        "Stop what writes there, then run the same command again.",
    ),
    Finding(
        "LG859",
        "two names that are one on another system",
        "Where case or the composition of accents does not count, one of the two files would silently take the "
        "other's place.",
        "Rename one of them.",
    ),
)
