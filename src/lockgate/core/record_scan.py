"""Where a record stands, read from its bytes at once: sealer and index see tens of thousands a second.

A record's values are of small alphabets without escapes, and its keys have one order, so that one expression per kind
accepts exactly what `record_kinds.parse_any` accepts. A property test holds the two to that.
"""

from __future__ import annotations

import re

from lockgate.core.records import MAX_RECORD_BYTES, MAX_ROWS, MAX_SEQUENCE

_COMMITMENT = rb'"[0-9a-f]{64}"'
_ID = rb'"[0-9a-f]{16}"'
_NAME = rb'"[a-z][a-z0-9-]{0,31}"'
_MODEL = rb'"sha256:[0-9a-f]{64}"'
_OWN = rb'"([0-9a-f]{16})"'
_NUMBER = rb"(0|[1-9][0-9]{0,15})"
_LIST = rb'\[([0-9a-f",]+)\]'
_HEX = b"0123456789abcdef"
_STRIDE = 67
"""From one commitment of a list to the next: 64 digits, two quotes and a comma."""


def _form(**fields: bytes) -> re.Pattern[bytes]:
    """The one spelling of an object: its keys in order, each with the form of its value."""
    parts = [rb'"%b":%b' % (name.encode(), form) for name, form in fields.items()]
    return re.compile(rb"\{" + b",".join(parts) + rb"\}\Z")


_SINGLE = _form(
    client=_ID, environment=_NAME, gateway=_OWN, input=_COMMITMENT, model=_MODEL, output=_COMMITMENT, rung=_NAME,
    seq=_NUMBER, time=_NUMBER, v=b"1",
)  # fmt: skip
_REQUEST = _form(
    client=_ID, environment=_NAME, first=_NUMBER, gateway=_OWN + rb'(?:,"id":"[0-9a-f]{32}")?', inputs=_LIST,
    kind=b'"predictions"', model=_MODEL, outputs=_LIST, rung=_NAME, seq=_NUMBER, time=_NUMBER, v=b"2",
)  # fmt: skip
_OTHERS = (
    _form(
        client=_ID, gateway=_OWN, kind=b'"feedback"', label=_COMMITMENT,
        of=rb'\{"gateway":"[0-9a-f]{16}","row":(0|[1-9][0-9]{0,2}),"seq":' + _NUMBER + rb"\}",
        seq=_NUMBER, time=_NUMBER, v=b"2",
    ),
    _form(
        client=_ID, environment=_NAME, finding=rb'"LG[0-9]{3}"', gateway=_OWN, input=_COMMITMENT, kind=b'"refused"',
        model=_MODEL, rung=_NAME, seq=_NUMBER, time=_NUMBER, v=b"2",
    ),
    _form(gateway=_OWN, kind=b'"unrecorded"', rows=_NUMBER, seq=_NUMBER, since=_NUMBER, time=_NUMBER, v=b"2"),
    _form(
        client=_ID, environment=_NAME, gateway=_OWN, kind=b'"file"', model=_MODEL, root=_COMMITMENT, rows=_NUMBER,
        rung=_NAME, seq=_NUMBER, time=_NUMBER, v=b"2",
    ),
)  # fmt: skip


def place_of(data: bytes) -> tuple[bytes, int]:
    """A record's gateway and number. Raises ValueError for whatever `parse_any` refuses."""
    found = _SINGLE.match(data)
    if found is not None:
        gateway, seq, time = found.groups()
    elif (found := _REQUEST.match(data)) is not None:
        first, gateway, inputs, outputs, seq, time = found.groups()
        if len(inputs) != len(outputs) or not _is_list(inputs) or not _is_list(outputs) or int(first) > MAX_SEQUENCE:
            raise ValueError("not a prediction record")
    else:
        return _other(data)
    number = int(seq)
    if number > MAX_SEQUENCE or int(time) > MAX_SEQUENCE or len(data) > MAX_RECORD_BYTES:
        raise ValueError("not a prediction record")
    return gateway, number


def _other(data: bytes) -> tuple[bytes, int]:
    for form in _OTHERS:
        found = form.match(data)
        if found is not None:
            gateway, *numbers = found.groups()
            named = found.re is _OTHERS[0]
            if all(int(number) <= MAX_SEQUENCE for number in numbers) and not (named and int(numbers[0]) >= MAX_ROWS):
                return gateway, int(numbers[_SEQ[form]])
    raise ValueError("not a prediction record")


_SEQ = dict(zip(_OTHERS, (2, 0, 1, 1), strict=True))
"""Which of a form's numbers is `seq`."""


def _is_list(inside: bytes) -> bool:
    """Whether this is `"<64 digits>","<64 digits>"...`, of at most MAX_ROWS."""
    count, rest = divmod(len(inside) + 1, _STRIDE)
    return (
        rest == 0
        and count <= MAX_ROWS
        # Only digits but for the right number of quotes and commas, and those where they belong.
        and inside.translate(None, _HEX) == b'""' + b',""' * (count - 1)
        and inside[::_STRIDE].count(b'"') == count
        and inside[_STRIDE - 2 :: _STRIDE].count(b'"') == count
    )
