"""Help: what the app shows and how to make it show a model of one's own."""

from __future__ import annotations

import streamlit as st

_TEXT = """
### What this is
graphtools runs a PyTorch model once, records every operation with its result, and lets you walk through them in both
directions. Nothing runs again while you step: the values are those of that one run.

### The debugger
- **Step** and **Back** go to the next and the previous operation, in the order in which they ran. The slider and the
  list go anywhere; so does a click in the graph.
- The **graph** shows a module as one box until you open it with the sign in its corner, with a double click, or by
  depth with the control above. With **Follow**, the modules around the current operation open by themselves. Drag to
  move, turn the wheel to zoom, press `?` in it for its keys.
- The **panel** shows what the operation was given and what it gave: statistics, a histogram, a picture, and the line
  that called it. Statistics are of the finite elements; NaN and infinite ones are counted.
- If the model raises an error, the run up to there is kept, and the operation that failed is shown first.

| Key | |
|---|---|
| `F10` | step |
| `Shift+F10` | back |
| `Home`, `End` | first, last operation |

### Your own model
Choose **File** and give a Python file. It is executed when you press **Open and run**, in the process of this app and
with your rights, so open only files that you trust. The file should define

```python
model = Net()                       # or: def build_model(): ...
example_input = torch.randn(1, 3, 32, 32)   # or a tuple, a dict, a function
```

Without `example_input` an input is guessed from the first layer, and the side panel says so. The same works in Python:

```python
import graphtools as gt

recording = gt.run(model, x)
print(recording)                    # the table
recording.value("layer1.0.conv1")   # any result
recording.graph.to_html("net.html") # this graph, in a file that needs no Python
```
"""

with st.sidebar:
    st.html('<div class="gt-brand">graphtools</div>')
    st.page_link("pages/debug.py", label="Back to the debugger")
_, middle, _ = st.columns([1, 3, 1])
with middle:
    st.markdown(_TEXT)
