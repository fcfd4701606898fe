"""Elements as text. Whatever people or systems named goes through `escaped`."""

import re
from html import escape

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0

Attribute = str | float | None


def escaped(text: str) -> str:
    """Text as markup."""
    return escape(_FORBIDDEN.sub("\ufffd", text))


def number(value: float) -> str:
    """A length: one decimal is a tenth of a pixel."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def element(name: str, *children: str, **attributes: Attribute) -> str:
    """An element; `font_size` is `font-size`, `class_` is `class`, and None is left out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(children)
    return f"<{name}{shown}>{inside}</{name}>" if inside else f"<{name}{shown}/>"


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else number(value)


def written(
    at: tuple[float, float], text: str, paint: str, size: float, *, bold: bool = False, middle: bool = False
) -> str:
    """One line of text from a baseline point, or around it."""
    return element(
        "text",
        escaped(text),
        x=at[0],
        y=at[1],
        class_=f"f-{paint}",
        font_size=size,
        font_weight="700" if bold else None,
        text_anchor="middle" if middle else None,
    )


def line(points: str, paint: str, thick: float = 1, **more: Attribute) -> str:
    """A path without area."""
    return element("path", d=points, class_=f"s-{paint}", fill="none", stroke_width=thick, **more)


def box(x: float, y: float, wide: float, high: float, fill: str, stroke: str = "", **more: Attribute) -> str:
    """A rectangle."""
    paint = f"f-{fill}" + (f" s-{stroke}" if stroke else "")
    return element("rect", x=x, y=y, width=wide, height=high, class_=paint, **more)


def disc(x: float, y: float, radius: float, fill: str, stroke: str, **more: Attribute) -> str:
    """A circle."""
    return element("circle", cx=x, cy=y, r=radius, class_=f"f-{fill} s-{stroke}", **more)
