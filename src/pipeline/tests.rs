mod access;
mod formats;
mod formats_of_circleci;
mod formats_of_github;
mod starter_of_codebuild;
mod starters;

use insta::assert_snapshot;

use super::*;

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn graph(projects: &[(&str, &[&str])]) -> ProjectGraph {
    let needs: BTreeMap<ProjectName, BTreeSet<ProjectName>> = projects
        .iter()
        .map(|(project, needs)| (name(project), needs.iter().map(|need| name(need)).collect()))
        .collect();
    ProjectGraph::new(&needs).unwrap()
}

/// `site` and `api.v2` need `lib`, which needs `base`.
fn shop() -> ProjectGraph {
    graph(&[("api.v2", &["lib"]), ("base", &[]), ("lib", &["base"]), ("site", &["lib"])])
}

fn hostile() -> CiJob {
    let environment =
        [("A", "${{ secrets.A }}"), ("B", "<< pipeline.id >>"), ("C", "$HOME\n- x: 'y'\u{202e}")];
    CiJob {
        machine: Some("large".to_owned()),
        runner: vec!["gpu".to_owned()],
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..CiJob::default()
    }
}

/// Everything that a pipeline can have: one project of four is reused, and one has settings of its own.
fn everything(builds: &[&str]) -> Pipeline {
    let install = Install {
        version: "1.2.3".to_owned(),
        url: "https://example.com/chinampa-1.2.3.tar.gz".to_owned(),
        sha256: "0".repeat(64),
    };
    let ci = CiConfig {
        install: Some(install),
        role: Some("arn:aws:iam::123456789012:role/ci".parse().unwrap()),
        logins: RegistryLogins::default(),
        job: CiJob { image: Some("acme/ci:1".to_owned()), ..CiJob::default() },
    };
    let settings = BTreeMap::from([(name("site"), hostile())]);
    let deployment = |environment: &str, approval| Deployment {
        environment: environment.parse().unwrap(),
        approval,
        contexts: Vec::new(),
    };
    Pipeline::trusted(Request {
        workspace: &"shop".parse().unwrap(),
        graph: &shop(),
        builds: &builds.iter().map(|project| name(project)).collect(),
        durations: &BTreeMap::new(),
        setup: &Setup::new(&ci, None),
        job: &ci.job,
        settings: &settings,
        secrets: &BTreeMap::from([(name("site"), BTreeSet::from(["NPM_TOKEN".to_owned()]))]),
        deployments: &[deployment("dev", false), deployment("prod", true)],
        reference: Reference::Branch,
    })
}

#[test]
fn an_edge_leads_through_projects_that_are_reused() {
    let Work::Trusted(trusted) = everything(&["api.v2", "base"]).work else { panic!() };

    let jobs: Vec<_> = trusted.jobs.iter().map(|job| (job.project.as_str(), job.needs.len())).collect();
    assert_eq!(jobs, [("base", 0), ("api.v2", 1)]);
}

#[test]
fn of_the_jobs_that_are_ready_the_one_with_the_longest_path_is_first() {
    let graph = graph(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &[])]);
    let builds = ["a", "b", "c", "d"].map(name).into();
    let order = |durations: &[(&str, u64)]| {
        let durations =
            durations.iter().map(|(project, seconds)| (name(project), Duration::from_secs(*seconds)));
        let order = order::longest_path_first(&graph, &builds, &durations.collect());
        order.into_iter().map(|(project, _)| project.as_str()).collect::<Vec<_>>().join(" ")
    };

    assert_eq!(order(&[]), "b a c d");
    assert_eq!(order(&[("d", 90), ("a", 1), ("b", 1), ("c", 0)]), "d a b c");
}

