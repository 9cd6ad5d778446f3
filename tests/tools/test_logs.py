"""What a log line holds, as text and as JSON."""

import json
import logging
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from runtime import logs
from settings import LogFormat

correlation: ContextVar[str] = ContextVar("test_correlation", default="")


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_has_time_level_logger_and_the_correlation_id_of_the_work_in_hand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogFormat.JSON, "INFO", correlation)
    before = correlation.set("f00e9dc5a125a1ed")
    logging.getLogger("pegline.test").info("order %s placed", "4500000017")
    correlation.reset(before)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "pegline.test",
        "message": "order 4500000017 placed",
        "correlation_id": "f00e9dc5a125a1ed",
    }


def test_a_text_line_has_the_same_and_info_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.TEXT, "INFO", correlation)
    logging.getLogger("pegline.test").info("relay runs")
    line = capsys.readouterr().err
    assert line.endswith("Z INFO pegline.test [-] relay runs\n")


def test_an_exception_stays_on_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.JSON, "INFO", correlation)
    try:
        raise ValueError("no such code")
    except ValueError:
        logging.getLogger("pegline.test").exception("refused")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: no such code" in json.loads(line)["exc_info"]


def test_levels_below_the_setting_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.TEXT, "WARNING", correlation)
    logging.getLogger("pegline.test").info("not shown")
    logging.getLogger("pegline.test").warning("shown")
    assert [line.rsplit(" ", 1)[-1] for line in capsys.readouterr().err.splitlines()] == ["shown"]
