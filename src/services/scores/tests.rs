//! The sums held against a count over all scorecards, after thousands of random changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::pb::cresta::v1::coaching::{ChapterScore, QaScoreConfig, Score as Answer};
use crate::services::RECORDS;
use crate::store::memory::MemoryEngine;
use crate::store::{Origin, Record as _, verify};

const CUSTOMER: &str = "acme";
const PROFILE: &str = "main";
const DAY: i64 = Size::Day.micros();
/// Noon of 2026-03-02.
const NOON: i64 = 1_772_452_800_000_000;

/// SplitMix64: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    /// An instant of some four hundred days, often one where periods meet.
    fn instant(&mut self) -> i64 {
        let days = self.pick(&[40, 400]);
        let at = NOON + (self.roll((days * DAY) as usize) as i64 - days / 2 * DAY);
        let size = self.pick(&[Size::Quarter, Size::Week, Size::Day, Size::Hour]);
        match self.roll(4) {
            0 => size.of(at) * size.micros(),
            1 => size.of(at) * size.micros() - 1,
            _ => at,
        }
    }

    fn window(&mut self) -> Window {
        let (a, b) = (self.instant(), self.instant());
        let (start, end) = (a.min(b), a.max(b));
        match self.roll(8) {
            0 => Window { start: i64::MIN, end },
            1 => Window { start, end: i64::MAX },
            2 => Window { start, end: start + 1 + self.roll(2 * DAY as usize) as i64 },
            _ => Window { start, end },
        }
    }
}

fn full(kind: &str, id: &str) -> String {
    format!("customers/{CUSTOMER}/profiles/{PROFILE}/{kind}/{id}")
}

const AGENTS: [&str; 3] = ["amir", "amir2", "bea"];
const TEMPLATES: [&str; 3] = ["qa", "qa2", "office"];
const USECASES: [&str; 3] = ["", "sales", "support"];
const NODES: [&str; 5] = ["c1", "c2", "q1", "q2", "q3"];

/// A scorecard in any state that it could come to be in, one of a form that its revision says.
fn card(dice: &mut Dice, number: usize) -> Scorecard {
    let revision = dice.pick(&["00000001", "00000002"]);
    let usecase = dice.pick(&USECASES);
    let scored = dice.roll(8) > 0;
    let nodes = if revision == "00000001" { &NODES[..4] } else { &NODES[1..] };
    let percentage = |dice: &mut Dice| (dice.roll(1_000_001) as f64 / 10_000.0) as f32;
    let (mut chapter_scores, mut scores) = (Vec::new(), Vec::new());
    for id in nodes {
        let value = percentage(dice);
        let some = dice.roll(5) > 0;
        if id.starts_with('c') {
            let percentage = if some { value } else { -1.0 };
            chapter_scores.push(ChapterScore { chapter_id: (*id).into(), percentage, ..Default::default() });
        } else {
            scores.push(Answer { criterion_id: (*id).into(), percentage: some.then_some(value), ..Default::default() });
        }
    }
    Scorecard {
        name: full("scorecards", &format!("card-{number}")),
        agent_user_name: format!("customers/{CUSTOMER}/users/{}", dice.pick(&AGENTS)),
        template_name: format!("{}@{revision}", full("scorecardTemplates", dice.pick(&TEMPLATES))),
        usecase_name: if usecase.is_empty() { String::new() } else { full("usecases", usecase) },
        scorecard_type: dice.pick(&[
            ScorecardType::Conversation,
            ScorecardType::Process,
            ScorecardType::Conversation,
            ScorecardType::Calibration,
            ScorecardType::Appeal,
        ]) as i32,
        submit_time: (dice.roll(5) > 0).then(|| instant(dice.instant())),
        total_score_billionths: scored.then(|| if dice.roll(9) == 0 { 0 } else { dice.roll(100_000_000_001) as i64 }),
        chapter_scores,
        scores,
        ..Default::default()
    }
}

fn micros_of(card: &Scorecard) -> i64 {
    micros(card.submit_time.as_ref())
}

