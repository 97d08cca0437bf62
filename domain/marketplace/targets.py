"""Where call-backs may go: http or https, to addresses of the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

MOST_CHARACTERS: Final = 2048

_NAT64: Final = IPv6Network("64:ff9b::/96")
_UNICAST: Final = IPv6Network("2000::/3")
# What the standard library of Python 3.11 takes for global, and is not.
_SPECIAL: Final = (IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))


class TargetRefused(Exception):
    """Events cannot be sent there; the message says why."""


def check_url(url: str) -> str:
    """The URL's host. Raises `TargetRefused`: not http(s), with credentials, without a host, or malformed."""
    if len(url) > MOST_CHARACTERS or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise TargetRefused("the address is too long or holds blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetRefused("the address is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise TargetRefused("the address must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("the address may not hold credentials")
    if not host or port == 0:
        raise TargetRefused("the address names no host")
    return host


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet, whichever way it is written; what is none is not."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _is_public_v4(ip) if isinstance(ip, IPv4Address) else _is_public_v6(ip)


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL)


def _is_public_v6(ip: IPv6Address) -> bool:
    carried = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
    if carried is not None:
        return _is_public_v4(carried)
    # A relay would take these out of the address, and send there.
    tunnelled = [ip.sixtofour, *(ip.teredo or ())]
    return (
        ip in _UNICAST
        and ip.is_global
        and not any(ip in network for network in _SPECIAL)
        and all(address is None or _is_public_v4(address) for address in tunnelled)
    )
