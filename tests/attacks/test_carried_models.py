"""A model on its way through a registry that lies: nothing gets a name here unless all of it verifies.

Threat: supply-chain attacks between the machine that signed and the machine that serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.prove import check_proof
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode
from lockgate.errors import VerificationFailed
from lockgate.project import Project
from lockgate.project.carry import artifacts
from lockgate.project.carry.installing import log_of
from lockgate.project.carry.pulling import mirror_folder, pull_to_folder, pull_to_mirror
from lockgate.trust import oms, pin
from tests.support.carried import TOML, Carried, at_home, become, elsewhere, finding, relabel, shared
from tests.support.carrying import REMOTE, Hub, Killed, hub
from tests.support.project import SignedProject, register_here


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    """One project, pushed three times."""
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture
def there(made: Carried, tmp_path: Path) -> Iterator[Hub]:
    """Another machine; the registry has version 1, live."""
    with elsewhere(tmp_path, made.pushed) as found:
        yield found


def test_what_was_pulled_verifies_to_the_last_byte(made: Carried, there: Hub) -> None:
    """The honest case: a mirror in which everything verifies, nothing unknown lies, and which loads what is live."""
    done = pull_to_mirror(made.asked())
    mirror = Project.open(done.folder)

    report = mirror.verify_everything()

    assert (done.ref, done.entries) == ("flights@1", 10)
    assert [model.ref for model in report.models] == ["flights@1"]
    assert (report.absent, report.live) == ((), ("flights@1 in dev",))
    assert sorted(one.name for one in (done.folder / ".lockgate").iterdir()) == [
        "log",
        "mirror.json",
        "registry",
        "state",
    ]
    assert pull_to_mirror(made.asked()) == done


@pytest.mark.parametrize("which", ["file", "signature", "statement", "tile"])
def test_a_corrupted_blob_is_noticed(which: str, made: Carried, there: Hub) -> None:
    """One bit of any file: the pull is refused, and the mirror's folder holds no log and no model."""
    registration = made.registration("flights@1")
    layers = artifacts.parse_log_manifest(there.manifests[there.tagged("log")])
    wanted = {
        "statement": next(one.digest for one in layers if one.title.startswith("statements/")),
        "tile": next(one.digest for one in layers if one.title.startswith("tile/entries")),
        "file": registration.file("model.onnx").digest,
        "signature": registration.signature,
    }
    data = there.blobs[wanted[which]]
    there.blobs[wanted[which]] = bytes([data[0] ^ 1]) + data[1:]

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG884"
    assert nothing_installed(made)


def nothing_installed(made: Carried) -> bool:
    """Whether the default mirror has neither a checkpoint nor a blob under its final name."""
    home = mirror_folder(made.asked()) / ".lockgate"
    return not (home / "log").exists() and not (home / "registry").exists()


@pytest.mark.parametrize("which", ["statement", "signature", "tile", "checkpoint"])
def test_a_log_that_leaves_something_out_is_refused(which: str, made: Carried, there: Hub) -> None:
    """A statement, a model's signature, a tile or the checkpoint is not among what the tag `log` names."""
    starts = {"statement": "statements/", "signature": "signatures/", "tile": "tile/0", "checkpoint": "checkpoint"}
    gone: list[Digest] = []

    def leave_out(layers: list[dict[str, object]]) -> None:
        annotations = [one["annotations"] for one in layers]
        titles = [each[artifacts.TITLE] for each in annotations if isinstance(each, dict)]
        place = next(i for i, title in enumerate(titles) if title.startswith(starts[which]))
        gone.append(Digest(str(layers.pop(place)["digest"])))

    relabel(there, leave_out)
    del there.blobs[gone[0]]

    refused = finding(lambda: pull_to_mirror(made.asked()))
    assert refused == {"statement": "LG805", "signature": "LG893", "tile": "LG892", "checkpoint": "LG892"}[which]
    assert nothing_installed(made)


def test_a_statement_that_no_entry_names_does_not_travel(made: Carried, there: Hub) -> None:
    """Whoever adds a statement of his own to the log's files is refused, however well it is signed."""
    data = made.grown.blobs[
        next(
            one.digest
            for one in artifacts.parse_log_manifest(made.grown.manifests[made.grown.tagged("log")])
            if one.title.startswith("statements/") and one.digest not in there.blobs
        )
    ]
    there.blobs[digest_of(data)] = data
    one = artifacts.statement_file(data)
    layer: dict[str, object] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}

    def add(layers: list[dict[str, object]]) -> None:
        layers.append({**layer, "annotations": {artifacts.TITLE: one.title}})
        layers.sort(key=lambda each: str(each["annotations"]["org.opencontainers.image.title"]))  # type: ignore[index]

    relabel(there, add)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG892"


