//! What was typed, for lines that say what to type next.

use relman_core::unit::ReleaseId;

use crate::cli::Global;

/// The options of a command line, which the next one needs as well.
pub(super) struct Typed<'a> {
    pub(super) global: &'a Global,
}

impl Typed<'_> {
    /// The command line that takes a release back, here and now.
    pub(super) fn back_now(&self, release: &ReleaseId) -> String {
        let actor = self.global.actor.is_none().then_some("user:NAME");
        self.line(actor, &format!("rollback {release} --reason \"…\" --now"))
    }

    /// A command line with the journal, the configuration and the actor of this one, unless another is to act.
    pub(super) fn line(&self, actor: Option<&str>, command: &str) -> String {
        let mut line = "deploy-tool".to_owned();
        let actor =
            actor.map(ToOwned::to_owned).or_else(|| self.global.actor.as_ref().map(ToString::to_string));
        let journal = self.global.journal.as_ref().map(|path| path.display().to_string());
        let config = self.global.config.as_ref().map(|path| path.display().to_string());
        for (flag, value) in [(" --journal", journal), (" --config", config), (" --as", actor)] {
            if let Some(value) = value {
                line.push_str(flag);
                push(&mut line, &value);
            }
        }
        format!("{line} {command}")
    }
}

/// Adds a word to a command line.
pub(super) fn push(line: &mut String, word: &str) {
    line.push(' ');
    // It was a word of a command line, and so has no zero byte, which alone can't be quoted.
    line.push_str(&shlex::try_quote(word).unwrap_or(word.into()));
}
