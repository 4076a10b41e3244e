"""A plain folder: the signed files under their signed names, model.sig, and a predict.py that needs no Lockgate.

predict.py with its columns.py, and sample.json where the project has one, lie beside the signed files and are not
signed; both programs say so in their first lines. `verify --materialize` writes the signed files alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lockgate.audit.entries import Registration
from lockgate.audit.ledger import Ledger
from lockgate.core.names import check_file_name
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.materialize import SIGNATURE, materialize_model
from lockgate.runtime import serving
from lockgate.store.files import read_regular, write_new
from lockgate.store.layout import RegistryStore

PREDICT, COLUMNS, SAMPLE, IO, CODE = "predict.py", "columns.py", "sample.json", "io.json", "code/"
_TEMPLATES = Path(__file__).parent
_MOST_SAMPLE = 16 << 20
_CLASS = re.compile(r"[A-Za-z_]\w*")
_PLACES = re.compile(r'"@FILE@"|"@CLASS@"|@REF@')


def write(
    registration: Registration, ledger: Ledger, registry: RegistryStore, folder: Path, *, sample: Path | None = None
) -> tuple[str, ...]:
    """Write a verified model into the new or empty `folder`; return the names, signed ones first.

    Raises Refused LG952 when the folder is not empty, LG624 when it is no model that can answer; VerificationFailed.
    """
    programs = programs_of(registration, ledger, registry)
    names = [one.name for one in registration.files]
    taken = {*programs, SAMPLE, SIGNATURE}.intersection(names)
    if taken:
        raise Refused(
            "LG624",
            f"{registration.ref} has a signed file of its own called {min(taken)}",
            seen={"files": sorted(taken)},
            next=f"lockgate verify {registration.ref} --materialize DIR",
        )
    materialize_model(registration, registry, folder)
    for program, text in programs.items():
        write_new(folder / program, text.encode(), 0o644)
    names += [SIGNATURE, *programs]
    if sample is not None and sample.is_file():
        write_new(folder / SAMPLE, read_regular(sample, _MOST_SAMPLE), 0o644)
        names.append(SAMPLE)
    return tuple(names)


def programs_of(registration: Registration, ledger: Ledger, registry: RegistryStore) -> dict[str, str]:
    """The programs by file name, for the contract that this model was validated by. Raises Refused LG624."""
    contract, _ = contract_of(registration, ledger, registry)
    file, _, name = contract.partition(":")
    if f"{CODE}{file}" not in {one.name for one in registration.files}:
        raise Refused(
            "LG624",
            f"{registration.ref} has no contract among its files, so nothing can say what a record is",
            seen={"contract": contract},
            next=f"lockgate verify {registration.ref} --materialize DIR   # its files alone",
        )
    return programs_for(registration.ref, file, name)


def programs_for(ref: str, file: str, name: str) -> dict[str, str]:
    """predict.py and columns.py for the class `name` in `code/<file>`, both written as literals of Python."""
    wanted = {'"@FILE@"': ascii(file), '"@CLASS@"': ascii(name), "@REF@": ref}
    texts = {program: (_TEMPLATES / f"{program}.txt").read_text(encoding="utf-8") for program in (PREDICT, COLUMNS)}
    return {program: _PLACES.sub(lambda place: wanted[place[0]], text) for program, text in texts.items()}


def contract_reference(name: object) -> str:
    """`name` when it is a contract's `FILE.py:Class`, else "": it goes into programs and settings that we write."""
    if not isinstance(name, str):
        return ""
    file, _, word = name.partition(":")
    try:
        check_file_name(file)
    except ValueError:
        return ""
    return name if file.endswith(".py") and file.isprintable() and _CLASS.fullmatch(word) else ""


def contract_of(registration: Registration, ledger: Ledger, registry: RegistryStore) -> tuple[str, str]:
    """`contract.py:Flight`, or "" where the validate statement names none; and the label, from io.json."""
    described = ledger.get(registration.inputs["validate"]).predicate.get("contract")
    name = described.get("name") if isinstance(described, Mapping) else None
    try:
        spec = serving.parse(registry.blobs.read(registration.file(IO).digest))
    except ValueError as error:
        raise VerificationFailed(
            "LG624",
            f"{registration.ref} cannot be served: {error}",
            seen={"manifest": registration.manifest},
            next=f"lockgate show {registration.ref}",
        ) from None
    return contract_reference(name), spec.label
