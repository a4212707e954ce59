"""Makes the app importable as `streamlit run app/main.py` does: with app/ itself on sys.path."""

import sys
from pathlib import Path

import pytest

streamlit = pytest.importorskip("streamlit", reason="streamlit is not installed")

APP = Path(__file__).parent.parent.parent / "app"
sys.path.insert(0, str(APP))


@pytest.fixture(autouse=True)
def empty_caches():
    """Each test makes its tables itself. The process that starts models' processes is one for all tests."""
    yield
    streamlit.cache_data.clear()
