"""The pure half of the sandbox: settings, view, arguments, frames, id maps, reports."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.digest import digest_of
from lockgate.errors import Unfit, Usage
from lockgate.sandbox._bwrap.arguments import HARNESS, bubblewrap_arguments
from lockgate.sandbox._idmap import exchange
from lockgate.sandbox._view import view_of
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.sandbox.jail import frames
from lockgate.sandbox.launch import Target
from lockgate.sandbox.machine import Fitness, apparmor_mend
from lockgate.sandbox.report import JailReport, Probe
from lockgate.sandbox.settings import Bind, JailSettings, Limits, named

OWN = PythonEnv.own()


@pytest.mark.parametrize(
    "target", ["relative", "/", "/a/../b", "/./a", "/a//b", "/a b", "/proc/x", "/env", "/lockgate/lockgate", "/usr/bin"]
)
def test_a_bind_lands_at_a_plain_path_that_is_not_the_jails_own(target: str) -> None:
    """Nothing can be bound over what the jail itself is made of."""
    with pytest.raises(ValueError, match=r"plain|belongs"):
        Bind(Path("/x"), target)
    assert Bind(Path("/x"), "/in/data.csv").target == "/in/data.csv"


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1"])
def test_limits_are_finite_and_positive(value: object) -> None:
    """There is no spelling for "unlimited"."""
    with pytest.raises(ValueError, match="memory"):
        Limits(memory=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("variable", ["LD_PRELOAD", "LD_LIBRARY_PATH", "A B", "", "1A"])
def test_the_loader_cannot_be_steered(variable: str) -> None:
    """No variable of the dynamic loader, and no spelling that is not a variable."""
    with pytest.raises(ValueError, match="variable"):
        named("train", python=OWN, environment=[(variable, "x")])


def test_two_binds_cannot_share_a_place() -> None:
    """Which of them would win must not be a question."""
    with pytest.raises(ValueError, match="same target"):
        named("train", python=OWN, binds=[Bind(Path("/a"), "/in/x")], writable=[Bind(Path("/b"), "/in/x")])


def test_the_digest_names_the_settings_and_not_the_host() -> None:
    """Two machines with the same settings have the same digest; any setting changes it."""
    here = named("train", python=OWN, binds=[Bind(Path("/home/a/x"), "/in/x")])
    there = replace(
        here, python=PythonEnv(Path("/opt/p/bin/python3"), Path("/opt/p")), binds=(Bind(Path("/b/x"), "/in/x"),)
    )
    assert here.digest == there.digest
    others: list[JailSettings] = [
        replace(here, network=True),
        replace(here, memfd=True),
        replace(here, limits=Limits(tasks=255)),
        replace(here, name="judge"),
        replace(here, environment=(("A", "b"),)),
        replace(here, binds=()),
    ]
    assert len({here.digest, *(other.digest for other in others)}) == 1 + len(others)


def test_only_edge_and_tools_reach_the_network() -> None:
    """The named sets, each as its name promises."""
    names = ("train", "judge", "parse", "contract", "worker", "edge", "sealer", "controller", "tools", "user")
    assert {name for name in names if named(name, python=OWN).network} == {"edge", "tools"}  # type: ignore[arg-type]
    assert {name for name in names if named(name, python=OWN).memfd} == {"edge", "worker"}  # type: ignore[arg-type]


def test_a_missing_source_is_named() -> None:
    """LG903 with the path, before anything starts."""
    with pytest.raises(Usage) as refused:
        view_of(named("train", python=OWN, binds=[Bind(Path("/no/such/file"), "/in/x")]))
    assert refused.value.finding == "LG903"
    assert refused.value.seen == {"path": "/no/such/file"}


def test_the_view_holds_no_folder_of_secrets(tmp_path: Path) -> None:
    """No /etc, /home, /root, /run, /var or /sys as a whole, and the temporary folder comes before what lies in it."""
    view = view_of(named("train", python=OWN, binds=[Bind(tmp_path, "/job")]))
    targets = [mount.target for mount in view.mounts]
    assert not {"/etc", "/home", "/root", "/run", "/var", "/sys", "/"} & set(targets)
    assert not {"/etc", "/home", "/root", "/run", "/var", "/sys", "/"} & {mount.source for mount in view.sources()}
    assert targets.index("/tmp") < min(targets.index(target) for target in ("/env", "/lockgate/lockgate", "/out"))
    assert view.cwd == "/job"


def test_the_arguments_hold_what_the_design_names(tmp_path: Path) -> None:
    """Namespaces, no nesting, nobody, no way to take a protection away by a setting; only the network is a choice."""
    view = view_of(named("train", python=OWN, binds=[Bind(tmp_path, "/job")]))
    closed, open_ = bubblewrap_arguments(view, network=False), bubblewrap_arguments(view, network=True)
    assert set(closed) - set(open_) == {"--unshare-net"}
    assert "--share-net" not in closed
    assert "--dev-bind" not in closed
    assert list(HARNESS) == [closed[at + 1] for at, argument in enumerate(closed) if argument == "--cap-add"]


def test_an_environment_is_found_by_its_configuration(tmp_path: Path) -> None:
    """`home` of pyvenv.cfg names the base; a folder without one is refused."""
    assert PythonEnv.of(Path(sys.prefix)).base_python == OWN.base_python
    with pytest.raises(Unfit) as refused:
        PythonEnv.of(tmp_path)
    assert refused.value.finding == "LG902"


def test_every_spelling_of_the_base_is_shown(tmp_path: Path) -> None:
    """An environment whose python goes through a linked prefix finds it at that place too."""
    real = tmp_path / "python-3.11.7"
    (real / "bin").mkdir(parents=True)
    (real / "bin" / "python3").write_text("")
    (tmp_path / "python-3.11").symlink_to(real)
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "python-3.11" / "bin" / "python3")
    (venv / "pyvenv.cfg").write_text(f"home = {tmp_path}/python-3.11/bin\n")
    assert PythonEnv.of(venv).prefixes() == (real, tmp_path / "python-3.11")


def test_a_target_is_a_module_or_a_command() -> None:
    """One of the two, never both, and no argument that the system call would cut."""
    for wrong in ({}, {"module": "a", "command": ("b",)}, {"command": ("b",), "arguments": ("c",)}):
        with pytest.raises(ValueError, match="target"):
            Target(**wrong)
    with pytest.raises(ValueError, match="NUL"):
        Target(command=("a\0b",))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=300))), st.integers(1, 64))
def test_frames_come_out_as_they_went_in(sent: list[tuple[bytes, bytes]], step: int) -> None:
    """Whatever the pieces in which they arrive."""
    data = b"".join(frames.frame(kind, payload) for kind, payload in sent)
    parser = frames.Parser()
    assert sent == [found for at in range(0, len(data), step) for found in parser.feed(data[at : at + step])]


@given(st.lists(st.binary(max_size=50)))
def test_fields_come_out_as_they_went_in(fields: list[bytes]) -> None:
    """Empty ones too."""
    assert fields == frames.unpack(frames.pack(fields))


@pytest.mark.parametrize("payload", [b"\1", b"\5\0\0\0abc", b"\xff\xff\xff\xffx"])
def test_cut_fields_are_refused(payload: bytes) -> None:
    """A length that does not fit is no field."""
    with pytest.raises(ValueError, match="cut off"):
        frames.unpack(payload)


def test_a_frame_has_a_largest_size() -> None:
    """The launcher never holds more of one frame than that, whatever the jail says."""
    with pytest.raises(ValueError, match="too long"):
        frames.Parser().feed(b"D" + (frames.LARGEST + 1).to_bytes(4, "little"))


@given(st.integers(0, 2**32 - 3), st.integers(0, 2**32 - 3), st.integers(0, 2**32 - 2))
def test_an_id_map_swaps_two_and_keeps_the_rest(owner: int, shown: int, other: int) -> None:
    """A permutation: no two users become one."""

    def mapped(number: int) -> int:
        for line in exchange(owner, shown).splitlines():
            inside, outside, count = map(int, line.split())
            if inside <= number < inside + count:
                return outside + number - inside
        raise AssertionError(number)

    assert (mapped(owner), mapped(shown)) == (shown, owner)
    if other not in (owner, shown):
        assert mapped(other) == other


def test_one_open_probe_is_no_level() -> None:
    """A jail with a hole is not a weaker jail; the refusal names probe, flag and witness."""
    probes = (Probe("session", "--new-session", True, "session 1"), Probe("user", "--uid", False, "0 0 0 0"))
    report = JailReport("bubblewrap 0.11.0", "train", digest_of(b""), probes, {"memory": "watchdog"})
    assert report.level == 0
    assert replace(report, probes=probes[:1]).level == 3
    with pytest.raises(Unfit, match=r"user \(0 0 0 0\)") as refused:
        report.require(3)
    assert refused.value.exit_code == 4


def test_the_mend_is_for_this_bwrap_alone() -> None:
    """Ubuntu's rule is answered by a profile for one path, and the command can be pasted as it is."""
    mend = apparmor_mend("/opt/my env/bin/bwrap")
    assert 'profile lockgate-bwrap "/opt/my env/bin/bwrap"' in mend
    assert mend.endswith("sudo apparmor_parser -r /etc/apparmor.d/lockgate-bwrap")


def test_an_unfit_machine_stops_with_its_mend() -> None:
    """Exit 4, LG901, and the one command."""
    with pytest.raises(Unfit) as refused:
        Fitness(0, "none", "why", "the command").require()
    assert (refused.value.finding, refused.value.next) == ("LG901", "the command")
    Fitness(3, "bubblewrap").require()
