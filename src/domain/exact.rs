//! Exact numbers: a score is a fraction of whole numbers until it is shown.
//!
//! A float that came over the wire means the shortest decimal that reads back as it: 0.1 is 1/10, not the binary number
//! beside it. NaN and infinities mean nothing and are refused. Rounding happens once, at the edge, half away from zero
//! to 4 decimals ([`rounded`]); comparisons such as pass or fail use the exact value.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

/// An exact number in lowest terms.
pub type Exact = BigRational;

/// Largest weight, number of points or bound that a template may hold. With [`MAX_DECIMALS`] it keeps the whole numbers
/// behind a score within a few dozen bits a criterion, whatever a template says.
pub const MAX_AMOUNT: i64 = 1_000_000;

/// Most decimals of a weight, a number of points or a bound.
pub const MAX_DECIMALS: u32 = 6;

/// Longest text that [`from_text`] reads.
const MAX_TEXT: usize = 40;

/// A whole number.
pub fn whole(number: i64) -> Exact {
    Exact::from_integer(BigInt::from(number))
}

/// The shortest decimal that reads back as this number; `None` for NaN and the infinities.
pub fn from_f64(value: f64) -> Option<Exact> {
    if value.is_finite() { from_scientific(&format!("{value:e}")) } else { None }
}

/// The shortest decimal that reads back as this number as a 32-bit float; `None` for NaN and the infinities.
pub fn from_f32(value: f32) -> Option<Exact> {
    if value.is_finite() { from_scientific(&format!("{value:e}")) } else { None }
}

/// A plain decimal such as `-2.50`; `None` for anything else, exponents and signs of plus included.
pub fn from_text(text: &str) -> Option<Exact> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let number: BigInt = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let size = Exact::new(number, power_of_ten(places));
    Some(if digits.len() == text.len() { size } else { -size })
}

/// A weight or a number of points: from 0 to [`MAX_AMOUNT`] with at most [`MAX_DECIMALS`] decimals. The error says what
/// is wrong with any other.
pub fn amount(value: f64) -> Result<Exact, &'static str> {
    match bounded(value)? {
        number if number.is_negative() => Err("is below 0"),
        number => Ok(number),
    }
}

/// A bound of an answer: from −[`MAX_AMOUNT`] to [`MAX_AMOUNT`] with at most [`MAX_DECIMALS`] decimals. The error says
/// what is wrong with any other.
pub fn bounded(value: f64) -> Result<Exact, &'static str> {
    within(from_f64(value))
}

/// As [`bounded`], for a number that travels as a 32-bit float.
pub fn bounded_f32(value: f32) -> Result<Exact, &'static str> {
    within(from_f32(value))
}

fn within(number: Option<Exact>) -> Result<Exact, &'static str> {
    let number = number.ok_or("is not a finite number")?;
    if number.abs() > whole(MAX_AMOUNT) {
        return Err("is beyond 1,000,000");
    }
    if !(&number * power_of_ten(MAX_DECIMALS)).is_integer() {
        return Err("has more than 6 decimals");
    }
    Ok(number)
}

/// Rounded half away from zero to 4 decimals: the only way out of exact numbers into floats.
pub fn rounded(number: &Exact) -> f64 {
    let twice = number.numer().abs() * 20_000u32 + number.denom();
    let tenthousandths: BigInt = twice / (number.denom() * 2u32);
    // Below 2^53 both whole numbers are exact floats, so the quotient is the float nearest to the decimal. Larger totals
    // need millions of bonus weight on a sliver of scored weight, and there the fifth digit is noise already.
    let size = tenthousandths.to_f64().unwrap_or(f64::MAX) / 10_000.0;
    if number.is_negative() && !size.is_zero() { -size } else { size }
}

/// As [`rounded`], as the 32-bit float nearest to those 4 decimals.
pub fn rounded_f32(number: &Exact) -> f32 {
    rounded(number) as f32
}

/// The number in billionths, cut towards zero: for ordering, where 4 decimals would make equals of what is not. Numbers
/// too large for that are the largest there is.
pub fn billionths(number: &Exact) -> i64 {
    let cut = (number * whole(1_000_000_000)).to_integer();
    cut.to_i64().unwrap_or(if cut.is_negative() { i64::MIN } else { i64::MAX })
}

/// The number in lowest terms: `200/3`, `-1/2`, `40`.
pub fn text(number: &Exact) -> String {
    number.to_string()
}

/// The number as a decimal, for messages: exact up to [`MAX_DECIMALS`] decimals, cut after them.
pub fn decimal(number: &Exact) -> String {
    let millionths = (number * power_of_ten(MAX_DECIMALS)).to_integer();
    let digits = format!("{:0>7}", millionths.magnitude().to_string());
    let (whole, fraction) = digits.split_at(digits.len() - MAX_DECIMALS as usize);
    let shown = format!("{whole}.{fraction}");
    let sign = if millionths.is_negative() { "-" } else { "" };
    format!("{sign}{}", shown.trim_end_matches('0').trim_end_matches('.'))
}

/// The mean of so many values in billionths, whose sum this is; none of no values.
pub fn mean(sum: i64, count: i64) -> Option<Exact> {
    (count > 0).then(|| Exact::new(sum.into(), count.into()) / whole(1_000_000_000))
}

