"""Measure pages of the app: when they can be used, what their main gesture takes, what goes over the wire."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from _app_pages import Look
from _browser import Opened, Server, open_page, rest, serving
from playwright.sync_api import Browser

from affexion_core.store.session import Store
from affexion_ui.people import cookie_name

# Seconds that a page is left alone to see what it sends of its own.
_ALONE = 6


@dataclass
class Seen:
    """Seconds by repeat, bytes by rerun, and bytes that a page sends a minute when nobody touches it."""

    cold: list[float] = field(default_factory=list)
    cold_whole: list[float] = field(default_factory=list)
    cold_cpu: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    rerun: list[float] = field(default_factory=list)
    socket: list[float] = field(default_factory=list)
    http: list[float] = field(default_factory=list)
    alone: float = 0.0


@dataclass(frozen=True)
class Visitor:
    """Somebody who has picked their name in this browser before, as its cookie says."""

    browser: Browser
    cookie: dict[str, str]

    def open(self, server: Server, look: Look) -> Opened:
        """Open a page in a browser with an empty cache."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{**self.cookie, "url": server.address}])
        return open_page(context, f"{server.address}/{look.path}", look.marker)


def cookie_of(store: Store, name: str) -> dict[str, str]:
    """Give the cookie of a browser in which a name was picked."""
    return {"name": cookie_name(store), "value": quote(json.dumps([name]))}


def measure(
    visitor: Visitor, script: str, workspace: Path, looks: Sequence[Look], n_cold: int, n_warm: int
) -> dict[str, Seen]:
    """Open each page, cold and warm, and do its gesture."""
    seen = {look.name: Seen() for look in looks}
    for look in looks:
        for _ in range(n_cold):
            with serving(script, workspace) as server:
                found = visitor.open(server, look)
                seen[look.name].cold.append(found.useful)
                seen[look.name].cold_whole.append(found.whole)
                seen[look.name].cold_cpu.append(server.cpu_seconds())
                found.page.context.close()
        print(f"cold: {look.name} {seen[look.name].cold}", file=sys.stderr, flush=True)
    with serving(script, workspace) as server:
        for look in looks:
            visitor.open(server, look).page.context.close()
            _warm(visitor, server, look, seen[look.name], n_warm)
            print(f"warm: {look.name} {seen[look.name].warm}", file=sys.stderr, flush=True)
    return seen


def _warm(visitor: Visitor, server: Server, look: Look, seen: Seen, n: int) -> None:
    for _ in range(n):
        before = server.cpu_seconds()
        found = visitor.open(server, look)
        seen.cpu.append(server.cpu_seconds() - before)
        seen.warm.append(found.useful)
        seen.whole.append(found.whole)
        seen.opening.append(found.wire.bytes)
        if len(seen.warm) < n:
            found.page.context.close()
    page, wire = found.page, found.wire
    wire.clear()
    page.wait_for_timeout(1000 * _ALONE)
    seen.alone = wire.own_bytes * 60 / _ALONE
    for k in range(n):
        wire.clear()
        look.gesture(page, k)
        try:
            rest(page, wire)
        except TimeoutError as error:
            print(f"{look.name}, {look.does}: {error}", file=sys.stderr, flush=True)
            continue
        seen.rerun.append(wire.finished[-1] - wire.asked[0])
        seen.socket.append(wire.bytes)
        seen.http.append(wire.http)
    page.context.close()


_median = statistics.median


def _spread(values: Sequence[float]) -> str:
    return f"{_median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def print_times(looks: Sequence[Look], seen: dict[str, Seen], peer: tuple[str, Seen]) -> None:
    """Print when pages can be used, beside a peer with its name."""
    print("| page | cold: useful, s | whole, s | CPU, s | warm: useful, s | whole, s | CPU, s | warm against peer |")
    print("|---|---|---|---|---|---|---|---|")
    name, least = peer
    for called, one in [*((look.name, seen[look.name]) for look in looks), (name, least)]:
        cells = [_spread(each) for each in (one.cold, one.cold_whole, one.cold_cpu, one.warm, one.whole, one.cpu)]
        print(f"| {called} | {' | '.join(cells)} | {_median(one.warm) / _median(least.warm):.2f} × |")


def print_reruns(looks: Sequence[Look], seen: dict[str, Seen]) -> None:
    """Print what a gesture takes, and what it brings over the wire."""
    print("\n| page | gesture | rerun, ms | kB by web socket | kB by HTTP | kB to open | kB a minute left alone |")
    print("|---|---|---|---|---|---|---|")
    for look in looks:
        one = seen[look.name]
        if not one.rerun:
            print(f"| {look.name} | {look.does} | not measured | | | | |")
            continue
        times = f"{1000 * _median(one.rerun):.0f} ({1000 * min(one.rerun):.0f}–{1000 * max(one.rerun):.0f})"
        sizes = " | ".join(f"{_median(each) / 1000:.1f}" for each in (one.socket, one.http, one.opening, [one.alone]))
        print(f"| {look.name} | {look.does} | {times} | {sizes} |")
