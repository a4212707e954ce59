"""In real graphs, too, a box that is opened or closed stays where it is on the screen."""

import pytest
import torch

import graphtools as gt
from graphtools.viewer.page import to_html

torchvision = pytest.importorskip("torchvision")

# Opens and closes every group of the first view; gives those whose top or middle moved.
MOVED = """() => {
  const view = document.getElementById('graph').graphtools;
  const rows = [...document.getElementById('graph').shadowRoot.querySelectorAll('[role=treeitem][aria-expanded]')];
  const names = rows.map((row) => row.dataset.id);
  const moved = [];
  for (const name of names) {
    const open = view.rectOf(name).open;
    for (const next of [!open, open]) {
      const before = view.rectOf(name);
      view.setOpen(name, next);
      const after = view.rectOf(name);
      const middle = (rect) => rect.x + rect.width / 2;
      if (after.open !== next) moved.push(`${name} did not change`);
      if (Math.abs(after.y - before.y) > 0.01 || Math.abs(middle(after) - middle(before)) > 0.01)
        moved.push(`${name} moved`);
    }
  }
  return { names, moved };
}"""


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "vit_b_32", "swin_t", "densenet121", "efficientnet_b0"])
def test_a_box_stays_where_it_is_when_it_opens_or_closes(watched, tmp_path, name):
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None, **({"init_weights": False} if "goog" in name else {}))
        graph = gt.trace(model.eval(), torch.zeros(1, 3, 224, 224), method="record")
    file = tmp_path / "graph.html"
    to_html(graph, file)
    page = watched(file).page
    page.wait_for_selector("#graph[data-ready]")
    found = page.evaluate(MOVED)
    assert len(found["names"]) > 3
    assert found["moved"] == []
