"""How cost grows, drawn by gnuplot: log-log pictures that can stand in one
document with others and take their colours from its theme."""

import re
import subprocess

import figures
from report_html import Column, color, details, paragraph, table, text

WIDTH = 480
HEIGHT = 330
LINE = 21  # of the key, which has one for each series
POINTS = (7, 5, 9, 13, 11, 4, 6, 8, 10, 12)  # gnuplot's: disc, square, triangle, diamond, ...
DASHES = ("solid", "'-'", "'.'", "'-.'", "'--..'")


def quoted(title):
    """As a string of gnuplot's."""
    line = " ".join(str(title).split())
    return "'" + line.replace("'", "''") + "'"


def marker(index):
    """A colour that stands for that of a series until its name is put in its place."""
    return f"#0000{index + 1:02x}"


def magnitude(x):
    """A number at an axis: 64, 1k, 100k."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if x >= size and x % size == 0:
            return f"{x / size:g}{letter}"
    return f"{x:g}"


def ticks(values):
    """Where the X axis has numbers: at what was measured, unless those are too many."""
    distinct = sorted(set(values))
    if len(distinct) > 10:
        return "set format x '%.0s%c'\n"
    places = ", ".join(f'"{magnitude(x)}" {x!r}' for x in distinct)
    return f"set xtics ({places})\nunset mxtics\n"


def script(name, labels, series):
    """What gnuplot is told. series: a list of title and points (x, spread)."""
    xs = [x for _, points in series for x, _ in points]
    out = []
    for i, (_, points) in enumerate(series):
        lines = "".join(f"{x!r} {y.median!r} {y.least!r} {y.most!r}\n" for x, y in points)
        out.append(f"$series{i} << END\n{lines}END\n")
    out.append(
        f"set terminal svg size {WIDTH},{HEIGHT + LINE * len(series)} fixed noenhanced "
        f"name '{name}' font 'sans-serif,15'\n"
        "set logscale xy\n"
        f"set xrange [{min(xs) / 1.3!r}:{max(xs) * 1.3!r}] noextend\n"
        "set lmargin 11\n"
        "set rmargin 2\n"
        f"set xlabel {quoted(labels[0])} offset 0,0.9\n"
        f"set ylabel {quoted(labels[1])}\n"
        f"set format y '{labels[2]}'\n"
        "set grid xtics ytics linetype 1 linecolor rgb '#808080' linewidth 0.4\n"
        "set key below vertical maxcols 1 Left reverse samplen 4\n"
        "set bars small\n"
    )
    out.append(ticks(xs))
    drawn = ", ".join(
        f"$series{i} using 1:2:3:4 with yerrorlines linewidth 2 dashtype {DASHES[i % len(DASHES)]} "
        f"pointtype {POINTS[i % len(POINTS)]} pointsize 0.8 linecolor rgb '{marker(i)}' title {quoted(title)}"
        for i, (title, _) in enumerate(series)
    )
    out.append(f"plot {drawn}\n")
    return "".join(out)


def run_gnuplot(commands):
    try:
        done = subprocess.run(["gnuplot"], input=commands, capture_output=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        raise SystemExit(f"report: gnuplot failed (Debian: apt install gnuplot-nox): {said}") from error
    return done.stdout


def adopt(svg, name, description, colors):
    """Gnuplot's picture as a part of a page: without what only a file of its own needs,
    nothing named as in another picture, in the page's colours."""
    svg = svg[svg.index("<svg") :]
    size = re.search(r'viewBox="[^"]*"', svg).group()
    svg = re.sub(r"<svg[^>]*>", f'<svg {size} role="img" aria-label="{text(description)}">', svg, count=1)
    svg = re.sub(r"<(title|desc|filter)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(id=|xlink:href=)(['\"])(#?)(gp\w+|gnuplot_canvas)", rf"\1\2\3{name}-\4", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'<g fill="none" color="\w+"', '<g fill="none"', svg)
    svg = re.sub(r"(stroke|fill)=(['\"])black\2", r"\1=\2currentColor\2", svg)
    for i, program_color in enumerate(colors):
        svg = re.sub(rf"(stroke|color)='rgb\( *0, *0, *{i + 1}\)'", rf"style='\1:{program_color}'", svg)
    return re.sub(r"<g [^>]*>\s*</g>\n", "", svg)  # groups that nothing is in


def picture(name, description, labels, series):
    """An SVG, or nothing if there are no points. labels: of the X axis, of the Y axis, and the format
    of the latter's numbers; series: a list of program, title, points (x, spread)."""
    kept = []
    for program, title, points in series:
        positive = [(x, y) for x, y in points if x > 0 and y is not None and y.least > 0]
        if positive:
            kept.append((program, title, sorted(positive)))
    if not kept:
        return ""
    commands = script(name, labels, [(title, points) for _, title, points in kept])
    colors = [color(program) for program, _, _ in kept]
    return adopt(run_gnuplot(commands), name, description, colors)


# ---- The section ----


def known_points(series):
    return [point for point in series.get("points") or [] if figures.number(point.get("x")) is not None]


def points_of(series, figure):
    return [(point["x"], figure(point.get("rounds"))) for point in known_points(series)]


def rate(rounds):
    return figures.spread(rounds, "rate")


def requests(rounds):
    return figures.per_operation_spread(rounds, "requests")


# What is drawn: a name for the picture, the Y axis, the format of its numbers, and the figure.
KINDS = (
    ("rate", "operations per second", "%.0s%c", rate),
    ("requests", "requests per operation", "%g", requests),
)


def growth_table(series, x_title):
    """The same as numbers."""

    def median_cell(kind):
        def make(row):
            found = kind(row[1].get("rounds"))
            return None if found is None else figures.short(found.median)

        return make

    columns = [
        Column("way", lambda row: text(row[0].get("title", ""))),
        Column(x_title, lambda row: figures.amount(row[1]["x"])),
        *(Column(title, median_cell(kind)) for _, title, _, kind in KINDS),
    ]
    rows = [(one, point) for one in series for point in known_points(one)]
    return details("The medians", table(columns, rows, "plain"))


def growth_section(growth):
    out = []
    for number, one in enumerate(growth):
        series = one.get("series") or []
        title, x_title = one.get("title") or one.get("id", ""), one.get("x", "")
        drawn = []
        for kind, y_title, form, figure in KINDS:
            lines = [(s.get("program"), s.get("title", ""), points_of(s, figure)) for s in series]
            description = f"{title}: {y_title} against {x_title}"
            svg = picture(f"growth{number}_{kind}", description, (x_title, y_title, form), lines)
            if svg:
                drawn.append(f"<figure>{svg}</figure>\n")
        if drawn:
            pictures = "".join(drawn)
            out.append(
                f'<section class="shape"><h3>{text(title)}</h3>\n<div class="plots">\n{pictures}</div>\n'
                f"{growth_table(series, x_title)}</section>\n"
            )
    if not out:
        return ""
    lead = "Both axes are logarithmic; a point is the median of its rounds, its bar goes from least to most."
    return '<h2 id="growth">How cost grows</h2>\n' + paragraph(lead) + "".join(out)
