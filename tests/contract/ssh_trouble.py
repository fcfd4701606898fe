"""Who a host is, who may log in, and what a lost connection leaves behind."""

import io
import socket
from dataclasses import replace
from typing import Any

import paramiko
import pytest

from adapters.ssh import scripts
from adapters.ssh.client import Login, Timeouts
from adapters.ssh.errors import SudoAsks, UnknownHostKey, WrongHostKey
from adapters.ssh.trust import HostKeys, fingerprint
from hopbook.engine.change import Result, Scope
from hopbook.errors import AnswerLost, HopbookError, InvalidInput, LoginRefused, Unreachable
from hopbook.resources.base import SecretRef
from hopbook.resources.host import Artifact
from tests.contract.ssh_lab import (
    HOST,
    OTHER_KEY,
    PASSWORD,
    SECOND,
    Lab,
    create,
    public,
    sha256,
    until,
    update,
)
from tests.contract.ssh_things import AUTHORIZED, BLOCK, FILE, FOLDER, MAPS, PAIR, SECRET_FILE

BY_PASSWORD: dict[str, Any] = {"key": None, "password": SecretRef("lab", "password")}
IDS = ("root", "root")


def asks(lab: Lab, **login: Any) -> None:
    """Ask the host something, with this login."""
    client = lab.new_fleet(lab.login(**login)).client(HOST)
    client.run(scripts.IDS, lab.base, *IDS)


