//! What is inferred from a Dockerfile is what an engine takes: an image of the inferred inputs alone is the image of the whole
//! checkout.
//!
//! Several random cases are built at once, each in a folder and a stage of its own. Where an engine refuses one of them, each is
//! built alone: then the other context must be refused too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use chinampa::internals::engine::{Context, ContextFile, EngineError};
use chinampa::internals::git;
use chinampa::internals::inputs::{self, InputContent};
use chinampa::internals::model::{FileMode, RepoPath};
use chinampa::internals::workspace::{ManifestSource, Workspace};

use super::support::{self, Found, Repository, TestEngine, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::is_soak;
use crate::support::world::World;

on_each_engine!(async an_image_of_inferred_inputs_is_the_image_of_the_whole_checkout);

/// How many builds of [`CASES`] are tried on each engine, and in the soak.
const BUILDS: [usize; 2] = [1, 16];
const CASES: usize = 8;

const PATHS: [&str; 15] = [
    "a.c",
    "b.h",
    "x y",
    "link",
    "other",
    "src/a.c",
    "src/b.rs",
    "src/link",
    "src/deep/c.h",
    "src/deep/er/d",
    "doc/a.md",
    "doc/b/a.md",
    "doc/link",
    "deep",
    "é/a",
];

const TARGETS: [&str; 9] =
    ["a.c", "src", "src/deep", "../src", "../a.c", "link", "../link", "deep/er", "gone"];

const SOURCES: [&str; 26] = [
    "",
    "a.c",
    "src",
    "src/",
    "src/deep",
    "src/../a.c",
    "*",
    "*.c",
    "src/*",
    "src/*.?",
    "s*",
    "*/a*",
    "*/*/*",
    "[a-b].*",
    "[^a]*",
    "?",
    "?/a",
    "l*",
    "*/l*",
    "link",
    "link/a.c",
    "link/*",
    "src/link",
    "src/link/er",
    "doc/link",
    "other/deep/c.h",
];

const IGNORED: [&str; 12] = [
    "*.md",
    "src",
    "src/*",
    "!src/a.c",
    "**/*.h",
    "doc",
    "*",
    "!a.c",
    "!src/deep",
    "link",
    "**/l*",
    "src/deep/",
];

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

#[derive(Clone, Debug)]
struct Case {
    files: BTreeMap<&'static str, (FileMode, String)>,
    /// Each is copied, and the last one mounted if `has_mount`.
    sources: Vec<&'static str>,
    has_mount: bool,
    ignored: Vec<&'static str>,
}

impl Case {
    fn new(random: &mut Random, nonce: &str) -> Self {
        let mut files = BTreeMap::new();
        for path in PATHS {
            let is_link =
                path.ends_with("link") || path == "other" || (path == "deep" && random.below(2) == 0);
            let entry = match random.below(8) {
                0 => continue,
                _ if is_link => (FileMode::Symlink, random.of(&TARGETS).to_owned()),
                1 => (FileMode::Executable, format!("{path} {nonce}")),
                _ => (FileMode::Regular, format!("{path} {nonce}")),
            };
            files.insert(path, entry);
        }
        let sources = (0..=random.below(3)).map(|_| random.of(&SOURCES)).collect();
        let ignored = (0..random.below(4)).map(|_| random.of(&IGNORED)).collect();
        Self { files, sources, has_mount: random.below(4) == 0, ignored }
    }

    /// Its stage; what it takes is in `/x`.
    fn stage(&self, number: usize) -> String {
        let last = self.sources.last().map(|source| source.trim_end_matches(['*', '?']));
        let mut stage = format!("FROM {} AS c{number}\nWORKDIR /x\n", support::BASE);
        for (place, source) in self.sources.iter().enumerate() {
            stage += &format!("COPY [\"{number}/{source}\", \"/x/{place}/\"]\n");
        }
        if let Some(source) = last.filter(|_| self.has_mount) {
            stage += &format!("RUN --mount=source={number}/{source},target=/m busybox cp -a /m /x/m\n");
        }
        stage
    }

    fn ignore_file(&self, number: usize) -> String {
        let line = |line: &&str| match line.strip_prefix('!') {
            Some(line) => format!("!{number}/{line}\n"),
            None => format!("{number}/{line}\n"),
        };
        self.ignored.iter().map(line).collect()
    }
}

/// Cases in folders that are called after their numbers, with one Dockerfile.
struct Checkout {
    world: World,
    dockerfile: String,
    files: BTreeMap<Vec<u8>, (FileMode, String)>,
}

impl Checkout {
    fn new(cases: &[(usize, &Case)]) -> Self {
        let world = World::new();
        let (mut dockerfile, mut ignored, mut files) = (String::new(), String::new(), BTreeMap::new());
        for (number, case) in cases {
            dockerfile += &case.stage(*number);
            ignored += &case.ignore_file(*number);
            for (path, (mode, content)) in &case.files {
                let path = format!("{number}/{path}");
                match mode {
                    FileMode::Symlink => {
                        std::fs::create_dir_all(world.file(&path).parent().unwrap()).unwrap();
                        symlink(content, world.file(&path)).unwrap();
                    }
                    _ => drop(world.write(&path, content)),
                }
                if *mode == FileMode::Executable {
                    let permissions = std::fs::Permissions::from_mode(0o755);
                    std::fs::set_permissions(world.file(&path), permissions).unwrap();
                }
                files.insert(path.into_bytes(), (*mode, content.clone()));
            }
        }
        dockerfile += "FROM scratch\nWORKDIR /out\n";
        for (number, _) in cases {
            dockerfile += &format!("COPY --from=c{number} /x /out/{number}/\n");
        }
        world.write("Dockerfile", &dockerfile).write(".dockerignore", ignored);
        world.write("projects.toml", "workspace.name = 'w'\n[projects.app]\npath = '.'\n").commit();
        Self { world, dockerfile, files }
    }

    /// The context of inferred inputs, and that of the whole checkout.
    fn contexts(&self, repository: &Repository) -> [Vec<ContextFile>; 2] {
        let opened = git::Repository::open(self.world.path()).unwrap();
        let snapshot = opened.snapshot(opened.head().unwrap().commit).unwrap();
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        let (name, project) = workspace.projects.iter().next().unwrap();
        let inferred = project.inputs.inferred().expect("there is no pattern file");
        let files = inputs::files(&workspace, &BTreeSet::from([name.clone()]), &snapshot, None).unwrap();
        let inputs: BTreeSet<&[u8]> = files[name].iter().map(|file| file.path.as_bytes()).collect();
        // As for an engine, a folder is there unless it is ignored itself.
        let above =
            |path: &RepoPath| std::iter::successors(path.parent(), RepoPath::parent).collect::<Vec<_>>();
        let folders = self.files.keys().flat_map(|path| above(&RepoPath::new(path).unwrap()));
        let folders = folders.filter(|folder| inferred.context.takes(folder)).collect();
        let sent = |is_input: &dyn Fn(&[u8]) -> bool, folders: BTreeSet<RepoPath>| {
            let all = self.files.iter().filter(|(path, _)| is_input(path));
            let all = all.filter(|(path, _)| inferred.context.takes(&RepoPath::new(path).unwrap()));
            let files = all.map(|(path, (mode, content))| repository.entry(path, *mode, content));
            let mut context = Context { files: files.collect() };
            context.add_folders(folders);
            context.files
        };
        let empty = files[name].iter().filter(|file| file.content == InputContent::EmptyFolder);
        let kept = inferred.folders().into_iter().chain(empty.map(|file| file.path.clone())).collect();
        [sent(&|path| inputs.contains(path), kept), sent(&|_| true, folders)]
    }

    /// What an image of either context holds; `None` where the engine refuses to build it.
    async fn images(&self, engine: &TestEngine) -> [Option<BTreeMap<Vec<u8>, Found>>; 2] {
        let repository = Repository::new();
        let mut images = Vec::new();
        for files in self.contexts(&repository) {
            let built = support::build(engine, &request(&self.dockerfile, files)).await;
            images.push(match built {
                Ok(image) => Some(comparable(image.files("/out").await)),
                Err(EngineError::BuildFailed { .. }) => None,
                Err(error) => panic!("{error:?}"),
            });
        }
        images.try_into().unwrap()
    }
}

/// Without times, as folders have that of their layer.
fn comparable(mut files: BTreeMap<Vec<u8>, Found>) -> BTreeMap<Vec<u8>, Found> {
    files.values_mut().for_each(|found| found.modified = 0);
    files
}

async fn an_image_of_inferred_inputs_is_the_image_of_the_whole_checkout(on: BedEngine) {
    let engine = support::connect(on).await;
    for build in 0..BUILDS[usize::from(is_soak())] {
        // Of a run that failed.
        let nonce = std::env::var("INFERRED_SEED").unwrap_or_else(|_| unique());
        let seed = u64::from_str_radix(&nonce, 16).unwrap();
        let again = format!("build {build}: again: INFERRED_SEED={nonce}\n");
        std::io::stderr().write_all(again.as_bytes()).unwrap();
        let mut random = Random(seed);
        let cases: Vec<Case> = (0..CASES).map(|_| Case::new(&mut random, &nonce)).collect();
        let numbered: Vec<(usize, &Case)> = cases.iter().enumerate().collect();

        let together = Checkout::new(&numbered).images(&engine).await;

        if together[1].is_some() {
            let case = numbered.iter().find(|(number, _)| {
                let folder = format!("{number}/").into_bytes();
                let of_case = |image: &Option<BTreeMap<Vec<u8>, Found>>| {
                    let files = image.iter().flatten().filter(|(path, _)| path.starts_with(&folder));
                    files.map(|(path, found)| (path.clone(), found.clone())).collect::<Vec<_>>()
                };
                of_case(&together[0]) != of_case(&together[1])
            });
            assert!(together[0].is_some() && case.is_none(), "{case:#?}");
            continue;
        }
        for case in numbered {
            let [inferred, whole] = Checkout::new(&[case]).images(&engine).await;

            assert!(inferred == whole, "{case:#?}\ninferred: {inferred:#?}\nwhole: {whole:#?}");
        }
    }
}