/// What counts of all scorecards, one after another.
fn counting<'a>(cards: &'a [Scorecard], agent: &'a str, window: Window) -> impl Iterator<Item = &'a Scorecard> {
    cards.iter().filter(move |card| {
        card.submit_time.is_some()
            && counts(card)
            && window.holds(micros_of(card))
            && (agent == EVERYBODY || last_segment(&card.agent_user_name) == agent)
    })
}

fn naive_totals(cards: &[Scorecard], agent: &str, window: Window) -> Totals {
    let mut totals = Totals::new();
    for card in counting(cards, agent, window) {
        let template = last_segment(without_revision(&card.template_name)).to_owned();
        let came = totals.entry((template, last_segment(&card.usecase_name).to_owned())).or_default();
        came.count += 1;
        if let Some(total) = card.total_score_billionths {
            came.total = came.total.and(Sum { n: 1, sum: total });
        }
    }
    totals
}

fn naive_node(cards: &[Scorecard], agent: &str, window: Window, template: &str, id: &str, usecases: &[String]) -> Sum {
    let mut sum = Sum::default();
    for card in counting(cards, agent, window) {
        let wanted = last_segment(without_revision(&card.template_name)) == template
            && (usecases.is_empty() || usecases.contains(&card.usecase_name))
            && card.total_score_billionths.is_some();
        let chapter = card.chapter_scores.iter().find(|chapter| chapter.chapter_id == id && chapter.percentage >= 0.0);
        let answer = card.scores.iter().find(|score| score.criterion_id == id).and_then(|score| score.percentage);
        if id.is_empty() && wanted {
            sum = sum.and(Sum { n: 1, sum: card.total_score_billionths.unwrap_or_default() });
        } else if let Some(percentage) = chapter.map(|chapter| chapter.percentage).or(answer).filter(|_| wanted) {
            let billionths = exact::billionths(&exact::from_f32(percentage).unwrap());
            sum = sum.and(Sum { n: 1, sum: billionths });
        }
    }
    sum
}

fn usecases(dice: &mut Dice) -> Vec<String> {
    let all = [full("usecases", "sales"), full("usecases", "support"), full("usecases", "none")];
    all.into_iter().filter(|_| dice.roll(2) == 0).collect()
}

