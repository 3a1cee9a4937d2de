//! ExportScorecards and StreamExportScorecards: CSV made along an index, a portion of scorecards at a time.
//!
//! An export is no snapshot. A scorecard that is there throughout is in it once, as its create time never changes, and in
//! the state that it has when its turn comes; one that is deleted or made meanwhile may be in it or not.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::super::forms::compiled;
use super::super::templates;
use crate::api::Ctx;
use crate::api::behavior::Described as _;
use crate::api::resource::{self, key_of};
use crate::api::stream::{Download, Pieces};
use crate::domain::csv::Table;
use crate::domain::export::{COLUMNS, Rows};
use crate::domain::form::Form;
use crate::error::{Error, Result, reason};
use crate::names::Name;
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::*;
use crate::pb::google::api::HttpBody;
use crate::store::{IndexRange, Key};

mod filter;

use filter::Filter;

/// Most scorecards that go into one message.
const WHOLE_CARDS: usize = 10_000;
/// Most bytes of CSV that go into one message.
const WHOLE_BYTES: usize = 16 << 20;
/// Bytes after which a piece ends, at the end of a row.
const PIECE: usize = 128 << 10;
/// Index entries looked at in one step.
const STRETCH: usize = 1_000;
/// Scorecards held at a time.
const PORTION: usize = 200;
/// Forms held at a time: more revisions than people use at once.
const FORMS: usize = 256;

/// ExportScorecards: all in one message, if it fits.
pub async fn whole(ctx: Ctx, request: ExportScorecardsRequest) -> Result<ExportScorecardsResponse> {
    let mut export = Export::begin(ctx, request).await?;
    let mut csv = Vec::new();
    while let Some(piece) = export.piece().await? {
        csv.extend_from_slice(&piece);
        if export.cards > WHOLE_CARDS || csv.len() > WHOLE_BYTES {
            let message = format!(
                "more than {WHOLE_CARDS} scorecards or {} MiB: use StreamExportScorecards (:streamExport), or export a \
                 shorter time at once",
                WHOLE_BYTES >> 20
            );
            return Err(Error::precondition(reason::EXPORT_TOO_LARGE, message));
        }
    }
    let row_count = i32::try_from(export.table.rows() - 1).unwrap_or(i32::MAX);
    Ok(ExportScorecardsResponse { csv: csv.into(), row_count })
}

/// StreamExportScorecards: the same file in pieces.
pub async fn stream(ctx: Ctx, request: StreamExportScorecardsRequest) -> Result<Download<impl Pieces>> {
    let request = ExportScorecardsRequest {
        parent: request.parent,
        agent_user_names: request.agent_user_names,
        start_time: request.start_time,
        end_time: request.end_time,
        scorecard_names: request.scorecard_names,
        team_names: request.team_names,
        include_deactivated_users: request.include_deactivated_users,
        scorecard_template_names: request.scorecard_template_names,
        group_names: request.group_names,
        usecase_names: request.usecase_names,
        format: request.format,
    };
    let day = |time: &Option<prost_types::Timestamp>| {
        time.as_ref().map(|time| time.to_string().chars().take("2026-01-01".len()).collect::<String>())
    };
    let days = [day(&request.start_time), day(&request.end_time)].map(Option::unwrap_or_default);
    let file_name = format!("scorecards_{}_{}.csv", days[0], days[1]);
    Ok(Download { file_name, pieces: Export::begin(ctx, request).await? })
}

impl Pieces for Export {
    async fn next(&mut self) -> Result<Option<HttpBody>> {
        let piece = self.piece().await?;
        Ok(piece.map(|data| HttpBody {
            content_type: "text/csv; charset=utf-8".to_owned(),
            data: data.into(),
            extensions: Vec::new(),
        }))
    }
}

/// An export under way.
struct Export {
    ctx: Ctx,
    filter: Filter,
    source: Source,
    /// Scorecards found by their entries and not yet read.
    found: VecDeque<Key>,
    /// Scorecards read and not yet written to the end.
    open: VecDeque<Rows>,
    forms: HashMap<String, (String, Arc<Form>)>,
    table: Table,
    /// Whether the first piece was given.
    begun: bool,
    /// Scorecards admitted so far.
    cards: usize,
}

/// Where scorecards come from.
enum Source {
    /// On along this index.
    Walk(IndexRange),
    /// These.
    Named(Vec<Key>),
    /// Nowhere any more.
    Done,
}

