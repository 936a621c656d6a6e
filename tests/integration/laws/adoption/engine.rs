//! The images of a repository that is adopted are those that `docker build` makes of its whole checkout.
//!
//! Base images are busybox with a tool that writes down what it reads. What `init` lists as undecided may differ, and nothing else.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::TRUE_FINDINGS;
use super::docker_build::{DockerBuild, SECRET_VALUE, write};
use super::draft::{Draft, Layout, small_drafts};
use super::image::{Image, Naming, SECRET};
use super::repository::{Repository, key, written};
use crate::end_to_end::support::project;
use crate::laws::affected::repository::Entry;
use crate::laws::config_of;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::is_soak;
use crate::support::shop::Shop;
use crate::support::world::Answer;

on_each_engine!(images_of_an_adopted_repository_are_those_of_docker_build);

/// How many repositories are built on each engine, and in the soak.
const REPOSITORIES: [u32; 2] = [1, 25];

/// How many images a repository has at most, and in the soak.
const MAX_IMAGES: [usize; 2] = [4, 9];

fn images_of_an_adopted_repository_are_those_of_docker_build(engine: BedEngine) {
    // A build takes long: a case that fails is made smaller a few times only.
    let config = Config { max_shrink_iters: 6, ..config_of(REPOSITORIES) };
    let max = MAX_IMAGES[usize::from(is_soak())];
    let (all, compared) = (Cell::new(0), Cell::new(0));

    TestRunner::new(config)
        .run(&small_drafts(max), |draft| {
            let adopted = Adopted::new(&draft, engine);
            let (images, differences) = adopted.compared();
            all.set(all.get() + adopted.repository.images.len());
            compared.set(compared.get() + images);
            prop_assert!(differences.is_empty(), "{:#?}\n{:#?}", differences, draft);
            Ok(())
        })
        .unwrap();

    let (all, compared) = (all.get(), compared.get());
    let counts = format!("{compared} of {all} images were compared, the others are undecided\n");
    std::io::stderr().write_all(counts.as_bytes()).unwrap();
    assert!(10 * compared >= 9 * all || !is_soak(), "too few were compared");
}

/// A repository that is adopted and built, on an engine that has its base images.
struct Adopted {
    repository: Repository,
    /// What `init` answered.
    proposal: Value,
    /// What `build` reported.
    report: Value,
    docker_build: DockerBuild,
    shop: Shop,
}

impl Adopted {
    fn new(draft: &Draft, engine: BedEngine) -> Self {
        let mut shop = Shop::new().on(engine);
        shop.world.set(SECRET.1, SECRET_VALUE);
        let own = shop.prefix.trim_end_matches('/').to_owned();
        let mark: String = Sha256::digest(&own).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let naming = Naming {
            registry: format!("quay.io/{own}-{mark}"),
            bases: format!("bases-{mark}/"),
            suffix: format!("-{mark}"),
        };
        let repository = written(draft, &naming);
        write(&repository.files, shop.world.path());
        // The workspace is called after the repository, and so is the prefix of its images in the engine.
        shop.world.git(["remote", "add", "origin", &format!("https://git.example/{own}.git")]);
        shop.world.commit();
        let docker_build = DockerBuild::new(engine, shop.config_file().parent().unwrap(), &naming);

        let proposed = shop.world.run(["init", "--json"]);
        assert_eq!(proposed.exit, 0, "{proposed}");
        let proposal = proposed.json();
        shop.world.commit();
        let built = shop.world.run(["build", "--json"]);

        let is_sure = proposal["undecided"] == json!([]);
        assert!(built.exit == 0 || !is_sure, "{built}\n{draft:#?}");
        let report = built.json();
        Self { repository, proposal, report, docker_build, shop }.checked(is_sure)
    }

    /// What `plan` and `lint` say of it is true, and `lint --fix` has nothing to do.
    fn checked(self, is_sure: bool) -> Self {
        let world = &self.shop.world;
        let planned = world.run(["plan", "--json"]);
        assert_eq!(planned.exit, 0, "{planned}");
        let is_true = |finding: &Value| TRUE_FINDINGS.iter().any(|code| finding["code"] == code.name());
        let is_right = |answer: &Answer| answer.json()["findings"].as_array().unwrap().iter().all(is_true);
        for answer in [world.run(["lint", "--json"]), world.run(["lint", "--fix", "--json"])] {
            assert!(is_right(&answer) || !is_sure, "{answer}");
        }
        assert_eq!(world.git(["status", "--porcelain"]), "", "`lint --fix` changed something");
        self
    }

    /// How many images were compared, and where those of the two differ.
    fn compared(&self) -> (usize, Vec<String>) {
        let checkout = tempfile::tempdir().unwrap();
        write(&self.repository.files, checkout.path());
        let images = &self.repository.images;
        let mut differences = Vec::new();
        // Those that nobody is sure of, and what is built from them.
        let mut doubtful = BTreeSet::new();
        for (at, image) in images.iter().enumerate() {
            if image.layout == Layout::Inline {
                let content = std::fs::read_to_string(self.shop.world.file(&image.dockerfile)).unwrap();
                let file = Entry::File { content, executable: false };
                write(&BTreeMap::from([(image.dockerfile.clone(), file)]), checkout.path());
            }
            self.docker_build.build(at, images, checkout.path());
            let has_doubtful = image.parents.iter().any(|parent| doubtful.contains(&parent.image));
            if has_doubtful || self.is_undecided(image) {
                doubtful.insert(at);
                continue;
            }
            let ours = self.docker_build.files(self.built(image));
            let theirs = self.docker_build.files(&self.docker_build.name_of(at));
            let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for path in paths.into_iter().filter(|path| ours.get(*path) != theirs.get(*path)) {
                let (ours, theirs) = (ours.get(path), theirs.get(path));
                differences.push(format!("`{path}` of {}: {ours:?}, by docker {theirs:?}", image.dockerfile));
            }
        }
        (images.len() - doubtful.len(), differences)
    }

    fn is_undecided(&self, image: &Image) -> bool {
        let names = self.repository.names_of(&image.dockerfile);
        let listed = self.proposal["undecided"].as_array().unwrap().iter();
        let mut files = listed.map(|one| one["at"].as_str().unwrap().split(':').next().unwrap());
        files.any(|file| names.contains(file))
    }

    /// The reference of what `build` made.
    fn built(&self, image: &Image) -> &str {
        let wanted = key(&image.dockerfile, &image.context, &image.build_args);
        let is_wanted = |project: &Value| {
            let text = |key: &str| project[key].as_str().unwrap();
            let args = serde_json::from_value(project["build_args"].clone()).unwrap();
            key(text("dockerfile"), text("context"), &args) == wanted
        };
        let mut projects = self.proposal["projects"].as_object().unwrap().iter();
        let found = projects.find(|(_, project)| is_wanted(project));
        let (name, _) = found.unwrap_or_else(|| panic!("no project is {wanted}: {}", self.proposal));
        project(&self.report, name)["image"].as_str().unwrap_or_else(|| panic!("{name}: {}", self.report))
    }
}
