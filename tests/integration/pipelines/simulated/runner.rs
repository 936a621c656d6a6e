//! The runner itself: it refuses what it doesn't know, and keeps the rules of each CI that other tests rely on.

use std::collections::BTreeSet;

use chinampa::internals::pipeline::Reference;
use chinampa::internals::pipeline::github::{Triggers, Workflow};

use crate::pipelines::formats::Monorepo;
use crate::support::ci::{self, Check, Circumstances, Event, Finished, Outcome, Site, System};
use crate::support::world::World;

const GITLAB: &str = "workflow: {rules: [{when: always}]}\ngate: {script: [echo hello]}\n";

/// Runs the files of a repository for a push.
fn run(system: System, files: &[(&str, &str)]) -> Finished {
    let world = World::of(files);
    let commit = world.git(["rev-parse", "HEAD"]);
    let site = Site::new(world.path(), world.path());
    ci::run(system, &site, &Event::Push { commit }, Circumstances::calm(1))
}

#[test]
fn a_job_is_run_and_its_output_kept() {
    let finished = run(System::GitLab, &[(".gitlab-ci.yml", GITLAB)]);

    assert_eq!(finished.gate(System::GitLab), Check::Green);
    assert_eq!(finished.log("gate"), "hello\n");
}

#[test]
#[should_panic(expected = "the runner does not know the key `retry` of gate")]
fn what_is_not_interpreted_is_an_error() {
    run(System::GitLab, &[(".gitlab-ci.yml", &GITLAB.replace("gate: {", "gate: {retry: 2, "))]);
}

#[test]
fn a_command_that_fails_ends_the_job() {
    let finished = run(System::GitLab, &[(".gitlab-ci.yml", &GITLAB.replace("[echo", "['false', echo"))]);

    assert_eq!(finished.gate(System::GitLab), Check::Red);
    assert_eq!(finished.log("gate"), "");
}

/// A template with one project, which pushes start.
fn codebuild(buildspec: &str) -> String {
    let buildspec: String = buildspec.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "Resources:\n  P:\n    Type: AWS::CodeBuild::Project\n    Properties:\n      Name: p\n      Source:\n        \
         Type: GITHUB\n        GitCloneDepth: 0\n        BuildSpec: |\n{buildspec}      BuildBatchConfig: {{}}\n      Triggers:\n        \
         FilterGroups: [[{{Type: EVENT, Pattern: PUSH}}]]\n"
    )
}

fn phases(install: &str, build: &str) -> (Outcome, String) {
    let buildspec = format!(
        "version: 0.2\nphases:\n  install: {{commands: [{install}], finally: [echo finally]}}\n  \
         build: {{commands: [{build}, echo built], finally: [echo always]}}\n  \
         post_build: {{commands: [echo post $CODEBUILD_BUILD_SUCCEEDING]}}\n"
    );
    let finished = run(System::CodeBuild, &[("codebuild.yml", &codebuild(&buildspec))]);
    (finished.outcomes["p"], finished.log("p").lines().collect::<Vec<_>>().join(" "))
}

#[test]
fn phases_of_a_buildspec_end_as_they_do_in_codebuild() {
    assert_eq!(phases("A=1", "echo $A"), (Outcome::Succeeded, "finally 1 built always post 1".to_owned()));
    assert_eq!(phases("'false'", "echo $A"), (Outcome::Failed, "finally".to_owned()));
    assert_eq!(phases("A=1", "'false'"), (Outcome::Failed, "finally always post 0".to_owned()));
}

/// A graph of so many builds that wait for nothing.
fn wide_graph(builds: usize) -> Finished {
    let build = |number| {
        format!("    - {{identifier: b{number}, env: {{privileged-mode: true, variables: {{A: '1'}}}}}}\n")
    };
    let graph: String = (0..builds).map(build).collect();
    let graph = format!(
        "version: 0.2\nbatch:\n  fast-fail: false\n  build-graph:\n{graph}phases: {{build: {{commands: ['echo $A']}}}}\n"
    );
    let start = "version: 0.2\nphases:\n  build:\n    commands:\n      - aws codebuild start-build-batch --project-name p \
        --source-version $CODEBUILD_RESOLVED_SOURCE_VERSION --buildspec-override file://$PWD/graph.yml \
        --environment-variables-override name=A,value=2\n";
    run(System::CodeBuild, &[("codebuild.yml", &codebuild(start)), ("graph.yml", &graph)])
}

#[test]
fn what_starts_a_batch_sets_variables_over_those_of_the_graph() {
    let finished = wide_graph(2);

    assert_eq!((finished.log("b0"), finished.log("b1")), ("2\n", "2\n"));
}

#[test]
#[should_panic(expected = "51 builds become ready at once: Internal Service Error")]
fn a_graph_that_codebuild_would_end_in_an_internal_error_is_refused() {
    wide_graph(51);
}

#[test]
fn a_workflow_of_matrices_builds_what_the_plan_names_level_by_level() {
    let monorepo = Monorepo::random(2_500, 7);
    let workflow = Workflow::new(
        &monorepo.pipeline("github", &[], Reference::Branch),
        &Triggers { branches: ["main".to_owned()].into(), ..Triggers::default() },
    );
    let workflow = workflow.unwrap();
    assert!(workflow.rendered.text.contains("level_1_1"), "{:?}", workflow.rendered.notes);
    // One that needs another one, and that one.
    let (last, needs) = monorepo.needs.iter().rfind(|(_, needs)| !needs.is_empty()).unwrap();
    let first = needs.first().unwrap();
    let builds: BTreeSet<_> = [last.clone(), first.clone()].into();
    let world = World::of(&[(".github/workflows/chinampa.yml", &workflow.rendered.text)]);
    let commit = world.git(["rev-parse", "HEAD"]);
    let site = Site::new(world.path(), world.path());
    let (done, outputs) = (world.file("done"), world.file("outputs"));
    world.write("outputs", workflow.outputs(&builds, &[]));
    let script = format!(
        "case \"$*\" in 'ci plan github') cat {} > \"$GITHUB_OUTPUT\" ;; 'build --'*) ;; 'build '*) echo \"$2\" >> {} ;; esac\n",
        outputs.display(),
        done.display()
    );
    site.install("chinampa", &script);

    let finished = ci::run(System::GitHub, &site, &Event::Push { commit }, Circumstances::calm(1));

    assert_eq!(finished.gate(System::GitHub), Check::Green, "{finished}");
    assert_eq!(std::fs::read_to_string(done).unwrap(), format!("{first}\n{last}\n"));
    let ran = finished.outcomes.values().filter(|outcome| **outcome == Outcome::Succeeded).count();
    // The plan, the gate, two jobs and their matrices.
    assert_eq!(ran, 6, "{finished}");
}
