//! Each document that can be produced has the fields that `docs/commands.md` lists, and no others.
//!
//! `chinampa.init/1` and `chinampa.aws_policy/1` are missing here: `tests/layers` compares what the commands print.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::deployment::DeployJson;
use super::doctor::{Check, DoctorJson};
use super::environment::{HistoryJson, StatusJson, UnlockJson};
use super::environment_summary::{EnvironmentsJson, Summary};
use super::job::{JobJson, JobOutcome};
use super::json::{BuildJson, PlanJson, event};
use super::lint::LintJson;
use super::lock::{LockJson, LockedJson};
use super::next_deployment::{NextDeployment, Preview};
use super::prune::{DeployRemovals, LocalRemovals, PruneJson, Pruned};
use super::registry_probe::ProbeJson;
use super::runs::{LogsJson, ReportJson, RunsJson};
use super::why::Explanation;
use super::why_not::NearMisses;
use super::{answers, deploy_event, graph, images, inputs, simulation};
use crate::config::{self, LockFile, LockedImage, Service, ServiceConfig};
use crate::deploy::{
    ApplyReason, Backend, Creates, DeployError, DeployEvent, DeployPlan, DeployReport, DryRun, ImageChange,
    OwnedAttribute, ProjectDeployment, ProjectError, ProjectOutcome, ProjectResult, RestartReason,
    ServiceError, ServiceEvent, ServiceWork, TerraformEvent, TerraformFolder, TerraformRoot, TerraformStep,
    TerraformWork,
};
use crate::dockerfile::Dockerfile;
use crate::engine::{InlineCacheFault, Leftover, LeftoverKind, Progress};
use crate::execute::{
    BuildReport, Comparison, DifferentImage, DockerfileLine, Event, Failure, LostBuilder, Outcome,
    ProjectReport, TwiceReport,
};
use crate::graph::ProjectGraph;
use crate::inputs::{ListedInput, LockedChange, ParentChange};
use crate::lease::Claim;
use crate::lint::{Code, Edit, EditKind, Finding, Lint, Unchecked};
use crate::model::{
    AwsIdentity, BranchName, Change, ChangeKind, ChangedEntry, CommitId, ErrorKind, Fingerprint,
    Fingerprinter, ImageRef, InputDigest, ManifestDigest, ObjectId, ProjectName, RepoPath, Timestamp,
};
use crate::observe::{Base, Changes, ForcedBy, Image, Reason};
use crate::once::Ended;
use crate::patterns::Patterns;
use crate::pins::{PinChange, Relocked, TagState};
use crate::plan::{Action, Build, Impact, Plan, ProjectImpact, Step};
use crate::program::{Line, Stream};
use crate::prune::{Removal, Removals};
use crate::record::{
    AppliedSettings, BuildRecord, Builders, DeployedProject, DeployedRecord, DeploymentOutcome, InProgress,
    JobRecord, PastDeployment, ProjectState, RecordedImage, Timing,
};
use crate::registry::copy::Copied;
use crate::registry::{
    Aspect, Capability, FileDifference, Finding as ProbeFinding, ImageDifference, LayerChange,
    LayerDifference, ProbeReport, RepositoryChange,
};
use crate::runs::{Kept, Run};
use crate::simulate::{LeftOut, LineCost, ProjectCost, Simulation};
use crate::workspace::{InputRules, ParentImage, Project, Variant, Workspace};

#[path = "../../tests/support/reference.rs"]
mod reference;

#[test]
fn every_document_has_the_documented_fields_and_no_others() {
    let documented = reference::schemas(include_str!("../../docs/commands.md"));
    let mut produced: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for document in documents() {
        let schema = document["schema"].as_str().unwrap().to_owned();
        produced.entry(schema).or_default().push(document);
    }

    let mut differences = Vec::new();
    for (schema, documents) in &produced {
        let fields = documented.get(schema).unwrap_or_else(|| panic!("`{schema}` is not documented"));
        let found = reference::differences(fields, documents);
        differences.extend(found.into_iter().map(|difference| format!("{schema}: {difference}")));
    }

    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let mut schemas: BTreeSet<&str> = produced.keys().map(String::as_str).collect();
    schemas.extend(["chinampa.init/1", "chinampa.aws_policy/1"]);
    assert_eq!(schemas, documented.keys().map(String::as_str).collect());
}

/// The tables that list the fields of each kind of reason and of event.
#[test]
fn every_kind_of_reason_and_event_has_the_fields_of_its_row() {
    let reasons = reasons().iter().map(|reason| value(super::json::ReasonJson(reason))).collect::<Vec<_>>();

    assert_eq!(kinds("| `kind` | fields | meaning |"), fields_by("kind", &["kind"], &reasons));
    let besides = ["schema", "event", "project"];
    assert_eq!(
        kinds("| `event` | fields besides `project` | when |"),
        fields_by("event", &besides, &events())
    );
    let besides = ["schema", "event"];
    assert_eq!(
        kinds("| `event` of a deployment | fields | when |"),
        fields_by("event", &besides, &deploy_events())
    );
}

#[test]
fn every_outcome_that_an_event_can_have_is_documented() {
    let page = include_str!("../../docs/commands.md");
    let (_, section) = page.split_once("### `chinampa.event/1`").unwrap();
    let row = section.lines().find(|line| line.starts_with("| `outcome` |")).unwrap();
    let documented: BTreeSet<&str> =
        row.split('`').skip(3).step_by(2).filter(|it| *it != "--local").collect();

    let (plans, events) = (plans(), events());
    let projects = plans.iter().flat_map(|plan| plan["projects"].as_array().unwrap());
    let outcomes = projects.chain(&events).filter_map(|document| document["outcome"].as_str());
    let outcomes: BTreeSet<&str> = outcomes.collect();

    // Nothing is done about these.
    assert_eq!(documented, &outcomes - &["reused"].into());
}

