//! Deployments that overlap, die and are run again: what the record says runs is what runs.

mod interleavings;
mod kills;
mod recorder;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use chinampa::internals::config::{EnvironmentRule, Service, ServiceConfig};
use chinampa::internals::deploy::gate::{Candidate, Relation, Rollback};
use chinampa::internals::deploy::{
    self, Apply, Backend, BuiltProject, Creates, DEFAULT_LEASE, DeployError, DeployReport, DeployRequest,
    Endpoints, LockRequest, ProjectRequest, TerraformFolder, TerraformRoot,
};
use chinampa::internals::lease::ClaimId;
use chinampa::internals::model::{
    BranchName, CommitId, Fingerprint, Fingerprinter, InputDigest, ManifestDigest, ObjectId, ProjectName,
    RepoPath, Tag,
};
use chinampa::internals::record::{DeployedRecord, ProjectState};

use recorder::{Process, Turn, World};

const RECORDS: &str = "shop-builds";

/// How long another deployment is waited for: less than half of a lease, as whoever is silent for
/// longer has lost the lock.
const WAIT: Duration = Duration::from_secs(300);

/// A commit of the history in which each comes after those with a lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    number: u8,
    /// What each project is made from.
    image: u8,
    terraform: u8,
    service: u8,
}

/// What runs all of a project.
const PROJECTS: [&str; 2] = ["api", "web"];

impl Version {
    pub(crate) const fn new(number: u8, image: u8, terraform: u8, service: u8) -> Self {
        Self { number, image, terraform, service }
    }

    pub(crate) fn commit(self) -> CommitId {
        CommitId(ObjectId::Sha1([self.number; 20]))
    }

    fn inputs(self, project: &str) -> InputDigest {
        let mut bytes = [self.image; 32];
        bytes[0] = project.as_bytes()[0];
        InputDigest::from_bytes(bytes)
    }

    fn image(self, project: &str) -> ManifestDigest {
        ManifestDigest::of(format!("{project} {}", self.image).as_bytes())
    }

    fn fingerprint(self) -> Fingerprint {
        Fingerprinter::new("terraform/1").field([self.terraform]).finish()
    }

    /// Puts the images of this version into the cache.
    pub(crate) fn build(self, world: &World) {
        for project in PROJECTS {
            let tag = Tag::cache(&self.inputs(project)).to_string();
            world.tag(&format!("cache/{project}"), &tag, self.image(project));
        }
    }

    fn request(self, rollback: Rollback) -> DeployRequest {
        let branches = [BranchName::new("main")].into();
        let built = PROJECTS.map(|project| BuiltProject {
            name: project.parse().unwrap(),
            inputs: self.inputs(project),
            repository: format!("cache/{project}").parse().unwrap(),
        });
        DeployRequest {
            workspace: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            rule: EnvironmentRule { line: 1, branch: Some("main".parse().unwrap()), tag: None },
            candidate: Candidate { commit: self.commit(), branches, tags: BTreeSet::new() },
            build_records: "cache/shop-builds".parse().unwrap(),
            deployed_records: RECORDS.parse().unwrap(),
            built: built.into(),
            projects: vec![self.project("api"), self.project("web")],
            is_whole: true,
            rollback,
            apply: Apply::Changed,
            required: BTreeSet::new(),
        }
    }

    /// `api` has Terraform and a service, `web` is its image and nothing else.
    fn project(self, name: &str) -> ProjectRequest {
        let root = TerraformRoot {
            folder: TerraformFolder { path: RepoPath::new("api/terraform").unwrap(), name: None },
            backend: Backend::new("s3", "shop-dev/api".to_owned()).unwrap(),
            fingerprint: self.fingerprint(),
            reads_elsewhere: None,
            creates: Creates::Unknown,
            owned: Vec::new(),
        };
        let cluster = format!("c{}", self.service).parse().unwrap();
        let service = Service::Ecs { cluster, name: "api".parse().unwrap() };
        let is_api = name == "api";
        ProjectRequest {
            name: name.parse().unwrap(),
            source: format!("cache/{name}").parse().unwrap(),
            repository: name.parse().unwrap(),
            destination: name.parse().unwrap(),
            tags: Vec::new(),
            terraform: if is_api { vec![root] } else { Vec::new() },
            services: is_api
                .then_some(ServiceConfig { service, region: None, role: None, timeout: None })
                .into_iter()
                .collect(),
        }
    }
}