def test_swapped_evidence_is_noticed(made: Carried, there: Hub) -> None:
    """A statement's layer that holds other bytes under the right title: the title says which digest it must have."""

    def swap(layers: list[dict[str, object]]) -> None:
        found = [one for one in layers if str(one["annotations"]["org.opencontainers.image.title"]).startswith("state")]  # type: ignore[index]
        found[0]["digest"], found[0]["size"] = found[1]["digest"], found[1]["size"]

    relabel(there, swap)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG892"


def test_withheld_referrers_make_no_difference(made: Carried, there: Hub) -> None:
    """What a registry lists is never asked: with no referrer there, the mirror is whole all the same."""
    for digest in there.listed[made.registration("flights@1").manifest]:
        if digest != there.tagged("log"):
            del there.manifests[digest]
    there.listed.clear()

    done = pull_to_mirror(made.asked())

    assert [model.ref for model in Project.open(done.folder).verify_everything().models] == ["flights@1"]


def test_an_old_log_is_not_taken_for_a_new_one(made: Carried, there: Hub) -> None:
    """After a longer log was seen, the shorter one is a replay: the revocation in between would be hidden."""
    become(there, made.revoked)
    assert finding(lambda: pull_to_mirror(made.asked())) == "LG514"
    become(there, made.grown)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG707"
    assert nothing_installed(made)


def test_a_revocation_reaches_a_mirror_with_the_refused_pull(made: Carried, there: Hub) -> None:
    """The pull of a revoked model is refused, and from then on the mirror itself refuses to load it."""
    done = pull_to_mirror(made.asked())
    become(there, made.revoked)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG514"
    mirror = Project.open(done.folder)
    assert next((one.ref, one.revoked) for one in mirror.models()) == ("flights@1", True)
    assert finding(lambda: mirror.verify("flights@1")) == "LG514"


def test_another_root_is_refused(made: Carried, there: Hub) -> None:
    """The log of this repository is another project's than the one that the person named."""
    assert finding(lambda: pull_to_mirror(replace(made.asked(), root="0" * 64))) == "LG828"
    assert nothing_installed(made)


def test_projects_do_not_mix_in_one_repository(made: Carried, there: Hub, tmp_path: Path) -> None:
    """Another project's push is refused; forced in, its log is refused by root, and its model by our log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "eve/config"))
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "eve/state"))
        (tmp_path / "other").mkdir()
        other = SignedProject(tmp_path / "other", person="eve")
        other.candidate(3.0)
        register_here(other, patch)
        (other.root / "lockgate.toml").write_text(TOML)
        pin.pin(other.created.project_id, other.root, datetime.now(UTC))
        theirs = Project(other.root)
        assert finding(lambda: theirs.push("latest", REMOTE)) == "LG891"
        ours = there.tags.pop((REMOTE, "v1"))
        assert finding(lambda: theirs.push("latest", REMOTE)) == "LG899"
        theirs.push("latest", f"{REMOTE}-eve")
    there.tags |= {(REMOTE, "v1"): ours, (REMOTE, "v2"): there.tagged("v1", f"{REMOTE}-eve")}

    assert finding(lambda: pull_to_mirror(made.asked(f"{REMOTE}:v2"))) == "LG897"
    assert finding(lambda: pull_to_mirror(made.asked(f"{REMOTE}@{there.tagged('v2')}"))) == "LG897"
    there.tags[REMOTE, "log"] = there.tagged("log", f"{REMOTE}-eve")
    assert finding(lambda: pull_to_mirror(made.asked())) == "LG828"


def test_a_moved_tag_is_refused_both_ways(made: Carried, there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pulls by a tag gets a model that the log registers, or nothing; and a push never moves a tag back."""
    there.tags[REMOTE, "v1"] = there.tagged("log")

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG897"
    at_home(made, monkeypatch)
    assert finding(lambda: Project(made.project.root).push("flights@1", REMOTE)) == "LG891"


