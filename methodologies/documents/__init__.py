"""Documents for the registry: project design document and emission-reduction report, Word and Excel."""

from pathlib import Path

from aoi.table import replace_file
from methodologies.documents.content import design_document, reduction_report
from methodologies.documents.excel import workbook
from methodologies.documents.word import document
from methodologies.quantification import Result

DESIGN = "项目设计文件.docx"
REPORT = "减排量核算报告.docx"
TABLES = "核算表.xlsx"


def write_documents(result: Result, out: Path) -> None:
    """Write the three files into a folder; the same bytes for the same result."""
    design, report = design_document(result), reduction_report(result)
    replace_file(out / DESIGN, document(design))
    replace_file(out / REPORT, document(report))
    replace_file(out / TABLES, workbook([*design.grids(), *report.grids()], report))


__all__ = ["DESIGN", "REPORT", "TABLES", "write_documents"]
