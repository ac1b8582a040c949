"""How colours look to people with a colour-vision deficiency, and how far apart two colours then are.

The matrices are those of Machado, Oliveira and Fernandes 2009 (doi 10.1109/TVCG.2009.113), table of severity 1.0, for
linear RGB. Distance: CIE 1976 ΔE*ab in L*a*b* under D65 (CIE 15); of 2.3 a difference is just noticeable (Mahy 1994).
"""

import re

import numpy

DEFICIENCIES = {
    "none": numpy.eye(3),
    "protanopia": numpy.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": numpy.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": numpy.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = numpy.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # IEC 61966-2-1
WHITE = TO_XYZ @ numpy.ones(3)


def rgb(colour: str, ground: str = "#ffffff") -> numpy.ndarray:
    """Red, green and blue from 0 to 1 of `#rrggbb`, or of `rgba(…)` on a ground."""
    if colour.startswith("#"):
        return numpy.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    *parts, share = (float(number) for number in re.findall(r"[\d.]+", colour))
    return share * numpy.array(parts) / 255 + (1 - share) * rgb(ground)


def lab(parts: numpy.ndarray, deficiency: str) -> numpy.ndarray:
    linear = numpy.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    seen = TO_XYZ @ numpy.clip(DEFICIENCIES[deficiency] @ linear, 0, 1) / WHITE
    x, y, z = numpy.where(seen > (6 / 29) ** 3, numpy.cbrt(seen), seen / (3 * (6 / 29) ** 2) + 4 / 29)
    return numpy.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(one: str, other: str, deficiency: str, ground: str = "#ffffff") -> float:
    """ΔE*ab of two colours as somebody with that deficiency sees them."""
    return float(numpy.linalg.norm(lab(rgb(one, ground), deficiency) - lab(rgb(other, ground), deficiency)))
