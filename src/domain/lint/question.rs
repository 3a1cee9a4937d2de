//! Faults of one question's kind of answer.

use std::collections::HashSet;

use num_traits::{One, Signed, Zero};

use super::{MAX_NAME, MAX_PARTS};
use crate::domain::Faults;
use crate::domain::exact::{self, Exact};
use crate::domain::form::Kind;
use crate::pb::cresta::v1::coaching as pb;
use crate::pb::cresta::v1::coaching::criterion::Type;

/// Longest text that a template may ask for.
const MAX_TEXT: i32 = 100_000;

/// Digits that a 32-bit float carries exactly: a decimal of up to 7 digits reads back as itself.
const DIGITS: i64 = 10_000_000;

/// Complains about the kind of answer; `at` is the path of the criterion.
pub(super) fn question(criterion: &pb::Criterion, at: &str, faults: &mut Faults) {
    let Some(kind) = &criterion.r#type else {
        return faults.add(at, "needs a type: one of options, multiOptions, range, yesNo, text and date");
    };
    let before = faults.0.len();
    let path = match kind {
        Type::Options(given) => {
            let path = format!("{at}.options");
            options(given, &path, faults);
            if given.max_points.is_some() {
                faults.add(format!("{path}.maxPoints"), "is for several answers; leave it unset");
            }
            path
        }
        Type::MultiOptions(given) => {
            let path = format!("{at}.multiOptions");
            options(given, &path, faults);
            max_points(given, &path, faults);
            path
        }
        Type::Range(given) => {
            let path = format!("{at}.range");
            range(given, &path, faults);
            path
        }
        Type::YesNo(given) => {
            let path = format!("{at}.yesNo");
            number(given.points.map(exact::amount), format!("{path}.points"), faults);
            path
        }
        Type::Text(given) => {
            let path = format!("{at}.text");
            if !(0..=MAX_TEXT).contains(&given.max_length) {
                faults.add(format!("{path}.maxLength"), format!("is not from 0 to {MAX_TEXT}"));
            }
            return;
        }
        Type::Date(_) => return,
    };
    if faults.0.len() == before {
        earns_something(criterion, kind, path, faults);
    }
}

/// A question whose answers earn nothing cannot be scored. That is meant where its weight is 0, where it is there to fail
/// automatically, and for a bonus, which takes nothing from anybody.
fn earns_something(criterion: &pb::Criterion, kind: &Type, path: String, faults: &mut Faults) {
    let Ok(kind) = Kind::compile(kind) else { return };
    let meant = criterion.weight == Some(0.0) || kind.can_fail() || criterion.bonus;
    if kind.possible().is_zero() && !meant {
        faults.add(path, "no answer earns points; give some, or weight 0 to a question that only informs");
    }
}

fn options(given: &pb::OptionsType, at: &str, faults: &mut Faults) {
    let options = &given.options;
    if options.len() > MAX_PARTS {
        return faults.add(format!("{at}.options"), format!("holds more than {MAX_PARTS} options"));
    }
    if options.iter().all(|option| option.not_applicable) {
        faults.add(format!("{at}.options"), "needs at least one applicable option");
    }
    let mut seen = HashSet::new();
    for (i, option) in options.iter().enumerate() {
        let at = format!("{at}.options[{i}]");
        match exact::bounded_f32(option.value) {
            Err(why) => faults.add(format!("{at}.value"), why),
            Ok(value) if !seen.insert(value.clone()) => {
                faults.add(format!("{at}.value"), format!("{} is the value of another option too", option.value));
            }
            Ok(_) => {}
        }
        faults.length(format!("{at}.label"), &option.label, MAX_NAME);
        match exact::amount(option.points) {
            Err(why) => faults.add(format!("{at}.points"), why),
            Ok(points) if option.not_applicable && !points.is_zero() => {
                faults.add(format!("{at}.points"), "what is not applicable earns nothing; leave it at 0");
            }
            Ok(_) => {}
        }
        if option.not_applicable && option.auto_fail {
            faults.add(format!("{at}.autoFail"), "what is not applicable cannot fail");
        }
    }
}

