"""The small parts: excerpts, tables, and the viewer's host."""

import component
import style


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


def test_the_host_and_the_viewer_agree_on_names():
    """picture.js calls what main.js of the viewer gives."""
    bundle = component.bundle()
    script = (component._HERE / "picture.js").read_text()
    for name in ("position", "on", "destroy"):
        assert f"{name}:" in bundle
        assert f".{name}(" in script
    assert "VIEWER_SOURCE" in (component._HERE / "viewer_source.js").read_text()