/// The sum, added up in halves: fractions with many different denominators grow with every addition, and a running sum
/// would carry the largest one through all of them.
pub fn sum<'a>(terms: impl IntoIterator<Item = &'a Exact>) -> Exact {
    fn halves(terms: &[&Exact]) -> Exact {
        match terms {
            [] => Exact::zero(),
            [one] => (*one).clone(),
            [one, other] => *one + *other,
            _ => {
                let (left, right) = terms.split_at(terms.len() / 2);
                halves(left) + halves(right)
            }
        }
    }
    let terms: Vec<&Exact> = terms.into_iter().filter(|term| !term.is_zero()).collect();
    halves(&terms)
}

/// Reads what `{:e}` writes: digits with at most one point, then `e` and a power of ten.
fn from_scientific(text: &str) -> Option<Exact> {
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    let shift = exponent - i32::try_from(fraction.len()).ok()?;
    let digits = BigInt::from(digits);
    Some(if shift >= 0 {
        Exact::from_integer(digits * power_of_ten(shift.unsigned_abs()))
    } else {
        Exact::new(digits, power_of_ten(shift.unsigned_abs()))
    })
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10u32).pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(numer: i64, denom: i64) -> Exact {
        Exact::new(numer.into(), denom.into())
    }

    #[test]
    fn a_float_means_its_shortest_decimal() {
        assert_eq!(from_f64(0.1), Some(ratio(1, 10)));
        assert_eq!(from_f32(0.1), Some(ratio(1, 10)));
        assert_eq!(from_f64(-2.5), Some(ratio(-5, 2)));
        assert_eq!(from_f64(1e21), Some(Exact::from_integer(BigInt::from(10u32).pow(21))));
        assert_eq!(from_f64(-0.0), Some(Exact::zero()));
        assert_eq!(from_f32(16_777_216.0), Some(whole(16_777_216)));
    }

    #[test]
    fn nan_and_infinities_are_no_numbers() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(from_f64(value), None);
            assert_eq!(from_f32(value as f32), None);
            assert_eq!(amount(value), Err("is not a finite number"));
        }
    }

    #[test]
    fn amounts_are_bounded_in_size_sign_and_decimals() {
        assert_eq!(amount(1_000_000.0), Ok(whole(MAX_AMOUNT)));
        assert_eq!(amount(0.000_001), Ok(ratio(1, 1_000_000)));
        assert_eq!(amount(0.000_000_1), Err("has more than 6 decimals"));
        assert_eq!(amount(1_000_000.5), Err("is beyond 1,000,000"));
        assert_eq!(amount(-1.0), Err("is below 0"));
        assert_eq!(bounded(-1.0), Ok(whole(-1)));
        assert_eq!(bounded_f32(0.3), Ok(ratio(3, 10)));
    }

    #[test]
    fn only_plain_decimals_are_read_from_text() {
        assert_eq!(from_text("-2.50"), Some(ratio(-5, 2)));
        assert_eq!(from_text("007"), Some(whole(7)));
        for text in ["", "-", ".", "1.", ".5", "+1", "1e3", "1 ", "--1", "1.2.3", "nan", "٣", &"1".repeat(41)] {
            assert_eq!(from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn rounding_is_half_away_from_zero_to_four_decimals() {
        assert_eq!(rounded(&ratio(200, 3)), 66.6667);
        assert_eq!(rounded(&ratio(1, 20_000)), 0.0001);
        assert_eq!(rounded(&ratio(-1, 20_000)), -0.0001);
        assert_eq!(rounded(&ratio(1, 20_001)), 0.0);
        assert!(rounded(&ratio(-1, 20_001)).is_sign_positive(), "no negative zero");
        assert_eq!(rounded_f32(&ratio(100, 3)), 33.3333);
    }

    #[test]
    fn exact_text_is_in_lowest_terms() {
        assert_eq!(text(&ratio(400, 6)), "200/3");
        assert_eq!(text(&ratio(-2, 4)), "-1/2");
        assert_eq!(text(&ratio(40, 1)), "40");
    }

    #[test]
    fn decimals_in_messages_are_plain() {
        for (number, shown) in
            [(ratio(0, 1), "0"), (ratio(100, 1), "100"), (ratio(-5, 2), "-2.5"), (ratio(1, 1_000_000), "0.000001")]
        {
            assert_eq!(decimal(&number), shown);
        }
    }

    proptest! {
        #[test]
        fn a_decimal_survives_the_way_through_a_float(thousandths in -999_999_999i64..=999_999_999) {
            let number = ratio(thousandths, 1_000);
            prop_assert_eq!(from_f64(thousandths as f64 / 1_000.0), Some(number));
        }

        #[test]
        fn rounding_moves_a_number_by_at_most_half_of_the_last_decimal(numer in -1_000_000i64..=1_000_000, denom in 1i64..100_000) {
            let number = ratio(numer, denom);
            let back = from_f64(rounded(&number)).unwrap();
            prop_assert!((&back - &number).abs() <= ratio(1, 20_000));
            prop_assert!((back * whole(10_000)).is_integer());
        }

        #[test]
        fn the_sum_in_halves_is_the_running_sum(terms in prop::collection::vec((-50i64..50, 1i64..50), 0..40)) {
            let terms: Vec<Exact> = terms.into_iter().map(|(n, d)| ratio(n, d)).collect();
            let running = terms.iter().fold(Exact::zero(), |total, term| total + term);
            prop_assert_eq!(sum(&terms), running);
        }
    }
}
