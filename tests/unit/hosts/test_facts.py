"""An answer is read as it was meant, and one that is not whole is none."""

import base64

import pytest

from hopbook.hosts.facts import SYSTEM, FileFact, JobFact, Question, SecretFact, SumFact, arguments, parse

TABBED, RANGE, KEYS, SAID = "a\tb", "10240\t60999\n", "ssh-rsa AA boot\n", "oh no\n"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def told(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (*lines, "-\tend")).encode()


def test_every_word_has_its_fact() -> None:
    asked: list[Question] = [
        ("file", "/a b"),
        ("file", "/none"),
        ("file", "/large"),
        ("file", "/directory"),
        ("secret", "/s"),
        ("sum", "/t"),
        ("package", "lvm2"),
        ("package", "none"),
        ("sysctl", "vm.x"),
        ("service", "ssh"),
        ("service", "none"),
        ("keys", "root"),
        ("image", "a:1"),
        ("job", "j"),
        ("job", "k"),
        ("ping", "10.0.0.1"),
        ("disk", "/var/lib/docker"),
        ("pair", "/k"),
        ("exists", "/e"),
    ]
    facts = parse(
        told(
            f"0\t640\troot\tadm\t3\t{b64(TABBED)}",
            "1\t-",
            "2\t644\troot\troot\t300000\t-",
            "3\tother",
            f"4\t600\troot\troot\t9\t{'0' * 64}\t{b64('note')}",
            f"5\t12\t{'1' * 64}",
            "6\t2.02-1",
            "7\t-",
            f"8\t{b64(RANGE)}",
            "9\tactive\tenabled",
            "10\tinactive\t",
            f"11\t/root\t{b64(KEYS)}",
            "12\tyes",
            f"13\tended\t2\t{b64('{}')}\t7\t{b64(SAID)}",
            "14\t-",
            "15\t0.412",
            "16\t1000\t900",
            "17\tyes\t",
            "18\tno",
            "-\tbusy\tedit",
        ),
        asked,
    )
    assert facts.file("/a b") == FileFact(0o640, "root", "adm", 3, b"a\tb")
    assert facts.file("/none") is None
    large = facts.file("/large")
    assert large is not None
    assert large.content is None
    assert facts.taken("/directory")
    assert facts.secret("/s") == SecretFact(0o600, "root", "root", 9, "0" * 64, "note")
    assert facts.sum("/t") == SumFact(12, "1" * 64)
    assert (facts.package("lvm2"), facts.package("none")) == ("2.02-1", "")
    assert facts.sysctl("vm.x") == "10240 60999"
    assert (facts.service("ssh"), facts.service("none")) == ((True, True), (False, False))
    assert facts.keys("root") == ("/root", "ssh-rsa AA boot\n")
    assert facts.image("a:1")
    assert facts.job("j") == JobFact("ended", 2, "{}", 7, "oh no\n")
    assert facts.job("k") is None
    assert facts.ping("10.0.0.1") == 0.412
    assert facts.disk("/var/lib/docker") == (1000, 900)
    assert facts.pair("/k") == ""
    assert not facts.exists("/e")
    assert facts.busy == ("edit",)
    assert arguments(asked)[:4] == ["file", "/a b", "file", "/none"]


def test_a_host_tells_of_itself() -> None:
    facts = parse(
        told(
            "0\tuid\t0",
            "0\thostname\tm1",
            "0\tclock\t1500000000.5",
            "0\tos\tubuntu\t16.04",
            "0\tcpus\t8",
            "0\tmemory\t1024",
            "0\tswap\t0",
            "0\tpython\tpython\t2.7.12",
            "0\tresolved\t10.0.0.1 ",
            "0\tsynchronized\tyes",
            "0\ttimeservice\tchrony",
            "0\tfirewall\tufw",
            "0\taddress\teth0\t10.0.0.1/24",
            "0\tlistens\t22",
            "0\tlistens\t443",
            "0\tdocker\t18.03.1-ce\toverlay2",
        ),
        [SYSTEM],
    ).system
    assert (facts.uid, facts.hostname, facts.clock, facts.os) == (
        0,
        "m1",
        1500000000.5,
        ("ubuntu", "16.04"),
    )
    assert (facts.pythons, facts.resolved, facts.synchronized) == (
        {"python": "2.7.12"},
        ("10.0.0.1",),
        True,
    )
    assert (facts.timeservices, facts.firewalls) == (("chrony",), ("ufw",))
    assert facts.addresses == (("eth0", "10.0.0.1/24"),)
    assert facts.listens == {22, 443}
    assert facts.docker == ("18.03.1-ce", "overlay2")


def test_what_is_not_told_is_not_made_up() -> None:
    facts = parse(
        told("0\tuid\t0", "0\thostname\tm1", "0\tclock\t1", "0\tsynchronized\t", "0\tdocker"), [SYSTEM]
    )
    system = facts.system
    assert (system.os, system.synchronized, system.docker) == (("", ""), None, None)
    assert (system.resolved, system.pythons, system.listens) == ((), {}, frozenset())


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (b"", "not whole"),
        (b"0\tyes\n", "not whole"),
        (b"0\tyes\n-\tend", "not whole"),
        (b"<html>\n-\tend\n", "answers nothing: '<html>'"),
        (b"1\tyes\n-\tend\n", "answers nothing: '1'"),
    ],
)
def test_an_answer_that_is_not_whole_is_none(output: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(output, [("image", "a:1")])


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((), "file /a: 0 answers"),
        (("0\t-", "0\t-"), "2 answers"),
        (("0\t644\troot\troot\t1",), "4 fields, expected 5"),
        (("0\t644\troot\troot\t1\t*",), "not base64"),
        (("0\t9\troot\troot\t1\t",), "invalid literal"),
    ],
)
def test_an_answer_of_another_shape_is_said(lines: tuple[str, ...], problem: str) -> None:
    facts = parse(told(*lines), [("file", "/a")])
    with pytest.raises(ValueError, match=problem):
        facts.file("/a")
