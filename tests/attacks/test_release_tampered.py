"""Releases that are not what was released: each is refused, at the step that names what is wrong with it."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.statement import PROVENANCE, Statement, Subject, parse
from lockgate.trust import signer as keys
from lockgate.trust.dsse import pae
from scripts import release as program
from scripts import release_papers as papers
from scripts import verify_release as verifier
from tests.support.released import VERSION, Repository, copied, release, repository, signed_again, step_of

NAMES = (*verifier.names_of(VERSION), verifier.SIGNATURE)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The repository."""
    return repository(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def genuine(house: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its release."""
    return release(house, tmp_path_factory.mktemp("dist"), house.key)


@pytest.fixture
def folder(genuine: Path, tmp_path: Path) -> Path:
    """A copy of the release, to break."""
    return copied(genuine, tmp_path / genuine.name)


def wanted(house: Repository, **more: Any) -> verifier.Wanted:
    """What a person asks for who knows the key and the version."""
    return replace(verifier.Wanted(verifier.read_key(house.public.read_bytes()), VERSION), **more)


def told(folder: Path, house: Repository, **more: Any) -> tuple[str, int]:
    """The step that says no, and the exit code."""
    return step_of(lambda: verifier.verify(folder, wanted(house, **more)))


def test_a_genuine_release_is_accepted_and_built_again(house: Repository, genuine: Path) -> None:
    """With everything asked for: the commit, the wheel from the sdist, the sdist from the commit."""
    report = verifier.verify(genuine, wanted(house, commit=house.commit), rebuild=True, checkout=house.root)
    assert (house.commit, True, True) == (report["commit"], report["rebuilt"], report["checkout"])
    assert set(verifier.names_of(VERSION)) == set(report["files"])
    said = verifier.unproved(report, commit=True)
    assert [line for line in said if "--" in line] == []


def test_what_was_not_asked_is_said_not_to_be_proved(house: Repository, genuine: Path) -> None:
    """Without the options, each is named with the option that proves it."""
    said = " ".join(verifier.unproved(verifier.verify(genuine, wanted(house)), commit=False))
    assert ["--checkout" in said, "--rebuild" in said, "--commit" in said] == [True, True, True]


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_in_any_file(folder: Path, house: Repository, name: str) -> None:
    """The last byte but one, in each file of the folder: bytes, or, of the signature itself, signature."""
    data = bytearray((folder / name).read_bytes())
    data[-2] ^= 1
    (folder / name).write_bytes(data)
    assert told(folder, house) == ("signature" if name == verifier.SIGNATURE else "bytes", 3)


@pytest.mark.parametrize("name", NAMES)
def test_any_file_missing(folder: Path, house: Repository, name: str) -> None:
    """Also the signature: no signature is no yes."""
    (folder / name).unlink()
    assert told(folder, house) == ("names", 3)


@pytest.mark.parametrize("name", ["setup.py", "lockgate-9.9.9-py3-none-any.whl", ".hidden", "a\nb"])
def test_a_file_more(folder: Path, house: Repository, name: str) -> None:
    """Nothing rides along, a dot before it or not."""
    (folder / name).write_bytes(b"x")
    assert told(folder, house) == ("names", 3)


def test_two_files_changed_places(folder: Path, house: Repository) -> None:
    """Both were signed, each under its own name."""
    one, two = folder / f"lockgate-{VERSION}.tar.gz", folder / f"lockgate-{VERSION}-py3-none-any.whl"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert told(folder, house) == ("bytes", 3)


@pytest.mark.parametrize("kind", ["symlink", "folder", "pipe"])
def test_a_file_that_is_none(folder: Path, genuine: Path, house: Repository, kind: str) -> None:
    """A link to the very bytes that were signed can lead elsewhere a moment later; a pipe must not be waited for."""
    path = folder / "NOTES.md"
    path.unlink()
    match kind:
        case "symlink":
            path.symlink_to(genuine / "NOTES.md")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    assert told(folder, house) == ("names", 3)


def test_another_key(genuine: Path, folder: Path, house: Repository, tmp_path: Path) -> None:
    """Asked for another key: refused. Everything signed anew by another key: refused under the true one."""
    other = keys.generate("release")
    theirs = verifier.read_key(other.public.pem.encode())
    assert told(genuine, house, key=theirs) == ("signature", 3)
    keys.save(other, tmp_path / "other.pem")
    signed_again(folder, tmp_path / "other.pem")
    assert told(folder, house) == ("signature", 3)
    assert told(folder, house, key=theirs) == ("provenance", 3)


def test_an_older_release_in_place_of_the_asked_one(genuine: Path, folder: Path, house: Repository) -> None:
    """As it is, and with its files renamed: a genuine 1.2.3 is no 1.2.4."""
    assert told(genuine, house, version="1.2.4") == ("names", 3)
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("1.2.3", "1.2.4"))
    assert told(folder, house, version="1.2.4") == ("bytes", 3)


def test_an_older_release_renamed_and_signed_by_the_key(folder: Path, house: Repository) -> None:
    """A mistake of whoever has the key: signed names of 1.2.4, contents and provenance of 1.2.3."""
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("1.2.3", "1.2.4"))
    signed_again(folder, house.key)
    assert told(folder, house, version="1.2.4") == ("sums", 3)


def test_another_commit(genuine: Path, house: Repository) -> None:
    """The commit that was reviewed is not the one that was built."""
    assert told(genuine, house, commit="0" * 40) == ("commit", 3)
    assert told(genuine, house, commit=house.commit) == ("", 0)
    assert told(genuine, house, commit=house.commit[:12]) == ("commit", 3)


def provenance_with(folder: Path, house: Repository, change: Callable[[dict[str, Any]], object]) -> None:
    """What the key's holder could sign by mistake: a provenance that says something else."""
    path = folder / f"lockgate-{VERSION}.intoto.jsonl"
    statement = parse(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    predicate = json.loads(json.dumps(statement.predicate))
    change(predicate)
    signed = program._envelope(replace(statement, predicate=predicate), keys.load(house.key, ""))
    path.write_bytes(signed + b"\n")
    signed_again(folder, house.key)


def at(predicate: Mapping[str, Any], *path: str) -> Any:
    """A place in it."""
    for name in path:
        predicate = predicate[name]
    return predicate


DEFINITION = ("buildDefinition",)
OUTSIDE = ("buildDefinition", "externalParameters")
INSIDE = ("buildDefinition", "internalParameters")
LIES: dict[str, tuple[str, int, Callable[[dict[str, Any]], object]]] = {
    "nothing": ("", 0, lambda _: None),
    "version": ("version", 3, lambda it: at(it, *OUTSIDE).update(version="1.2.2")),
    "commit of nothing": ("commit", 3, lambda it: at(it, *OUTSIDE).update(commit="f" * 40)),
    "no commit": ("commit", 3, lambda it: at(it, *OUTSIDE).pop("commit")),
    "no sources": ("commit", 3, lambda it: at(it, *DEFINITION).pop("resolvedDependencies")),
    "kind of build": ("provenance", 3, lambda it: at(it, *DEFINITION).update(buildType="urn:other")),
    "rehearsed": ("rehearsal", 1, lambda it: at(it, *INSIDE).update(rehearsal=True)),
    "rehearsal unsaid": ("rehearsal", 1, lambda it: at(it, *INSIDE).pop("rehearsal")),
    "builder": ("rehearsal", 1, lambda it: at(it, "runDetails", "builder").update(id="urn:other")),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_provenance_that_says_something_else(folder: Path, house: Repository, lie: str) -> None:
    """Signed by the true key, over the true files. The first case, with nothing changed, is accepted."""
    step, code, change = LIES[lie]
    provenance_with(folder, house, change)
    assert told(folder, house) == (step, code)


def test_the_provenance_of_another_release(folder: Path, genuine: Path, house: Repository) -> None:
    """A genuine statement by the true key, about files that are not these."""
    (folder / f"lockgate-{VERSION}-chart.tgz").write_bytes(b"other")
    listed = {path.name: path.read_bytes() for path in folder.iterdir()}
    made_first = {name: listed[name] for name in listed if name.startswith("lock") or name == "verify_release.py"}
    made_first.pop(f"lockgate-{VERSION}.intoto.jsonl")
    (folder / "SHA256SUMS").write_bytes(papers.sums(made_first))
    signed_again(folder, house.key)
    assert told(folder, house) == ("provenance", 3)
    assert told(genuine, house) == ("", 0)


def all_again(folder: Path, house: Repository, changed: Mapping[str, bytes]) -> None:
    """What the key's holder makes of changed files: sums, provenance and signature fit again."""
    end = f"lockgate-{VERSION}.intoto.jsonl"
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | dict(changed)
    late = {"SHA256SUMS", "NOTES.md", end, verifier.SIGNATURE}
    files["SHA256SUMS"] = papers.sums({name: data for name, data in files.items() if name not in late})
    predicate = parse(base64.b64decode(json.loads(files[end])["payload"])).predicate
    subjects = tuple(Subject(name, digest_of(files[name])) for name in sorted(files.keys() - {end, verifier.SIGNATURE}))
    files[end] = program._envelope(Statement(subjects, PROVENANCE, predicate), keys.load(house.key, "")) + b"\n"
    for name, data in files.items():
        (folder / name).write_bytes(data)
    signed_again(folder, house.key)


def wheel_of(version: str) -> bytes:
    """A wheel that says it is of that version, under the names of this one."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(f"lockgate-{VERSION}.dist-info/METADATA", f"Name: lockgate\nVersion: {version}\n")
    return raw.getvalue()


WHEEL = f"lockgate-{VERSION}-py3-none-any.whl"


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({}, ""),
        ({"lockgate_verify.py": b"print('it holds')"}, "notes"),
        ({"NOTES.md": b"`lockgate_verify.py` SHA-256 `" + b"0" * 64 + b"` ("}, "notes"),
        ({WHEEL: wheel_of(VERSION)}, ""),
        ({WHEEL: wheel_of("1.2.2")}, "version"),
        ({WHEEL: b"no wheel"}, "version"),
        ({f"lockgate-{VERSION}.tar.gz": b"no sdist"}, "version"),
    ],
    ids=["nothing", "verifier", "notes", "another wheel", "an older wheel", "no wheel", "no sdist"],
)
def test_files_that_contradict_each_other(
    folder: Path, house: Repository, changed: dict[str, bytes], step: str
) -> None:
    """All of it signed by the true key: what each file says of the others must still be so."""
    all_again(folder, house, changed)
    assert told(folder, house) == (step, 3 if step else 0)


def test_a_signature_of_another_form(folder: Path, house: Repository) -> None:
    """Another media type (nobody signs that), other digests than SHA-256, symlinks allowed: not what we know."""
    path = folder / verifier.SIGNATURE
    honest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**honest, "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"}))
    assert told(folder, house) == ("signature", 3)
    payload = json.loads(base64.b64decode(honest["dsseEnvelope"]["payload"]))
    signer = keys.load(house.key, "")
    for how, step in (
        (payload["predicate"]["serialization"], ""),
        ({"method": "files", "hash_type": "md5"}, "signature"),
    ):
        payload["predicate"]["serialization"] = how
        text = json.dumps(payload).encode()
        signature = signer.signature(pae(verifier.IN_TOTO, text))
        envelope = honest["dsseEnvelope"] | {
            "payload": base64.b64encode(text).decode(),
            "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
        }
        path.write_text(json.dumps({**honest, "dsseEnvelope": envelope}))
        assert told(folder, house) == (step, 3 if step else 0)


def test_a_rehearsal_is_no_release(house: Repository, tmp_path: Path) -> None:
    """Genuine under its own key, and refused with exit 1 all the same; the key's private half is nowhere."""
    made = release(house, tmp_path)
    public = verifier.read_key((tmp_path / f"{made.name}.pub").read_bytes())
    assert told(made, house, key=public) == ("rehearsal", 1)
    assert told(made, house) == ("signature", 3)
    keyish = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY--" in path.read_bytes()]
    assert keyish == []


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (b"", "signature"),
        (b"null", "signature"),
        (b"[" * 100_000, "signature"),
        (b'{"mediaType": 1, "mediaType": 1}', "signature"),
        (b'{"mediaType": 1, "verificationMaterial": 1, "dsseEnvelope": 1}', "signature"),
        (b"\xff", "signature"),
    ],
)
def test_nonsense_for_a_signature(folder: Path, house: Repository, text: bytes, step: str) -> None:
    """No traceback, whatever stands there."""
    (folder / verifier.SIGNATURE).write_bytes(text)
    assert told(folder, house) == (step, 3)


def test_a_wheel_that_the_sdist_does_not_give(house: Repository, genuine: Path) -> None:
    """Everything signed, yet the wheel has more than the sources: only building it again shows that."""
    files = verifier.read_folder(genuine, VERSION)
    name = f"lockgate-{VERSION}-py3-none-any.whl"
    line = files[f"lockgate-{VERSION}.intoto.jsonl"]
    found = verifier.check_bytes(files, verifier.signed_files(files["model.sig"], wanted(house).key))
    predicate = verifier.read_provenance(line, wanted(house).key, found, VERSION)
    other = {**files, name: files[name] + b"\0"}
    assert step_of(lambda: verifier.check_rebuild(predicate, other, VERSION)) == ("rebuild", 3)
    sdist = {**files, f"lockgate-{VERSION}.tar.gz": files[f"lockgate-{VERSION}.tar.gz"] + b"\0"}
    assert step_of(lambda: verifier.check_checkout(predicate, sdist, wanted(house), house.root)) == ("checkout", 3)


def test_the_command_line(genuine: Path, house: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 with what is not proved; 2 without a version that is one, a key that is none; 4 for no folder."""
    ask = ["--key", str(house.public), "--version", VERSION]
    assert verifier.main([*ask, "--json", str(genuine)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (True, house.commit) == (report["ok"], report["commit"])
    assert verifier.main([*ask, str(genuine)]) == 0
    assert "Not proved: that the sdist" in capsys.readouterr().out
    assert verifier.main(["--key", str(house.public), "--version", "newest", str(genuine)]) == 2
    assert verifier.main(["--key", str(house.key.with_name("none")), "--version", VERSION, str(genuine)]) == 2
    assert verifier.main(["--key", str(genuine / "NOTES.md"), "--version", VERSION, str(genuine)]) == 2
    assert verifier.main([*ask, str(genuine / "none")]) == 4
    assert verifier.main([*ask, "--json", "--commit", "0" * 40, str(genuine)]) == 3
    assert json.loads(capsys.readouterr().out)["step"] == "commit"
