//! Whatever a Dockerfile calls the images of other projects, the graph has the edges that are meant, and no others.
//!
//! Random Dockerfiles name projects in every way: by bare names, by names of registries with and without ports, tags and
//! `docker.io/`, through variables, by named contexts, for each platform; and beside these, images that only look like projects.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::model::ProjectName;
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::laws::affected::repository::{Entry, Store};

/// Names and repositories.
const PROJECTS: [(&str, &str); 6] = [
    ("base", "base"),
    ("lib", "team/lib"),
    ("node", "nodejs"),
    ("tool-kit", "tool-kit"),
    ("api", "api"),
    ("web", "front/web"),
];

/// What a variable of the platform fills in. Nothing else takes them.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

const MANIFEST: &str = "[workspace]\nname = 'shop'\n\
    own_images = ['quay.io/acme/', 'docker.io/acme/', 'localhost:5000/shop-', '111122223333.dkr.ecr.eu-west-2.amazonaws.com/']\n\
    [cache]\nkind = 'oci'\nhost = 'reg.example:5000'\nprefix = 't/'\n";

/// What stands before a repository in references that mean projects.
const PREFIXES: [&str; 7] = [
    "quay.io/acme/",
    "docker.io/acme/",
    "index.docker.io/acme/",
    "acme/",
    "localhost:5000/shop-",
    "111122223333.dkr.ecr.eu-west-2.amazonaws.com/",
    "reg.example:5000/t/",
];

