"""The page about a run of the benchmark, and the table about it for README:

    /usr/bin/python3 bench/report.py RESULTS.json > report.html
    /usr/bin/python3 bench/report.py --summary RESULTS.json

The page needs nothing but itself. Any part of the results may be missing, as
after a run of some groups only; what is there is shown.
"""

import json
import os
import sys

sys.dont_write_bytecode = True  # The source directory stays as it is.

import figures
import plots
import report_shapes
from report_html import Column, definitions, details, element, paragraph, table, text

SHORT_NAMES = {
    "zookeeper": "ZooKeeper",
    "libcurator-recipes-java": "Curator",
    "python3-kazoo": "Kazoo",
    "redis-server": "Redis",
    "etcd-server": "etcd",
}


# ---- What was measured, in short ----


def machine_line(results):
    """The machine in a few words; they may be none."""
    machine = results.get("machine") or {}
    memory = figures.number(machine.get("memory_mb"))
    words = (
        machine.get("cpu"),
        f"{machine['cores']} cores" if machine.get("cores") else None,
        f"{figures.short(memory / 1024, 2)} GB" if memory else None,
        f"Linux {machine['kernel']}" if machine.get("kernel") else None,
        f"servers' data {machine['data']}" if machine.get("data") else None,
    )
    return ", ".join(str(word) for word in words if word)


def versions_line(results):
    corral = results.get("corral") or {}
    versions = results.get("versions") or {}
    revision = f" ({corral['revision']})" if corral.get("revision") else ""
    words = [f"Corral {corral['version']}{revision}"] if corral.get("version") else []
    for package, name in SHORT_NAMES.items():
        if versions.get(package):
            # Without what Debian has appended.
            words.append(f"{name} {str(versions[package]).split('-')[0].split('+')[0].split(':')[-1]}")
    return ", ".join(words)


def facts(results):
    pairs = (
        ("command", results.get("command")),
        ("date", results.get("date")),
        ("machine", machine_line(results)),
        ("versions", versions_line(results)),
    )
    return [(name, value) for name, value in pairs if value]


# ---- Ratios ----


def ratio_text(ratio, name):
    value = figures.number(ratio.get(name))
    if value is None:
        return None
    target = figures.number(ratio.get("target"))
    return figures.against(value, target, name != "median" or ratio.get("holds") is not False)


def ratio_extent(ratio):
    least, most = ratio_text(ratio, "min"), ratio_text(ratio, "max")
    return None if least is None or most is None or least == most else f"{least} .. {most}"


def ratio_target(ratio):
    """As text; None for a ratio without one."""
    target = figures.number(ratio.get("target"))
    if target is None or ratio.get("bound") not in ("least", "most"):
        return None
    return f"at {ratio['bound']} {target:g}"


def ratio_verdict(ratio):
    """holds, missed or not measured; None for a ratio without a target."""
    if ratio_target(ratio) is None:
        return None
    return {True: "holds", False: "missed"}.get(ratio.get("holds"), "not measured")


VERDICTS = {
    "holds": '<span class="good">✓ holds</span>',
    "missed": '<strong class="bad">✗ missed</strong>',
    "not measured": '<span class="open">? not measured</span>',
}


def verdict_counts(ratios):
    """How many of the targets hold, in words."""
    verdicts = [verdict for verdict in map(ratio_verdict, ratios) if verdict]
    if not verdicts:
        return ""
    words = [f"{verdicts.count('holds')} of {len(verdicts)} targets hold"]
    words += [f"{verdicts.count(kind)} {kind}" for kind in ("missed", "not measured") if kind in verdicts]
    return ", ".join(words)


def ratios_section(ratios):
    if not ratios:
        return ""
    judged = [ratio for ratio in ratios if ratio_verdict(ratio)]
    others = [ratio for ratio in ratios if not ratio_verdict(ratio)]

    def median_cell(ratio):
        return element("strong", ratio_text(ratio, "median") or "–")

    def target_cell(ratio):
        return ratio_target(ratio) or ("less is better" if ratio.get("better") == "less" else None)

    columns = [
        Column("ratio", lambda ratio: text(ratio.get("title") or ratio.get("id", ""))),
        Column("median", median_cell, "result"),
        Column("min .. max", ratio_extent, "short"),
        Column("target", target_cell, "short"),
        Column("", lambda ratio: VERDICTS.get(ratio_verdict(ratio)), "verdict"),
    ]
    groups = [("With a target", judged), ("Without a target", others)] if judged and others else [("", ratios)]
    counts = verdict_counts(ratios)
    lead = f"<strong>{text(counts)}</strong>, each judged by its median. " if counts else ""
    lead += (
        "Above 1 Corral is ahead, both figures being of the same round, except where less is said to be "
        "better, or a target is &ldquo;at most&rdquo;."
    )

    def row_kind(ratio):
        return "missed" if ratio_verdict(ratio) == "missed" else ""

    rows = table(columns, (), "ratios", row_kind, groups)
    return '<h2 id="ratios">Ratios</h2>\n' + paragraph(lead) + rows


# ---- Correctness ----


def correctness_verdict(row):
    """What became of the increments, as a class and words; None if it is not known."""
    asked, found = figures.number(row.get("asked")), figures.number(row.get("found"))
    failed = figures.number(row.get("failed")) or 0
    if asked is None or found is None:
        return None
    if found > asked:
        return "bad", f"✗ {figures.amount(found - asked)} counted twice"
    if found < asked - failed:
        return "bad", f"✗ {figures.amount(asked - failed - found)} lost"
    if failed > 0:
        kept = found - (asked - failed)
        return "bad", f"✗ of {figures.amount(failed)} reported as failed, {figures.amount(kept)} counted"
    return "good", "✓ each counted once"


