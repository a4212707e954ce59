"""The page's side of a tab: the only reader and writer of st.session_state and of the page's address."""

from __future__ import annotations

import glob
import os
import re
import secrets
import sys
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlencode

import drafts
import streamlit as st
from building import Building
from lessons import EXAMPLES, example_choice
from permission import may_run_code
from settings import settings
from streamlit.errors import StreamlitAPIException
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from tab import Tab
from tabs import Tabs

from graphtools.backend import Choice, Launcher

_address = st.components.v2.component(
    "graphtools_address",
    js="""// Of two pages between which a question was still on its way, Streamlit sometimes draws neither: what was
// there is taken away, and nothing comes. A page that stays empty is loaded again, which loses nothing.
const EMPTY_S = 6;
const guard = (globalThis.graphtoolsGuard ??= { empty: 0, tab: "" });
guard.timer ??= setInterval(() => {
  const parts = ["stMainBlockContainer", "stSidebarUserContent"].map((id) =>
    document.querySelector(`[data-testid="${id}"]`));
  const isEmpty = (part) => !part?.innerText.trim() && !part?.querySelector(".graph-host, .editor-host, canvas");
  guard.empty = parts.every(isEmpty) ? guard.empty + 1 : 0;
  if (guard.empty < EMPTY_S) return;
  clearInterval(guard.timer);
  const query = new URLSearchParams(location.search);
  query.set("tab", guard.tab);
  location.replace(`${location.pathname}?${query}`);
}, 1000);

export default function ({ data }) {
  if (!data) return;
  guard.tab = new URLSearchParams(data.query).get("tab") ?? guard.tab;
  const { pathname, search, hash } = location;
  if (data.query !== search) history.replaceState(history.state, "", pathname + data.query + hash);
}
""",
)
GUEST_COOKIE = "graphtools_guest"
_KEPT = (str, int, float, bool, type(None), list, tuple)
_NOT_KEPT = ("tab", "press", "branch", "upload", "graph_", "$$")  # what is no widget, or one whose value nobody may set


@st.cache_resource(show_spinner=False)
def launcher() -> Launcher:
    """Starts the models' processes; one for the server."""
    return Launcher()


@st.cache_resource(show_spinner=False)
def _tabs() -> Tabs:
    return Tabs(lambda owner: not Runtime.exists() or Runtime.instance().is_active_session(owner))


def tab() -> Tab:
    """The state of this tab: that of the page before it was reloaded, or a new one."""
    if "tab" not in st.session_state:
        name, found = st.query_params.get("tab", ""), None
        if name:
            found = _tabs().adopt(name, _page(), _person())
        if found is None:
            found = Tab(launcher, limits=settings().process_limits())
            _choose_first(found)
            name = _tabs().add(found, _page(), _person())
        st.session_state["tab"], st.session_state["tab_name"] = found, name
    _tabs().keep(st.session_state["tab_name"], st.session_state["tab"], _page(), _person())
    return st.session_state["tab"]  # type: ignore[no-any-return]


def _page() -> str:
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def _person() -> str:
    return f"{st.context.ip_address}\n{st.context.headers.get('User-Agent', '')}"


def _choose_first(new: Tab) -> None:
    """Opens what the address names, else what the command line names, else the first example."""
    linked = link_choice(st.query_params.get("open", ""), st.query_params.get("mode", "step"))
    is_ours = Path(sys.argv[0]).name == "main.py"  # and not the words for a program that draws the page, as tests do
    if linked is None and is_ours and len(sys.argv) > 1 and not st.query_params.get("open"):
        # The operator's own words: run at once.
        new.choose(link_choice(sys.argv[1]) or file_choice(sys.argv[1], tuple(sys.argv[2:])))
    elif linked is not None and linked.kind in ("file", "recording"):
        new.asked_first = linked  # a link may come from anybody: it opens nothing by itself
    elif linked is not None:
        new.choose(linked, first=_number(st.query_params.get("at")))


def _number(text: str | None) -> int:
    return max(0, int(text) - 1) if text and text.isdigit() and len(text) < 9 else 0


