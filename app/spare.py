"""Keeps the collection of garbage that Streamlit does after each run from holding up what the run sends.

It looks at every object there is, 0.1 s of them once all is imported, while the interpreter's lock is held; what is
imported never becomes garbage, so it is set aside.
"""

from __future__ import annotations

import gc
import sys

_n_modules = 0


def set_imports_aside() -> None:
    """Leaves what lives now out of later collections; does nothing unless modules were imported since the last call.

    Costs one collection, about 0.1 s, in the few runs that import something. What sessions hold now is still freed when
    nothing refers to it; only of reference cycles among it some are kept.
    """
    global _n_modules
    if len(sys.modules) != _n_modules:
        _n_modules = len(sys.modules)
        gc.collect()
        gc.freeze()
