"""What a person reads of a controller: an alarm that nothing came of, and no flood."""

from __future__ import annotations

from lockgate.supervise.alarms import (
    AGAIN_SECONDS,
    LATE_SECONDS,
    MINUTE,
    MOST_LINES,
    SAME_SECONDS,
    Lines,
    Unheeded,
)


def test_an_alarm_that_nothing_came_of_is_told_after_a_while_and_again() -> None:
    """With what keeps it; reported again and again, it is the same alarm."""
    alarm = Unheeded()
    alarm.reported(2, 10.0)
    assert alarm.late(2, 14.9) == ""
    alarm.reported(2, 14.0)
    alarm.waits("LG807 somebody is at work")
    assert alarm.late(2, 10.0 + LATE_SECONDS) == "for 5 seconds nothing was moved: LG807 somebody is at work"
    assert alarm.late(2, 60.0) == ""
    assert alarm.late(2, 15.0 + AGAIN_SECONDS).startswith("for 65 seconds")


def test_an_alarm_is_over_with_the_move_or_with_another_one() -> None:
    """Made, or refused for good; or somebody moved the model: nothing is told of it."""
    for newest, over in ((2, True), (3, False), (None, False)):
        alarm = Unheeded()
        alarm.reported(2, 0.0)
        if over:
            alarm.over()
        assert alarm.late(newest, LATE_SECONDS) == alarm.late(2, 2 * LATE_SECONDS) == ""


def test_a_controller_s_lines_come_once_and_few_at_a_time() -> None:
    """The same one once in an hour, others a few in a minute, and how many were left out. Others pass at once."""
    said: list[str] = []
    line = Lines(said.append)
    for _ in range(100):
        line("LG553 the same", 0.0)
    assert said == ["LG553 the same"]
    for number in range(10_000):
        line(f"LG553 {number}", 1.0)
    assert said == ["LG553 the same", *(f"LG553 {number}" for number in range(MOST_LINES - 1))]
    said.clear()
    line("LG554 another", MINUTE)
    assert said == ["controller: LG684 it said 9995 lines more than are shown in a minute", "LG554 another"]
    line("LG553 the same", SAME_SECONDS)
    assert said[-1] == "LG553 the same"
