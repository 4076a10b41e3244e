"""`export evidence`: what it holds, what it keeps at home, and that nothing is handed out that does not verify."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.audit.entries import FileEntry
from lockgate.audit.evidence import Leaf
from lockgate.audit.tiles import parse_bundle
from lockgate.cli.main import run
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.merkle import leaf_hash, root_of
from lockgate.core.statement import REVOCATION, Statement, Subject, claim_uri
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.export.evidence import zipped
from lockgate.export.evidence.page import page
from lockgate.project import resources
from lockgate.project.evidence import exporting, gathering
from lockgate.project.evidence.files import PAPERS, kept_back
from lockgate.project.evidence.gathering import gather
from lockgate.project.offline_archive import verify_archive
from lockgate.trust.policy import Policy
from tests.support.handed import CANARY, HOSTILE, Handed, again, handed, members, value
from tests.support.imports import huggingface, import_here, yes
from tests.support.verifier import asked


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    with pytest.MonkeyPatch.context() as patch:
        yield handed(tmp_path_factory.mktemp("handed"), patch)


@pytest.fixture(scope="module", name="archive")
def _archive(made: Handed) -> Path:
    return made.export()[1]


@pytest.fixture(name="copy")
def _copy(made: Handed, tmp_path: Path) -> Handed:
    return again(made, tmp_path)


def outsider(made: Handed, archive: Path, root: str) -> subprocess.CompletedProcess[str]:
    """Somebody with nothing but the archive and the verifier in it."""
    folder = made.folder / "outside"
    folder.mkdir(exist_ok=True)
    (folder / "verify.py").write_bytes(members(archive)["verify.py"])
    command = [sys.executable, "-I", "verify.py", "--root", root, str(archive)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def finding(error: pytest.ExceptionInfo[LockgateError]) -> str:
    """The id of what was raised."""
    return error.value.finding


def test_the_verifier_of_one_file_believes_it(made: Handed, archive: Path) -> None:
    """An outsider verifies it with nothing but the verifier in it and the root; under another root it fails."""
    right, wrong = outsider(made, archive, made.root), outsider(made, archive, "0" * 64)
    assert (right.returncode, wrong.returncode != 0) == (0, True), right.stdout + right.stderr
    assert "NOT proved" in right.stdout


def test_both_verifiers_judge_the_exporter_s_archive_alike(made: Handed, archive: Path, tmp_path: Path) -> None:
    """What the exporter wrote, before the verifier of one file and before the product, which share no code: it holds.

    With one bit changed anywhere (a hundred places, evenly), both refuse.
    """
    now, data = made.project().now(), archive.read_bytes()

    def judge(content: bytes) -> tuple[int, int]:
        path = tmp_path / "a.evidence.zip"
        path.write_bytes(content)
        try:
            verify_archive(path, now, root=made.root)
            product = 0
        except LockgateError as error:
            product = error.exit_code
        return asked(made.root, path)[0], product

    assert judge(data) == (0, 0)
    for place in range(0, len(data), len(data) // 100):
        assert judge(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]) == (3, 3), place


def test_what_is_printed_names_the_verifier(made: Handed) -> None:
    """Its digest, the name under which a release has it, and that it comes from there and not out of the archive."""
    said = "\n".join(made.export("p.evidence.zip")[0].text().splitlines())
    assert f"lockgate_verify.py   {digest_of(resources.verifier())}" in said
    assert f"python3 -I lockgate_verify.py --root {made.root}" in said
    assert "that program from a release" in said
    assert "no witness has cosigned" not in said


def test_the_page_says_what_was_let_pass(copy: Handed) -> None:
    """The findings that a summary let pass stand on the page, and that its environment only warned; where it did."""
    case = gather(copy.project(), "flights@1", root=copy.root, records=0).case
    policies = {
        word: Policy.from_text(f'version = 1\n[environment.dev]\nenforce = "{word}"\n').statement(case.made)
        for word in ("warn", "enforce")
    }
    let = {"finding": "LG455", "level": "warn", "message": "a source of <b>27</b> rows; dev warns"}

    def told(word: str, *reasons: Mapping[str, str]) -> str:
        found = []
        for one in case.statements:
            statement = replace(one.statement, predicate={**one.predicate, "reasons": [*reasons]})
            changed = {"promote": statement, "policy": policies[word]}
            found.append(replace(one, statement=changed.get(one.claim, one.statement)))
        return page(replace(case, statements=found)).content.decode()

    strict, lenient = told("enforce"), told("warn", let)
    assert ("was not enforced then" in strict, "Nothing was found for dev." in strict) == (False, True)
    assert ("was not enforced then" in lenient, "was only warned of" in lenient) == (True, True)
    assert "LG455: a source of &lt;b&gt;27&lt;/b&gt; rows; dev warns" in lenient


def test_the_page_names_what_can_be_compared(made: Handed, archive: Path) -> None:
    """The whole digest of the manifest, and size and root of the log: a printed page is about something."""
    drawn, index = members(archive)["INDEX.html"].decode(), value(archive, "index.json")
    assert index["model"]["manifest"] in drawn
    assert index["events"]["root"] in drawn


def test_a_mapping_claims_nothing_of_an_empty_file(made: Handed, archive: Path) -> None:
    """Rows name the files that say something of this model, and apart from them those that are empty."""
    empty = {
        name
        for name, data in members(archive).items()
        if name.startswith("facts/") and json.loads(data) == {"v": 1, "facts": []}
    }
    rows = [row for each in value(archive, "mapping.json")["frameworks"] for row in each["rows"]]
    assert {"facts/erasures.json", "facts/alarms.json"} <= empty
    assert not any(set(row["files"]) & empty for row in rows)
    assert empty & {name for row in rows for name in row["empty"]}
    assert all(bool(row["given"]) == bool(row["files"]) for row in rows)
    assert any("facts/approvals.json" in row["files"] for row in rows)


def test_only_its_owner_may_read_it(archive: Path) -> None:
    """It names persons: 0600, whatever the umask."""
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_the_same_log_and_moment_give_the_same_bytes(made: Handed, archive: Path) -> None:
    """Two people who hand out the same thing hand out the same file; a second later it says another moment."""
    assert archive.read_bytes() == made.export("b.evidence.zip")[1].read_bytes()
    later = made.project(made.project().now() + timedelta(seconds=1))
    later.evidence("flights@1", out=made.folder / "c.evidence.zip", root=made.root)
    assert archive.read_bytes() != (made.folder / "c.evidence.zip").read_bytes()


def test_every_statement_of_the_log_travels(made: Handed, archive: Path) -> None:
    """Nothing can be left out: the leaves hash to the signed root, and each names a statement that is there."""
    files, index = members(archive), value(archive, "index.json")
    leaves = parse_bundle(files["log/events/leaves"], index["events"]["size"])
    assert index["events"]["root"] == root_of([leaf_hash(leaf) for leaf in leaves]).hex()
    named = {f"statements/{hex_of(Leaf.parse(leaf).digest)}.json" for leaf in leaves}
    assert named == {name for name in files if name.startswith("statements/")}
    assert {name: digest_of(files[name]) for name in named} == {name: f"sha256:{name[11:-5]}" for name in named}
    assert len(made.signed.ledger.statements()) == len(leaves)


def test_the_index_lists_every_file_but_itself(archive: Path) -> None:
    """Canonical, sorted, each with digest and size."""
    files = members(archive)
    index = decode_exact(files.pop("index.json"))
    found = [(one["path"], one["sha256"], one["bytes"]) for one in index["files"]]
    assert found == [(name, hex_of(digest_of(data)), len(data)) for name, data in sorted(files.items())]
    assert resources.verifier() == files["verify.py"]


def test_what_must_stay_at_home_stays(made: Handed, archive: Path) -> None:
    """No client's name, no range of values, no weights, no code, no path of this machine; with the model, if asked."""
    files = members(archive)
    everything = b"\n".join(files.values())
    for kept in (CANARY, str(made.signed.root), str(made.folder), str(Path.home())):
        assert kept.encode() not in everything
    assert not {"model/model.onnx", "model/baseline.json", "model/code/contract.py"} & set(files)
    whole = members(made.export("m.evidence.zip", with_model=True)[1])
    assert {"model/model.onnx", "model/code/contract.py"} <= set(whole)
    assert "model/baseline.json" not in whole


