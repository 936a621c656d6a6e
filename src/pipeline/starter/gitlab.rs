//! The parent pipeline of GitLab.

use super::branches::{Wildcards, expression};
use super::{File, Request, Starter, generate, header};
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, gitlab};

const WILDCARDS: Wildcards = Wildcards { within_slashes: "[^/]*", any: ".*" };

pub(super) fn starter(Request { branches, setup, job, .. }: Request<'_>) -> Starter {
    let rule = |condition: &str| table([("if", condition.into())]);
    let of_branch = |branch: &&str| {
        let expression = expression(branch, WILDCARDS).replace('/', "\\/");
        rule(&format!("$CI_COMMIT_BRANCH =~ /^{expression}$/"))
    };
    let mut rules = vec![rule("$CI_PIPELINE_SOURCE == \"merge_request_event\"")];
    rules.extend(branches.iter().map(of_branch));
    rules.push(rule("$CI_COMMIT_TAG"));
    let workflow = table([
        ("auto_cancel", table([("on_new_commit", "interruptible".into())])),
        ("rules", Yaml::List(rules)),
    ]);
    let token = || table([("AWS_ID_TOKEN", table([("aud", "sts.amazonaws.com".into())]))]);
    let generate = table_of([
        ("stage", Some("build".into())),
        ("image", job.image.as_ref().map(Into::into)),
        ("tags", Some(job.runner.clone()).filter(|tags| !tags.is_empty()).map(Into::into)),
        ("interruptible", Some(true.into())),
        ("id_tokens", setup.role.is_some().then(token)),
        ("variables", gitlab::variables(job)),
        (
            "script",
            Some(
                generate(
                    setup,
                    System::GitLab,
                    &[&format!("{} > images.yml", setup.command("ci generate gitlab"))],
                )
                .into(),
            ),
        ),
        ("artifacts", Some(table([("paths", vec!["images.yml"].into()), ("expire_in", "1 week".into())]))),
    ]);
    let include = table([("artifact", "images.yml".into()), ("job", "generate".into())]);
    let trigger = table([
        ("include", Yaml::List(vec![include])),
        ("strategy", "mirror".into()),
        // Forwarded variables would go before those of the jobs.
        ("forward", table([("yaml_variables", false.into())])),
    ]);
    let document = table([
        ("workflow", workflow),
        ("generate", generate),
        ("images", table([("stage", "test".into()), ("trigger", trigger)])),
    ]);
    let text = header(setup, "gitlab") + &document.document();
    Starter {
        files: vec![File { path: ".gitlab-ci.yml", text }],
        notes: vec![
            "settings, CI/CD, Variables: protect the variables with credentials, so that only protected branches and tags get them",
        ],
    }
}
