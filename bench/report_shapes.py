"""The report's part on every shape: a table of its ways, with a bar for each."""

import math

import figures
from report_html import Column, color, element, paragraph, table, text

GROUPS = (
    ("counter", "Counters"),
    ("lock", "Locks"),
    ("id", "IDs"),
    ("watch", "Watches"),
    ("tool", "Command line"),
)

FIGURES = {
    "rate": "operations per second",
    "p50_us": "median latency",
    "p99_us": "99th percentile of the latency",
    "p999_us": "99.9th percentile of the latency",
    "seconds": "time",
}

# Ways that differ by more than so many times cannot be compared by bars from zero.
LINEAR = 30


# ---- Bars ----


class Axis:
    """From zero to a round number, or logarithmic, from one power of ten to another."""

    def __init__(self, spreads, unit):
        most = max(spread.most for spread in spreads)
        low = min((spread.least for spread in spreads if spread.least > 0), default=0)
        medians = [spread.median for spread in spreads if spread.median > 0]
        self.unit = unit
        self.logarithmic = bool(medians) and low > 0 and max(medians) > LINEAR * min(medians)
        if self.logarithmic:
            # The shortest bar shall be seen, too.
            self.first = math.floor(math.log10(low * 0.7))
            self.parts = max(math.ceil(math.log10(most)), self.first + 1) - self.first
            self.ends = (10.0**self.first, 10.0 ** (self.first + self.parts))
        else:
            step, self.parts = self.linear_parts(most)
            self.ends = (0, step * self.parts)

    @staticmethod
    def linear_parts(most):
        """A step that reads well, and how many of them there are; three to five."""
        if most <= 0:
            return 1, 1
        power = 10.0 ** math.floor(math.log10(most))
        step = next(power * size for size in (0.2, 0.25, 0.5, 1, 2, 2.5) if power * size * 5 >= most)
        return step, math.ceil(most / step - 1e-9)

    def place(self, value):
        """Where it is, in percent of the axis."""
        if self.logarithmic:
            if value <= 0:
                return 0
            share = (math.log10(value) - self.first) / self.parts
        else:
            share = value / self.ends[1]
        return 100 * min(max(share, 0), 1)

    def head(self, title):
        """What is above the bars: what they are, and the axis."""
        low, high = (self.end_text(end) for end in self.ends)
        middle = "log scale" if self.logarithmic else ""
        parts = f"<span>{text(low)}</span><i>{middle}</i><span>{text(high)}</span>"
        return f'{text(title)}<span class="axis">{parts}</span>'

    def end_text(self, end):
        """A round number; the title has said operations per second."""
        if self.unit == "/s" or end == 0:
            return f"{end:,.10g}"
        return figures.quantity(end, self.unit)

    def bar(self, spread, program):
        end, least, most = (self.place(value) for value in (spread.median, spread.least, spread.most))
        return (
            f'<div class="bar" style="--parts:{self.parts}">'
            f'<i style="width:{end:.1f}%;background:{color(program)}"></i>'
            f'<b style="left:{least:.1f}%;width:{most - least:.1f}%"></b></div>'
        )


# ---- Cells ----


def way_cell(way):
    """Its name, and what is to be known to compare it."""
    said = []
    processes, threads = figures.number(way.get("processes")), figures.number(way.get("threads"))
    crowds = ((processes, "processes"), (threads, "threads"))
    crowd = " × ".join(f"{count:g} {what}" for count, what in crowds if count and count > 1)
    if crowd:
        said.append(crowd)
    if way.get("setting"):
        said.append(str(way["setting"]))
    if not way.get("rounds"):
        said.append("not measured")
    title = way.get("title") or way.get("program") or way.get("id", "")
    small = f"<small>{text('; '.join(said))}</small>" if said else ""
    return text(title) + small


def latency_cell(name):
    def make(way):
        spread = figures.spread(way.get("rounds"), name)
        return None if spread is None else figures.duration(spread.median)

    return make


def per_million_cell(name):
    def make(way):
        each = figures.per_operation(way.get("rounds"), name)
        return None if each is None else figures.short(each * 1e6)

    return make


