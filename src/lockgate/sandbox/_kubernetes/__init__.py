"""A jailed pod as launcher: submits a Job, reads what its pod says, verifies what the cluster made of it, clears up.

The cluster is believed about what it alone can know: that the RuntimeClass is what its name says, and that the network
plug-in enforces policies. It is not believed about the pod: that is read back and held against what was submitted.
"""

from lockgate.core.lazy import door

__getattr__ = door(
    __name__,
    {
        "Access": "lockgate.sandbox._kubernetes.access",
        "Api": "lockgate.sandbox._kubernetes.api",
        "KubernetesTraining": "lockgate.sandbox._kubernetes.training",
        "Patience": "lockgate.sandbox._kubernetes.training",
        "read_kubeconfig": "lockgate.sandbox._kubernetes.access",
    },
)
