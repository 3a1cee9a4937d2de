//! `coaching verify`: the full check of a store, while no server has it open.

use super::Failure;
use super::serve::open;
use crate::config::Settings;
use crate::services::RECORDS;
use crate::store;

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let settings = Settings { create_store: false, ..settings.clone() };
    super::block_on(async {
        let db = open(&settings).await?;
        let report = store::verify(db.engine().as_ref(), RECORDS).await.map_err(Failure::Store)?;
        db.close().await.map_err(Failure::Store)?;
        println!("{} records and {} index entries read", report.records, report.entries);
        if report.is_clean() {
            println!("all of them are whole, and the indexes are those of the records");
            return Ok(());
        }
        for problem in &report.problems {
            println!("- {problem}");
        }
        Err(Failure::Damaged(format!(
            "{} problems found{}. Keep a copy of the folder, then restore the last copy that was taken while the server was stopped",
            report.problem_count,
            if report.problem_count > report.problems.len() as u64 { ", the first of them above" } else { "" }
        )))
    })
}
