//! Lines that cannot be imported: told on the terminal, and written in full to a file of their own, so that none is lost.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::value::RawValue;

use super::lock;
use super::progress::{beside, sync_folder};

/// So many are told on the terminal.
const TOLD: u64 = 20;

/// See the module. The file is made for the first of them.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    /// Whether the file was made, and its name is perhaps not on the disk.
    made: bool,
    bytes: u64,
    told: u64,
    bar: ProgressBar,
}

#[derive(Serialize)]
struct Rejected<'a> {
    line: u64,
    problem: &'a str,
    record: Original<'a>,
}

/// The line: as it is where it is JSON, as a text otherwise.
#[derive(Serialize)]
#[serde(untagged)]
enum Original<'a> {
    Json(&'a RawValue),
    Text(String),
}

impl Rejects {
    /// Begins anew. What an earlier import left there is kept beside it, as it may have been mended; the answer says where.
    pub(super) fn fresh(path: &Path, bar: ProgressBar) -> io::Result<(Self, Option<PathBuf>)> {
        let kept = match File::open(path) {
            Ok(file) => {
                lock::take(&file)?;
                let old = unused(path)?;
                fs::rename(path, &old)?;
                sync_folder(path)?;
                Some(old)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok((Self { path: path.to_owned(), file: None, made: false, bytes: 0, told: 0, bar }, kept))
    }

    /// Goes on after so many bytes: what an import that was cut off wrote behind them is written again.
    pub(super) fn after(path: &Path, bytes: u64, bar: ProgressBar) -> io::Result<Self> {
        let mut file = None;
        if bytes > 0 || path.exists() {
            let mut open = File::options().write(true).open(path)?;
            lock::take(&open)?;
            if open.metadata()?.len() < bytes {
                return Err(io::Error::other("is shorter than it was"));
            }
            open.set_len(bytes)?;
            open.seek(SeekFrom::End(0))?;
            file = Some(BufWriter::new(open));
        }
        Ok(Self { path: path.to_owned(), file, made: false, bytes, told: 0, bar })
    }

    /// Writes one down.
    pub(super) fn add(&mut self, line: u64, problem: &str, text: &[u8]) -> io::Result<()> {
        self.told += 1;
        if self.told <= TOLD {
            self.bar.suspend(|| eprintln!("line {line}: {problem}"));
        } else if self.told == TOLD + 1 {
            self.bar.suspend(|| eprintln!("… more in {}", self.path.display()));
        }
        let mut written = serde_json::to_vec(&Rejected { line, problem, record: original(text) })?;
        written.push(b'\n');
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // Not over a file that is there: another import made it since.
                let new = File::create_new(&self.path)?;
                lock::take(&new)?;
                self.made = true;
                none.insert(BufWriter::new(new))
            }
        };
        file.write_all(&written)?;
        self.bytes += written.len() as u64;
        Ok(())
    }