def test_reasons_of_refused_rows_are_counts(made: Handed) -> None:
    """Rule, field and number: neither the message, which may quote a value, nor a row."""
    listed = [
        {"rule": "greater_than", "field": "a", "count": 3, "message": CANARY, "rows": [CANARY]},
        {"count": "3"},
        "no rule",
    ]
    report = encode({"by_rule": listed})
    made.signed.data.put(report)
    validate: Any = SimpleNamespace(predicate={"report": digest_of(report)})
    assert gathering.refusals(made.project(), validate) == [{"rule": "greater_than", "field": "a", "rows": 3}]
    gone: Any = SimpleNamespace(predicate={"report": digest_of(b"gone")})
    assert gathering.refusals(made.project(), gone) is None


def test_which_signed_files_stay_at_home() -> None:
    """By name: papers go, all else only with the model, values never; and no two that some systems take for one."""
    names = ("README.md", "a.txt", "A.TXT", "baseline.json", "manifest.json", "Model.Sig", "é.txt", "model.onnx", "b/c")
    listed = [FileEntry(name, digest_of(name.encode()), 1) for name in names]
    closed = kept_back(listed, PAPERS, with_model=False)
    assert set(names) - {"README.md"} == set(closed)
    whole = kept_back(listed, PAPERS, with_model=True)
    assert {"A.TXT", "baseline.json", "manifest.json", "Model.Sig", "é.txt"} == set(whole)


