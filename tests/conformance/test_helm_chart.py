"""kit/helm/lockgate, rendered by Helm itself, gives the objects of `lockgate export kubernetes` and nothing else."""

from __future__ import annotations

import io
import tarfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockgate.export.kubernetes.rules import broken
from lockgate.export.kubernetes.spec import KubernetesSpec, Way
from lockgate.sandbox.settings import Limits
from scripts.release_papers import chart as packed
from tests.support.chart import CHART, by_name, exported, loaded, rendered, values_of
from tests.support.kubernetes import IMAGE, SPEC

helm: Any = pytest.importorskip("helm_python.chart", reason="Helm's library is not in this environment (x86-64 only)")
pytest.importorskip("yaml", reason="PyYAML is not in this environment")

NAME = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
WAY = st.builds(
    Way,
    st.sampled_from(["10.96.0.1/32", "0.0.0.0/0", "2001:db8::/32", "::1/128", "192.0.2.0/24"]),
    st.integers(1, 65535),
)
WAYS = st.lists(WAY, max_size=3).map(tuple)
SIZE = st.integers(1, 1 << 45)
LIMITS = st.builds(
    Limits,
    memory=SIZE,
    wall_seconds=st.integers(1, 10**7),
    output_bytes=SIZE,
    talk_bytes=SIZE,
    tmp_bytes=SIZE,
    shm_bytes=SIZE,
)
SPECS = st.builds(
    KubernetesSpec,
    image=st.just(IMAGE),
    namespace=NAME,
    runtime_class=st.one_of(st.just(""), NAME),
    claim=st.one_of(st.just(""), NAME),
    cores=st.integers(1, 512),
    port=st.integers(1, 65535),
    callers=st.lists(NAME, max_size=3).map(tuple),
    ingest_ways=WAYS,
    api_ways=WAYS,
    limits=LIMITS,
)


@given(SPECS)
@example(SPEC)
@example(KubernetesSpec(image=IMAGE))
@example(KubernetesSpec(image=IMAGE, namespace="0", claim="1e3", runtime_class="007", callers=("null", "true", "15")))
@settings(max_examples=25, deadline=None)
def test_the_chart_gives_what_the_export_gives(spec: KubernetesSpec) -> None:
    """The same objects, field by field, for any settings: names that look like numbers, numbers beyond 32 bits."""
    assert by_name(exported(spec)) == by_name(rendered(values_of(spec)))


def test_what_values_yaml_says_is_what_the_settings_say() -> None:
    """Only the image has no default: the rest of values.yaml is what lockgate.toml has where nothing is said."""
    assert by_name(exported(KubernetesSpec(image=IMAGE))) == by_name(rendered({"image": IMAGE}))
    assert {**loaded().values, "image": IMAGE} == values_of(KubernetesSpec(image=IMAGE))


def test_lockgate_s_own_rules_find_nothing() -> None:
    """As `lockgate export kubernetes --check` after an edit; a chart that lost a wall is found."""
    whole = rendered(values_of(SPEC))
    assert broken(whole) == []
    lost = [one for one in whole if (one["kind"], one["metadata"]["name"]) != ("NetworkPolicy", "default-deny")]
    assert len(broken(lost)) > 0


@pytest.mark.parametrize(
    "more",
    [
        {"image": ""},
        {"image": "registry.example/lockgate:1.0"},
        {"image": IMAGE + "\n"},
        {"image": IMAGE.upper()},
        {"namespace": ""},
        {"namespace": 'x"\n  annotations: {a: b}'},
        {"namespace": "a" * 58},
        {"runtimeClass": "a/b"},
        {"claim": "A"},
        {"cores": 0},
        {"cores": 1.5},
        {"cores": "2"},
        {"port": 65536},
        {"callers": ["*"]},
        {"callers": "web"},
        {"ingestTo": [{"cidr": "10.0.0.0/8"}]},
        {"ingestTo": [{"cidr": "everywhere", "port": 443}]},
        {"api": [{"cidr": "10.0.0.1/32", "port": 443, "protocol": "UDP"}]},
        {"limits": {"memory": "2Gi"}},
        {"limits": {"memory": 0}},
        {"limits": {"memory": None}},
        {"limits": {"swap": 1}},
        {"hostNetwork": True},
        {"extraObjects": ["x"]},
    ],
    ids=str,
)
def test_values_that_are_refused(more: dict[str, Any]) -> None:
    """No tag, no injected line, no unknown key, no wrong type: Helm itself says no, by the chart's schema."""
    with pytest.raises(import_module("helm_python").HelmValuesError):
        rendered({**values_of(SPEC), **more})


def test_helm_s_linter_finds_nothing() -> None:
    """Strictly; it recommends an icon, and nothing else. Without an image it refuses the values."""
    report = helm.lint(CHART, values_of(SPEC), strict=True)
    assert [(one["severity"], one["error"]) for one in report["messages"]] == [(1, "icon is recommended")]
    assert report["errors"] == []
    assert helm.lint(CHART, {}, strict=True)["errors"] != []


def test_helm_takes_the_archive_of_a_release(tmp_path: Path) -> None:
    """The .tgz that `make release` writes is a chart, the same one."""
    files = [(path.relative_to(CHART).as_posix(), path.read_bytes()) for path in CHART.rglob("*") if path.is_file()]
    data = packed(files, 1_700_000_000)
    with helm.Chart.load_archive(data) as chart:
        assert chart.metadata == loaded().metadata
        assert chart.render(values_of(SPEC)) == loaded().render(values_of(SPEC))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"lockgate"}


def test_the_notes_name_what_is_to_do() -> None:
    """Every Secret that an account may mount, by the names of the roles."""
    notes = loaded().render(values_of(SPEC))["lockgate/templates/NOTES.txt"]
    roles = {each["name"] for one in rendered(values_of(SPEC)) for each in one.get("secrets", [])}
    assert {role.removeprefix("lockgate-key") for role in roles} - set(notes.replace(",", " ").split()) == {"-ingester"}
    assert "lockgate-key-ingester" in notes
