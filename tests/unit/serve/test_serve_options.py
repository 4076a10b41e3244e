"""`[serve]` of lockgate.toml, and the issuer's keys on their way to the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.config import read_config
from lockgate.errors import LockgateError, Usage
from lockgate.serve.admission.tokens import parse_tokens, reader, render_tokens
from tests.support.admission import AUDIENCE, ISSUER, Issuer

TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
[serve]
"""


def test_limits_are_read_and_default_to_the_safe_side() -> None:
    """A limit on bad requests per address without being asked for; no total of a model, and no tokens, unless said."""
    plain = read_config(TOML).serve
    assert (plain.unheard, plain.model_rate, set(plain.oidc.values())) == (120, 0.0, {""})
    said = read_config(TOML + 'unheard = 0\nmodel_rate = "600/min"\n').serve
    assert (said.unheard, said.model_rate) == (0, 10.0)


@pytest.mark.parametrize("left_out", ["jwks", "issuer", "audience"])
def test_an_issuer_is_said_whole_or_not_at_all(left_out: str) -> None:
    """Without the audience, tokens for anybody would count; without the issuer, anybody's: LG643 names the file."""
    lines = {name: f'{name} = "x"\n' for name in ("jwks", "issuer", "audience")}
    assert set(read_config(TOML + "[serve.oidc]\n" + "".join(lines.values())).serve.oidc.values()) == {"x"}
    del lines[left_out]
    with pytest.raises(Usage, match=rf"lockgate.toml:\d+: serve.oidc needs {left_out} too") as caught:
        read_config(TOML + "[serve.oidc]\n" + "".join(lines.values()))
    assert caught.value.finding == "LG643"


def test_keys_are_read_again_and_broken_ones_never_handed_over(tmp_path: Path) -> None:
    """A new set is given as soon as it parses; missing, malformed or private it is said once and the last one given."""
    path, said, first, second = tmp_path / "jwks.json", list[str](), Issuer.of("EdDSA"), Issuer.of("ES256")
    path.write_text(json.dumps({"keys": [first.jwk()]}))
    read = reader(path, ISSUER, AUDIENCE, said.append)
    good = first.settings()
    assert read() == read() == good
    for broken in (b"{", b'{"keys": []}', b"\xff", b'{"keys": [{"kty": "oct", "k": "AA"}]}', None):
        path.unlink() if broken is None else path.write_bytes(broken)
        assert read() == read() == good
    assert [line.split()[1] for line in said] == ["LG643", "LG643", "LG643", "LG648", "LG643"]
    path.write_text(json.dumps({"keys": [second.jwk()]}))
    assert read() == read() == second.settings()
    assert len(said) == 5


@pytest.mark.parametrize(
    ("data", "finding"), [(None, "LG643"), (b"{}", "LG643"), (b'{"keys": [{"d": "AA"}]}', "LG648")]
)
def test_serving_does_not_start_with_keys_that_cannot_be_used(tmp_path: Path, data: bytes | None, finding: str) -> None:
    """The first read raises."""
    path = tmp_path / "jwks.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LockgateError) as caught:
        reader(path, ISSUER, AUDIENCE, lambda _line: None)
    assert caught.value.finding == finding


@pytest.mark.parametrize("changed", [("", AUDIENCE), (ISSUER, "")])
def test_settings_have_one_form(changed: tuple[str, str]) -> None:
    """What the gateway is handed is read exactly, and has an issuer and an audience."""
    jwks = json.dumps({"keys": [Issuer.of("EdDSA").jwk()]})
    assert parse_tokens(render_tokens(ISSUER, AUDIENCE, jwks)).issuer == ISSUER
    for data in (render_tokens(*changed, jwks), render_tokens(ISSUER, AUDIENCE, jwks) + b" ", b"[]"):
        with pytest.raises(Usage) as caught:
            parse_tokens(data)
        assert caught.value.finding == "LG643"