/// How a Dockerfile calls an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bare,
    /// With one of [`PREFIXES`].
    Own(&'static str),
    /// By an entry of `images` without a tag.
    Listed(&'static str),
    /// By an entry of `images` that is an official image of Docker Hub, however that is written.
    Hub(&'static str),
    /// By an entry of `images` with a tag, in a repository that all projects share.
    Tagged,
    Context,
    /// These and all below mean no project: one of a stage of the Dockerfile that has the name of a project,
    Stage,
    Digest,
    /// what `external` lists,
    External,
    /// an image of the project itself,
    Itself,
    /// a tag of the shared repository that nobody lists,
    OtherTag,
    /// and these three look like a project.
    Elsewhere,
    Official,
    BareTag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    From,
    FromPlatform,
    FromArg,
    FromChain,
    FromBuildArg,
    Copy,
    Mount,
    OnBuild,
}

#[derive(Clone, Debug)]
struct Use {
    of: Index,
    form: Form,
    tag: &'static str,
    syntax: Syntax,
    /// Whether the stage that it is used in is needed, where it has one of its own.
    is_needed: bool,
}

#[derive(Clone, Debug)]
struct Project {
    uses: Vec<Use>,
    /// What `needs` lists.
    needs: Option<Index>,
    /// Its platforms, where the image of each is another project's.
    platforms: Vec<&'static str>,
}

/// What is written of one project, and what is true of it.
#[derive(Default)]
struct Written {
    arguments: String,
    stages: String,
    last: String,
    external: Vec<String>,
    contexts: Vec<String>,
    build_args: Vec<String>,
    needs: BTreeSet<String>,
    /// The projects that an external image looks like.
    looks_like: BTreeSet<String>,
}

impl Written {
    /// What a use of a project calls it, in the Dockerfile of the project with this repository.
    fn reference(
        &mut self,
        number: usize,
        &Use { form, tag, .. }: &Use,
        (of, of_repository): (&str, &str),
        repository: &str,
    ) -> String {
        let own = format!("quay.io/acme/{of_repository}");
        match form {
            Form::Bare | Form::Stage => of.to_owned(),
            Form::Own(prefix) => format!("{prefix}{of_repository}{tag}"),
            Form::Listed(prefix) => format!("{prefix}old/{of}{tag}"),
            Form::Hub(prefix) => format!("{prefix}hub-{of}{tag}"),
            Form::Tagged => format!("shared/all:{of}"),
            Form::Context => {
                self.contexts.push(format!("context{number} = 'project:{of}'"));
                format!("context{number}")
            }
            Form::Digest => format!("{own}{tag}@sha256:{}", "a".repeat(64)),
            Form::External => {
                self.external.push(format!("'{own}:external{number}'"));
                format!("{own}:external{number}")
            }
            Form::Itself => format!("quay.io/acme/{repository}{tag}"),
            Form::OtherTag => format!("shared/all:other{number}"),
            Form::Elsewhere => format!("quay.io/others/{of_repository}{tag}"),
            Form::Official => format!("docker.io/library/{of}{tag}"),
            Form::BareTag => format!("{of}:v1"),
        }
    }

    /// Writes what uses a reference with this number; whether the image of the project is used by it.
    fn write(&mut self, number: usize, reference: &str, syntax: Syntax, is_needed: bool) -> bool {
        let from = match syntax {
            Syntax::From => reference.to_owned(),
            Syntax::FromPlatform => format!("--platform=$BUILDPLATFORM {reference}"),
            Syntax::FromArg => {
                self.arguments += &format!("ARG IMAGE{number}={reference}\n");
                format!("$IMAGE{number}")
            }
            Syntax::FromChain => {
                let (host, name) = reference.rsplit_once('/').unwrap_or(("", reference));
                let slash = if host.is_empty() { "" } else { "/" };
                self.arguments +=
                    &format!("ARG HOST{number}={host}{slash}\nARG CHAIN{number}=${{HOST{number}}}{name}\n");
                format!("${{UNSET{number}:-$CHAIN{number}}}")
            }
            Syntax::FromBuildArg => {
                self.arguments += &format!("ARG GIVEN{number}=scratch\n");
                self.build_args.push(format!("GIVEN{number} = '{reference}'"));
                format!("$GIVEN{number}")
            }
            Syntax::Copy => {
                self.last += &format!("COPY --from={reference} / /\n");
                return true;
            }
            Syntax::Mount => {
                self.last += &format!("RUN --mount=target=/m,from={reference} true\n");
                return true;
            }
            Syntax::OnBuild => {
                self.last += &format!("ONBUILD COPY --from={reference} / /\n");
                return true;
            }
        };
        self.stages += &format!("FROM {from} AS stage{number}\n");
        if is_needed {
            self.last += &format!("COPY --from=stage{number} / /\n");
        }
        is_needed
    }

    fn entry(&self, name: &str, repository: &str, platforms: &[&str], needs: Option<&str>) -> String {
        let list = |items: &[String]| format!("[{}]", items.join(", "));
        let quoted = |items: &[&str]| list(&items.iter().map(|item| format!("'{item}'")).collect::<Vec<_>>());
        let mut entry = format!(
            "[projects.{name}]\npath = '{name}'\nrepository = '{repository}'\n\
             images = ['old/{name}', 'docker.io/shared/all:{name}', 'library/hub-{name}']\nexternal = {}\n",
            list(&self.external)
        );
        entry += &format!("contexts = {{ {} }}\n", self.contexts.join(", "));
        entry += &format!("build_args = {{ {} }}\n", self.build_args.join(", "));
        let platforms: Vec<String> = platforms.iter().map(|it| format!("'linux/{it}'")).collect();
        if !platforms.is_empty() {
            entry += &format!("platforms = {}\n", list(&platforms));
        }
        entry + &format!("needs = {}\n", quoted(needs.as_slice()))
    }
}

/// Writes the projects, each of which uses only earlier ones. Returns the files, each project's dependencies, and whether it is
/// an error that some image comes from elsewhere.
fn write(
    order: &[(&'static str, &'static str)],
    projects: &[Project],
) -> (BTreeMap<String, Entry>, BTreeMap<String, BTreeSet<String>>, bool) {
    let mut files = BTreeMap::new();
    let mut file = |path: String, content: String| {
        files.insert(path, Entry::File { content, executable: false });
    };
    let (mut manifest, mut truth, mut is_stale) = (MANIFEST.to_owned(), BTreeMap::new(), false);
    for architecture in ARCHITECTURES {
        file(format!("arch-{architecture}/Dockerfile"), "FROM scratch\n".to_owned());
        manifest += &format!("[projects.arch-{architecture}]\npath = 'arch-{architecture}'\n");
        truth.insert(format!("arch-{architecture}"), BTreeSet::new());
    }
    for (at, (&(name, repository), project)) in order.iter().zip(projects).enumerate() {
        let mut written = Written::default();
        let uses = project.uses.iter().filter(|_| at > 0).map(|it| (it, it.of.get(&order[..at])));
        let stages: BTreeSet<&str> =
            uses.clone().filter(|(it, _)| it.form == Form::Stage).map(|(_, of)| of.0).collect();
        for stage in &stages {
            written.stages += &format!("FROM scratch AS {stage}\n");
        }
        for (number, (it, of)) in uses.enumerate() {
            let reference = written.reference(number, it, *of, repository);
            if !written.write(number, &reference, it.syntax, it.is_needed) {
                continue;
            }
            let is_trigger = it.syntax == Syntax::OnBuild;
            let is_meant = match it.form {
                // What a trigger names is no stage of this file, and no context of this build.
                Form::Bare | Form::Stage => is_trigger || !stages.contains(of.0),
                Form::Context => !is_trigger,
                Form::Own(_) | Form::Listed(_) | Form::Hub(_) | Form::Tagged => true,
                Form::Digest | Form::External | Form::Itself | Form::OtherTag => false,
                Form::Elsewhere | Form::Official | Form::BareTag => {
                    written.looks_like.insert(of.0.to_owned());
                    false
                }
            };
            written.needs.extend(is_meant.then(|| of.0.to_owned()));
        }
        if !project.platforms.is_empty() {
            written.stages += "FROM quay.io/acme/arch-${TARGETARCH}:v1 AS arch\n";
            written.last += "COPY --from=arch / /\n";
            let architectures = project.platforms.iter().map(|architecture| format!("arch-{architecture}"));
            written.needs.extend(architectures);
        }
        let needs = project.needs.filter(|_| at > 0).map(|of| of.get(&order[..at]).0);
        manifest += &written.entry(name, repository, &project.platforms, needs);
        let Written { arguments, stages, last, needs: mut meant, looks_like, .. } = written;
        is_stale |= needs.is_some_and(|need| looks_like.contains(need));
        meant.extend(needs.map(str::to_owned));
        file(format!("{name}/Dockerfile"), format!("{arguments}{stages}FROM scratch\n{last}"));
        truth.insert(name.to_owned(), meant);
    }
    file("projects.toml".to_owned(), manifest);
    (files, truth, is_stale)
}

fn a_use() -> impl Strategy<Value = Use> {
    let form = prop_oneof![
        3 => select(&[Form::Bare, Form::Listed(""), Form::Listed("docker.io/"), Form::Tagged, Form::Context][..]),
        3 => select(&PREFIXES[..]).prop_map(Form::Own),
        1 => select(&["", "library/", "docker.io/", "index.docker.io/library/"][..]).prop_map(Form::Hub),
        2 => select(&[Form::Stage, Form::Digest, Form::External, Form::Itself, Form::OtherTag][..]),
        1 => select(&[Form::Elsewhere, Form::Official, Form::BareTag][..]),
    ];
    let syntax = select(
        &[
            Syntax::From,
            Syntax::FromPlatform,
            Syntax::FromArg,
            Syntax::FromChain,
            Syntax::FromBuildArg,
            Syntax::Copy,
            Syntax::Mount,
            Syntax::OnBuild,
        ][..],
    );
    let tag = select(&["", ":v1", ":latest", ":2026-11"][..]);
    (any::<Index>(), form, tag, syntax, prop::bool::weighted(0.8))
        .prop_map(|(of, form, tag, syntax, is_needed)| Use { of, form, tag, syntax, is_needed })
}

fn project() -> impl Strategy<Value = Project> {
    let needs = proptest::option::weighted(0.2, any::<Index>());
    let platforms = select(vec![vec![], vec![], vec!["amd64"], vec!["arm64"], ARCHITECTURES.to_vec()]);
    (vec(a_use(), 0..5), needs, platforms).prop_map(|(uses, needs, platforms)| Project {
        uses,
        needs,
        platforms,
    })
}

/// Two hundred repositories; two thousand in the soak.
#[test]
fn the_graph_has_exactly_the_edges_that_references_of_dockerfiles_mean() {
    let store = Store::new();
    let order = Just(PROJECTS.to_vec()).prop_shuffle();
    proptest!(crate::laws::config(200), |(order in order, projects in vec(project(), PROJECTS.len()))| {
        let (files, truth, is_stale) = write(&order, &projects);
        let snapshot = store.repository().snapshot_of_tree(store.write(&files));

        let read = Workspace::read(&snapshot, &ManifestSource::Tree);

        let texts = || files.iter().map(|(path, entry)| format!("{path}: {entry:?}\n")).collect::<String>();
        match read {
            Ok(workspace) => {
                prop_assert!(!is_stale, "an image from elsewhere is taken for a dependency\n{}", texts());
                for (name, needs) in &truth {
                    let name: ProjectName = name.parse().unwrap();
                    let found: BTreeSet<String> =
                        workspace.graph.needs(&name).into_iter().map(ToString::to_string).collect();
                    prop_assert_eq!(&found, needs, "`{}`\n{}", name, texts());
                }
            }
            Err(error) => {
                let error = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                let problems: Vec<&str> = error.lines().collect();
                let expected = |problem: &&str| problem.contains(" is an image from elsewhere, but `needs` of ");
                prop_assert!(is_stale && problems.iter().all(expected), "{}\n{}", error, texts());
            }
        }
    });
}
