//! A script stands in for Terraform and writes down how it was called.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chinampa::internals::deploy::{
    Checkout, CheckoutError, Terraform, TerraformError, TerraformEvent, TerraformFolder, TerraformProgram,
    TerraformRoot, ValidateError, Validated, Validation, terraform_folders, validate_terraform,
};
use chinampa::internals::git::Repository;
use chinampa::internals::interruption::Interruption;
use chinampa::internals::workspace::{ManifestSource, Workspace};

use crate::support::world::World;

const MANIFEST: &str = "[workspace]\nname = \"shop\"\n[projects.api]\npath = \"api\"\n";

/// A backend that keeps the state.
const BACKEND: &str = "terraform {\n  backend \"s3\" {}\n}\n";

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
        Ok(terraform_folders(&snapshot, &workspace)?.into_values().flatten().collect())
    }

    /// The first folder, with its state under `key`.
    fn root(&self, key: &str) -> Result<TerraformRoot, TerraformError> {
        let repository = Repository::open(self.world.path()).unwrap();
        let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
        TerraformRoot::read(&snapshot, self.folders()?.remove(0), key.to_owned())
    }

    fn deploying(&self) -> Terraform {
        let variables =
            vec![("TF_VAR_DEPLOY_TAG", "shop-dev".to_owned()), ("TF_VAR_COMMIT_HASH", "1".repeat(40))];
        Terraform::new(self.program(), variables, self.tools.path().to_owned())
    }

    /// Validates as `build` does, until `interrupted` is ready.
    async fn validate(&self, interrupted: impl Future<Output = ()>) -> Result<Validated, ValidateError> {
        let repository = Repository::open(self.world.path()).unwrap();
        let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        let validation = Validation {
            program: TerraformProgram::At(self.program()),
            variables: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            temporary: self.tools.path().join("temporary"),
        };
        std::fs::create_dir_all(&validation.temporary).unwrap();
        let projects = workspace.projects.keys().cloned().collect();
        validate_terraform(&validation, &snapshot, &workspace, &projects, interrupted, &|_, _| {}).await
    }

    /// What is in the folder for temporary files.
    fn temporary(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.tools.path().join("temporary")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
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
    let committed = format!("# committed\n{BACKEND}");
    site.world.write("api/terraform/main.tf", &committed);
    let checkout = site.checkout().unwrap();
    site.world.write("api/terraform/main.tf", "not committed\n");
    let root = site.root("shop-dev/api").unwrap();
    let told = Mutex::new(Vec::new());

    let tell = |event| {
        if let TerraformEvent::Line { line, .. } = event {
            told.lock().unwrap().push(line.text);
        }
    };
    site.deploying().apply(&checkout, &root, &Interruption::new(), &tell).await.unwrap();

    let end = format!("1 0 shop-dev {}\n", "1".repeat(40));
    assert_eq!(
        site.logged(),
        format!(
            "init -input=false -backend-config=key=shop-dev/api {end}\
             apply -input=false -auto-approve -lock-timeout=10m {end}"
        )
    );
    let told = told.into_inner().unwrap();
    let of = |step: &str| std::iter::once(format!("{step} done")).chain(committed.lines().map(str::to_owned));
    assert_eq!(told, of("init").chain(of("apply")).collect::<Vec<_>>());
}

#[tokio::test]
async fn validation_asks_no_backend_and_plan_changes_nothing() {
    let site = Site::new("echo \"$*\" >>$log");
    site.world.write("api/terraform/main.tf", BACKEND);
    let checkout = site.checkout().unwrap();

    let validated = site.validate(std::future::pending()).await.unwrap();
    site.deploying().plan(&checkout, &site.root("k").unwrap(), &|_| {}).await.unwrap();

    assert_eq!(validated, Validated::Valid);
    assert_eq!(
        site.logged(),
        "init -backend=false -input=false\nvalidate\n\
         init -input=false -backend-config=key=k\nplan -input=false -lock=false\n"
    );
}

