"""A headless Chromium for tests: opens a page as a reader would, in any width and colour scheme, and listens."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
# How far each text's colour is from that of what it stands on: the contrast ratio of WCAG 2.
_CONTRAST = """
const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => {
  const part = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
};
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length && (colour.length < 4 || colour[3] > 0)) return colour;
  }
  return [255, 255, 255];
};
const seen = new Map();
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.getClientRects().length || element.style.fill === "var(--on-bar)") continue;
  const style = getComputedStyle(element), inside = element.namespaceURI.endsWith("svg");
  const [a, b] = [light(parse(inside ? style.fill : style.color)), light(ground(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const name = element.tagName + "." + (element.getAttribute("class") || "");
  seen.set(name, Math.min(ratio, seen.get(name) ?? 99));
}
return [...seen];
"""


class Browser:
    """One Chromium. `dark` and `width` (CSS pixels) hold for the pages opened after they are set by `look`."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def look(self, width: int, *, dark: bool = False) -> None:
        """Set the width and the colour scheme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, path: Path) -> None:
        """Open a page from the disk, with what was asked of the network before forgotten."""
        self.driver.get_log("performance")
        self.driver.get(path.resolve().as_uri())

    def ask(self, script: str, *arguments: Any) -> Any:
        """What a script returns that is run from outside of the page, whatever the page forbids."""
        return self.driver.execute_script(script, *arguments)

    def unfold(self) -> None:
        """Open every fold of the page."""
        self.ask("document.querySelectorAll('details').forEach(each => { each.open = true; });")

    def requests(self) -> list[str]:
        """The addresses that were asked for since `open`, pages and blocked ones too."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("chrome")]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wide: int = self.ask("return document.documentElement.scrollWidth - window.innerWidth")
        return wide

    def contrasts(self) -> dict[str, float]:
        """The least contrast ratio of text to its ground, by element and class. Text on a picture's bars is
        passed over: the badges have the same colours."""
        return dict(self.ask(_CONTRAST))

    def screenshot(self, path: Path) -> Path:
        """The whole page as a PNG."""
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(taken["data"]))
        return path


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A Chromium with a fresh profile in that folder, closed at the end."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
