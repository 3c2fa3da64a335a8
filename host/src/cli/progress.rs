//! How far a long command is: a bar for each part of the work, on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

#[derive(Default)]
pub struct Progress(Option<(String, ProgressBar)>);

impl Progress {
    /// `total` may be zero if it is not known.
    pub fn tell(&mut self, part: &str, done: u64, total: u64) {
        if self.0.as_ref().is_none_or(|(known, _)| known != part) {
            self.end();
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg:<12} {bar:40} {percent:>3} %  {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(part.to_owned());
            self.0 = Some((part.to_owned(), bar));
        }
        let Some((_, bar)) = &self.0 else { return };
        bar.set_length(total.max(done));
        bar.set_position(done);
    }

    pub fn end(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
