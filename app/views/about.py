"""Help: what the app shows and how to make it show a model of one's own."""

from __future__ import annotations

import streamlit as st
from sidebar import below, brand
from texts import t

_TEXT = """
### What this is
graphtools records one training step of a PyTorch model: every operation of the forward pass and the loss, every
derivative of the backward pass, every parameter's update. You walk through it in both directions. Nothing runs again
while you step: the values are those of that one run.

### The debugger
- **Step** goes past the next operation or module call, **Into** to the next event and opens the modules around it,
  **Out** to the end of the module call, **Run** to the next breakpoint. The arrows go one event on or back.
- The **graph** shows a module as one box until you open it with the sign in its corner or a double click. What has not
  run yet is pale; gradients flow back beside the values. Drag to move, turn the wheel to zoom, use the right mouse
  button for what can be done with a box. A click on an edge shows the tensor that it carries.
- The **timeline** has a bar for each event, as high as it took long. Drag along it; turn the wheel over it to zoom.
- The **panel** shows the selected box as of the position: its output, its gradient, its parameters with what the
  optimizer did, why the gradient is what it is, and the line of your source.
- **Edit** changes a value, a gradient, a parameter or an operation and runs the program again. The result is a branch;
  the original stays, and the two can be compared.
- **Color** paints the boxes by duration, memory, FLOPs, norms, zeros or update ratio.
- If the model raises an error, the run up to there is kept, and the operation that failed is shown first.

| Key | | Key | |
|---|---|---|---|
| `→` `←` | one event on, back | `B` | breakpoint here |
| `F10` `⇧F10` | step over, back over | `N` | first NaN or infinity |
| `F11` `⇧F11` | into, out | `/` | find |
| `F5` `⇧F5` | to the next breakpoint, back | `F` | show everything |
| `Space` | play, pause | `?` | all keys |

The keys work when the graph has the focus: click into it once.

### Your own model
Choose **File** and give a Python file. It is executed when you press **Open and run**, in a process of its own and with
your rights, so open only files that you trust; the same goes for what you type under **Edit**. If it crashes, loops or
takes all memory, that process ends and the app says so; the limits stand under **Settings**. The file should define

```python
model = Net()                       # or: def build_model(): ...
example_input = torch.randn(1, 3, 32, 32)   # or a tuple, a dict, a function
```

Without `example_input` an input is guessed from the first layer. The loss and the optimizer are examples too: a random
target, and SGD. The side panel says what was taken. With your own loop, record it in Python and open the file it saves:

```python
import graphtools as gt

with gt.record(model) as recording:
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
recording.save("step.gt")           # opens here, without running anything
recording.to_html("step.html")      # or as a page that needs no Python
```
"""

with st.sidebar:
    brand()
    below()
_, middle, _ = st.columns([1, 3, 1])
with middle:
    st.markdown(t(_TEXT))
