"""LG8xx: trust and store: files and blobs (80x), statements (81x), roles and root (82x), keys (83x), policy (84x),
model signatures (85x).
"""

from lockgate.core.catalog import Finding

_RESTORE = "Restore the file from a backup or a registry. `lockgate verify --all` names everything that is damaged."

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG801",
        "cannot write",
        "The disk is full, read-only or forbidden. What was there before is untouched, and nothing is half-written.",
        "Free space or mend the permissions, then run the same command again.",
    ),
    Finding(
        "LG802",
        "a file's bytes are not those that were signed",
        "A flipped byte in a model, dataset or statement would otherwise be loaded as if it had been checked.",
        _RESTORE,
    ),
    Finding(
        "LG803",
        "not a regular file",
        "A symlink, pipe, device or folder in the place of a file leads a reader to bytes that nobody signed.",
        "Look at it with ls -l, then put the file itself there.",
    ),
    Finding(
        "LG804",
        "something in the registry that nobody signed",
        "A file that no statement names could be picked up by a tool that trusts the folder.",
        "`lockgate run` clears what an interrupted run left. Anything else: look at it, then move it away.",
    ),
    Finding("LG805", "evidence is missing", "What is not there cannot be checked, so it counts as refused.", _RESTORE),
    Finding(
        "LG806",
        "larger than it may be",
        "Reading without a limit lets one file exhaust the memory of whoever verifies it.",
        "Find out who wrote the file: Lockgate itself stays below these limits.",
    ),
    Finding(
        "LG807",
        "another lockgate process is at work",
        "Two writers at once could fork the log.",
        "Wait until it ends, then run the same command again.",
    ),
    Finding(
        "LG808", "cannot read", "A file is there, and this user may not read it.", "Mend its owner or permissions."
    ),
    Finding(
        "LG809",
        "the registry's index does not follow from the log",
        "index.json says which manifest a tag means; edited, it would let other tools fetch another model.",
        "`lockgate log reindex` writes it again from the signed registrations.",
    ),
    Finding(
        "LG810",
        "a malformed envelope",
        "Statements are read in one spelling only, so that two programs can never read two things in one signature.",
        _RESTORE,
    ),
    Finding(
        "LG811",
        "an envelope with another payload type",
        "A signature made for another purpose must not count as a statement.",
        _RESTORE,
    ),
    Finding(
        "LG812",
        "a signature that does not verify",
        "The statement was changed after it was signed, or somebody else signed it.",
        _RESTORE,
    ),
    Finding(
        "LG813",
        "an unknown key",
        "The key is not in this project's roles file: a stranger's statement, or another project's.",
        "`lockgate trust show` lists the keys. A new person's key is added with a new roles file.",
    ),
    Finding(
        "LG814",
        "a revoked key",
        "Whoever holds a stolen key can sign anything; what it signs after its revocation counts for nothing.",
        "Sign the statement anew with a valid key: run the stage again.",
    ),
    Finding(
        "LG815",
        "a malformed statement",
        "The signature is good, but what was signed is not a statement in the one accepted encoding.",
        _RESTORE,
    ),
    Finding(
        "LG816",
        "an unknown claim",
        "A statement must say which step of the chain it speaks for, so that it cannot stand in for another.",
        "A newer Lockgate may have written it: use that version, or find out who did.",
    ),
    Finding(
        "LG817",
        "the wrong role",
        "Each step has its own key: a validator's key that could approve a model would make the approval worthless.",
        "Sign with the key of the right role; `lockgate trust show` says who holds it.",
    ),
    Finding(
        "LG818",
        "the wrong predicate type",
        "A claim has one form. In another form, other tools would read it as something else.",
        _RESTORE,
    ),
    Finding(
        "LG819",
        "the wrong environment",
        "An approval for dev says nothing about prod; replayed there, it would let a model by.",
        "Approve or promote for the environment that is meant.",
    ),
    Finding(
        "LG820",
        "too few persons signed",
        "A threshold counts persons, not keys: one person with two keys is one person.",
        "Have the others sign; `lockgate trust show` says who can.",
    ),
    Finding(
        "LG821",
        "a malformed roles file",
        "Everything rests on who may say what; a roles file that can be read in two ways is no ground.",
        _RESTORE,
    ),
    Finding(
        "LG822",
        "a roles file out of order",
        "An old roles file would bring back keys that were taken away.",
        "Versions rise by exactly one. Restore the newest one.",
    ),
    Finding(
        "LG823",
        "a roles file that the root did not sign",
        "Only the root, pinned by you, says whose keys count; each new version is signed by the root before it.",
        "Ask the project's owner for the fingerprint, another way than with the files.",
    ),
    Finding(
        "LG824",
        "the roles file has expired",
        "An expiry forces somebody to look from time to time whether the named persons still hold their roles.",
        "The holder of the root key looks at it and signs a new version: `lockgate trust expire DATE`.",
    ),
    Finding(
        "LG825",
        "the root is not pinned",
        "Without knowing whose project this is, every signature in it proves only that somebody signed.",
        "Ask the project's owner for the fingerprint, another way than with the files:"
        " `lockgate trust pin FINGERPRINT`.",
    ),
    Finding(
        "LG826",
        "the folder holds another project than before",
        "Replacing .lockgate as a whole by another, well-signed project is the easiest forgery.",
        "Restore the folder. If you replaced it yourself, unpin the former project first.",
    ),
    Finding(
        "LG827",
        "a damaged pin",
        "The pin is the one thing that is believed without proof, so it is not guessed.",
        "Remove the file, and pin the root again with the fingerprint that you were told.",
    ),
    Finding(
        "LG828",
        "another project's root",
        "The evidence is in order, but it is not that of the project you named.",
        "Compare the fingerprints; ask the project's owner.",
    ),
    Finding(
        "LG829",
        "not a project id",
        "A project id is the SHA-256 of its first root key, 64 hex digits; it also names a folder.",
        "`lockgate trust show` prints it.",
    ),
    Finding(
        "LG830",
        "a key that is not on this machine",
        "Each role's key may be elsewhere, and the root's should be.",
        "Run the command where the key is, or restore the key file.",
    ),
    Finding(
        "LG831",
        "a private key that others may read",
        "Whoever has read it can sign in this role; a key file that is open to others counts as lost.",
        "chmod 600 FILE; if others did read it, rotate the key.",
    ),
    Finding(
        "LG832",
        "a key that cannot be used",
        "Lockgate signs with ECDSA P-256, P-384, P-521 and, for checkpoints, Ed25519; keys are PEM.",
        "Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem",
    ),
    Finding(
        "LG833",
        "keys are there already",
        "Keys are never overwritten: what they signed could not be continued.",
        "Move the folder away first.",
    ),
    Finding(
        "LG834",
        "a key file that does not fit its public half",
        "Somebody exchanged one of the two files; what it signs would be refused by everybody.",
        "Restore both files from a backup.",
    ),
    Finding(
        "LG835",
        "no home directory",
        "Keys and pins live in the user's configuration folder, outside of any project.",
        "Set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME, to absolute paths.",
    ),
    Finding(
        "LG837",
        "a malformed model manifest",
        "The manifest is a model's identity; it is read in one spelling only.",
        _RESTORE,
    ),
    Finding(
        "LG840",
        "a flaw in policy.toml",
        "A misspelt rule that is silently ignored is a rule that does not hold.",
        "Mend the named line; the nearest valid key is given.",
    ),
    Finding("LG841", "a malformed policy statement", "What is in force must be readable in exactly one way.", _RESTORE),
    Finding(
        "LG842",
        "a policy version that does not rise",
        "An older policy could be brought back to let something by.",
        "Set version one higher than the policy in force, then `lockgate policy sign`.",
    ),
    Finding(
        "LG843",
        "an unknown environment",
        "No policy says what must hold there, so nothing may go there.",
        "Add the environment to policy.toml, raise the version, then `lockgate policy sign`.",
    ),
    Finding(
        "LG844",
        "a decision that was made for another project",
        "One key may speak in two projects: a policy, an approval or a waiver of one of them would count in the other.",
        "Have it made anew, by its command, in this project.",
    ),
    Finding(
        "LG850",
        "a malformed model signature",
        "model.sig is an OpenSSF Model Signing bundle; what does not fit the format in every field is refused.",
        "Get the signature again, or sign anew: `lockgate sign DIR --key KEY`.",
    ),
    Finding(
        "LG851",
        "a model signature by another key",
        "The list of files was changed after signing, or somebody else signed it.",
        "Check that you have the right public key, from its owner.",
    ),
    Finding(
        "LG852",
        "a file that was changed after signing",
        "Its bytes are not those that were signed.",
        "Get the files again from where they were signed.",
    ),
    Finding(
        "LG853",
        "a file that was not signed",
        "A file beside the signed ones can be loaded by whoever opens the folder: none is ignored.",
        "Move it away, or sign the folder again.",
    ),
    Finding(
        "LG854",
        "a signed file that is missing",
        "A model without one of its files is another model.",
        "Get the files again from where they were signed.",
    ),
    Finding(
        "LG855",
        "a file name that cannot be signed",
        "Names with .., control characters, backslashes or broken encodings lead out of the folder on some machine.",
        "Rename the file.",
    ),
    Finding("LG856", "nothing to sign", "The folder holds no file.", "Name the folder that holds the model."),
    Finding(
        "LG857",
        "there is no signature",
        "Without model.sig nothing says what the folder must hold.",
        "Get model.sig from whoever published the model, or sign the folder: `lockgate sign DIR --key KEY`.",
    ),
)
