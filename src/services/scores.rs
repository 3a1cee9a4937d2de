//! QA scores: what submitted scorecards of an agent, or of everybody, come to in any window of time.
//!
//! Whole quarters, weeks and days are read from cells, which commits keep ([`cells`]); what is left at the two ends of a
//! window from the index by submit time. So a year costs some forty cells at most, however many scorecards it has. Reads are not a
//! snapshot: a scorecard that is submitted again meanwhile may count where it was and where it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use prost_types::Timestamp;

use super::filter::{hash, instant, micros};
use super::scorecards::entries::Projection;
use crate::api::Ctx;
use crate::api::resource;
use crate::domain::exact::{self, Exact};
use crate::domain::lifecycle::counts;
use crate::domain::scores::{self, Score, Sum};
use crate::domain::windows::{Size, Split, Stretch, Window, split};
use crate::error::Result;
use crate::names::{Name, last_segment, without_revision};
use crate::pb::cresta::v1::coaching::qa_score_basis::Method;
use crate::pb::cresta::v1::coaching::{QaScoreBasis, Scorecard, ScorecardTemplate, ScorecardType};
use crate::store::{Cell, CellRange, Db, Fault, IndexRange, Key, KeyReader, Tallies, Tally, TallyTag, tags, tuple};

mod cells;
#[cfg(test)]
mod tests;

pub(super) use cells::{EVERYBODY, counted_total, write};

/// Cells and entries read at a time: short reads run where they are called.
const STRETCH: usize = 64;

/// What scorecards on one template and of one usecase come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Submitted scorecards.
    pub(super) count: i64,
    /// Their totals, of those on which something is applicable.
    pub(super) total: Sum,
}

impl Came {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.total = self.total.and(other.total);
    }
}

/// By id of the template and of the usecase, which is empty for scorecards without one.
pub(super) type Totals = BTreeMap<(String, String), Came>;
/// By id of the usecase: chapters and criteria by what stands for them.
pub(super) type Nodes = BTreeMap<String, Tallies>;

/// Which scorecards are meant, by full names. An empty list means any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meant<'a> {
    /// Their templates, without revisions.
    pub(super) templates: &'a [String],
    /// Their usecases.
    pub(super) usecases: &'a [String],
}

impl Meant<'_> {
    /// Whether the template with this id is meant.
    pub(super) fn template(&self, id: &str) -> bool {
        self.templates.is_empty() || self.templates.iter().any(|name| last_segment(without_revision(name)) == id)
    }

    fn usecase(&self, id: &str) -> bool {
        self.usecases.is_empty() || self.usecases.iter().any(|name| last_segment(name) == id)
    }
}

/// How many scorecards were submitted.
pub(super) fn count(totals: &Totals, meant: Meant<'_>) -> i64 {
    let of = totals.iter().filter(|((template, usecase), _)| meant.template(template) && meant.usecase(usecase));
    of.map(|(_, came)| came.count).sum()
}

/// What the whole template (the empty id), or a chapter or criterion of it, has in these nodes.
pub(super) fn node(nodes: &Nodes, id: &str, meant: Meant<'_>) -> Sum {
    let number = cells::node_number(id);
    let of = nodes.iter().filter(|(usecase, _)| meant.usecase(usecase));
    of.map(|(_, tallies)| tallies.get(number))
        .fold(Sum::default(), |sum, more| sum.and(Sum { n: more.n, sum: more.sum }))
}

/// The sums over the templates of these totals that count.
pub(super) fn parts<'a>(
    totals: &'a Totals,
    meant: Meant<'a>,
    weights: &'a Weights,
) -> impl Iterator<Item = (Sum, &'a Exact)> {
    let of = totals.iter().filter(move |((template, usecase), _)| meant.template(template) && meant.usecase(usecase));
    of.filter_map(|((template, _), came)| Some((came.total, weights.of(template)?)))
}

/// What templates weigh, as they say now; none for one that does not count. Each is read once.
#[derive(Debug, Default)]
pub(super) struct Weights(HashMap<String, Option<Exact>>);

impl Weights {
    /// What this template weighs, once it is learnt.
    pub(super) fn of(&self, template: &str) -> Option<&Exact> {
        self.0.get(template)?.as_ref()
    }

    /// Learns what these templates weigh, by their ids.
    pub(super) async fn learn<'a>(&mut self, of: Scores<'_>, ids: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut unknown: Vec<&str> = ids.filter(|id| !self.0.contains_key(*id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = unknown.iter().map(|id| of.template_key(id)).collect();
        let heads = of.db.get_many::<ScorecardTemplate>(&keys).await?;
        for (id, head) in unknown.into_iter().zip(heads) {
            self.0.insert(id.to_owned(), head.and_then(|head| scores::weight(head.qa_score_config)));
        }
        Ok(())
    }
}

/// The scorecards of one profile.
#[derive(Clone, Copy)]
pub(super) struct Scores<'a> {
    db: &'a Db,
    customer: &'a str,
    profile: &'a str,
}

