//! The tags by which the jobs of a run tell each other what they do.
//!
//! They are `claim-<run>-<what>.<milliseconds>-<id>` for a claim, and `claim-<run>-<what>.<milliseconds>.built`, `.failed` or `.joined`
//! for a note. `<what>` is a fingerprint: of a repository and an input digest, or of a job.

use super::ended::How;
use crate::model::{Fingerprint, Tag, Timestamp};

/// What is claimed: what begins the tags that are about one project's image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject(String);

impl Subject {
    /// What the fingerprint stands for, in a run.
    pub(super) fn new(run: &str, what: Fingerprint) -> Self {
        Self(format!("{}{what}.", Tag::claims_of_run(run)))
    }

    /// What begins the tags.
    pub(super) fn prefix(&self) -> &str {
        &self.0
    }

    fn rest<'t>(&self, tag: &'t Tag) -> Option<&'t str> {
        tag.as_str().strip_prefix(&self.0)
    }

    pub(super) fn has_claim(&self, tag: &Tag) -> bool {
        self.rest(tag).is_some_and(|rest| !rest.contains('.'))
    }

    pub(super) fn has_end(&self, tag: &Tag) -> bool {
        self.rest(tag).is_some_and(|rest| rest.ends_with(".built") || rest.ends_with(".failed"))
    }

    /// Whether it is the note of a job that it has started.
    pub(super) fn has_start(&self, tag: &Tag) -> bool {
        self.rest(tag).is_some_and(|rest| rest.ends_with(".joined"))
    }

    pub(super) fn end_tag(&self, at: Timestamp, how: &How) -> Tag {
        self.note(
            at,
            match how {
                How::Built { .. } => "built",
                How::Failed(_) => "failed",
            },
        )
    }

    pub(super) fn start_tag(&self, at: Timestamp) -> Tag {
        self.note(at, "joined")
    }

    fn note(&self, at: Timestamp, name: &str) -> Tag {
        let name = format!("{}{:013}.{name}", self.0, at.as_millis());
        name.parse().expect("a run and a fingerprint leave room in a tag")
    }
}

/// What a tag is about: up to the dot behind the fingerprint, which is followed by the time.
pub(super) fn subject_of(tag: &Tag) -> Option<Subject> {
    let (at, _) = time_in(tag)?;
    Some(Subject(tag.as_str()[..at].to_owned()))
}

/// When what the tag stands for was written.
pub(super) fn written(tag: &Tag) -> Option<Timestamp> {
    Some(time_in(tag)?.1)
}

/// Where the time is in a tag, and which.
fn time_in(tag: &Tag) -> Option<(usize, Timestamp)> {
    const DIGITS: usize = 13;
    let text = tag.as_str();
    let text = [".built", ".failed", ".joined"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let at = text.starts_with("claim-").then(|| text.rfind('.'))?? + 1;
    let digits = text.get(at..at + DIGITS)?;
    let millis = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some((at, Timestamp::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::ClaimId;
    use crate::model::ManifestDigest;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn a_tag_tells_what_it_is_about_and_when_it_was_written() {
        let what = "a".repeat(64);
        let subject = Subject(format!("{}{what}.", Tag::claims_of_run("7-1")));
        let claim = tag(&format!("claim-7-1-{what}.1700000000000-00112233445566ff"));
        let end = subject
            .end_tag(Timestamp::from_millis(1_700_000_000_000), &How::Built { image: digest(), took: None });

        assert_eq!((subject_of(&claim), subject_of(&end)), (Some(subject.clone()), Some(subject.clone())));
        assert_eq!(written(&end), Some(Timestamp::from_millis(1_700_000_000_000)));
        assert!(subject.has_claim(&claim) && !subject.has_end(&claim));
        assert!(subject.has_end(&end) && !subject.has_claim(&end));
        for other in ["claim-7-1", "claim-7-1-a.17", "commit-aa.1700000000000-1", "claim-.x700000000000"] {
            assert_eq!(subject_of(&tag(other)), None, "{other}");
        }
    }

    #[test]
    fn the_longest_run_leaves_room_for_a_claim() {
        let run = "3f2a9c1b-77aa-4c2e-9b1d-0123456789ab".repeat(3);
        let prefix = format!("{}{}.", Tag::claims_of_run(&run), "a".repeat(64));

        let name = format!("{prefix}{:013}-{}", 1_700_000_000_000_u64, ClaimId::from_bits(u64::MAX));

        assert!(name.parse::<Tag>().is_ok(), "{} bytes", name.len());
    }

    fn digest() -> ManifestDigest {
        ManifestDigest::of(b"image")
    }
}
