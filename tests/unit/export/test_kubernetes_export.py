"""What is rendered: the walls, the accounts, who reaches whom; its text, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.config import read_config
from lockgate.errors import Usage
from lockgate.export.kubernetes import reach
from lockgate.export.kubernetes.objects import file_name, objects
from lockgate.export.kubernetes.pods import Input, job
from lockgate.export.kubernetes.read import read_manifests
from lockgate.export.kubernetes.rules import broken, level_of
from lockgate.export.kubernetes.settings import KubernetesSettings
from lockgate.export.kubernetes.spec import STAGES, Way
from lockgate.export.kubernetes.text import as_yaml
from lockgate.sandbox.settings import Limits
from tests.support.kubernetes import IMAGE, SPEC, Objects

yaml: Any = import_module("yaml")
CONFIG = """
[project]
name = "flights"
[data]
sources = ["data/*.csv"]
contract = "contract.py:Flight"
label = "late"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a lockgate.toml that names an image."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "lockgate.toml").write_text(f'{CONFIG}[kubernetes]\nimage = "{IMAGE}"\ncallers = ["web"]\n')
    return root


def test_jailed_pods_reach_nobody_and_nobody_reaches_them() -> None:
    """Not DNS, not the cluster, not the world, in neither direction."""
    matrix = reach.network(Objects().all)
    for name in ("Job lockgate-train/train", "Job lockgate-judge/judge"):
        assert matrix[name] == {}
        assert [source for source, targets in matrix.items() if name in targets] == []


def test_the_network_is_exactly_what_was_asked_for() -> None:
    """The whole matrix: callers to the gateway's port, ingest to its store and DNS, launchers to the API.

    A pod whose address nobody knows counts as inside a block, so that the block's port is told towards pods too.
    """
    assert {source: targets for source, targets in reach.network(Objects().all).items() if targets} == {
        "namespace web": {"Deployment lockgate/gateway": ["TCP/8080"]},
        "stage lockgate/ingest": {
            "cluster DNS": ["TCP/53", "TCP/443", "UDP/53"],
            "another namespace": ["TCP/443"],
            "namespace web": ["TCP/443"],
            "10.1.0.0/16": ["TCP/443"],
        },
        "stage lockgate/train": {
            "cluster DNS": ["TCP/443"],
            "another namespace": ["TCP/443"],
            "namespace web": ["TCP/443"],
            "10.96.0.1/32": ["TCP/443"],
        },
        "stage lockgate/judge": {
            "cluster DNS": ["TCP/443"],
            "another namespace": ["TCP/443"],
            "namespace web": ["TCP/443"],
            "10.96.0.1/32": ["TCP/443"],
        },
    }


def test_without_options_nobody_reaches_anybody() -> None:
    """Closed is the default: an empty matrix."""
    spec = replace(SPEC, callers=(), ingest_ways=(), api_ways=())
    assert [source for source, targets in reach.network(objects(spec)).items() if targets] == []


def test_only_launchers_have_rights_and_no_account_comes_to_a_key() -> None:
    """Two accounts start Jobs, each in a namespace of its own where no Secret is; nobody reads a Secret elsewhere."""
    table = reach.accounts(Objects().all)
    assert {name for name, found in table.items() if found["may"]} == {"lockgate/train", "lockgate/judge"}
    assert table["lockgate/train"]["secrets_of"] == ["lockgate-train"]
    assert table["lockgate/train"]["becomes"] == ["lockgate-train/default", "lockgate-train/train"]
    assert [name for name, found in table.items() if found["rules"]] == []
    assert set(reach.secrets_named(Objects().all)) == {"lockgate"}


def test_each_stage_names_its_own_key_and_no_key_is_written() -> None:
    """An account for each stage with the name of its Secret; there is no Secret, and no data, among the objects."""
    named = {
        each["metadata"]["name"]: [secret["name"] for secret in each.get("secrets", [])]
        for each in Objects().all
        if each["kind"] == "ServiceAccount" and each["metadata"]["namespace"] == "lockgate"
    }
    assert named == {
        "ingest": ["lockgate-key-ingester"],
        "validate": ["lockgate-key-validator"],
        "train": ["lockgate-key-trainer"],
        "judge": ["lockgate-key-judge"],
        "register": ["lockgate-key-signer"],
        "serve": ["lockgate-key-edge"],
    }
    assert set(named) == set(STAGES)
    assert {each["kind"] for each in Objects().all} & {"Secret", "ConfigMap"} == set()


