"""The attacker's own tools write the published forms: else a drill would be stopped for its spelling."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import encode
from lockgate.core.merkle import leaf_hashes, root_of
from lockgate.drills.replays import hand
from lockgate.trust.dsse import Envelope
from lockgate.trust.keys import parse_public_key

SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "a", "digest": {"sha256": "0" * 64}}],
    "predicateType": "urn:lockgate:predicate:policy:v1",
    "predicate": {"claim": "urn:lockgate:claim:policy:v1"},
}


@given(JSON)
def test_json_is_spelled_as_the_log_spells_it(value: Any) -> None:
    """Whatever the value is."""
    assert encode(value) == hand.canonical(value)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
def test_the_root_of_a_tree_is_that_of_rfc_6962(leaves: list[bytes]) -> None:
    """For any number of leaves."""
    hashes = list(leaf_hashes(leaves))
    assert root_of(hashes) == hand.tree_root(hashes)


def test_an_envelope_is_well_formed_and_its_signatures_verify() -> None:
    """Of two keys, in their order; altered, the form is good still and the signatures are not."""
    keys = [hand.own_key(), hand.own_key()]
    publics = {hand.fingerprint(key): parse_public_key(hand.public(key)) for key in keys}
    made = hand.signed(STATEMENT, *keys)
    envelope = Envelope.parse(made)
    assert hand.opened(made) == STATEMENT
    assert [publics[one.keyid].verify(one.sig, envelope.signed) for one in envelope.signatures] == [True, True]
    other = Envelope.parse(hand.altered(made, {**STATEMENT, "subject": []}))
    assert [publics[one.keyid].verify(one.sig, other.signed) for one in other.signatures] == [False, False]