def test_a_killed_push_is_never_whole_and_the_next_one_completes_it(
    made: Carried, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of its writes, nothing can be pulled; pushed again, the registry is as if nothing had been."""
    at_home(made, monkeypatch)
    project = Project(made.project.root)
    with hub() as whole:
        project.push("flights@2", REMOTE, check=False)
        whole.writes = 1000
        project.push("flights@2", REMOTE, check=False)
        fewest = 1000 - whole.writes
        assert len([one for one in whole.blobs if one in whole.asked]) == 1  # the checkpoint of the log before
    with hub() as one:
        writes, pushes = 0, 0
        while one.tags != whole.tags:
            one.writes, pushes = writes, pushes + 1
            try:
                project.push("flights@2", REMOTE, check=False)
            except Killed:
                assert (REMOTE, "log") not in one.tags
                assert finding(lambda: pull_to_folder(made.asked(), made.homes / "none")) == "LG897"
            writes += 3
        one.writes = None
        assert (one.blobs, one.manifests, one.tags, one.listed) == (
            whole.blobs,
            whole.manifests,
            whole.tags,
            whole.listed,
        )
    assert fewest < 20 < writes


def test_each_pushed_proof_stands_alone(made: Carried) -> None:
    """The proofs that hang at the model show, without the log, that each statement it rests on is in it."""
    ledger = made.project.open_ledger()
    registration = made.registration("flights@1")
    kinds = [decode(made.pushed.manifests[one]) for one in made.pushed.listed[registration.manifest]]
    proofs = next(one for one in kinds if one["artifactType"] == artifacts.PROOF)
    leaves = {one.digest: one for one in ledger.statements()}
    wanted = [*registration.inputs.values(), registration.evidence.digest]

    found = []
    for layer, digest in zip(proofs["layers"], wanted, strict=True):
        one = leaves[digest]
        proof, key = made.pushed.blobs[layer["digest"]], ledger.roles.sealer_key()
        proved = check_proof(proof, log_of(ledger).entry(one.index), key, f"lockgate/{made.root}/events")
        found.append(proved.index == one.index)

    assert found == [True] * 6


def test_a_checkpoint_that_claims_a_huge_log_costs_nothing(made: Carried, there: Hub) -> None:
    """The size is the registry's word until the signature is checked: it is not counted up to."""

    def inflate(layers: list[Any]) -> None:
        layer = next(one for one in layers if one["annotations"][artifacts.TITLE] == "checkpoint")
        data = there.blobs[layer["digest"]].replace(b"\n10\n", b"\n9223372036854775807\n")
        there.blobs[digest_of(data)] = data
        layer["digest"], layer["size"] = digest_of(data), len(data)

    relabel(there, inflate)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG892"


def test_a_tag_that_was_moved_to_another_version_is_refused(made: Carried, there: Hub) -> None:
    """Both versions are registered and whole: which one `v2` is, the log says, and not who can move a tag."""
    become(there, made.grown)
    there.tags[REMOTE, "v2"] = there.tagged("v1")

    assert finding(lambda: pull_to_mirror(made.asked(f"{REMOTE}:v2"))) == "LG897"
    assert pull_to_mirror(made.asked(f"{REMOTE}@{there.tagged('v1')}")).ref == "flights@1"


def test_a_registry_that_lost_a_blob_gets_it_again(made: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the log pushed last holds is not sent again, unless the registry does not have it any more."""
    at_home(made, monkeypatch)
    project = Project(made.project.root)
    with hub() as one:
        project.push("flights@2", REMOTE)
        before = dict(one.blobs)
        for layer in artifacts.parse_log_manifest(one.manifests[one.tagged("log")])[3:6]:
            del one.blobs[layer.digest]
        project.push("flights@2", REMOTE)
        assert one.blobs == before


def test_a_log_manifest_says_nothing_else(made: Carried, there: Hub) -> None:
    """A field that Lockgate does not write, here a place to fetch a layer from, makes it another file."""
    relabel(there, lambda layers: layers[0].update(urls=["https://index.example/checkpoint"]))

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG892"


def test_the_signature_is_verified_before_anything_is_installed(
    made: Carried, there: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes are those that the log names, and model.sig does not verify over them: nothing gets a name."""

    def forged(*_: object) -> None:
        raise VerificationFailed("LG850", "model.sig is not the signer's")

    monkeypatch.setattr(oms, "verify_bundle", forged)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG850"
    assert nothing_installed(made)