def test_applying_the_set_starts_nothing() -> None:
    """The Jobs are suspended templates, and no gateway runs: its worker takes no socket from a folder yet."""
    found = Objects()
    assert [found.one("Job", name)["spec"]["suspend"] for name in ("train", "judge")] == [True, True]
    assert found.one("Deployment", "gateway")["spec"]["replicas"] == 0
    (why,) = found.one("Deployment", "gateway")["metadata"]["annotations"].values()
    assert why == "its worker takes no socket from a folder yet, and it has no certificate"


def test_a_launched_job_shows_single_files_and_nothing_else() -> None:
    """Each input by its own digest, read-only; the store as a whole, with the rows of the judge, is never mounted."""
    made = job(
        replace(SPEC, claim="blobs"), "train", name="train-1", command=("python",), inputs=[Input("a", "cd" * 32)]
    )
    pod = made["spec"]["template"]["spec"]
    assert broken([*(each for each in Objects().all if each["kind"] != "Job"), made]) == []
    assert made["spec"]["suspend"] is False
    assert pod["containers"][0]["volumeMounts"][-1] == {
        "name": "in",
        "mountPath": "/in/a",
        "subPath": "sha256/" + "cd" * 32,
        "readOnly": True,
    }


def test_limits_are_those_of_the_project() -> None:
    """Memory, disk and time are the `[train]` limits, plus what memory-backed files and our own process need."""
    limits = Limits(memory=1 << 30, shm_bytes=1 << 20, tmp_bytes=1, output_bytes=2, talk_bytes=3, wall_seconds=7)
    made = job(replace(SPEC, limits=limits), "train")
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {
        "cpu": "2",
        "memory": str((1 << 30) + (1 << 20) + (128 << 20)),
        "ephemeral-storage": "9",
    }
    assert pod["activeDeadlineSeconds"] == 7
    assert made["spec"]["activeDeadlineSeconds"] == 17


def test_only_gvisor_is_called_level_3() -> None:
    """On the node's own kernel a jailed pod is of level 2 at most."""
    assert level_of(job(SPEC, "train")) == 3
    assert level_of(job(replace(SPEC, runtime_class=""), "train")) == 2
    assert level_of(job(replace(SPEC, runtime_class="kata"), "train")) == 2


def test_the_text_is_the_objects_and_always_the_same() -> None:
    """What YAML reads is what was rendered, byte for byte the same each time."""
    text = as_yaml(objects(SPEC))
    assert list(yaml.safe_load_all(text)) == Objects().all
    assert as_yaml(objects(SPEC)) == text
    assert read_manifests(text, "all.yaml") == Objects().all


@pytest.mark.parametrize(
    "value",
    ["no", "1", "1.0", "null", "2026-01-01", "~", "a: b", "- a", "é", "\u2028", "\x7f", "😀", "", " #", "'\"\\", "0o7"],
)
def test_a_text_stays_a_text(value: str) -> None:
    """No text is read back as a number, a date, a truth value or another text; as a key neither."""
    document = {"kind": "X", "list": [value, [value, {"inner": value}]], value: {"empty": {}, "none": []}}
    assert yaml.safe_load(as_yaml([document])) == document


def test_files_apply_in_order() -> None:
    """Namespaces and walls come before whatever could start."""
    kinds = [each["kind"] for each in Objects().all]
    assert kinds.index("NetworkPolicy") < kinds.index("ServiceAccount") < kinds.index("Job")
    assert file_name(3, Objects().one("NetworkPolicy", "default-deny")) == "03-networkpolicy-lockgate-default-deny.yaml"


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("second time", "kind: A\nkind: B\n"),
        ("alias", "kind: A\na: &x [1]\nb: *x\n"),
        ("no text", "kind: A\n<<: {a: 1}\n"),
        ("no text", "kind: A\n1: a\n"),
        ("neither a text", "kind: A\nat: 2026-01-01\n"),
        ("no object", "- kind: A\n"),
        ("no object", "just words"),
        ("second time", '{"kind": "A", "kind": "B"}'),
        ("nested", "kind: " + "[" * 5000),
        ("expected", "kind: [A\n"),
        ("cannot be read", '{"kind": 1'),
        ("cannot be read", "kind: !!python/object:os.system {}\n"),
        ("larger", "#" * (5 << 20)),
    ],
)
def test_a_manifest_has_one_reading(reason: str, text: str) -> None:
    """What two tools could read in two ways, or what is no object, is refused with the reason, never a traceback."""
    with pytest.raises(Usage, match=reason) as refusal:
        read_manifests(text, "x.yaml")
    assert refusal.value.finding == "LG932"


@pytest.mark.parametrize("image", ["", "lockgate", "registry.example/lockgate:1.0", IMAGE[:-1], IMAGE.upper()])
def test_an_image_is_named_by_digest(image: str) -> None:
    """A tag alone is refused before anything is rendered."""
    with pytest.raises(Usage, match="image") as refusal:
        KubernetesSettings(image=image).spec(port=8080, limits=Limits())
    assert refusal.value.finding == "LG931"


