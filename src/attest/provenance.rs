//! Provenance of our own: a statement of in-toto (v1) with a predicate of SLSA (Provenance v1).
//!
//! `docs/attestations.md` describes what `buildType` stands for, so that others can read it.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::model::{CommitId, InputDigest, ManifestDigest, Platform, ProjectName, RepoPath, StageName};

/// The type of the artifact that has a statement, and of its content.
pub(super) const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

pub(super) const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// What the fields of the predicate mean.
const BUILD_TYPE: &str = "https://chinampa.dev/build/v1";

/// Where the identity of a builder begins that the environment doesn't name.
const BUILDERS: &str = "https://chinampa.dev/builder/";

/// Who builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuilderIdentity {
    /// A URI.
    pub id: String,
    /// The run of the CI.
    pub run: Option<String>,
}

impl BuilderIdentity {
    /// The builder that `named` names, else one that is named after the CI; `None` for a machine without one.
    pub fn new(named: Option<String>, ci: Option<&str>, run: Option<&str>) -> Self {
        let of_ci = || {
            let ci = ci.map_or_else(|| "local".to_owned(), |ci| ci.to_ascii_lowercase().replace(' ', "-"));
            format!("{BUILDERS}{ci}")
        };
        Self { id: named.unwrap_or_else(of_ci), run: run.map(str::to_owned) }
    }
}

/// The commit that is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub commit: CommitId,
    /// Of the repository, without credentials; `None` for one without a remote.
    pub url: Option<String>,
    /// Whether uncommitted changes went into the images.
    pub is_dirty: bool,
}

/// An image that went into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The project that it is the image of; `None` for an external image.
    pub project: Option<ProjectName>,
    /// As the Dockerfile names it, or by digest.
    pub reference: String,
    /// `None` where the builder chose what a tag stands for.
    pub digest: Option<ManifestDigest>,
}

/// How an image was built.
#[derive(Clone, Debug)]
pub struct Provenance<'p> {
    pub project: &'p ProjectName,
    pub dockerfile: &'p RepoPath,
    pub target: Option<&'p StageName>,
    /// None where the engine builds for its own.
    pub platforms: Vec<&'p Platform>,
    /// The names of build arguments.
    pub build_args: Vec<&'p str>,
    pub inputs: InputDigest,
    pub materials: Vec<Material>,
    pub started: SystemTime,
    pub finished: SystemTime,
}

impl Provenance<'_> {
    /// The statement about an image and, where it is an index, the images that it lists.
    pub fn statement(
        &self,
        name: &str,
        subjects: &[ManifestDigest],
        builder: &BuilderIdentity,
        revision: &Revision,
    ) -> Value {
        let subject = |digest: &ManifestDigest| json!({ "name": name, "digest": sha256(digest) });
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects.iter().map(subject).collect::<Vec<_>>(),
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": self.external_parameters(),
                    "internalParameters": { "inputs": self.inputs.to_string(), "uncommittedChanges": revision.is_dirty },
                    "resolvedDependencies": self.dependencies(revision),
                },
                "runDetails": {
                    "builder": { "id": builder.id, "version": { "chinampa": env!("CARGO_PKG_VERSION") } },
                    "metadata": self.metadata(builder),
                },
            },
        })
    }

    fn external_parameters(&self) -> Value {
        let mut parameters = Map::new();
        parameters.insert("project".to_owned(), self.project.as_str().into());
        parameters.insert("dockerfile".to_owned(), self.dockerfile.to_string().into());
        if let Some(target) = self.target {
            parameters.insert("target".to_owned(), target.as_str().into());
        }
        let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
        parameters.insert("platforms".to_owned(), platforms.into());
        parameters.insert("buildArgs".to_owned(), self.build_args.clone().into());
        parameters.into()
    }

    fn dependencies(&self, revision: &Revision) -> Vec<Value> {
        let commit = json!({
            "uri": git_uri(revision), "digest": { "gitCommit": revision.commit.to_string() },
        });
        let materials = self.materials.iter().map(|material| {
            let Material { project, reference, digest } = material;
            let mut descriptor = json!({ "uri": format!("docker-image://{reference}") });
            if let Some(project) = project {
                descriptor["name"] = project.as_str().into();
            }
            if let Some(digest) = digest {
                descriptor["digest"] = sha256(digest);
            }
            descriptor
        });
        [commit].into_iter().chain(materials).collect()
    }

    fn metadata(&self, builder: &BuilderIdentity) -> Value {
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        let mut metadata = json!({ "startedOn": time(self.started), "finishedOn": time(self.finished) });
        if let Some(run) = &builder.run {
            metadata["invocationId"] = run.as_str().into();
        }
        metadata
    }
}

