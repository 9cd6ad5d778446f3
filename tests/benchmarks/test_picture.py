"""A result becomes a picture that a browser can read and a person can check."""

from xml.etree import ElementTree

import pytest

from benchmarks.picture import Bar, bars, figures

SVG = "{http://www.w3.org/2000/svg}"


def test_each_bar_is_as_long_as_its_figure_and_the_goal_is_marked() -> None:
    drawn = ElementTree.fromstring(
        bars("a < b", [Bar("one & only", 50), Bar("two", 100)], [Bar("to reach", 80)], "note")
    )
    widths = [float(rect.attrib["width"]) for rect in drawn.iter(f"{SVG}rect")]
    assert widths[0] * 2 == pytest.approx(widths[1], abs=0.2)
    words = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"a < b", "one & only", "two", "50", "100", "to reach 80", "note"} <= set(words)


def test_figures_are_found_by_path_in_lists_too() -> None:
    result = {"ratio": 2, "seconds": {"10": [{"total": 1.5}, {"total": 2.5}]}}
    assert (figures(result, "ratio"), figures(result, "seconds.10.total")) == ([2.0], [1.5, 2.5])


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="name a figure"):
        bars("empty", [])
