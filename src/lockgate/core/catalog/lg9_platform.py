"""LG9xx: platform."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG901",
        "no jail can be made on this machine",
        "Training code, contracts and parsers would run with your files, keys and network in reach. Lockgate "
        "never starts them outside a jail.",
        "Run `lockgate doctor`: it names what is missing and the one command that mends it.",
    ),
    Finding(
        "LG902",
        "not a virtual environment",
        "The jail's interpreter is found through `pyvenv.cfg` and `bin/python`; without them nothing says what "
        "would run.",
        "Build the environment again, or point at the folder that `python -m venv` made.",
    ),
    Finding(
        "LG903",
        "what the jail should be shown is not there",
        "A jail with a missing input would do something else than what is recorded.",
        "Check the path that is named, and run again.",
    ),
    Finding(
        "LG904",
        "root cannot be given up",
        "A process with the kernel's uid 0 is root of the host wherever no namespace stops it, even inside a jail.",
        "Run Lockgate as an ordinary user, or on a kernel of 5.2 or newer.",
    ),
    Finding(
        "LG905",
        "no system call table for this processor",
        "Without a filter the jail would expose the whole kernel to untrusted code.",
        "Run the jailed stages on x86_64 or aarch64.",
    ),
    Finding(
        "LG906",
        "a protection of the jail is open",
        "Before anything untrusted starts, the jail's first process witnesses each protection from inside. One "
        "of them did not hold.",
        "Run `lockgate doctor`; the finding names the probe, its flag and what was seen.",
    ),
    Finding(
        "LG907",
        "the jail did not start, or could not be watched",
        "Nothing untrusted ran.",
        "Run `lockgate doctor`; the message holds bubblewrap's own words.",
    ),
    Finding(
        "LG908",
        "the jail's output cannot be stored",
        "The disk is full or not writable; nothing of this run was kept.",
        "Free some disk space and run again.",
    ),
)