def link_choice(text: str, mode: str = "step") -> Choice | None:
    """The choice that a link names by `open=`, if there is such a thing."""
    kind, _, name = text.partition(":")
    wanted = "forward" if mode == "forward" else "step"
    if kind == "example" and name.isidentifier() and (EXAMPLES / f"{name}.py").exists():
        return example_choice(name, wanted)  # type: ignore[arg-type]
    if kind == "torchvision" and name.replace("@", "_", 1).isidentifier():
        return Choice("torchvision", text, name.partition("@")[0], mode=wanted)  # type: ignore[arg-type]
    return file_choice(name) if kind == "file" and name else None


def file_choice(target: str, inputs: tuple[str, ...] = ()) -> Choice:
    """The choice of a file: a recording if its name ends so. `~` is the home of whoever runs the app."""
    target = os.path.expanduser(target)
    title = PurePath(target.replace("\\", "/")).name
    return Choice("recording" if target.endswith(".gt") else "file", target, title, inputs)


def write_address(part: str = "page") -> None:
    """Writes into the page's address what is shown, so that a link shows it to somebody else, and a reload here.

    `part` is the part of the page that does so: each that runs on its own needs a name of its own.
    """
    view, choice = tab().view, tab().choice
    position = tab().first if view is None else view.position
    links = {"example": f"example:{choice.title}", "torchvision": choice.target}
    named = links.get(choice.kind, f"file:{choice.target}")
    _write(part, {"open": named, "mode": choice.mode, "at": str(position + 1), "tab": st.session_state["tab_name"]})


def restore_typed() -> None:
    """Gives widgets that are drawn anew what was typed into them before.

    A widget takes only what is set in the run that draws it first, so it is set again until then.
    """
    undrawn, given = st.session_state.get("tab_undrawn", ()), []
    for key, value in tab().typed.items():
        if key in undrawn or key not in st.session_state:
            st.session_state[key] = st.session_state.get(key, value)
            given.append(key)
    st.session_state["tab_given"] = given


def keep_typed() -> None:
    """Keeps what stands in the widgets, for a reload and for when they are drawn again."""
    typed = tab().typed
    for key, value in st.session_state.items():
        if not isinstance(key, str) or not isinstance(value, _KEPT) or key.startswith(_NOT_KEPT):
            continue
        if value is not None or key not in typed:  # between two pages a widget may be without its value for a moment
            typed[key] = value
    given = [key for key in st.session_state["tab_given"] if key in st.session_state]
    st.session_state["tab_undrawn"] = {key for key in given if not _is_drawn(key)}


def _is_drawn(key: str) -> bool:
    """True if this run has drawn the widget of that key: then nobody may set its value any more."""
    try:
        st.session_state[key] = st.session_state[key]
    except StreamlitAPIException:
        return True
    return False


def restart_anew() -> None:
    """Opens the present choice in a fresh process, with the limits of the settings."""
    tab().limits = settings().process_limits()
    tab().restart()


def open_choice(choice: Choice) -> None:
    """Opens an example or a model of torchvision."""
    state = tab()
    state.asked_first, state.limits = None, settings().process_limits()
    state.choose(choice)


def open_file(target: str, inputs: tuple[str, ...] = ()) -> None:
    """Opens a file anew, whether or not it was opened before."""
    choice = file_choice(target, inputs)
    if choice.kind == "file" and not may_run_code():
        return
    state = tab()
    state.asked_first = None
    state.limits = settings().process_limits()
    set_steady("kind", "File")
    state.choose(Choice(choice.kind, target, choice.title, inputs, mode=state.choice.mode), again=True)


def draft_folder() -> Path:
    """Where a page's drafts are: everybody's at this machine; of somebody else their browser's own."""
    return drafts.folder() if may_run_code() else drafts.folder() / f"guest-{guest()}"


def guest() -> str:
    """The name under which somebody's drafts are kept who may not run code here; their browser keeps it as a cookie."""
    if "guest" not in st.session_state:
        kept = st.context.cookies.get(GUEST_COOKIE, "")
        st.session_state["guest"] = kept if re.fullmatch(r"[\w-]{12,40}", kept) else secrets.token_urlsafe(12)
        drafts.clear_guests(drafts.folder())
    return str(st.session_state["guest"])


