"""Lockgate on Kubernetes, as objects: rendered, held against rules, and asked who reaches whom. Pure.

`objects` renders what `spec` says. `rules` says no to a manifest, whoever wrote it. `network` and `roles` tell from
the objects alone who can reach whom and who may do what; `reach` asks them about a whole set. Nothing here talks to a
cluster: that is the launcher's part (`lockgate.sandbox`).
"""

from lockgate.core.lazy import door

__getattr__ = door(
    __name__,
    {
        "KubernetesSpec": "lockgate.export.kubernetes.spec",
        "broken": "lockgate.export.kubernetes.rules",
        "refusals": "lockgate.export.kubernetes.rules",
        "job": "lockgate.export.kubernetes.pods",
        "objects": "lockgate.export.kubernetes.objects",
    },
)
