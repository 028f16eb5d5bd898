"""The longest stall of each way under each disturbance, as a drawing on a logarithmic scale."""

import math
from collections.abc import Mapping
from html import escape

LEFT, BAR, GAP, WIDTH = 190, 14, 16, 420
COLOURS = {"nothing": "#8c8c8c", "plain": "#c4473a", "executor": "#1f7a4d", "pt-osc": "#3a6fb0"}
LEAST_S, MOST_S = 0.01, 100.0


def plot(longest: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Return an SVG: for each disturbance a bar a way, its length the longest statement in seconds."""
    parts: list[str] = []
    y = 48
    for disturbance, ways in longest.items():
        parts.append(f'<text x="{LEFT - 10}" y="{y + BAR}" text-anchor="end">{escape(disturbance)}</text>')
        for way, seconds in ways.items():
            length = _x(seconds) - LEFT
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[way]}"/>'
                f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 3}">{escape(way)} {seconds:.2f} s</text>'
            )
            y += BAR
        y += GAP
    for power in range(-2, 3):
        x = _x(10.0**power)
        parts.insert(
            0,
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="40" y2="{y}" stroke="#d9d9d9"/>'
            f'<text x="{x:.1f}" y="34" text-anchor="middle">{10.0**power:g} s</text>',
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 120}" height="{y}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="white"/><text x="8" y="16" font-size="13">{escape(title)}</text>'
        + "".join(parts)
        + "</svg>\n"
    )


def _x(seconds: float) -> float:
    share = (math.log10(min(MOST_S, max(LEAST_S, seconds))) - math.log10(LEAST_S)) / math.log10(MOST_S / LEAST_S)
    return LEFT + max(share * WIDTH, 1.0)
