//! Tags, after the OCI distribution specification (§ Pulling manifests), and the names of those that are written here.

use std::fmt;
use std::str::FromStr;

use super::image_error::{InvalidImageRef, invalid};
use super::{
    BranchName, CommitId, Fingerprint, InputDigest, ManifestDigest, Platform, ProjectName, StageName,
};

/// A tag: 1 to 128 of `A-Z a-z 0-9 _ . -`, the first not `.` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The image for these inputs; written last, never moved.
    pub fn cache(digest: &InputDigest) -> Self {
        Self(format!("cache-{digest}"))
    }

    /// How long the build of the image for these inputs took, where the build record did not say so at once.
    pub fn timing(digest: &InputDigest) -> Self {
        Self(format!("timing-{digest}"))
    }

    /// The tag of the image whose timing this is; `None` for any other tag.
    pub fn timed_image(&self) -> Option<Self> {
        let digest: InputDigest = self.0.strip_prefix("timing-")?.parse().ok()?;
        Some(Self::cache(&digest))
    }

    /// The newest image of a branch.
    pub fn branch(branch: &BranchName) -> Self {
        Self(format!("branch-{}", slug(branch.as_str(), 100)))
    }

    /// A named stage of the newest image of a branch. The `.` can't stand in a branch's own
    /// part, so the stage `b` of the branch `a` is never the branch `a-b`.
    pub fn branch_stage(branch: &BranchName, stage: &StageName) -> Self {
        Self(format!("branch-{}.{}", slug(branch.as_str(), 60), slug(stage.as_str(), 60)))
    }

    /// The layers of all stages of the newest image of a branch, for one platform. No stage's name begins with a `.`.
    pub fn branch_layers(branch: &BranchName, platform: Option<&Platform>) -> Self {
        let platform = platform.map_or_else(|| "default".to_owned(), ToString::to_string).replace('/', "-");
        Self(format!("branch-{}..{}", slug(branch.as_str(), 60), slug(&platform, 50)))
    }

    /// The image that the newest build record of the default branch names.
    pub fn newest_record() -> Self {
        Self("record-newest".to_owned())
    }

    /// An image that build records of the default branch named until lately. There is a number of such tags, and each
    /// moves on when those records are old.
    pub fn earlier_record(slot: u64) -> Self {
        Self(format!("record-{slot}"))
    }

    /// The image that this commit built.
    pub fn commit(commit: &CommitId) -> Self {
        Self(format!("commit-{commit}"))
    }

    /// The record of what an environment runs.
    pub fn deployed(environment: &str) -> Self {
        Self(format!("deployed-{}", slug(environment, 100)))
    }

    /// What lists the referrers of a manifest, where a registry keeps no such list (OCI distribution specification, § Referrers
    /// Tag Schema).
    pub fn referrers(subject: &ManifestDigest) -> Self {
        Self(subject.to_string().replace(':', "-"))
    }

    /// What cosign stores of one kind for a manifest: `sig`, `att` or `sbom`.
    pub fn cosign(subject: &ManifestDigest, suffix: &'static str) -> Self {
        Self(format!("{}.{suffix}", Self::referrers(subject)))
    }

    /// An attestation of an image. Without a tag, it would expire where images without one do.
    pub fn attestation(subject: &ManifestDigest, artifact: &ManifestDigest) -> Self {
        const DIGITS: usize = 16;
        let [subject, artifact] = [subject, artifact].map(|digest| digest.to_string().replace("sha256:", ""));
        Self(format!("attestation-{subject}-{}", &artifact[..DIGITS]))
    }

    /// The image that what the tag stands for says something of, or that it lists the referrers of.
    pub fn attested(&self) -> Option<ManifestDigest> {
        const HEX_DIGITS: usize = 64;
        let rest = ["attestation-", "sha256-"].iter().find_map(|kind| self.0.strip_prefix(kind))?;
        let subject = rest.get(..HEX_DIGITS)?;
        let is_whole = matches!(rest.as_bytes().get(HEX_DIGITS), None | Some(b'-' | b'.'));
        if is_whole { format!("sha256:{subject}").parse().ok() } else { None }
    }

    /// What an engine pushes an image under: a push needs a tag, and only one that is made from the image's id can't
    /// stand for another image meanwhile.
    pub fn pushed(id: &ManifestDigest) -> Self {
        Self(format!("pushed-{}", &id.to_string()["sha256:".len()..]))
    }

    /// What an untrusted run built, in the engine alone. No run looks for it.
    pub fn untrusted(run: &str, platform: Option<&Platform>) -> Self {
        let platform = platform.map(|platform| format!("-{}", platform.to_string().replace('/', "-")));
        Self(format!("untrusted-{}", slug(&format!("{run}{}", platform.unwrap_or_default()), 100)))
    }

    /// Whether it is that of an image of an untrusted run: the run is sixteen digits.
    pub fn is_of_untrusted_run(&self) -> bool {
        let run = self.0.strip_prefix("untrusted-").unwrap_or_default().split('-').next().unwrap_or_default();
        run.len() == 16 && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// What a local build names its images, in the engine alone. It moves with each build.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The image of a dependency that a local build builds from, in the engine for as long as that run lasts.
    pub fn parent(run: &str) -> Self {
        Self(format!("parent-{}", slug(run, 100)))
    }

    /// The image of a folder that a build uses as a named context, in the engine for as long as that build runs.
    pub fn context(unique: &str) -> Self {
        Self(format!("context-{}", slug(unique, 100)))
    }

    /// The same for a build of an untrusted run.
    pub fn untrusted_context(run: &str, unique: &str) -> Self {
        Self(format!("untrusted-{}-context-{}", slug(run, 40), slug(unique, 40)))
    }

    /// Something that forces the next build of a project. `id` tells it from other taints of that project.
    pub fn taint(project: &ProjectName, id: u32) -> Self {
        Self(format!("{}.{id:08x}", tainted_name(project)))
    }

    /// Whether it is a taint of this project.
    pub fn is_taint_of(&self, project: &ProjectName) -> bool {
        let is_id = |id: &str| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.0.rsplit_once('.').is_some_and(|(name, id)| name == tainted_name(project) && is_id(id))
    }

    /// What begins the tags of all claims of a run and of how its builds ended.
    pub fn claims_of_run(run: &str) -> String {
        const MAX_RUN_BYTES: usize = 26;
        format!("claim-{}-", slug(run, MAX_RUN_BYTES))
    }

    /// The outcome of the command that this fingerprint stands for.
    pub fn run(key: &Fingerprint) -> Self {
        Self(format!("run-{key}"))
    }

    /// Whether it is that of a branch, or of a stage of its image.
    pub fn is_of_any_branch(&self) -> bool {
        self.0.starts_with("branch-")
    }

    /// Whether it is that of this branch, or of a stage of its image.
    pub fn is_of_branch(&self, branch: &BranchName) -> bool {
        let stage_of = format!("branch-{}.", slug(branch.as_str(), 60));
        *self == Self::branch(branch) || self.0.starts_with(&stage_of)
    }

    /// Whether one build alone wrote it, and none moves it: its inputs', its commit's, or what an engine pushed it under.
    pub fn is_of_one_build(&self) -> bool {
        let is_hex = |text: &str| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        ["cache-", "commit-", "pushed-"].iter().any(|kind| self.0.strip_prefix(kind).is_some_and(is_hex))
    }

    /// The commit that an image was deployed with; `None` for any other tag.
    pub fn as_commit(&self) -> Option<CommitId> {
        self.0.parse().ok()
    }

    /// Whether it is that of the record of an environment.
    pub fn is_of_environment(&self) -> bool {
        self.0.starts_with("deployed-")
    }

    /// Whether it says that a build record of the default branch names the image.
    pub fn is_of_record(&self) -> bool {
        self.0.starts_with("record-")
    }

    /// What a reference without a tag stands for.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A project's name, which may stand in a tag, with room behind it.
fn tainted_name(project: &ProjectName) -> String {
    const MAX_BYTES: usize = 128 - ".00000000".len();
    match project.as_str() {
        name if name.len() <= MAX_BYTES => name.to_owned(),
        name => slug(name, MAX_BYTES),
    }
}

/// Turns any name into a part of a tag of at most `most` bytes, never two names into one.
///
/// A name of letters, digits, `_` and `-` that is short enough stays as it is; any other
/// gets `.0` and sixteen digits of its own SHA-256 (a stage's name never begins with a digit).
fn slug(name: &str, most: usize) -> String {
    const HASH_DIGITS: usize = 16;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.len() <= most && !name.is_empty() && name.bytes().all(fits) {
        return name.to_owned();
    }
    let hash = ManifestDigest::of(name.as_bytes()).to_string();
    let digits = &hash["sha256:".len()..][..HASH_DIGITS];
    let kept: String = name
        .bytes()
        .take(most - ".0".len() - HASH_DIGITS)
        .map(|byte| if fits(byte) { char::from(byte) } else { '-' })
        .collect();
    format!("{kept}.0{digits}")
}

impl FromStr for Tag {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let is_whole = (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !is_whole {
            return Err(invalid(
                text,
                "a tag: up to 128 letters, digits, `_`, `.` and `-`, the first not `.` or `-`",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_valid_tags_and_never_collide() {
        let long = "x".repeat(300);
        let names =
            ["main", "feature/a", "feature-a", "Feature/A", "feature/ä", "", "-", ".", &long, &long[1..]];

        let tags: std::collections::BTreeSet<Tag> =
            names.iter().map(|name| Tag::branch(&BranchName::new(*name))).collect();

        assert_eq!(tags.len(), names.len());
        assert!(tags.iter().all(|tag| tag.as_str().parse::<Tag>().is_ok()), "{tags:?}");
    }

    #[test]
    fn a_tag_of_an_attestation_tells_of_which_image_it_is() {
        let [image, artifact] = [b"image", b"artif"].map(|text| ManifestDigest::of(text));

        for tag in [Tag::attestation(&image, &artifact), Tag::referrers(&image), Tag::cosign(&image, "sig")] {
            assert!(tag.as_str().parse::<Tag>().is_ok(), "{tag}");
            assert_eq!(tag.attested(), Some(image), "{tag}");
        }
        for other in ["v1", "sha256-", "sha256-00", &format!("{}0", Tag::referrers(&image))] {
            assert_eq!(other.parse::<Tag>().unwrap().attested(), None, "{other}");
        }
    }

    #[test]
    fn a_stage_never_makes_a_tag_too_long() {
        let stage: StageName = "b".repeat(128).parse().unwrap();
        let branch = BranchName::new("x".repeat(300));

        let tag = Tag::branch_stage(&branch, &stage);

        assert!(tag.as_str().parse::<Tag>().is_ok(), "{tag}");
    }

    #[test]
    fn a_taint_is_of_one_project() {
        let long = "x".repeat(128);
        let names = ["a", "a.00000001", "a.b", "A", &long, &long[1..], &long[..119]];
        let names = names.map(|name| name.parse::<ProjectName>().unwrap());

        for of in &names {
            let taint = Tag::taint(of, 1);
            assert!(taint.as_str().parse::<Tag>().is_ok(), "{taint}");
            for project in &names {
                assert_eq!(taint.is_taint_of(project), project == of, "{taint} of {project}");
            }
        }
        for other in ["a", "a.", "a.0000001", "a.0000000g", "a.00000000.00000001"] {
            assert!(!other.parse::<Tag>().unwrap().is_taint_of(&names[0]), "{other}");
        }
    }

    #[test]
    fn a_stage_of_one_branch_is_never_another_branch() {
        let stage: StageName = "b".parse().unwrap();

        let of_stage = Tag::branch_stage(&BranchName::new("a"), &stage);

        for branch in ["a-b", "a.b", "a/b", "a.0b"] {
            assert_ne!(of_stage, Tag::branch(&BranchName::new(branch)));
        }
    }
}
