//! CSV for spreadsheets: RFC 4180 in UTF-8 with CRLF, and no cell that a spreadsheet would run as a formula.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Rows of CSV in memory, to be taken out piece by piece.
#[derive(Debug)]
pub struct Table {
    writer: ::csv::Writer<Vec<u8>>,
    rows: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { writer: writer(), rows: 0 }
    }
}

impl Table {
    /// Adds a row, each cell [`guarded`]. Rows between two [`Table::take`]s have the same number of cells: another number
    /// is an error, INTERNAL.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for cell in cells {
            self.writer.write_field(guarded(cell).as_bytes()).map_err(Error::internal)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(Error::internal)?;
        self.rows += 1;
        Ok(())
    }

    /// Rows added since the beginning, headers too.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that wait to be taken, up to 8 KiB too few.
    pub fn waiting(&self) -> usize {
        self.writer.get_ref().len()
    }

    /// Takes out the rows added since the last time: whole ones, from the beginning of a line to the end of one.
    pub fn take(&mut self) -> Result<Vec<u8>> {
        let full = std::mem::replace(&mut self.writer, writer());
        full.into_inner().map_err(|failed| Error::internal(failed.to_string()))
    }
}

fn writer() -> ::csv::Writer<Vec<u8>> {
    // A cell that holds the "comment" character is put in quotes, which is what a guarded cell is to be; empty cells and
    // all others stay bare where they can, as databases read a quoted empty cell as a text and a bare one as nothing.
    ::csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(::csv::Terminator::CRLF)
        .comment(Some(GUARD))
        .from_writer(Vec::new())
}

/// What goes before a cell that would be run.
const GUARD: u8 = b'\'';

/// The cell as a spreadsheet may have it: what begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an
/// apostrophe before it, so that it is text. Plain numbers such as `-1.5` stay.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(cell) {
        return Cow::Owned(format!("{}{cell}", char::from(GUARD)));
    }
    Cow::Borrowed(cell)
}

/// Digits with at most one point among them and at most a minus before them.
fn is_number(text: &str) -> bool {
    let size = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = size.split_once('.').unwrap_or((size, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(rows: &[Vec<String>]) -> Vec<u8> {
        let mut table = Table::default();
        rows.iter().for_each(|row| table.row(row.iter().map(String::as_str)).unwrap());
        table.take().unwrap()
    }

    fn read(csv: &[u8]) -> Vec<Vec<String>> {
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text_and_numbers_stay() {
        for cell in ["=1+1", "+1", "-1+1", "-", "@SUM(A1)", "\tx", "\rx", "-1e5", "-.5", "-1.", "+49 30", "--1", "-1,5"]
        {
            assert_eq!(guarded(cell), format!("'{cell}"));
        }
        for cell in ["", "-1", "-1.5", "0", "007", "a=1", " =1", "'=1", "1-1", "x@y.z", "ä"] {
            assert_eq!(guarded(cell), cell);
        }
    }

    #[test]
    fn guarded_cells_are_quoted_and_empty_ones_bare() {
        let row = ["=1", "-1", "", "it's", "a,b", "say \"x\"", "two\r\nlines", "plain"].map(str::to_owned);
        let csv = String::from_utf8(written(&[row.to_vec()])).unwrap();
        assert_eq!(csv, "\"'=1\",-1,,\"it's\",\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",plain\r\n");
    }

    #[test]
    fn rows_are_taken_out_once_and_whole() {
        let mut table = Table::default();
        table.row(["a", "b"]).unwrap();
        assert_eq!(table.take().unwrap(), b"a,b\r\n");
        assert_eq!(table.take().unwrap(), b"");
        table.row(["c", "d"]).unwrap();
        assert_eq!((table.take().unwrap(), table.rows()), (b"c,d\r\n".to_vec(), 2));
        assert!(table.row(["c", "d"]).is_ok() && table.row(["e"]).is_err());
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[=+@\t\r\n'\",;0-9.a-]{0,6}", "-?[0-9]{1,5}(\\.[0-9]{1,3})?"]
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back_and_no_cell_is_run(
            rows in prop::collection::vec(prop::collection::vec(cell(), 3), 1..8),
        ) {
            let back = read(&written(&rows));
            let wanted: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|cell| guarded(cell).into_owned()).collect()).collect();
            prop_assert_eq!(&back, &wanted);
            for cell in back.iter().flatten().filter(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])) {
                prop_assert!(cell.parse::<f64>().is_ok(), "{:?}", cell);
            }
        }
    }
}
