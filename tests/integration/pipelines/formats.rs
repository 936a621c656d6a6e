//! Pipelines of random graphs, as files in the format of each CI.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chinampa::internals::config::CiJob;
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::ProjectName;
use chinampa::internals::pipeline::github::{Triggers, Workflow};
use chinampa::internals::pipeline::{Deployment, Generated, Pipeline, Reference, Request, Setup};

use crate::support::numbers::Numbers;

/// The CIs, and the name of the schema that `check-jsonschema` has of each; CodeBuild's is ours.
pub(super) const CIS: [(&str, &str); 5] = [
    ("circleci", "vendor.circle-ci"),
    ("github", "vendor.github-workflows"),
    ("gitlab", "vendor.gitlab-ci"),
    ("buildkite", "vendor.buildkite"),
    ("codebuild", "buildspec"),
];

/// Projects in layers, each of which needs up to four of earlier layers; and how long each is built.
pub(super) struct Monorepo {
    pub(super) needs: BTreeMap<ProjectName, BTreeSet<ProjectName>>,
    pub(super) durations: BTreeMap<ProjectName, Duration>,
}

impl Monorepo {
    pub(super) fn random(projects: usize, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let names: Vec<ProjectName> =
            (0..projects).map(|number| format!("svc-{number:05}.x").parse().unwrap()).collect();
        let layers = (projects.ilog2() as usize + 2).clamp(3, 12);
        let first_of_layer = |number: usize| {
            let layer = number * layers / projects;
            (layer * projects).div_ceil(layers)
        };
        let mut monorepo = Self { needs: BTreeMap::new(), durations: BTreeMap::new() };
        for (number, name) in names.iter().enumerate() {
            let earlier = &names[..first_of_layer(number)];
            let count = [0, 1, 1, 2, 2, 3, 4][numbers.below(7)];
            let chosen = (0..count).filter_map(|_| earlier.get(numbers.below(earlier.len().max(1))).cloned());
            monorepo.needs.insert(name.clone(), chosen.collect());
            let seconds = 20.0 * 15_f64.powf(numbers.next());
            monorepo.durations.insert(name.clone(), Duration::from_secs_f64(seconds));
        }
        monorepo
    }

    pub(super) fn pipeline(&self, ci: &str, deployments: &[Deployment], reference: Reference) -> Pipeline {
        let settings: BTreeMap<ProjectName, CiJob> = BTreeMap::new();
        let graph = ProjectGraph::new(&self.needs).unwrap();
        Pipeline::trusted(Request {
            workspace: &"shop".parse().unwrap(),
            graph: &graph,
            builds: &self.needs.keys().cloned().collect(),
            durations: if ci == "github" { const { &BTreeMap::new() } } else { &self.durations },
            setup: &Setup::default(),
            job: &CiJob::default(),
            settings: &settings,
            secrets: &BTreeMap::new(),
            deployments,
            reference,
        })
    }

    /// The files of a CI, and how long they took.
    pub(super) fn generate(&self, ci: &str, reference: Reference) -> (Vec<String>, Duration) {
        let start = Instant::now();
        let deployment = |environment: &str, approval| Deployment {
            environment: environment.parse().unwrap(),
            approval,
            contexts: Vec::new(),
        };
        let pipeline = self.pipeline(ci, &[deployment("dev", false), deployment("prod", true)], reference);
        let render = |system| pipeline.render(system).unwrap().text;
        let files = match ci {
            "github" => vec![Workflow::new(&pipeline, &Triggers::default()).unwrap().rendered.text],
            "circleci" => vec![render(Generated::CircleCi)],
            "gitlab" => vec![render(Generated::GitLab)],
            "codebuild" => vec![render(Generated::CodeBuild)],
            _ => render(Generated::Buildkite).lines().map(str::to_owned).collect(),
        };
        (files, start.elapsed())
    }
}
