//! A writer owns its resources, so that it knows what each of them must be: what was acknowledged last, or what the one
//! call in flight at the kill would have made of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cards::Cards;
use super::client::Client;
use super::coaching::Coaching;
use super::dice::Dice;
use super::directory::Directory;
use super::targets::Targets;
use super::templates::Template;

pub(crate) struct Writer {
    pub(crate) number: usize,
    pub(crate) acknowledged: u64,
    pub(crate) template: Template,
    pub(crate) cards: Cards,
    pub(crate) targets: Targets,
    pub(crate) coaching: Coaching,
    pub(crate) directory: Directory,
    dice: Dice,
}

impl Writer {
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        Self {
            number,
            acknowledged: 0,
            template: Template::new(number),
            cards: Cards::new(number),
            targets: Targets::new(number),
            coaching: Coaching::new(number),
            directory: Directory::new(number),
            dice: Dice::new(seed),
        }
    }

    /// Makes one call after another until the connection breaks, which only the kill may do.
    pub(crate) async fn write_until_cut_off(&mut self, mut client: Client, killed: &AtomicBool) {
        while self.write(&mut client).await {
            self.acknowledged += 1;
        }
        assert!(killed.load(Ordering::SeqCst), "writer {} was cut off before the server was killed", self.number);
    }

    /// Makes one call; false where no answer came.
    async fn write(&mut self, client: &mut Client) -> bool {
        let dice = &mut self.dice;
        if !self.template.exists() {
            return self.template.make(client).await;
        }
        match dice.below(15) {
            0 => self.template.change(client, dice).await,
            1..=3 => self.targets.change(client, dice, self.template.name()).await,
            4..=7 => self.coaching.change(client, dice, self.template.name()).await,
            8 => self.directory.change(client, dice).await,
            _ => self.cards.change(client, dice, self.template.name()).await,
        }
    }

    /// Compares what is stored with what must be. Answers what came of the call in flight, if there was one: whether it
    /// took effect.
    pub(crate) async fn check(&mut self, mut client: Client) -> Option<bool> {
        let came_of = [
            self.template.check(&mut client).await,
            self.targets.check(&mut client, self.template.name()).await,
            self.cards.check(&mut client).await,
            self.coaching.check(&mut client).await,
            self.directory.check(&mut client).await,
        ];
        let mut came_of = came_of.into_iter().flatten();
        let first = came_of.next();
        assert!(came_of.next().is_none(), "writer {} had two calls in flight", self.number);
        first
    }
}
