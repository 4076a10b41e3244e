"""Where a record stands, read from its bytes at once: sealer and index see tens of thousands a second.

A record's values are of small alphabets without escapes, and its keys have one order, so that one expression per kind
accepts exactly what `record_kinds.parse_any` accepts. A property test holds the two to that.
"""

from __future__ import annotations

import re

from lockgate.core.record_suspicion import MOST_EVIDENCE, RULES, SCOPES
from lockgate.core.record_window import are_bins
from lockgate.core.records import MAX_COUNTS, MAX_RECORD_BYTES, MAX_ROWS, MAX_SEQUENCE

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


def _one_of(words: tuple[str, ...]) -> bytes:
    return rb'"(?:%b)"' % "|".join(words).encode()


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
        client=_ID, environment=_NAME, finding=rb'"LG[0-9]{3,4}"', gateway=_OWN, input=_COMMITMENT, kind=b'"refused"',
        model=_MODEL, rung=_NAME, seq=_NUMBER, time=_NUMBER, v=b"2",
    ),
    _form(gateway=_OWN, kind=b'"unrecorded"', rows=_NUMBER, seq=_NUMBER, since=_NUMBER, time=_NUMBER, v=b"2"),
    _form(
        client=_ID, environment=_NAME, gateway=_OWN, kind=b'"file"', model=_MODEL, root=_COMMITMENT, rows=_NUMBER,
        rung=_NAME, seq=_NUMBER, time=_NUMBER, v=b"2",
    ),
)  # fmt: skip


_COUNT = rb'"([a-z][a-z0-9.-]{0,31})":([1-9][0-9]{0,15})'
_COUNTS = re.compile(_COUNT)
_UNNAMED = _COUNT.replace(b"(", b"(?:")
_OBSERVED = _form(
    base=_MODEL, counts=rb"\{(%b(?:,%b)*)\}" % (_UNNAMED, _UNNAMED), environment=_NAME, gateway=_OWN,
    kind=b'"observed"', model=_MODEL, rung=_NAME, seq=_NUMBER, step=_NUMBER, time=_NUMBER, v=b"2",
)  # fmt: skip

_SUSPICION = _form(
    client=_ID, counts=rb"\{(%b(?:,%b)*)\}" % (_UNNAMED, _UNNAMED), environment=_NAME, gateway=_OWN,
    kind=b'"suspicion"', level=b"[0-3]", model=_MODEL, rule=_one_of(RULES), rung=_NAME, scope=_one_of(SCOPES),
    seq=_NUMBER, since=_NUMBER, time=_NUMBER, v=b"2",
)  # fmt: skip

_WINDOW = _form(
    bins=rb"\[([0-9,\[\]]*)\]", dropped=_NUMBER, environment=_NAME, gateway=_OWN, kind=b'"window"', labelled=_NUMBER,
    life=_NUMBER, model=_MODEL, rows=_NUMBER, rung=_NAME, seen=_NUMBER, seq=_NUMBER, since=_NUMBER, stride=_NUMBER,
    time=_NUMBER, v=b"2",
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
    found = _OBSERVED.match(data)
    most = MAX_COUNTS
    if found is None and (found := _SUSPICION.match(data)) is not None:
        most = MOST_EVIDENCE
    if found is None:
        return _window(data)
    counts, gateway, *numbers = found.groups()
    if not _are_counts(counts, most) or any(int(number) > MAX_SEQUENCE for number in numbers):
        raise ValueError("not a prediction record")
    return gateway, int(numbers[0])


def _window(data: bytes) -> tuple[bytes, int]:
    found = _WINDOW.match(data)
    if found is None or len(data) > MAX_RECORD_BYTES or not are_bins(found[1]):
        raise ValueError("not a prediction record")
    _, first, gateway, *numbers = found.groups()
    if any(int(number) > MAX_SEQUENCE for number in (first, *numbers)):
        raise ValueError("not a prediction record")
    return gateway, int(numbers[4])


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


def _are_counts(inside: bytes, most: int) -> bool:
    """Whether the counts, each well formed, are in the one order, each once, and not too many or too large."""
    pairs = _COUNTS.findall(inside)
    names = [name for name, _ in pairs]
    return len(pairs) <= most and names == sorted(set(names)) and max(int(count) for _, count in pairs) <= MAX_SEQUENCE


IS_OBSERVED = b'{"base":"'
"""How a record of counts begins, and no other kind."""
IS_WINDOW = b'{"bins":['
"""How a record of a window begins, and no other kind."""
IS_SINGLE = b'"v":1}'
"""How a record of one prediction ends, and no other kind."""
ENVIRONMENT_AT = len('{"client":"') + 16 + len('",')
"""Where each record of predictions says its environment: after the client, who has sixteen digits."""
TO_MODEL = len('"gateway":"",') + 16 + len('"input":"",') + 64
"""From there to the model, in a record of one prediction."""
_INPUTS, _TO_MODEL = b'"inputs":[', len('],"kind":"predictions",')


def answered(data: bytes) -> tuple[int, int]:
    """How many rows a record of predictions of version 2 answers that `place_of` took, and where it says the model.

    (0, 0) for other kinds. No text of a record has quotes in it: a name in quotes with its colon is a key.
    """
    start = data.find(_INPUTS)
    if start < 0:
        return 0, 0
    end = data.index(b"]", start)
    return (end - start - len(_INPUTS) + 1) // _STRIDE, end + _TO_MODEL
