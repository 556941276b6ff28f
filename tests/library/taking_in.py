"""Scanning the library folder and importing what is found, in the test's own process; the parser's child is real."""

from library.importing import import_next
from library.parsing import Parser
from library.scanning import ScanReport, finish_scans, queue_scan, scan_report, walk


def scan_all(folder: str = "") -> ScanReport:
    scan = queue_scan(folder)
    walk(scan)
    import_all()
    finish_scans()
    return scan_report(scan)


def import_all() -> int:
    """Import all that is queued; how many rows that took."""
    took = 0
    with Parser() as parser:
        while import_next(parser):
            took += 1
    return took
