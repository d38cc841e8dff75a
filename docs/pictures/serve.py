"""Makes docs/pictures/serve-*.png, the pages of a drawn club: python docs/pictures/serve.py."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.serve.club import TOKEN, draw_club, rows_by_person, running  # noqa: E402

from sameplayer.data.layouts.sources import read_source  # noqa: E402
from sameplayer.encoder.embed import embed  # noqa: E402
from sameplayer.encoder.load import load_encoder  # noqa: E402
from sameplayer.gallery.gallery import Gallery, open_gallery  # noqa: E402
from sameplayer.gallery.people import corrections as changes  # noqa: E402
from sameplayer.gallery.search.calibration import calibrate  # noqa: E402
from sameplayer.synthetic.league import draw_league  # noqa: E402

OUT = ROOT / "docs" / "pictures"


def make(folder: Path) -> tuple[Gallery, list[Path]]:
    """Draw a club, calibrate it on other drawn players, leave work to do."""
    league = read_source(
        draw_league(folder / "drawn", 16, 3, test_persons=8, challenge_persons=6, frames=8)
    )
    others = read_source(
        draw_league(folder / "others", 60, 5, test_persons=8, challenge_persons=6, frames=6)
    )
    encoder = load_encoder("person")
    club = draw_club(folder / "club", encoder, league)
    labelled = others.where([row for rows in rows_by_person(others) for row in rows])
    calibrate(club, embed(encoder, labelled), "coach")
    changes.rename(club, "Flo", "Florence", actor="coach")
    club.close()
    files = [league.path(row) for row in rows_by_person(league)[2][4:8]]
    return open_gallery(folder / "club", encoder), files


def shoot(page: Page, address: str, here: str, club: Gallery, files: list[Path], name: str) -> None:
    """Take a picture of each page."""
    page.goto(address)
    page.fill("#token", TOKEN)
    page.click("button:text('Log in')")
    page.set_input_files("input[type=file]", files)
    page.wait_for_timeout(300)
    page.screenshot(path=OUT / f"serve-ask{name}.png")
    page.click("button:text('Ask')")
    page.click(".why a >> nth=0")
    page.wait_for_selector(".reasons", timeout=60_000)
    page.wait_for_timeout(300)
    page.screenshot(path=OUT / f"serve-answer{name}.png")
    page.goto(f"{here}/review")
    page.keyboard.press("s")
    page.wait_for_selector(".toast")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=OUT / f"serve-review{name}.png")
    page.goto(f"{here}/persons")
    page.screenshot(path=OUT / f"serve-persons{name}.png")
    page.goto(f"{here}/persons/{club.person('Cy').id}")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=OUT / f"serve-person{name}.png")
    page.goto(f"{here}/persons/{club.person('Cy').id}/merge/{club.person('Dee').id}")
    page.screenshot(path=OUT / f"serve-merge{name}.png")
    page.goto(f"{here}/history")
    page.screenshot(path=OUT / f"serve-history{name}.png")


def main() -> None:
    kept = ("serve-ask", "serve-answer", "serve-review", "serve-person", "serve-merge")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as browsers:
        club, files = make(Path(place))
        chromium = browsers.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with running(club) as address:
            here = f"{address}/g/{club.settings.id}"
            for name, scheme, size in (
                ("", "light", (1000, 760)),
                ("-dark", "dark", (1000, 760)),
                ("-phone", "light", (390, 800)),
            ):
                page = chromium.new_context(
                    color_scheme=scheme, viewport={"width": size[0], "height": size[1]}
                ).new_page()
                shoot(page, address, here, club, files, name)
                page.context.close()
        chromium.close()
    if "--all" not in sys.argv:  # the docs show these
        shown = {f"{one}.png" for one in kept} | {"serve-review-dark.png", "serve-answer-phone.png"}
        for path in OUT.glob("serve-*.png"):
            if path.name not in shown:
                path.unlink()


if __name__ == "__main__":
    main()
