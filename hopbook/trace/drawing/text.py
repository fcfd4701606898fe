"""How wide text is, without a font at hand.

The widths are DejaVu Sans's, the widest of the fonts that a browser falls back to: with any other one a line
is shorter than its room, never longer.
"""

import re
from collections.abc import Iterator

_CLASSES = (
    (0.30, "'ijlIJ"),
    (0.37, " ,.·’/:;\\|f-"),
    (0.42, "()[]t!r"),
    (0.55, '"*_`–szc?'),
    (0.61, "LFkvxyPTY"),
    (0.70, "KAVXZBRC"),
    (0.79, "UNHDG&OQ"),
    (0.84, "w#+<=>^~→←↑↓×≠"),
    (1.0, "MWm%@…"),
)
_WIDTHS = {character: width for width, characters in _CLASSES for character in characters}
_USUAL, _FOREIGN = 0.64, 1.0  # of an em: other letters and digits; what is not ASCII
_ASCII = 128
_BOLD = 1.12
_BREAKS = re.compile(r"(?<=[-./:_,])")  # where a long name may go on in the next line


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line is at most, in pixels."""
    ems = sum(_WIDTHS.get(item, _USUAL if ord(item) < _ASCII else _FOREIGN) for item in text)
    return ems * size * (_BOLD if bold else 1)


def cut(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as there is room for."""
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(f"{text}…", size, bold=bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, size: float, room: float, *, bold: bool = False, most: int = 99) -> list[str]:
    """Lines that fit; what does not fit into the most lines is cut."""
    lines = [""]
    for word in text.split():
        for number, piece in enumerate(_pieces(word, size, room, bold=bold)):
            longer = f"{lines[-1]} {piece}" if lines[-1] and not number else lines[-1] + piece
            if width(longer, size, bold=bold) <= room:
                lines[-1] = longer
            else:
                lines.append(piece)
    found = [line for line in lines if line]
    if len(found) > most:
        found = [*found[: most - 1], cut(" ".join(found[most - 1 :]), size, room, bold=bold)]
    return found


def _pieces(word: str, size: float, room: float, *, bold: bool) -> Iterator[str]:
    """A word that fits as it is; else its parts, and letters where a part does not fit either."""
    if width(word, size, bold=bold) <= room:
        yield word
        return
    for part in _BREAKS.split(word):
        if width(part, size, bold=bold) <= room:
            yield part
        else:
            yield from part
