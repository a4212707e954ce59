"""Who may run code of their own here. By default only people at this machine: the app listens to nobody else."""

from __future__ import annotations

import ipaddress
import os

import streamlit as st

OPERATOR_SAYS = "GRAPHTOOLS_ALLOW_CODE"  # the environment variable by which the operator turns it on


def may_run_code() -> bool:
    """True if this page's person may open files of Python, edit, and type expressions, which all run code here.

    So it is where the server listens on this machine alone, or where the operator has said so.
    """
    if os.environ.get(OPERATOR_SAYS, "") == "1":
        return True
    return _is_local(st.get_option("server.address") or "") and not st.context.headers.get("X-Forwarded-For")


def _is_local(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