/// By the first column, the names in the second.
fn kinds(header: &str) -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../docs/commands.md");
    let rows =
        page.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let cells = rows.map(|row| row.split('|').map(names).collect::<Vec<_>>());
    cells.map(|cells| (cells[1][0].clone(), cells[2].iter().cloned().collect())).collect()
}

/// By the value of a field, the names of the others but some.
fn fields_by(kind: &str, but: &[&str], documents: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let fields = |document: &Value| {
        let names = document.as_object().unwrap().keys().filter(|name| !but.contains(&name.as_str()));
        (document[kind].as_str().unwrap().to_owned(), names.cloned().collect())
    };
    documents.iter().map(fields).collect()
}

/// Every kind of document, with every field in some document of its kind, and each optional one left out in another.
fn documents() -> Vec<Value> {
    let mut all = plans();
    all.extend(whys());
    all.extend(events());
    all.extend(deploy_events());
    all.extend(small_answers());
    all.extend(lints());
    all.extend(simulations());
    all.extend(deployments());
    all.extend(records());
    all.extend(runs());
    all.extend(diagnoses());
    all.extend(prunings());
    all.extend(jobs());
    all.extend(locks());
    all
}

/// A run with every field, and one that has just started.
fn kept_runs() -> Vec<Kept> {
    let project = |outcome: &str, more: Value| {
        let mut project =
            json!({ "name": "api", "outcome": outcome, "reasons": ["it is new"], "needs": ["lib"] });
        project.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        kept_project(project)
    };
    let failure = |hint: Value| json!({ "causes": ["it failed"], "step": hint, "line": hint, "exit_code": null, "hint": hint, "log_tail": ["a"] });
    let built = json!({
        "image": "api:1", "manifest": "sha256:1", "start": 0.0, "seconds": 1.0, "slot": 0, "log": "api.log",
        "steps": [{ "name": "[2/2] RUN make", "start": 0.0, "seconds": 1.0, "cached": false, "failed": false }],
        "counted_steps": { "all": 2, "cached": 1 },
        "builders": [{ "platform": "linux/amd64", "builder": "tcp://a.example:1" }],
    });
    let mut failed = failure(json!("do this"));
    failed["exit_code"] = json!(2);
    let run = |number: Value, state: &str, base: Value, projects: Vec<Value>| {
        let is_over = state != "running";
        json!({
            "schema": "chinampa.run/1", "number": number, "started": "2026-11-28T20:15:00Z",
            "seconds": is_over.then_some(1.0), "seconds_estimated": is_over.then_some(2.0), "state": state, "workspace": "shop", "head": "1", "dirty": false,
            "branch": is_over.then_some("main"), "base": base, "base_unknown": is_over.then_some("no history"),
            "trusted": true, "slots": 2, "projects": projects,
        })
    };
    let projects = vec![
        project("built", built),
        project("failed", json!({ "failure": failed })),
        project("failed", json!({ "failure": failure(Value::Null) })),
        project("blocked", json!({ "blocked_by": "lib" })),
    ];
    let base = json!({ "commit": "1", "from": "`--base`" });
    let runs =
        [run(json!(1), "failed", base, projects), run(Value::Null, "running", Value::Null, Vec::new())];
    let kept = |run| Kept { number: 1, folder: "/runs/1".into(), run: serde_json::from_value(run).unwrap() };
    runs.into_iter().map(kept).collect()
}

/// A project of a run: what isn't given is empty.
fn kept_project(given: Value) -> Value {
    let mut project = json!({
        "name": "api", "outcome": "built", "affected": true, "needs": [], "reasons": [], "more_reasons": 0,
        "digest": "1", "files": 3, "image": null, "manifest": null, "start": null, "seconds": 0.0, "slot": null,
        "steps": [], "counted_steps": null, "failure": null, "blocked_by": null, "log": null,
    });
    project.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    project
}

/// A complete run of these projects.
pub(super) fn run_of(projects: &[Value]) -> Run {
    let projects: Vec<Value> = projects.iter().cloned().map(kept_project).collect();
    let run = json!({
        "schema": "chinampa.run/1", "number": 2, "started": "2026-11-28T20:15:00Z", "seconds": 10.0, "state": "complete",
        "workspace": "shop", "head": "1234567890abcdef", "dirty": false, "branch": "main", "base": null,
        "base_unknown": "no history", "trusted": true, "slots": 2, "projects": projects,
    });
    serde_json::from_value(run).unwrap()
}

fn runs() -> Vec<Value> {
    let kept = kept_runs();
    let logs = LogsJson::new(&kept[0], vec![("api".to_owned(), "0.1 #1 make\n".to_owned())]);
    let mut all = vec![value(RunsJson::new(&kept)), value(logs), value(ReportJson::new(1, Path::new("/a")))];
    all.extend(kept.iter().map(|kept| value(&kept.run)));
    all
}

/// One with a fix, one with a cause.
fn diagnoses() -> Vec<Value> {
    let error = crate::registry::RegistryError::Name("A".parse::<ImageRef>().unwrap_err());
    let error = crate::error::Error::Read { path: "a".into(), source: std::io::Error::other(error) };
    let checks = [Check::warning("git", "shallow").fix("fetch"), Check::of_error("engine", &error, None)];
    let findings = vec![
        (Capability::Read, ProbeFinding::Yes),
        (Capability::Mount, ProbeFinding::No { why: "status 405".to_owned() }),
        (Capability::Delete, ProbeFinding::Unknown { why: "status 403".to_owned() }),
    ];
    let probed = ProbeReport { findings, left: vec![image()] };
    vec![
        value(DoctorJson::new(&checks)),
        value(DoctorJson::new(&[])),
        value(ProbeJson::new("r.example/probe", &probed)),
    ]
}