def per_operation_cell(name):
    def make(way):
        each = figures.per_operation(way.get("rounds"), name)
        return None if each is None else figures.short(each)

    return make


def evenness_cell(way):
    """The operations of the slowest thread, session or process in percent of the fastest one's, in the
    worst round."""
    shares = []
    for one in way.get("rounds") or []:
        least, most = figures.number(one.get("least")), figures.number(one.get("most"))
        if least is not None and most:
            shares.append(100 * least / most)
    return f"{figures.short(min(shares), 2)} %" if shares else None


def memory_cell(way):
    memory = figures.number(way.get("memory_mb"))
    return None if memory is None else figures.short(memory)


def failed_cell(way):
    failed = figures.total(way.get("rounds"), "failed")
    if failed is None:
        return None
    return figures.amount(failed) if failed == 0 else element("strong", figures.amount(failed), "bad")


def total_cell(way):
    """Whether another client has found what the counters should have added up to."""
    total = way.get("total") or {}
    expected, found = figures.number(total.get("expected")), figures.number(total.get("found"))
    if expected is None or found is None:
        return None
    if expected == found:
        return '<span class="good">exact</span>'
    wrong = f"{figures.amount(found)} instead of {figures.amount(expected)}"
    return element("strong", wrong, "bad")


# ---- Shapes ----


def result_columns(shape, name, unit):
    """The figure that the shape is about: bars, median, extremes."""

    def spread(way):
        return figures.spread(way.get("rounds"), name)

    def median_cell(way):
        found = spread(way)
        if found is None:
            return None
        median = element("strong", text(figures.quantity(found.median, unit)))
        return f"{median}<small>{text(figures.extent(found.least, found.most, unit))}</small>"

    known = [found for found in map(spread, shape.get("ways") or []) if found is not None]
    if not known:
        return []
    axis = Axis(known, unit)
    better = {"more": "; more is better", "less": "; less is better"}.get(shape.get("better"), "")
    title = FIGURES.get(name, name) + better

    def bar_cell(way):
        found = spread(way)
        return None if found is None else axis.bar(found, way.get("program"))

    return [
        Column("bar", bar_cell, "bars", head=axis.head(title)),
        Column("median, min .. max", median_cell, "result"),
    ]


def shape_section(shape):
    ways = shape.get("ways") or []
    name = shape.get("figure") or "rate"
    unit = shape.get("unit") or ("/s" if name == "rate" else "us" if name.endswith("_us") else "")
    latencies = (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"))
    columns = [
        Column("way", way_cell, "way"),
        *result_columns(shape, name, unit),
        *(Column(title, latency_cell(field), "short") for title, field in latencies if field != name),
        Column("slowest / fastest", evenness_cell),
        Column("CPU s per million: program", per_million_cell("cpu_s")),
        Column("CPU s per million: server", per_million_cell("server_cpu_s")),
        Column("requests per operation", per_operation_cell("requests")),
        Column("writes per operation", per_operation_cell("writes")),
        Column("memory, MB", memory_cell),
        Column("failed", failed_cell),
        Column("total", total_cell),
    ]
    title = shape.get("title") or shape.get("id", "")
    note = paragraph(text(shape["note"]), "note") if shape.get("note") else ""
    body = table(columns, ways, "ways", lambda way: "ours" if way.get("program") == "corral" else "")
    if not body:
        body = paragraph("Nothing was measured.", "note")
    return f'<section class="shape"><h3>{text(title)}</h3>\n{note}{body}</section>\n'


def groups_of(shapes):
    """Pairs of a group and its title: those known, in their order, then what else there is."""
    found = [shape.get("group") or "other" for shape in shapes]
    known = [group for group in GROUPS if group[0] in found]
    names = [name for name, _ in GROUPS]
    return known + [(name, str(name).capitalize()) for name in dict.fromkeys(found) if name not in names]


def shapes_sections(shapes):
    out = []
    for group, title in groups_of(shapes):
        out.append(f'<h2 id="{text(group)}">{text(title)}</h2>\n')
        out.extend(shape_section(shape) for shape in shapes if (shape.get("group") or "other") == group)
    return "".join(out)
