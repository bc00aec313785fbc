"""Writes a small MaxMind DB (format 2.0, IPv4, records of 24 bits): places for the addresses of documentation."""
import ipaddress
import struct


UINT16, UINT32, UINT64 = 5, 6, 9  # numbers are UINT32 unless a pair says so


def sized(kind, size):
    head = bytes([(kind << 5 if kind < 8 else 0) | min(size, 29)]) + (bytes([kind - 7]) if kind >= 8 else b"")
    return head + (bytes([size - 29]) if size >= 29 else b"")


def encode(value):
    if isinstance(value, str):
        return sized(2, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return sized(3, 8) + struct.pack(">d", value)
    if isinstance(value, dict):
        return sized(7, len(value)) + b"".join(encode(name) + encode(inner) for name, inner in value.items())
    if isinstance(value, list):
        return sized(11, len(value)) + b"".join(map(encode, value))
    kind, value = value if isinstance(value, tuple) else (UINT32, value)
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return sized(kind, len(digits)) + digits


def write(path, networks):
    """`networks`: {"198.51.100.0/24": {...}}, none inside another."""
    data, nodes = b"", [[None, None]]
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = f"{int(network.network_address):032b}"[:network.prefixlen]
        at = 0
        for bit in map(int, bits[:-1]):
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][int(bits[-1])] = ("data", len(data))
        data += encode(record)
    count = len(nodes)
    numbers = (count if one is None else count + 16 + one[1] if isinstance(one, tuple) else one for node in nodes for one in node)
    tree = b"".join(number.to_bytes(3, "big") for number in numbers)
    about = {"node_count": count, "record_size": (UINT16, 24), "ip_version": (UINT16, 4), "database_type": "Test-City", "languages": ["en"],
             "binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
             "build_epoch": (UINT64, 1767225600), "description": {"en": "test"}}
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encode(about))


def place(country, latitude, longitude, number, organization):
    return {"country": {"iso_code": country, "names": {"en": country}}, "location": {"latitude": latitude, "longitude": longitude},
            "autonomous_system_number": number, "autonomous_system_organization": organization}
