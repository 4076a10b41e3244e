"""Models that answer and of whom nobody sees who attacks them, for `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lockgate.audit.entries import registrations
from lockgate.audit.watched import planned, plans_of
from lockgate.errors import LockgateError
from lockgate.monitor.plan import INPUTS, OUTPUTS, population_of
from lockgate.project.watched_models import answering
from lockgate.runtime import serving
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockgate.audit.entries import Registration
    from lockgate.audit.ledger import Ledger
    from lockgate.project.folder import Folder

SILENT: Final = {"near": "who probes around a row is not seen", "novel": "made-up rows are not seen"}
"""What is missed where a rule can raise nobody. The gateway says the same (LG6106)."""
_SPECIFICATION: Final = "io.json"


def unseen(project: Folder, ledger: Ledger) -> tuple[str, ...]:
    """Lines of each model that is live or on the ladder and has no population, or one that says too little (LG6106).

    A model whose files cannot be read is none of them: `lockgate verify` says what is wrong with it.
    """
    statements = ledger.statements()
    by_manifest = {one.manifest: one for one in registrations(statements)}
    answers = dict.fromkeys(move.manifest for move in answering(statements))
    return tuple(line for manifest in answers for line in _lines(project, by_manifest[manifest]))


def _lines(project: Folder, one: Registration) -> Iterator[str]:
    blobs = RegistryStore(project.home / "registry").blobs
    try:
        plans = dict(zip(planned(one), plans_of(one, blobs), strict=True))
        spec = serving.parse(blobs.read(one.file(_SPECIFICATION).digest))
        inputs, outputs = plans.get(INPUTS), plans.get(OUTPUTS)
        found = population_of(inputs, outputs, [field.name for field in spec.fields])
    except LookupError:
        yield f"abuse of {one.ref} is not looked at: the model is given too few fields   lockgate explain LG6106"
        return
    except (LockgateError, OSError, ValueError):
        return
    if found is None:
        deploy = f"lockgate run && lockgate deploy {one.ref.partition('@')[0]}"
        yield f"abuse of {one.ref} is not looked at: it was registered without a population   {deploy}"
    else:
        for rule in found.silent:
            yield f"the population of {one.ref} says too little: {SILENT[rule]}   lockgate explain LG6106"
