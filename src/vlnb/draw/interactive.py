"""A picture with its regions as a plotly figure: zoom in, hover for details, switch labels on and off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vlnb import extras
from vlnb.draw.colours import colours
from vlnb.draw.html import plotly_text
from vlnb.draw.overlay import Shape, counted, every
from vlnb.images import data_uri, smart_resize
from vlnb.regions.shapes import Box, Point, Polygon, Size, to_original

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vlnb.images import Picture
    from vlnb.regions.shapes import Regions

_SHOWN_PX = 1600  # longest side of the picture in the figure: sharp when zoomed, light to send
_HEIGHT_PX = 640


def interactive(picture: Picture, regions: Regions | Iterable[Shape], *, seen: Size | None = None) -> go.Figure:
    """Return a figure of `picture` with `regions`, which are in pixels of its original size.

    Hovering shows label, text, attributes, and the coordinates in original pixels and in pixels of the size `seen`, the
    (width, height) at which the model saw the picture (by default, the size at which it would see it). Labels are shown
    as text: markup in them has no effect.

    Raises:
        BadInput: plotly is not installed, or one side is more than 200 times the other.
    """
    extras.require("notebooks", "The interactive figure")
    import plotly.graph_objects as go

    shapes = every(regions)
    seen = seen or smart_resize(*picture.size)
    width, height = picture.original_size
    figure = go.Figure()
    shown = picture.image
    if max(shown.size) > _SHOWN_PX:
        shown = shown.copy()
        shown.thumbnail((_SHOWN_PX, _SHOWN_PX))
    figure.add_layout_image(
        source=data_uri(replace(picture, image=shown)),
        x=0, y=0, sizex=width, sizey=height, xref="x", yref="y", sizing="stretch", layer="below",
    )  # fmt: skip
    colour = colours(shape.label for shape in shapes)
    firsts = {shape.label: i for i, shape in reversed(list(enumerate(shapes)))}
    for i, shape in enumerate(shapes):
        first = firsts[shape.label] == i
        figure.add_trace(_trace(shape, colour[shape.label], first=first, seen=seen, original=(width, height)))
    figure.update_xaxes(
        range=[0, width], title=f"x, pixels of the original ({width:,} wide)", showgrid=False, constrain="domain"
    )
    figure.update_yaxes(range=[height, 0], title=f"y, pixels ({height:,} high)", showgrid=False, scaleanchor="x")
    figure.update_layout(
        title=f"{counted(shapes)}: hover for details, click a label to hide it, drag to zoom",
        height=_HEIGHT_PX, margin={"l": 60, "r": 10, "t": 50, "b": 50}, hovermode="closest", dragmode="zoom",
        legend_title="label", showlegend=any(firsts), template="plotly_white",
        meta={"alt": picture.alt or picture.source},
    )  # fmt: skip
    return figure


def _trace(shape: Shape, colour: str, *, first: bool, seen: Size, original: Size) -> Any:  # noqa: ANN401
    import plotly.graph_objects as go

    name = plotly_text(shape.label or "unnamed")
    common: dict[str, Any] = {
        "name": name, "legendgroup": name, "showlegend": first, "text": _hover(shape, seen, original),
        "hoverinfo": "text",
    }  # fmt: skip
    if isinstance(shape, Point):
        marker = {"size": 13, "color": colour, "line": {"width": 2, "color": "white"}}
        return go.Scatter(x=[shape.x], y=[shape.y], mode="markers", marker=marker, **common)
    if isinstance(shape, Box):
        x1, y1, x2, y2 = shape.corners
        xs, ys = [x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]
    else:
        xs, ys = ([*side, side[0]] for side in zip(*shape.points, strict=True))
    line = {"color": colour, "width": 3}
    return go.Scatter(
        x=xs, y=ys, mode="lines", line=line, fill="toself", fillcolor=_faint(colour), hoveron="fills", **common
    )


def _hover(shape: Shape, seen: Size, original: Size) -> str:
    """Return what is known of a region, one fact a line."""
    small: Shape = to_original(shape, seen=original, original=seen)
    lines = [f"<b>{plotly_text(shape.label or 'unnamed')}</b>"]
    if text := getattr(shape, "text", ""):
        lines.append(f"text: {plotly_text(text)}")
    lines += [f"{plotly_text(key)}: {plotly_text(str(value))}" for key, value in shape.attributes.items()]
    lines += [f"original pixels: {_numbers(shape)}", f"as seen ({seen[0]} × {seen[1]}): {_numbers(small)}"]
    return "<br>".join(lines)


def _numbers(shape: Shape) -> str:
    if isinstance(shape, Polygon):
        return " ".join(f"{x:.0f},{y:.0f}" for x, y in shape.points)
    return ", ".join(f"{side:.0f}" for side in (shape.corners if isinstance(shape, Box) else (shape.x, shape.y)))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.10)"
