"""What the report makes of the rounds of a run: medians with their extremes,
and numbers as text.

Any field may be absent from the results: a figure of what is not there is None.
"""

import collections
import math
import statistics

Spread = collections.namedtuple("Spread", "median least most")


def number(value):
    """The value if it is a number that can be reckoned with, else None."""
    well = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if well else None


def numbers(rounds, name):
    """The numbers of that name in the rounds that have one."""
    found = (number(one.get(name)) for one in rounds or [])
    return [value for value in found if value is not None]


def spread(rounds, name):
    values = numbers(rounds, name)
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def total(rounds, name):
    values = numbers(rounds, name)
    return sum(values) if values else None


def per_operation(rounds, name):
    """How much of it there was for an operation, in all rounds together."""
    counted = [one for one in rounds or [] if (number(one.get("count")) or 0) > 0]
    known = [one for one in counted if number(one.get(name)) is not None]
    return total(known, name) / total(known, "count") if known else None


def per_operation_spread(rounds, name):
    """The same as median, least and most of the rounds."""
    ratios = [{name: per_operation([one], name)} for one in rounds or []]
    return spread(ratios, name)


# ---- As text ----


def short(value, digits=3):
    """With so many significant digits, or all before the point: 0.0123, 1.23, 27,400."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    value = round(value, places)
    places = digits - 1 - math.floor(math.log10(abs(value)))  # 9.996 has become 10.0
    return f"{value:,.{max(places, 0)}f}"


def against(value, target, holds):
    """With as many digits as it takes to see on which side of its target it is."""
    for digits in range(3, 8):
        text = short(value, digits)
        rounded = float(text.replace(",", ""))
        if holds or rounded != target:
            break
    return text


def amount(value):
    """A count: all digits."""
    return f"{value:,.0f}" if float(value).is_integer() else short(value)


def duration(microseconds):
    for unit, size in (("µs", 1), ("ms", 1e3), ("s", 1e6)):
        if abs(microseconds) < 1000 * size or unit == "s":
            return f"{short(microseconds / size)} {unit}"


SCALES = {"us": 1, "ms": 1e3, "s": 1e6}


def quantity(value, unit):
    """With its unit; a duration in one that suits it."""
    if unit in SCALES:
        return duration(value * SCALES[unit])
    return f"{short(value)} {unit}".rstrip()


def extent(low, high, unit):
    """From least to most, the unit said once if it is one."""
    low, high = quantity(low, unit), quantity(high, unit)
    first, _, first_unit = low.partition(" ")
    if first_unit and first_unit == high.partition(" ")[2]:
        low = first
    return f"{low} .. {high}"