def correctness_section(rows):
    if not rows:
        return ""

    def amount_cell(name):
        def make(row):
            value = figures.number(row.get(name))
            return None if value is None else figures.amount(value)

        return make

    def verdict_cell(row):
        verdict = correctness_verdict(row)
        return None if verdict is None else element("span", text(verdict[1]), verdict[0])

    columns = [
        Column("program", lambda row: text(row.get("title") or row.get("program", ""))),
        Column("increments", amount_cell("asked")),
        Column("replies lost", amount_cell("lost")),
        Column("reported as failed", amount_cell("failed")),
        Column("value found", amount_cell("found"), "result"),
        Column("", verdict_cell, "verdict"),
    ]
    lead = (
        "Increments made one after another through a proxy that now and then passes a request on, loses the "
        "server's reply and cuts the connection; another client reads the value in the end."
    )
    return '<h2 id="correctness">Correctness</h2>\n' + paragraph(lead) + table(columns, rows, "correctness")


# ---- How it was measured ----


def method_text(results):
    settings = results.get("settings") or {}
    rounds, seconds = settings.get("rounds"), settings.get("seconds")
    warm_up = settings.get("warm_up_seconds")
    said = "The ways of a shape take turns (A B C, A B C, ...)"
    said += f", for {rounds} rounds" if rounds else ""
    said += f" of {seconds} s each" if seconds else ""
    said += ", in short slices, after a warm-up that does not count"
    said += f" ({warm_up} s for Java, whose compiler works meanwhile)" if warm_up else ""
    said += (
        ". Another way comes first each time. A figure is the median of the rounds, with the least and the most of "
        "them; latencies are those of single operations, also of those that failed; where a round was cut into "
        "slices, or there were several processes, they are the medians of their percentiles, and of few operations "
        "each, so that rare stalls are lost; slowest and fastest are added up over the slices. CPU seconds are those of the program's processes and "
        "of the servers', divided by the operations that succeeded. Requests are those that the server itself "
        "has counted; writes are those it has put into its log. Memory is the peak of the program's largest "
        "process meanwhile, which stays from shape to shape, and so does what it had needed before."
    )
    return said


def way_settings(shapes):
    """What each program ran with, in the order met."""
    met = {}
    for shape in shapes:
        for way in shape.get("ways") or []:
            if way.get("setting"):
                name = way.get("title") or way.get("program") or way.get("id", "")
                met.setdefault((str(name), str(way["setting"])))
    return list(met)


def flat(pairs):
    """Names with values as plain text, whatever these are."""
    return [
        (name, value if isinstance(value, (str, int, float)) else json.dumps(value, ensure_ascii=False))
        for name, value in pairs.items()
    ]


def method_section(results, path):
    corral = versions_line({"corral": results.get("corral")})
    parts = (
        ("Settings of the run", flat(results.get("settings") or {})),
        ("Settings of the programs", way_settings(results.get("shapes") or [])),
        ("Versions", [("", corral)] * bool(corral) + flat(results.get("versions") or {})),
        ("Machine", flat(results.get("machine") or {})),
    )
    lists = "".join(details(title, definitions(pairs)) for title, pairs in parts if pairs)
    name = text(os.path.basename(path))
    raw = paragraph(f"Every round of every way is in <code>{name}</code>, which this page is made of.")
    return '<h2 id="method">How it was measured</h2>\n' + paragraph(text(method_text(results))) + lists + raw


# ---- The page ----


def page(results, path):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "report.css"), encoding="utf-8") as file:
        style = file.read()
    shapes = results.get("shapes") or []
    sections = (
        ratios_section(results.get("ratios") or []),
        correctness_section(results.get("correctness") or []),
        report_shapes.shapes_sections(shapes),
        plots.growth_section(results.get("growth") or []),
        method_section(results, path),
    )
    lead = (
        "Corral beside other clients of ZooKeeper, the least that libzookeeper itself needs, and servers made "
        "for the like: the same work, in turns, on the same machine."
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Corral beside its peers</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>Corral beside its peers</h1>\n{paragraph(lead)}{definitions(facts(results))}"
        f"{''.join(sections)}</body>\n</html>\n"
    )


# ---- The summary for README ----


def markdown(value):
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|")


def summary(results):
    judged = [ratio for ratio in results.get("ratios") or [] if ratio_verdict(ratio)]
    known = dict(facts(results))
    said = [
        f"`{markdown(known['command'])}`" if "command" in known else None,
        known.get("date") and str(known["date"]).split("T")[0],
        *(known.get(name) for name in ("machine", "versions")),
    ]
    run = "; ".join(markdown(part) for part in said if part)
    lines = [f"{run}: {verdict_counts(judged) or 'no targets'}.", ""]
    lines += ["| ratio | median | min .. max | target | |", "|---|--:|--:|--:|---|"]
    for ratio in judged:
        verdict = ratio_verdict(ratio)
        cells = (
            markdown(ratio.get("title") or ratio.get("id", "")),
            ratio_text(ratio, "median") or "–",
            ratio_extent(ratio) or "–",
            ratio_target(ratio),
            f"**{verdict}**" if verdict == "missed" else verdict,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments):
    wants_summary = arguments[:1] == ["--summary"]
    paths = arguments[1:] if wants_summary else arguments
    if len(paths) != 1 or paths[0].startswith("-"):
        sys.exit("usage: report.py [--summary] RESULTS.json")
    with open(paths[0], encoding="utf-8") as file:
        results = json.load(file)
    made = summary(results) if wants_summary else page(results, paths[0])
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(made)


if __name__ == "__main__":
    main(sys.argv[1:])
