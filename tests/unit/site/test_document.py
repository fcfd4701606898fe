import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hopbook.errors import InvalidInput, Problem
from hopbook.site import document as module
from hopbook.site.document import MAX_BYTES, MAX_DEPTH, merge, read_document


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers: not every machine has libyaml's."""
    monkeypatch.setattr(module, "_Loader", getattr(yaml, request.param))


def problems(text: bytes | str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read_document(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2018-11-12", "2018-11-12"),
        ("0", 0),
        ("-7", -7),
        ("+12", 12),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b1", "0b1"),
        ("123456789012345678", 123456789012345678),
        ("1234567890123456789012", "1234567890123456789012"),
        ("9" * 5000, "9" * 5000),  # int() of this would raise
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("=", "="),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  null\n", "null\n"),
    ],
)
def test_scalars(written: str, meant: object) -> None:
    found = read_document(f"a: {written}", "f.yaml").data["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_keys_are_their_text() -> None:
    assert read_document("on: 1\n8080: 2\nno: 3\ntrue: 4\n", "f").data == {
        "on": 1,
        "8080": 2,
        "no": 3,
        "true": 4,
    }


@pytest.mark.usefixtures("parser")
def test_places() -> None:
    text = "# first\na:\n  - name: x\n    b: 1\n  - c\nd: {e: [1,\n  2]}\n"
    document = read_document(text, "f.yaml")
    paths: dict[tuple[str | int, ...], int] = {
        ("a",): 2,
        ("a", 0): 3,
        ("a", 0, "b"): 4,
        ("a", 1): 5,
        ("d", "e"): 6,
        ("d", "e", 1): 7,
    }
    assert {path: document.line_of(path) for path in paths} == paths
    assert document.where(("a", 0, "b")) == "f.yaml:4 a[x].b"
    assert document.where(("a", 1)) == "f.yaml:5 a[1]"
    assert document.line_of(("a", 0, "missing", "deeper")) == 3
    assert document.has(("a", 0, "b"))
    assert not document.has(("a", 7))


def test_byte_order_mark_is_no_text() -> None:
    assert read_document("\ufeffa: ü\n".encode(), "f").data == {"a": "ü"}


@pytest.mark.parametrize(
    ("text", "line"),
    [(b"a: 1\nb: \xff\n", 2), (b"a: 1\n\x00", 2), ("a: 1\nb: 2\n".encode("utf-16"), 1), (b"\x7fELF\x02", 1)],
)
def test_binary(text: bytes, line: int) -> None:
    [problem] = problems(text)
    assert problem.startswith(f"f.yaml:{line}: ")
    assert "UTF-8" in problem


def test_too_large() -> None:
    [problem] = problems(b"a: 1\n" * 2_000_000)
    assert problem == f"f.yaml: the file has 10,000,000 bytes; at most {MAX_BYTES:,} are read"


@pytest.mark.usefixtures("parser")
def test_billion_laughs() -> None:
    """Nine levels of ten: a loader that follows aliases needs gigabytes."""
    levels = ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found = problems("\n".join(levels))
    assert found[0].startswith("f.yaml:1: an anchor")
    assert found[2].startswith("f.yaml:2: an alias")
    assert len(found) == module.MAX_PROBLEMS


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5_000,
        "a: " + "{b: " * 5_000,
        "\n".join(" " * n + "a:" for n in range(500)),
        "- " * 5_000 + "a",
    ],
)
def test_deep(text: str) -> None:
    [problem] = problems(text)
    assert f"nested more than {MAX_DEPTH} deep" in problem


def test_deep_and_large_is_quick() -> None:
    """The scanner of libyaml needs minutes for these brackets when it is let (quadratic)."""
    [problem] = problems("[" * 900_000)
    assert "nested" in problem


words = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words.filter(str.strip), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "on", "12", "x.y"]), plain, max_size=3))
def test_reads_json(data: dict[str, Any]) -> None:
    """JSON is YAML: what json writes, the reader reads."""
    assert read_document(json.dumps(data), "f").data == data


def _merge_data(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merge_data(low[key], value)
        if isinstance(value, dict) and isinstance(low.get(key), dict)
        else value
        for key, value in high.items()
    }
    return {**low, **both}


mappings = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).flatmap(lambda value: st.just(value if isinstance(value, dict) else {"a": value}))


@given(mappings, mappings)
def test_merge(low: dict[str, Any], high: dict[str, Any]) -> None:
    base, over = read_document(yaml.safe_dump(low), "low"), read_document(yaml.safe_dump(high), "high")
    before = json.dumps([base.data, over.data])
    merged = merge(base, over)
    assert merged.data == _merge_data(low, high)
    assert json.dumps([base.data, over.data]) == before
    for path in _paths(merged.data):
        assert merged.mark(path).file == (
            "high" if over.has(path) and not _both_mappings(base, over, path) else "low"
        )


def _paths(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(data, dict):
        return [path]
    return [path, *(inner for key, value in data.items() for inner in _paths(value, (*path, key)))]


def _both_mappings(base: module.Document, over: module.Document, path: tuple[str, ...]) -> bool:
    low: Any = base.data
    high: Any = over.data
    for key in path:
        low, high = (each.get(key) if isinstance(each, dict) else None for each in (low, high))
    return isinstance(low, dict) and isinstance(high, dict)


yaml_like = st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,?\n\t \\0x1~<"), max_size=60)


@given(st.binary(max_size=200) | st.text(max_size=100) | yaml_like)
@example(b"")
@example("a: \ud800")
@example("? ? ? a")
@example("%YAML 9.9\n---\na: 1")
@example("%TAG ! tag:x,2000:\n---\na: !f 3")
@example('a: "\\ud800\\udc00"')
@example('a: "\\U0011ffff"')
def test_nothing_but_invalid_input_comes_out(text: bytes | str) -> None:
    assert_read_or_refused(text)


@given(yaml_like)
@example('a: "\\U0011ffff"')
@example('a: "\\ud800"')
def test_nor_out_of_the_slower_parser(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_Loader", yaml.SafeLoader)
        assert_read_or_refused(text)


def assert_read_or_refused(text: bytes | str) -> None:
    found: list[Problem] | dict[str, Any]
    try:
        found = read_document(text, "f.yaml").data
    except InvalidInput as refused:
        found = list(refused.problems)
    if isinstance(found, dict):
        json.dumps(found, ensure_ascii=False).encode()
    else:
        assert found
        assert all(problem.where.startswith("f.yaml") for problem in found)
