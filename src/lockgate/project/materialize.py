"""Write a model of the registry to a folder: exactly the signed files under their signed names, plus model.sig."""

from __future__ import annotations

import os
from pathlib import Path

from lockgate.audit.entries import Registration
from lockgate.audit.imports import Import
from lockgate.errors import Refused
from lockgate.store.files import writing
from lockgate.store.layout import RegistryStore

SIGNATURE = "model.sig"


def materialize_model(model: Registration | Import, registry: RegistryStore, folder: Path) -> None:
    """Write the model into `folder`, new or empty, mode 0644. Each file's bytes are hashed as they are written.

    An import has the signature that it came with, or none.
    Raises Refused (LG952) when the folder is not empty; VerificationFailed LG802, LG805 for a damaged blob.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused("LG952", f"{folder} is not empty", seen={"folder": str(folder)}, next="name a new folder")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for entry in model.files:
        # Names were checked when the registration was read: relative, without dots, so they stay inside.
        target = folder / entry.name
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        registry.blobs.write_to(entry.digest, target)
    if isinstance(model, Registration):
        registry.blobs.write_to(model.signature, folder / SIGNATURE)
    elif model.signer is not None:
        registry.blobs.write_to(model.signer.signature, folder / SIGNATURE)
    os.sync()
