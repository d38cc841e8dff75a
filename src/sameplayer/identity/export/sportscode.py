"""Sportscode XML of a log: a row a player, an instance an appearance."""

from __future__ import annotations

import colorsys
import re
from pathlib import Path
from xml.etree import ElementTree as Tree

from sameplayer.common.files import write_text
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog

FULL = 65535  # of a colour
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DECLARED = '<?xml version="1.0" encoding="utf-8"?>\n'
TURN = 0.618034  # of the circle of hues between one player and the next


def hue_of(place: int) -> float:
    """Return the hue, 0 to 1, of the player at a place: neighbours lie far apart."""
    return (place * TURN) % 1.0


def row_colour(place: int) -> tuple[float, float, float]:
    """Return red, green and blue, 0 to 1, of the player at a place."""
    return colorsys.hsv_to_rgb(hue_of(place), 0.65, 0.85)


def xml_text(text: str) -> str:
    """Return the text as XML can hold it; what has to be escaped is so when it is written.

    Ends of lines are line feeds, as every reader of XML makes them.
    """
    return FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def tree_text(root: Tree.Element) -> str:
    """Return a tree as XML text, indented, without a declaration."""
    Tree.indent(root, " ")
    return f"{Tree.tostring(root, 'unicode')}\n"


def export_sportscode(log: PlayerLog, folder: Path) -> list[Path]:
    """Write sportscode.xml: who was on screen when, as Hudl, Nacsport and others import it.

    Seconds are of the match. Labels: team and number where known, camera, and "unsure" as a label
    without a group where the appearance is not sure. Colours differ by row.
    """
    root = Tree.Element("file")
    instances = Tree.SubElement(root, "ALL_INSTANCES")
    rows = log.appearances.sort_values(["start_s", "appearance"], kind="stable")
    for number, one in enumerate(rows.to_dict("records"), start=1):
        instance = Tree.SubElement(instances, "instance")
        for tag, text in (
            ("ID", str(number)),
            ("start", f"{one['start_s']:.3f}"),
            ("end", f"{one['end_s']:.3f}"),
            ("code", text_or(one["identity"])),
        ):
            Tree.SubElement(instance, tag).text = xml_text(text)
        for group in ("team", "number", "camera"):
            _label(instance, group, text_or(one[group]))
        if not one["sure"]:
            _label(instance, "", "unsure")
    shown = Tree.SubElement(root, "ROWS")
    for place, identity in enumerate(log.players()["identity"]):
        row = Tree.SubElement(shown, "row")
        Tree.SubElement(row, "code").text = xml_text(str(identity))
        for tag, part in zip("RGB", row_colour(place), strict=True):
            Tree.SubElement(row, tag).text = str(round(part * FULL))
    path = folder / "sportscode.xml"
    write_text(path, DECLARED + tree_text(root))
    return [path]


def _label(instance: Tree.Element, group: str, text: str) -> None:
    if text:
        label = Tree.SubElement(instance, "label")
        if group:
            Tree.SubElement(label, "group").text = group
        Tree.SubElement(label, "text").text = xml_text(text)