#[tokio::test]
async fn every_window_comes_to_what_a_count_over_all_scorecards_comes_to() {
    let db = Db::new(Arc::new(MemoryEngine::new()));
    let mut dice = Dice(20_260_302);
    let mut stored: BTreeMap<String, Scorecard> = BTreeMap::new();
    for round in 0..200 {
        // Creates, edits, submissions, resets and deletions, twenty a commit: any state follows any other.
        let mut changes: BTreeMap<String, (Scorecard, bool)> = BTreeMap::new();
        for _ in 0..20 {
            let number = dice.roll(1_200);
            let made = card(&mut dice, number);
            let gone = dice.roll(5) == 0;
            changes.insert(made.name.clone(), (made, gone));
        }
        let written: Result<(), Fault> = db
            .write(&Origin::default(), |txn| {
                let changes = changes.clone();
                async move {
                    for (card, gone) in changes.values() {
                        if *gone {
                            txn.delete::<Scorecard>(&card.key()).await?;
                        } else {
                            txn.save(card).await?;
                        }
                    }
                    Ok(())
                }
            })
            .await;
        written.unwrap();
        for (name, (card, gone)) in changes {
            if gone {
                stored.remove(&name)
            } else {
                stored.insert(name, card)
            };
        }
        if round % 20 == 19 {
            compare(&db, &stored.values().cloned().collect::<Vec<_>>(), &mut dice).await;
        }
    }
    let report = verify(&**db.engine(), RECORDS).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

async fn compare(db: &Db, cards: &[Scorecard], dice: &mut Dice) {
    let scores = Scores { db, customer: CUSTOMER, profile: PROFILE };
    for _ in 0..60 {
        let (window, agent) = (dice.window(), dice.pick(&["", "amir", "amir2", "bea", "nobody"]));
        let totals = scores.totals(agent, window).await.unwrap();
        assert_eq!(nonzero(totals), naive_totals(cards, agent, window), "{agent:?} in {window:?}");
        let (template, id) = (dice.pick(&TEMPLATES), dice.pick(&["", "c1", "c2", "q1", "q2", "q3"]));
        let usecases = usecases(dice);
        let meant = Meant { templates: &[], usecases: &usecases };
        let only = [cells::node_number(id)].into();
        let only = (dice.roll(2) == 0).then_some(&only);
        let nodes = scores.nodes(agent, template, window, only).await.unwrap();
        let naive = naive_node(cards, agent, window, template, id, &usecases);
        assert_eq!(node(&nodes, id, meant), naive, "{id} of {template} by {agent:?} in {window:?}");
    }
}

fn nonzero(totals: Totals) -> Totals {
    totals.into_iter().filter(|(_, came)| *came != Came::default()).collect()
}

#[tokio::test]
async fn names_whose_hashes_collide_are_told_apart() {
    // FNV-1a in 32 bits gives these two names one hash; see the first assertion.
    let (one, other) = colliding();
    assert_eq!(hash(&full("usecases", &one)), hash(&full("usecases", &other)));
    let db = Db::new(Arc::new(MemoryEngine::new()));
    let mut dice = Dice(7);
    for (number, usecase) in [&one, &other, &other].into_iter().enumerate() {
        let mut card = card(&mut dice, number);
        card.scorecard_type = ScorecardType::Conversation as i32;
        card.template_name = format!("{}@00000001", full("scorecardTemplates", "qa"));
        card.agent_user_name = format!("customers/{CUSTOMER}/users/amir");
        card.usecase_name = full("usecases", usecase);
        card.submit_time = Some(instant(NOON + number as i64));
        card.total_score_billionths = Some(1);
        let saved: Result<(), Fault> = db
            .write(&Origin::default(), |txn| {
                let card = card.clone();
                async move { txn.save(&card).await }
            })
            .await;
        saved.unwrap();
    }
    let scores = Scores { db: &db, customer: CUSTOMER, profile: PROFILE };
    let totals = scores.totals("amir", Window { start: NOON, end: NOON + 3 }).await.unwrap();
    let counts: Vec<(&str, i64)> = totals.iter().map(|((_, usecase), came)| (usecase.as_str(), came.count)).collect();
    let mut expected = [(one.as_str(), 1), (other.as_str(), 2)];
    expected.sort_unstable();
    assert_eq!(counts, expected);
}

/// Two ids of usecases whose names have one hash, by trying.
fn colliding() -> (String, String) {
    let mut seen: HashMap<u32, String> = HashMap::new();
    for number in 0..4_000_000_u32 {
        let id = format!("{number:x}");
        if let Some(other) = seen.insert(hash(&full("usecases", &id)), id.clone()) {
            return (other, id);
        }
    }
    unreachable!("some hundred thousand names have a collision among them")
}

#[test]
fn templates_that_do_not_count_have_no_part() {
    let mut totals = Totals::new();
    let came = |n, sum| Came { count: n, total: Sum { n, sum } };
    totals.insert(("qa".into(), "sales".into()), came(1, 40_000_000_000));
    totals.insert(("office".into(), String::new()), came(1, 100_000_000_000));
    totals.insert(("pilot".into(), String::new()), came(1, 0));
    let weight = |weight| scores::weight(Some(QaScoreConfig { included: true, weight }));
    let weights: HashMap<String, Option<Exact>> =
        [("qa".into(), weight(None)), ("office".into(), weight(Some(3.0))), ("pilot".into(), None)].into();
    let weights = Weights(weights);
    let any = Meant { templates: &[], usecases: &[] };
    let score = scores::mean(parts(&totals, any, &weights)).unwrap();
    assert_eq!((score.mean, score.n, score.method), (exact::whole(85), 2, Method::WeightedMean));
    assert_eq!(count(&totals, any), 3);
    let (sales, office) = ([full("usecases", "sales")], [full("scorecardTemplates", "office")]);
    assert_eq!(scores::mean(parts(&totals, Meant { usecases: &sales, ..any }, &weights)).unwrap().n, 1);
    assert_eq!(count(&totals, Meant { templates: &office, usecases: &sales }), 0);
}
