# SPDX-License-Identifier: MIT
"""What of ASN.1's DER (ITU-T X.690) a catalogue is made of. Each function gives the bytes of one value."""

INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT, UTC_TIME, BMP_STRING, SEQUENCE, SET = (
    0x02, 0x03, 0x04, 0x05, 0x06, 0x17, 0x1E, 0x30, 0x31)


def tlv(tag, *parts):
    """A value of the type `tag` whose contents are the parts one after the other."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts):
    return tlv(SEQUENCE, *parts)


def set_of(*parts):
    """X.690, 11.6: the elements of a SET OF stand in the order of their encodings."""
    return tlv(SET, *sorted(parts))


def context(number, *parts, constructed=True):
    return tlv((0xA0 if constructed else 0x80) | number, *parts)


def integer(value):
    """Not negative: a byte more than its bits need, where the first would be a sign."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value):
    return tlv(OCTET_STRING, value)


def null():
    return tlv(NULL)


def oid(text):
    """X.690, 8.19: the first two numbers in one, then each in groups of seven bits."""
    first, second, *rest = (int(number) for number in text.split("."))
    body = bytearray()
    for number in (40 * first + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | (number & 0x7F))
        body += bytes(reversed(groups))
    return tlv(OBJECT, bytes(body))


def bmp(text):
    return tlv(BMP_STRING, text.encode("utf-16-be"))


def utc_time(when):
    """A datetime of 1950 to 2049."""
    return tlv(UTC_TIME, when.strftime("%y%m%d%H%M%SZ").encode("ascii"))
