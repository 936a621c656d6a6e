//! What is drawn of a repository. What can't be together is left out where it is written.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A repository before it is written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) projects: Vec<ProjectDraft>,
    /// Whether the workspace of each language is at the root, in the order of [`Tool::ALL`].
    pub(super) is_at_root: [bool; 5],
    /// Whether there are files that look as if they built something.
    pub(super) has_decoys: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ProjectDraft {
    /// The folder of its folder.
    pub(super) area: &'static str,
    /// It has the last name of an earlier project, if that is in another folder.
    pub(super) namesake: Option<Index>,
    pub(super) layout: Layout,
    pub(super) language: Language,
    pub(super) evidence: Evidence,
    /// How the evidence is written.
    pub(super) style: usize,
    pub(super) is_of_root: bool,
    pub(super) has_target: bool,
    pub(super) has_argument: bool,
    pub(super) has_platforms: bool,
    /// Whether a step mounts a secret.
    pub(super) has_secret: bool,
    /// Whether a folder has a name in the Dockerfile.
    pub(super) has_assets: bool,
    /// Whether it takes something from an image that another project is called after.
    pub(super) has_redis: bool,
    /// Whether a Makefile says the same once more.
    pub(super) is_said_twice: bool,
    /// Whether there is a `.dockerignore`, where the context is the project's own.
    pub(super) has_ignore_file: bool,
    pub(super) parents: Vec<(Index, Form)>,
}

/// Where the Dockerfile of a project is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `services/x/Dockerfile`
    Folder,
    /// `services/x/Dockerfile.x` and the like.
    OtherName(FileName),
    /// `services/x/docker/Dockerfile`
    Below,
    /// `docker/x.Dockerfile`, with the root as its context.
    Together,
    /// `docker/x/Dockerfile`, with `services/x` as its context.
    Beside,
    /// `services/x/Dockerfile`, with `services/x/app` as its context.
    Above,
    /// `services/x/Dockerfile` is a link to `Dockerfile.prod` beside it.
    Link,
    /// `services/x/Dockerfile` is a link to a Dockerfile that several have.
    SharedLink,
    /// One Dockerfile in `docker`, and an argument says which folder it is about.
    Argument,
    /// In the file that builds it.
    Inline,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileName {
    Containerfile,
    LowerCase,
    DotBehind,
    DashBehind,
    Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Go,
    Node,
    Python,
    /// Nothing but files that are copied.
    Static,
    /// A configuration for an image from elsewhere, which it is called after.
    Redis,
    /// A package of a workspace.
    Member(Tool),
}

/// What makes packages of one repository know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    Cargo,
    Dotnet,
    Go,
    Gradle,
    Pnpm,
}

impl Tool {
    pub(super) const ALL: [Self; 5] = [Self::Cargo, Self::Dotnet, Self::Go, Self::Gradle, Self::Pnpm];
}

/// Who builds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    Nobody,
    Compose,
    Bake,
    Skaffold,
    Makefile,
    Script,
    Workflow,
    Buildspec,
    Jenkinsfile,
    GitLab,
    BuildManifest,
}

/// How a Dockerfile names the image of another project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `FROM x`
    Bare,
    /// `FROM quay.io/acme/x:1`
    Registry,
    /// The same in a variable.
    Variable,
    /// In a variable without a default: who builds it says it.
    Argument,
    /// `COPY --from=quay.io/acme/x:1`
    Copy,
    /// `RUN --mount=from=x`
    Mount,
    /// A named context.
    Context,
    /// The stage that is built starts from it.
    Base,
}

/// Most repositories are small, as a case that fails is easier to read, and some have hundreds of projects.
pub(super) fn drafts() -> impl Strategy<Value = Draft> {
    let sizes = prop_oneof![60 => 1..10_usize, 6 => 10..50_usize, 1 => 50..=700_usize];
    sizes.prop_flat_map(drafts_of)
}

/// Repositories of a few projects.
pub(super) fn small_drafts(max: usize) -> impl Strategy<Value = Draft> {
    (1..=max).prop_flat_map(drafts_of)
}

fn drafts_of(projects: usize) -> impl Strategy<Value = Draft> {
    (vec(project(), projects), any::<[bool; 5]>(), any::<bool>())
        .prop_map(|(projects, is_at_root, has_decoys)| Draft { projects, is_at_root, has_decoys })
}

fn project() -> impl Strategy<Value = ProjectDraft> {
    let place =
        (select(vec!["services", "apps", "platform/core"]), proptest::option::weighted(0.1, any::<Index>()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let rare_flags = vec(proptest::bool::weighted(0.2), 5);
    let parents = vec((any::<Index>(), form()), 0..3);
    (place, layout(), language(), evidence(), 0..20_usize, flags, rare_flags, parents).prop_map(
        |((area, namesake), layout, language, evidence, style, flags, rare_flags, parents)| {
            let (is_of_root, has_target, has_argument, has_platforms) = flags;
            let [has_secret, has_assets, has_redis, is_said_twice, has_ignore_file] = rare_flags[..] else {
                unreachable!("there are five");
            };
            ProjectDraft {
                area,
                namesake,
                layout,
                language,
                evidence,
                style,
                is_of_root,
                has_target,
                has_argument,
                has_platforms,
                has_secret,
                has_assets,
                has_redis,
                is_said_twice,
                has_ignore_file,
                parents,
            }
        },
    )
}

fn layout() -> impl Strategy<Value = Layout> {
    let names = [
        FileName::Containerfile,
        FileName::LowerCase,
        FileName::DotBehind,
        FileName::DashBehind,
        FileName::Before,
    ];
    prop_oneof![
        6 => Just(Layout::Folder),
        2 => select(names.map(Layout::OtherName).to_vec()),
        2 => Just(Layout::Below),
        2 => Just(Layout::Together),
        1 => Just(Layout::Beside),
        1 => Just(Layout::Above),
        1 => Just(Layout::Link),
        1 => Just(Layout::SharedLink),
        1 => Just(Layout::Argument),
        1 => Just(Layout::Inline),
    ]
}

fn language() -> impl Strategy<Value = Language> {
    prop_oneof![
        8 => select(vec![Language::Go, Language::Node, Language::Python]),
        5 => select(Tool::ALL.map(Language::Member).to_vec()),
        1 => select(vec![Language::Static, Language::Redis]),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        3 => Just(Evidence::Nobody),
        4 => Just(Evidence::Compose),
        3 => Just(Evidence::Bake),
        1 => Just(Evidence::Skaffold),
        1 => Just(Evidence::Makefile),
        1 => Just(Evidence::Script),
        1 => Just(Evidence::Workflow),
        1 => Just(Evidence::Buildspec),
        1 => Just(Evidence::Jenkinsfile),
        1 => Just(Evidence::GitLab),
        1 => Just(Evidence::BuildManifest),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    select(vec![
        Form::Bare,
        Form::Bare,
        Form::Registry,
        Form::Registry,
        Form::Variable,
        Form::Argument,
        Form::Copy,
        Form::Mount,
        Form::Context,
        Form::Base,
        Form::Base,
    ])
}

impl Evidence {
    /// Whether it can say a target and arguments.
    pub(super) fn says_how(self) -> bool {
        !matches!(self, Self::Nobody | Self::BuildManifest)
    }

    /// Whether it can give folders names.
    pub(super) fn says_contexts(self) -> bool {
        self.says_how() && self != Self::Skaffold
    }

    pub(super) fn says_platforms(self) -> bool {
        self.says_how() && self != Self::Skaffold
    }
}
