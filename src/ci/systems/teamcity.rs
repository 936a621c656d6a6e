//! <https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html>
//!
//! What is built is in a file of configuration parameters, which the file of build properties names. Nothing says whether a pull
//! request comes from a fork.

use std::collections::{BTreeMap, BTreeSet};

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};
use crate::ci::{Source, Sourced};
use crate::model::BranchName;

/// Followed by the id of a VCS root: the full name of the reference that was checked out from it.
const BRANCH_OF_ROOT: &str = "teamcity.build.vcs.branch.";

const TARGET: &str = "teamcity.pullRequest.target.branch";

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let build = properties(&environment.file_at("TEAMCITY_BUILD_PROPERTIES_FILE").unwrap_or_default());
    let parameters = build.get("teamcity.configuration.properties.file");
    let parameters = parameters.and_then(|file| (environment.file)(file)).unwrap_or_default();
    let parameters = properties(&parameters);
    Run {
        // Not set where a build has several VCS roots.
        commit: environment.commit("BUILD_VCS_NUMBER"),
        event: event(&parameters),
        previous: None,
        id: None,
        node: None,
        job: environment.get("TEAMCITY_BUILDCONF_NAME"),
        repository_url: parameters.get("vcsroot.url").cloned(),
        is_of_codepipeline: false,
    }
}

fn event(parameters: &BTreeMap<String, String>) -> Event {
    if let Some(number) = parameters.get("teamcity.pullRequest.number") {
        let target = parameters.get(TARGET).map(|name| Sourced {
            value: BranchName::new(name.strip_prefix("refs/heads/").unwrap_or(name)),
            source: Source::Parameter(TARGET),
        });
        return PullRequest::of_unknown_origin(number.parse().ok()).into_branch(target).into();
    }
    let of_roots = parameters.iter().filter(|(name, _)| name.starts_with(BRANCH_OF_ROOT));
    let references: BTreeSet<&String> = of_roots.map(|(_, reference)| reference).collect();
    match references.into_iter().collect::<Vec<_>>().as_slice() {
        // Pull requests that no feature of the build describes: `refs/pull/7/head`, `refs/merge-requests/7/head`.
        [reference]
            if reference.starts_with("refs/pull") || reference.starts_with("refs/merge-requests/") =>
        {
            PullRequest::of_unknown_origin(None).into()
        }
        [reference] => Event::reference(reference, Source::Parameter("teamcity.build.vcs.branch")),
        _ => Event::Unknown,
    }
}

/// A file of Java's properties, as far as TeamCity writes them: `name=value`, with `\` before what would mean something else.
fn properties(text: &str) -> BTreeMap<String, String> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(property).collect()
}

fn property(line: &str) -> Option<(String, String)> {
    let mut name = String::new();
    let mut rest = line.chars();
    loop {
        match rest.next()? {
            '\\' => name.push(rest.next()?),
            '=' => break,
            letter => name.push(letter),
        }
    }
    let mut value = String::new();
    while let Some(letter) = rest.next() {
        value.push(if letter == '\\' { rest.next()? } else { letter });
    }
    Some((name, value))
}
