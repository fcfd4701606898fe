"""Changes to small text files that others write to as well: what is not ours stays as it is, to the byte.

Each function takes a file's text and returns the new one; asked for what is already so, it returns its input.
"""

from collections.abc import Callable, Sequence

from hopbook.resources.host import Block

Edit = Callable[[str], str]


def block_of(text: str, block: Block) -> tuple[str, ...] | None:
    """The lines between the marks that carry the block's label; None where there are none."""
    found = _span(text.split("\n"), block)
    return None if found is None else tuple(text.split("\n")[found[0] + 1 : found[1]])


def with_block(text: str, block: Block) -> str:
    """The text with the block in its old place, or new at the end."""
    lines = text.split("\n")
    mine = [block.marks[0], *block.lines, block.marks[1]]
    found = _span(lines, block)
    if found is not None:
        return "\n".join([*lines[: found[0]], *mine, *lines[found[1] + 1 :]])
    return _ended(text) + "\n".join([*mine, ""])


def without_block(text: str, block: Block) -> str:
    """The text without the block."""
    lines = text.split("\n")
    found = _span(lines, block)
    return text if found is None else "\n".join([*lines[: found[0]], *lines[found[1] + 1 :]])


def _span(lines: Sequence[str], block: Block) -> tuple[int, int] | None:
    first, last = block.marks
    if first not in lines or last not in lines[lines.index(first) :]:
        return None
    begin = lines.index(first)
    return begin, lines.index(last, begin)


def line_of(text: str, word: str) -> str | None:
    """The lines that begin with a word, one text; None where there is none."""
    found = [line.rstrip() for line in text.split("\n") if _first(line) == word]
    return "\n".join(found) if found else None


def with_line(text: str, word: str, wanted: str | None) -> str:
    """The text where just the wanted lines begin with a word; new ones stand where the first old one did."""
    if line_of(text, word) == wanted:
        return text
    lines = text.split("\n")
    places = [number for number, line in enumerate(lines) if _first(line) == word]
    rest = [line for line in lines if _first(line) != word]
    if wanted is None:
        return "\n".join(rest)
    if not places:
        return f"{_ended(text)}{wanted}\n"
    place = places[0]
    return "\n".join([*rest[:place], wanted, *rest[place:]])


def key_of(text: str, label: str) -> str | None:
    """The public key in `authorized_keys` whose comment is the label; None where there is none."""
    for line in text.split("\n"):
        words = line.split()
        if words[-1:] == [label] and len(words) == _KEY_WORDS and not line.startswith("#"):
            return " ".join(words[:2])
    return None


_KEY_WORDS = 3  # type, base64, comment; one with options before them is nobody's but whoever wrote it


def with_key(text: str, label: str, wanted: str | None) -> str:
    """`authorized_keys` with just this key under the label."""
    if key_of(text, label) == wanted:
        return text
    lines = [
        line
        for line in text.split("\n")
        if line.startswith("#") or line.split()[-1:] != [label] or len(line.split()) != _KEY_WORDS
    ]
    rest = "\n".join(lines)
    return rest if wanted is None else f"{_ended(rest)}{wanted} {label}\n"


def parameter_of(text: str, parameter: str) -> str:
    """What `/etc/sysctl.conf` gives a parameter, the last line winning; empty where it gives it nothing."""
    found = [value for name, value in map(_assignment, text.split("\n")) if name == parameter]
    return " ".join(found[-1].split()) if found else ""


def with_parameter(text: str, parameter: str, wanted: str) -> str:
    """`/etc/sysctl.conf` with one line for a parameter, or none where nothing is wanted."""
    if parameter_of(text, parameter) == wanted:
        return text
    rest = "\n".join(line for line in text.split("\n") if _assignment(line)[0] != parameter)
    return f"{_ended(rest)}{parameter} = {wanted}\n" if wanted else rest


def _assignment(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    comment = line.lstrip().startswith(("#", ";"))
    return ("", "") if comment or not equals else (name.strip().replace("/", "."), value.strip())


def _first(line: str) -> str:
    return line.split(maxsplit=1)[0] if line.split() else ""


def _ended(text: str) -> str:
    """The text with its last line ended."""
    return text if not text or text.endswith("\n") else f"{text}\n"