/// One that deletes an image and a record.
fn prunings() -> Vec<Value> {
    let removal = Removal {
        repository: "shop/api".parse().unwrap(),
        digest: digest(),
        tags: BTreeSet::from(["a".parse().unwrap()]),
        reason: crate::prune::Reason::NeverRan,
        made: Some(std::time::SystemTime::UNIX_EPOCH),
        bytes: 1,
    };
    let of_no_time = Removal { made: None, ..removal.clone() };
    let removals = || Removals {
        records: vec![removal.clone(), of_no_time.clone()],
        images: vec![removal.clone(), of_no_time.clone()],
        ..Removals::default()
    };
    let deploy = DeployRemovals {
        registry: "registry.example".to_owned(),
        environments: vec!["dev".to_owned()],
        removals: removals(),
    };
    let since = std::time::SystemTime::UNIX_EPOCH;
    let leftover = Leftover { image: image(), kind: LeftoverKind::Local, since, bytes: 1 };
    let local = LocalRemovals { leftovers: vec![leftover], kept: 1 };
    let all = Pruned { cache: Some(removals()), deploy: vec![deploy], local: Some(local) };
    vec![value(PruneJson::new(&all, true))]
}

fn value(document: impl serde::Serialize) -> Value {
    serde_json::to_value(document).unwrap()
}

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn commit() -> CommitId {
    CommitId(ObjectId::Sha1([1; 20]))
}

fn inputs() -> InputDigest {
    InputDigest::from_bytes([1; 32])
}

fn digest() -> ManifestDigest {
    ManifestDigest::of(b"image")
}

fn image() -> ImageRef {
    "localhost:5000/api:1".parse().unwrap()
}

fn fingerprint() -> Fingerprint {
    Fingerprinter::new("test/1").field("a").finish()
}

fn known() -> Base {
    Base::Known { commit: commit(), from: "--base".to_owned() }
}

fn unknown() -> Base {
    Base::Unknown { why: "no history".to_owned() }
}

fn graph() -> ProjectGraph {
    let needs = [(name("lib"), vec![]), (name("api"), vec![name("lib")])];
    ProjectGraph::new(&BTreeMap::from(needs)).unwrap()
}

/// One of each kind.
fn reasons() -> Vec<Reason> {
    let project = name("lib");
    let parent = |before, now| ParentChange {
        reference: "tool".to_owned(),
        source: "lib/Dockerfile:1".to_owned(),
        before,
        now,
    };
    let all = vec![
        Reason::File {
            path: path("lib/a"),
            change: ChangeKind::Added,
            inside: vec![path("lib/a/b")],
            pattern: "lib/".to_owned(),
            source: "lib/.rebuild_patterns:1".to_owned(),
            project: project.clone(),
        },
        Reason::Folder {
            path: path("lib/tests"),
            change: ChangeKind::Added,
            pattern: "COPY .".to_owned(),
            source: "lib/Dockerfile:2".to_owned(),
            project: project.clone(),
        },
        Reason::Lfs {
            path: path("lib/model"),
            is_lfs: true,
            attributes: path(".gitattributes"),
            pattern: "lib/".to_owned(),
            source: "lib/.rebuild_patterns:1".to_owned(),
            project: project.clone(),
        },
        Reason::Patterns {
            path: path("lib/.rebuild_patterns"),
            change: ChangeKind::Modified,
            project: project.clone(),
        },
        Reason::Entry { keys: vec!["target".to_owned()], project: project.clone() },
        Reason::DefaultPlatform { now: Some("linux/amd64".parse().unwrap()), project: project.clone() },
        Reason::DefaultPlatform { now: None, project: project.clone() },
        Reason::New { project: project.clone() },
        Reason::Parents {
            changes: vec![
                parent(None, Some(ParentImage::External)),
                parent(Some(ParentImage::Project(name("tool"))), None),
                parent(Some(ParentImage::External), Some(ParentImage::Project(name("tool")))),
            ],
            project: project.clone(),
        },
        Reason::Locked {
            changes: vec![LockedChange {
                image: "node:22".parse().unwrap(),
                before: [ManifestDigest::of(b"before")].into(),
                now: [digest()].into(),
            }],
            project: project.clone(),
        },
        Reason::UnreadableInBase { why: "a bad pattern".to_owned(), project: project.clone() },
        Reason::UnreadableBase { why: "no manifest".to_owned() },
        Reason::Need { project },
        Reason::NoImage,
        Reason::CacheUnread,
        Reason::NoImageOfDefaultBranch,
        Reason::NoImageOfExtraInputs,
        Reason::BaseUnknown { why: "no history".to_owned() },
        Reason::Tainted,
        Reason::Forced { by: ForcedBy::Option },
    ];
    // A new kind of reason is to be added above, and documented.
    for reason in &all {
        match reason {
            Reason::File { .. }
            | Reason::Folder { .. }
            | Reason::Lfs { .. }
            | Reason::Patterns { .. }
            | Reason::Entry { .. }
            | Reason::DefaultPlatform { .. }
            | Reason::New { .. }
            | Reason::Parents { .. }
            | Reason::Locked { .. }
            | Reason::UnreadableInBase { .. }
            | Reason::UnreadableBase { .. }
            | Reason::Need { .. }
            | Reason::NoImage
            | Reason::CacheUnread
            | Reason::NoImageOfDefaultBranch
            | Reason::NoImageOfExtraInputs
            | Reason::BaseUnknown { .. }
            | Reason::Tainted
            | Reason::Forced { .. } => {}
        }
    }
    all
}