def test_records_travel_with_their_proofs(made: Handed, archive: Path) -> None:
    """First and last of the model, each with a proof under the very note that travels; none, where none is wanted."""
    files = members(archive)
    records = sorted(name for name in files if name.startswith("records/"))
    proofs = sorted(name for name in files if name.startswith("proofs/predictions/"))
    assert len(records) == len(proofs) == 2
    assert all(files[name].endswith(files["log/predictions/checkpoint"]) for name in proofs)
    none = members(made.export("n.evidence.zip", records=0)[1])
    assert not [name for name in none if name.startswith(("records/", "proofs/"))]


def test_hostile_words_are_text(archive: Path) -> None:
    """A reason that holds markup and escape sequences is shown, and is neither in the page."""
    page = members(archive)["INDEX.html"].decode()
    assert ("<script" in page, "\x1b" in page, "\u202e" in page) == (False, False, False)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\u202egnihton\\x1b[2J" in page
    assert HOSTILE not in page


def test_the_page_links_to_what_is_there(archive: Path) -> None:
    """Every link leads to a file of the archive; nothing is fetched, nothing runs."""
    from html.parser import HTMLParser

    files, page = members(archive), members(archive)["INDEX.html"].decode()
    links: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in {"script", "img", "iframe", "object", "embed", "link", "form", "base"}
            links.extend(value or "" for name, value in attrs if name in {"href", "src", "action"})

    Reader().feed(page)
    assert [one for one in links if one not in files] == []
    assert len(links) > 20
    for said in ("default-src 'none'", "What is not proved", "verify.py --root", "Who could do what?"):
        assert said in page


def test_cited_statements_can_be_read(archive: Path) -> None:
    """`readable/N.json` is the payload that was signed as entry N."""
    import base64

    files, size = members(archive), value(archive, "index.json")["events"]["size"]
    leaves = parse_bundle(files["log/events/leaves"], size)
    read = {int(name[9:-5]): json.loads(data) for name, data in files.items() if name.startswith("readable/")}
    signed = {
        index: json.loads(files[f"statements/{hex_of(Leaf.parse(leaves[index]).digest)}.json"])["payload"]
        for index in read
    }
    assert read == {index: json.loads(base64.b64decode(payload)) for index, payload in signed.items()}
    assert len(read) > 5


def test_what_does_not_verify_is_not_handed_out(copy: Handed) -> None:
    """A byte of the model changed: exit 3 and no file."""
    digest = next(
        one["sha256"]
        for one in copy.signed.ledger.statements("register")[0].predicate["files"]
        if one["name"] == "model.onnx"
    )
    blob = copy.signed.home / "registry" / "blobs" / "sha256" / digest
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationFailed) as error:
        copy.export()
    assert (finding(error), list(copy.folder.glob("*.zip"))) == ("LG802", [])


def test_a_revoked_model_says_so_first(copy: Handed) -> None:
    """It is handed out, with the revocation above everything else."""
    manifest = copy.signed.ledger.statements("register")[0].statement.subjects[0]
    said = {"claim": claim_uri("revoke"), "manifest": manifest.digest, "reason": "it leaks", "name": "flights",
            "version": 1, "time": "2026-11-23T11:00:00Z"}  # fmt: skip
    copy.signed.record("revoker", Statement((Subject("flights@1", manifest.digest),), REVOCATION, said))
    done, out = copy.export()
    page = members(out)["INDEX.html"].decode()
    assert done.revoked == "it leaks"
    assert -1 < page.index("REVOKED on") < page.index("The picture")
    assert len({one["statement"] for one in value(out, "facts/revocations.json")["facts"]}) == 1


