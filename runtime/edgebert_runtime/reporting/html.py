"""A page as one HTML document that needs nothing else: no script, no network."""

import re
from collections.abc import Sequence
from html import escape
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from edgebert_runtime.reporting.document import Block, Page, Section, Table
from edgebert_runtime.reporting.text import numeric, paragraphs, slugs, spoken
from edgebert_runtime.storage.atomic_write import write_whole

FORBIDDEN: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no document of XML may hold."""

AGAIN: Final = "measure this again"
SCROLLS: Final = "This table scrolls sideways."
FEW_COLUMNS: Final = 3
"""Tables of so many columns have room on a phone."""

FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif"


class Colour(NamedTuple):
    """What it is on a light ground and on a dark one."""

    light: str
    dark: str


PAPER: Final = Colour("#ffffff", "#14171c")
INK: Final = Colour("#16191d", "#e8eaed")
SOFT: Final = Colour("#555b63", "#a7adb5")
GRID: Final = Colour("#d9dce0", "#3a3f47")
LINK: Final = Colour("#1272e9", "#2d8be5")

PROPERTIES: Final = {"paper": PAPER, "ink": INK, "soft": SOFT, "grid": GRID, "link": LINK}
"""Custom property of the page's CSS → its colour."""

STYLE: Final = f"""
:root{{{"".join(f"--{name}:{colour.light};" for name, colour in PROPERTIES.items())}}}
@media (prefers-color-scheme:dark){{:root{{
{"".join(f"--{name}:{colour.dark};" for name, colour in PROPERTIES.items())}}}}}
:root{{color-scheme:light dark}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%;text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 {FONTS}}}
main{{max-width:54rem;margin:0 auto;padding:2rem 1rem 4rem}}
h1{{font-size:1.9rem;line-height:1.2;margin:0 0 1rem}}
h2{{font-size:1.35rem;line-height:1.25;margin:3rem 0 .75rem;padding-top:1rem;
border-top:1px solid var(--grid)}}
h1,h2,p,figcaption{{overflow-wrap:anywhere}}
p{{max-width:44rem;margin:.75rem 0}}
.answer{{font-size:1.25rem;line-height:1.4}}
a{{color:var(--link)}}
nav ul{{margin:1.25rem 0;padding:0;list-style:none;columns:18rem;column-gap:2rem}}
nav li{{padding:.2rem 0;break-inside:avoid}}
code,pre{{font:.9em/1.45 ui-monospace,'SF Mono',Menlo,Consolas,monospace}}
.again{{margin:1rem 0;color:var(--soft)}}
.again pre{{margin:.25rem 0 0;padding:.6rem .8rem;overflow-x:auto;color:var(--ink);
border:1px solid var(--grid);border-radius:.4rem}}
figure{{margin:1.5rem 0 2rem}}
figcaption{{max-width:44rem;margin:0 0 .6rem;font-weight:600}}
.scroll{{overflow-x:auto}}
.scroll:focus-visible{{outline:2px solid var(--link)}}
.hint{{display:none;margin:0 0 .3rem;color:var(--soft);font-size:.875rem}}
.chart{{display:block;width:100%;max-width:44rem;height:auto}}
.narrow{{display:none}}
@media (max-width:40rem){{.wide{{display:none}}.narrow{{display:block}}.hint{{display:block}}}}
table{{border-collapse:separate;border-spacing:0;font-size:.9375rem}}
th,td{{padding:.4rem .75rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}}
thead th{{vertical-align:bottom;border-bottom:2px solid var(--soft)}}
tbody tr:hover>*{{background:color-mix(in srgb,var(--grid) 35%,var(--paper))}}
tr>:first-child{{position:sticky;left:0;min-width:min(11rem,45vw);max-width:45vw;padding-left:0;
font-weight:600;background:var(--paper);overflow-wrap:anywhere}}
td code{{white-space:nowrap}}
.number{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
"""


