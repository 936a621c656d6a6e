//! What building a project takes: from a planned project to a request to the engine.
//!
//! The context holds the committed files that the project's patterns take and its
//! `.dockerignore` leaves, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::dockerfile::{Dockerfile, DockerfileError};
use crate::dockerignore::{DockerIgnore, DockerIgnoreError};
use crate::engine::{BuildRequest, Content, Context, ContextError, ContextFile, check_link};
use crate::git::{GitError, Repository, Snapshot};
use crate::inputs::{InputContent, InputFile};
use crate::model::{
    BranchName, CommitId, Credentials, FileMode, Host, InputDigest, Platform, ProjectName, RepoPath,
    RepositoryName, Secret, StageName, Tag,
};
use crate::registry::{Registry, Storage};
use crate::workspace::Project;

/// What is built for a project; only the images of its needs are missing.
#[derive(Clone, Debug)]
pub struct Task {
    pub repository: RepositoryName,
    pub dockerfile: Dockerfile,
    /// Which project each image reference of the Dockerfile stands for.
    pub parents: BTreeMap<String, ProjectName>,
    /// Everything but the Dockerfile's text and the target of stages.
    pub request: BuildRequest,
    /// Named stages that prime later builds, in build order.
    pub stages: Vec<StageName>,
    /// More than one makes an index of one image each.
    pub platforms: Vec<Platform>,
    pub digest: InputDigest,
    pub tags: Tags,
}

/// Which tags a built image gets besides that of its inputs.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    /// `None` for uncommitted work.
    pub commit: Option<CommitId>,
    /// `None` for uncommitted work and detached heads.
    pub branch: Option<BranchName>,
}

/// Why a project's build could not be prepared.
#[derive(Debug, Error)]
pub enum TaskError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the context of `{project}` can't be made")]
    Context {
        project: ProjectName,
        #[source]
        source: ContextError,
    },
    #[error("cannot use `{file}`")]
    DockerIgnore {
        file: RepoPath,
        #[source]
        source: DockerIgnoreError,
    },
    #[error("cannot use `{file}`")]
    Dockerfile {
        file: RepoPath,
        #[source]
        source: DockerfileError,
    },
    #[error("cannot read the link `{path}`")]
    Link {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the link `{path}` changed after the build was planned")]
    LinkChanged { path: PathBuf },
}

/// What all tasks of a run have in common.
pub struct Maker<'m> {
    pub repository: &'m Repository,
    pub snapshot: &'m Snapshot<'m>,
    pub registry: &'m dyn Registry,
    pub commit: CommitId,
    pub default_branch: &'m BranchName,
    pub tags: Tags,
    /// For pulling parents and cached layers.
    pub credentials: BTreeMap<Host, Credentials>,
    /// Whether parents are looked up again in their registry.
    pub pull: bool,
}

impl std::fmt::Debug for Maker<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Maker").field("commit", &self.commit).finish_non_exhaustive()
    }
}