impl<'a> Scores<'a> {
    /// Those that a call is about.
    pub(super) fn of(ctx: &'a Ctx) -> Self {
        Self { db: ctx.db(), customer: &ctx.customer, profile: &ctx.profile }
    }

    fn template_key(self, id: &str) -> Key {
        let name = Name { customer: self.customer, profile: self.profile, id, revision: None };
        resource::key(tags::SCORECARD_TEMPLATE, &name)
    }

    /// The template with this id, as it is now.
    pub(super) async fn template(self, id: &str) -> Result<Option<ScorecardTemplate>> {
        Ok(self.db.get(&self.template_key(id)).await?)
    }

    /// The ids of all agents who ever had scorecards that count, in order: one small read for each.
    pub(super) async fn agents(self) -> Result<Vec<String>> {
        let prefix = tuple(|terms| terms.str(self.profile));
        let of = Some((self.customer.to_owned().into(), tags::SCORE_TOTALS));
        let mut range = CellRange { of, prefix, ..CellRange::default() };
        let mut agents = Vec::new();
        while let Some((cell, _)) = self.db.scan_cells(&range, 1).await?.pop() {
            let agent = KeyReader::new(&cell.terms[range.prefix.len()..]).str()?;
            // On behind all of this agent's cells: no size is that large.
            range.after =
                Some(Cell::new(self.customer, cell.tag, |terms| terms.str(self.profile).str(&agent).u8(u8::MAX)));
            if agent != EVERYBODY {
                agents.push(agent);
            }
        }
        Ok(agents)
    }

    /// What the scorecards of an agent, by id, come to in a window.
    pub(super) async fn totals(self, agent: &str, window: Window) -> Result<Totals> {
        let mut totals = Totals::new();
        let (split, smallest) = (split(window, cells::sizes(agent)), cells::smallest(agent));
        // What the whole period around an end has says which templates and usecases there are, and often that there is
        // nothing.
        let mut around = vec![Totals::new(); split.rest.len()];
        let prefix = tuple(|terms| terms.str(self.profile).str(agent));
        for stretch in split.touched(smallest) {
            self.each_cell(tags::SCORE_TOTALS, &prefix, stretch, |period, mut terms, tallies| {
                let key = (terms.str()?, terms.str()?);
                let total = tallies.get(cells::TOTAL);
                let total = Sum { n: total.n, sum: total.sum };
                let into = match end_in(&split, smallest, stretch, period) {
                    Some(end) => &mut around[end],
                    None => &mut totals,
                };
                into.entry(key).or_default().add(Came { count: tallies.get(cells::COUNT).n, total });
                Ok(())
            })
            .await?;
        }
        for (rest, around) in split.rest.iter().zip(&around).filter(|(_, around)| !around.is_empty()) {
            self.add_rest(agent, *rest, around, &mut totals).await?;
        }
        Ok(totals)
    }

    /// What a template and its chapters and criteria came to in a window, on the scorecards of an agent, by id: those that
    /// these numbers stand for, or all.
    pub(super) async fn nodes(
        self,
        agent: &str,
        template: &str,
        window: Window,
        only: Option<&BTreeSet<u64>>,
    ) -> Result<Nodes> {
        let mut nodes = Nodes::new();
        let (split, smallest) = (split(window, cells::sizes(agent)), cells::smallest(agent));
        let mut around = vec![false; split.rest.len()];
        let prefix = tuple(|terms| terms.str(self.profile).str(agent).str(template));
        for stretch in split.touched(smallest) {
            self.each_cell(tags::SCORE_NODES, &prefix, stretch, |period, mut terms, tallies| {
                if let Some(end) = end_in(&split, smallest, stretch, period) {
                    around[end] = true;
                    return Ok(());
                }
                let into = nodes.entry(terms.str()?).or_default();
                match only {
                    None => into.merge(tallies),
                    Some(only) => only.iter().try_for_each(|number| into.add(*number, tallies.get(*number))),
                }
            })
            .await?;
        }
        for rest in split.rest.iter().zip(around).filter_map(|(rest, around)| around.then_some(*rest)) {
            let template = self.name_of("scorecardTemplates", template);
            let wanted = hash(&template);
            let hits = self.submitted(agent, rest).await?;
            let keys: Vec<Key> =
                hits.into_iter().filter(|(_, entry)| entry.template == wanted).map(|(key, _)| key).collect();
            for card in self.cards(&keys, agent, rest).await? {
                if without_revision(&card.template_name) == template {
                    let tallies = nodes.entry(last_segment(&card.usecase_name).to_owned()).or_default();
                    for (number, billionths) in cells::nodes(&card) {
                        tallies.add(number, Tally::one(billionths))?;
                    }
                }
            }
        }
        Ok(nodes)
    }

