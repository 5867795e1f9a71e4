"""The ratios that a run is judged by, and their targets."""

import re
from statistics import median

from figures import short


class TargetError(Exception):
    pass


def read_targets(path):
    """The bounds by the ratios' names: ("least" or "most", number)."""
    targets = {}
    with open(path) as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            target = re.fullmatch(r"(\S+)\s+(least|most)\s+(\d+(?:\.\d+)?)", text)
            if target is None or target[1] in targets:
                raise TargetError(f"{path}:{number}: not a new ratio, `least` or `most`, and a number")
            targets[target[1]] = (target[2], float(target[3]))
    return targets


def figure_of(shape, way, name):
    """A figure of a way in each round."""
    if name == "requests":
        return [r["requests"] / r["count"] for r in way["rounds"] if r["count"]]
    if name == "fairness":
        return [r["least"] / r["most"] for r in way["rounds"] if r["most"]]
    return [r.get(name or shape["figure"], 0) for r in way["rounds"]]


def values_of(ratio, shape):
    """The ratio in each round. None: not all of it has been measured."""
    ways = {way["id"]: way for way in shape["ways"]}
    if not {ratio.over, *ratio.under} <= ways.keys():
        return None
    over = figure_of(shape, ways[ratio.over], ratio.figure)
    if not ratio.under:
        return over or None
    less_is_better = shape["better"] == "less"
    best = min if less_is_better else max
    under = [best(each) for each in zip(*(figure_of(shape, ways[id], ratio.figure) for id in ratio.under))]
    if less_is_better != ratio.inverse:
        over, under = under, over
    # Who has done nothing in a round, as may be in a very short one, cannot be compared with.
    return [o / u for o, u in zip(over, under) if u] or None


def judge(ratios, shapes, extras, targets, everything):
    """
    All ratios that have been measured, and what is judged like them, as they are written. Was @everything to be
    measured, what has a target and was not is among them.
    """
    measured = {shape["id"]: shape for shape in shapes}
    rows = []
    for ratio in ratios:
        values = values_of(ratio, measured[ratio.shape]) if ratio.shape in measured else None
        if values is not None:
            better = "less" if ratio.inverse or ratio.figure == "requests" else "more"
            rows.append({"id": ratio.id, "title": ratio.title, "better": better, "rounds": values})
    judged = [judge_row(row, *targets.get(row["id"], (None, None))) for row in rows + extras]
    for id in targets.keys() - {row["id"] for row in judged} if everything else ():
        bound, target = targets[id]
        judged.append({"id": id, "title": id, "rounds": [], "bound": bound, "target": target, "holds": None})
    return judged


def judge_row(row, bound, target):
    middle = median(row["rounds"])
    holds = None if bound is None else middle >= target if bound == "least" else middle <= target
    return {
        **row, "median": middle, "min": min(row["rounds"]), "max": max(row["rounds"]), "bound": bound,
        "target": target, "holds": holds,
    }  # fmt: skip


def print_table(judged):
    for r in judged:
        if not r["rounds"]:
            print(f"{r['title']:<76} not measured")
            continue
        target = "" if r["bound"] is None else f"  at {r['bound']} {r['target']:g}{'' if r['holds'] else '  MISSED'}"
        extent = f"{short(r['min'])} .. {short(r['max'])}"
        print(f"{r['title']:<76} {short(r['median']):>9}  {extent}{target}")
