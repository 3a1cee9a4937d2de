//! Who works in the demo's contact centres, and the dice that decide how well.

/// SplitMix64: the same numbers from the same seed, on every machine and for ever.
pub(super) struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to this, not included.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % (end.max(1) as u64)).unwrap_or_default()
    }

    /// True in this share of the cases, from 0 to 1.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.fraction() < share
    }

    /// From 0 up to 1, not included.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Forty agents, as ids.
pub(super) const AGENTS: [&str; 40] = [
    "ana-ruiz",
    "ben-okafor",
    "chloe-martin",
    "daniel-kim",
    "elif-demir",
    "farid-haddad",
    "grace-owusu",
    "hugo-silva",
    "ines-costa",
    "jonas-weber",
    "kavya-nair",
    "liam-byrne",
    "mei-tanaka",
    "noah-fischer",
    "olga-petrova",
    "paul-dubois",
    "quinn-harris",
    "rosa-moreno",
    "samir-patel",
    "tara-singh",
    "uma-reddy",
    "victor-lund",
    "wanda-nowak",
    "xiao-chen",
    "yusuf-ali",
    "zoe-papadaki",
    "amir-rahimi",
    "bella-rossi",
    "carl-jensen",
    "dina-cohen",
    "emil-novak",
    "fatou-diop",
    "gus-larsen",
    "hana-sato",
    "ivan-horvat",
    "julia-mendes",
    "kofi-mensah",
    "lena-vogel",
    "marco-ricci",
    "nina-berg",
];

/// Those who grade, as ids.
pub(super) const GRADERS: [&str; 4] = ["greta-qa", "hiro-qa", "isla-qa", "jamal-qa"];

/// What graders write.
pub(super) const REMARKS: [&str; 8] = [
    "Good pace, and the caller felt heard.",
    "Skipped the recap; the caller had to ask what happens next.",
    "Strong product knowledge. Work on the closing.",
    "Verification came too late in the call.",
    "Warm tone throughout.",
    "Found the right article at once.",
    "Too many holds for a simple change.",
    "Clear next steps, well done.",
];

/// What agents answer.
pub(super) const REPLIES: [&str; 4] = [
    "Thanks, I will do the recap first.",
    "Agreed.",
    "The system was slow that day, but I see the point.",
    "Thank you!",
];
