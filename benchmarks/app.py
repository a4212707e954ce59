"""The app as its users meet it: seconds to the first screen, and what 200 opened models leave behind.

    python benchmarks/app.py [--models 200]

Starts the server as `streamlit run app/main.py` does and drives it with Chromium. The first page of a server also
waits for the process that has torch imported; later ones ("warm") do not. A browser that knows the app has Streamlit's
own scripts, 4 MB, in its cache. Memory is the resident set of the server and of the process that forks; both share most
of theirs with the models' processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("two_layer_net", "residual_net")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    arguments = parser.parse_args()
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
            measure(browser, f"http://localhost:{port}", server.pid, arguments.models)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def measure(browser: Browser, url: str, pid: int, count: int) -> None:
    """Drives the app and prints what it finds."""
    cold, page = first_screen(browser, url)
    warm = [first_screen(browser, url, close=True)[0] for _ in range(10)]
    again = [first_screen(browser, url, page.context, close=True)[0] for _ in range(10)]
    print(f"first screen, first page of the server   {cold:6.2f} s")
    print(f"first screen, warm, new browser          {statistics.median(warm):6.2f} s   (worst {max(warm):.2f})")
    print(f"first screen, warm, browser knows it     {statistics.median(again):6.2f} s   (worst {max(again):.2f})")
    open_some(page, 20)
    before, started = state_of(pid), time.perf_counter()
    open_some(page, count)
    took = time.perf_counter() - started
    print(f"{count} models opened one after the other    {took / count:6.2f} s each, from click to graph")
    after = state_of(pid)
    for name in before:
        print(f"{name:40} {before[name]:8,} -> {after[name]:8,}")


def first_screen(
    browser: Browser, url: str, context: BrowserContext | None = None, close: bool = False
) -> tuple[float, Page]:
    """Seconds from the address to the drawn graph, in a browser session of its own, or as a new tab of one."""
    new = context is None
    context = context or browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    started = time.perf_counter()
    page.goto(url)
    page.locator(".graph-host[data-ready]").wait_for(timeout=60_000)
    seconds = time.perf_counter() - started
    if close:
        (context if new else page).close()
    return seconds, page


def open_some(page: Page, count: int) -> None:
    """Opens examples in turn, each by a click, and waits until the graph of each is drawn."""
    for number in range(count):
        name = EXAMPLES[number % 2]
        page.get_by_label("Example", exact=True).first.click()
        page.get_by_role("option", name={"two_layer_net": "two-layer", "residual_net": "residual"}[name]).first.click()
        # The address is written by the page that shows it; then its graph is drawn.
        page.wait_for_function("name => location.search.includes(name)", arg=name, timeout=60_000)
        page.locator(f'.graph-host[data-ready][data-shown*="{name}"]').wait_for(timeout=60_000)


def state_of(pid: int) -> dict[str, int]:
    """Memory, files and processes of the server and of what it started."""
    children = descendants(pid)
    return {
        "resident memory of the server, MiB": resident(pid) >> 20,
        "resident memory of its processes, MiB": sum(map(resident, children)) >> 20,
        "open files of the server": len(os.listdir(f"/proc/{pid}/fd")),
        "processes": len(children),
        "threads of the server": len(os.listdir(f"/proc/{pid}/task")),
    }


def descendants(pid: int) -> list[int]:
    """All processes below this one; those that a fork server started hang below it."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def resident(pid: int) -> int:
    """Bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def wait_for(port: int) -> None:
    """Until the server answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).read()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