    /// Every cell of a stretch, with its period and the terms behind that.
    async fn each_cell(
        self,
        tag: TallyTag,
        prefix: &[u8],
        stretch: Stretch,
        mut each: impl FnMut(i64, KeyReader<'_>, &Tallies) -> Result<(), Fault>,
    ) -> Result<()> {
        let mut range = cells::range(self.customer, tag, prefix, stretch);
        loop {
            let page = self.db.scan_cells(&range, STRETCH).await?;
            for (cell, tallies) in &page {
                let mut terms = KeyReader::new(&cell.terms[range.prefix.len()..]);
                let period = terms.i64()?;
                each(period, terms, tallies)?;
            }
            let ended = page.len() < STRETCH;
            match page.into_iter().last() {
                Some((cell, _)) if !ended => range.after = Some(cell),
                _ => return Ok(()),
            }
        }
    }

    /// Adds what is left at an end of a window. Entries hold hashes of names; `around` says which names there are, and where
    /// that leaves a doubt the scorecard itself is asked.
    async fn add_rest(self, agent: &str, rest: Window, around: &Totals, into: &mut Totals) -> Result<()> {
        let names: Vec<(u32, u32, &(String, String))> = around
            .keys()
            .map(|key| {
                let usecase = if key.1.is_empty() { String::new() } else { self.name_of("usecases", &key.1) };
                (hash(&self.name_of("scorecardTemplates", &key.0)), hash(&usecase), key)
            })
            .collect();
        let mut doubtful = Vec::new();
        for (key, entry) in self.submitted(agent, rest).await? {
            let mut fitting =
                names.iter().filter(|(template, usecase, _)| *template == entry.template && *usecase == entry.usecase);
            match (fitting.next(), fitting.next()) {
                (Some((_, _, key)), None) => {
                    let scored = (entry.score != i64::MIN).then_some(entry.score);
                    into.entry((*key).clone()).or_default().add(came(scored));
                }
                _ => doubtful.push(key),
            }
        }
        for card in self.cards(&doubtful, agent, rest).await? {
            let template = last_segment(without_revision(&card.template_name)).to_owned();
            let key = (template, last_segment(&card.usecase_name).to_owned());
            into.entry(key).or_default().add(came(card.total_score_billionths));
        }
        Ok(())
    }

    /// What counts among the scorecards submitted in a window, by their entries.
    async fn submitted(self, agent: &str, window: Window) -> Result<Vec<(Key, Projection)>> {
        let left_out = [ScorecardType::Calibration, ScorecardType::Appeal].map(|kind| kind as u8);
        let range = if agent == EVERYBODY {
            IndexRange::all(self.customer, tags::SCORECARD_BY_SUBMIT).prefix(|terms| terms.str(self.profile))
        } else {
            IndexRange::all(self.customer, tags::SCORECARD_BY_AGENT_SUBMIT)
                .prefix(|terms| terms.str(self.profile).str(agent))
        };
        let mut range = range.from(|terms| terms.i64(window.start)).until(|terms| terms.i64(window.end));
        let mut found = Vec::new();
        loop {
            let page = self.db.scan_index(&range, STRETCH, false).await?;
            range.after = page.position().or(range.after);
            let exhausted = page.exhausted;
            found.extend(page.hits.into_iter().filter_map(|hit| {
                let entry = Projection::decode(&hit.projection)?;
                // Drafts stand at zero.
                (entry.submit != 0 && !left_out.contains(&entry.kind)).then_some((hit.key, entry))
            }));
            if exhausted {
                return Ok(found);
            }
        }
    }

    /// These scorecards, as far as they still are what their entries said.
    async fn cards(self, keys: &[Key], agent: &str, window: Window) -> Result<Vec<Scorecard>> {
        let mut cards = Vec::new();
        for keys in keys.chunks(STRETCH) {
            cards.extend(self.db.get_many::<Scorecard>(keys).await?.into_iter().flatten().filter(|card| {
                counts(card)
                    && card.submit_time.is_some()
                    && window.holds(micros(card.submit_time.as_ref()))
                    && (agent == EVERYBODY || last_segment(&card.agent_user_name) == agent)
            }));
        }
        Ok(cards)
    }

    fn name_of(self, kind: &str, id: &str) -> String {
        format!("customers/{}/profiles/{}/{kind}/{id}", self.customer, self.profile)
    }
}

/// Which of the ends of a window lies in this period of a stretch; none where all of it is in the window.
fn end_in(split: &Split, smallest: Size, stretch: Stretch, period: i64) -> Option<usize> {
    let at_end = |rest: &Window| stretch.size == smallest && smallest.of(rest.start) == period;
    split.rest.iter().position(at_end)
}

fn came(total: Option<i64>) -> Came {
    let sum = total.map_or(Sum::default(), |total| Sum { n: 1, sum: cells::counted_total(total) });
    Came { count: 1, total: sum }
}

/// A score as it is answered: percent, and what it rests on.
pub(super) fn shown(score: Option<&Score>, window: Window) -> (Option<f32>, QaScoreBasis) {
    let open = |time: i64, open: i64| (time != open).then(|| instant(time));
    let basis = QaScoreBasis {
        scorecard_count: score.map_or(0, |score| i32::try_from(score.n).unwrap_or(i32::MAX)),
        method: score.map_or(Method::Unspecified, |score| score.method) as i32,
        start_time: open(window.start, i64::MIN),
        end_time: open(window.end, i64::MAX),
    };
    (score.map(|score| exact::rounded_f32(&score.mean)), basis)
}

/// The window between two instants of a request, of which either may be left open.
pub(super) fn window(start: Option<&Timestamp>, end: Option<&Timestamp>) -> Window {
    Window {
        start: start.map_or(i64::MIN, |start| micros(Some(start))),
        end: end.map_or(i64::MAX, |end| micros(Some(end))),
    }
}

/// Scores asked for one after another, in one call: what one of them read the next need not read again.
pub(super) struct Asking<'a> {
    scores: Scores<'a>,
    weights: Weights,
    totals: HashMap<(String, Window), Arc<Totals>>,
    nodes: HashMap<(String, String, Window), Arc<Nodes>>,
    only: BTreeSet<u64>,
}