def html(page: Page, more_head: str = "") -> str:
    """A page as one document; the same page gives the same bytes.

    What stands between backticks in its sentences and cells is shown as code.

    Args:
        page: what it says.
        more_head: elements that stand at the end of its head.

    Raises:
        ConfigError: a table's row does not fit its columns, or a chart has nothing to draw or a
            number that no axis can show.
    """
    names = list(slugs([section.title for section in page.sections]))
    ends = f"\n{more_head}" if more_head else ""
    head = (
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(page.title)}</title>\n<style>{STYLE}</style>{ends}"
    )
    parts = [f"<h1>{_inline(page.title)}</h1>"]
    if page.answer:
        parts.append(f'<p class="answer">{_inline(page.answer)}</p>')
    if page.chart:
        parts.append(_figure(page.chart))
    parts += [*_text(page.lead), _contents(page, names)]
    parts += [_section(section, name) for section, name in zip(page.sections, names, strict=True)]
    main = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n'
        f"<body>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    )


def escaped(text: str) -> str:
    """Text as it stands in HTML, in XML, and in their attributes."""
    return escape(FORBIDDEN.sub("\ufffd", text))


def write_html(page: Page, destination: str | PathLike[str]) -> None:
    """Write `html(page)` to a file, replacing what is there once it is complete.

    Raises:
        ConfigError: as `html`; nothing is written.
        OutputError: the file cannot be written there; what was there is untouched.
    """
    write_whole(Path(destination), html(page))


def _contents(page: Page, names: Sequence[str]) -> str:
    if not names:
        return ""
    items = [
        f'<li><a href="#{name}">{_inline(section.title)}</a></li>'
        for section, name in zip(page.sections, names, strict=True)
    ]
    return f'<nav aria-label="contents">\n<ul>\n{"".join(items)}\n</ul>\n</nav>'


def _section(section: Section, name: str) -> str:
    parts = [f'<h2 id="{name}">{_inline(section.title)}</h2>', *_text(section.text)]
    if section.command:
        command = f"<pre><code>{escaped(section.command)}</code></pre>"
        parts.append(f'<div class="again">{AGAIN}\n{command}</div>')
    parts += map(_figure, section.blocks)
    return "<section>\n{}\n</section>".format("\n".join(parts))


def _figure(block: Block) -> str:
    caption = f"<figcaption>{_inline(block.caption)}</figcaption>\n" if block.caption else ""
    if not isinstance(block, Table):
        return f"<figure>\n{caption}{block.html()}\n</figure>"
    # What scrolls has to be reached by the keyboard, and then be called something.
    name = escaped(block.caption or ", ".join(block.columns))
    region = f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">'
    hint = f'<p class="hint">{SCROLLS}</p>\n' if len(block.columns) > FEW_COLUMNS else ""
    return f"<figure>\n{caption}{hint}{region}{_table(block)}</div>\n</figure>"


def _table(table: Table) -> str:
    table.check()
    classes = [
        ' class="number"' if column and numeric(table.rows, column) else ""
        for column in range(len(table.columns))
    ]
    head = [
        f'<th scope="col"{class_}>{_inline(name)}</th>'
        for name, class_ in zip(table.columns, classes, strict=True)
    ]
    body = "\n".join(_row(row, classes) for row in table.rows)
    return f"<table>\n<thead><tr>{''.join(head)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _row(row: Sequence[str], classes: Sequence[str]) -> str:
    cells = [
        f"<td{class_}>{_inline(cell)}</td>"
        for cell, class_ in zip(row[1:], classes[1:], strict=True)
    ]
    return f'<tr><th scope="row">{_inline(row[0])}</th>{"".join(cells)}</tr>'


def _text(text: str) -> list[str]:
    return [f"<p>{_inline(paragraph)}</p>" for paragraph in paragraphs(text)]


def _inline(text: str) -> str:
    return spoken(text, escaped, lambda code: f"<code>{escaped(code)}</code>")