def test_ways_are_addresses_with_a_port() -> None:
    """An address, or a network of either family, and one port."""
    table = '[kubernetes]\napi = ["10.96.0.1/32:443", "[2001:db8::]/32:6443", "10.0.0.1:1"]\n'
    with pytest.raises(Usage):
        read_config(CONFIG + table.replace("10.0.0.1:1", "10.0.0.1/8:1"))  # not a network: bits of a host are set
    assert read_config(CONFIG + table.replace("[2001:db8::]/32", "2001:db8::/32")).kubernetes.api == (
        Way("10.96.0.1/32", 443),
        Way("2001:db8::/32", 6443),
        Way("10.0.0.1/32", 1),
    )


@pytest.mark.parametrize(
    "line",
    [
        'api = ["10.0.0.0/8"]',
        'api = ["host:443"]',
        'api = ["10.0.0.1:0"]',
        'api = ["10.0.0.1:99999"]',
        "cores = 0",
        'namespace = "Lockgate"',
        f'namespace = "{"a" * 58}"',
        'callers = ["*"]',
        'imgae = "x"',
    ],
)
def test_a_wrong_setting_is_refused(line: str) -> None:
    """With its line, before anything is rendered."""
    with pytest.raises(Usage) as refusal:
        read_config(f"{CONFIG}[kubernetes]\n{line}\n")
    assert refusal.value.finding == "LG942"


def test_the_command_writes_what_kubectl_reads(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Stdout is the stream of objects and nothing else; the talk says who reaches whom."""
    assert run(["export", "kubernetes", "-C", str(project)]) == 0
    out, err = capfd.readouterr()
    assert len(read_manifests(out, "stdout")) == 23
    assert "Job lockgate-train/train" in err
    assert "namespace web" in err


def test_the_command_writes_files_that_it_accepts(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One file per object in a new folder; --check of them says yes; a second export does not write over them."""
    folder = project / "cluster"
    assert run(["export", "kubernetes", "-C", str(project), "--out", str(folder)]) == 0
    files = sorted(map(str, folder.iterdir()))
    assert len(files) == 23
    assert run(["export", "kubernetes", "--check", *files]) == 0
    assert run(["export", "kubernetes", "-C", str(project), "--out", str(folder)]) == 1
    assert "LG952" in capfd.readouterr().err


def test_check_refuses_what_somebody_weakened(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One edited line in one file: exit 1, the rule, the object and the field."""
    folder = project / "cluster"
    run(["export", "kubernetes", "-C", str(project), "--out", str(folder)])
    edited = folder / "21-job-lockgate-train-train.yaml"
    text = edited.read_text()
    edited.write_text(text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"))
    capfd.readouterr()
    assert run(["export", "kubernetes", "--json", "--check", *sorted(map(str, folder.iterdir()))]) == 1
    answer = json.loads(capfd.readouterr().out)
    assert answer["finding"] == "LG930"
    assert answer["seen"]["broken"] == [
        {
            "rule": "read-only-root",
            "object": "Job lockgate-train/train",
            "place": "containers[0].securityContext.readOnlyRootFilesystem",
            "why": "the program can be written over",
        }
    ]


def test_json_has_objects_network_and_accounts(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object with a schema: what was rendered, who reaches whom, who may do what, and the level."""
    assert run(["export", "kubernetes", "-C", str(project), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert answer["schema"] == "lockgate.export-kubernetes/v1"
    assert answer["network"]["Job lockgate-train/train"] == {}
    assert answer["accounts"]["lockgate-train/train"]["may"] == []
    assert answer["jail_level"] == 3
    assert broken(answer["objects"]) == []


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ["--check", "missing.yaml"]),
        (2, ["stray.yaml"]),
        (2, ["--check", "."]),
        (2, ["--check", "empty.yaml"]),
        (2, ["--check", "binary.yaml"]),
    ],
)
def test_a_wrong_call_is_told(
    code: int, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No file, no object, no text: an id and a next command, never a traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.yaml").write_text("---\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    assert run(["export", "kubernetes", *arguments]) == code
    err = capfd.readouterr().err
    assert "LG999" not in err
    assert "next:" in err


def test_nothing_is_written_that_breaks_a_rule(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the renderer stops the export: no folder is made."""
    monkeypatch.setattr("lockgate.export.kubernetes.pods.UID", 0)
    assert run(["export", "kubernetes", "-C", str(project), "--out", str(project / "cluster")]) == 1
    assert "LG930" in capfd.readouterr().err
    assert not (project / "cluster").exists()
