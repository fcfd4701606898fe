"""How problems speak: near misses, paths, and values that may be shown.

What stands under a key that looks like a secret's is never repeated, not even in the message that refuses it,
for messages end up in logs, in CI and in tickets.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any

KeyPath = tuple[str | int, ...]

_SECRET = re.compile(
    r"pass(word|wd|phrase)|secret|token|psk|credential|(^|[_-])(pass|pwd|api_?key|keys?)$", re.IGNORECASE
)
_USER_INFO = re.compile(r"//[^/\s]*@")
_PLAIN_NAME = re.compile(r"[\w.-]{1,63}")
_LONGEST = 80
_CLOSE = 0.7  # difflib's own 0.6 takes turtles for nat-rules


def looks_secret(path: KeyPath) -> bool:
    """Whether some key on the way there looks like that of a secret."""
    return any(isinstance(key, str) and _SECRET.search(key) is not None for key in path)


def near(word: str, known: Iterable[str]) -> str:
    """` – did you mean …?` for a word that is almost a known one, else nothing."""
    close = difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=_CLOSE)
    return f" – did you mean `{close[0]}`?" if close else ""


def choices(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def shown(value: object, path: KeyPath = ()) -> str:
    """A value for a message: short, on one line, without what may be a secret."""
    if looks_secret(path):
        return "a value that is not shown"
    if isinstance(value, str):
        text = _USER_INFO.sub("//…@", value)
        return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
    if isinstance(value, bool):
        return str(value).lower()
    for kind, word in ((NoneType, "nothing"), (Mapping, "a mapping"), (list | tuple, "a list")):
        if isinstance(value, kind):
            return word
    return str(value)[:_LONGEST]


def path_text(path: KeyPath, data: Any = None) -> str:
    """`overlays[icp].transit.edge`: items of a list by their name where `data` has one, else by number."""
    text = ""
    for key in path:
        if isinstance(key, int):
            data = data[key] if isinstance(data, list | tuple) and key < len(data) else None
            name = data.get("name") if isinstance(data, Mapping) else None
            named = isinstance(name, str) and _PLAIN_NAME.fullmatch(name)
            text += f"[{name if named else key}]"
        else:
            data = data.get(key) if isinstance(data, Mapping) else None
            plain = key if _PLAIN_NAME.fullmatch(key) else shown(key)
            text += f".{plain}" if text else plain
    return text
