//! Attacks with their settings.

use super::Planner;
use crate::{AuditTask, Result, Task, text::AttackText};
use visard_audit::Access;

impl Planner<'_> {
    /// The task that an entry asks for.
    pub(super) fn audit(&self, text: &AttackText) -> Result<Task> {
        if text.kind.get_ref() != "audit" {
            let problem = format!(
                "no kind of attack is called {:?}; there is \"audit\"",
                text.kind.get_ref()
            );
            return Err(self.source.fail(text.kind.span().start, problem));
        }
        let images = text.images.as_ref().map_or(200, |images| *images.get_ref());
        if let Some(given) = text.images.as_ref().filter(|_| images < 16) {
            return Err(self
                .source
                .fail(given.span().start, "an audit takes 16 images at least"));
        }
        let seconds = text.seconds.as_ref().map_or(120.0, |seconds| *seconds.get_ref());
        if let Some(given) = text
            .seconds
            .as_ref()
            .filter(|_| !(seconds > 0.0 && seconds <= 1e7))
        {
            return Err(self
                .source
                .fail(given.span().start, "must be a number above 0, in seconds"));
        }
        let mut levels = match &text.levels {
            None => Access::IMAGES.to_vec(),
            Some(levels) if levels.get_ref().is_empty() => {
                let problem = "levels is empty: leave it out for all, or write some of \"1\", \"1+public\", \"2\", \"3\"";
                return Err(self.source.fail(levels.span().start, problem));
            }
            Some(levels) => levels.get_ref().clone(),
        };
        levels.sort_unstable();
        levels.dedup();
        let mut pairs = text.pairs.clone().unwrap_or_else(|| vec![1, 5, 20]);
        pairs.retain(|count| *count > 0);
        pairs.sort_unstable();
        pairs.dedup();
        Ok(Task::Audit(AuditTask {
            images,
            public: text.public.unwrap_or(1000),
            pairs,
            levels,
            seconds,
            memory: text.memory.unwrap_or(2 << 30),
        }))
    }
}
