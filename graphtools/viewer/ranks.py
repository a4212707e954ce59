"""Which layer each child of a group stands in, counted from 0 at the top."""

from __future__ import annotations

from typing import NamedTuple


class Link(NamedTuple):
    """Inside one group: the value of the visible box `key` goes from a child, or "in", to a child, or "out"."""

    key: str
    source: str
    target: str


def closing_links(names: list[str], links: list[Link]) -> set[Link]:
    """The links between `names` that close a cycle, found depth first in the order of the names."""
    users: dict[str, list[Link]] = {name: [] for name in names}
    for link in links:
        if link.source in users and link.target in users:
            users[link.source].append(link)
    closing: set[Link] = set()
    state: dict[str, int] = {}  # 1 while the way to it is followed, 2 afterwards
    for root in names:
        stack = [(root, iter(users[root]))] if root not in state else []
        state.setdefault(root, 1)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                stack.pop()
            elif following.target not in state:
                state[following.target] = 1
                stack.append((following.target, iter(users[following.target])))
            elif state[following.target] == 1:
                closing.add(following)
    return closing


def ranks(names: list[str], links: list[Link], closing: set[Link]) -> dict[str, int]:
    """The longest way from the top to each name; what nothing feeds then sinks to just above its first user.

    A link in `closing` counts the other way round.
    """
    users: dict[str, list[str]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    for link in links:
        if link.source in users and link.target in users:
            source, target = (link.target, link.source) if link in closing else (link.source, link.target)
            users[source].append(target)
            waiting[target] += 1
    fed = {name for name, count in waiting.items() if count}
    fed.update(link.target for link in links if link.source not in users)
    rank = dict.fromkeys(names, 0)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:
        for user in users[name]:
            rank[user] = max(rank[user], rank[name] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    for name in names:
        if name not in fed and users[name]:
            rank[name] = min(rank[user] for user in users[name]) - 1
    return rank
