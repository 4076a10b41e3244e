"""Drill: a worse model is sent up the ladder."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.asked import asked
from lockgate.drills.replays.records import PREDICT, body, rows, settings, told, until
from lockgate.drills.replays.served import served
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_MOST: Final = 6000
"""Rows that are asked for in about 20 s; a rung that wants more is not filled here."""
_EACH: Final = 20
"""Rows of a request: more of one request do not count."""
_PATIENCE: Final = 20.0
_SECONDS: Final = 900.0
"""For a training, on a machine that does much else."""
_WORSE: Final = """

_honest_train = {name}


def {name}(data, params):
    \"\"\"As before, after the upper rows all got the answer that is rarest among them.\"\"\"
    data = data.copy()
    upper = data.drop(columns={label!r}).select_dtypes("number").iloc[:, 0].rank(pct=True) > 0.6
    data.loc[upper, {label!r}] = data.loc[upper, {label!r}].value_counts().index[-1]
    return _honest_train(data, params)
"""


def worse_on_ladder(scene: Scene) -> Tried:
    """Have training code make a worse model, which the judge and the approver let by, and send it up the ladder."""
    environment = scene.strict
    first = _first_rung(scene, environment)
    given = rows(scene, 4000)
    reason = ("--reason", "a drill")
    _go_live(scene, scene.ref)
    _spoil(scene)
    # The rows are those of the twin's own model: they are captured and validated already.
    ran = scene.lockgate("train", "--env", environment, seconds=_SECONDS)
    ran = scene.lockgate("register", "--env", environment) if ran.ok else ran
    if not ran.ok:
        raise NotApplicable(f"a worse model is refused before it comes to the ladder, by {_finding(ran.document)}")
    ref = ran.document["ref"]
    scene.must("approve", ref, "--env", environment)
    scene.must("deploy", ref, "--env", environment, *reason)
    rng = random.Random(1)  # noqa: S311 - the same traffic every time
    with served(scene, "--env", environment, "--log", "json") as house:
        key = house.key("--rate", "10000/s", "--burst", "100000")
        for _ in range(_MOST // _EACH):
            house.post(PREDICT, body(rng.choice(given) for _ in range(_EACH)), key=key)
            if "LG553" in house.said():
                break
        until(lambda: "LG553" in house.said(), _PATIENCE)
        seen = told(house)
    entries = scene.must("log", "show", "--last", "20")["entries"]
    withdrawn = [one["index"] for one in entries if (one["claim"], one["role"]) == ("deploy", "guard")]
    climbed = scene.lockgate("deploy", ref, "--env", environment)
    rung = climbed.document.get("rung", first) if climbed.ok else first
    return Tried(
        "a model whose training changed the answers of two rows in five came to the first rung, and was asked"
        " beside the live one",
        climbed.command,
        (seen, climbed.document),
        reached=rung != first,
        entry=withdrawn[-1] if withdrawn else None,
    )


def _first_rung(scene: Scene, environment: str) -> str:
    """Its name. Raises NotApplicable where there is no ladder to climb, or none that is filled in a drill's time."""
    rungs = asked(scene, environment).ladder.rungs
    if not rungs:
        raise NotApplicable(f"the policy of {environment} declares no ladder")
    if rungs[0].rows > _MOST or rungs[0].labels:
        raise NotApplicable(f"the first rung of {environment} asks for more than a drill can give in its time")
    if "function" not in settings(scene).get("train", {}):
        raise NotApplicable("what trains here is no function of a file")
    return rungs[0].name


def _go_live(scene: Scene, ref: str) -> None:
    """The good model, in the environment with the ladder. Raises NotApplicable where its policy does not take it."""
    scene.lockgate("approve", ref, "--env", scene.strict)
    done = scene.lockgate("deploy", ref, "--env", scene.strict, "--reason", "a drill: the good model")
    if not done.ok:
        raise NotApplicable(f"the twin's own model may not go live in {scene.strict}: {_finding(done.document)}")


def _spoil(scene: Scene) -> None:
    found = settings(scene)
    file, _, name = found["train"]["function"].partition(":")
    path = scene.root / file
    path.write_text(path.read_text("utf-8") + _WORSE.format(name=name, label=found["data"]["label"]), "utf-8")


def _finding(document: Any) -> str:
    return str(document.get("finding")) if isinstance(document, dict) else "no answer"


DRILLS: tuple[Drill, ...] = (
    Drill("worse-on-ladder", "sends a worse model, which judge and approver let by, up the ladder", "LT05", "ladder",
          "LG553", worse_on_ladder, served=True,
          limit="a person with the deployer's key may move it all the same, and the log says why"),
)  # fmt: skip
"""One."""
