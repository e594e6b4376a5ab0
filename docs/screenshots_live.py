"""Make the screenshots of the page Live while it listens: a browser's microphone plays a recording.

``python docs/screenshots_live.py --workspace DIR --speech FILE.wav`` takes a workspace with a trained run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from make_screenshots import CHROMIUM, FLAGS, VIEWS, View, serving, settle, take
from playwright.sync_api import Browser, sync_playwright

_MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
_SECONDS = 9


def main() -> None:
    """Make the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="a workspace with a trained run")
    parser.add_argument("--speech", type=Path, required=True, help="a wav file that the microphone plays")
    options = parser.parse_args()
    flags = [*FLAGS, *_MICROPHONE, f"--use-file-for-fake-audio-capture={options.speech.resolve()}"]
    with sync_playwright() as playwright, serving(options.workspace) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for view in VIEWS:
            listen(browser, view, address)
        browser.close()


def listen(browser: Browser, view: View, address: str) -> None:
    """Press Start, and take a picture once some seconds were heard."""
    size = {"width": view.width, "height": view.height}
    page = browser.new_context(viewport=size, color_scheme=view.scheme).new_page()
    page.goto(f"{address}/live")
    settle(page)
    page.frame_locator("iframe[title*='webrtc']").get_by_role("button", name="Start listening").click()
    shown = page.locator(".live").first
    shown.wait_for(timeout=120_000)
    while float(shown.get_attribute("data-time") or 0) < _SECONDS:
        page.wait_for_timeout(200)
    shown.scroll_into_view_if_needed()
    take(page, f"live-listening-{view.name}")
    page.context.close()


if __name__ == "__main__":
    main()