/// `git+<url>@<commit>`, as SPDX has it.
fn git_uri(Revision { commit, url, .. }: &Revision) -> String {
    let url = url.as_deref().unwrap_or("file:///");
    match (url.contains("://"), url.split_once(':')) {
        // The short form of ssh: `git@host:path`.
        (false, Some((host, path))) => format!("git+ssh://{host}/{path}@{commit}"),
        _ => format!("git+{url}@{commit}"),
    }
}

fn sha256(digest: &ManifestDigest) -> Value {
    let text = digest.to_string();
    let (algorithm, hexadecimal) = text.split_once(':').expect("a digest names its algorithm");
    json!({ algorithm: hexadecimal })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::model::ObjectId;

    fn revision(url: Option<&str>) -> Revision {
        let commit = CommitId(ObjectId::Sha1([1; 20]));
        Revision { commit, url: url.map(str::to_owned), is_dirty: false }
    }

    #[test]
    fn a_statement_says_from_what_by_whom_and_when_its_subjects_were_built() {
        let (project, dockerfile) = ("api".parse().unwrap(), RepoPath::new("api/Dockerfile").unwrap());
        let (target, platform) = ("runtime".parse().unwrap(), "linux/arm64".parse().unwrap());
        let [index, image, base] = [b"index", b"image", b"base!"].map(|text| ManifestDigest::of(text));
        let material = |project: Option<&str>, reference: &str, digest| Material {
            project: project.map(|name| name.parse().unwrap()),
            reference: reference.to_owned(),
            digest,
        };
        let provenance = Provenance {
            project: &project,
            dockerfile: &dockerfile,
            target: Some(&target),
            platforms: vec![&platform],
            build_args: vec!["VERSION"],
            inputs: InputDigest::from_bytes([2; 32]),
            materials: vec![
                material(None, "node:22", None),
                material(Some("lib"), "r.example/lib", Some(base)),
            ],
            started: UNIX_EPOCH + Duration::from_secs(10),
            finished: UNIX_EPOCH + Duration::from_secs(70),
        };
        let builder = BuilderIdentity::new(None, Some("GitHub Actions"), Some("7-1"));

        let statement = provenance.statement(
            "r.example/api",
            &[index, image],
            &builder,
            &revision(Some("https://example.com/shop.git")),
        );

        let commit = "01".repeat(20);
        let subject = |digest| json!({ "name": "r.example/api", "digest": sha256(digest) });
        assert_eq!(
            statement,
            json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [subject(&index), subject(&image)],
                "predicateType": "https://slsa.dev/provenance/v1",
                "predicate": {
                    "buildDefinition": {
                        "buildType": "https://chinampa.dev/build/v1",
                        "externalParameters": {
                            "project": "api",
                            "dockerfile": "api/Dockerfile",
                            "target": "runtime",
                            "platforms": ["linux/arm64"],
                            "buildArgs": ["VERSION"],
                        },
                        "internalParameters": { "inputs": "02".repeat(32), "uncommittedChanges": false },
                        "resolvedDependencies": [
                            {
                                "uri": format!("git+https://example.com/shop.git@{commit}"),
                                "digest": { "gitCommit": commit },
                            },
                            { "uri": "docker-image://node:22" },
                            { "uri": "docker-image://r.example/lib", "name": "lib", "digest": sha256(&base) },
                        ],
                    },
                    "runDetails": {
                        "builder": {
                            "id": "https://chinampa.dev/builder/github-actions",
                            "version": { "chinampa": env!("CARGO_PKG_VERSION") },
                        },
                        "metadata": {
                            "startedOn": "1970-01-01T00:00:10Z",
                            "finishedOn": "1970-01-01T00:01:10Z",
                            "invocationId": "7-1",
                        },
                    },
                },
            })
        );
    }

    #[test]
    fn every_form_of_a_remote_is_a_uri() {
        let commit = "01".repeat(20);
        for (url, expected) in [
            (Some("git@example.com:a/shop.git"), "git+ssh://git@example.com/a/shop.git"),
            (Some("ssh://example.com/shop.git"), "git+ssh://example.com/shop.git"),
            (Some("/srv/shop.git"), "git+/srv/shop.git"),
            (None, "git+file:///"),
        ] {
            assert_eq!(git_uri(&revision(url)), format!("{expected}@{commit}"));
        }
    }

    #[test]
    fn the_environment_may_name_the_builder() {
        let named =
            BuilderIdentity::new(Some("https://ci.example/agents/7".to_owned()), Some("Jenkins"), None);

        assert_eq!(named.id, "https://ci.example/agents/7");
        assert_eq!(BuilderIdentity::new(None, None, None).id, "https://chinampa.dev/builder/local");
    }
}