// issue 12: S1, P9
#[tokio::test]
async fn validation_gets_no_variable_and_no_program_that_the_commit_brings_along() {
    let site = Site::new("env | sort >>$log; ls -A >>$log");
    site.world.write("api/terraform/main.tf", BACKEND);
    for folder in ["terraform.d/plugins/x/linux_amd64", ".terraform/providers/x", "Terraform.D/plugins"] {
        site.world.write(&format!("api/terraform/{folder}/terraform-provider-x"), "#!/bin/sh\n");
    }
    site.world.commit();

    site.validate(std::future::pending()).await.unwrap();

    let logged = site.logged();
    let names: std::collections::BTreeSet<&str> = logged
        .lines()
        .map(|line| line.split('=').next().unwrap())
        // What the shell sets itself.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert_eq!(names, ["PATH", "TF_INPUT", "TF_IN_AUTOMATION", "main.tf"].into());
}

// issue 12: P16
#[tokio::test]
async fn a_signal_while_terraform_validates_ends_it_and_removes_the_files() {
    let site =
        Site::new("echo $$ >$log.new; mv $log.new $log; trap 'exit 1' INT; while :; do sleep 0.02; done");
    site.world.write("api/terraform/main.tf", BACKEND).commit();

    let begun = async {
        while !site.log().exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let validated = site.validate(begun).await.unwrap();

    assert_eq!(validated, Validated::Interrupted);
    assert_eq!(site.temporary(), Vec::<PathBuf>::new());
    let process = format!("/proc/{}", site.logged().trim());
    assert!(!Path::new(&process).exists(), "Terraform still runs");
}

#[tokio::test]
async fn what_is_not_valid_is_told_with_its_project() {
    let site = Site::new("echo \"Error: $1\" >&2; test $1 = init");
    site.world.write("api/terraform/main.tf", BACKEND).commit();

    let error = site.validate(std::future::pending()).await.unwrap_err();

    assert_eq!(error.to_string(), "the Terraform configuration of `api` is not valid, so nothing was built");
    assert_eq!(error.log_tail(), ["Error: validate"]);
}

#[tokio::test]
async fn a_failure_says_which_step_failed_where_and_shows_the_last_lines() {
    let site = Site::new("echo \"Error: no such bucket\" >&2; exit 1");
    site.world.write("api/terraform/main.tf", BACKEND);
    let checkout = site.checkout().unwrap();
    let root = site.root("k").unwrap();

    let error = site.deploying().apply(&checkout, &root, &Interruption::new(), &|_| {}).await.unwrap_err();

    assert_eq!(error.to_string(), "`terraform init` failed in `api/terraform`");
    assert_eq!(error.log_tail(), ["Error: no such bucket"]);
}

// issue 12: P3
#[test]
fn a_state_that_would_be_gone_with_the_run_is_refused_and_says_why() {
    for (configuration, said) in [
        ("", "names no backend"),
        ("terraform {\n  backend \"local\" {}\n}\n", "keeps its state with the backend `local`"),
    ] {
        let site = Site::new("");
        site.world.write("api/terraform/main.tf", configuration).commit();

        let error = site.root("k").unwrap_err();

        assert!(matches!(error, TerraformError::NoBackend { .. }));
        let error = error.to_string();
        assert!(error.contains(said) && error.contains("would be gone with this run"), "{error}");
    }
}

// issue 12: P4
#[test]
fn a_folder_has_one_owner() {
    let site = Site::new("");
    let two = "[workspace]\nname = \"shop\"\n[projects.api]\npath = \"api\"\n[projects.web]\npath = \"api\"\nrepository = \"web\"\n";
    site.world.write("projects.toml", two).write("api/terraform/main.tf", BACKEND).commit();

    let error = site.folders().unwrap_err();

    assert_eq!(
        error.to_string(),
        "`api/terraform` is the Terraform of two projects, which would each make its resources: \
         `api` (projects.toml:3) and `web` (projects.toml:5)"
    );
    for other in ["terraform = false", "terraform = \"other\""] {
        site.world.write("projects.toml", format!("{two}{other}\n"));
        site.world.write("api/other/main.tf", BACKEND).commit();
        assert!(site.folders().is_ok(), "{other}");
    }
    // One that names the folder has it, and the other one has none.
    site.world.write("projects.toml", format!("{two}terraform = \"terraform\"\n")).commit();
    assert_eq!(site.folders().unwrap().len(), 1);
}

// issue 12: P2
#[test]
fn terraform_has_changed_when_a_file_of_its_folder_or_of_a_module_has_and_not_otherwise() {
    let site = Site::new("");
    let module = "module \"m\" { source = \"../../modules/service\" }\n";
    site.world.write("api/terraform/main.tf", format!("{BACKEND}{module}"));
    site.world.write("modules/service/main.tf", "module \"n\" { source = \"../deep\" }\n");
    site.world.write("modules/deep/main.tf", "").write("modules/deep/files/a", "1");
    site.world.write("modules/other/main.tf", "").commit();
    let fingerprint = || {
        site.world.commit();
        let root = site.root("k").unwrap();
        assert_eq!(root.reads_elsewhere, None);
        root.fingerprint
    };
    let mut known = vec![fingerprint()];

    for file in ["api/terraform/x.tpl", "modules/service/b.tf", "modules/deep/files/a"] {
        site.world.write(file, format!("# {file}\n"));
        let changed = fingerprint();
        assert!(!known.contains(&changed), "{file}");
        known.push(changed);
    }
    for file in ["modules/other/main.tf", "api/src/a", "README"] {
        site.world.write(file, format!("# {file}\n"));
        assert_eq!(known.last(), Some(&fingerprint()), "{file}");
    }
    assert_ne!(site.root("k").unwrap().fingerprint, site.root("another").unwrap().fingerprint);
}

// issue 12: P2
#[test]
fn a_folder_that_reads_a_path_elsewhere_counts_as_changed() {
    let reads = |files: &[(&str, &str)]| {
        let site = Site::new("");
        site.world.write("api/terraform/main.tf", BACKEND).write("api/shared/a.json", "{}");
        for (file, text) in files {
            site.world.write(file, text);
        }
        site.world.commit();
        site.root("k").unwrap().reads_elsewhere
    };

    for (text, elsewhere) in [
        ("locals { a = file(\"${path.module}/../shared/a.json\") }", true),
        ("locals { a = file(\"${path.module}/a.json\") }", false),
        ("locals { a = templatefile(\"../shared/a.json\", {}) }", true),
        ("locals { a = fileset(path.module, \"*.json\") }", false),
        ("locals { a = file(var.a) }", true),
        ("module \"m\" { source = \"../../nowhere\" }", true),
        ("module \"m\" { source = \"../shared\" }", false),
        ("module \"m\" { source = \"terraform-aws-modules/vpc/aws\" }", false),
        ("data \"archive_file\" \"z\" { source_dir = \"../shared\" }", true),
    ] {
        let found = reads(&[("api/terraform/b.tf", text)]);
        assert_eq!(found.is_some(), elsewhere, "{text}: {found:?}");
    }
    assert!(reads(&[("api/terraform/b.tf.json", "{}")]).is_some());
}

#[test]
fn a_link_that_leads_out_of_the_folder_counts_as_changed() {
    let site = Site::new("");
    site.world.write("api/terraform/main.tf", BACKEND).write("api/terraform/files/a", "1");
    std::os::unix::fs::symlink("files/a", site.world.file("api/terraform/b")).unwrap();
    site.world.commit();
    assert_eq!(site.root("k").unwrap().reads_elsewhere, None);

    std::os::unix::fs::symlink("../Dockerfile", site.world.file("api/terraform/c")).unwrap();
    site.world.commit();

    assert!(site.root("k").unwrap().reads_elsewhere.is_some());
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
    let id: chinampa::internals::model::ObjectId = id.parse().unwrap();
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
    fn parse_path(&self) -> chinampa::internals::model::RepoPath;
}

impl ParsePath for str {
    fn parse_path(&self) -> chinampa::internals::model::RepoPath {
        chinampa::internals::model::RepoPath::new(self).unwrap()
    }
}