fn project_impact(project: &str, needs: &[&str], reasons: Vec<Reason>) -> ProjectImpact {
    ProjectImpact {
        project: name(project),
        is_changed: true,
        is_affected: true,
        needs: needs.iter().map(|need| name(need)).collect(),
        reasons,
    }
}

fn plan(base: Base) -> Plan {
    let step = |impact, action| Step { impact, digest: inputs(), files: 3, action };
    let build = |reasons| Action::Build(Build { reasons, taints: Vec::new() });
    let reuse =
        Image { repository: "lib".parse().unwrap(), digest: digest(), tag: "cache-1".parse().unwrap() };
    Plan {
        head: commit(),
        is_dirty: false,
        base,
        steps: vec![
            step(project_impact("lib", &[], Vec::new()), Action::Reuse(reuse.clone())),
            step(project_impact("kept", &[], Vec::new()), Action::Keep(digest())),
            step(project_impact("pulled", &[], Vec::new()), Action::Reuse(reuse)),
            step(project_impact("api", &["lib"], reasons()), build(vec![Reason::NoImage])),
            step(
                project_impact("failed", &[], Vec::new()),
                build(vec![Reason::Forced { by: ForcedBy::Message }]),
            ),
            step(project_impact("elsewhere", &[], Vec::new()), build(vec![Reason::NoImage])),
            step(project_impact("blocked", &["failed"], Vec::new()), build(vec![Reason::NoImage])),
        ],
    }
}

fn plans() -> Vec<Value> {
    let offline = Impact {
        head: commit(),
        is_dirty: true,
        base: unknown(),
        projects: vec![project_impact("api", &["lib"], reasons())],
    };
    let report = |outcome| ProjectReport::new(outcome, Duration::from_millis(10));
    let built = Outcome::Built {
        image: image(),
        of_platforms: BTreeMap::new(),
        digest: digest(),
        steps: 2,
        cached_steps: 1,
        builders: builders(),
    };
    let failed = Outcome::Failed(Failure {
        causes: vec!["it failed".to_owned()],
        step: Some("[2/2] RUN make".to_owned()),
        message: None,
        at: Some(DockerfileLine { file: path("failed/Dockerfile"), line: 2 }),
        exit_code: Some(2),
        log_tail: vec!["a line".to_owned()],
        hint: Some("do this".to_owned()),
        kind: ErrorKind::Failed,
        is_of_build: true,
    });
    let report = BuildReport {
        projects: BTreeMap::from([
            (name("lib"), report(Outcome::Reused { image: image(), digest: digest() })),
            (name("kept"), report(Outcome::Reused { image: image(), digest: digest() })),
            (name("api"), report(built)),
            (name("failed"), report(failed)),
            (name("pulled"), report(Outcome::Pulled { image: image(), from: image(), digest: digest() })),
            (
                name("elsewhere"),
                report(Outcome::BuiltElsewhere {
                    image: image(),
                    digest: digest(),
                    by: Some("build 2".to_owned()),
                    took: None,
                }),
            ),
            (name("blocked"), report(Outcome::Blocked { by: name("failed") })),
        ]),
        is_interrupted: false,
        took: Duration::from_millis(20),
        estimated: Some(Duration::from_secs(9)),
        saved: Some(Duration::from_secs(20)),
        inline_cache_fault: InlineCacheFault::of("20.10.24", (1, 41)),
        lost_builders: vec![LostBuilder { name: "tcp://a.example:1".to_owned(), reason: "gone".to_owned() }],
    };
    let without_fault =
        BuildReport { inline_cache_fault: None, estimated: None, saved: None, ..report.clone() };
    let (plan, without_base, workspace) = (plan(known()), plan(unknown()), workspace());
    vec![
        value(PlanJson::of_plan(&plan, &workspace)),
        value(PlanJson::of_impact(&offline, None)),
        value(BuildJson::new(&plan, &workspace, &report, Some(&image()), Some(&twice()))),
        value(BuildJson::new(&without_base, &workspace, &without_fault, None, None)),
    ]
}

/// One project with every kind of difference, one that is equal, and one that failed.
fn twice() -> TwiceReport {
    let name = |name: &str| -> ProjectName { name.parse().unwrap() };
    let file = FileDifference { path: "etc/a".to_owned(), aspects: [Aspect::Content, Aspect::Time].into() };
    let layer = |number, created_by, change| LayerDifference { number, created_by, change };
    let difference = ImageDifference {
        platform: Some("linux/amd64".to_owned()),
        fields: vec!["created".to_owned()],
        layer_counts: Some((3, 4)),
        layers: vec![
            layer(1, Some("RUN a".to_owned()), LayerChange::Files { files: vec![file], more: 1 }),
            layer(2, None, LayerChange::Order),
        ],
    };
    let at = DockerfileLine { file: path("api/Dockerfile"), line: 2 };
    let other = ImageDifference { platform: None, layer_counts: None, ..difference.clone() };
    let images = vec![
        DifferentImage { difference, lines: vec![Some(at), None] },
        DifferentImage { difference: other, lines: vec![None, None] },
    ];
    let failure = Failure {
        causes: vec!["cannot compare the images".to_owned()],
        step: None,
        message: None,
        at: None,
        exit_code: None,
        log_tail: Vec::new(),
        hint: None,
        kind: ErrorKind::Failed,
        is_of_build: true,
    };
    let projects = [
        (name("different"), Comparison::Different { first: digest(), second: digest(), images }),
        (name("equal"), Comparison::Equal { digest: digest() }),
        (name("failed"), Comparison::Failed(failure)),
    ];
    TwiceReport { projects: projects.into(), is_interrupted: false }
}

