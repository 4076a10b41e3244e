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
    Finding(
        "LG911",
        "no Landlock that is new enough for a jail without namespaces",
        "Where user namespaces are forbidden, Landlock keeps untrusted code from your files. Only from its version 6 "
        "on (Linux 6.12) does it keep signals and abstract sockets inside too; without that the jail would be open.",
        "Allow user namespaces, as `lockgate doctor` says, or boot a kernel of 6.12 or newer with Landlock.",
    ),
    Finding(
        "LG913",
        "this launcher cannot show one thing inside another",
        "A jail without a root of its own shows files by links, and no link can be put into a folder that is shown "
        "as it is.",
        "Show both beside each other, or use bubblewrap.",
    ),
    Finding(
        "LG915",
        "gVisor was asked for and is not usable here",
        "A jail of another kind is never made in its place without a word.",
        "Install runsc and util-linux, or choose another launcher.",
    ),
    Finding(
        "LG916",
        "podman was asked for and is not usable here",
        "A jail of another kind is never made in its place without a word.",
        "Install podman and runc, run as an ordinary user, or choose another launcher.",
    ),
    Finding(
        "LG917",
        "this launcher hands no descriptor on",
        "A worker or a gateway talks over descriptors that it inherits; under gVisor and podman there are none.",
        "Use bubblewrap for this jail; gVisor and podman are for training and judging.",
    ),
    Finding(
        "LG918",
        "this launcher does not make such a jail",
        "gVisor and podman serve jobs that get data and give files, without network, devices or shared memory.",
        "Use bubblewrap for this jail.",
    ),
    Finding(
        "LG930",
        "a manifest for the cluster breaks a rule",
        "Each rule closes one way out of a pod, into it, or to a key: Pod Security `restricted`, and what it does not "
        "ask (a read-only program, no token, limits, an image by digest, no network for jails, keys in a namespace of "
        "their own).",
        "Change what the message names, object and field; the words in brackets say what it lets happen.",
    ),
    Finding(
        "LG931",
        "the image is not named by digest",
        "A tag can be moved to other bytes after somebody looked at it.",
        'Set `[kubernetes] image = "HOST/NAME@sha256:DIGEST"`.',
    ),
    Finding(
        "LG932",
        "a manifest cannot be read in one way only",
        "A doubled key, an alias or a merge is read by each tool in its own way: what is checked here might not be "
        "what the cluster takes.",
        "Mend the line that is named. Reading YAML needs the extra: `pip install 'lockgate[kubernetes]'`.",
    ),
    Finding(
        "LG933",
        "the kubeconfig cannot be used",
        "A server without TLS, or one whose certificate nobody checks, could be anybody; a plug-in for credentials is "
        "a program that nobody has looked at.",
        "Use a kubeconfig with the cluster's authority and a token or a certificate: `kubectl create token NAME`.",
    ),
    Finding(
        "LG934",
        "the cluster does not answer, or somebody else does",
        "Nothing is known about the run. A Job that was submitted ends at its deadline and is cleared away after it.",
        "Check the address and the authority in the kubeconfig, and run it again.",
    ),
    Finding(
        "LG935",
        "the cluster refuses a request",
        "The message holds its own words: a right that is missing, an object that is there already, a policy.",
        "Apply what `lockgate export kubernetes` writes; its Role `launch` has the rights that a launcher needs.",
    ),
    Finding(
        "LG936",
        "what ran in the cluster is not what was submitted",
        "Something between us and the node changed the pod or an input: an admission webhook, a sidecar, another "
        "volume. What came out of it is not kept.",
        "Find who changes pods of that namespace, and exempt it; the message names the fields.",
    ),
    Finding(
        "LG937",
        "the pod did not run to its end",
        "It was never placed, its image did not come, it was evicted, ran out of memory or time.",
        "The message holds the cluster's reason: raise the limit in `[train]`, or make room.",
    ),
    Finding(
        "LG938",
        "what the pod said cannot be used",
        "Its log has a gap, breaks off or is too long. A part of a model is no model.",
        "Run it again. A node keeps only so much of a log (containerLogMaxSize): a large model needs more.",
    ),
    Finding(
        "LG939",
        "the inputs do not fit",
        "A ConfigMap holds less than 1 MiB, and so do all things that a cluster keeps in its own store.",
        "Give the cluster a volume with the blobs: `[kubernetes] claim`.",
    ),
)
