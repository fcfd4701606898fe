"""Merge patches for servers that do not know which field is whose."""

import json
from typing import Any

from adapters.kubernetes.provider.merging import LAST, difference, patch_of, with_last


def document(version: str = "7", **spec: Any) -> dict[str, Any]:
    about = {"name": "a", "namespace": "n"} | ({"resourceVersion": version} if version else {})
    return {"kind": "Service", "metadata": about, "spec": spec}


def sent(**spec: Any) -> dict[str, Any]:
    """A live object as we made it."""
    made = with_last(document("", **spec))
    return {**made, "metadata": {**made["metadata"], "resourceVersion": "7", "uid": "u"}}


def test_what_is_so_needs_no_patch_even_with_what_the_server_filled_in() -> None:
    live = sent(ports=[{"port": 80}])
    live["spec"] = {"ports": [{"port": 80, "protocol": "TCP"}], "clusterIP": "172.21.0.9"}
    assert patch_of(live, document("", ports=[{"port": 80}])) == {}


def test_a_patch_is_of_the_version_that_was_read() -> None:
    patch = patch_of(sent(a=1), document("", a=2))
    assert patch["spec"] == {"a": 2}
    assert {name: patch["metadata"][name] for name in ("name", "namespace", "resourceVersion")} == {
        "name": "a",
        "namespace": "n",
        "resourceVersion": "7",
    }
    assert json.loads(patch["metadata"]["annotations"][LAST])["spec"] == {"a": 2}


def test_what_we_sent_and_do_not_want_any_more_goes_and_what_others_set_stays() -> None:
    live = sent(a=1, b=2)
    live["spec"]["theirs"] = 3
    assert patch_of(live, document("", a=1))["spec"] == {"b": None}


def test_a_note_that_nobody_can_read_takes_nothing_away() -> None:
    live = sent(a=1, b=2)
    live["metadata"]["annotations"][LAST] = "{"
    assert patch_of(live, document("", a=1)) == {}


def test_a_shorter_list_is_a_change() -> None:
    assert patch_of(sent(a=[1, 2]), document("", a=[1]))["spec"] == {"a": [1]}
    assert patch_of(sent(a=[1]), document("", a=[]))["spec"] == {"a": []}


def test_the_difference_of_two_documents_takes_back_what_only_one_has() -> None:
    assert difference({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 2, "d": 2}}) == {"a": None, "b": {"c": 2}}
