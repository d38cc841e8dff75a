"""The error rates along the threshold as lines of an SVG."""

from __future__ import annotations

from typing import Any

WIDTH, HEIGHT = 600, 240


def curve_lines(curve: list[dict[str, Any]], chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what the template draws: a band and a line for each rate, and the threshold.

    curve     thresholds, rising, each with the rates missed and false (low, middle, high)
    chosen    the entry of the wanted rate
    """
    low, high = curve[0]["threshold"], curve[-1]["threshold"]

    def across(threshold: float) -> float:
        return WIDTH * (threshold - low) / max(high - low, 1e-9)

    def points(name: str, place: int) -> list[tuple[float, float]]:
        return [(across(one["threshold"]), HEIGHT * (1 - one[name][place])) for one in curve]

    def drawn(corners: list[tuple[float, float]]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "low": low,
        "high": high,
        "chosen": across(chosen["threshold"]),
        "lines": [
            {
                "name": name,
                "line": drawn(points(name, 1)),
                "band": drawn(points(name, 0) + points(name, 2)[::-1]),
            }
            for name in ("missed", "false")
        ],
    }
