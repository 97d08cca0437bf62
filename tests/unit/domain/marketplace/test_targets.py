"""Where call-backs may go."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.marketplace.targets import MOST_CHARACTERS, TargetRefused, check_url, is_loopback, is_public

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
NOT_PUBLIC = [
    *("127.0.0.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("198.18.0.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::8.8.8.8", "2002:7f00:1::", "64:ff9b::7f00:1"),
    *("64:ff9b:1::808:808", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "5f00::1", "", "localhost", "0x7f.1", "2130706433"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is(address: str) -> None:
    assert not is_public(address)


PRIVATE_V4 = st.builds(
    lambda network, rest: IPv4Address(network) + rest,
    st.sampled_from(["10.0.0.0", "127.0.0.0", "169.254.0.0", "192.168.0.0"]),
    st.integers(0, 2**16 - 1),
)


@settings(deadline=None)
@given(PRIVATE_V4)
def test_no_ipv6_form_of_a_private_address_is_public(ip: IPv4Address) -> None:
    number = int(ip)
    forms = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address(0x2002 << 112 | number << 80),
        IPv6Address(0x20010000 << 96 | number << 64),
        IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF)),
    ]
    assert not any(is_public(str(form)) for form in (ip, *forms))


def test_loopback_is_this_machine_only() -> None:
    assert [is_loopback(text) for text in ("127.0.0.1", "::1", "10.0.0.1", "nonsense")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/hook", "shop.example"),
        ("http://127.0.0.1:4000/webhook", "127.0.0.1"),
        ("HTTPS://[2606:4700::1]:8443/", "2606:4700::1"),
    ],
)
def test_a_target_names_its_host(url: str, host: str) -> None:
    assert check_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        *("", "shop.example", "ftp://shop.example", "file:///etc/passwd", "http://", "http:///x", "https://:443/"),
        *("http://user:secret@shop.example/", "http://user@shop.example/", "http://[::1", "http://shop.example:99999/"),
        *("http://shop.example:0/", "http://shop.example/a b", "http://shop.example/\n", "http://shop.example/\x7f"),
        "https://shop.example/" + "a" * MOST_CHARACTERS,
    ],
    ids=range(16),
)
def test_what_is_no_target_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_url(url)


@settings(deadline=None)
@given(st.text())
def test_checking_never_fails_otherwise(text: str) -> None:
    is_public(text)
    is_loopback(text)
    for url in (text, f"http://{text}", f"https://{text}/"):
        try:
            assert check_url(url)
        except TargetRefused:
            continue
