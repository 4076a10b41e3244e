"""Others' tools on a release: OpenSSF's verifier, securesystemslib, in-toto's bindings, CycloneDX's schema."""

from __future__ import annotations

import base64
import json
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lockgate.trust.keys import import_public_key
from scripts import release as program
from scripts.release_build import Built
from tests.support.released import VERSION, Repository, release, repository


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The small repository."""
    return repository(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def made(house: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of it, whose wheel and sdist are words: their bytes do not matter to these tools."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "build", lambda _: Built(b"wheel", b"sdist", "1.0"))
        return release(house, tmp_path_factory.mktemp("dist"), house.key)


@pytest.mark.filterwarnings("ignore")  # the tool's own
def test_openssf_s_tool_verifies_the_folder(house: Repository, made: Path) -> None:
    """`model_signing verify key` says yes, and no once a file is changed."""
    cli: Any = pytest.importorskip("model_signing._cli", reason="model_signing is not in this environment")
    ask = ["verify", "key", "--signature", str(made / "model.sig"), "--public_key", str(house.public), str(made)]
    found = CliRunner().invoke(cli.main, ask)
    assert found.exit_code == 0, found.output
    notes = (made / "NOTES.md").read_bytes()
    (made / "NOTES.md").write_bytes(notes + b" ")
    assert CliRunner().invoke(cli.main, ask).exit_code != 0
    (made / "NOTES.md").write_bytes(notes)


def test_securesystemslib_verifies_the_provenance(house: Repository, made: Path) -> None:
    """The reference library of DSSE takes the envelope, and not with a changed payload."""
    dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not in this environment")
    signer = import_module("securesystemslib.signer")
    public = import_public_key(house.public.read_bytes())
    theirs = dsse.Envelope.from_dict(json.loads((made / f"lockgate-{VERSION}.intoto.jsonl").read_bytes()))
    key = signer.SSlibKey(public.keyid, "ecdsa", "ecdsa-sha2-nistp256", {"public": public.pem})
    assert {public.keyid} == set(theirs.verify([key], 1))
    theirs.payload = theirs.payload.replace(b"1.2.3", b"1.2.4")
    with pytest.raises(Exception, match="threshold"):
        theirs.verify([key], 1)


def test_in_toto_s_bindings_know_the_provenance(made: Path) -> None:
    """Statement and SLSA predicate have the form of the official bindings; one with a misspelt field has not."""
    statement = pytest.importorskip("in_toto_attestation.v1.statement", reason="in-toto-attestation is not here")
    slsa = import_module("in_toto_attestation.predicates.provenance.v1.provenance_pb2")
    json_format = import_module("google.protobuf.json_format")
    envelope = json.loads((made / f"lockgate-{VERSION}.intoto.jsonl").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    whole = statement.Statement([], "", {})
    json_format.Parse(payload, whole.pb)
    whole.validate()
    predicate = json.loads(payload)["predicate"]
    theirs = json_format.ParseDict(predicate, slsa.Provenance())
    assert theirs.run_details.builder.id == "urn:lockgate:builder:make-release:v1"
    assert theirs.run_details.metadata.finished_on.seconds > 0
    predicate["runDetails"]["buildr"] = {}
    with pytest.raises(json_format.ParseError, match="buildr"):
        json_format.ParseDict(predicate, slsa.Provenance())


def test_cyclonedx_s_schema_takes_the_bill(made: Path) -> None:
    """Strictly, version 1.6; a misspelt field is noticed."""
    validation: Any = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not here")
    schema = import_module("cyclonedx.schema").SchemaVersion.V1_6
    strict = validation.JsonStrictValidator(schema)
    text = (made / f"lockgate-{VERSION}.cdx.json").read_text("utf-8")
    assert strict.validate_str(text) is None
    assert strict.validate_str(text.replace('"scope"', '"scop"')) is not None


def test_sha256sum_reads_the_list(made: Path) -> None:
    """All of it, and, as an outsider has the verifier alone, with `--ignore-missing`; a changed file is noticed."""
    checks = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    assert subprocess.run(checks, cwd=made, check=False).returncode == 0
    alone = made.with_name("alone")
    alone.mkdir()
    for name in ("SHA256SUMS", "lockgate_verify.py"):
        (alone / name).write_bytes((made / name).read_bytes())
    assert subprocess.run([*checks, "--ignore-missing"], cwd=alone, check=False).returncode == 0
    (alone / "lockgate_verify.py").write_bytes(b"other")
    assert subprocess.run([*checks, "--ignore-missing"], cwd=alone, capture_output=True, check=False).returncode == 1