def open_draft(file: Path, source: str = "", inputs: tuple[str, ...] = (), is_ours: bool = True) -> Building:
    """Opens the draft of a file, or begins one there, of the model `source` if that is given. Of a draft that `is_ours`
    the model that it was made of may be run for its weights, if it is in a file of code."""
    may_run = is_ours and may_run_code()
    take_over(file)
    return tab().build(Building(launcher, file, source, inputs, may_run, settings().process_limits()))


def take_over(file: Path) -> None:
    """Closes a draft in every other tab: the one that opened it last has it."""
    for other in _tabs().with_draft(file, but=tab()):
        if other.building is not None:
            other.building.give_up()


def reopen_draft() -> None:
    """Opens the draft of this tab again, as its file has it now."""
    building = tab().building
    if building is not None:
        take_over(building.file)
        building.open()


def rename_draft(name: str) -> None:
    """Gives the open draft another name, with a number behind it if there is one of that name."""
    building = tab().building
    if building is not None and name.strip() and name.strip() != building.title:
        building.move(drafts.free_file(draft_folder(), name))


def delete_draft() -> None:
    """Removes the open draft, with what was exported beside it, and opens the one changed last."""
    building = tab().building
    if building is None:
        return
    building.close()
    for file in building.file.parent.glob(f"{glob.escape(building.title)}.*"):
        file.unlink(missing_ok=True)
    left = [file for file in drafts.known(draft_folder()) if not _tabs().with_draft(file, but=tab())]
    open_draft(left[0] if left else first_draft())


def first_draft() -> Path:
    """The draft that the page to build on begins with: the usual one, or a new one where another tab has that open."""
    usual = draft_folder() / "draft.json"
    return drafts.free_file(draft_folder(), "draft") if _tabs().with_draft(usual, but=tab()) else usual


def write_draft_address() -> None:
    """Writes the tab's name into the page's address, by which a reload finds the draft again."""
    _write("page", {"tab": st.session_state["tab_name"]})


def _write(part: str, said: dict[str, str]) -> None:
    # In the browser: st.query_params would add each step to the browser's history, and its Back would lead nowhere.
    with st.container(key=f"address_of_{part}"):
        _address(key=f"press_address_{part}", data={"query": "?" + urlencode(said, safe="/:@")})


def take(key: str) -> Any:
    """The value under a key, which is forgotten."""
    return st.session_state.pop(key, None)


def is_upload(path: str) -> bool:
    """True for a file that only this tab has."""
    return "graphtools-uploads-" in Path(path).parent.name


def value_of(key: str, default: Any = None) -> Any:
    """The value of a widget."""
    return st.session_state.get(key, default)


def set_default(key: str, value: Any) -> None:
    """Gives a widget its first value."""
    st.session_state.setdefault(key, value)


def set_value(key: str, value: Any) -> None:
    """Gives a widget another value; before it is drawn, or in a callback."""
    st.session_state[key] = value


def steady_key(name: str, first: Any) -> str:
    """The key of a control that always has a value, `first` at first; see `must_have`."""
    key = f"{name} {count}" if (count := st.session_state.get(f"press {name}", 0)) else name
    if st.session_state.get(key) is None:
        st.session_state[key] = first
    return key


def must_have(name: str, value: Any) -> None:
    """Draws the page again with a fresh control if one has lost its value, as Streamlit's do on the way to a page."""
    if value is None:
        st.session_state[f"press {name}"] = st.session_state.get(f"press {name}", 0) + 1
        st.rerun()


def set_steady(name: str, value: Any) -> None:
    """Gives such a control another value; before it is drawn, or in a callback."""
    count = st.session_state.get(f"press {name}", 0)
    st.session_state[f"{name} {count}" if count else name] = value


def steady_value(name: str) -> Any:
    """The value of such a control; None before it was drawn."""
    count = st.session_state.get(f"press {name}", 0)
    return st.session_state.get(f"{name} {count}" if count else name)


def triggered(key: str, event: str) -> Any:
    """What a component of its own reported, inside the callback for it; None if nothing."""
    return (st.session_state.get(key) or {}).get(event)
