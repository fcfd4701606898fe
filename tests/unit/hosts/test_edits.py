"""Edits leave what is not ours as it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.hosts import edits
from hopbook.resources.host import Block

ICP = Block(host="h", path="/etc/hosts", label="icp", lines=("10.0.0.1 a", "10.0.0.2 b"))
words = st.text("ab#=. \t", max_size=8)
texts = st.lists(words, max_size=6).map("\n".join)


def test_a_block_stands_at_the_end_and_is_found_again() -> None:
    text = edits.with_block("127.0.0.1 localhost", ICP)
    assert text == ("127.0.0.1 localhost\n# hopbook: begin icp\n10.0.0.1 a\n10.0.0.2 b\n# hopbook: end icp\n")
    assert edits.block_of(text, ICP) == ICP.lines
    assert edits.with_block(text, ICP) == text


def test_a_block_stays_in_its_place_and_others_keep_theirs() -> None:
    text = edits.with_block("a\n", ICP) + "b\n"
    other = Block(host="h", path="/etc/hosts", label="other", lines=())
    both = edits.with_block(text, other)
    changed = edits.with_block(both, Block(host="h", path="/etc/hosts", label="icp", lines=("c",)))
    assert changed.startswith("a\n# hopbook: begin icp\nc\n# hopbook: end icp\nb\n")
    assert edits.block_of(changed, other) == ()
    assert edits.without_block(edits.without_block(changed, ICP), other) == "a\nb\n"


def test_a_mark_without_its_other_half_is_no_block() -> None:
    assert edits.block_of("# hopbook: begin icp\n10.0.0.1 a\n", ICP) is None
    assert edits.block_of("# hopbook: end icp\n# hopbook: begin icp\n", ICP) is None


@settings(max_examples=60)
@given(text=texts)
def test_a_block_comes_and_goes_without_a_trace(text: str) -> None:
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    assert edits.without_block(edits.with_block(text, ICP), ICP) == ended


@settings(max_examples=60)
@given(text=texts, wanted=st.sampled_from([None, "ab x", "ab\tx\nab y"]))
def test_only_lines_with_the_word_change(text: str, wanted: str | None) -> None:
    after = edits.with_line(text, "ab", wanted)
    assert edits.line_of(after, "ab") == wanted

    def others(body: str) -> list[str]:
        return [line for line in body.rstrip("\n").split("\n") if line.split()[:1] != ["ab"] and line]

    assert others(after) == others(text)
    assert edits.with_line(after, "ab", wanted) == after


@pytest.mark.parametrize(
    ("text", "wanted", "after"),
    [
        ("127.0.0.1 localhost\n127.0.1.1 m\n::1 ip6\n", None, "127.0.0.1 localhost\n::1 ip6\n"),
        ("a\n  127.0.1.1 m\nb\n127.0.1.1 n\n", "127.0.1.1 x", "a\n127.0.1.1 x\nb\n"),
        ("127.0.1.10 m\n#127.0.1.1 m\n", None, "127.0.1.10 m\n#127.0.1.1 m\n"),
        ("a", "127.0.1.1 x", "a\n127.0.1.1 x\n"),
        ("", "127.0.1.1 x", "127.0.1.1 x\n"),
    ],
)
def test_lines_of_a_word(text: str, wanted: str | None, after: str) -> None:
    assert edits.with_line(text, "127.0.1.1", wanted) == after


@pytest.mark.parametrize(
    ("text", "wanted", "after"),
    [
        ("", "ssh-rsa AA", "ssh-rsa AA boot\n"),
        ("ssh-rsa BB bob", "ssh-rsa AA", "ssh-rsa BB bob\nssh-rsa AA boot\n"),
        ("ssh-rsa OLD boot\nssh-rsa BB bob\n", "ssh-rsa AA", "ssh-rsa BB bob\nssh-rsa AA boot\n"),
        ("ssh-rsa AA boot\nssh-rsa BB bob\n", None, "ssh-rsa BB bob\n"),
        ("ssh-rsa BB big boot\n# boot\n", None, "ssh-rsa BB big boot\n# boot\n"),
        (
            'command="x" ssh-rsa BB boot\n',
            "ssh-rsa AA",
            'command="x" ssh-rsa BB boot\nssh-rsa AA boot\n',
        ),
    ],
)
def test_one_key_a_label(text: str, wanted: str | None, after: str) -> None:
    changed = edits.with_key(text, "boot", wanted)
    assert changed == after
    assert edits.key_of(changed, "boot") == wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vm.x = 1\nvm.x=2\n", "2"),
        ("vm/x = 1\n", "1"),
        ("#vm.x = 1\n; vm.x = 3\n", ""),
        ("vm.xy = 1\n", ""),
        (" vm.x\t=\t10  20 \n", "10 20"),
    ],
)
def test_the_last_assignment_counts(text: str, found: str) -> None:
    assert edits.parameter_of(text, "vm.x") == found


def test_a_parameter_has_one_line() -> None:
    assert edits.with_parameter("# a\nvm.x = 1\nvm.y=2\nvm.x=3", "vm.x", "9") == "# a\nvm.y=2\nvm.x = 9\n"
    assert edits.with_parameter("vm.x = 1\nvm.y=2\n", "vm.x", "") == "vm.y=2\n"
