"""An icon for each kind of node, about 26 pixels wide, told apart by shape and not by colour."""

from collections.abc import Callable

from hopbook.trace.drawing.svg import element, number
from hopbook.trace.drawing.zones import Kind

_CLOUD = "M-8 8a6 6 0 0 1-1.5-11.8A8 8 0 0 1 6-6 6 6 0 0 1 8.5 8z"
_SHIELD = "M0-12L11-8V0C11 7 5 11 0 13-5 11-11 7-11 0V-8z"
_BRICKS = "M-10.5-3H10.5M-10.5 3H10.2M0-12V-3M-5-3V3M5-3V3M0 3V12.5"
_ARROWS = "M-7 0H7M-4-3L-7 0-4 3M4-3L7 0 4 3M0-7V7M-3-4L0-7 3-4M-3 4L0 7 3 4"
_HELM = "M0-13L10-8 12.5 3 5.6 12H-5.6L-12.5 3-10-8z"
_CUBE = "M0-10L9-5V5L0 10-9 5V-5zM-9-5L0 0 9-5M0 0V10"
_PERSON = "M-10 12C-10 4-5 2 0 2S10 4 10 12z"
_SHACKLE = "M-5.5-2V-6A5.5 5.5 0 0 1 5.5-6V-2"


def icon(kind: Kind, x: float, y: float, edge: str = "text") -> str:
    """The icon around a point, outlined in a colour."""
    shape = _SHAPES.get(kind, _other)()
    return element(
        "g",
        *shape,
        class_=f"f-page s-{edge}",
        transform=f"translate({number(x)} {number(y)})",
        stroke_width="1.5",
        stroke_linejoin="round",
        stroke_linecap="round",
    )


def _path(data: str, **more: str) -> str:
    return element("path", d=data, **more)


def _open(data: str) -> str:
    return _path(data, fill="none")


def _box(x: float, y: float, wide: float, high: float, radius: float = 2) -> str:
    return element("rect", x=x, y=y, width=wide, height=high, rx=radius)


def _circle(x: float, y: float, radius: float) -> str:
    return element("circle", cx=x, cy=y, r=radius)


def _internet() -> tuple[str, ...]:
    return (_path(_CLOUD),)


def _router() -> tuple[str, ...]:
    return _circle(0, 0, 11.5), _open(_ARROWS)


def _esg() -> tuple[str, ...]:
    return _path(_SHIELD), _open(_BRICKS)


def _dlr() -> tuple[str, ...]:
    return _circle(-4, 0, 9), _circle(4, 0, 9), _open("M-1 0H9M6-3L9 0 6 3M2-3L-1 0 2 3")


def _esxi() -> tuple[str, ...]:
    bars = (_box(-12, y, 24, 7) for y in (-11, -3.5, 4))
    return *bars, _open("M-8.5-7.5H-8M-8.5 0H-8M-8.5 7.5H-8M1-7.5H8M1 0H8M1 7.5H8")


def _kube() -> tuple[str, ...]:
    spokes = "M0-4V-9M3.5-2L7.5-5M3.9 1.2L8.7 2.3M1.8 3.6L4 8"
    others = "M-1.8 3.6L-4 8M-3.9 1.2L-8.7 2.3M-3.5-2L-7.5-5"
    return _path(_HELM), _circle(0, 0, 4), _open(spokes + others)


def _pod() -> tuple[str, ...]:
    return (_path(_CUBE),)


def _machine() -> tuple[str, ...]:
    return _box(-12, -11, 24, 17), _open("M-5 11H5M0 6V11")


def _user() -> tuple[str, ...]:
    return _path(_PERSON), _circle(0, -5, 5.5)


def _concentrator() -> tuple[str, ...]:
    return _path("M-12-10L-2-4V4L-12 10zM12-10L2-4V4L12 10z"), _open("M-2-1.5H2M-2 1.5H2")


def _vpn() -> tuple[str, ...]:
    return _open(_SHACKLE), _box(-9, -2, 18, 13), _open("M0 3V6")


def _server() -> tuple[str, ...]:
    return _box(-8, -12, 16, 24), _open("M-4-7.5H4M-4-3.5H4M0 7H.1")


def _other() -> tuple[str, ...]:
    return (_path("M0-11L11 0 0 11-11 0z"),)


_SHAPES: dict[Kind, Callable[[], tuple[str, ...]]] = {
    Kind.INTERNET: _internet,
    Kind.ROUTER: _router,
    Kind.ESG: _esg,
    Kind.DLR: _dlr,
    Kind.ESXI: _esxi,
    Kind.KUBE: _kube,
    Kind.POD: _pod,
    Kind.MACHINE: _machine,
    Kind.USER: _user,
    Kind.CONCENTRATOR: _concentrator,
    Kind.VPN: _vpn,
    Kind.SERVER: _server,
}


def tick(x: float, y: float, paint: str, size: float = 1) -> str:
    """A check mark around a point."""
    return _mark("M-4 .5L-1.2 3.5 4.5-3.5", x, y, paint, size)


def cross(x: float, y: float, paint: str, size: float = 1) -> str:
    """A cross around a point."""
    return _mark("M-3.5-3.5L3.5 3.5M3.5-3.5L-3.5 3.5", x, y, paint, size)


def _mark(data: str, x: float, y: float, paint: str, size: float) -> str:
    return element(
        "path",
        d=data,
        class_=f"s-{paint}",
        fill="none",
        stroke_width="2",
        stroke_linecap="round",
        stroke_linejoin="round",
        transform=f"translate({number(x)} {number(y)}) scale({number(size)})",
    )