impl Maker<'_> {
    /// Prepares the build of one project from its input files and the values of its secrets.
    ///
    /// # Errors
    /// [`TaskError`] when the context can't be what the project declares.
    pub fn task(
        &self,
        name: &ProjectName,
        project: &Project,
        digest: InputDigest,
        files: &[InputFile],
        secrets: BTreeMap<String, Secret>,
    ) -> Result<Task, TaskError> {
        let config = &project.config;
        let stages = match self.registry.storage() {
            // The engine's own layer cache keeps every stage.
            Storage::Engine => Vec::new(),
            Storage::Remote => self.stages(project)?,
        };
        let request = BuildRequest {
            context: self.context(name, project, files)?,
            dockerfile: Vec::new(),
            target: config.target.clone(),
            platform: None,
            build_args: config.build_args.clone(),
            labels: self.labels(name, digest)?,
            secrets,
            cache_from: self.cache_from(&project.repository, &stages),
            inline_cache: self.registry.storage() == Storage::Remote,
            // A parent of ours that only the engine has would be looked for in a registry of others.
            pull: self.pull && (self.registry.storage() == Storage::Remote || project.parents.is_empty()),
            credentials: self.credentials.clone(),
        };
        Ok(Task {
            repository: project.repository.clone(),
            dockerfile: (*project.dockerfile).clone(),
            parents: project.parents.clone(),
            request,
            stages,
            platforms: config.platforms.clone(),
            digest,
            tags: self.tags.clone(),
        })
    }

    fn stages(&self, project: &Project) -> Result<Vec<StageName>, TaskError> {
        let stages = project.dockerfile.stages_needed_for(project.config.target.as_ref());
        let stages = stages.map_err(|source| TaskError::Dockerfile {
            file: project.config.dockerfile.value.clone(),
            source,
        })?;
        Ok(stages.into_iter().filter_map(|stage| stage.name.clone()).collect())
    }

    fn context(
        &self,
        name: &ProjectName,
        project: &Project,
        files: &[InputFile],
    ) -> Result<Context, TaskError> {
        let committed = files.iter().filter(|file| file.mode != FileMode::Submodule);
        self.repository.fetch_promised(committed.filter_map(|file| match file.content {
            InputContent::Committed(id) => Some(id),
            InputContent::Extra(_) => None,
        }))?;
        let root = &project.config.context.value;
        let ignore = self.ignore(project)?;
        let mut context = Context::default();
        for file in files {
            let Some(path) = file.path.relative_to(root) else { continue };
            if path.is_root() || ignore.as_ref().is_some_and(|ignore| ignore.ignores(&path)) {
                continue;
            }
            let content = if file.mode == FileMode::Symlink {
                let target = self.link_target(file)?;
                check_link(&file.path, &target)
                    .map_err(|source| TaskError::Context { project: name.clone(), source })?;
                Content::Bytes(target.into())
            } else {
                self.content(file)
            };
            context.files.push(ContextFile { path, mode: file.mode, content });
        }
        Ok(context)
    }

    fn ignore(&self, project: &Project) -> Result<Option<DockerIgnore>, TaskError> {
        for file in project.ignore_files() {
            if let Some(text) = self.snapshot.read(&file)? {
                let ignore = DockerIgnore::parse(&text);
                return ignore.map(Some).map_err(|source| TaskError::DockerIgnore { file, source });
            }
        }
        Ok(None)
    }

    fn content(&self, file: &InputFile) -> Content {
        match file.content {
            InputContent::Committed(id) => Content::Blob { blobs: self.repository.blobs(), id },
            InputContent::Extra(sha256) => Content::File { path: self.path(&file.path), sha256 },
        }
    }

    fn link_target(&self, file: &InputFile) -> Result<Vec<u8>, TaskError> {
        use std::os::unix::ffi::OsStringExt as _;
        match file.content {
            InputContent::Committed(id) => Ok(self.snapshot.blob(id, &file.path)?),
            InputContent::Extra(sha256) => {
                let path = self.path(&file.path);
                let target = match std::fs::read_link(&path) {
                    Ok(target) => target.into_os_string().into_vec(),
                    Err(source) => return Err(TaskError::Link { path, source }),
                };
                if Sha256::digest(&target)[..] != sha256 {
                    return Err(TaskError::LinkChanged { path });
                }
                Ok(target)
            }
        }
    }

    fn path(&self, path: &RepoPath) -> PathBuf {
        self.repository.work_dir().unwrap_or(Path::new("")).join(path.to_os_path())
    }

    /// The newest images of the branch and of the default branch, with their stages.
    fn cache_from(&self, repository: &RepositoryName, stages: &[StageName]) -> Vec<crate::model::ImageRef> {
        if self.registry.storage() == Storage::Engine {
            return Vec::new();
        }
        let mut branches: Vec<&BranchName> = self.tags.branch.iter().collect();
        if !branches.contains(&self.default_branch) {
            branches.push(self.default_branch);
        }
        let tags = branches.into_iter().flat_map(|branch| {
            let of_stages = stages.iter().map(move |stage| Tag::branch_stage(branch, stage));
            [Tag::branch(branch)].into_iter().chain(of_stages)
        });
        tags.map(|tag| self.registry.image(repository, &tag)).collect()
    }

    /// After the OCI image specification, § Pre-Defined Annotation Keys.
    fn labels(&self, name: &ProjectName, digest: InputDigest) -> Result<BTreeMap<String, String>, GitError> {
        let created = std::time::UNIX_EPOCH
            + std::time::Duration::from_secs(
                u64::try_from(self.repository.commit_time(self.commit)?).unwrap_or_default(),
            );
        let mut labels = BTreeMap::from([
            ("org.opencontainers.image.revision".to_owned(), self.commit.to_string()),
            ("org.opencontainers.image.version".to_owned(), self.commit.short()),
            (
                "org.opencontainers.image.created".to_owned(),
                humantime::format_rfc3339_seconds(created).to_string(),
            ),
            ("dev.chinampa.inputs".to_owned(), digest.to_string()),
            ("dev.chinampa.project".to_owned(), name.to_string()),
        ]);
        if let Some(url) = self.repository.origin_url() {
            labels.insert("org.opencontainers.image.source".to_owned(), url);
        }
        Ok(labels)
    }
}