pub(crate) type Deploying<'d> = Pin<Box<dyn Future<Output = Result<DeployReport, DeployError>> + 'd>>;

/// A deployment of a version by a process, as everybody calls it.
pub(crate) fn deploying(process: &Process, version: Version, rollback: Rollback, id: u64) -> Deploying<'_> {
    Box::pin(async move {
        let relation = |deployed: CommitId, commit: CommitId| {
            Ok(match commit.0.as_bytes().cmp(deployed.0.as_bytes()) {
                std::cmp::Ordering::Less => Relation::Behind,
                std::cmp::Ordering::Equal => Relation::Same,
                std::cmp::Ordering::Greater => Relation::FastForward,
            })
        };
        let endpoints = Endpoints {
            cache: process,
            target: process,
            operations: process,
            relation: &relation,
            verifier: None,
        };
        let lock = LockRequest {
            commit: version.commit(),
            by: format!("process {id}"),
            id: ClaimId::from_bits(id),
            lease: DEFAULT_LEASE,
            wait: WAIT,
        };
        let request = version.request(rollback);
        deploy::deploy(&request, &lock, endpoints, process, std::future::pending(), &|_| {}).await
    })
}

/// Runs a deployment to its end, alone.
pub(crate) fn run(
    process: &Process,
    version: Version,
    rollback: Rollback,
    id: u64,
) -> Result<DeployReport, DeployError> {
    let mut work = deploying(process, version, rollback, id);
    loop {
        if let Turn::Ended(ended) = process.turn(&mut work) {
            return ended;
        }
    }
}

pub(crate) fn record(world: &World) -> Option<DeployedRecord> {
    world.document(RECORDS, "deployed-dev").map(|document| DeployedRecord::from_bytes(&document).unwrap())
}

/// The law: what the record says runs is what runs, and the Terraform of it was applied.
///
/// Of what is in progress or uncertain the record says nothing.
pub(crate) fn check(world: &World, versions: &[Version]) -> Result<(), String> {
    let Some(record) = record(world) else { return Ok(()) };
    let by_commit: BTreeMap<CommitId, Version> =
        versions.iter().map(|version| (version.commit(), *version)).collect();
    for (name, project) in &record.projects {
        let is_known = record.known(name).is_some();
        let ProjectState::Applied(settings) = &project.state else { continue };
        if !is_known {
            continue;
        }
        let version = by_commit[&project.commit];
        let image = project.image.image;
        let mut wrong = Vec::new();
        if image != version.image(name.as_str()) {
            wrong.push(format!("the record says that {name} runs another image than its commit's"));
        }
        if world.tagged(name.as_str(), "shop-dev") != Some(image) {
            wrong.push(format!("the environment's tag of {name} stands for another image"));
        }
        let api: ProjectName = "api".parse().unwrap();
        if *name == api {
            let running = world.state().services.get("api").cloned().unwrap_or_default();
            if !running.ends_with(&image.to_string()) {
                wrong.push(format!("the service runs `{running}`, not {image}"));
            }
            let applied = world.state().terraform.get("api/terraform").copied();
            if applied != Some(version.fingerprint()) {
                wrong.push("the Terraform of the commit is not what was applied last".to_owned());
            }
            if settings.terraform.get("api/terraform").copied() != applied {
                wrong.push("the Terraform that is recorded is not what was applied last".to_owned());
            }
        }
        if !wrong.is_empty() {
            return Err(format!("{wrong:?} after {:#?}", world.state().log));
        }
    }
    Ok(())
}

/// Whether an environment runs all of a version, and its record says so.
pub(crate) fn runs_all_of(world: &World, version: Version) -> Result<(), String> {
    check(world, &[version])?;
    let record = record(world).ok_or("nothing is recorded")?;
    let is_whole = record.commit == Some(version.commit())
        && record.in_progress.is_none()
        && PROJECTS.iter().all(|project| {
            let known = record.known(&project.parse().unwrap());
            known.is_some_and(|known| known.commit == version.commit())
        });
    if is_whole { Ok(()) } else { Err(format!("{record:#?}")) }
}

/// Nobody holds the lock.
pub(crate) fn claims(world: &World) -> Vec<String> {
    let state = world.state();
    let tags = state.tags.keys().filter(|(repository, _)| repository == RECORDS);
    tags.map(|(_, tag)| tag.clone()).filter(|tag| tag.starts_with("deploying-")).collect()
}