fn whys() -> Vec<Value> {
    let graph = graph();
    let documents = [known(), unknown()].map(|base| {
        let changes = Changes {
            head: commit(),
            is_dirty: false,
            base: base.clone(),
            files: Vec::new(),
            direct: BTreeMap::from([(name("lib"), reasons())]),
        };
        let projects = vec![project_impact("api", &["lib"], vec![Reason::Need { project: name("lib") }])];
        let impact = Impact { head: commit(), is_dirty: false, base, projects };
        value(Explanation::new(&graph, &changes, &impact, &name("api")))
    });

    let workspace = workspace();
    let changed = ["lib/a.md", "api/elsewhere"].map(|file| Change {
        path: path(file),
        kind: ChangeKind::Added,
        entry: ChangedEntry::File,
    });
    let impact = Impact { head: commit(), is_dirty: false, base: known(), projects: Vec::new() };
    let api = name("api");
    let near_misses = NearMisses::new(&workspace, &changed, &api);
    documents.into_iter().chain([near_misses.to_json(&impact)]).collect()
}

/// `api`, whose Dockerfile names `lib`; the lines of both take `src` but for Markdown.
pub(super) fn workspace() -> Workspace {
    let text =
        b"[workspace]\nname = \"shop\"\n[projects.lib]\npath = \"lib\"\n[projects.api]\npath = \"api\"\n";
    let manifest = config::parse(text, "projects.toml").unwrap();
    let projects = manifest.projects.into_iter().map(|(name, config)| {
        let file = config.path.value.join(&path(".rebuild_patterns"));
        let project = Project {
            inputs: InputRules::Patterns {
                file,
                patterns: Patterns::parse(b"./src/\n!**/*.md\n", &config.path.value).unwrap(),
            },
            whole_context: None,
            variants: Box::new([variant()]),
            lookalikes: Box::new([]),
            repository: config.repository.clone(),
            extra_inputs: Patterns::default(),
            folders: Box::new([]),
            folder_patterns: Patterns::default(),
            config,
        };
        (name, project)
    });
    Workspace {
        records: manifest.workspace.name.builds_repository(),
        taints: "shop-taints".parse().unwrap(),
        claims: "shop-claims".parse().unwrap(),
        builders: Vec::new(),
        settings: manifest.workspace,
        cache: manifest.cache,
        deploy: None,
        environments: BTreeMap::new(),
        terraform: AwsIdentity::default(),
        trust: None,
        ci: config::CiConfig::default(),
        manifest_file: "projects.toml".to_owned(),
        lock: None,
        projects: projects.collect(),
        graph: graph(),
        deploy_order: graph().order().cloned().collect(),
        rebuild_all: Patterns::default(),
    }
}

fn variant() -> Variant {
    let dockerfile = Dockerfile::parse(b"FROM quay.io/acme/lib:1\n", &BTreeMap::new(), None).unwrap();
    let parents = [("quay.io/acme/lib:1".to_owned(), ParentImage::Project(name("lib")))];
    Variant { platform: None, dockerfile, parents: parents.into(), external: Box::default() }
}

fn events() -> Vec<Value> {
    let project = || name("api");
    let progress = |progress| Event::Progress { project: project(), progress };
    let step = || "[1/2] RUN make".to_owned();
    let events = [
        Event::Started { project: project() },
        progress(Progress::StepStarted { step: step() }),
        progress(Progress::StepDone { step: step(), cached: false, took: Duration::from_secs(1) }),
        progress(Progress::Log { step: step(), text: "a line".to_owned() }),
        progress(Progress::Warning {
            text: "a warning".to_owned(),
            url: Some("https://a.example".to_owned()),
        }),
        Event::Claimed { project: project(), by: "build 2".to_owned() },
        Event::Pulling { project: project(), image: image() },
        Event::Pushing { project: project(), image: image() },
        Event::RetryingPush {
            project: project(),
            image: image(),
            error: "reset".to_owned(),
            delay: Duration::from_secs(1),
        },
        Event::Finished { project: project(), outcome: Outcome::Cancelled, took: Duration::ZERO },
    ];
    events.iter().map(event).collect()
}

fn deploy_events() -> Vec<Value> {
    let project = || name("api");
    let line = || Line { stream: Stream::Stdout, text: "a line".to_owned() };
    let (folder, step) = (path("api/terraform"), TerraformStep::Apply);
    let terraform = |event| DeployEvent::Terraform { project: project(), event };
    let of_service = |event| DeployEvent::Service { project: project(), event };
    let service = Service::Lambda { name: "api".parse().unwrap(), alias: None };
    let events = [
        DeployEvent::Waiting {
            holder: Claim {
                commit: commit().to_string(),
                by: "job-7".to_owned(),
                begun: Timestamp::from_millis(0),
                renewed: Timestamp::from_millis(0),
                lease: Duration::from_secs(60),
            },
        },
        DeployEvent::Planned { images: 2, changed: vec![project()] },
        DeployEvent::Promoting { project: project() },
        DeployEvent::Repository { repository: "api".parse().unwrap(), change: RepositoryChange::Created },
        DeployEvent::Promoted { project: project(), image: image(), copied: Copied::default() },
        DeployEvent::Started { project: project() },
        terraform(TerraformEvent::Started { folder: folder.clone(), step }),
        terraform(TerraformEvent::Line { folder, step, line: line() }),
        DeployEvent::Restarting {
            project: project(),
            service: ServiceConfig { service, region: None, role: None, timeout: None },
        },
        of_service(ServiceEvent::Line(line())),
        of_service(ServiceEvent::Note("a note".to_owned())),
        DeployEvent::Finished { project: project() },
    ];
    events.iter().map(deploy_event::json).collect()
}

