"""What gateway and contract worker say to each other: frames of `core.wire` over one socket pair. Pure.

    host -> {"op": "load", "contract": "contract.py:Flight", "label": "late", "inputs": [{"name", "kind"}, ...],
             "files": [{"name": "contract.py", "bytes": n, "sha256": HEX}, ...]}     payload: the files' bytes, joined
    jail -> {"op": "ready", "model": "Flight", "pid": n}                             payload: the plan, `contract.plan`
         or {"op": "finding", ... as findings.encode_finding}
    host -> {"op": "check", "id": n, "count": k}           payload: a JSON array of k records
    jail -> {"op": "accepted", "id": n, "rows": k, "columns": [...]}                 payload: wire columns, as `inputs`
    jail -> {"op": "refused", "id": n, "errors": [{"type", "loc", "msg"}, ...]}     Pydantic's own; loc[0] is the record

Of a refusal there are at most MAX_ERRORS errors of MAX_REFUSAL bytes together (one is always told), each text of at
most LONGEST_TEXT characters.

The jail runs the contract's code and is not trusted: each `read_...` accepts only what is drawn above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.contract.findings import parse_finding
from lockgate.contract.spec import WIRE
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.core.wire import Column, Frame, WireError, unpack_columns
from lockgate.errors import LockgateError

MAX_ERRORS = 100
MAX_REFUSAL = 64 << 10
MAX_PLACE = 64
"""The most names and numbers in one `loc`: no request nests deeper."""
LONGEST_TEXT = 256
LOAD_FINDINGS = frozenset({"LG205", "LG206", "LG207", "LG208", "LG209", "LG210", "LG211", "LG220"})
"""What the worker may say about a contract that it cannot load."""


def load_frame(
    contract: str, label: str, inputs: Sequence[tuple[str, str]], files: Mapping[str, bytes]
) -> tuple[dict[str, Any], bytes]:
    """Header and payload of `load`. `inputs` are name and kind of each field of io.json, in its order."""
    described = [{"name": n, "bytes": len(data), "sha256": hex_of(digest_of(data))} for n, data in files.items()]
    fields = [{"name": name, "kind": kind} for name, kind in inputs]
    header = {"op": "load", "contract": contract, "label": label, "inputs": fields, "files": described}
    return header, b"".join(files.values())


def read_ready(frame: Frame) -> bytes:
    """The inference contract's plan when the worker is ready. Raises the finding that it names, or WireError.

    The plan is the word of a process that runs the contract's own code; `parse_plan` looks at its form.
    """
    header = dict(frame.header)
    op = header.pop("op", None)
    if op == "finding":
        try:
            found: LockgateError = parse_finding(encode(header), LOAD_FINDINGS)
        except ValueError as error:
            raise WireError(f"the contract worker's finding: {error}") from None
        raise found
    if op != "ready":
        raise WireError("the contract worker is not ready")
    return frame.payload


def check_frame(number: int, canonical: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """Header and payload of `check`: records in the exact encoding."""
    return {"op": "check", "id": number, "count": len(canonical)}, b"[" + b",".join(canonical) + b"]"


def read_checked(frame: Frame, number: int, rows: int) -> tuple[list[Column], list[dict[str, Any]]]:
    """Columns of all `rows` records, or why some of them are refused. Raises WireError."""
    op = frame.header.get("op")
    if frame.header.get("id") != number or op not in ("accepted", "refused"):
        raise WireError("not an answer to this question")
    if op == "refused":
        errors = frame.header.get("errors")
        if not isinstance(errors, list) or not 0 < len(errors) <= MAX_ERRORS:
            raise WireError("a refusal has reasons, within their limit")
        return [], [_error(entry, rows) for entry in errors]
    if frame.header.get("rows") != rows:
        raise WireError(f"not all of {rows} records were answered")
    columns = list(unpack_columns(frame.header, frame.payload, max_rows=rows).values())
    return columns, []


def read_inputs(value: object) -> list[tuple[str, str]]:
    """`inputs` of `load`, as the worker reads them. Raises WireError."""
    if not isinstance(value, list):
        raise WireError("inputs must be a list")
    found = []
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"name", "kind"} or not isinstance(entry["name"], str):
            raise WireError("an input has exactly name and kind")
        if entry["kind"] not in WIRE:
            raise WireError(f"no model input is of kind {entry['kind']!r}")
        found.append((entry["name"], entry["kind"]))
    return found


def _error(entry: object, rows: int) -> dict[str, Any]:
    if not isinstance(entry, dict) or set(entry) != {"type", "loc", "msg"}:
        raise WireError("an error has exactly type, loc and msg")
    path = entry["loc"]
    if not isinstance(entry["type"], str) or not isinstance(entry["msg"], str) or not isinstance(path, list):
        raise WireError("an error's type, loc or msg is of the wrong kind")
    if not path or type(path[0]) is not int or not 0 <= path[0] < rows:
        raise WireError("an error's loc starts with the record's index")
    if not all(isinstance(part, str) or type(part) is int for part in path):
        raise WireError("an error's loc is made of names and numbers")
    texts = (entry["type"], entry["msg"], *(part for part in path if isinstance(part, str)))
    if len(path) > MAX_PLACE or any(len(text) > LONGEST_TEXT for text in texts):
        raise WireError("an error's texts are not within their limits")
    return dict(entry)
