"""Word files by python-docx: Chinese first, English beside, fixed dates, no macro, no field."""

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from methodologies.documents.blocks import Document, Grid, Heading, Pair, Paragraph

FIXED = datetime(2020, 1, 1)
"""Office files carry a date; it is always this one."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_WIDE = 9
"""A table with more columns than this stands on a page in landscape."""
_MANY, _SOME = 7, 5
"""A table with more columns than these is set smaller."""


def document(content: Document) -> bytes:
    """The bytes of a Word file."""
    import docx

    made = docx.Document()
    _styles(made)
    _page(made.sections[0], content)
    _cover(made, content)
    for block in content.blocks:
        if isinstance(block, Heading):
            _heading(made, block)
        elif isinstance(block, Paragraph):
            _paragraph(made, block.words, label=block.label)
        else:
            _grid(made, block, content)
    properties = made.core_properties
    properties.author, properties.title, properties.language = "", content.title[0], "zh-CN"
    properties.created = properties.modified = FIXED
    properties.last_modified_by, properties.revision = "", 1
    buffer = io.BytesIO()
    made.save(buffer)
    return _fixed_times(buffer.getvalue())


def _fixed_times(content: bytes) -> bytes:
    """The same archive with one time for all its parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for part in sorted(old.infolist(), key=lambda one: (one.filename != "[Content_Types].xml", one.filename)):
            info = zipfile.ZipInfo(part.filename, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(part.filename))
    return buffer.getvalue()


def _styles(made: Any) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    for name, size in (("Normal", 10.5), ("Title", 22), ("Heading 1", 15), ("Heading 2", 12.5)):
        style = made.styles[name]
        style.font.name, style.font.size = "Times New Roman", Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for attribute in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(attribute), None)
        fonts.set(qn("w:ascii"), "Times New Roman")
        fonts.set(qn("w:hAnsi"), "Times New Roman")
        fonts.set(qn("w:eastAsia"), "宋体" if name == "Normal" else "黑体")
        if name != "Normal":
            style.font.color.rgb = RGBColor(0x1D, 0x3A, 0x2A)
    made.styles["Normal"].paragraph_format.space_after = Pt(4)


def _page(section: Any, content: Document) -> None:
    """A4, with labels in the head of every page and the project in its foot."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt, RGBColor

    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    head = section.header.paragraphs[0]
    run = head.add_run("\n".join(f"{zh} {en}" for zh, en in content.labels))
    run.font.size, run.font.bold, run.font.color.rgb = Pt(8), True, RGBColor(0xA8, 0x5B, 0x00)
    foot = section.footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    foot.add_run(content.footer).font.size = Pt(8)


def _cover(made: Any, content: Document) -> None:
    from docx.shared import Pt

    title = made.add_paragraph(style="Title")
    title.add_run(content.title[0])
    second = made.add_paragraph()
    second.add_run(content.title[1]).font.size = Pt(13)
    for zh, en in content.labels:
        _paragraph(made, (zh, en), label=True)
    rows = [[f"{zh} {en}", value] for (zh, en), value in content.cover]
    _table(made, None, rows, (35, 65), 4, 9.5)


def _heading(made: Any, block: Heading) -> None:
    from docx.shared import Pt, RGBColor

    paragraph = made.add_heading(level=block.level)
    paragraph.add_run(f"{block.number} {block.words[0]}".strip())
    run = paragraph.add_run(f"  {block.words[1]}")
    run.font.size, run.font.bold, run.font.color.rgb = Pt(10), False, RGBColor(0x55, 0x69, 0x5D)


def _paragraph(made: Any, words: Pair, label: bool = False) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    for place, line in enumerate(words):
        if line:
            paragraph = made.add_paragraph()
            run = paragraph.add_run(line)
            if place:
                run.font.size, run.font.color.rgb = Pt(9), RGBColor(0x55, 0x69, 0x5D)
            if label:
                run.font.bold = True
                shade = OxmlElement("w:shd")
                shade.set(qn("w:val"), "clear")
                shade.set(qn("w:fill"), "FFF2C9")
                paragraph._p.get_or_add_pPr().append(shade)


def _grid(made: Any, grid: Grid, content: Document) -> None:
    from docx.shared import Pt

    wide = len(grid.heads) > _WIDE
    if wide:
        _turn(made, content, landscape=True)
    caption = made.add_paragraph()
    caption.paragraph_format.keep_with_next = True
    caption.add_run(f"{grid.words[0]}  {grid.words[1]}").font.bold = True
    size = 6.5 if len(grid.heads) > _MANY else 8.0 if len(grid.heads) > _SOME else 9.0
    _table(made, grid.heads, grid.rows, grid.widths or (1,) * len(grid.heads), grid.decimals, size)
    made.add_paragraph().paragraph_format.space_after = Pt(2)
    if wide:
        _turn(made, content, landscape=False)


def _turn(made: Any, content: Document, landscape: bool) -> None:
    """Go on on a page that lies or stands."""
    from docx.enum.section import WD_ORIENT, WD_SECTION
    from docx.shared import Cm

    section = made.add_section(WD_SECTION.NEW_PAGE)
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (Cm(29.7), Cm(21.0)) if landscape else (Cm(21.0), Cm(29.7))


def _table(
    made: Any, heads: Sequence[Pair] | None, rows: Sequence[Sequence[Any]], widths: Sequence[float], decimals: int, size: float
) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Emu

    columns = len(heads) if heads else len(rows[0])
    table = made.add_table(rows=0, cols=columns, style="Table Grid")
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    section = made.sections[-1]
    usable = section.page_width - section.left_margin - section.right_margin
    wide = [Emu(int(usable * share / sum(widths))) for share in widths]
    if heads:
        cells = table.add_row().cells
        for place, (zh, en) in enumerate(heads):
            _fill(cells[place], f"{zh}\n{en}" if en else zh, size, wide[place], head=True)
        _repeat(table.rows[0])
    for row in rows:
        cells = table.add_row().cells
        for place, value in enumerate(row):
            _fill(
                cells[place],
                shown(value, decimals),
                size,
                wide[place],
                number=isinstance(value, float | int) and not isinstance(value, bool),
            )
    for place, width in enumerate(wide):
        table.columns[place].width = width
    for row in table.rows:
        _whole(row)


def _fill(cell: Any, words: str, size: float, width: Any, head: bool = False, number: bool = False) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    cell.width = width
    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(0)
    if number:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(words)
    run.font.size, run.font.bold = Pt(size), head
    if head:
        shade = OxmlElement("w:shd")
        shade.set(qn("w:val"), "clear")
        shade.set(qn("w:fill"), "E4EEE7")
        cell._tc.get_or_add_tcPr().append(shade)


def _repeat(row: Any) -> None:
    """The head stands again on each page."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _whole(row: Any) -> None:
    """A row is not torn over two pages."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def shown(value: Any, decimals: int) -> str:
    """A cell as words: numbers with a thousands mark and at most so many decimals, nothing for missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        words = f"{value:,.{decimals}f}"
        return words.rstrip("0").rstrip(".") if decimals > 4 or value.is_integer() else words
    return "".join(letter for letter in str(value) if letter.isprintable() or letter == "\n")
