//! The setup configuration of CircleCI.

use super::{File, Request, Starter, generate, header};
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, circleci};

pub(super) fn starter(Request { setup, job, has_tag_rules, .. }: Request<'_>) -> Starter {
    let commands = [
        "pipeline=$(mktemp)",
        "chinampa ci generate circleci > \"$pipeline\"",
        "chinampa ci continue \"$pipeline\"",
    ];
    let lines = generate(setup, System::CircleCi, &commands).join("\n") + "\n";
    let run = table([("run", table([("name", "Generate the pipeline".into()), ("command", lines.into())]))]);
    let image = job.image.as_deref().unwrap_or(circleci::MACHINE);
    let job = table_of([
        ("machine", Some(table([("image", image.into())]))),
        ("resource_class", job.machine.as_ref().map(Into::into)),
        ("steps", Some(Yaml::List(vec!["checkout".into(), run]))),
    ]);
    let with_tags = || table([("generate", table([("filters", circleci::all_tags())]))]);
    let generate = if has_tag_rules { with_tags() } else { "generate".into() };
    let document = table([
        ("version", Yaml::Decimal("2.1")),
        ("setup", true.into()),
        ("jobs", table([("generate", job)])),
        ("workflows", table([("setup", table([("jobs", Yaml::List(vec![generate]))]))])),
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
