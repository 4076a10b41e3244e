"""LG9030 to LG9049: comparing models, cleaning away what nothing needs."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG9030",
        "There are not two models to compare",
        "`diff` compares what is live with the newest one, or the newest two of a name, unless it is told which.",
        "Name two that `lockgate models` lists; or change something, then `lockgate run`.",
    ),
    Finding(
        "LG9031",
        "The rows or the code of that training were cleaned away",
        "`lockgate gc` keeps what it takes to repeat the training of the newest models and of what is live. Of older "
        "ones the signed statements stay, and the model itself; not the rows.",
        "Repeat a newer one. A backup of .lockgate/data brings the old rows back: each file is checked by its digest. "
        "To keep more of them from now on: `lockgate gc --newest 20`.",
    ),
    Finding(
        "LG9032",
        "A link, or something else, stands where Lockgate has a folder",
        "Whoever puts a link there could have files removed that are elsewhere. Nothing behind it was touched.",
        "Look at it with `ls -ld`; move it away, or make it a folder again. Data that is to lie on another disk is "
        "mounted, not linked.",
    ),
    Finding(
        "LG9033",
        "Environments that nothing needs are left, for somebody serves here",
        "A worker that answers requests runs in one of them.",
        "Run `lockgate gc` again when the gateway has stopped.",
    ),
    Finding(
        "LG9034",
        "Something lies among stored files that Lockgate did not put there so",
        "Only files that are named by their digest, and environments that are named by their lock, are cleaned away. "
        "Links, and any other name, are nobody's but yours.",
        "Look at it, and move it away yourself.",
    ),
)
