"""The small parts: excerpts, the strip, pictures, and the graph's host."""

import component
import numpy
import style
import torch
from inspector import pixels
from opening import first_choice, open_choice
from timeline import bars

from graphtools.picture import picture


def test_an_excerpt_marks_the_line_and_the_column():
    lines = ["def f(x):", "    y = g(<x>)", "    return y"]
    found = style.excerpt(lines, 2, 9)
    assert '<div class="here"><i>2</i>    y = <u>g(&lt;x&gt;)</u></div>' in found
    assert found.count("<div>") == 2
    assert style.excerpt(lines, 2, 9, failed=True).count('class="failed"') == 1
    assert style.excerpt(lines, 9) == ""


def test_an_excerpt_drops_the_margin_that_all_lines_have():
    assert '<div class="here"><i>1</i>a = 1</div>' in style.excerpt(["    a = 1", "", "    b = 2"], 1)


def test_a_table_escapes_what_it_shows():
    assert "<script>" not in style.table([("<script>", "<script>")])
    assert "class=bad>3 NaN" in style.table([("NaN", "!3 NaN")], numbers=True)


def test_the_strip_has_a_bar_for_each_operation():
    opened = open_choice(first_choice())
    assert bars(opened, 4).count("M") == len(opened.operations) + 1
    assert "66" in bars(opened, 0)


def test_a_heat_map_shows_what_is_not_finite_in_red():
    values = torch.zeros(2, 3)
    values[0, 1] = float("nan")
    found = pixels(picture(values))
    assert found.dtype == numpy.uint8
    assert found.shape == (2, 3, 3)
    assert found[0, 1].tolist() == [255, 0, 64]
    assert pixels(picture(torch.full((2, 2), float("inf")))).shape == (2, 2, 3)


def test_the_host_and_the_viewer_agree_on_names():
    """picture.js calls what main.js of the viewer gives, and hides what the viewer calls so."""
    bundle = component.bundle()
    script = (component._HERE / "picture.js").read_text()
    for name in ("select", "setOpen", "rectOf", "on", "destroy"):
        assert f"{name}:" in bundle
        assert f".{name}(" in script
    assert "VIEWER_SOURCE" in (component._HERE / "store.js").read_text()
