"""LG680 to LG685: watching a gateway, and running it as a service."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG680",
        "A gateway is not served as root",
        "A service of root's that is taken over has the machine; and without the privileges that its unit takes away, "
        "root cannot give up being root, which each jail begins with.",
        "Make a user for it, let it own the project, and export the unit as that user.",
    ),
    Finding(
        "LG681",
        "A path or name cannot be said safely in a unit",
        "systemd reads blanks, quotes, % and $ differently in each setting: a unit could run or open something else.",
        "Move the project to a path of a-z, A-Z, 0-9 and / . _ : = @ + , - and export there.",
    ),
    Finding(
        "LG682",
        "There is no client yet, so nobody could ask the service",
        "The edge's secrets are made with the first client, in a folder that the service may only read.",
        "Run `lockgate clients add NAME`, then export again.",
    ),
)