fn small_answers() -> Vec<Value> {
    let copied =
        Copied { bytes_sent: 1, blobs_sent: 1, blobs_skipped: 0, blobs_mounted: 0, manifests_sent: 1 };
    let keep = std::num::NonZeroU32::MIN;
    let changes = vec![
        RepositoryChange::Created,
        RepositoryChange::Lifecycle { keep: Some(keep), replaced: Some("{}".to_owned()) },
        RepositoryChange::LifecycleStays { policy: "{}".to_owned() },
        RepositoryChange::Policy { replaced: Some("{}".to_owned()) },
        RepositoryChange::Tags { keys: vec!["team".to_owned()] },
        RepositoryChange::KeyStays { key: Some("arn:aws:kms:x".to_owned()) },
        RepositoryChange::TagMutability { immutable: true },
        RepositoryChange::ScanOnPush { enabled: true },
    ];
    let affected = [name("api")];
    let listed = ListedInput {
        path: path("api/a"),
        is_committed: true,
        is_folder: false,
        pattern: "COPY a".to_owned(),
        source: "api/Dockerfile:2".to_owned(),
    };
    vec![
        answers::changed(&known(), &[&path("lib/a")]),
        answers::changed(&unknown(), &[]),
        answers::image_exists(&image(), Some(&digest())),
        answers::image_exists(&image(), None),
        images::json(None, Some(commit()), Some(&[(name("api"), (image(), Some(digest())))].into())),
        images::json(None, Some(commit()), None),
        images::json(Some("dev"), None, Some(&[(name("api"), (image(), Some(digest())))].into())),
        answers::promote(&image(), &image(), &digest(), &copied, 0.5),
        answers::ensure_repo(&[("localhost/api".to_owned(), changes)]),
        answers::last_successful_commit(Some(&(BranchName::new("main"), commit()))),
        answers::last_successful_commit(None),
        answers::ensure_terraform("1.15.5", Path::new("/cache/terraform"), true),
        graph::json(&graph(), &affected.iter().collect()),
        inputs::json(commit(), false, &name("api"), &[listed]),
    ]
}

fn lints() -> Vec<Value> {
    let edit = |line, kind| Edit { file: "lib/.rebuild_patterns".to_owned(), line, kind, by_itself: true };
    let text = || "lib/".to_owned();
    let edits = vec![
        edit(None, EditKind::Add { lines: vec![text()] }),
        edit(Some(1), EditKind::Remove { text: text() }),
        edit(Some(1), EditKind::Replace { text: text() }),
        edit(Some(1), EditKind::RemoveNeed { project: name("api"), need: name("lib") }),
    ];
    let pin = edit(Some(1), EditKind::Pin { reference: "node@sha256:…".to_owned() });
    let finding = |suggestion| Finding {
        project: Some(name("api")),
        file: "api/Dockerfile".to_owned(),
        line: 1,
        code: Code::ParentFloats,
        message: "it floats".to_owned(),
        suggestion,
    };
    let unchecked = Unchecked {
        project: name("api"),
        file: "api/Dockerfile".to_owned(),
        line: 2,
        source: "$FILES".to_owned(),
    };
    let suggestions = edits.iter().cloned().chain([pin]).map(Some).chain([None]);
    let floating = ["node:22".parse().unwrap()].into();
    let lint = Lint { findings: suggestions.map(finding).collect(), unchecked: vec![unchecked], floating };
    vec![value(LintJson::new(commit(), false, 2, &lint, &edits))]
}

fn locks() -> Vec<Value> {
    let (before, now) = (ManifestDigest::of(b"before"), digest());
    let changes = [
        ("a", PinChange::Added { now }),
        ("b", PinChange::Moved { before, now }),
        ("c", PinChange::Platforms { now }),
        ("d", PinChange::Removed { before }),
        ("e", PinChange::Unchanged { now }),
    ];
    let changes = changes.into_iter().map(|(image, change)| (image.parse().unwrap(), change)).collect();
    let relocked = Relocked { lock: LockFile::default(), changes };
    let projects: BTreeSet<ProjectName> = [name("api")].into();
    let state = |now, created: Option<&str>| TagState {
        image: "node:22".parse().unwrap(),
        locked: before,
        now,
        created: created.map(str::to_owned),
        projects: projects.clone(),
    };
    let states = [state(before, None), state(now, Some("2026-11-28T20:15:00Z"))];
    vec![value(LockJson::new(&relocked, &projects, true)), value(LockedJson::new(&states))]
}

