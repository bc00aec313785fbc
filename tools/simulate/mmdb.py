"""Writes the simulation's geography as a MaxMind DB file (format 2.0), for `[geoip] databases`."""
import ipaddress
import struct

from places import COUNTRY_NAMES, NETWORKS


def _control(kind, size):
    """The control bytes of a value: three bits of type (extended beyond 7), then the size."""
    first, extra = (kind << 5, b"") if kind <= 7 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([first | size]) + extra
    if size < 285:
        return bytes([first | 29]) + extra + bytes([size - 29])
    return bytes([first | 30]) + extra + struct.pack(">H", size - 285)


def encoded(value):
    if isinstance(value, str):
        data = value.encode()
        return _control(2, len(data)) + data
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _control(6, len(data)) + data
    if isinstance(value, tuple):  # an integer of a given kind
        kind, number = value
        data = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return _control(kind, len(data)) + data
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encoded(k) + encoded(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encoded, value))
    raise TypeError(type(value))


UINT16, UINT64 = 5, 9


def fields(network):
    return {"city": {"names": {"en": network.city}},
            "country": {"iso_code": network.country, "names": {"en": COUNTRY_NAMES[network.country]}},
            "location": {"latitude": network.latitude, "longitude": network.longitude},
            "autonomous_system_number": network.asn, "autonomous_system_organization": network.owner}


def database(build_epoch):
    nodes, data = [[None, None]], b""
    for network in NETWORKS:
        where = len(data)
        data += encoded(fields(network))
        address = ipaddress.ip_network(network.prefix)
        node, bits = 0, int(address.network_address)
        for depth in range(address.prefixlen):
            bit = bits >> (31 - depth) & 1
            if depth == address.prefixlen - 1:
                nodes[node][bit] = ("data", where)
            else:
                if nodes[node][bit] is None:
                    nodes.append([None, None])
                    nodes[node][bit] = ("node", len(nodes) - 1)
                node = nodes[node][bit][1]
    count, tree = len(nodes), b""
    for node in nodes:
        for child in node:
            value = count if child is None else child[1] + (0 if child[0] == "node" else count + 16)
            tree += struct.pack(">I", value)
    meta = {"binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
            "build_epoch": (UINT64, build_epoch),
            "database_type": "Simulated-City-ASN", "description": {"en": "Networks of the simulation"}, "ip_version": (UINT16, 4),
            "languages": ["en"], "node_count": count, "record_size": (UINT16, 32)}
    return tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + encoded(meta)
