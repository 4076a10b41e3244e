"""LG880 to LG889: registries that are reached over a network."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG880",
        "A registry cannot be reached",
        "It was asked several times, with pauses; a certificate that cannot be verified counts as unreachable.",
        "Look whether it is up and which address it has; then run the same command again: what was carried over stays.",
    ),
    Finding(
        "LG881",
        "That does not name a repository of a registry",
        "A name that could be read in two ways could be sent to the wrong place. There is no default registry.",
        "Write it as HOST[:PORT]/NAME[:TAG], in lower case, such as registry.example:5000/team/flights:v7.",
    ),
    Finding(
        "LG882",
        "The registry does not let this user do that",
        "Credentials are read from where docker and podman keep them, and are sent to their own registry only.",
        "Run `docker login HOST` or `podman login HOST` as a user who may read, or write, this repository.",
    ),
    Finding(
        "LG883",
        "The registry does not have it",
        "A registry may say so of what it has; nothing is concluded from it except that this command cannot go on.",
        "Look at the name and the tag; ask who pushed it.",
    ),
    Finding(
        "LG884",
        "The registry sends other bytes than it was asked for",
        "A registry is storage, not evidence: every byte is hashed while it arrives, and nothing is kept that differs.",
        "Keep what the registry has as evidence; have it removed there and pushed again from where it is whole.",
    ),
    Finding(
        "LG885",
        "Something answers that is not a registry, or breaks the protocol",
        "What cannot be read in one way is not guessed at: a proxy's login page is no model.",
        "Look whether the address is an OCI registry's, and whether a proxy answers in its place.",
    ),
    Finding(
        "LG886",
        "A secret, or the model, would go where it must not",
        "Plain HTTP can be read and changed on the way; a redirect can lead credentials to somebody else.",
        "Use HTTPS; plain HTTP is for this machine's loopback, or for a registry that you name with --plain-http.",
    ),
    Finding(
        "LG887",
        "The file of registry credentials cannot be read",
        "A file that is half understood would send you on without the credentials that you think are used.",
        "Mend the file that is named, or make it anew with `docker login HOST`.",
    ),
    Finding(
        "LG888",
        "A credential helper gave no credentials",
        "Some configurations keep passwords in a program; without it we would go on as a stranger.",
        "Run `docker-credential-NAME get` by hand to see why, or log in with a configuration without helpers.",
    ),
    Finding(
        "LG889",
        "The registry does not take what is sent",
        "A registry may be read-only, full, or have rules about tags, sizes and media types.",
        "Read its own words, which stand in the message; ask who runs it.",
    ),
)
