"""Damaged CSV files are read to their last good row, whatever program saved them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cstui.domain.errors import NotFound, UsageError
from cstui.services.imports.csv_files import CsvFile, Fault, Record


def read(path: Path) -> tuple[list[Record], list[Fault]]:
    faults: list[Fault] = []
    with CsvFile(path) as file:
        return list(file.records(faults.append)), faults


def cells(path: Path) -> list[list[str]]:
    records, faults = read(path)
    assert faults == []
    return [record.cells for record in records]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_way_of_saving_gives_the_same_cells(
    tmp_path: Path, delimiter: str, ends: str, encoding: str
) -> None:
    path = tmp_path / "saved.csv"
    rows = [["Name", "City"], ["Zoë Müller", "Köln – “Altstadt”"], ["", "x"]]
    path.write_bytes((ends.join(delimiter.join(row) for row in rows) + ends).encode(encoding))
    with CsvFile(path) as file:
        assert file.header == ("Name", "City")
    assert cells(path) == rows[1:]


def test_a_file_that_is_utf8_but_for_one_cell_keeps_both(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(b"Name,City\nZo\xc3\xab,K\xf6ln\n")
    assert cells(path) == [["Zoë", "Köln"]]


def test_rows_are_counted_as_a_spreadsheet_does_and_lines_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text('Name,Note\n#1,"one\ntwo\n\nthree"\n#2,plain\n\n#3,"a ""quoted"" word"\n')
    records, faults = read(path)
    assert faults == []
    assert [(r.row, r.line, r.cells) for r in records] == [
        (2, 2, ["#1", "one\ntwo\n\nthree"]), (3, 6, ["#2", "plain"]), (5, 8, ["#3", 'a "quoted" word']),
    ]  # fmt: skip


@pytest.mark.parametrize("stray", ['#2,"never closed', '#2,"closed" too early', '#2,"odd,cell'])
def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path, stray: str) -> None:
    path = tmp_path / "stray.csv"
    path.write_text(f'Name,Note\n#1,a\n{stray}\n#3,"b"\n#4,"c\nd"\n#5,e\n')
    records, faults = read(path)
    assert [record.cells[0] for record in records] == ["#1", "#3", "#4", "#5"]
    assert [(fault.line, fault.value) for fault in faults] == [(3, stray)]
    assert "quote" in faults[0].reason


def test_a_quote_that_is_never_closed_is_given_up_after_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text('Name,Note\n#0,"never closed\n' + "".join(f"#{n},x\n" for n in range(1, 30_001)))
    records, faults = read(path)
    assert len(records) == 30_000
    assert [fault.line for fault in faults] == [2]


def test_a_row_with_more_cells_than_the_header_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("Name,Note\n#1,a,b\n#2,c,,\n#3,d\n")
    records, faults = read(path)
    assert [record.cells[0] for record in records] == ["#2", "#3"]
    assert faults[0].reason == "The row has 3 cells, the header 2."


def test_a_cell_of_a_megabyte_is_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "mega.csv"
    path.write_text('Name,Note\n#1,"' + "word " * 250_000 + '"\n#2,x\n')
    assert [len(row[1]) for row in cells(path)] == [1_250_000, 1]


def test_a_line_that_names_the_delimiter_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "sep.csv"
    path.write_text("sep=;\nName;Note, long\n#1;a\n")
    with CsvFile(path) as file:
        assert file.header == ("Name", "Note, long")
        assert [record.line for record in file.records(lambda fault: pytest.fail(fault.reason))] == [3]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"   \n"])
def test_an_empty_file_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"empty\.csv is empty"):
        CsvFile(path).__enter__()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        CsvFile(tmp_path / "none.csv").__enter__()
    with pytest.raises(NotFound, match="cannot be read"):
        CsvFile(tmp_path).__enter__()


def test_progress_reaches_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sized.csv"
    path.write_text("Name\n" + "x\n" * 5_000)
    with CsvFile(path) as file:
        assert sum(1 for _ in file.records(lambda fault: None)) == 5_000
        assert file.done == file.size == path.stat().st_size
