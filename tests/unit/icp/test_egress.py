import re

from hopbook.icp import egress
from hopbook.icp.egress import Proxying


def test_the_shell_has_both_spellings(proxy: Proxying) -> None:
    lines = egress.profile(proxy).splitlines()
    found = {line[1]: line[2] for line in map(re.compile(r"export (\w+)='([^']*)'").fullmatch, lines) if line}
    assert len(found) == len(lines)
    assert set(found) == {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}
    assert found["http_proxy"] == found["HTTPS_PROXY"] == "http://10.95.8.40:3128"
    assert found["no_proxy"] == proxy.no_proxy


def test_dockers_drop_in_is_of_the_service(proxy: Proxying) -> None:
    head, *lines = egress.docker(proxy).splitlines()
    assert head == "[Service]"
    assert 'Environment="HTTPS_PROXY=http://10.95.8.40:3128"' in lines
    assert sum(line.startswith('Environment="NO_PROXY=localhost,') for line in lines) == 1


def test_apt_goes_straight_to_what_the_private_network_has(proxy: Proxying) -> None:
    text = egress.apt(proxy)
    assert 'Acquire::http::Proxy "http://10.95.8.40:3128/";' in text
    assert 'Acquire::http::Proxy::mirrors.service.networklayer.com "DIRECT";' in text
    assert "github.com" not in text


def test_an_exception_is_listed_once(proxy: Proxying) -> None:
    assert len(set(proxy.exceptions)) == len(proxy.exceptions)
    assert "mirrors.service.networklayer.com" in proxy.exceptions
    assert egress.yum(proxy) == "proxy=http://10.95.8.40:3128"
