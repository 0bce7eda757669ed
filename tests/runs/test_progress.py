"""Progress: clocks, and the plain lines that a log gets. The clock is a fake one."""

from __future__ import annotations

import pytest

from precepts.runs import progress
from precepts.runs.progress import Progress, clock


class Clock:
    """A clock that stands still until it is told."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (-3, "0:00"),
        (9.4, "0:09"),
        (59.6, "1:00"),
        (75, "1:15"),
        (3599, "59:59"),
        (3725, "1:02:05"),
        (90061, "25:01:01"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_gets_a_line_now_and_then_with_the_time_left(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().task("[2/9] respond", 10, done=2) as task:
        for _ in range(8):
            time.now += 6
            task.advance(note="busy")
    assert capsys.readouterr().err.splitlines() == [
        "  [2/9] respond  2/10 chunks  0:00 elapsed, time left: measuring",
        "  [2/9] respond  4/10 chunks  0:12 elapsed, 0:36 left  busy",
        "  [2/9] respond  6/10 chunks  0:24 elapsed, 0:24 left  busy",
        "  [2/9] respond  8/10 chunks  0:36 elapsed, 0:12 left  busy",
        "  [2/9] respond  10/10 chunks  took 0:48",
    ]


def test_of_work_found_done_nothing_is_left(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().task("sl", 3, done=3, unit="steps"):
        time.now += 5
    assert capsys.readouterr().err == "  sl  3/3 steps  0:00 elapsed, nothing left\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Progress(quiet=True)
    quiet.say("hello")
    with quiet.task("sl", 3) as task:
        task.advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_live_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress()
    shown.live = True
    with shown.task("sl [brackets]", 3) as task:
        task.advance(3)
    assert "sl [brackets]  3/3 chunks  took 0:00" in capsys.readouterr().err