impl Export {
    async fn begin(ctx: Ctx, request: ExportScorecardsRequest) -> Result<Self> {
        let filter = Filter::of(&ctx, request).await?;
        let source = match filter.named() {
            [] => filter.range(&ctx).map_or(Source::Done, Source::Walk),
            names => {
                let keys = names.iter().map(|name| key_of::<Scorecard>("scorecardNames", name));
                Source::Named(keys.collect::<Result<BTreeSet<_>>>()?.into_iter().collect())
            }
        };
        let mut table = Table::default();
        table.row(COLUMNS)?;
        Ok(Self {
            ctx,
            filter,
            source,
            found: VecDeque::new(),
            open: VecDeque::new(),
            forms: HashMap::new(),
            table,
            begun: false,
            cards: 0,
        })
    }

    /// The next rows, the header first; none at the end. The first piece comes after one look at the index, whether that
    /// found something or not, so that a caller soon knows that it goes well.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            while let Some(rows) = self.open.front_mut() {
                if !rows.write(&mut self.table)? {
                    self.open.pop_front();
                } else if self.table.waiting() >= PIECE {
                    self.begun = true;
                    return Ok(Some(self.table.take()?));
                }
            }
            let more = self.read().await?;
            if !more || !self.begun && self.open.is_empty() {
                self.begun = true;
                return Ok(Some(self.table.take()?).filter(|piece| !piece.is_empty()));
            }
        }
    }

    /// Reads on by one portion, of which the filter may leave nothing; false at the end.
    async fn read(&mut self) -> Result<bool> {
        // Short reads do not wait for anything; a caller's deadline is seen, and other calls come on, only between waits.
        tokio::task::yield_now().await;
        let db = self.ctx.db();
        let named = match &mut self.source {
            Source::Done if self.found.is_empty() => return Ok(false),
            Source::Walk(range) if self.found.is_empty() => {
                let stretch = db.scan_index(range, STRETCH, false).await?;
                range.after = stretch.position().or_else(|| range.after.take());
                let hits = stretch.hits.into_iter().filter(|hit| self.filter.passes(hit));
                self.found.extend(hits.map(|hit| hit.key));
                if stretch.exhausted {
                    self.source = Source::Done;
                }
                false
            }
            Source::Named(keys) => {
                self.found.extend(std::mem::take(keys));
                self.source = Source::Done;
                true
            }
            _ => false,
        };
        let portion = if named { self.found.len() } else { PORTION.min(self.found.len()) };
        let keys: Vec<Key> = self.found.drain(..portion).collect();
        let cards = if keys.is_empty() { Vec::new() } else { db.get_many::<Scorecard>(&keys).await? };
        let mut cards: Vec<Scorecard> =
            cards.into_iter().flatten().filter(|card| self.filter.admits(&self.ctx, card)).collect();
        if named {
            cards.sort_by(|a, b| filter::place(a).cmp(&filter::place(b)));
        }
        self.take_up(cards).await?;
        Ok(true)
    }

    /// Lays out the rows of these scorecards, whose agents and forms are read in one call each.
    async fn take_up(&mut self, cards: Vec<Scorecard>) -> Result<()> {
        let agents = self.agents(&cards).await?;
        self.learn_forms(&cards).await?;
        for card in cards {
            let agent = agents.get(&card.agent_user_name);
            if agent.is_some_and(|agent| !self.filter.includes(agent)) {
                continue;
            }
            let missing = || Error::internal(format!("{} is referred to and not stored", card.template_name));
            let (title, form) = self.forms.get(&card.template_name).ok_or_else(missing)?;
            self.open.push_back(Rows::of(card, title, form.clone(), agent));
            self.cards += 1;
        }
        Ok(())
    }

    /// Those of the agents of these scorecards whom the directory knows.
    async fn agents(&self, cards: &[Scorecard]) -> Result<HashMap<String, DirectoryUser>> {
        let names: BTreeSet<&str> = cards.iter().map(|card| &*card.agent_user_name).collect();
        let keys: Vec<Key> = names
            .into_iter()
            .filter_map(|name| Name::parse(DirectoryUser::TYPE, name).ok())
            // A record names nobody of another customer; were it to, nothing of them is shown.
            .filter(|name| name.customer == self.ctx.customer)
            .map(|name| resource::key(crate::store::tags::USER, &name))
            .collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let known = self.ctx.db().get_many::<DirectoryUser>(&keys).await?;
        Ok(known.into_iter().flatten().map(|user| (user.name.clone(), user)).collect())
    }

    async fn learn_forms(&mut self, cards: &[Scorecard]) -> Result<()> {
        if self.forms.len() > FORMS {
            self.forms.clear();
        }
        let unknown: BTreeSet<&String> =
            cards.iter().map(|card| &card.template_name).filter(|name| !self.forms.contains_key(*name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        for template in templates::revisions(self.ctx.db(), unknown.into_iter().cloned().collect()).await? {
            let form = compiled(&template)?;
            self.forms.insert(template.name, (template.title, form));
        }
        Ok(())
    }
}
