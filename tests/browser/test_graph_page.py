"""What a person sees and does in the page, in a real browser, opened from a file."""

import pytest
from watched import Watched

from graphtools.graph import Capture, Failure, Graph, Module, Node, Output, Ref, Source, Spec
from graphtools.viewer.notebook import repr_html
from graphtools.viewer.page import to_html

EVIL = '<img src="x" onerror="window.hacked = 1">'
API = "document.getElementById('graph').graphtools"


class Opened(Watched):
    """The page of a graph."""

    def __init__(self, browser, file, **settings):
        super().__init__(browser, file.as_uri(), **settings)
        self.page.wait_for_selector("#graph[data-ready]")

    def row(self, name):
        return self.page.locator(f"[role=treeitem][data-id='{name}']")

    def rect(self, name):
        return self.page.evaluate(f"name => {API}.rectOf(name)", name)

    def click(self, name, clicks=1):
        rect = self.rect(name)
        self.page.mouse.click(
            rect["x"] + rect["width"] / 2, rect["y"] + min(rect["height"] / 2, 24), click_count=clicks
        )

    def card(self):
        return self.page.locator("aside.inspector")


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def open_graph(graph, **settings):
        file = tmp_path / "graph.html"
        to_html(graph, file)
        pages.append(Opened(browser, file, **settings))
        return pages[-1]

    yield open_graph
    for one in pages:
        one.page.context.close()
        assert one.complaints == []
        assert one.dialogs == []
        assert one.requests == [one.url]


def blocks(count=12, title="Net", failure=None, settings=""):
    """`count` residual blocks of four operations; more than the first view opens."""
    shape = (Output((), Spec("f32", (2, 8))),)
    nodes = [Node("x", "input", "x", outputs=shape)]
    last = "x"
    modules = {"": Module("", "net.Net")}
    for i in range(count):
        scope = f"blocks.{i}"
        modules[scope] = Module(scope, "net.Block", settings)
        modules[f"{scope}.fc"] = Module(f"{scope}.fc", "torch.nn.Linear", "in_features=8, out_features=8, bias=True")
        nodes.append(
            Node(
                f"fc{i}",
                "call",
                "torch.nn.functional.linear",
                (Ref(last),),
                outputs=shape,
                scope=f"{scope}.fc",
                source=Source("net.py", 10 + i),
            )
        )
        nodes.append(Node(f"relu{i}", "call", "torch.relu", (Ref(f"fc{i}"),), outputs=shape, scope=scope))
        nodes.append(Node(f"tanh{i}", "call", "torch.tanh", (Ref(f"relu{i}"),), outputs=shape, scope=scope))
        nodes.append(Node(f"add{i}", "call", "operator.add", (Ref(f"tanh{i}"), Ref(last)), outputs=shape, scope=scope))
        last = f"add{i}"
    if failure is None:
        nodes.append(Node("output", "output", "output", (Ref(last),), outputs=shape))
    return Graph(tuple(nodes), modules, Capture(model=title), failure)


def test_page_opens_collapsed_without_errors_or_requests(opened):
    page = opened(blocks())
    assert page.page.locator("canvas.graph").count() == 1
    assert page.row("blocks.0").get_attribute("aria-expanded") == "false"
    assert page.row("fc0").count() == 0
    # The canvas is not blank.
    colors = page.page.evaluate(
        """() => { const c = document.getElementById('graph').shadowRoot.querySelector('canvas.graph');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const s = new Set();
        for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i+1] << 8 | d[i+2]); return s.size; }"""
    )
    assert colors > 50


def test_the_sign_opens_a_group_which_stays_where_it_was(opened):
    page = opened(blocks())
    before = page.rect("blocks.1")
    page.page.mouse.click(before["x"] + before["width"] - 10, before["y"] + 10)
    after = page.rect("blocks.1")
    assert after["open"]
    assert page.row("blocks.1").get_attribute("aria-expanded") == "true"
    assert page.row("fc1").count() == 1
    assert abs(after["y"] - before["y"]) < 0.01
    assert abs(after["x"] + after["width"] / 2 - before["x"] - before["width"] / 2) < 0.01


