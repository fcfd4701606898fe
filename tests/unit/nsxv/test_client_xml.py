"""Documents from outside are not trusted, and ours are well-formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.nsxv import xml
from hopbook.errors import InvalidInput

BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><edge>&d;</edge>"""


@pytest.mark.parametrize(
    "document",
    [
        BILLION_LAUGHS,
        b'<!DOCTYPE edge SYSTEM "file:///etc/passwd"><edge/>',
        b'<!DOCTYPE edge [<!ENTITY x SYSTEM "file:///etc/passwd">]><edge>&x;</edge>',
        b'<!DOCTYPE edge [<!ATTLIST edge a CDATA "default">]><edge/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE edge [<!ENTITY x "y">]><edge>&x;</edge>'.encode(
            "utf-16"
        ),
        b"<edge>&undefined;</edge>",
        b"<html><body>503</body></html>",
        b"<!doctype html><html><head><title>x</title></head><body><hr><br></body></html>",
        b"",
        b"virtualwire-3",
        b'{"details": "x"}',
        b"<edge>",
        b"<edge>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</edge>",
        b"\xff\xfe",
    ],
)
def test_what_nsx_would_never_send_is_refused(document: bytes) -> None:
    with pytest.raises(xml.NotXml):
        xml.parse(document)


def test_a_text_that_is_too_large_is_refused() -> None:
    with pytest.raises(xml.NotXml):
        xml.parse(b"<edge><description>" + b"x" * (10_000_001) + b"</description></edge>")


def test_nothing_is_loaded_from_anywhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text("opens nothing")
    include = (
        f'<edge xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{secret}" parse="text"/></edge>'
    )

    assert b"opens nothing" not in xml.serialize(xml.parse(include.encode()))


def test_comments_and_instructions_are_no_content() -> None:
    root = xml.parse(b"<edge><!-- x --><?php x?><name>a<!-- x -->b</name></edge>")

    assert [child.tag for child in root] == ["name"]
    assert xml.text(root, "name") == "ab"


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
)
def test_any_text_survives(text: str) -> None:
    assert (xml.parse(xml.serialize(xml.make("a", text))).text or "") == text


@pytest.mark.parametrize("text", ["\x00", "a\x08b", "\ud800"])
def test_what_xml_cannot_hold_is_the_writers_mistake(text: str) -> None:
    with pytest.raises(InvalidInput, match="the password has a character") as caught:
        xml.make("password", f"n5x{text}")
    assert "n5x" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_values_are_written_as_nsx_reads_them() -> None:
    made = xml.make("a", xml.make("b", True), None, xml.make("c", 7), xml.make("d", ""))

    assert xml.serialize(made).endswith(b"<a><b>true</b><c>7</c><d></d></a>")


def test_putting_keeps_the_place_and_everything_else() -> None:
    root = xml.parse(b"<r><a>1</a><b><x/></b><c>3</c></r>")

    xml.put(root, "a", 2)
    xml.put(root, "b", "plain")
    xml.put(root, "c", None)
    xml.put(root, "d", xml.make("d", "new"))
    xml.put(root, "a", xml.make("a", xml.make("y", "z")))

    assert xml.serialize(root).endswith(b"<r><a><y>z</y></a><b>plain</b><d>new</d></r>")


def test_reading_takes_defaults_for_what_is_not_there() -> None:
    root = xml.parse(b"<r><on>True</on><empty/><n>12</n><odd>x1</odd><l>a</l><l/><l> b </l></r>")

    assert (xml.flag(root, "on", default=False), xml.flag(root, "empty", default=True)) == (True, True)
    assert (xml.number(root, "n", 1), xml.number(root, "odd", 1), xml.number(root, "gone", 1)) == (12, 1, 1)
    assert xml.texts(root, "l") == ("a", "b")
    assert (xml.text(root, "empty", "x"), xml.text(root, "gone")) == ("x", "")