def test_a_candidate_on_the_ladder(made: Handed) -> None:
    """What is asked beside the live model says so; its archive verifies as any other."""
    _, out = made.export("ladder.evidence.zip", ref="flights@2", records=1)
    page = members(out)["INDEX.html"].decode()
    assert "In dev it is on the step shadow, with 0 % of the traffic" in page
    assert "1 record of this model is here, with its proof" in page or "No record of this model is here" in page
    assert outsider(made, out, made.root).returncode == 0


def test_a_model_that_was_brought_in(copy: Handed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says who vouched for it, and that nothing about its training is known."""
    brought = import_here(copy.signed, monkeypatch, huggingface(tmp_path / "bert"), confirm=yes).imported
    done, out = copy.export(ref=brought.ref)
    page = members(out)["INDEX.html"].decode()
    assert (brought.ref, brought.manifest) == (done.ref, value(out, "index.json")["model"]["manifest"])
    assert outsider(copy, out, copy.root).returncode == 0
    assert "Its data, its training and its quality are not known here" in page


def test_no_file_is_overwritten(made: Handed, archive: Path) -> None:
    """A name that is taken is refused, before anything is done."""
    before = archive.read_bytes()
    with pytest.raises(Refused) as error:
        made.export(archive.name, ref="nobody@9")
    assert ("LG952", before) == (finding(error), archive.read_bytes())


@pytest.mark.parametrize("records", [-1, 101])
def test_a_number_of_records_that_cannot_be(made: Handed, records: int) -> None:
    """0 to 100."""
    with pytest.raises(Usage) as error:
        made.export("r.evidence.zip", records=records)
    assert finding(error) == "LG7040"


def test_too_much_for_one_archive(made: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, and no half of it stays."""
    monkeypatch.setattr(exporting, "MOST_FILES", 10)
    with pytest.raises(Refused) as error:
        made.export("t.evidence.zip")
    assert (finding(error), list(made.folder.glob("t.*"))) == ("LG7043", [])


def test_a_log_that_is_not_what_was_verified(made: Handed) -> None:
    """Leaves that do not hash to the root in the checkpoint are not handed out; those that do, are."""
    ledger = made.project().ledger(made.root)
    first, *rest = ledger.statements()
    other = replace(first, time=first.time + timedelta(seconds=1))
    changed: Any = SimpleNamespace(statements=lambda: [other, *rest], checkpoint=ledger.checkpoint)
    with pytest.raises(VerificationFailed) as error:
        gathering.events_of(changed)
    assert finding(error) == "LG7041"
    assert len(rest) + 1 == gathering.events_of(ledger)[0].size


def test_the_command(made: Handed, capsys: pytest.CaptureFixture[str]) -> None:
    """It tells the file, its digest and what the receiver runs; with --json as one object."""
    out = made.folder / "cli.evidence.zip"
    code = run(["export", "evidence", "flights@1", "--out", str(out), "-C", str(made.signed.root), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (0, str(out), f"sha256:{hex_of(digest_of(out.read_bytes()))[:64]}") == (code, told["file"], told["digest"])
    assert told["check"] == f"python3 -I lockgate_verify.py --root {made.root} cli.evidence.zip"
    assert told["verifier"] == digest_of(resources.verifier())


def test_a_file_too_large_to_hold_is_hashed_as_it_goes(copy: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamed: the same archive; and one that changed after it was verified is refused, and leaves no file."""
    from lockgate.project.evidence import files

    whole = copy.export("held.evidence.zip", with_model=True)[1].read_bytes()
    monkeypatch.setattr(files, "HELD", 10)
    assert whole == copy.export("streamed.evidence.zip", with_model=True)[1].read_bytes()
    found = gather(copy.project(), "flights@1", root=copy.root, records=0)
    graph = next(one for one in found.files if one.name == "model.onnx")
    blob = copy.signed.registry.blobs.path(graph.digest)
    blob.chmod(0o600)
    blob.write_bytes(b"?" + blob.read_bytes()[1:])
    items, _ = files.of_model(found, copy.signed.registry, with_model=True)
    with (copy.folder / "x").open("w+b") as stream, pytest.raises(VerificationFailed) as error:
        zipped.write(stream, found.case, items)
    assert finding(error) == "LG802"


def test_the_moment_is_the_clock_s(archive: Path) -> None:
    """`made` is when it was made, by the exporter's clock."""
    assert datetime.fromisoformat(value(archive, "index.json")["made"]).isoformat() == "2026-11-23T12:00:00+00:00"