    /// Brings all of them to the disk, and answers how many bytes they are.
    pub(super) fn sync(&mut self) -> io::Result<u64> {
        if let Some(file) = &mut self.file {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        if self.made {
            // A mark counts on the file: after a power cut it must have its name.
            sync_folder(&self.path)?;
            self.made = false;
        }
        Ok(self.bytes)
    }
}

/// The first of FILE.old, FILE.old.2, FILE.old.3 and so on that is not there.
fn unused(path: &Path) -> io::Result<PathBuf> {
    let old = beside(path, "old");
    let (mut next, mut number) = (old.clone(), 1_u64);
    loop {
        match fs::symlink_metadata(&next) {
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(next),
            Err(error) => return Err(error),
        }
        next = beside(&old, &number.to_string());
    }
}

fn original(text: &[u8]) -> Original<'_> {
    match serde_json::from_slice::<&RawValue>(text) {
        // A line of JSON that a tool on some other system ended with a carriage return.
        Ok(json) => Original::Json(json),
        Err(_) => Original::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(path: &Path) -> Vec<Value> {
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_no_json_is_kept_as_a_text_and_the_rest_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let (mut rejects, kept) = Rejects::fresh(&path, ProgressBar::hidden()).unwrap();
        assert!(kept.is_none() && !path.exists());
        rejects.add(3, "bad", b"{\"user\": {\"n\": 1.50}}\r").unwrap();
        rejects.add(4, "worse", b"{\xff").unwrap();
        assert_eq!(rejects.sync().unwrap(), fs::metadata(&path).unwrap().len());
        assert!(fs::read_to_string(&path).unwrap().contains("1.50"));
        let third = json!({"line": 4, "problem": "worse", "record": "{\u{fffd}"});
        assert_eq!(lines(&path), [json!({"line": 3, "problem": "bad", "record": {"user": {"n": 1.5}}}), third]);
    }

    #[test]
    fn an_import_that_goes_on_repeats_what_was_written_after_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let (mut rejects, _) = Rejects::fresh(&path, ProgressBar::hidden()).unwrap();
        rejects.add(1, "bad", b"1").unwrap();
        let mark = rejects.sync().unwrap();
        rejects.add(2, "bad", b"2").unwrap();
        rejects.sync().unwrap();
        drop(rejects);
        let mut rejects = Rejects::after(&path, mark, ProgressBar::hidden()).unwrap();
        rejects.add(2, "bad again", b"2").unwrap();
        rejects.sync().unwrap();
        assert_eq!(lines(&path).iter().map(|line| &line["problem"]).collect::<Vec<_>>(), ["bad", "bad again"]);
        drop(rejects);
        assert!(Rejects::after(&path, 1 << 20, ProgressBar::hidden()).is_err());
        let (_, kept) = Rejects::fresh(&path, ProgressBar::hidden()).unwrap();
        assert_eq!(lines(&kept.unwrap()).len(), 2);
        assert!(Rejects::after(&path, 0, ProgressBar::hidden()).is_ok());
    }
    #[test]
    fn what_was_rejected_before_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        for (number, ending) in [(1, "old"), (2, "old.2"), (3, "old.3")] {
            let (mut rejects, _) = Rejects::fresh(&path, ProgressBar::hidden()).unwrap();
            rejects.add(number, "bad", b"1").unwrap();
            rejects.sync().unwrap();
            drop(rejects);
            let (_, kept) = Rejects::fresh(&path, ProgressBar::hidden()).unwrap();
            assert_eq!(kept.unwrap(), beside(&path, ending));
        }
        for (number, ending) in [(1, "old"), (2, "old.2"), (3, "old.3")] {
            assert_eq!(lines(&beside(&path, ending))[0]["line"], number);
        }
    }

    #[test]
    fn the_name_of_the_file_is_brought_to_the_disk_once() {
        let root = tempfile::tempdir().unwrap();
        let (folder, away) = (root.path().join("folder"), root.path().join("away"));
        fs::create_dir(&folder).unwrap();
        let (mut rejects, _) = Rejects::fresh(&folder.join("r"), ProgressBar::hidden()).unwrap();
        rejects.add(1, "bad", b"1").unwrap();
        // A folder that is not there cannot be synced, while the open file can.
        fs::rename(&folder, &away).unwrap();
        assert!(rejects.sync().is_err());
        fs::rename(&away, &folder).unwrap();
        rejects.sync().unwrap();
        fs::rename(&folder, &away).unwrap();
        rejects.add(2, "bad", b"2").unwrap();
        assert!(rejects.sync().is_ok());
    }

    #[test]
    fn what_another_import_is_writing_is_let_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let fresh = || Rejects::fresh(&path, ProgressBar::hidden());
        let ((mut one, _), (mut late, _)) = (fresh().unwrap(), fresh().unwrap());
        one.add(1, "bad", b"1").unwrap();
        one.sync().unwrap();
        assert!(fresh().is_err_and(|error| error.to_string().starts_with("another import is at it")));
        assert!(Rejects::after(&path, 0, ProgressBar::hidden()).is_err());
        assert!(late.add(7, "bad", b"7").is_err());
        assert_eq!(lines(&path)[0]["line"], 1);
        drop(one);
        assert!(fresh().unwrap().1.is_some());
    }
}