fn max_points(given: &pb::OptionsType, at: &str, faults: &mut Faults) {
    let Some(most) = given.max_points else { return };
    let at = format!("{at}.maxPoints");
    let all: Option<Vec<Exact>> = given.options.iter().map(|option| exact::from_f64(option.points)).collect();
    match exact::amount(most) {
        Err(why) => faults.add(at, why),
        Ok(most) if most.is_zero() => faults.add(at, "is 0; leave it unset for the sum of all points"),
        Ok(most) if all.is_some_and(|all| most > exact::sum(&all)) => {
            faults.add(at, "is above the sum of all points, so full marks cannot be reached");
        }
        Ok(_) => {}
    }
}

fn range(given: &pb::RangeType, at: &str, faults: &mut Faults) {
    let min = number(Some(exact::bounded(given.min)), format!("{at}.min"), faults);
    let max = number(Some(exact::bounded(given.max)), format!("{at}.max"), faults);
    let step = number(Some(exact::amount(given.step)), format!("{at}.step"), faults);
    let (Some(min), Some(max), Some(step)) = (min, max, step) else { return };
    if max <= min {
        return faults.add(format!("{at}.max"), "is not above min");
    }
    if !step.is_zero() {
        if !((&max - &min) / &step).is_integer() {
            return faults.add(format!("{at}.step"), "does not lead from min to max in whole steps");
        }
        let unit = unit(&min).min(unit(&step));
        if min.abs().max(max.abs()) / unit >= exact::whole(DIGITS) {
            faults.add(format!("{at}.step"), "is too fine: answers would need more than 7 digits");
        }
    }
    if given.ranges.len() > MAX_PARTS {
        return faults.add(format!("{at}.ranges"), format!("holds more than {MAX_PARTS} bands"));
    }
    let before = faults.0.len();
    let mut bands = Vec::new();
    for (i, band) in given.ranges.iter().enumerate() {
        let at = format!("{at}.ranges[{i}]");
        let low = number(Some(exact::bounded(band.min)), format!("{at}.min"), faults);
        let high = number(Some(exact::bounded(band.max)), format!("{at}.max"), faults);
        number(Some(exact::amount(band.points)), format!("{at}.points"), faults);
        let (Some(low), Some(high)) = (low, high) else { continue };
        if high < low {
            faults.add(format!("{at}.max"), "is below min");
        } else if high < min || low > max {
            faults.add(at, "lies outside the range");
        }
        bands.push((low, high));
    }
    // What is between bands can be told only where each of them is good.
    let good = !bands.is_empty() && faults.0.len() == before;
    if let Some(gap) = good.then(|| gap(bands, &min, &max, &step)).flatten() {
        faults.add(format!("{at}.ranges"), gap);
    }
}

/// The smallest decimal unit that a number is made of: 0.01 for 2.75.
fn unit(number: &Exact) -> Exact {
    let ten = exact::whole(10);
    let mut unit = Exact::one();
    // Bounded, since amounts have at most six decimals.
    while !(number / &unit).is_integer() {
        unit /= &ten;
    }
    unit
}

/// Where the bands leave an allowed value out.
fn gap(mut bands: Vec<(Exact, Exact)>, min: &Exact, max: &Exact, step: &Exact) -> Option<String> {
    bands.sort();
    let shown = exact::decimal;
    if step.is_zero() {
        // Any number is allowed, so each band must begin where an earlier one still holds.
        let mut held = None;
        for (low, high) in bands {
            let reached = held.as_ref().unwrap_or(min);
            if low > *reached {
                return Some(format!("no band holds the values from {} to {}", shown(reached), shown(&low)));
            }
            held = Some(held.map_or(high.clone(), |held: Exact| held.max(high)));
        }
        return held.filter(|held| held < max).map(|held| format!("no band holds the values above {}", shown(&held)));
    }
    let mut next = min.clone();
    for (low, high) in bands {
        if low > next {
            break;
        }
        if high >= next {
            let steps = ((high - min) / step).floor() + exact::whole(1);
            next = min + steps * step;
        }
    }
    (next <= *max).then(|| format!("no band holds the value {}", shown(&next)))
}

fn number(given: Option<Result<Exact, &'static str>>, field: String, faults: &mut Faults) -> Option<Exact> {
    match given? {
        Ok(number) => Some(number),
        Err(why) => {
            faults.add(field, why);
            None
        }
    }
}