/// Projects of which the last needs all others.
fn star(leaves: usize) -> Pipeline {
    let leaves: BTreeSet<ProjectName> = (0..leaves).map(|number| name(&format!("p{number:04}"))).collect();
    let mut needs: BTreeMap<ProjectName, BTreeSet<ProjectName>> =
        leaves.iter().map(|leaf| (leaf.clone(), BTreeSet::new())).collect();
    needs.insert(name("zz"), leaves);
    Pipeline::trusted(Request {
        workspace: &"shop".parse().unwrap(),
        graph: &ProjectGraph::new(&needs).unwrap(),
        builds: &needs.keys().cloned().collect(),
        durations: &BTreeMap::new(),
        setup: &Setup::default(),
        job: &CiJob::default(),
        settings: &BTreeMap::new(),
        secrets: &BTreeMap::new(),
        deployments: &[],
        reference: Reference::Branch,
    })
}

#[test]
fn a_job_of_gitlab_that_needs_more_than_fifty_is_in_a_stage_of_its_own() {
    let fifty = star(50).render(Generated::GitLab).unwrap();
    let more = star(51).render(Generated::GitLab).unwrap();

    assert_eq!(fifty.notes, [""; 0]);
    assert!(fifty.text.starts_with("stages: [build, gate]\n"), "{}", fifty.text);
    assert_snapshot!(more.notes.join("\n"), @"`zz` waits for 51 jobs, and a job of GitLab can name 50: it is in the stage `build-2`, and waits for all earlier stages");
    let (_, last) = more.text.split_once("\n\"build zz\":").unwrap();
    assert_snapshot!(last, @r#"
      extends: ".job"
      stage: build-2
      script: ["chinampa build zz --directives named"]
    gate:
      extends: ".job"
      stage: gate
      variables: {GIT_DEPTH: "0"}
      script: ["chinampa build --directives named"]
    "#);
}

#[test]
fn what_a_ci_does_not_take_is_an_error() {
    let many = star(3_999).render(Generated::Buildkite).unwrap_err();
    let large = star(60_000).render(Generated::GitLab).unwrap_err();

    assert_snapshot!(many, @"Buildkite runs at most 4000 jobs in a pipeline, and this one has 4001");
    assert_snapshot!(large, @"GitLab reads a pipeline of at most 5000000 bytes, and this one has 6940315");
}

/// The jobs of a workflow whose projects are called like its other jobs, and of environments whose names differ by a letter.
#[test]
fn no_two_jobs_have_one_name() {
    let mut pipeline = everything(&["base", "lib", "site"]);
    let Work::Trusted(trusted) = &mut pipeline.work else { panic!() };
    for (job, project) in trusted.jobs.iter_mut().zip(["deploy-prod", "plan", "Deploy-pre_prod"]) {
        (job.project, job.needs) = (name(project), Vec::new());
    }
    let deployment = |environment: &str| Deployment {
        environment: environment.parse().unwrap(),
        approval: false,
        contexts: Vec::new(),
    };
    trusted.deployments = ["prod", "pre-prod", "pre.prod", "pre_prod"].map(deployment).to_vec();

    let workflow = github::Workflow::new(&pipeline, &github::Triggers::default()).unwrap().rendered.text;
    let text = |system| pipeline.render(system).unwrap().text;
    let jobs = between(workflow.split_once("\njobs:").unwrap().1, "\n  ", ":");
    let steps = between(&text(Generated::Buildkite), "\"key\":\"", "\"");
    let circleci = between(&text(Generated::CircleCi), "name: deploy-", "\n");
    let codebuild = between(&text(Generated::CodeBuild), "- identifier: ", "\n");

    for (names, count) in [(jobs, 9), (steps, 8), (circleci, 4), (codebuild, 8)] {
        let unique: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        assert_eq!((unique.len(), names.len()), (count, count), "{names:?}");
    }
}

/// What stands between two texts, not counting lines that are further in.
fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    let found = text.split(start).skip(1).filter(|rest| !rest.starts_with(' '));
    found.map(|rest| rest.split(end).next().unwrap_or_default().to_owned()).collect()
}