#[test]
fn a_lock_file_is_reported_by_what_is_not_as_it_was() {
    let (before, now) = (ManifestDigest::of(b"before"), digest());
    let image = |image: &str| image.parse().unwrap();
    let locked = LockedImage { digest: now, platforms: BTreeMap::new() };
    let lock: LockFile = [(image("node:22"), locked)].into_iter().collect();
    let changes = BTreeMap::from([
        (image("node:22"), PinChange::Moved { before, now }),
        (image("alpine"), PinChange::Removed { before }),
        (image("debian"), PinChange::Added { now }),
        (image("nginx"), PinChange::Unchanged { now }),
    ]);
    let relocked = Relocked { lock, changes };

    insta::assert_snapshot!(super::lock::text(&relocked, &[name("api"), name("web")].into(), true), @"
    removed alpine:latest: no project names it
    added debian:latest 6105d6cc76af
    moved node:22 6db7d803e74f to 6105d6cc76af
    this rebuilds api, web
    `projects.lock` pins 1 image
    ");
    let unchanged = Relocked { changes: BTreeMap::new(), ..relocked };
    insta::assert_snapshot!(super::lock::text(&unchanged, &BTreeSet::new(), false), @"`projects.lock` is as it was: it pins 1 image");
    let state = |now, created: &str| TagState {
        image: image("node:22"),
        locked: before,
        now,
        created: Some(created.to_owned()),
        projects: [name("api"), name("web")].into(),
    };
    let states = [state(before, ""), state(now, "2026-11-28T20:15:00Z")];
    insta::assert_snapshot!(super::lock::tag_states(&states), @"
    node:22 is behind its tag: locked is 6db7d803e74f, and the tag is 6105d6cc76af, made 2026-11-28T20:15:00Z; used by api, web
    2 locked images, 1 behind: `chinampa update` takes what the tags are now
    ");
    insta::assert_snapshot!(super::lock::tag_states(&states[..1]), @"1 locked image, none behind its tag");
}

fn simulations() -> Vec<Value> {
    let line = |project| LineCost {
        project,
        pattern: "lib/".to_owned(),
        source: "lib/.rebuild_patterns:1".to_owned(),
        commits: 1,
        only: 1,
        builds: 2,
    };
    let some = Simulation {
        commits: 1,
        oldest: Some(commit()),
        newest: Some(commit()),
        left_out: Some(LeftOut::Older { limit: 1 }),
        projects: vec![ProjectCost { name: name("api"), declared: 1, inferred: 1, guessed: false }],
        lines: vec![line(Some(name("api"))), line(None)],
    };
    let none = Simulation {
        commits: 0,
        oldest: None,
        newest: None,
        left_out: None,
        projects: Vec::new(),
        lines: Vec::new(),
    };
    vec![simulation::json(&some), simulation::json(&none)]
}

fn deployments() -> Vec<Value> {
    let plan = deploy_plan();
    let took = Duration::from_secs(1);
    let result = |outcome, runs| ProjectResult { project: name("api"), runs, outcome, took };
    let error = ProjectError::Service(ServiceError::NoRegion { service: "function".to_owned() });
    let report = DeployReport {
        plan: deploy_plan(),
        results: vec![
            result(ProjectOutcome::Deployed, Some(image())),
            result(ProjectOutcome::Failed(error), None),
            result(ProjectOutcome::Failed(failed_program()), Some(image())),
        ],
        error: Some(DeployError::NoDeployRegistry),
        is_nothing: false,
        took,
    };
    let dry_run = DryRun { plan, error: None };
    vec![value(DeployJson::of_dry_run(&dry_run)), value(DeployJson::of_report(&report))]
}

/// A step of Terraform that wrote a line before it failed.
pub(super) fn failed_program() -> ProjectError {
    use std::os::unix::process::ExitStatusExt as _;

    let source = crate::program::ProgramError::Failed {
        program: "terraform".to_owned(),
        status: std::process::ExitStatus::from_raw(1 << 8),
        log_tail: vec!["a line".to_owned()],
    };
    let step = crate::deploy::TerraformStep::Apply;
    crate::deploy::TerraformError::Step { folder: path("api/terraform"), step, source }.into()
}

pub(super) fn deploy_plan() -> DeployPlan {
    let root = || TerraformRoot {
        folder: TerraformFolder { path: path("api/terraform"), name: None },
        backend: Backend::new("s3", "shop-dev/api".to_owned()).unwrap(),
        fingerprint: fingerprint(),
        reads_elsewhere: None,
        creates: Creates::Unknown,
        owned: vec![OwnedAttribute {
            file: path("api/terraform/main.tf"),
            line: 1,
            kind: "aws_lambda_function",
            name: "api".to_owned(),
            attribute: "image_uri",
        }],
    };
    let service = config::ServiceConfig {
        service: config::Service::Lambda { name: "api".parse().unwrap(), alias: None },
        region: None,
        role: None,
        timeout: None,
    };
    let unchanged_service = ServiceWork::Unchanged { service: service.clone() };
    let restart = ServiceWork::Restart { service, reason: RestartReason::Missing, is_missing: true };
    let apply = TerraformWork::Apply { root: root(), reason: ApplyReason::Requested };
    let unchanged = TerraformWork::Unchanged { root: root() };
    let project = |old, terraform, services| ProjectDeployment {
        name: name("api"),
        source: "api".parse().unwrap(),
        repository: "api".parse().unwrap(),
        destination: "team/api".parse().unwrap(),
        inputs: inputs(),
        image: ImageChange { old, new: digest() },
        tags: vec!["latest".parse().unwrap()],
        terraform,
        left_terraform: Vec::new(),
        services,
        settings: AppliedSettings { terraform: BTreeMap::new(), service: fingerprint() },
    };
    DeployPlan {
        workspace: "shop".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        commit: commit(),
        records: "shop-builds".parse().unwrap(),
        basis: None,
        versions: vec!["v1".parse().unwrap()],
        projects: vec![
            project(None, vec![apply], vec![restart]),
            project(Some(digest()), vec![unchanged], vec![unchanged_service]),
        ],
        retired: BTreeSet::new(),
    }
}

fn builders() -> Builders {
    [("linux/amd64".to_owned(), "tcp://a.example:1".to_owned())].into()
}

fn records() -> Vec<Value> {
    let image = || RecordedImage { repository: "team/api".to_owned(), inputs: inputs(), image: digest() };
    let build = |branch: Option<&str>| BuildRecord {
        commit: commit(),
        branch: branch.map(str::to_owned),
        sequence: 1,
        projects: BTreeMap::from([(name("api"), image())]),
        durations: branch.map(|_| (name("api"), Duration::from_millis(1500))).into_iter().collect(),
        builders: branch.map(|_| (name("api"), builders())).into_iter().collect(),
    };
    let at = Timestamp::from_millis(1_795_896_900_000);
    let settings = AppliedSettings {
        terraform: BTreeMap::from([("api/terraform".to_owned(), fingerprint())]),
        service: fingerprint(),
    };
    let deployed = |at, state| DeployedProject { image: image(), commit: commit(), at, state };
    let past = |ended, outcome, failed| PastDeployment {
        commit: commit(),
        began: at,
        ended,
        by: "job-7".to_owned(),
        outcome,
        changed: 1,
        failed,
    };
    let new = DeployedRecord::new("dev".parse().unwrap());
    let record = DeployedRecord {
        commit: Some(commit()),
        in_progress: Some(InProgress {
            commit: commit(),
            since: at,
            by: "job-8".to_owned(),
            projects: BTreeSet::from([name("api")]),
        }),
        projects: BTreeMap::from([
            (name("api"), deployed(Some(at), ProjectState::Applied(settings))),
            (name("lib"), deployed(None, ProjectState::ImageOnly)),
        ]),
        history: vec![
            past(Some(at), DeploymentOutcome::Failed, Some(name("api"))),
            past(None, DeploymentOutcome::Abandoned, None),
        ],
        ..new.clone()
    };
    let claim = Claim {
        commit: commit().to_string(),
        by: "job-8".to_owned(),
        begun: at,
        renewed: at,
        lease: Duration::from_secs(60),
    };
    let stored = [build(Some("main")), build(None)].map(|record| record.to_bytes().unwrap());
    let timings = [builders(), Builders::new()];
    let timings =
        timings.map(|builders| Timing { inputs: inputs(), took: Duration::from_millis(1500), builders });
    let stored = stored.into_iter().chain(timings.map(|timing| timing.to_bytes().unwrap()));
    let stored = stored.chain([&record, &new].map(|record| record.to_bytes().unwrap()));
    let stored = stored.map(|bytes| serde_json::from_slice(&bytes).unwrap());
    let next = |outcome| NextDeployment { commit: commit(), outcome };
    let planned = next(Preview::Planned(Box::new(deploy_plan())));
    let refused = next(Preview::Refused(vec!["it was not built".to_owned()]));
    let summaries = [
        Summary::new(&record, std::slice::from_ref(&claim), &planned, at),
        Summary::new(&new, &[], &refused, at),
    ];
    let shown = [
        value(EnvironmentsJson::new(&summaries)),
        value(StatusJson::new(&record, std::slice::from_ref(&claim), &planned)),
        value(StatusJson::new(&new, &[], &refused)),
        value(HistoryJson::new(&record)),
        value(UnlockJson::new("dev", &[claim])),
    ];
    stored.chain(shown).collect()
}

fn jobs() -> Vec<Value> {
    let record = JobRecord {
        key: fingerprint(),
        project: name("api"),
        name: "test".to_owned(),
        commit: commit(),
        by: "job-7".to_owned(),
        at: Timestamp::from_millis(1_795_896_900_000),
        took: Duration::from_secs(1),
        junit: Some(b"<a/>".to_vec()),
    };
    let without_file = JobRecord { junit: None, ..record.clone() };
    let ran = |ended| JobOutcome::Ran { ended, took: Duration::from_secs(1), not_recorded: None };
    let project = name("api");
    let outcomes = [
        (Some(fingerprint()), JobOutcome::Skipped(&record)),
        (Some(fingerprint()), ran(Ended::Exited { code: 0 })),
        (None, ran(Ended::Killed { signal: 9 })),
    ];
    let shown = outcomes.iter().map(|(key, outcome)| value(JobJson::new(&project, "test", *key, outcome)));
    let stored = [&record, &without_file].map(|record| serde_json::from_slice(&record.to_bytes()).unwrap());
    shown.chain(stored).collect()
}

/// A document that lacks a field, has one too many, or has one of another type, is noticed.
#[test]
fn differences_from_the_reference_are_found() {
    let page = "\n## JSON\n\n### Reasons\n\n### `chinampa.a/1`\n\n| field | type | meaning |\n|---|---|---|\n\
                | `a` | string | |\n| `b` | array of objects | |\n| `b[].c` | number or null | |\n";
    let fields = &reference::schemas(page)["chinampa.a/1"];
    let differences = |document: Value| reference::differences(fields, &[document]);

    let right = json!({ "schema": "", "a": "x", "b": [{ "c": 1 }, { "c": null }] });
    assert_eq!(differences(right), [""; 0]);
    assert_eq!(differences(json!({ "schema": "", "b": [{ "c": 1 }, { "c": null }] })).len(), 1);
    assert_eq!(differences(json!({ "schema": "", "a": 1, "b": [{ "c": 1 }, { "c": null }] })).len(), 1);
    assert_eq!(differences(json!({ "schema": "", "a": "x", "b": [{ "c": 1 }] })).len(), 1);
    assert_eq!(differences(json!({ "schema": "", "a": "x", "b": [{ "c": 1 }, { "c": null }, {}] })).len(), 1);
    assert_eq!(
        differences(json!({ "schema": "", "a": "x", "d": "", "b": [{ "c": 1 }, { "c": null }] })).len(),
        1
    );
}
