//! A script stands in for Terraform and writes down how it was called.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chinampa::deploy::{
    Checkout, CheckoutError, Terraform, TerraformError, TerraformEvent, TerraformFolder, terraform_folders,
};
use chinampa::git::Repository;
use chinampa::workspace::{ManifestSource, Workspace};

use crate::world::World;

const MANIFEST: &str = "[workspace]\nname = \"shop\"\n[projects.api]\npath = \"api\"\n";

/// A repository with one project, and a `terraform` outside of it.
struct Site {
    world: World,
    tools: tempfile::TempDir,
}

impl Site {
    fn new(script: &str) -> Self {
        let site = Self { world: World::new(), tools: tempfile::tempdir().unwrap() };
        let program = site.program();
        let log = site.log().display().to_string();
        std::fs::write(&program, format!("#!/bin/sh\nlog={log}\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        site.world.write("projects.toml", MANIFEST).write("api/Dockerfile", "FROM scratch\n");
        site
    }

    fn program(&self) -> PathBuf {
        self.tools.path().join("terraform")
    }

    fn log(&self) -> PathBuf {
        self.tools.path().join("log")
    }

    /// Commits and writes the commit out.
    fn checkout(&self) -> Result<Checkout, CheckoutError> {
        self.world.commit();
        let repository = Repository::open(self.world.path()).unwrap();
        let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
        Checkout::new(&snapshot, self.tools.path())
    }

    fn folders(&self) -> Result<Vec<TerraformFolder>, TerraformError> {
        let repository = Repository::open(self.world.path()).unwrap();
        let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        terraform_folders(&snapshot, &workspace.projects.values().next().unwrap().config)
    }

    fn deploying(&self) -> Terraform {
        Terraform::for_deployment(self.program(), "shop-dev", "1".repeat(40).parse().unwrap())
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }
}

#[test]
fn the_folders_are_the_one_of_the_project_and_those_directly_in_it_that_have_a_main_file() {
    let site = Site::new("");
    for file in [
        "api/terraform/main.tf",
        "api/terraform/b/main.tf",
        "api/terraform/a/main.tf",
        "api/terraform/a/deep/main.tf",
        "api/terraform/modules/variables.tf",
        "api/main.tf",
    ] {
        site.world.write(file, "");
    }
    site.world.commit();

    let folders = site.folders().unwrap();

    let keys: Vec<_> = folders.iter().map(|folder| folder.backend_key("shop-dev", "api")).collect();
    assert_eq!(keys, ["shop-dev/api", "shop-dev/api/a", "shop-dev/api/b"]);
    let paths: Vec<_> = folders.iter().map(|folder| folder.path.to_string()).collect();
    assert_eq!(paths, ["api/terraform", "api/terraform/a", "api/terraform/b"]);
}

#[test]
fn a_named_folder_without_a_main_file_is_an_error_and_none_at_all_is_not() {
    let site = Site::new("");
    site.world.commit();
    assert_eq!(site.folders().unwrap(), []);

    site.world.write("projects.toml", format!("{MANIFEST}terraform = \"infra\"\n"));
    site.world.write("api/infra/variables.tf", "").commit();

    let error = site.folders().unwrap_err();
    assert_eq!(error.to_string(), "there is no `main.tf` in `api/infra`, nor in a folder directly in it");
}

#[tokio::test]
async fn apply_is_called_as_the_scripts_called_it_and_its_output_is_told() {
    let site = Site::new(
        "echo \"$*\" $TF_IN_AUTOMATION $TF_INPUT $TF_VAR_DEPLOY_TAG $TF_VAR_COMMIT_HASH >>$log\n\
         echo \"$1 done\"; cat main.tf",
    );
    site.world.write("api/terraform/main.tf", "committed\n");
    let checkout = site.checkout().unwrap();
    site.world.write("api/terraform/main.tf", "not committed\n");
    let folder = site.folders().unwrap().remove(0);
    let told = Mutex::new(Vec::new());

    let tell = |event| {
        if let TerraformEvent::Line { line, .. } = event {
            told.lock().unwrap().push(line.text);
        }
    };
    site.deploying().apply(&checkout, &folder, "shop-dev/api", &tell).await.unwrap();

    let end = format!("1 0 shop-dev {}\n", "1".repeat(40));
    assert_eq!(
        site.logged(),
        format!(
            "init -input=false -backend-config=key=shop-dev/api {end}apply -input=false -auto-approve {end}"
        )
    );
    assert_eq!(*told.lock().unwrap(), ["init done", "committed", "apply done", "committed"]);
}

#[tokio::test]
async fn validate_uses_a_key_of_nobody_and_plan_changes_nothing() {
    let site = Site::new("echo \"$*\" >>$log");
    site.world.write("api/terraform/main.tf", "");
    let checkout = site.checkout().unwrap();
    let folder = site.folders().unwrap().remove(0);

    Terraform::new(site.program()).validate(&checkout, &folder, &|_| {}).await.unwrap();
    site.deploying().plan(&checkout, &folder, "k", &|_| {}).await.unwrap();

    assert_eq!(
        site.logged(),
        "init -input=false -backend-config=key=dummy\nvalidate\n\
         init -input=false -backend-config=key=k\nplan -input=false\n"
    );
}

#[tokio::test]
async fn a_failure_says_which_step_failed_where_and_shows_the_last_lines() {
    let site = Site::new("echo \"Error: no such bucket\" >&2; exit 1");
    site.world.write("api/terraform/main.tf", "");
    let checkout = site.checkout().unwrap();
    let folder = site.folders().unwrap().remove(0);

    let error = site.deploying().apply(&checkout, &folder, "k", &|_| {}).await.unwrap_err();

    assert_eq!(error.to_string(), "`terraform init` failed in `api/terraform`");
    assert_eq!(error.log_tail(), ["Error: no such bucket"]);
}

#[test]
fn a_checkout_is_the_commit_with_modes_and_links_and_modules_beside_the_folder() {
    let site = Site::new("");
    site.world.write("modules/a.tf", "module").write("api/run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(site.world.file("api/run.sh"), Permissions::from_mode(0o755)).unwrap();
    site.world.write("api/terraform/main.tf", "");
    std::os::unix::fs::symlink("../../modules", site.world.file("api/terraform/modules")).unwrap();

    let checkout = site.checkout().unwrap();

    let api = checkout.path(&"api".parse_path()).unwrap();
    assert_eq!(std::fs::read_to_string(api.join("terraform/modules/a.tf")).unwrap(), "module");
    assert_eq!(std::fs::metadata(api.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    drop(checkout);
    assert!(!api.exists());
}

#[test]
fn a_link_out_of_the_repository_spoils_only_the_folder_that_it_is_in() {
    let site = Site::new("");
    site.world.write("api/terraform/main.tf", "").write("web/terraform/main.tf", "");
    std::os::unix::fs::symlink("/etc/passwd", site.world.file("web/terraform/users")).unwrap();

    let checkout = site.checkout().unwrap();

    assert!(checkout.path(&"api/terraform".parse_path()).is_ok());
    let error = checkout.path(&"web/terraform".parse_path()).unwrap_err();
    assert_eq!(error.to_string(), "`web/terraform` can't be used");
}

// issue 12: S7
#[test]
fn a_link_that_leads_out_by_way_of_another_is_not_made() {
    let site = Site::new("");
    let link =
        |target: &str, place: &str| std::os::unix::fs::symlink(target, site.world.file(place)).unwrap();
    site.world.write("api/terraform/main.tf", "").write("web/terraform/main.tf", "").write("a/b/c/d", "");
    link("../../..", "a/b/c/up");
    link("../../a/b/c/up/../etc/passwd", "web/terraform/users");
    link("../../a/b/c/up/a", "api/terraform/inside");

    let checkout = site.checkout().unwrap();

    let inside = checkout.path(&"api/terraform".parse_path()).unwrap().join("inside");
    assert!(inside.join("b/c/d").is_file());
    let root = checkout.path(&"api".parse_path()).unwrap().parent().unwrap().to_owned();
    assert!(root.join("web/terraform/users").symlink_metadata().is_err());
    assert!(checkout.path(&"web/terraform".parse_path()).is_err());
}

#[test]
fn a_tree_that_holds_a_git_folder_or_writes_through_a_link_is_refused() {
    let site = Site::new("");
    site.world.commit();
    let blob = site.world.git(["rev-parse", "HEAD:projects.toml"]);
    let folder = site.world.git(["rev-parse", "HEAD:api"]);
    let other_folder = hash(site.world.path(), "tree", &entry("100644", "other", &blob));
    let link = hash(site.world.path(), "blob", b"api");
    let repository = Repository::open(site.world.path()).unwrap();
    let write = |tree: &[u8]| {
        let tree = hash(site.world.path(), "tree", tree);
        let snapshot = repository.snapshot_of_tree(tree.parse().unwrap());
        Checkout::new(&snapshot, site.tools.path()).unwrap_err().to_string()
    };

    for name in [".git", ".GIT"] {
        let error = write(&entry("40000", name, &folder));
        assert!(error.ends_with("is part of a `.git` folder, which no commit may hold"), "{error}");
    }
    // issue 12: S7
    for (one, other) in [
        (entry("120000", "x", &link), entry("40000", "x", &folder)),
        (entry("100644", "x", &blob), entry("100644", "x", &blob)),
        (entry("120000", "x", &link), entry("100644", "x", &blob)),
        (entry("40000", "x", &folder), entry("40000", "x", &other_folder)),
    ] {
        assert_eq!(
            write(&[one, other].concat()),
            "`x` is in the commit twice, which no commit made by git has"
        );
    }
}

/// An entry of a raw tree.
fn entry(mode: &str, name: &str, id: &str) -> Vec<u8> {
    let id: chinampa::model::ObjectId = id.parse().unwrap();
    [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
}

/// Stores an object as it stands, however wrong, and returns its id.
fn hash(repository: &Path, kind: &str, content: &[u8]) -> String {
    use std::io::Write as _;
    let mut git = std::process::Command::new("git")
        .args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"])
        .current_dir(repository)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(content).unwrap();
    let output = git.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

trait ParsePath {
    fn parse_path(&self) -> chinampa::model::RepoPath;
}

impl ParsePath for str {
    fn parse_path(&self) -> chinampa::model::RepoPath {
        chinampa::model::RepoPath::new(self).unwrap()
    }
}