def test_double_click_opens_and_closes(opened):
    page = opened(blocks())
    page.click("blocks.0", 2)
    assert page.rect("blocks.0")["open"]
    page.click("blocks.0", 2)
    assert not page.rect("blocks.0")["open"]


def test_click_shows_details_and_another_on_nothing_hides_them(opened):
    page = opened(blocks())
    page.click("blocks.0", 2)
    page.click("fc0")
    card = page.card()
    assert card.locator("h2").inner_text() == "fc0 Linear 8→8"
    for text in (
        "torch.nn.functional.linear",
        "f32[2, 8]",
        "blocks.0.fc",
        "net.py:10",
        "in_features=8, out_features=8, bias=True",
    ):
        assert text in card.inner_text()
    card.get_by_role("button", name="relu0").click()
    assert card.locator("h2").inner_text() == "relu0"
    page.page.mouse.click(15, 700)
    assert card.is_hidden()


def test_find_goes_into_a_closed_group(opened):
    page = opened(blocks())
    page.page.keyboard.press("/")
    page.page.keyboard.type("tanh7")
    assert page.page.locator(".find [role=option]").count() == 1
    page.page.keyboard.press("Enter")
    assert page.rect("blocks.7")["open"]
    assert page.card().locator("h2").inner_text() == "tanh7"
    rect = page.rect("tanh7")
    assert 0 < rect["y"] < 800


def test_find_says_when_nothing_is_found_and_closes_on_escape(opened):
    page = opened(blocks())
    page.page.keyboard.press("/")
    page.page.keyboard.type("zzz")
    assert page.page.get_by_text("Nothing found").is_visible()
    page.page.keyboard.press("Escape")
    assert page.page.get_by_role("dialog", name="Find").is_hidden()


def test_keyboard_alone_opens_and_walks(opened):
    page = opened(blocks())
    keys = page.page.keyboard
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    assert page.card().locator("h2").inner_text() == "blocks.0 Block"
    keys.press("Enter")
    assert page.rect("blocks.0")["open"]
    keys.press("ArrowDown")
    assert page.card().locator("h2").inner_text() == "fc0 Linear 8→8"
    keys.press("ArrowDown")
    assert page.card().locator("h2").inner_text() == "relu0"
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    assert page.card().locator("h2").inner_text() == "x input"
    keys.press("Escape")
    assert page.card().is_hidden()


def test_outline_is_a_tree_that_the_keyboard_drives(opened):
    page = opened(blocks())
    page.row("x").focus()
    keys = page.page.keyboard
    keys.press("ArrowDown")
    assert page.row("blocks").get_attribute("aria-expanded") == "true"
    keys.press("ArrowRight")
    assert page.row("blocks.0").get_attribute("aria-selected") == "true"
    keys.press("ArrowRight")
    assert page.row("blocks.0").get_attribute("aria-expanded") == "true"
    keys.press("ArrowRight")
    assert page.row("fc0").get_attribute("aria-selected") == "true"
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    assert page.row("blocks.0").get_attribute("aria-expanded") == "false"
    assert page.page.get_by_text("blocks.0 closed").count() == 1
    keys.press("End")
    assert page.row("output").get_attribute("aria-selected") == "true"


def test_all_rows_of_the_outline_are_read_aloud(opened):
    page = opened(blocks()).page
    page.locator("canvas.graph").focus()
    page.keyboard.press("e")
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    read = [node for node in nodes if not node["ignored"] and node["role"]["value"] == "treeitem"]
    assert len(read) == page.locator("[role=treeitem]").count() > 10
    assert all(node["name"]["value"] for node in read)


def test_open_all_close_all_and_fit(opened):
    page = opened(blocks())
    page.page.keyboard.press("e")
    assert page.page.get_by_role("treeitem").count() == 12 * 5 + 3
    page.page.keyboard.press("f")
    for name in ("x", "output"):
        rect = page.rect(name)
        assert 40 < rect["y"] < 800
    page.page.keyboard.press("c")
    assert page.page.get_by_role("treeitem").count() == 3