class Troubles:
    """The promises about trouble."""

    # -- who it is ----------------------------------------------------------------------------------

    def test_a_host_with_another_key_is_told_nothing(self, lab: Lab) -> None:
        login = lab.login()
        place = f"[{login.address}]:{login.port}"
        other = " ".join(public(OTHER_KEY).split()[:2])
        for keys in (
            HostKeys.read(f"{place} {other}\n"),
            HostKeys.read(lab.known, {HOST: [other]}),
            HostKeys.read(lab.known, {HOST: [_fingerprint(OTHER_KEY)]}),
            HostKeys.read(f"{lab.known}@revoked * {' '.join(_known(lab).split()[-2:])}\n"),
        ):
            client = lab.new_fleet(lab.login(**BY_PASSWORD), keys=keys).client(HOST)
            with pytest.raises(WrongHostKey, match=f"{HOST}: it shows the host key SHA256:") as caught:
                client.run(scripts.IDS, lab.base, *IDS)
            assert _fingerprint_of(lab) in str(caught.value)

    def test_a_host_that_nobody_knows_is_not_believed(self, lab: Lab) -> None:
        client = lab.new_fleet(keys=HostKeys.read("")).client(HOST)
        with pytest.raises(UnknownHostKey, match="nothing is known of its host key") as caught:
            client.run(scripts.IDS, lab.base, *IDS)
        assert f"compare {_fingerprint_of(lab)} with the host's console" in str(caught.value)

    def test_a_pinned_key_or_fingerprint_is_enough(self, lab: Lab) -> None:
        for pin in (_fingerprint_of(lab), " ".join(_known(lab).split()[-2:])):
            client = lab.new_fleet(keys=HostKeys.read("", {HOST: [pin]})).client(HOST)
            assert client.run(scripts.IDS, lab.base, *IDS) == b"0 0\n"

    # -- who may log in -----------------------------------------------------------------------------

    def test_a_password_is_as_good_as_a_key(self, lab: Lab) -> None:
        asks(lab, **BY_PASSWORD)

    def test_a_wrong_key_or_password_is_refused(self, lab: Lab) -> None:
        lab.secrets.values["wrong"] = f"{PASSWORD}?"
        for login in (
            {"key": SecretRef("lab", "other-key")},
            {"key": None, "password": SecretRef("lab", "wrong")},
            {"user": "nobody-here"},
        ):
            with pytest.raises(LoginRefused, match=f"{HOST} refuses the login") as caught:
                asks(lab, **login)
            assert PASSWORD not in str(caught.value)

    def test_a_key_that_is_none_is_told_without_it(self, lab: Lab) -> None:
        lab.secrets.values["key"] = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAAhalf-of-it\n"
        with pytest.raises(InvalidInput, match="secret lab:key: it is no private key") as caught:
            asks(lab)
        shown: BaseException | None = caught.value
        while shown is not None:
            assert "half-of-it" not in str(shown)
            shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)

    def test_a_login_without_anything_is_told(self, lab: Lab) -> None:
        with pytest.raises(InvalidInput, match="neither a key nor a password"):
            asks(lab, key=None)

    def test_a_user_becomes_root_by_sudo(self, lab: Lab) -> None:
        provider = lab.new_provider(lab.new_fleet(lab.login(user="ops")))
        wanted = (FILE, SECRET_FILE, BLOCK, MAPS, PAIR, FOLDER, AUTHORIZED)
        changes = [
            create(item)
            if item.key.kind not in {MAPS.kind, AUTHORIZED.kind}
            else update(lab.live(item) or item, item)
            for item in wanted
        ]
        outcomes = lab.apply(*changes, provider=provider)
        assert {item.result for item in outcomes} == {Result.APPLIED}, outcomes
        assert lab.live(FILE) == FILE
        assert lab.live(SECRET_FILE) == SECRET_FILE
        assert lab.box.possession(FILE.path) == (0o640, "root", "root")
        content = b"x" * 100_000
        client = lab.new_fleet(lab.login(user="ops")).client(HOST)
        staged = client.stage(io.BytesIO(content))
        client.run(scripts.PLACE, lab.base, staged, "/opt/large", "0600", "ops:ops", "")
        large = Artifact(host=HOST, path="/opt/large", source="", sha256=sha256(content))
        assert lab.live(large) == large
        assert lab.box.possession("/opt/large") == (0o600, "ops", "ops")

    def test_sudo_that_asks_is_an_error_of_its_own(self, lab: Lab) -> None:
        fleet = lab.new_fleet(lab.login(user="asks"))
        with pytest.raises(SudoAsks, match="sudo asks for a password") as caught:
            fleet.client(HOST).run(scripts.IDS, lab.base, *IDS)
        assert "allow asks sudo without a password" in str(caught.value)
        (outcome,) = lab.apply(create(FOLDER), provider=lab.new_provider(fleet))
        assert outcome.result is Result.REFUSED
        assert lab.live(FOLDER) is None

    # -- ways there ---------------------------------------------------------------------------------

    def test_a_host_is_reached_through_another(self, lab: Lab) -> None:
        first, second = lab.login(), lab.login(SECOND, jump=HOST)
        asked: list[str] = []

        def dial(login: Login, timeout: float) -> socket.socket:
            asked.append(login.name)
            return lab.dial(login, timeout)

        fleet = lab.new_fleet(second, first, dial=dial)
        assert fleet.client(SECOND).run(scripts.IDS, lab.base, *IDS) == b"0 0\n"
        assert asked == [HOST]
        provider = lab.new_provider(fleet)
        outcomes = lab.apply(create(replace(FILE, host=SECOND)), provider=provider)
        assert [item.result for item in outcomes] == [Result.APPLIED]
        assert lab.boxes[SECOND].read(FILE.path) == FILE.content
        assert lab.box.read(FILE.path) is None

    def test_behind_a_jump_the_host_still_has_to_be_the_one(self, lab: Lab) -> None:
        pins = {SECOND: [_fingerprint(OTHER_KEY)]}
        fleet = lab.new_fleet(lab.login(), lab.login(SECOND, jump=HOST), keys=HostKeys.read(lab.known, pins))
        with pytest.raises(WrongHostKey, match=SECOND):
            fleet.client(SECOND).run(scripts.IDS, lab.base, *IDS)

    def test_a_jump_that_gets_nowhere_is_told(self, lab: Lab) -> None:
        fleet = lab.new_fleet(lab.login(), lab.login(SECOND, jump=HOST, port=1))
        with pytest.raises(Unreachable, match=f"{SECOND}: no connection"):
            fleet.client(SECOND).run(scripts.IDS, lab.base, *IDS)

    # -- lost connections ---------------------------------------------------------------------------

    def test_where_nobody_answers_nothing_was_done(self, lab: Lab) -> None:
        line = lab.line()
        line.down = True
        provider = lab.new_provider(lab.new_fleet(dial=line.dial))
        (outcome,) = lab.apply(create(FOLDER), provider=provider)
        assert outcome.result is Result.REFUSED
        assert f"{HOST}: no connection" in outcome.reason
        with pytest.raises(Unreachable):
            provider.observe(Scope(frozenset({FOLDER.key})))

    def test_a_connection_that_broke_in_the_meantime_is_made_anew(self, lab: Lab) -> None:
        line = lab.line()
        client = lab.new_fleet(dial=line.dial).client(HOST)
        assert client.run(scripts.IDS, lab.base, *IDS) == b"0 0\n"
        line.cut()
        assert client.run(scripts.DIRECTORY, lab.base, "/opt/new", "0755", "root:root") == b""
        assert lab.box.names("/opt/new") == []

    def test_a_script_that_arrives_in_part_does_nothing(self, lab: Lab) -> None:
        line = lab.line()
        client = lab.new_fleet(dial=line.dial).client(HOST)
        client.run(scripts.IDS, lab.base, *IDS)
        line.lose_the_script()
        with pytest.raises(HopbookError, match=r"no answer|no connection"):
            client.run(scripts.DIRECTORY, lab.base, "/opt/new", "0755", "root:root")
        lab.fleet.client(HOST).run(scripts.DIRECTORY, lab.base, "/opt/other", "0755", "root:root")
        assert "new" not in lab.box.names("/opt")

    def test_a_lost_answer_is_a_doubt_that_reading_ends(self, lab: Lab) -> None:
        line = lab.line()
        fleet = lab.new_fleet(dial=line.dial)
        fleet.client(HOST).run(scripts.IDS, lab.base, *IDS)
        line.lose_the_answer()
        (outcome,) = lab.apply(create(FOLDER), provider=lab.new_provider(fleet))
        assert outcome.result is Result.UNKNOWN
        assert "whether it took effect is unknown" in outcome.reason
        until(lambda: lab.live(FOLDER) == FOLDER)

    def test_a_reading_whose_answer_is_lost_is_read_again(self, lab: Lab) -> None:
        line = lab.line()
        client = lab.new_fleet(dial=line.dial).client(HOST)
        client.run(scripts.IDS, lab.base, *IDS)
        line.lose_the_answer()
        assert client.run(scripts.IDS, lab.base, *IDS) == b"0 0\n"

    def test_a_host_that_falls_silent_is_not_waited_for_forever(self, lab: Lab) -> None:
        line = lab.line()
        times = Timeouts(connect=10, command=0.5, idle=0.5)
        client = lab.new_fleet(dial=line.dial, timeouts=times).client(HOST)
        client.run(scripts.IDS, lab.base, *IDS)
        line.stall_the_answer()
        with pytest.raises(AnswerLost, match="it does not answer in time"):
            client.run(scripts.DIRECTORY, lab.base, "/opt/new", "0755", "root:root")
        until(lambda: "new" in lab.box.names("/opt"))

    def test_a_host_that_never_greets_is_not_waited_for_forever(self, lab: Lab) -> None:
        line = lab.line()
        line.stalled.set()
        times = Timeouts(connect=0.3, command=5, idle=5)
        client = lab.new_fleet(dial=line.dial, timeouts=times).client(HOST)
        with pytest.raises(Unreachable, match=f"{HOST}: no connection"):
            client.run(scripts.IDS, lab.base, *IDS)


def _known(lab: Lab) -> str:
    return lab.known.splitlines()[0]


def _fingerprint_of(lab: Lab) -> str:
    entry = paramiko.hostkeys.HostKeyEntry.from_line(_known(lab))
    assert entry is not None
    assert entry.key is not None
    return fingerprint(entry.key)


def _fingerprint(key: str) -> str:
    return fingerprint(paramiko.Ed25519Key(file_obj=io.StringIO(key)))
