"""The fonts that numbers are drawn in: free ones of npm's @fontsource packages, fetched by name.

    python recipes/number_fonts.py FOLDER

They are used for drawing only and are not shipped. All are under the SIL Open Font License, the
Apache License 2.0 or the Ubuntu Font Licence.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from PIL import ImageFont

VERSION = "5.3.0"
NAMES = """
graduate saira-extra-condensed saira-condensed squada-one anton bebas-neue oswald teko
black-ops-one jersey-10 jersey-15 jersey-20 jersey-25 league-gothic alfa-slab-one bungee
russo-one rubik archivo-black archivo-narrow roboto-condensed barlow-condensed fjalla-one
pathway-gothic-one big-shoulders-display holtwood-one-sc racing-sans-one quantico
black-han-sans staatliches changa-one passion-one francois-one paytone-one titan-one
concert-one righteous sigmar-one ultra rokkitt bevan zilla-slab roboto-slab montserrat
poppins inter kanit exo-2 rajdhani chakra-petch aldrich michroma wallpoet stardos-stencil
saira-stencil-one sofia-sans-extra-condensed antonio khand goldman tomorrow oxanium
""".split()  # noqa: SIM905
KEPT_BACK = ("goldman", "antonio", "francois-one", "zilla-slab", "jersey-20", "rajdhani", "bevan")


def fetch_fonts(folder: Path) -> None:
    """Fetch the packages into a folder, NAME-VERSION.tgz each; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        if not (folder / f"fontsource-{name}-{VERSION}.tgz").is_file():
            subprocess.run(
                ["npm", "pack", "--silent", f"@fontsource/{name}@{VERSION}"], cwd=folder, check=True
            )


def load_fonts(folder: Path, size: int, kept_back: bool = False) -> list[ImageFont.FreeTypeFont]:
    """Return the fonts of a folder: of each package the lightest upright weights are left out.

    kept_back    those of KEPT_BACK, which training does not see; False: the others
    """
    fonts = []
    for path in sorted(folder.glob("fontsource-*.tgz")):
        name = path.name.removeprefix("fontsource-").removesuffix(f"-{VERSION}.tgz")
        if (name in KEPT_BACK) != kept_back:
            continue
        with tarfile.open(path) as archive:
            files = {
                Path(one).name: one for one in archive.getnames() if one.endswith("-normal.woff")
            }
            weights = sorted(
                (int(one.split("-")[-2]), one)
                for one in files
                if one.startswith(f"{name}-latin-") and "-ext-" not in one
            )
            for weight, one in weights:
                if weight in (600, 700, 900) or weight == weights[-1][0]:
                    data = archive.extractfile(files[one])
                    assert data is not None
                    fonts.append(ImageFont.truetype(io.BytesIO(data.read()), size))
    return fonts


if __name__ == "__main__":
    fetch_fonts(Path(sys.argv[1]))
