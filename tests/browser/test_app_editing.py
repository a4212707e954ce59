"""What people do to a draft in the app: insert, group, copy, undo, mend, and find their work again."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import graphtools as gt

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")
from builder import Builder  # noqa: E402

expect = playwright.expect
AXE = Path(gt.__file__).parent / "viewer" / "node_modules" / "axe-core" / "axe.min.js"


def test_dropout_goes_into_resnet18_and_its_head_is_replaced(app, url):
    tab = app(f"{url}/?open=torchvision:resnet18&mode=forward")
    expect(tab.page.get_by_text(re.compile("11,689,512 parameters"))).to_be_visible(timeout=60_000)
    b = Builder(tab).open().from_model("fc")
    expect(b.type_of("fc")).to_have_text("f32[B, 1000]")
    b.box("flatten").click(button="right")
    b.page.get_by_role("menuitem", name="Insert after it").click()
    b.search("Dropout")
    b.box("dropout").wait_for()
    b.is_sound()
    b.box("fc").click()
    expect(b.page.locator(".form")).to_contain_text("kept, of fc")
    b.set("out_features", "5")
    expect(b.type_of("fc")).to_have_text("f32[B, 5]")
    b.is_sound()
    b.box("layer1/").dblclick()
    b.box("layer1.0/").dblclick()
    expect(b.box("layer1_0_conv1")).to_be_visible()
    b.tab.picture("build-resnet-block")
    b.key("u", "u")
    expect(b.box("fc")).to_be_visible()
    b.key("k")
    expect(b.page.locator(".code-of")).to_contain_text("class BasicBlock(nn.Module):", timeout=20_000)
    expect(b.page.locator(".code-of")).to_contain_text("nn.Dropout(")
    expect(b.page.locator(".code-of")).to_contain_text("nn.Linear(512, 5)")


def test_keys_close_by_escape_and_a_group_of_everything_leaves_out_the_ends(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "ReLU", "relu")
    b.key("?")
    keys = b.page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    b.key("Escape")
    expect(keys).to_be_hidden()
    b.key("Control+a")
    b.key("Control+g")
    b.word("all")
    expect(b.box("all/")).to_contain_text("1 operation")
    expect(b.box("x")).to_be_visible()


def test_a_group_is_made_opened_and_used_again(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    b.set("out_features", "8")
    b.add_behind("linear", "ReLU", "relu")
    b.box("linear").click()
    b.box("relu").click(modifiers=["Shift"])
    b.key("Control+g")
    b.word("layer")
    b.box("layer/").wait_for()
    expect(b.box("layer/")).to_contain_text("2 operations")
    b.key("Enter")
    expect(b.box("linear")).to_be_visible()
    expect(b.page.locator("nav.crumbs")).to_contain_text("layer")
    b.key("u")
    b.box("layer/").wait_for()
    b.box("layer/").click()
    b.key("Control+d")
    b.box("layer_1/").wait_for()
    b.connect("layer/", "layer_1/", 0)
    b.box("layer_1/").click()
    b.key("o")
    b.is_sound()
    b.key("k")
    expect(b.page.locator(".code-of")).to_contain_text("class Layer", timeout=20_000)


def test_a_group_is_renamed_and_built_on(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_by_key("linear", "linear")
    b.add_by_key("relu", "relu")
    b.add_by_key("linear", "linear_1")
    b.key("o")
    b.box("linear").click()
    b.box("relu").click(modifiers=["Shift"])
    panel = b.page.locator(".form")
    expect(panel).to_contain_text("2 boxes selected")
    expect(panel).to_contain_text("576")
    panel.get_by_role("button", name="Group").click()
    expect(b.page.locator(".search h2")).to_have_text("Name of the group")
    b.tab.picture("build-group-name")
    b.word("layer")
    expect(panel.locator('[data-field="name"]')).to_have_value("layer")
    for text in ("Layer", "576", "takes x", "f32[B, 8]", "gives relu", "f32[B, 64]"):
        expect(panel).to_contain_text(text)
    b.key("F2")
    b.word("stem")
    b.box("stem/").wait_for()
    expect(b.box("stem/")).to_have_attribute("aria-selected", "true")
    b.box("stem/").click(button="right")
    b.page.get_by_role("menuitem", name="Rename").click()
    b.word("trunk")
    b.box("trunk/").wait_for()
    name = panel.locator('[data-field="name"]')
    name.fill("linear_1")
    name.press("Enter")
    expect(panel.locator(".refused:visible")).to_have_text("a module is called 'linear_1' already")
    name.fill("head")
    name.press("Enter")
    b.box("head/").wait_for()
    b.key("Control+z")
    b.box("trunk/").wait_for()
    b.box("trunk/").click()
    b.tab.picture("build-group")
    b.key("Enter")
    b.page.locator("nav.crumbs button").first.click()
    expect(b.box("trunk/")).to_have_attribute("aria-selected", "true")
    b.types("Enter", "u")
    expect(b.box("trunk/")).to_have_attribute("aria-selected", "true")
    b.types(" ", "tanh", "Enter")
    assert b.takes()["tanh"] == ["relu"]
    assert b.rect("tanh")[1] > b.rect("trunk/")[3]
    b.is_clear()
    b.box("trunk/").click()
    b.key("Control+d")
    b.box("trunk_1/").wait_for()
    assert b.rect("trunk_1/")[0] > b.rect("trunk/")[2]
    b.is_clear()
    b.box("linear_1").click()
    b.key("Control+g")
    b.word("end")
    expect(b.box("end/")).to_contain_text("1 operation")
    expect(b.box("end/")).not_to_contain_text("operations")


def test_what_is_added_with_nothing_selected_stands_free_and_in_sight(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.page.locator(".board").press("Escape")
    b.page.mouse.move(*b.middle(b.box("x")))  # exactly on a box
    b.types(" ", "relu", "Enter")
    b.box("relu").wait_for()
    b.is_clear()
    b.page.locator(".board").press("Escape")
    board = b.page.locator(".board").bounding_box()
    b.page.mouse.move(board["x"] + 1, board["y"] + 300)
    b.page.mouse.move(20, 300)  # over the sidebar
    b.types(" ", "tanh", "Enter")
    b.box("tanh").wait_for()
    b.is_clear()
    left, top, right, bottom = b.rect("tanh")
    assert left >= board["x"] and right <= board["x"] + board["width"]
    assert top >= board["y"] and bottom <= board["y"] + board["height"]


def test_what_is_inserted_stands_between_its_neighbors_which_make_room(builder):
    b = builder()
    b.input("f32[B, 8]")
    for word in ("linear", "relu", "linear"):
        b.types(" ", word, "Enter")
    b.types("o")
    b.is_sound()
    b.box("linear").click(button="right")
    b.page.get_by_role("menuitem", name="Insert after it").click()
    b.search("Dropout")
    b.box("dropout").wait_for()
    b.is_clear()
    assert b.takes()["relu"] == ["dropout"]
    assert b.rect("linear")[3] < b.rect("dropout")[1] < b.rect("relu")[1] < b.rect("linear_1")[1]
    b.key("Control+z")  # with the room that was made
    expect(b.box("dropout")).to_have_count(0)
    b.is_clear()
    b.box("linear_1").click()
    b.set("in_features", "5")
    b.page.locator(".form .fixes button", has_text="Add Linear(64, 5) between").click()
    b.box("linear_2").wait_for()
    b.is_clear()
    assert b.takes()["linear_1"] == ["linear_2"]
    b.tab.picture("build-inserted")
    b.page.locator(".board").press("Escape")
    b.add_at(60, 120, "Tanh", "tanh")
    (x, y), (x2, y2) = b.port("relu", "out"), b.port("linear_2", "in")
    b.drag(b.middle(b.box("tanh")), ((x + x2) / 2, (y + y2) / 2))
    expect(b.type_of("tanh")).to_have_text("f32[B, 64]")
    b.is_clear()
    assert b.takes()["linear_2"] == ["tanh"]
    b.box("relu").click()
    b.key("Control+d")
    b.box("relu_1").wait_for()
    b.is_clear()
    b.box("linear_1").click()
    b.types(" ", "relu", "Enter")
    b.box("relu_2").wait_for()
    assert b.rect("relu_2")[1] > b.rect("linear_1")[3]
    b.is_clear()


def test_what_nothing_uses_says_so(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.types(" ", "linear", "Enter", "o", " ", "tanh", "Enter", "Escape")
    assert b.takes()["tanh"] == ["linear"]
    expect(b.box("tanh").locator(".tag")).to_have_text("unused")
    expect(b.box("tanh")).to_have_class(re.compile("unused"))
    expect(b.box("linear")).not_to_have_class(re.compile("unused"))
    b.page.locator(".form").get_by_role("button", name="1 operation is not used").click()
    expect(b.box("tanh")).to_have_attribute("aria-selected", "true")
    expect(b.page.locator(".form")).to_contain_text("it is not in the code")
    b.tab.picture("build-unused")


def test_a_refused_value_is_marked_where_it_stands(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_by_key("linear", "linear")
    field = b.page.locator('.form [data-field="out_features"]')
    field.fill("ten")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    said = b.page.locator(".form .refused:visible")
    expect(said).to_contain_text("out_features: 'ten' is no value")
    assert field.get_attribute("aria-describedby") == said.get_attribute("id")
    b.tab.picture("build-refused")
    field.press("Escape")
    expect(field).to_have_value("64")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    field.fill("ten")
    field.press("Enter")
    expect(said).to_be_visible()
    b.set("out_features", "10")
    expect(said).to_have_count(0)
    expect(b.type_of("linear")).to_have_text("f32[B, 10]")
    field.fill("")
    field.press("Enter")
    expect(b.page.locator(".form .bad-card")).to_contain_text("out_features needs a value")
    expect(field).to_have_value("")
    expect(field).to_have_attribute("placeholder", "needed")


def test_a_copy_of_the_draft_is_given_at_once(builder):
    b = builder()
    b.input("3, 32, 32")
    with b.page.expect_download() as given:
        b.key("Control+s")
    assert given.value.suggested_filename.endswith(".json")
    assert list(gt.Draft.load(given.value.path()).plan.nodes) == ["x"]
    expect(b.page.locator(".notice").first).to_contain_text("The draft is saved as you work")


def test_fifty_edits_are_undone_and_done_again(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.key(" ")
    b.search("relu")
    b.box("relu").wait_for()
    first = b.state()
    for _ in range(49):
        b.key("Control+d")
    expect(b.page.locator(".box")).to_have_count(51, timeout=60_000)
    last = b.state()
    for _ in range(49):
        b.key("Control+z")
    expect(b.page.locator(".box")).to_have_count(2, timeout=60_000)
    assert b.state() == first
    for _ in range(49):
        b.key("Control+Shift+z")
    expect(b.page.locator(".box")).to_have_count(51, timeout=60_000)
    assert b.state() == last


def test_nodes_are_copied_into_another_draft(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    b.set("out_features", "3")
    b.add_behind("linear", "Tanh", "tanh")
    b.key("Control+a", "Control+c")
    expect(b.page.locator(".notice").first).to_contain_text("Copied")
    b.new()
    b.key("Control+v")
    b.box("tanh").wait_for()
    b.input("f32[B, 8]")
    b.connect("x", "linear")
    expect(b.type_of("tanh")).to_have_text("f32[B, 3]")


def test_a_mismatch_shows_on_its_edge_and_is_mended_by_one_click(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    b.add_behind("x", "Conv2d", "conv2d")
    b.add_behind("conv2d", "Linear", "linear")
    b.set("in_features", "100")
    expect(b.problems()).to_have_text(re.compile("problem"))
    expect(b.page.locator(".line.bad")).to_have_count(1)
    b.page.locator(".edge-chip").click()
    expect(b.page.get_by_role("menuitem", name="Show linear")).to_be_visible()
    b.page.keyboard.press("Escape")
    expect(b.page.locator(".form .bad-card")).to_contain_text("'linear' expects 100 input features")
    b.tab.picture("build-mismatch")
    b.page.locator(".edge-chip").click()
    b.page.get_by_role("menuitem", name="Insert Flatten and set in_features=576").click()
    b.box("flatten").wait_for()
    expect(b.type_of("linear")).to_have_text("f32[B, 64]")
    expect(b.page.locator(".line.bad")).to_have_count(0)


def test_an_edge_is_cut_moved_and_dropped_on(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    b.add_behind("linear", "ReLU", "relu")
    b.box("x").click()
    b.page.locator(".board").press("Escape")
    b.add_at(620, 120, "Tanh", "tanh")
    (x, y), (x2, y2) = b.port("linear", "out"), b.port("relu", "in")
    b.drag(b.middle(b.box("tanh")), ((x + x2) / 2, (y + y2) / 2))  # onto the edge
    expect(b.page.locator(".box.selected")).to_have_count(1)
    expect(b.type_of("relu")).to_have_text("f32[B, 64]")
    nodes = b.page.locator(".editor-host").evaluate(
        "async el => { for (let i = 0; i < 50; i++) { const n = el.graphtools.editor.draft.nodes;"
        " if (n.get('relu').in[0].from?.[0] === 'tanh') return n.get('tanh').in[0].from[0];"
        " await new Promise(r => setTimeout(r, 100)); } return null }"
    )
    assert nodes == "linear"
    b.box("tanh").click()
    b.key("Delete")  # the chain heals
    expect(b.box("tanh")).to_have_count(0)
    expect(b.type_of("relu")).to_have_text("f32[B, 64]")
    x, y = b.port("relu", "in")
    b.drag((x, y), (x + 220, y + 30))  # off its end
    expect(b.type_of("relu")).to_have_count(0)
    expect(b.problems()).to_have_text(re.compile("problem"))


def test_bypass_disable_and_values(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    b.add_behind("linear", "ReLU", "relu")
    b.key("b")
    expect(b.box("relu")).to_have_class(re.compile("bypassed"))
    b.key("b")
    expect(b.box("relu")).not_to_have_class(re.compile("bypassed"))
    expect(b.page.locator(".form .value-of")).to_contain_text("mean", timeout=20_000)
    b.key("v")
    expect(b.box("relu").locator(".look canvas")).to_be_visible(timeout=20_000)


def test_work_is_found_again_after_a_reload(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    before = b.state()
    b.page.wait_for_timeout(500)
    b.page.reload()
    b.ready()
    b.box("linear").wait_for(timeout=30_000)
    assert b.state() == before
    b.key("Control+z")  # the past is there too
    expect(b.box("linear")).to_have_count(0)
    b.key("Control+Shift+z")
    b.box("linear").wait_for()


def test_axe_finds_no_barrier_and_the_words_are_korean_by_one_switch(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_by_key("linear", "linear")
    b.set_by_key("in_features", "9")
    b.page.locator(".edge-chip").wait_for()  # what stands on an edge is looked at as well
    if AXE.exists():
        b.page.evaluate(AXE.read_text())
        found = b.page.evaluate(
            "() => axe.run(document.querySelector('[data-testid=stMain]'),"
            " {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        )
        assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []
    else:
        assert not os.environ.get("GRAPHTOOLS_REQUIRE_BROWSER"), "axe-core is not installed: npm ci"
    b.tab.press("Settings")
    b.tab.choose("한국어")
    expect(b.page.locator(".editor").get_by_role("button", name="실행", exact=True)).to_be_visible(timeout=30_000)
    b.box("linear").wait_for()
    b.tab.picture("build-korean")
    b.tab.press("설정")  # and nothing of what was chosen in English words comes back
    expect(b.page.get_by_role("combobox", name="프로세스의 메모리 한도")).to_have_value("전체 메모리의 4분의 3")
    b.page.keyboard.press("Escape")
    b.box("linear").wait_for()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window(builder, width, height, scheme):
    b = builder(width=width, height=height, scheme=scheme)
    b.input("f32[B, 1, 8, 8]")
    b.add_by_key("conv2d", "conv2d")
    b.page.wait_for_timeout(1200)
    b.tab.picture(f"build-{scheme}-{width}")
    b.box("conv2d").click(button="right")
    expect(b.page.get_by_role("menuitem", name="Rename").locator("kbd")).to_be_visible()
    b.tab.picture(f"build-menu-{scheme}-{width}")
    b.page.keyboard.press("Escape")
    assert b.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight - main.clientHeight") <= 0
    assert b.page.locator(".editor-host").bounding_box()["height"] > height * 0.9
    assert b.page.locator(".graphtools.editor").get_attribute("data-theme") == scheme


def test_what_is_typed_outlasts_an_answer_that_draws_the_fields_anew(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    b.add_behind("x", "conv2d", "conv2d")
    padding = b.page.locator('.form [data-field="padding"]')
    padding.click()
    b.page.keyboard.type("12")
    b.page.keyboard.press("ArrowLeft")
    b.page.locator(".editor-host").evaluate(
        "el => el.graphtools.editor.draft.run({ do: 'set', node: 'conv2d', values: { out_channels: '24' } })"
    )
    expect(b.page.locator('.form [data-field="out_channels"]')).to_have_value("24")
    expect(padding).to_be_focused()
    expect(padding).to_have_value("12")
    b.page.keyboard.press("Delete")
    b.page.keyboard.press("Enter")
    expect(b.type_of("conv2d")).to_have_text("f32[B, 24, 8, 8]")


def test_boxes_out_of_sight_hear_of_their_new_shapes_and_grow_with_them(builder):
    b = builder()
    b.input("f32[B, 3, 8]")
    giver = "x"
    for number in range(12):
        name = "relu" if number == 0 else f"relu_{number}"
        b.add_behind(giver, "ReLU", name)
        giver = name
    # Only the first box is on the screen, at its full size.
    b.page.locator(".editor-host").evaluate(
        """el => {
          const { board, camera } = el.graphtools.editor;
          const { x, y, height } = board.rectOf("x");
          camera.set({ x: x - 300, y: y + height - camera.height + 10, scale: 1 });
        }"""
    )
    width = "el => el.graphtools.editor.board.sizeOf('relu_11').width"
    before = b.page.locator(".editor-host").evaluate(width)
    b.page.locator(".editor-host").evaluate(
        """el => el.graphtools.editor.draft.run(
          { do: "set", node: "x", values: { spec: "f32[B, 3, 8, 1024, 2048, 4096, 8192]" } }
        )"""
    )
    expect(b.type_of("x")).to_have_text("f32[B, 3, 8, 1024, 2048, 4096, 8192]")
    expect(b.type_of("relu_11")).to_have_text("f32[B, 3, 8, 1024, 2048, 4096, 8192]")
    assert b.page.locator(".editor-host").evaluate(width) > before
    assert b.page.locator(".editor-host").evaluate(
        """el => {
          const { board } = el.graphtools.editor;
          return board.level.boxes.every(({ key }) => board.elementOf(key).offsetWidth === board.sizeOf(key).width);
        }"""
    )
    # Of a picture that is too small to be read, too; what comes into sight before its turn is told at once.
    told = b.page.locator(".editor-host").evaluate(
        """async (el) => {
          const { board, camera, draft } = el.graphtools.editor;
          camera.set({ ...camera.view, scale: 0.1 });
          await draft.run({ do: "set", node: "x", values: { spec: "f32[B, 7]" } });
          const { x, y } = board.rectOf("relu_11");
          camera.set({ x: x - 100, y: y - 100, scale: 1 });
          return board.elementOf("relu_11").querySelector(".type").textContent;
        }"""
    )
    assert told == "f32[B, 7]"
    expect(b.type_of("relu")).to_have_text("f32[B, 7]")
