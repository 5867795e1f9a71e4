"""Pieces of the report's page: text made safe, tables that stack on narrow screens."""

import html

# The names of the programs' colours in report.css.
PROGRAMS = ("corral", "bare", "curator", "kazoo", "redis", "etcd", "flock")


def text(value):
    return html.escape(str(value), quote=True)


def color(program):
    return f"var(--{program})" if program in PROGRAMS else "var(--other)"


def element(tag, content, kind=""):
    """An element with that content, which is HTML already."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}>{content}</{tag}>"


def paragraph(content, kind=""):
    return element("p", content, kind) + "\n"


def details(summary, content):
    return f"<details><summary>{text(summary)}</summary>\n{content}</details>\n"


def definitions(pairs):
    """A list of names with what they stand for, both plain text."""
    items = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>\n" for name, value in pairs)
    return f"<dl>\n{items}</dl>\n" if items else ""


class Column:
    """One of a table: what is above it, a class for its cells, and a function
    that makes a row's cell, HTML or None if there is nothing to be said."""

    def __init__(self, title, make, kind="", head=None):
        self.title = title
        self.make = make
        self.kind = kind
        self.head = text(title) if head is None else head


def table_cell(column, content, first):
    tag = "th" if first else "td"
    attributes = ' scope="row"' if first else f' data-label="{text(column.title)}"'
    kind = column.kind if content is not None else f"{column.kind} none".strip()
    if kind:
        attributes += f' class="{kind}"'
    return f"<{tag}{attributes}>{'–' if content is None else content}</{tag}>"


def table(columns, rows, kind="", row_kind=lambda row: "", groups=None):
    """The rows as a table, without the columns that have nothing to say in any of them. The
    first column names the row. groups: pairs of a heading and its rows, instead of rows."""

    def made_of(row):
        return row, [column.make(row) for column in columns]

    made = [(heading, [made_of(row) for row in part]) for heading, part in groups or [("", rows)]]
    all_cells = [cells for _, part in made for _, cells in part]
    used = [i for i in range(len(columns)) if any(cells[i] is not None for cells in all_cells)]
    if not used:
        return ""
    heads = "".join(f'<th scope="col" class="{columns[i].kind}">{columns[i].head}</th>' for i in used)
    out = [f'<table class="{kind}">\n<thead><tr>{heads}</tr></thead>\n']
    for heading, part in made:
        if not part:
            continue
        out.append("<tbody>\n")
        if heading:
            across = f'colspan="{len(used)}" scope="rowgroup"'
            out.append(f'<tr class="heading"><th {across}>{text(heading)}</th></tr>\n')
        for row, cells in part:
            line = "".join(table_cell(columns[i], cells[i], i == used[0]) for i in used)
            named = row_kind(row)
            out.append(f'<tr class="{named}">{line}</tr>\n' if named else f"<tr>{line}</tr>\n")
        out.append("</tbody>\n")
    out.append("</table>\n")
    return "".join(out)