def test_wheel_zooms_at_the_pointer_and_drag_moves(opened):
    page = opened(blocks())
    before = page.rect("x")
    x, y = before["x"] + 30, before["y"] + 10
    page.page.mouse.move(x, y)
    page.page.mouse.wheel(0, -200)
    page.page.wait_for_function(f"w => {API}.rectOf('x').width > w * 1.1", arg=before["width"])
    after = page.rect("x")
    scale = after["width"] / before["width"]
    assert abs(after["x"] + 30 * scale - x) < 0.5  # a wheel event gives whole pixels
    page.page.mouse.move(100, 600)
    page.page.mouse.down()
    page.page.mouse.move(160, 640)
    page.page.mouse.up()
    moved = page.rect("x")
    assert abs(moved["x"] - after["x"] - 60) < 0.1
    assert abs(moved["y"] - after["y"] - 40) < 0.1


def test_theme_follows_the_system_and_can_be_switched(opened):
    page = opened(blocks(), color_scheme="dark")
    root = page.page.locator(".graphtools")
    assert root.get_attribute("data-theme") == "dark"
    page.page.keyboard.press("t")
    assert root.get_attribute("data-theme") == "light"


def test_question_mark_lists_the_keys(opened):
    page = opened(blocks())
    page.page.keyboard.press("?")
    assert page.page.get_by_text("open or close a group").is_visible()
    page.page.keyboard.press("Escape")
    assert page.page.get_by_text("open or close a group").is_hidden()


def test_markup_in_names_is_text(opened):
    nodes = (
        Node(EVIL, "input", EVIL, outputs=(Output((), Spec("f32", (1,))),)),
        Node("a", "call", f"torch.{EVIL}", (Ref(EVIL),), scope=EVIL, source=Source(f"{EVIL}.py", 1)),
        Node("b", "call", "torch.b", (Ref("a"),), scope=EVIL),
    )
    graph = Graph(nodes, {EVIL: Module(EVIL, EVIL, EVIL)}, Capture(model=EVIL), Failure("Bad", EVIL, "b"))
    page = opened(graph)
    page.page.keyboard.press("e")
    for name in (EVIL, "a", "b"):
        page.page.evaluate(f"name => {API}.select(name)", name)
    page.page.keyboard.press("/")
    page.page.keyboard.type("img")
    assert page.page.locator(".find [role=option]").count() > 0
    assert page.page.locator("img").count() == 0
    assert page.page.evaluate("window.hacked") is None


def test_failed_operation_is_shown_open_and_red(opened):
    page = opened(blocks(failure=Failure("RuntimeError", "sizes differ: 8 and 9", "add11")))
    assert "sizes differ: 8 and 9" in page.page.get_by_role("alert").inner_text()
    assert page.rect("blocks.11")["open"]
    rect = page.rect("add11")
    assert 0 < rect["y"] < 800
    page.click("add11")
    assert "RuntimeError sizes differ: 8 and 9" in page.card().inner_text()


def test_empty_graph_is_no_error(opened):
    page = opened(Graph(()))
    assert page.page.get_by_role("treeitem").count() == 0
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("f")


def test_too_large_to_open_all_says_so(opened):
    page = opened(blocks(5200))
    page.page.keyboard.press("e")
    assert "more than 20,000" in page.page.get_by_role("status").filter(has_text="Open all").inner_text()


def test_notebook_cell_draws_in_its_frame_and_reaches_nothing_else(browser, tmp_path):
    file = tmp_path / "cell.html"
    file.write_text(f"<!doctype html><body><p id='above'>above</p>{repr_html(blocks())}</body>", encoding="utf-8")
    page = browser.new_page(viewport={"width": 900, "height": 800})
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("#graph[data-ready]").wait_for()
    assert inside.get_by_role("treeitem").count() == 15
    assert page.evaluate("document.activeElement === document.body")
    inside.get_by_role("button", name="Open all").click()
    assert inside.get_by_role("treeitem").count() == 63
    assert complaints == []
    assert [url for url in requests if url != "about:srcdoc"] == [file.as_uri()]
    page.close()
