"""Charts with ordinary and with hard data; seen and measured in a browser.

python -m mixpanel_assets_tests.charts.gallery FOLDER    pictures of all, and what overlaps
python -m mixpanel_assets_tests.charts.gallery docs      write docs/images/charts/*.svg
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "charts"
DAY = date(2026, 9, 7)  # a Monday
DAYS = [str(DAY + timedelta(n)) for n in range(60)]
WEEKS = [str(DAY + timedelta(7 * n)) for n in range(12)]
LONG = "Checkout Started On The Page With Every Offer Of The Season " * 3 + "End Of The Name Here"
NAMES = {
    "long": LONG,
    "unbroken": "CheckoutStarted" * 14,
    "right-to-left": "הוספה לעגלה (2026) — לקוחות חדשים",
    "cjk": "カートに追加してから購入手続きを開始したユーザーのイベント" * 3,
    "emoji": "🛒🚀👩‍🚀" * 12,
    "wide": "WWWWWWWWMMMMMMMM" * 5,
}
PLANS = ("free", "plus", "pro", "team", "business", "enterprise", "trial", "student", "partner")
EVENTS = ("Page View", "Search", "Add To Cart", "Checkout Started", "Purchase", "Sign Up", "Exit")


def wave(n: int, high: float = 1000) -> int:
    """A number with the rhythm of weeks and no chance in it."""
    return int(high * (0.55 if n % 7 > 4 else 1) * (1 + (n * 37 % 11) / 30 + n / 200))


def ordinary() -> dict[str, Chart]:
    """One chart of each kind, as the documents show them."""
    steps = ["Add To Cart", "Checkout Started", "Purchase"]
    counts = {"free": (4120, 1890, 512), "plus": (1630, 1104, 640), "pro": (702, 566, 431)}
    return {
        "funnel": charts.bars(
            "Add To Cart to Purchase",
            "2026-09-07 to 2026-11-05: 24.5% reached the last step",
            [
                ("Add To Cart", 6452, "6,452"),
                ("Checkout Started", 3560, "3,560 · 55.2% of step 1"),
                ("Purchase", 1583, "1,583 · 44.5% of step 2"),
            ],
        ),
        "funnel-by-plan": by_part("Add To Cart to Purchase by plan", steps, counts),
        "retention": retention(12, 8),
        "lines": charts.lines(
            "Purchase by plan",
            "81,204 in all, by day",
            {
                plan: {day: wave(n + 3 * k, 400 / (k + 1)) for n, day in enumerate(DAYS)}
                for k, plan in enumerate(PLANS[:3])
            },
        ),
        "lifecycle": lifecycle(WEEKS),
        "flows": charts.flows("After Sign Up", "5,000 people, 4 steps", paths(4)),
        "days": charts.days(
            "Events a day", {date.fromisoformat(day): wave(n) for n, day in enumerate(DAYS[:28])}
        ),
    }


def by_part(title: str, steps: list[str], counts: dict[str, tuple[int, ...]]) -> Chart:
    """A funnel whose segments are compared by the share of their first step."""
    parts: dict[str | None, list[tuple[float, str]]] = {
        part: [(n / max(ns[0], 1), f"{n:,} · {n / max(ns[0], 1):.1%}") for n in ns]
        for part, ns in counts.items()
    }
    return charts.grouped(title, "Of each plan's first step", steps, parts, whole=1)


def retention(rows: int, columns: int, name: str = "") -> Chart:
    """A triangle of cohorts."""
    cohorts = [
        (
            f"{DAY + timedelta(n)} {name}({wave(n):,})",
            [1 / (1 + k * 0.6 + (n * 7 + k * 3) % 5 / 10) for k in range(min(columns, rows - n))],
        )
        for n in range(rows)
    ]
    about = "Of the people (how many) who began on a date, those who returned, by day"
    return charts.heat("Purchase after Sign Up", about, cohorts)


def lifecycle(times: list[str], high: float = 1000) -> Chart:
    """New, retained and resurrected people above 0, and dormant ones below."""
    factors = {"new": 0.3, "retained": 1.0, "resurrected": 0.12, "dormant": -0.45}
    parts = {
        kind: {time: wave(n + 2, abs(high * factor)) * (1 if factor > 0 else -1)
               for n, time in enumerate(times)}
        for kind, factor in factors.items()
    }  # fmt: skip
    return charts.stacked("Lifecycle", "People by week", parts)


def paths(steps: int, names: tuple[str, ...] = EVENTS) -> list[tuple[int, str, str, float]]:
    """Some way from each event to the next, with fewer people at every step."""
    return [
        (step, one, other, wave(3 * i + 5 * j + step, 900 / (1 + i + j) / (1 + step)))
        for step in range(steps - 1)
        for i, one in enumerate(names if step else names[-2:-1])
        for j, other in enumerate(names)
        if (i + j + step) % 3
    ]


def hard() -> dict[str, Chart]:
    """Charts of names and numbers that hardly fit."""
    found: dict[str, Chart] = {}
    for kind, name in NAMES.items():
        others = (f"{name} {n}" for n in range(2))
        names = (name, *others)
        found |= {
            f"bars {kind}": charts.bars(
                name, name, [(one, 9 - n, f"{9 - n} · {one}") for n, one in enumerate(names)]
            ),
            f"grouped {kind}": by_part(name, list(names), dict.fromkeys(names, (9, 5, 2))),
            f"lines {kind}": charts.lines(
                name, name, {one: {day: wave(n) for n, day in enumerate(DAYS)} for one in names}
            ),
            f"stacked {kind}": charts.stacked(
                name,
                name,
                {one: {one: wave(n, 1e6) for n, one in enumerate(names)} for one in names},
            ),
            f"heat {kind}": charts.heat(name, name, [(one, [1, 0.5, 0.123]) for one in names]),
            f"flows {kind}": charts.flows(name, name, paths(7, names)),
        }
    many = {plan: tuple(wave(n + k, 1e9) for k in (9, 5, 1)) for n, plan in enumerate(PLANS * 1)}
    nothing = {"a": {"2026-11-02": 0.0}}
    return found | {
        "heat 60 by 30": retention(60, 30),
        "heat 60 by 60": retention(60, 60, "a segment of a long name "),
        "grouped many": by_part("Nine plans", ["One", "Two", "Three"], many),
        "lines a year": charts.lines(
            "A year", "", {p: {str(DAY + timedelta(n)): wave(n) for n in range(365)} for p in PLANS}
        ),
        "lines of hours": charts.lines(
            "Hours", "", {"a": {f"2026-11-02T{n:02d}:00:00": wave(n) for n in range(24)}}
        ),
        "lines below zero": charts.lines("Delay", "", {"a": {"a": -5, "b": 3, "c": None, "d": -1}}),
        "lines huge": charts.lines("Huge", "", {"a": {d: 1e17 + n for n, d in enumerate(DAYS)}}),
        "lines one point": charts.lines("One", "", {"a": {DAYS[0]: 5}, "b": {DAYS[0]: 3}}),
        "lines empty": charts.lines("None", "", {}),
        "lines zero": charts.lines("Zero", "", {"a": dict.fromkeys(DAYS[:9], 0)}),
        "stacked days": lifecycle(DAYS),
        "stacked many": charts.stacked(
            "Many", "", {f"{p}{n}": {d: wave(n) for d in DAYS[:9]} for n in range(3) for p in PLANS}
        ),
        "stacked huge": lifecycle(WEEKS, 1e16),
        "stacked one point": charts.stacked("One", "", {"new": {"2026-11-02": 3}}),
        "stacked zero": charts.stacked("Zero", "", nothing),
        "stacked empty": charts.stacked("Nothing", "", {}),
        "flows many": charts.flows("Many", "", paths(12, tuple(f"Event {n}" for n in range(15)))),
        "flows huge": charts.flows(
            "Huge", "", [(0, "a", "b", 1e15), (0, "a", "c", 1), (1, "b", "c", 1e14)]
        ),
        "flows one": charts.flows("One", "", [(0, "Sign Up", "Purchase", 1)]),
        "flows empty": charts.flows("None", "", []),
        "grouped zero": by_part("Zero", ["One", "Two"], {"free": (0, 0)}),
        "grouped empty": charts.grouped("None", "", [], {}),
        "bars empty": charts.bars("None", "", []),
        "heat empty": charts.heat("None", "", []),
    }  # fmt: skip


MEASURE = """
const found = [];
document.querySelectorAll('figure').forEach(figure => {
  const svg = figure.querySelector('svg'), all = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
  boxes.forEach(([words, box], n) => {
    if (box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1)
      found.push([figure.id, 'outside', words]);
    boxes.slice(n + 1).forEach(([other, next]) => {
      const wide = Math.min(box.right, next.right) - Math.max(box.left, next.left);
      const high = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
      if (wide > 1 && high > 4) found.push([figure.id, 'overlap', words + ' | ' + other]);
    });
  });
});
document.title = 'done';
document.body.insertAdjacentHTML('beforeend', '<pre id=found></pre>');
document.getElementById('found').textContent = JSON.stringify(found);
"""


def page(drawn: dict[str, Chart], theme: str) -> str:
    """The charts below each other, as wide as they are."""
    figures = "".join(
        f'<figure id="{html.escape(name)}">{one.themed("dark" if theme == "dark" else "light")}'
        f"</figure>"
        for name, one in drawn.items()
    )
    ground = "#111" if theme == "dark" else "#eee"
    return (
        f"<!doctype html><meta charset=utf-8><body style='background:{ground};margin:0'>"
        f"{figures}<script>{MEASURE}</script>"
    )


def browser(*words: str) -> str:
    """What headless Chromium prints."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no chromium on the path")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *quiet, "--hide-scrollbars", f"--user-data-dir={profile}", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(folder: Path) -> None:
    """Take a picture of every page of charts; print which texts overlap or are outside."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [*ordinary().items(), *hard().items()]
    for theme in ("light", "dark"):
        for at in range(0, len(drawn), 6):
            file = folder / f"{theme}-{at // 6}.html"
            some = dict(drawn[at : at + 6])
            file.write_text(page(some, theme), "utf-8")
            dump = browser("--dump-dom", file.as_uri())
            (found,) = re.findall(r'<pre id="found">(.*?)</pre>', dump, re.DOTALL)
            for one in json.loads(html.unescape(found)):
                print(theme, *(str(word)[:110] for word in one), sep=" · ")  # noqa: T201
            high = sum(
                float(re.findall(r"height='([\d.]+)'", c.svg)[0]) + 40 for c in some.values()
            )
            picture = file.with_suffix(".png")
            browser(f"--screenshot={picture}", f"--window-size=840,{high:.0f}", file.as_uri())


def write_images() -> None:
    """Write the images of the documents."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, chart in ordinary().items():
        (IMAGES / f"{name}.svg").write_text(chart.svg + "\n", "utf-8")


if __name__ == "__main__":
    write_images() if sys.argv[1] == "docs" else main(Path(sys.argv[1]))
