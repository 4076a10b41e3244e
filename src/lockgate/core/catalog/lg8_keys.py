"""LG87x: key stores, passphrases, and keys in the keeping of another user."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG870",
        "a key store whose packages are not installed",
        "Keys in files need nothing; a token or a cloud's key service needs its own library.",
        "Run the pip command that the message names.",
    ),
    Finding(
        "LG871",
        "a wrong passphrase or PIN",
        "It was tried once and nothing was signed: a token locks itself after a few wrong ones.",
        "Run the same command again with the right one.",
    ),
    Finding(
        "LG872",
        "a passphrase that nobody can be asked for",
        "Without a terminal it comes from a file or a variable; never from an argument, which every user can read.",
        "export LOCKGATE_PASSPHRASE_FILE_<ROLE>=FILE, a file of mode 0600.",
    ),
    Finding(
        "LG873",
        "a key store that does not sign",
        "The token is not inserted, the service is not reached, or it holds no such key. Nothing was signed.",
        "Insert the token or mend the connection, then run the same command again.",
    ),
    Finding(
        "LG874",
        "a key store that signed with another key",
        "Each signature is verified with the public half before it leaves, so a swapped key signs nothing.",
        "Insert the right token, or name the right key: `lockgate trust use ROLE URI`.",
    ),
    Finding(
        "LG875",
        "a signer URI that Lockgate does not know",
        "Keys are named as securesystemslib names them, from a closed list of schemes.",
        "See docs/how-to/keep-keys.md for one example of each.",
    ),
    Finding(
        "LG876",
        "a key that is not in a plain file",
        "Only a key in a plain file can be encrypted here, handed to a process or moved: other stores give none out.",
        "`lockgate trust show` says where each key is.",
    ),
    Finding(
        "LG877",
        "something that no role may sign",
        "The helper of a role reads what it signs: a statement, a model signature or a checkpoint, nothing else.",
        "Use the lockgate command for it; it sends what the helper can read.",
    ),
    Finding(
        "LG878",
        "the user that keeps a key cannot be asked",
        "A role's key can be read by one system user only; sudo lets one person have it sign, through one program.",
        "`sudo lockgate doctor --fix`, as the user whose key it is.",
    ),
    Finding(
        "LG879",
        "keys that cannot be separated by users here",
        "It takes root once, and an installation that only root can write: else who can change it has the keys.",
        "Install into a folder of root's (python3 -m venv /opt/lockgate), then run the command that the message names.",
    ),
)
