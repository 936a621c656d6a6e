//! The setup configuration of CircleCI.

use super::{File, Request, Starter, generate, header};
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, circleci};

/// The branches that CircleCI gives the pull requests of forks.
const OF_A_FORK: &str = "^pull/[0-9]+$";

pub(super) fn starter(Request { setup, job, has_tag_rules, .. }: Request<'_>) -> Starter {
    let commands = [
        "pipeline=$(mktemp)",
        &format!("{} > \"$pipeline\"", setup.command("ci generate circleci")),
        "chinampa ci continue \"$pipeline\"",
    ];
    let lines = generate(setup, System::CircleCi, &commands).join("\n") + "\n";
    let run = table([("run", table([("name", "Generate the pipeline".into()), ("command", lines.into())]))]);
    let image = job.image.as_deref().unwrap_or(circleci::MACHINE);
    let contexts = circleci::contexts(&job.contexts).into_iter().collect::<Vec<_>>();
    let job = table_of([
        ("machine", Some(table([("image", image.into())]))),
        ("resource_class", job.machine.as_ref().map(Into::into)),
        ("environment", circleci::variables(job)),
        ("steps", Some(Yaml::List(vec!["checkout".into(), run]))),
    ]);
    let document = table([
        ("version", Yaml::Decimal("2.1")),
        ("setup", true.into()),
        ("jobs", table([("generate", job)])),
        ("workflows", workflows(&contexts, has_tag_rules)),
    ]);
    let text = header(setup, "circleci") + &document.document();
    Starter {
        files: vec![File { path: ".circleci/config.yml", text }],
        notes: vec![
            "project settings, Advanced: turn \"Enable dynamic config using setup workflows\" and \"Auto-cancel redundant workflows\" on",
            "for pull requests from forks, turn \"Build forked pull requests\" on and \"Pass secrets to builds from forked pull requests\" off",
        ],
    }
}

/// One workflow, or one for forks without the contexts beside it: CircleCI refuses a job of a fork that names a restricted context.
fn workflows(contexts: &[(&str, Yaml)], has_tag_rules: bool) -> Yaml {
    let filters = has_tag_rules.then(|| ("filters", circleci::all_tags()));
    let jobs = |keys: Vec<(&str, Yaml)>| {
        let job = if keys.is_empty() { "generate".into() } else { table([("generate", map(keys))]) };
        ("jobs", Yaml::List(vec![job]))
    };
    if contexts.is_empty() {
        return table([("setup", table([jobs(filters.into_iter().collect())]))]);
    }
    let branch = [("pattern", OF_A_FORK.into()), ("value", "<< pipeline.git.branch >>".into())];
    let is_of_a_fork = table([("matches", table(branch))]);
    let is_not = table([("not", is_of_a_fork.clone())]);
    let keys = contexts.iter().cloned().chain(filters).collect();
    table([
        ("setup", table([("when", is_not), jobs(keys)])),
        ("setup-of-forks", table([("when", is_of_a_fork), jobs(Vec::new())])),
    ])
}

fn map(keys: Vec<(&str, Yaml)>) -> Yaml {
    Yaml::Table(keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