impl<'a> Asking<'a> {
    /// Nothing was read yet.
    pub(super) fn new(ctx: &'a Ctx) -> Self {
        Self {
            scores: Scores::of(ctx),
            weights: Weights::default(),
            totals: HashMap::new(),
            nodes: HashMap::new(),
            only: BTreeSet::new(),
        }
    }

    /// Says which chapters and criteria, by their ids, will be asked for, and keeps nothing but what templates weigh.
    pub(super) fn about<'n>(&mut self, nodes: impl Iterator<Item = &'n str>) {
        self.totals.clear();
        self.nodes.clear();
        self.only = nodes.map(cells::node_number).collect();
    }

    /// What the scorecards of an agent, by id, come to; the templates' weights are learnt beside it.
    pub(super) async fn totals(&mut self, agent: &str, window: Window) -> Result<Arc<Totals>> {
        let key = (agent.to_owned(), window);
        if let Some(totals) = self.totals.get(&key) {
            return Ok(totals.clone());
        }
        let totals = Arc::new(self.scores.totals(agent, window).await?);
        self.weights.learn(self.scores, totals.keys().map(|(template, _)| template.as_str())).await?;
        self.totals.insert(key, totals.clone());
        Ok(totals)
    }

    /// The QA score of an agent over all templates meant that count.
    pub(super) async fn score(&mut self, agent: &str, meant: Meant<'_>, window: Window) -> Result<Option<Score>> {
        let totals = self.totals(agent, window).await?;
        Ok(scores::mean(parts(&totals, meant, &self.weights)))
    }

    /// What a template, by its name, or a chapter or criterion of it comes to, one that was said to be asked for; nothing where
    /// the template does not count.
    pub(super) async fn part(&mut self, agent: &str, part: Part<'_>, window: Window) -> Result<Sum> {
        debug_assert!(self.only.contains(&cells::node_number(part.node)), "{:?} comes as a surprise", part.node);
        let id = last_segment(part.template);
        self.weights.learn(self.scores, std::iter::once(id)).await?;
        if self.weights.of(id).is_none() || window.is_empty() {
            return Ok(Sum::default());
        }
        let key = (agent.to_owned(), id.to_owned(), window);
        let nodes = match self.nodes.get(&key) {
            Some(nodes) => nodes.clone(),
            None => {
                let nodes = Arc::new(self.scores.nodes(agent, id, window, Some(&self.only)).await?);
                self.nodes.insert(key, nodes.clone());
                nodes
            }
        };
        Ok(node(&nodes, part.node, Meant { templates: &[], usecases: part.usecases }))
    }
}

/// One thing that has a score.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// The template's name, without a revision.
    pub(super) template: &'a str,
    /// Id of a chapter or criterion; empty for the whole template.
    pub(super) node: &'a str,
    /// Only scorecards of these usecases; empty for any.
    pub(super) usecases: &'a [String],
}
