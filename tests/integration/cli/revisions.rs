//! What `--head` and `--base` take, with `git rev-parse` as the judge.

use std::process::Command;

use crate::support::world::{FORMATS, World};

#[test]
fn revisions_name_the_commits_that_they_name_to_git() {
    for format in FORMATS {
        each_revision_is_what_git_says(&World::with_api_in(format));
    }
}

fn each_revision_is_what_git_says(world: &World) {
    world.git(["tag", "-a", "-m", "first", "v1"]);
    for number in 2..5 {
        world.git(["commit", "-q", "--allow-empty", "-m", &format!("change {number}")]);
    }
    world.git(["checkout", "-q", "-b", "topic", "HEAD~2"]);
    world.git(["commit", "-q", "--allow-empty", "-m", "topic"]);
    world.git(["checkout", "-q", "main"]);
    world.git(["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    let [short, described] = [world.git(["rev-parse", "--short", "HEAD~2"]), world.git(["describe"])];
    world.git(["fetch", "-q", ".", "topic"]);
    // The git folder has files of these names.
    world.git(["branch", "config", "HEAD~1"]);
    world.git(["reset", "-q", "--hard", "HEAD"]);
    let tree = world.git(["rev-parse", "HEAD^{tree}"]);
    let revisions = "HEAD @ HEAD~ HEAD~1 HEAD~~ HEAD^ HEAD^0 HEAD^2 HEAD^2~1^0 HEAD^3 HEAD~99 v1 v1~0 v1~1 v1^{} v1^{commit} \
        tags/v1 refs/tags/v1 main heads/topic refs/heads/topic topic^{}~1 HEAD@{1} @{1} main@{0} :/change HEAD^{/topic} \
        FETCH_HEAD ORIG_HEAD config heads/config description main-worktree/HEAD main-worktree/HEAD~1 HEAD^{tree} HEAD^x HEAD~{ HEAD^{ nothing 0000000000000000000000000000000000000000 abcdef \
        1111111111111111111111111111111111111111111111111111111111111111 :projects.toml ~1 ^";

    for revision in revisions.split_whitespace().chain([short.as_str(), &described, &tree]) {
        let git = Command::new("git")
            .args(["rev-parse", "--quiet", "--verify", &format!("{revision}^{{commit}}")])
            .current_dir(world.path())
            .output()
            .unwrap();
        let named = String::from_utf8(git.stdout).unwrap();

        let answer = world.run(["plan", "--offline", "--json", "--head", revision]);

        if git.status.success() {
            assert_eq!(answer.json()["head"], named.trim(), "{revision}");
        } else {
            assert_eq!(answer.exit, 2, "{revision}: {answer}");
        }
    }
}
