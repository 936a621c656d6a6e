//! Monorepos of tiny images, with the files that a CI begins with.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::support::bed::setting;
use crate::support::ci::{POOL, Site, System};
use crate::support::engines::BedEngine;
use crate::support::numbers::Numbers;
use crate::support::shop::{Cache, Shop};

/// A seed that differs from run to run, or the one that `CHINAMPA_SIMULATION_SEED` names; it is printed.
#[expect(clippy::print_stdout, reason = "a test that fails shows it")]
pub(super) fn seed() -> u64 {
    let given = std::env::var("CHINAMPA_SIMULATION_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("seed: {seed} (again: CHINAMPA_SIMULATION_SEED={seed})");
    seed
}

/// Files of projects, without a place for their images.
#[derive(Clone, Debug)]
pub(super) struct Monorepo {
    /// With their Dockerfiles; each has a file `f`.
    pub(super) projects: Vec<(String, String)>,
    /// What differs from the contents of all other monorepos.
    salt: u64,
    has_deployments: bool,
    /// Whether there is an environment for tags.
    has_releases: bool,
    /// Whether jobs log in with `REGISTRY_USER` and `REGISTRY_PASSWORD`.
    has_login: bool,
}

impl Monorepo {
    /// Projects that are built from up to three others each, and one that has a named stage.
    pub(super) fn random(projects: usize, numbers: &mut Numbers) -> Self {
        let name = |number: usize| format!("p{number:02}");
        let mut monorepo = Self::of(&[(
            "p00",
            "FROM scratch AS files\nCOPY f /f\nFROM scratch\nCOPY --from=files /f /p00\n",
        )]);
        for number in 1..projects {
            let mut needs: Vec<usize> =
                (0..[0, 1, 1, 2, 3][numbers.below(5)]).map(|_| numbers.below(number)).collect();
            needs.sort_unstable();
            needs.dedup();
            let mut dockerfile = match needs.split_first() {
                None => "FROM scratch\n".to_owned(),
                Some((first, others)) => {
                    others.iter().fold(format!("FROM {}\n", name(*first)), |text, other| {
                        text + &format!("COPY --from={0} /{0} /from/{0}\n", name(*other))
                    })
                }
            };
            writeln!(dockerfile, "COPY f /{}", name(number)).unwrap();
            monorepo.projects.push((name(number), dockerfile));
        }
        monorepo
    }

    pub(super) fn of(projects: &[(&str, &str)]) -> Self {
        let projects =
            projects.iter().map(|(name, dockerfile)| ((*name).to_owned(), (*dockerfile).to_owned()));
        Self {
            projects: projects.collect(),
            salt: RandomState::new().build_hasher().finish(),
            has_deployments: true,
            has_releases: false,
            has_login: false,
        }
    }

    /// The same without environments to deploy to.
    pub(super) fn without_deployments(self) -> Self {
        Self { has_deployments: false, ..self }
    }

    /// The same with the environment `release`, to which the tags `v*` are deployed.
    pub(super) fn with_releases(self) -> Self {
        Self { has_releases: true, ..self }
    }

    /// The same with the names of the variables that have the login for the registry.
    pub(super) fn with_login(self) -> Self {
        Self { has_login: true, ..self }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.projects.iter().map(|(name, _)| name.clone()).collect()
    }

    /// A repository of it whose images are kept apart from all others, and the commit on `main`.
    pub(super) fn shop(&self, system: System) -> (Shop, String) {
        let mut shop = Shop::new().cache(Cache::oci());
        // So that what is left there is removed.
        POOL.into_iter().for_each(|engine| shop.use_engine(engine));
        shop.use_engine(BedEngine::Machine);
        let mut manifest = format!("[workspace]\nname = \"shop\"\n\n{}", shop.cache_table());
        if self.has_deployments {
            write!(
                manifest,
                "\n[deploy]\nkind = \"oci\"\nhost = \"{}\"\nprefix = \"{}deployed/\"\n\n\
                 [environments.dev]\nbranch = \"main\"\n\n\
                 [environments.prod]\nbranch = \"main\"\napproval = true\n",
                setting("REGISTRY_1"),
                shop.prefix,
            )
            .unwrap();
        }
        if self.has_login {
            let host = setting("REGISTRY_1");
            let login = "{ user = \"REGISTRY_USER\", password = \"REGISTRY_PASSWORD\" }";
            write!(manifest, "\n[ci.login]\n\"{host}\" = {login}\n").unwrap();
        }
        if self.has_releases {
            manifest += "\n[environments.release]\ntag = \"v*\"\n";
        }
        for (name, dockerfile) in &self.projects {
            writeln!(manifest, "\n[projects.{name}]\npath = \"{name}\"").unwrap();
            shop.world.write(&format!("{name}/Dockerfile"), dockerfile);
            shop.world.write(&format!("{name}/f"), format!("{} {name}", self.salt));
        }
        shop.world.write("projects.toml", manifest).commit();
        let written = shop.world.run(["ci", "init", system.name()]);
        assert_eq!(written.exit, 0, "{written}");
        let commit = shop.world.commit();
        (shop, commit)
    }
}

/// Where a CI runs for a shop.
pub(super) fn site(shop: &Shop) -> Site {
    Site::new(shop.world.path(), shop.config_file().parent().unwrap())
}

/// The name of the job that builds a project.
pub(super) fn job(system: System, project: &str) -> String {
    match system {
        System::GitHub => project.to_owned(),
        System::GitLab => format!("build {project}"),
        System::CircleCi | System::Buildkite => format!("build-{project}"),
        System::CodeBuild => format!("build_{project}"),
    }
}

/// The name of the job that says what is built.
pub(super) fn planning(system: System) -> &'static str {
    match system {
        System::GitHub => "plan",
        System::CodeBuild => "shop-starter",
        System::CircleCi | System::GitLab | System::Buildkite => "generate",
    }
}
